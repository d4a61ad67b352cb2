//! What the flow tests share.

pub(crate) mod acl_model;
pub(crate) mod admin;
pub(crate) mod openssl;
pub(crate) mod picture;
pub(crate) mod pveum;
pub(crate) mod recorded;
pub(crate) mod recorded_servers;
pub(crate) mod replay_client;
pub(crate) mod screen;
pub(crate) mod server;
#[expect(dead_code, reason = "the last test program tells what is noted here")]
#[path = "../../skipped/skips.rs"]
pub(crate) mod skip;
pub(crate) mod sshd;
pub(crate) mod tcp_proxy;
pub(crate) mod terminal;
pub(crate) mod test_env;
pub(crate) mod worlds;

pub(crate) use skip::{lacks, skipped};

/// Makes a FIFO, without a program that a machine may lack.
pub(crate) fn make_fifo(path: &std::path::Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}
