//! From flags, variables and the file to a server that can be called.

mod connected;
mod flags;
mod ground;
mod stored_trust;

pub(crate) use connected::{Connected, Fetched, Trusted};
pub(crate) use flags::read_password;
pub(crate) use ground::{Ground, Troubles, read_ca};
