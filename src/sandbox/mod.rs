//! To be written.

pub mod access;
pub mod cluster;
