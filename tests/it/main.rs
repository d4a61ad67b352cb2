//! The tests of whole flows; `support` holds what they share.
#![cfg(test)]

mod access_calls;
mod access_worlds;
mod architecture;
mod cleanup;
mod client;
mod contract;
mod doctor;
mod env;
mod env_readers;
mod env_store;
mod faults;
mod grants;
mod hostile;
mod ladder;
mod machine;
mod over_ssh;
mod pictures;
mod preflight;
mod printed_lines;
mod replay;
mod secrecy;
mod setup;
mod setup_token;
mod shell;
mod support;
mod terminal;
mod test_vm;
mod third_party;
mod token_create;
mod token_life;
mod trust;
mod watch;
mod wire;
