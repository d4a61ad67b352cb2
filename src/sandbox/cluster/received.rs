//! Files that were sent to the server.

use ring::digest::{SHA256, digest};

/// What is known of a file that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// How many bytes it has.
    pub size: u64,
    /// Its checksum.
    pub sha256: String,
    /// Whether it begins as a qcow2 image does.
    pub is_qcow2: bool,
}

impl Received {
    /// Looks at the bytes of a file.
    pub fn of(bytes: &[u8]) -> Self {
        let sum = digest(&SHA256, bytes);
        Self {
            size: bytes.len() as u64,
            sha256: sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            is_qcow2: bytes.starts_with(b"QFI\xfb"),
        }
    }
}
