//! What is done to a server, used by several commands.

pub(crate) mod ask;
pub(crate) mod batch;
mod blocking;
pub(crate) mod browser;
pub(crate) mod ca_file;
pub(crate) mod call_log;
pub(crate) mod child_environment;
pub(crate) mod concurrency;
pub(crate) mod connection;
pub(crate) mod connection_flags;
pub(crate) mod context;
pub(crate) mod git;
pub(crate) mod inventory;
pub(crate) mod options;
pub(crate) mod pin_ca;
pub(crate) mod product;
pub(crate) mod stored_trust;
pub(crate) mod template;
pub(crate) mod test_vm;
pub(crate) mod token;
pub(crate) mod trust_warnings;
pub(crate) mod ubuntu_releases;
mod unless_interrupted;
mod waiting;

pub(crate) use blocking::blocking;
pub(crate) use child_environment::ChildKind;
pub(crate) use concurrency::together;
pub(crate) use unless_interrupted::unless_interrupted;
pub(crate) use waiting::{waiting, with_spinners};
