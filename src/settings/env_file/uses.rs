//! Which lines of a `.env` use a token: those of every instance, lines that do not count, and comments.

use std::collections::BTreeSet;

use super::EnvFile;
use crate::model::{Secret, TokenId, TokenRef, TokenSecret, UserId};
use crate::settings::keys::{Instance, Key};
use crate::settings::parsers::python::{bindings, decode, interpolate};
use crate::settings::parsers::slice;

/// A place in the file that names a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// The variable, or the line by its number.
    pub place: String,
    /// The secrets that are beside it.
    pub secrets: Vec<TokenSecret>,
}

impl EnvFile {
    /// Lists every place that names a token. If a line does not say which user or token it is about, every user and
    /// token in the file counts.
    #[must_use]
    pub fn uses_of(&self, token: &TokenId) -> Vec<TokenUse> {
        let said = self.said();
        let mut uses: Vec<TokenUse> =
            instances(&said).iter().filter_map(|instance| used_by(&said, instance, token)).collect();
        let id = token.to_string();
        let text = String::from_utf8_lossy(&self.bytes);
        for (index, line) in text.lines().enumerate().filter(|(_, line)| has_word(line, &id)) {
            let is_known = uses.iter().any(|known| has_word(line, &known.place));
            if !is_known {
                uses.push(TokenUse { place: format!("line {}", index + 1), secrets: secret_behind(line, &id) });
            }
        }
        uses
    }

    /// Reads every assignment, also those that a later one overrides, and those in comments.
    fn said(&self) -> Vec<(String, Secret)> {
        let values = self.plain_values(&|_| None);
        let known = |name: &str| Some(values.get(name)?.text.as_ref()?.to_string());
        let mut said = Vec::new();
        let comments = self.bytes.split(|byte| *byte == b'\n').filter_map(|line| {
            let line = line.trim_ascii_start();
            let start = line.iter().position(|byte| !b"# \t;".contains(byte))?;
            line.starts_with(b"#").then(|| line.get(start..)).flatten()
        });
        for text in std::iter::once(self.bytes()).chain(comments) {
            for binding in bindings(text) {
                let (Some(name), Some(value)) = (&binding.name, &binding.value) else { continue };
                let name = String::from_utf8_lossy(slice(text, name)).into_owned();
                said.push((name, Secret::new(interpolate(&decode(text, value), &known))));
            }
        }
        said
    }
}

/// Lists the instances of which anything is said.
fn instances(said: &[(String, Secret)]) -> BTreeSet<String> {
    let keys = [Key::Host, Key::User, Key::TokenName, Key::TokenValue];
    let of = |name: &String| keys.iter().find_map(|key| key.instance_in_any_order(name));
    said.iter().filter_map(|(name, _)| Some(of(name)?.to_string())).collect()
}

/// Says whether an instance uses the token, by any of its lines.
fn used_by(said: &[(String, Secret)], instance: &str, token: &TokenId) -> Option<TokenUse> {
    let instance: Instance = instance.parse().ok()?;
    let all = |key: Key, instance: &Instance| -> Vec<&Secret> {
        let is_meant = |name: &str| key.instance_in_any_order(name).as_ref() == Some(instance);
        said.iter().filter(|(name, _)| is_meant(name)).map(|(_, value)| value).collect()
    };
    let first = Instance::default();
    let secrets: Vec<TokenSecret> =
        all(Key::TokenValue, &instance).into_iter().filter_map(|value| value.parse().ok()).collect();
    let mut names = all(Key::TokenName, &instance);
    if names.is_empty() {
        names = all(Key::TokenName, &first);
    }
    let default = Secret::new(Key::TokenName.entry().default.unwrap_or_default().to_owned());
    if names.is_empty() && !secrets.is_empty() {
        names.push(&default);
    }
    let mut users = all(Key::User, &instance);
    if users.is_empty() {
        users = said.iter().filter(|(name, _)| name.ends_with("USER")).map(|(_, value)| value).collect();
    }
    let is_user = |value: &&Secret| value.parse::<UserId>().is_ok_and(|user| user == token.user);
    let is_it = |value: &&Secret| match value.parse::<TokenRef>() {
        Ok(TokenRef::Id(id)) => id == *token,
        Ok(TokenRef::Name(name)) => name == token.name && (users.is_empty() || users.iter().any(is_user)),
        Err(_) => false,
    };
    names.iter().any(is_it).then(|| TokenUse { place: Key::TokenName.variable(&instance), secrets })
}

/// Returns whether a line has the text as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    line.match_indices(word).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|at| line.as_bytes().get(at));
        let after = line.as_bytes().get(start + word.len());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Reads the secret in `USER@REALM!NAME=SECRET`.
fn secret_behind(line: &str, id: &str) -> Vec<TokenSecret> {
    let behind = line.split(id).nth(1).and_then(|rest| rest.strip_prefix('=')).and_then(|rest| rest.get(..36));
    behind.and_then(|text| text.parse().ok()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::EnvFile;

    const SECRET: &str = "12345678-abcd-ef12-3456-7890abcdef12";

    #[test]
    fn every_line_of_every_instance_that_names_a_token_is_found() {
        let token = "svc@pve!tt".parse().unwrap();
        for (text, places) in [
            ("", &[][..]),
            ("PROXMOX_USER=svc@pve\nPROXMOX_TOKEN_NAME=tt-2\n", &[]),
            ("PROXMOX_USER=svc@pve\nPROXMOX_TOKEN_NAME=tt\n", &["PROXMOX_TOKEN_NAME"]),
            ("PROXMOX_USER=other@pve\nPROXMOX_TOKEN_NAME=tt\n", &[]),
            ("PROXMOX_02_USER=svc@pve\nPROXMOX_02_TOKEN_NAME='tt'\n", &["PROXMOX_02_TOKEN_NAME"]),
            ("PROXMOX_02_TOKEN_NAME=svc@pve!tt\n", &["PROXMOX_02_TOKEN_NAME"]),
            // Two lines, of which the last counts for one reader and the first for another.
            ("PROXMOX_USER=svc@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_NAME=tt-2\n", &["PROXMOX_TOKEN_NAME"]),
            // A comment, from which it may be restored.
            ("# PROXMOX_03_USER=svc@pve\n#PROXMOX_03_TOKEN_NAME=tt\n", &["PROXMOX_03_TOKEN_NAME"]),
            // An instance without a name of its own has the first one's, and without a user any user's.
            (
                "PROXMOX_USER=svc@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE_02=x\n",
                &["PROXMOX_TOKEN_NAME", "PROXMOX_02_TOKEN_NAME"],
            ),
            ("PROXMOX_VE_API_TOKEN=svc@pve!tt=12345678-abcd-ef12-3456-7890abcdef12\n", &["line 1"]),
            ("X=svc@pve!tt-2\n", &[]),
            ("U=svc@pve\nPROXMOX_02_USER=${U}\nPROXMOX_02_TOKEN_NAME=tt\n", &["PROXMOX_02_TOKEN_NAME"]),
        ] {
            let uses = EnvFile::new(text.as_bytes().to_vec()).uses_of(&token);
            let found: Vec<&str> = uses.iter().map(|it| it.place.as_str()).collect();
            let (mut found, mut places) = (found, places.to_vec());
            found.sort_unstable();
            places.sort_unstable();
            assert_eq!(found, places, "{text}");
        }
    }

    #[test]
    fn a_secret_that_stands_beside_it_is_read() {
        let token = "svc@pve!glassdome-token".parse().unwrap();
        for text in [
            format!("PROXMOX_02_USER=svc@pve\nPROXMOX_TOKEN_VALUE_02={SECRET}\n"),
            format!("PROXMOX_02_USER=svc@pve\nPROXMOX_02_TOKEN_VALUE={SECRET}\n"),
            format!("#PROXMOX_USER=svc@pve\n#PROXMOX_TOKEN_VALUE={SECRET}\n"),
            format!("PVE=PVEAPIToken=svc@pve!glassdome-token={SECRET}\n"),
        ] {
            let uses = EnvFile::new(text.clone().into_bytes()).uses_of(&token);
            assert_eq!(uses.len(), 1, "{text}");
            assert_eq!(uses[0].secrets, [SECRET.parse().unwrap()], "{text}");
        }
    }
}
