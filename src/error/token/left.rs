//! What remains on the server after a run that failed.

use super::TokenError;
use crate::error::hint::{run, say};
use crate::error::{Error, Hint};
use crate::ui::Printable;
use serde_json::{Value, json};

/// What a run leaves on the server that it could not, or must not, remove.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// The lines that undo what this run made, the last first.
    pub lines: Vec<String>,
    /// The lines that revoke a token which another one has replaced.
    pub revoke: Vec<String>,
    /// What is kept, because it may not be this run's alone.
    pub kept: Vec<KeptObject>,
    /// The command that generates a new secret, if the old one is invalid and the new one was not saved.
    pub new_secret_command: Option<String>,
}

/// Something on the server that is not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptObject {
    /// What it is: `user new@pve`.
    pub object: String,
    /// Why it is kept.
    pub reason: String,
}

impl Leftovers {
    /// Returns whether nothing is left.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.lines.is_empty() && self.revoke.is_empty() && self.kept.is_empty() && self.new_secret_command.is_none()
    }

    pub(super) fn hints(&self) -> Vec<Hint> {
        let mut hints = Vec::new();
        if !self.lines.is_empty() {
            hints.push(say("some changes remain on the server; to undo them, as root on a node:"));
            hints.extend(self.lines.iter().map(run));
        }
        if !self.revoke.is_empty() {
            hints.push(say("the replaced token still works; to revoke it, as root on a node:"));
            hints.extend(self.revoke.iter().map(run));
        }
        if !self.kept.is_empty() {
            hints.push(say("kept on the server, because others may be using it; check before you delete it:"));
            let kept = self.kept.iter().map(|it| say(Printable(&format!("{}: {}", it.object, it.reason)).to_string()));
            hints.extend(kept);
        }
        if let Some(again) = &self.new_secret_command {
            hints.push(say("the old secret no longer works and the new one was not saved; generate another:"));
            hints.push(run(again));
        }
        hints
    }
}

impl Error {
    /// Lists what is left on the server, for JSON.
    #[must_use]
    pub fn left_on_server(&self) -> Vec<Value> {
        let Self::Token(TokenError::LeftOnServer { left, .. }) = self else { return Vec::new() };
        let lines = left.lines.iter().chain(&left.revoke).map(|line| json!({ "remove": line }));
        let kept = left.kept.iter().map(|kept| {
            let shown = |text: &String| Printable(text).to_string();
            json!({ "kept": shown(&kept.object), "reason": shown(&kept.reason) })
        });
        lines.chain(kept).collect()
    }
}
