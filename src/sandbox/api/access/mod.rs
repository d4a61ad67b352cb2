//! The calls below `/access` and `/pools`: who may make them, and what they do.

pub(crate) mod acl;
pub(crate) mod groups;
pub(crate) mod login;
pub(crate) mod password;
pub(crate) mod permissions;
pub(crate) mod pools;
pub(crate) mod roles;
pub(crate) mod tokens;
pub(crate) mod users;
