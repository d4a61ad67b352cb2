//! The calls: one table, one handler each.

mod access;
mod form;
mod guests;
mod indexes;
mod nodes;
mod resources;
pub(crate) mod routes;
mod storages;
mod tasks;

use std::collections::BTreeMap;

use crate::sandbox::auth::{Caller, Refusal, names};
use crate::sandbox::cluster::{Cluster, Now, Reply, Request};

impl Cluster {
    /// Makes a call, for which the clock is moved on.
    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        params: &BTreeMap<String, String>,
        caller: &Caller,
        now: Now,
    ) -> Result<Reply, Refusal> {
        self.advance(now);
        let Some((route, in_path)) = routes::find(method, path) else {
            return Err(Refusal::Status { status: 501, reason: format!("Method '{method} {path}' not implemented") });
        };
        let mut all = params.clone();
        for (name, value) in in_path {
            if all.insert(name.clone(), value).is_some() {
                return Err(Refusal::parameter(&name, "duplicate parameter (already defined in URI)"));
            }
        }
        if route.audience.excludes_tokens() && caller.token().is_some() {
            let why = format!("URI '{path}' not available with API token, need proper ticket.\n");
            return Err(Refusal::Forbidden(Some(why)));
        }
        route.make(self, Request { caller, params: &all, now })
    }

    /// Demands all of these privileges at a path; a path that can have none is named empty.
    pub(crate) fn demand(&self, request: Request<'_>, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        self.access.demand(request.caller, &names::normal_path(path).unwrap_or_default(), privileges)
    }

    /// Demands one of these privileges at a path.
    pub(crate) fn demand_any(&self, request: Request<'_>, path: &str, privileges: &[&str]) -> Result<(), Refusal> {
        self.access.demand_any(request.caller, &names::normal_path(path).unwrap_or_default(), privileges)
    }

    /// Tells whether a caller has one of these privileges at a path.
    pub(crate) fn allows(&self, request: Request<'_>, path: &str, privileges: &[&str]) -> bool {
        self.access.check_any(&request.caller.subject, path, privileges)
    }
}
