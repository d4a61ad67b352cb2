//! What is known of a run of set-up, for its JSON document, and what it made on the server.

use serde_json::{Value, json};

use crate::error::{Error, Report};
use crate::model::TokenId;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::token::undo::Applied;
use crate::session::Session;
use crate::settings::Credentials;
use crate::ui::Printable;

use super::check::VerifiedAccess;
use super::instructions::UnusedToken;

/// What is known of a run so far.
#[derive(Default)]
pub(super) struct SetupReport {
    pub(super) env_file: String,
    pub(super) host: String,
    pub(super) version: Option<String>,
    pub(super) trust: Option<&'static str>,
    pub(super) token: Option<String>,
    /// What was made for the token in this run, as long as it is not saved.
    pub(super) made: Option<CreatedInRun>,
    /// What was made before that, and is not used any more.
    pub(super) unused: Vec<CreatedInRun>,
    /// What the server accepted last.
    pub(super) accepted: Option<Credentials>,
    pub(super) is_created: bool,
    pub(super) is_saved: bool,
    /// Whether nothing was to be written or changed.
    pub(super) is_dry_run: bool,
    pub(super) node: Option<String>,
    pub(super) templates: Vec<(String, u32)>,
    pub(super) changed: Vec<String>,
    pub(super) test_vm: Option<Value>,
    pub(super) warnings: Vec<String>,
}

/// A token that this run made, and what was done for it.
pub(super) struct CreatedInRun {
    pub(super) token: TokenId,
    pub(super) applied: Applied,
}

impl SetupReport {
    /// Notes a token that was made; one that was made before is not used any more.
    pub(super) fn note_created(&mut self, created: CreatedInRun) {
        self.unused.extend(self.made.replace(created));
        self.is_created = true;
    }

    /// Notes what the server accepts; a token that was made in this run and is another one is not used any more. The note
    /// about it stays in the journal until it is revoked, so that later runs name it as well.
    pub(super) fn note_used(&mut self, used: &Credentials) {
        let is_used = |made: &CreatedInRun| matches!(used, Credentials::Token { id, .. } if *id == made.token);
        if let Some(unused) = self.made.take_if(|made| !is_used(made)) {
            self.unused.push(unused);
            self.is_created = false;
        }
        self.accepted = Some(used.clone());
    }

    /// Names what was made and is not used, where the run ends before that could be asked about.
    pub(super) fn name_unused(&mut self, session: &Session) {
        for CreatedInRun { token, applied } in self.unused.drain(..) {
            session.warn(format!("{} was created in this run and is not used", Printable(&token.to_string())));
            session.error(&UnusedToken(applied.leftovers()));
        }
    }

    /// Notes who is connected to which server, and what was chosen there.
    pub(super) fn note_access(&mut self, context: &Context, connected: &Connected, checked: &VerifiedAccess) {
        self.trust = Some(connected.trusted.word());
        self.token = Some(connected.caller_name());
        self.version = Some(checked.version.to_string());
        self.node = Some(checked.node.to_string());
        self.templates =
            checked.templates.iter().map(|(key, vmid)| (key.variable(&context.instance), vmid.number())).collect();
        self.warnings.clone_from(&checked.warnings);
        self.warnings.extend(context.trust_warnings(connected.trusted));
    }

    /// Returns the document.
    pub(super) fn document(&self, error: Option<&Error>) -> Value {
        let templates: serde_json::Map<String, Value> =
            self.templates.iter().map(|(key, vmid)| (key.clone(), json!(vmid))).collect();
        let mut document = json!({
            "schema": "glassdome.setup/1",
            "ok": error.is_none(),
            "env_file": self.env_file,
            "dry_run": self.is_dry_run,
            "changed": self.changed,
            "server": {"host": self.host, "version": self.version},
            "trust": self.trust,
            "token": {"id": self.token, "created": self.is_created},
            "node": self.node,
            "templates": templates,
            "proof": self.test_vm,
            "warnings": self.warnings,
        });
        if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
            map.insert("error".to_owned(), Report::of(error).as_json());
            map.insert("left_on_server".to_owned(), error.left_on_server().into());
        }
        document
    }
}
