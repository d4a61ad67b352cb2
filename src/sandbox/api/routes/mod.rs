//! The table of all calls.

mod access;
mod cluster;
mod guests;
mod storages;

use std::collections::BTreeMap;

use crate::sandbox::api::form::{self, Form, Parameter, needed};
use crate::sandbox::api::guests::options;
use crate::sandbox::auth::Refusal;
use crate::sandbox::cluster::{Cluster, Reply, Request};

/// Says whether a caller may make a call.
pub(crate) type May = fn(&Cluster, Request<'_>) -> Result<(), Refusal>;

/// Makes a call.
pub(crate) type Run = fn(&mut Cluster, Request<'_>) -> Result<Reply, Refusal>;

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// The verb.
    pub(crate) method: &'static str,
    /// The path below `/api2/json`, with parameters in braces; the last one may be followed by a star and hold slashes.
    pub(crate) path: &'static str,
    /// Who it is for.
    pub(crate) audience: Audience,
    /// Its parameters, those in the path included.
    parameters: &'static [Parameter],
    /// The options of VMs, where it takes them too.
    options: &'static [Parameter],
    /// The check that comes before anything else.
    may: May,
    /// What it does.
    run: Run,
    /// What the server says it failed at where it cannot write to `user.cfg`; `None` if the call does not.
    writes: Option<&'static str>,
}

/// Who a call is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Everybody, known or not.
    World,
    /// Users and tokens.
    Known,
    /// Users, with a ticket; a token is refused.
    Users,
    /// Those who are about to log in; a token is refused.
    LogIn,
}

impl Audience {
    /// Tells whether the call needs no credential.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::World | Self::LogIn)
    }

    /// Tells whether a token is refused.
    pub(crate) fn excludes_tokens(self) -> bool {
        matches!(self, Self::Users | Self::LogIn)
    }
}

impl Route {
    /// Makes the call: who may comes first, then the node, then the form of the parameters.
    pub(crate) fn make(&self, cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
        (self.may)(cluster, request)?;
        if self.path.contains("{node}") {
            cluster.reachable(request.node())?;
        }
        form::demand(&cluster.access, &[self.parameters, self.options].concat(), request.params)?;
        match self.writes.filter(|_| !cluster.quorate) {
            None => (self.run)(cluster, request),
            Some(what) => {
                // What is refused anyhow is refused first.
                let before = cluster.access.clone();
                let refused = (self.run)(cluster, request).err();
                cluster.access = before;
                let why = || Refusal::Failed(format!("{what}: cfs-lock 'file-user_cfg' error: no quorum!"));
                Err(refused.unwrap_or_else(why))
            }
        }
    }

    /// Says what the server fails at where it cannot write to `user.cfg`.
    const fn writing(self, what: &'static str) -> Self {
        Self { writes: Some(what), ..self }
    }
}

const ANY_CALLER: May = |_, _| Ok(());

const fn route(
    method: &'static str,
    path: &'static str,
    parameters: &'static [Parameter],
    may: May,
    run: Run,
) -> Route {
    Route { method, path, audience: Audience::Known, parameters, options: &[], may, run, writes: None }
}

const NODE: Parameter = needed("node", Form::Of(options::node_name));
const VMID: Parameter = needed("vmid", Form::Guest);
const STORAGE: Parameter = needed("storage", Form::Of(options::storage_name));

/// Lists the calls.
fn routes() -> impl Iterator<Item = &'static Route> {
    let identities = [access::COMMON, access::ROLES_AND_GROUPS, access::USERS_AND_TOKENS, access::POOLS];
    let machines = [
        cluster::CLUSTER,
        cluster::ONE_NODE,
        guests::READ_GUESTS,
        storages::READ_STORAGES,
        cluster::TASKS,
        guests::CHANGE_GUESTS,
        guests::WITH_OPTIONS,
        guests::SHAPE_GUESTS,
        storages::FILES,
    ];
    identities.into_iter().chain(machines).flatten()
}

/// Finds the call for a decoded path below `/api2/json`, with the parameters in it; a slash at the end does not matter.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, BTreeMap<String, String>)> {
    let path = path.trim_end_matches('/');
    let mut same_method = routes().filter(|route| route.method == method);
    same_method.find_map(|route| Some((route, in_path(route.path, path)?)))
}

/// Reads the parameters out of a path, if it fits; below `/access` and `/pools` none has a blank or an exclamation mark.
fn in_path(route: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = path;
    let is_strict = route.starts_with("/access") || route.starts_with("/pools");
    for name in route.split('/').skip(1) {
        rest = rest.strip_prefix('/')?;
        if let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix("}*")) {
            found.insert(name.to_owned(), rest.to_owned());
            return (!rest.is_empty()).then_some(found);
        }
        let level = rest.split('/').next().unwrap_or_default();
        rest = rest.get(level.len()..).unwrap_or_default();
        match name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !level.is_empty() && (!is_strict || !level.contains([' ', '!'])) => {
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
            ("GET", "/access/users/apex@pve/token/tt", Some("/access/users/{userid}/token/{tokenid}")),
            ("POST", "/access/users/apex@pve/token/bad name!", None),
            ("PATCH", "/access/users", None),
            ("GET", "/pools/labpool", Some("/pools/{poolid}")),
            ("GET", "/pools", Some("/pools")),
        ];
        for (method, path, expected) in table {
            assert_eq!(find(method, path).map(|(route, _)| route.path), expected, "{method} {path}");
        }
        let (_, found) = find("GET", "/access/users/apex@pve/token/tt").unwrap();
        assert_eq!((found["userid"].as_str(), found["tokenid"].as_str()), ("apex@pve", "tt"));
    }

    #[test]
    fn every_call_is_in_the_table_once() {
        let mut calls: Vec<(&str, &str)> = routes().map(|route| (route.method, route.path)).collect();
        let count = calls.len();
        calls.sort_unstable();
        calls.dedup();
        assert_eq!(calls.len(), count);
    }
}
