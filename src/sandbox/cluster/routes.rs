//! The table of the calls about the cluster, its nodes, VMs and storages.

use std::collections::BTreeMap;

use serde_json::json;

use super::calls::{
    agents, change, clone, create, destroy, files, guests, indexes, nodes, options, power, schema, shape, tasks,
    uploads, volumes,
};
use super::{Ask, Cluster, Reply};
use crate::sandbox::access::form::{self, needed, optional};
use crate::sandbox::access::{self, Audience, Form, Need, Parameter, Refusal};

/// Says whether a caller may make a call.
pub(super) type May = fn(&Cluster, Ask<'_>) -> Result<(), Refusal>;

/// Makes a call.
pub(super) type Run = fn(&mut Cluster, Ask<'_>) -> Result<Reply, Refusal>;

/// One call.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The verb.
    pub method: &'static str,
    /// The path below `/api2/json`, with parameters in braces; the last one may be followed by a star and hold slashes.
    pub path: &'static str,
    /// Its parameters, those in the path included.
    pub parameters: &'static [Parameter],
    /// The options of VMs, where it takes them too.
    pub options: &'static [Parameter],
    /// The check that comes before anything else.
    pub may: May,
    /// What it does.
    pub run: Run,
}

/// A call that is known.
#[derive(Debug, Clone, Copy)]
pub enum Known {
    /// One about users and their rights.
    Identity(&'static access::Route),
    /// One about everything else.
    Machine(&'static Route),
}

impl Known {
    /// Says who it is for.
    pub fn audience(&self) -> Audience {
        match self {
            Self::Identity(route) => route.audience,
            Self::Machine(_) => Audience::Known,
        }
    }
}

impl Route {
    /// Makes the call: who may comes first, then the node, then the form of the parameters.
    pub(super) fn make(&self, cluster: &mut Cluster, ask: Ask<'_>) -> Result<Reply, Refusal> {
        (self.may)(cluster, ask)?;
        if let Some(node) = ask.get("node") {
            cluster.reachable(node)?;
        }
        form::demand(&cluster.access, &[self.parameters, self.options].concat(), ask.params)?;
        (self.run)(cluster, ask)
    }
}

pub(super) const ANYBODY: May = |_, _| Ok(());

pub(super) const fn route(
    method: &'static str,
    path: &'static str,
    parameters: &'static [Parameter],
    may: May,
    run: Run,
) -> Route {
    Route { method, path, parameters, options: &[], may, run }
}

pub(super) const NODE: Parameter = needed("node", Form::Of(options::node_name));
pub(super) const VMID: Parameter = needed("vmid", Form::Guest);
pub(super) const STORAGE: Parameter = needed("storage", Form::Of(options::storage_name));

/// The calls about the whole cluster.
const CLUSTER: &[Route] = &[
    route("GET", "", &[], ANYBODY, |_, _| Ok(indexes::top())),
    route("GET", "/version", &[], ANYBODY, |cluster, _| Ok(nodes::version(cluster))),
    route("GET", "/nodes", &[], ANYBODY, |cluster, ask| Ok(nodes::list(cluster, ask))),
    route("GET", "/cluster/nextid", &[optional("vmid", Form::Guest)], ANYBODY, |cluster, ask| {
        guests::next_id(cluster, ask)
    }),
    route(
        "GET",
        "/cluster/resources",
        &[optional("type", Form::OneOf(&["vm", "storage", "node", "sdn", "network"]))],
        ANYBODY,
        |cluster, ask| guests::resources(cluster, ask),
    ),
    route("GET", "/cluster/status", &[], nodes::may_see_status, |cluster, _| Ok(nodes::cluster_status(cluster))),
    route("GET", "/cluster/sdn/vnets", &[], ANYBODY, |cluster, ask| Ok(nodes::vnets(cluster, ask))),
    route("GET", "/storage", &[], ANYBODY, |cluster, ask| Ok(volumes::configuration(cluster, ask))),
    route("GET", "/cluster/replication", &[], ANYBODY, |_, _| Ok(indexes::nothing())),
    route("GET", "/cluster/backup", &[], nodes::may_see_status, |_, _| Ok(indexes::nothing())),
    route("GET", "/cluster/backup-info/not-backed-up", &[], ANYBODY, |cluster, ask| {
        Ok(guests::not_backed_up(cluster, ask))
    }),
    route(
        "GET",
        "/cluster/ha/resources",
        &[optional("type", Form::OneOf(&["ct", "vm"]))],
        nodes::may_see_status,
        |_, _| Ok(indexes::nothing()),
    ),
    route("GET", "/cluster/ha/rules", &[], nodes::may_see_status, |_, _| Ok(indexes::nothing())),
    route("GET", "/cluster/ha/status/manager_status", &[], nodes::may_see_status, |cluster, ask| {
        Ok(nodes::ha_manager(cluster, ask))
    }),
    route("GET", "/cluster/config/qdevice", &[], nodes::may_see_status, |_, _| Ok(json!({}).into())),
];

/// The calls about one node.
const ONE_NODE: &[Route] = &[
    route("GET", "/nodes/{node}", &[NODE], ANYBODY, |_, _| Ok(indexes::node())),
    route("GET", "/nodes/{node}/version", &[NODE], ANYBODY, |cluster, _| Ok(nodes::version(cluster))),
    route("GET", "/nodes/{node}/status", &[NODE], nodes::may_audit, |cluster, ask| Ok(nodes::status(cluster, ask))),
    route(
        "GET",
        "/nodes/{node}/network",
        &[NODE, optional("type", Form::OneOf(nodes::NETWORKS))],
        ANYBODY,
        |cluster, ask| Ok(nodes::networks(cluster, ask)),
    ),
    route("GET", "/nodes/{node}/certificates/info", &[NODE], ANYBODY, |cluster, _| Ok(nodes::certificates(cluster))),
    route("GET", "/nodes/{node}/lxc", &[NODE], ANYBODY, |_, _| Ok(indexes::nothing())),
    route("GET", "/nodes/{node}/replication", &[NODE, optional("guest", Form::Guest)], ANYBODY, |_, _| {
        Ok(indexes::nothing())
    }),
    route("GET", "/nodes/{node}/subscription", &[NODE], ANYBODY, |_, _| Ok(nodes::subscription())),
];

/// The calls that read VMs.
const READ_GUESTS: &[Route] = &[
    route("GET", "/nodes/{node}/qemu", &[NODE, optional("full", Form::Switch)], ANYBODY, |cluster, ask| {
        Ok(guests::list(cluster, ask))
    }),
    route("GET", "/nodes/{node}/qemu/{vmid}", &[NODE, VMID], ANYBODY, |_, _| Ok(indexes::guest())),
    route(
        "GET",
        "/nodes/{node}/qemu/{vmid}/config",
        &[NODE, VMID, optional("current", Form::Switch), optional("snapshot", Form::Of(options::config_id))],
        guests::may_audit,
        |cluster, ask| guests::config(cluster, ask),
    ),
    route("GET", "/nodes/{node}/qemu/{vmid}/pending", &[NODE, VMID], guests::may_audit, |cluster, ask| {
        guests::pending(cluster, ask)
    }),
    route("GET", "/nodes/{node}/qemu/{vmid}/status/current", &[NODE, VMID], guests::may_audit, |cluster, ask| {
        guests::current(cluster, ask)
    }),
    route(
        "GET",
        "/nodes/{node}/qemu/{vmid}/feature",
        &[
            NODE,
            VMID,
            needed("feature", Form::OneOf(&["snapshot", "clone", "copy"])),
            optional("snapname", Form::Of(options::config_id)),
        ],
        guests::may_audit,
        |cluster, ask| guests::feature(cluster, ask),
    ),
    route(
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
        &[NODE, VMID],
        agents::may_ask,
        |cluster, ask| agents::interfaces(cluster, ask),
    ),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/ping", &[NODE, VMID], agents::may_ask, |cluster, ask| {
        agents::ping(cluster, ask)
    }),
];

/// The calls that read storages.
const READ_STORAGES: &[Route] = &[
    route(
        "GET",
        "/nodes/{node}/storage",
        &[
            NODE,
            optional("content", Form::Words(options::contents)),
            optional("enabled", Form::Switch),
            optional("format", Form::Switch),
            optional("storage", Form::Of(options::storage_name)),
            optional("target", Form::Of(options::node_name)),
        ],
        ANYBODY,
        |cluster, ask| volumes::storages(cluster, ask),
    ),
    route("GET", "/nodes/{node}/storage/{storage}/status", &[NODE, STORAGE], volumes::may_look, |cluster, ask| {
        volumes::status(cluster, ask)
    }),
    route(
        "GET",
        "/nodes/{node}/storage/{storage}/content",
        &[NODE, STORAGE, optional("content", Form::Words(options::contents)), optional("vmid", Form::Guest)],
        volumes::may_look,
        |cluster, ask| volumes::content(cluster, ask),
    ),
];

const SKIPLOCK: Parameter = optional("skiplock", Form::Switch);
const TIMEOUT: Parameter = optional("timeout", Form::Number);

/// What is known of the node that a VM comes from.
const MIGRATED: Parameter = optional("migratedfrom", Form::Of(options::node_name));

const DIGEST: Parameter = optional("digest", Form::Text(40));

const CHANGES: &[Parameter] = &[
    NODE,
    VMID,
    SKIPLOCK,
    DIGEST,
    optional("delete", Form::Words(options::config_ids)),
    optional("revert", Form::Words(options::config_ids)),
    optional("background_delay", Form::Between(1, 30)),
];

/// The calls that take the options of VMs.
const WITH_OPTIONS: &[Route] = &[
    Route {
        options: schema::OPTIONS,
        ..route("PUT", "/nodes/{node}/qemu/{vmid}/config", CHANGES, change::may, change::put)
    },
    Route {
        options: schema::OPTIONS,
        ..route("POST", "/nodes/{node}/qemu/{vmid}/config", CHANGES, change::may, change::post)
    },
    Route {
        options: schema::OPTIONS,
        ..route(
            "POST",
            "/nodes/{node}/qemu",
            &[
                NODE,
                VMID,
                optional("archive", Form::Text(255)),
                optional("bwlimit", Form::Number),
                optional("ha-managed", Form::Switch),
                optional("import-working-storage", Form::Of(options::storage_name)),
                optional("live-restore", Form::Switch),
                optional("pool", Form::Pool),
                optional("start", Form::Switch),
                optional("storage", Form::Of(options::storage_name)),
                optional("unique", Form::Switch),
            ],
            ANYBODY,
            create::create,
        )
    },
];

/// The calls that make, switch and destroy VMs.
const CHANGE_GUESTS: &[Route] = &[
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/clone",
        &[
            NODE,
            VMID,
            needed("newid", Form::Guest),
            optional("bwlimit", Form::Number),
            optional("description", Form::Text(form::ANY_LENGTH)),
            optional("format", Form::OneOf(&["raw", "qcow2", "vmdk"])),
            optional("full", Form::Switch),
            optional("name", Form::Of(options::dns_name)),
            optional("pool", Form::Pool),
            optional("snapname", Form::Of(options::config_id)),
            optional("storage", Form::Of(options::storage_name)),
            optional("target", Form::Of(options::node_name)),
        ],
        clone::may,
        clone::clone,
    ),
    route(
        "DELETE",
        "/nodes/{node}/qemu/{vmid}",
        &[NODE, VMID, SKIPLOCK, optional("destroy-unreferenced-disks", Form::Switch), optional("purge", Form::Switch)],
        destroy::may,
        destroy::destroy,
    ),
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/status/start",
        &[
            NODE,
            VMID,
            SKIPLOCK,
            TIMEOUT,
            MIGRATED,
            optional("force-cpu", Form::Text(form::ANY_LENGTH)),
            optional("machine", Form::Text(form::ANY_LENGTH)),
            optional("migration_network", Form::Text(form::ANY_LENGTH)),
            optional("migration_type", Form::OneOf(&["secure", "insecure"])),
            optional("stateuri", Form::Text(128)),
            optional("targetstorage", Form::Text(form::ANY_LENGTH)),
        ],
        power::may,
        power::start,
    ),
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/status/stop",
        &[
            NODE,
            VMID,
            SKIPLOCK,
            TIMEOUT,
            MIGRATED,
            optional("keepActive", Form::Switch),
            optional("overrule-shutdown", Form::Switch),
        ],
        power::may,
        power::stop,
    ),
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/status/shutdown",
        &[NODE, VMID, SKIPLOCK, TIMEOUT, optional("forceStop", Form::Switch), optional("keepActive", Form::Switch)],
        power::may,
        power::shutdown,
    ),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/reboot", &[NODE, VMID, TIMEOUT], power::may, power::reboot),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/reset", &[NODE, VMID, SKIPLOCK], power::may, power::reset),
    route("POST", "/nodes/{node}/qemu/{vmid}/status/suspend", &[NODE, VMID, SKIPLOCK], power::may, power::suspend),
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/status/resume",
        &[NODE, VMID, SKIPLOCK, optional("nocheck", Form::Switch)],
        power::may,
        power::resume,
    ),
];

const SNAPSHOT: &str = "/nodes/{node}/qemu/{vmid}/snapshot";
const ONE_SNAPSHOT: &str = "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}";
const SNAPSHOT_CONFIG: &str = "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config";
const NAME: Parameter = needed("snapname", Form::Of(options::config_id));

/// The calls that change the shape of VMs.
const SHAPE_GUESTS: &[Route] = &[
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/template",
        &[NODE, VMID, optional("disk", Form::Plain(options::slot))],
        shape::may_convert,
        shape::template,
    ),
    route(
        "PUT",
        "/nodes/{node}/qemu/{vmid}/resize",
        &[
            NODE,
            VMID,
            SKIPLOCK,
            DIGEST,
            needed("disk", Form::Plain(options::slot)),
            needed("size", Form::Plain(options::size)),
        ],
        shape::may_resize,
        shape::resize,
    ),
    route("GET", SNAPSHOT, &[NODE, VMID], guests::may_audit, |cluster, ask| shape::snapshots(cluster, ask)),
    route(
        "POST",
        SNAPSHOT,
        &[NODE, VMID, NAME, optional("description", Form::Text(form::ANY_LENGTH)), optional("vmstate", Form::Switch)],
        shape::may_keep,
        shape::keep,
    ),
    route("DELETE", ONE_SNAPSHOT, &[NODE, VMID, NAME, optional("force", Form::Switch)], shape::may_keep, shape::forget),
    route("GET", ONE_SNAPSHOT, &[NODE, VMID, NAME], shape::may_see_snapshot, |_, _| Ok(indexes::snapshot())),
    route("GET", SNAPSHOT_CONFIG, &[NODE, VMID, NAME], shape::may_see_snapshot, |cluster, ask| {
        shape::snapshot(cluster, ask)
    }),
    route(
        "PUT",
        SNAPSHOT_CONFIG,
        &[NODE, VMID, NAME, optional("description", Form::Text(form::ANY_LENGTH))],
        shape::may_keep,
        shape::describe,
    ),
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
        &[NODE, VMID, NAME, optional("start", Form::Switch)],
        shape::may_roll_back,
        shape::roll_back,
    ),
];

const VOLUME: &str = "/nodes/{node}/storage/{storage}/content/{volume}*";
const VOLUME_NAME: Parameter = needed("volume", Form::Text(form::ANY_LENGTH));

/// The calls that fetch files and remove volumes.
const FILES: &[Route] = &[
    route("GET", "/nodes/{node}/storage/{storage}", &[NODE, STORAGE], volumes::may_look, |_, _| Ok(files::index())),
    route("GET", VOLUME, &[NODE, STORAGE, VOLUME_NAME], ANYBODY, |cluster, ask| files::read(cluster, ask)),
    route(
        "DELETE",
        VOLUME,
        &[NODE, STORAGE, VOLUME_NAME, optional("delay", Form::Between(1, 30))],
        ANYBODY,
        files::delete,
    ),
    route(
        "POST",
        "/nodes/{node}/storage/{storage}/download-url",
        &[
            NODE,
            STORAGE,
            Parameter { need: Need::With("checksum-algorithm"), ..optional("checksum", Form::Text(form::ANY_LENGTH)) },
            Parameter { need: Need::With("checksum"), ..optional("checksum-algorithm", Form::OneOf(CHECKSUMS)) },
            optional("compression", Form::Text(form::ANY_LENGTH)),
            needed("content", Form::OneOf(&["iso", "vztmpl", "import"])),
            needed("filename", Form::Text(255)),
            needed("url", Form::Plain(options::address)),
            optional("verify-certificates", Form::Switch),
        ],
        files::may_fetch,
        files::fetch,
    ),
    route(
        "POST",
        "/nodes/{node}/storage/{storage}/upload",
        &[
            NODE,
            STORAGE,
            Parameter { need: Need::With("checksum-algorithm"), ..optional("checksum", Form::Text(form::ANY_LENGTH)) },
            Parameter { need: Need::With("checksum"), ..optional("checksum-algorithm", Form::OneOf(CHECKSUMS)) },
            needed("content", Form::OneOf(&["iso", "vztmpl", "import"])),
            needed("filename", Form::Text(255)),
            optional("tmpfilename", Form::Text(form::ANY_LENGTH)),
        ],
        uploads::may_send,
        uploads::receive,
    ),
];

const CHECKSUMS: &[&str] = &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

const UPID: Parameter = needed("upid", Form::Text(form::ANY_LENGTH));
const START: Parameter = optional("start", Form::Number);
const LIMIT: Parameter = optional("limit", Form::Number);

/// The calls about tasks.
const TASKS: &[Route] = &[
    route("GET", "/cluster/tasks", &[], ANYBODY, |cluster, ask| Ok(tasks::newest(cluster, ask))),
    route(
        "GET",
        "/nodes/{node}/tasks",
        &[
            NODE,
            START,
            LIMIT,
            optional("errors", Form::Switch),
            optional("since", Form::Number),
            optional("until", Form::Number),
            optional("source", Form::OneOf(&["archive", "active", "all"])),
            optional("statusfilter", Form::Text(form::ANY_LENGTH)),
            optional("typefilter", Form::Text(form::ANY_LENGTH)),
            optional("userfilter", Form::Text(form::ANY_LENGTH)),
            optional("vmid", Form::Guest),
        ],
        ANYBODY,
        |cluster, ask| Ok(tasks::list(cluster, ask)),
    ),
    route("GET", "/nodes/{node}/tasks/{upid}", &[NODE, UPID], ANYBODY, |_, _| Ok(indexes::task())),
    route("DELETE", "/nodes/{node}/tasks/{upid}", &[NODE, UPID], ANYBODY, tasks::stop),
    route("GET", "/nodes/{node}/tasks/{upid}/status", &[NODE, UPID], ANYBODY, |cluster, ask| {
        tasks::status(cluster, ask)
    }),
    route(
        "GET",
        "/nodes/{node}/tasks/{upid}/log",
        &[NODE, UPID, START, LIMIT, optional("download", Form::Switch)],
        ANYBODY,
        |cluster, ask| tasks::log(cluster, ask),
    ),
];

/// Lists the calls.
fn routes() -> impl Iterator<Item = &'static Route> {
    [CLUSTER, ONE_NODE, READ_GUESTS, READ_STORAGES, TASKS, CHANGE_GUESTS, WITH_OPTIONS, SHAPE_GUESTS, FILES]
        .into_iter()
        .flatten()
}

/// Finds the call for a decoded path below `/api2/json`, with the parameters in it; a slash at the end does not matter.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, String>)> {
    let path = path.trim_end_matches('/');
    let mut same_method = routes().filter(|route| route.method == method);
    same_method.find_map(|route| Some((route, in_path(route.path, path)?)))
}

/// Reads the parameters out of a path, if it fits.
fn in_path(route: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = path;
    for name in route.split('/').skip(1) {
        rest = rest.strip_prefix('/')?;
        if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix("}*")) {
            found.insert(name.to_owned(), rest.to_owned());
            return (!rest.is_empty()).then_some(found);
        }
        let level = rest.split('/').next().unwrap_or_default();
        rest = rest.get(level.len()..).unwrap_or_default();
        match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !level.is_empty() => {
                found.insert(name.to_owned(), level.to_owned());
            }
            None if name == level => {}
            _ => return None,
        }
    }
    rest.is_empty().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_by_verb_and_path() {
        let table = [
            ("GET", "/version", Some("/version")),
            ("GET", "/version/", Some("/version")),
            ("GET", "", Some("")),
            ("GET", "/nodes/bad_node!/qemu", Some("/nodes/{node}/qemu")),
            ("GET", "/nodes/pve/qemu/9000/nope", None),
            ("PUT", "/version", None),
            ("GET", "/nodes//qemu", None),
        ];
        for (method, path, expected) in table {
            assert_eq!(find(method, path).map(|(route, _)| route.path), expected, "{method} {path}");
        }
    }
}
