//! What the flow tests share.

pub(crate) mod acl_model;
pub(crate) mod admin;
pub(crate) mod front;
pub(crate) mod picture;
pub(crate) mod player;
pub(crate) mod pveum;
pub(crate) mod recorded;
pub(crate) mod server;
pub(crate) mod sshd;
pub(crate) mod stage;
pub(crate) mod terminal;
pub(crate) mod worlds;

/// Says that a test was skipped; under CI nothing may be.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "a test must not be skipped under CI: {why}");
    eprintln!("SKIPPED: {why}");
}
