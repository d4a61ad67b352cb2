//! The calls about storages and the volumes on them.

use crate::sandbox::api::form::{self, Form, Need, Parameter, needed, optional};
use crate::sandbox::api::guests::options;
use crate::sandbox::api::routes::{ANY_CALLER, NODE, Route, STORAGE, route};
use crate::sandbox::api::storages::{files, read as storage_lists, uploads};

/// The calls that read storages.
pub(crate) const READ_STORAGES: &[Route] = &[
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
        ANY_CALLER,
        |cluster, request| storage_lists::storages(cluster, request),
    ),
    route(
        "GET",
        "/nodes/{node}/storage/{storage}/status",
        &[NODE, STORAGE],
        storage_lists::may_look,
        |cluster, request| storage_lists::status(cluster, request),
    ),
    route(
        "GET",
        "/nodes/{node}/storage/{storage}/content",
        &[NODE, STORAGE, optional("content", Form::Words(options::contents)), optional("vmid", Form::Guest)],
        storage_lists::may_look,
        |cluster, request| storage_lists::content(cluster, request),
    ),
];

const VOLUME: &str = "/nodes/{node}/storage/{storage}/content/{volume}*";
const VOLUME_NAME: Parameter = needed("volume", Form::Text(form::ANY_LENGTH));

/// The calls that fetch files and remove volumes.
pub(crate) const FILES: &[Route] = &[
    route("GET", VOLUME, &[NODE, STORAGE, VOLUME_NAME], ANY_CALLER, |cluster, request| files::read(cluster, request)),
    route(
        "DELETE",
        VOLUME,
        &[NODE, STORAGE, VOLUME_NAME, optional("delay", Form::Between(1, 30))],
        ANY_CALLER,
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
