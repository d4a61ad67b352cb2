//! What is done to a server, used by several commands.

pub(crate) mod ask;
pub(crate) mod batch;
pub(crate) mod browser;
pub(crate) mod ca_file;
pub(crate) mod call_log;
pub(crate) mod child_environment;
mod concurrency;
pub(crate) mod connection;
pub(crate) mod connection_flags;
pub(crate) mod context;
pub(crate) mod creation;
pub(crate) mod git;
pub(crate) mod inventory;
pub(crate) mod options;
pub(crate) mod pin_ca;
pub(crate) mod port;
pub(crate) mod product;
mod spinner;
pub(crate) mod stored_trust;
pub(crate) mod template;
pub(crate) mod test_vm;
pub(crate) mod token;
pub(crate) mod trust_warnings;
pub(crate) mod ubuntu_releases;

pub(crate) use child_environment::ChildKind;
pub(crate) use concurrency::{blocking, concurrently, unless_interrupted};
pub(crate) use spinner::{with_spinner, with_spinners};
