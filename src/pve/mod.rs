//! To be written.

pub mod privileges;
