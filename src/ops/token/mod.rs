//! Tokens: log in, plan the privileges, create, save.

pub(crate) mod access_snapshot;
pub(crate) mod admin_session;
pub(crate) mod apply;
pub(crate) mod consent;
pub(crate) mod evidence;
pub(crate) mod grant_plan;
pub(crate) mod issue;
pub(crate) mod login;
pub(crate) mod notes;
pub(crate) mod over_ssh;
pub(crate) mod recheck;
pub(crate) mod remove;
pub(crate) mod rotate;
pub(crate) mod store;
pub(crate) mod undo;
