//! From flags, variables and the file to a server that can be called.

mod authority;
mod connected;
mod flags;
mod ground;
mod stored_trust;
mod warnings;

pub(crate) use authority::read_ca;
pub(crate) use connected::{Connected, Fetched, Trusted};
pub(crate) use ground::{Ground, Troubles};
