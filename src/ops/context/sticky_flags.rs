//! The flags that a command to paste needs to be about the same server.

use super::Context;
use crate::session::Session;
use crate::settings::{Key, Source, TRUST_KEYS, Verification, sh_word};
use crate::ui::{ACCEPT, StickyFlags};

impl Context {
    /// Adds flags to the commands printed from now on, so that they are about the same settings and the same server.
    pub(crate) fn repeat_flags(&self, session: &Session) {
        let mut repeat = self.sticky_flags();
        if !session.is_attended() {
            repeat.confirm_beforehand();
        }
        session.ui.set_sticky_flags(repeat);
    }

    /// Returns the flags that lead to the same settings and the same server.
    pub(crate) fn sticky_flags(&self) -> StickyFlags {
        let mut repeat = StickyFlags::default();
        if let Some(path) = &self.named_file {
            repeat.of_settings("--env-file", word(&path.display().to_string()));
        }
        if !self.instance.is_first() {
            repeat.of_settings("--instance", self.instance.to_string());
        }
        if self.is_sandbox() {
            repeat.of_server("--sandbox", String::new());
        }
        let said = |key: Key| matches!(self.settings.source(key), Some(Source::Flag(_) | Source::Answer));
        let is_of_sandbox = |key: Key| self.is_sandbox() && (key == Key::Host || TRUST_KEYS.contains(&key));
        for key in [Key::Host, Key::User, Key::TokenName, Key::Node, Key::Fingerprint, Key::CaFile] {
            if let (true, Some(text)) = (said(key) && !is_of_sandbox(key), self.settings.text(key)) {
                repeat.of_server(key.entry().flag, word(&text));
            }
        }
        if let Some(accepted) = self.accepted.get() {
            repeat.of_server(ACCEPT, String::new());
            repeat.of_server(Key::Fingerprint.entry().flag, accepted.to_string());
        }
        if let (true, Some(path)) = (said(Key::TokenValue), &self.secret_file) {
            repeat.of_server(Key::TokenValue.entry().flag, word(&path.display().to_string()));
        }
        if said(Key::VerifySsl)
            && !self.is_sandbox()
            && matches!(self.settings.verification(), Ok(Verification::Disabled(_)))
        {
            repeat.of_server("--insecure", String::new());
        }
        repeat
    }
}

/// Writes a word for a shell, with quotes only if it needs them.
fn word(text: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@+=,".contains(it);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { sh_word(text) }
}
