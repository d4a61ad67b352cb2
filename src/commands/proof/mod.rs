//! The proof: clone, check, start, stop, destroy one VM, and leave nothing behind.

pub mod journal;
pub mod marker;
pub mod receipt;
