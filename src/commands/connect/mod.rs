//! From flags, variables and the file to a server that can be called.

mod authority;
mod connected;
mod context;
mod flags;
mod stored_trust;
mod warnings;

pub(crate) use authority::read_ca;
pub(crate) use connected::{Connected, FetchedCa, TrustSource};
pub(crate) use context::{Context, LoadErrors};
