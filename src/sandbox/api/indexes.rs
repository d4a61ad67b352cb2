//! Lists of what lies below a path.

use serde_json::{Value, json};

use crate::sandbox::cluster::Reply;

/// `GET /`.
pub(crate) fn top() -> Reply {
    list("subdir", &["version", "cluster", "nodes", "storage", "access", "pools"])
}

/// `GET /nodes/{node}`.
pub(crate) fn node() -> Reply {
    let below = "aplinfo apt capabilities ceph certificates config disks dns firewall hardware hosts journal lxc \
        migrateall netstat network qemu query-oci-repo-tags query-url-metadata replication report rrd rrddata scan sdn \
        services spiceshell startall status stopall storage subscription suspendall syslog tasks termproxy time version \
        vncshell vzdump wakeonlan";
    list("name", &below.split_whitespace().collect::<Vec<_>>())
}

/// `GET /nodes/{node}/tasks/{upid}`.
pub(crate) fn task() -> Reply {
    list("name", &["log", "status"])
}

/// `GET /nodes/{node}/qemu/{vmid}/snapshot/{snapname}`.
pub(crate) fn snapshot() -> Reply {
    list("cmd", &["rollback", "config"])
}

/// A list of something that this cluster does not have: containers, replication jobs, backup jobs, HA resources.
pub(crate) fn nothing() -> Reply {
    json!([]).into()
}

fn list(key: &str, names: &[&str]) -> Reply {
    let entries = names.iter().map(|name| json!({ key: name }));
    Value::Array(entries.collect()).into()
}
