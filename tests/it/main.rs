//! The tests of whole flows; `support` holds what they share.

mod access_calls;
mod access_worlds;
mod env_readers;
mod env_store;
#[cfg(test)]
mod preflight;
mod replay;
#[cfg(test)]
mod support;
mod trust;
