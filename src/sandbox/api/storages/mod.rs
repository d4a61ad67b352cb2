//! The calls about storages and the volumes on them.

pub(crate) mod files;
pub(crate) mod read;
pub(crate) mod uploads;
pub(crate) mod volumes;
