//! The calls about VMs.

use crate::sandbox::api::form::{self, Form, Parameter, needed, optional};
use crate::sandbox::api::guests::{
    agent, clone, config, create, destroy, options, power, read, schema, template_and_snapshot,
};
use crate::sandbox::api::indexes;
use crate::sandbox::api::routes::{ANY_CALLER, NODE, Route, VMID, route};

/// The calls that read VMs.
pub(crate) const READ_GUESTS: &[Route] = &[
    route("GET", "/nodes/{node}/qemu", &[NODE, optional("full", Form::Switch)], ANY_CALLER, |cluster, request| {
        Ok(read::list(cluster, request))
    }),
    route(
        "GET",
        "/nodes/{node}/qemu/{vmid}/config",
        &[NODE, VMID, optional("current", Form::Switch), optional("snapshot", Form::Of(options::config_id))],
        read::may_audit,
        |cluster, request| read::config(cluster, request),
    ),
    route("GET", "/nodes/{node}/qemu/{vmid}/pending", &[NODE, VMID], read::may_audit, |cluster, request| {
        read::pending(cluster, request)
    }),
    route("GET", "/nodes/{node}/qemu/{vmid}/status/current", &[NODE, VMID], read::may_audit, |cluster, request| {
        read::current(cluster, request)
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
        read::may_audit,
        |cluster, request| read::feature(cluster, request),
    ),
    route(
        "GET",
        "/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces",
        &[NODE, VMID],
        agent::may_ask,
        |cluster, request| agent::interfaces(cluster, request),
    ),
    route("POST", "/nodes/{node}/qemu/{vmid}/agent/ping", &[NODE, VMID], agent::may_ask, |cluster, request| {
        agent::ping(cluster, request)
    }),
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
pub(crate) const WITH_OPTIONS: &[Route] = &[
    Route {
        options: schema::OPTIONS,
        ..route("PUT", "/nodes/{node}/qemu/{vmid}/config", CHANGES, config::may, config::put)
    },
    Route {
        options: schema::OPTIONS,
        ..route("POST", "/nodes/{node}/qemu/{vmid}/config", CHANGES, config::may, config::post)
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
            ANY_CALLER,
            create::create,
        )
    },
];

/// The calls that make, switch and destroy VMs.
pub(crate) const CHANGE_GUESTS: &[Route] = &[
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
pub(crate) const SHAPE_GUESTS: &[Route] = &[
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/template",
        &[NODE, VMID, optional("disk", Form::Plain(options::slot))],
        template_and_snapshot::may_convert,
        template_and_snapshot::template,
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
        template_and_snapshot::may_resize,
        template_and_snapshot::resize,
    ),
    route("GET", SNAPSHOT, &[NODE, VMID], read::may_audit, |cluster, request| {
        template_and_snapshot::snapshots(cluster, request)
    }),
    route(
        "POST",
        SNAPSHOT,
        &[NODE, VMID, NAME, optional("description", Form::Text(form::ANY_LENGTH)), optional("vmstate", Form::Switch)],
        template_and_snapshot::may_keep,
        template_and_snapshot::keep,
    ),
    route(
        "DELETE",
        ONE_SNAPSHOT,
        &[NODE, VMID, NAME, optional("force", Form::Switch)],
        template_and_snapshot::may_keep,
        template_and_snapshot::forget,
    ),
    route("GET", ONE_SNAPSHOT, &[NODE, VMID, NAME], template_and_snapshot::may_see_snapshot, |_, _| {
        Ok(indexes::snapshot())
    }),
    route("GET", SNAPSHOT_CONFIG, &[NODE, VMID, NAME], template_and_snapshot::may_see_snapshot, |cluster, request| {
        template_and_snapshot::snapshot(cluster, request)
    }),
    route(
        "PUT",
        SNAPSHOT_CONFIG,
        &[NODE, VMID, NAME, optional("description", Form::Text(form::ANY_LENGTH))],
        template_and_snapshot::may_keep,
        template_and_snapshot::describe,
    ),
    route(
        "POST",
        "/nodes/{node}/qemu/{vmid}/snapshot/{snapname}/rollback",
        &[NODE, VMID, NAME, optional("start", Form::Switch)],
        template_and_snapshot::may_roll_back,
        template_and_snapshot::roll_back,
    ),
];
