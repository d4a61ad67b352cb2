//! The calls about the cluster, its nodes and their tasks.

use serde_json::json;

use crate::sandbox::api::form::{self, Form, Parameter, needed, optional};
use crate::sandbox::api::guests::{devices, options, read};
use crate::sandbox::api::routes::{ANY_CALLER, NODE, Route, route};
use crate::sandbox::api::storages::read as storage_lists;
use crate::sandbox::api::{indexes, nodes, resources, tasks};

/// The calls about the whole cluster.
pub(crate) const CLUSTER: &[Route] = &[
    route("GET", "", &[], ANY_CALLER, |_, _| Ok(indexes::top())),
    route("GET", "/version", &[], ANY_CALLER, |cluster, _| Ok(nodes::version(cluster))),
    route("GET", "/nodes", &[], ANY_CALLER, |cluster, request| Ok(nodes::list(cluster, request))),
    route("GET", "/cluster/nextid", &[optional("vmid", Form::Guest)], ANY_CALLER, |cluster, request| {
        read::next_id(cluster, request)
    }),
    route(
        "GET",
        "/cluster/resources",
        &[optional("type", Form::OneOf(&["vm", "storage", "node", "sdn", "network"]))],
        ANY_CALLER,
        |cluster, request| resources::list(cluster, request),
    ),
    route("GET", "/cluster/status", &[], nodes::may_see_status, |cluster, _| Ok(nodes::cluster_status(cluster))),
    route("GET", "/cluster/sdn/vnets", &[], ANY_CALLER, |cluster, request| Ok(nodes::vnets(cluster, request))),
    route(
        "GET",
        "/cluster/mapping/pci",
        &[optional("check-node", Form::Of(options::node_name))],
        ANY_CALLER,
        |cluster, it| devices::mappings(cluster, it, "pci"),
    ),
    route(
        "GET",
        "/cluster/mapping/usb",
        &[optional("check-node", Form::Of(options::node_name))],
        ANY_CALLER,
        |cluster, it| devices::mappings(cluster, it, "usb"),
    ),
    route(
        "GET",
        "/cluster/mapping/dir",
        &[optional("check-node", Form::Of(options::node_name))],
        ANY_CALLER,
        |cluster, it| devices::mappings(cluster, it, "dir"),
    ),
    route("GET", "/storage", &[], ANY_CALLER, |cluster, request| Ok(storage_lists::configuration(cluster, request))),
    route("GET", "/cluster/replication", &[], ANY_CALLER, |_, _| Ok(indexes::nothing())),
    route("GET", "/cluster/backup", &[], nodes::may_see_status, |_, _| Ok(indexes::nothing())),
    route("GET", "/cluster/backup-info/not-backed-up", &[], ANY_CALLER, |cluster, request| {
        Ok(read::not_backed_up(cluster, request))
    }),
    route(
        "GET",
        "/cluster/ha/resources",
        &[optional("type", Form::OneOf(&["ct", "vm"]))],
        nodes::may_see_status,
        |_, _| Ok(indexes::nothing()),
    ),
    route("GET", "/cluster/ha/rules", &[], nodes::may_see_status, |_, _| Ok(indexes::nothing())),
    route("GET", "/cluster/ha/status/manager_status", &[], nodes::may_see_status, |cluster, request| {
        Ok(nodes::ha_manager(cluster, request))
    }),
    route("GET", "/cluster/config/qdevice", &[], nodes::may_see_status, |_, _| Ok(json!({}).into())),
];

/// The calls about one node.
pub(crate) const ONE_NODE: &[Route] = &[
    route("GET", "/nodes/{node}", &[NODE], ANY_CALLER, |_, _| Ok(indexes::node())),
    route("GET", "/nodes/{node}/version", &[NODE], ANY_CALLER, |cluster, _| Ok(nodes::version(cluster))),
    route("GET", "/nodes/{node}/status", &[NODE], nodes::may_audit, |cluster, request| {
        Ok(nodes::status(cluster, request))
    }),
    route(
        "GET",
        "/nodes/{node}/network",
        &[NODE, optional("type", Form::OneOf(nodes::NETWORKS))],
        ANY_CALLER,
        |cluster, request| Ok(nodes::networks(cluster, request)),
    ),
    route("GET", "/nodes/{node}/certificates/info", &[NODE], ANY_CALLER, |cluster, _| Ok(nodes::certificates(cluster))),
    route("GET", "/nodes/{node}/lxc", &[NODE], ANY_CALLER, |_, _| Ok(indexes::nothing())),
    route("GET", "/nodes/{node}/replication", &[NODE, optional("guest", Form::Guest)], ANY_CALLER, |_, _| {
        Ok(indexes::nothing())
    }),
    route("GET", "/nodes/{node}/subscription", &[NODE], ANY_CALLER, |_, _| Ok(nodes::subscription())),
];

const UPID: Parameter = needed("upid", Form::Text(form::ANY_LENGTH));
const START: Parameter = optional("start", Form::Number);
const LIMIT: Parameter = optional("limit", Form::Number);

/// The calls about tasks.
pub(crate) const TASKS: &[Route] = &[
    route("GET", "/cluster/tasks", &[], ANY_CALLER, |cluster, request| Ok(tasks::newest(cluster, request))),
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
        ANY_CALLER,
        |cluster, request| Ok(tasks::list(cluster, request)),
    ),
    route("GET", "/nodes/{node}/tasks/{upid}", &[NODE, UPID], ANY_CALLER, |_, _| Ok(indexes::task())),
    route("DELETE", "/nodes/{node}/tasks/{upid}", &[NODE, UPID], ANY_CALLER, tasks::stop),
    route("GET", "/nodes/{node}/tasks/{upid}/status", &[NODE, UPID], ANY_CALLER, |cluster, request| {
        tasks::status(cluster, request)
    }),
    route(
        "GET",
        "/nodes/{node}/tasks/{upid}/log",
        &[NODE, UPID, START, LIMIT, optional("download", Form::Switch)],
        ANY_CALLER,
        |cluster, request| tasks::log(cluster, request),
    ),
];
