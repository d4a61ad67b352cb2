//! Templates: from a cloud image to a VM that can be cloned.

pub(crate) mod build;
pub(crate) mod create;
pub(crate) mod free_space;
pub(crate) mod image;
pub(crate) mod manual_steps;
pub(crate) mod network;
pub(crate) mod options;
pub(crate) mod owned;
pub(crate) mod plan;
pub(crate) mod requirements;
pub(crate) mod undo;
