//! The tests of whole flows; `support` holds what they share.

mod access_worlds;
mod env_readers;
mod env_store;
mod preflight;
mod replay;
mod support;
mod trust;
