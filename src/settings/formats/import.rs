//! The table read backwards: what another tool's variables say about a server.

mod variable_reader;

use std::collections::BTreeMap;
use std::path::Path;
use variable_reader::read;

use zeroize::Zeroizing;

use super::{Access, Field};
use crate::model::{TokenRef, TokenSecret, Tool};
use crate::settings::{Credentials, EnvFile, InvalidValue, Key, Setting, Source, Sourced, Variables};

/// The port of an address that names none.
const HTTPS_PORT: u16 = 443;

/// What was found in a tool's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Whose variables they are.
    pub tool: Tool,
    /// What they say.
    pub access: Access,
}

impl Import {
    /// Returns what the variables say as answers for our own keys, each with the variable that it comes from.
    #[must_use]
    pub fn answers(&self, variables: &ToolVariables, folder: &Path) -> Vec<Sourced<Setting>> {
        let Access { endpoint, credentials, is_verified, ca_file, .. } = &self.access;
        let mut answers: Vec<Setting> = Vec::new();
        answers.extend(endpoint.clone().map(Setting::Host));
        answers.extend(is_verified.map(Setting::VerifySsl));
        answers.extend(ca_file.as_ref().map(|path| Setting::CaFile(folder.join(path))));
        match credentials.clone() {
            Some(Credentials::Token { id, secret }) => {
                answers.push(Setting::User(id.user));
                answers.push(Setting::TokenName(TokenRef::Name(id.name)));
                answers.push(Setting::TokenValue(secret.into()));
            }
            Some(Credentials::Password { user, password }) => {
                answers.push(Setting::User(user));
                answers.push(Setting::Password(password));
            }
            None => {}
        }
        let sourced = |value: Setting| Sourced { source: self.source(value.key(), variables), value };
        answers.into_iter().map(sourced).collect()
    }

    /// Names the variable that says what a key holds.
    fn source(&self, key: Key, variables: &ToolVariables) -> Source {
        let is_meant = |says: Field| match key {
            Key::Host => matches!(says, Field::Address(_) | Field::Host),
            Key::User => {
                matches!(
                    says,
                    Field::WholeToken | Field::TokenId | Field::TokenIdOrUser | Field::User | Field::PasswordUser
                )
            }
            Key::TokenName => {
                matches!(says, Field::WholeToken | Field::TokenId | Field::TokenIdOrUser | Field::TokenName)
            }
            Key::VerifySsl => matches!(says, Field::Verify | Field::Insecure),
            Key::CaFile => says == Field::CaFile,
            _ => is_secret(says),
        };
        let all = std::iter::once(self.tool).chain(Tool::ALL);
        let mut words = all.flat_map(Tool::words).filter(|word| is_meant(word.says));
        let named = words.find_map(|word| Some(variables.found.get(word.variable)?.source.clone()));
        named.unwrap_or(Source::Answer)
    }
}

/// What the variables of the process say, and the lines of the settings file that are meant for other tools.
#[derive(Debug, Clone, Default)]
pub struct ToolVariables {
    found: BTreeMap<String, Sourced<Zeroizing<String>>>,
}

impl ToolVariables {
    /// Collects both; a variable counts more than a line of the file.
    #[must_use]
    pub fn new(variables: &Variables, path: &Path, file: &EnvFile) -> Self {
        let mut found = BTreeMap::new();
        for (name, located) in file.plain_values(&|name| variables.get(name)?.to_str().map(str::to_owned)) {
            let source = Source::File { path: path.to_path_buf(), line: located.line, name: name.clone() };
            found.extend(located.text.map(|value| (name, Sourced { value, source })));
        }
        for (name, value) in variables {
            let source = Source::Variable(name.clone());
            let text = value.to_str().filter(|text| !text.is_empty());
            found.extend(text.map(|it| (name.clone(), Sourced { value: Zeroizing::new(it.to_owned()), source })));
        }
        found.retain(|_, text| !text.value.is_empty());
        Self { found }
    }

    fn text(&self, variable: &str) -> Option<&str> {
        self.found.get(variable).map(|found| found.value.as_str())
    }
}

/// Why nothing can be taken from other tools' variables. No text of a secret is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadImport {
    /// No tool's variables say how to authenticate.
    #[error("no credentials found: none of {names} is set")]
    Nothing {
        /// The variables that would.
        names: String,
    },
    /// Several tools' variables say different things.
    #[error("the variables of {one} and {other} contradict each other")]
    TwoTools {
        /// One of the tools.
        one: Tool,
        /// The other.
        other: Tool,
    },
    /// A variable is missing beside those that are there.
    #[error("{variable} is not set, but {tool} requires it")]
    Missing {
        /// Whose it is.
        tool: Tool,
        /// The name of the variable.
        variable: &'static str,
    },
    /// A variable holds something else.
    #[error("the variable {variable}: {why}")]
    Invalid {
        /// The name of the variable.
        variable: &'static str,
        /// What is wrong with it.
        #[source]
        why: InvalidValue,
    },
}

/// Takes what one tool's variables say; without a tool, what those say that are there, if they agree.
///
/// # Errors
///
/// Fails if nothing usable is there, or tools disagree.
pub fn imported(variables: &ToolVariables, tool: Option<Tool>) -> Result<Import, BadImport> {
    if let Some(tool) = tool {
        return read(variables, tool);
    }
    let mut found: Option<Import> = None;
    for tool in Tool::ALL.into_iter().filter(|tool| is_there(variables, *tool)) {
        let next = read(variables, tool)?;
        found = Some(match found {
            None => next,
            Some(first) => merged(first, &next)?,
        });
    }
    let secrets = Tool::ALL.into_iter().flat_map(Tool::words).filter(|word| is_secret(word.says));
    let mut names: Vec<&str> =
        secrets.map(|word| word.variable).filter(|name| *name != Key::Password.entry().variable).collect();
    names.dedup();
    found.ok_or_else(|| BadImport::Nothing { names: names.join(", ") })
}

/// Adds what a second tool knows; where both know something, it must be the same.
fn merged(first: Import, next: &Import) -> Result<Import, BadImport> {
    let disagree = || BadImport::TwoTools { one: first.tool, other: next.tool };
    fn merged<T: Clone + PartialEq>(one: Option<&T>, other: Option<&T>) -> Result<Option<T>, ()> {
        match (one, other) {
            (Some(one), Some(other)) if one != other => Err(()),
            (one, other) => Ok(one.or(other).cloned()),
        }
    }
    let (one, other) = (&first.access, &next.access);
    let merge = || -> Result<Access, ()> {
        Ok(Access {
            endpoint: merged(one.endpoint.as_ref(), other.endpoint.as_ref())?,
            credentials: merged(one.credentials.as_ref(), other.credentials.as_ref())?,
            is_verified: merged(one.is_verified.as_ref(), other.is_verified.as_ref())?,
            ca_file: merged(one.ca_file.as_ref(), other.ca_file.as_ref())?,
            fingerprint: None,
        })
    };
    let access = merge().map_err(|()| disagree())?;
    Ok(Import { tool: first.tool, access })
}

const fn is_secret(says: Field) -> bool {
    matches!(says, Field::TokenSecret | Field::WholeToken | Field::Password)
}

/// Returns whether a tool's variables are there: a secret that is its alone, in the form that it has there.
fn is_there(variables: &ToolVariables, tool: Tool) -> bool {
    let text = |variable: &str| variables.text(variable);
    match tool {
        // Both read PROXMOX_TOKEN; only its form tells whose it is.
        Tool::Packer => {
            let is_secret = text("PROXMOX_TOKEN").is_some_and(|token| token.parse::<TokenSecret>().is_ok());
            text("PROXMOX_USERNAME").is_some() && (is_secret || text(Key::Password.entry().variable).is_some())
        }
        Tool::Capmox => text("PROXMOX_SECRET").is_some(),
        // The password's variable is our own as well.
        Tool::Ansible => text("PROXMOX_TOKEN_SECRET").is_some(),
        _ => tool.words().iter().any(|word| is_secret(word.says) && text(word.variable).is_some()),
    }
}
