//! From the command line to the function that does it.

pub mod proof;
pub mod setup;
