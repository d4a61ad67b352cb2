//! The tests of whole flows; `support` holds what they share.

mod access_calls;
mod access_worlds;
mod env_readers;
mod env_store;
#[cfg(test)]
mod preflight;
#[cfg(test)]
mod printed_lines;
mod replay;
#[cfg(test)]
mod support;
mod trust;
