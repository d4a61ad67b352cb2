//! Which calls the web server hands on to the daemon behind it, as the recordings show by their headers.

/// Calls that read and are handed on all the same; `*` stands for one part of the path.
const READS: [&[&str]; 9] = [
    &["access", "users"],
    &["cluster", "status"],
    &["nodes", "*", "qemu"],
    &["nodes", "*", "qemu", "*", "feature"],
    &["nodes", "*", "qemu", "*", "status", "current"],
    &["nodes", "*", "storage"],
    &["nodes", "*", "storage", "*", "content"],
    &["nodes", "*", "storage", "*", "status"],
    &["nodes", "*", "tasks", "*", "*"],
];

/// Returns whether the daemon answers. Its answer says `Connection: close`, to which the web server adds its own
/// `Keep-Alive`: the client gets both, and the connection stays.
pub(crate) fn answers(method: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let fits = |known: &&[&str]| {
        known.len() == parts.len() && known.iter().zip(&parts).all(|(known, part)| *known == "*" || known == part)
    };
    method != "GET" || READS.iter().any(fits)
}

#[cfg(test)]
mod tests {
    use super::answers;

    #[test]
    fn changes_are_handed_on_and_some_reads() {
        for (method, path, is_daemon) in [
            ("GET", "/version", false),
            ("GET", "/nodes/pve/qemu", true),
            ("GET", "/nodes/pve/qemu/100/config", false),
            ("GET", "/nodes/pve/tasks", false),
            ("GET", "/nodes/pve/tasks/UPID:pve/status", true),
            ("POST", "/access/ticket", true),
            ("DELETE", "/nodes/pve/qemu/100", true),
        ] {
            assert_eq!(answers(method, path), is_daemon, "{method} {path}");
        }
    }
}
