//! The calls about VMs.

pub(crate) mod agent;
pub(crate) mod clone;
pub(crate) mod clone_log;
pub(crate) mod clone_task;
pub(crate) mod config;
pub(crate) mod create;
pub(crate) mod destroy;
pub(crate) mod devices;
pub(crate) mod drives;
pub(crate) mod options;
pub(crate) mod power;
pub(crate) mod read;
pub(crate) mod schema;
pub(crate) mod template_and_snapshot;
