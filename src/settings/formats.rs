//! The table of other tools' variables, and what each of them holds about a server.

mod access;
mod curl;
mod import;
mod remarks;

pub use self::access::Access;
pub use self::curl::curl_line;
pub use self::import::{BadImport, Import, ToolVariables, imported};
pub use self::remarks::Remark;
use super::Credentials;
use super::assignment::Assignment;
use super::keys::Key;
use super::setting::WritableValue;
use crate::model::Tool;

/// What one variable says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// `https://host:port`, and this behind it.
    Address(&'static str),
    /// The host alone.
    Host,
    /// The port alone.
    Port,
    /// `name@realm`.
    User,
    /// `name@realm` of who logs in with a password; a token says this differently.
    PasswordUser,
    /// `name@realm!token` with a token, `name@realm` with a password.
    TokenIdOrUser,
    /// `name@realm!token`.
    TokenId,
    /// The name of the token alone.
    TokenName,
    /// The secret of the token.
    TokenSecret,
    /// `name@realm!token=secret`.
    WholeToken,
    /// The password.
    Password,
    /// Whether certificates are verified.
    Verify,
    /// Whether they are not.
    Insecure,
    /// The file of the only authority that counts.
    CaFile,
}

/// One variable of a tool.
#[derive(Debug, Clone, Copy)]
struct Variable {
    variable: &'static str,
    says: Field,
    spelling: Spelling,
}

/// Whether a tool still reads a variable by this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// It does.
    Current,
    /// Only older releases read it: it is imported, but not printed.
    Older,
}

const fn word(variable: &'static str, says: Field) -> Variable {
    Variable { variable, says, spelling: Spelling::Current }
}

const fn older(variable: &'static str, says: Field) -> Variable {
    Variable { variable, says, spelling: Spelling::Older }
}

/// Every tool's variables, in the order in which they are printed.
const TABLE: [(Tool, &[Variable]); 6] = [
    (
        Tool::TerraformBpg,
        &[
            word("PROXMOX_VE_ENDPOINT", Field::Address("/")),
            word("PROXMOX_VE_API_TOKEN", Field::WholeToken),
            older("PROXMOX_VE_APITOKEN", Field::WholeToken),
            word("PROXMOX_VE_USERNAME", Field::PasswordUser),
            word("PROXMOX_VE_PASSWORD", Field::Password),
            word("PROXMOX_VE_INSECURE", Field::Insecure),
        ],
    ),
    (
        Tool::TerraformTelmate,
        &[
            word("PM_API_URL", Field::Address("/api2/json")),
            word("PM_API_TOKEN_ID", Field::TokenId),
            word("PM_API_TOKEN_SECRET", Field::TokenSecret),
            word("PM_USER", Field::PasswordUser),
            word("PM_PASS", Field::Password),
            word("PM_TLS_INSECURE", Field::Insecure),
        ],
    ),
    (
        Tool::Packer,
        &[
            word("PROXMOX_URL", Field::Address("/api2/json")),
            word("PROXMOX_USERNAME", Field::TokenIdOrUser),
            word("PROXMOX_TOKEN", Field::TokenSecret),
            word("PROXMOX_PASSWORD", Field::Password),
        ],
    ),
    (
        Tool::Ansible,
        &[
            word("PROXMOX_HOST", Field::Host),
            word("PROXMOX_PORT", Field::Port),
            word("PROXMOX_URL", Field::Address("")),
            word("PROXMOX_USER", Field::User),
            word("PROXMOX_TOKEN_ID", Field::TokenName),
            word("PROXMOX_TOKEN_SECRET", Field::TokenSecret),
            word("PROXMOX_PASSWORD", Field::Password),
            word("PROXMOX_VALIDATE_CERTS", Field::Verify),
            word("PROXMOX_CA_PATH", Field::CaFile),
        ],
    ),
    (
        Tool::Capmox,
        &[
            word("PROXMOX_URL", Field::Address("")),
            word("PROXMOX_TOKEN", Field::TokenId),
            word("PROXMOX_SECRET", Field::TokenSecret),
            word("PROXMOX_INSECURE", Field::Insecure),
        ],
    ),
    (
        Tool::Exporter,
        &[
            word("PVE_USER", Field::User),
            word("PVE_TOKEN_NAME", Field::TokenName),
            word("PVE_TOKEN_VALUE", Field::TokenSecret),
            word("PVE_PASSWORD", Field::Password),
            word("PVE_VERIFY_SSL", Field::Verify),
        ],
    ),
];

/// Names the variables of a tool that say something about a server.
#[must_use]
pub fn variables_of(tool: Tool) -> Vec<&'static str> {
    tool.words().iter().filter(|word| word.spelling == Spelling::Current).map(|word| word.variable).collect()
}

/// Lists the tools that read a variable.
pub(super) fn tools_with(variable: &str) -> Vec<Tool> {
    Tool::ALL.into_iter().filter(|tool| tool.words().iter().any(|word| word.variable == variable)).collect()
}

/// Returns the key of ours that says what a tool's variable says.
pub(super) fn key_of(variable: &str) -> Option<Key> {
    let word = Tool::ALL.into_iter().flat_map(Tool::words).find(|word| word.variable == variable)?;
    Some(match word.says {
        Field::Address(_) | Field::Host | Field::Port => Key::Host,
        Field::User | Field::PasswordUser | Field::TokenIdOrUser => Key::User,
        Field::TokenId | Field::TokenName => Key::TokenName,
        Field::TokenSecret | Field::WholeToken => Key::TokenValue,
        Field::Password => Key::Password,
        Field::Verify | Field::Insecure => Key::VerifySsl,
        Field::CaFile => Key::CaFile,
    })
}

impl Tool {
    fn words(self) -> &'static [Variable] {
        TABLE.iter().find(|(tool, _)| *tool == self).map(|(_, words)| *words).unwrap_or_default()
    }

    fn variable_for(self, says: impl Fn(Field) -> bool) -> Option<&'static str> {
        self.words().iter().find(|word| says(word.says)).map(|word| word.variable)
    }

    /// Returns whether it can log in with a password.
    fn takes_passwords(self) -> bool {
        self.variable_for(|says| says == Field::Password).is_some()
    }

    /// Returns the variables that say what is known; `None` if the tool has no variable for this authentication.
    #[must_use]
    pub fn assignments(self, access: &Access) -> Option<Vec<Assignment>> {
        if matches!(access.credentials, Some(Credentials::Password { .. })) && !self.takes_passwords() {
            return None;
        }
        let printed = self.words().iter().filter(|word| word.spelling == Spelling::Current);
        Some(printed.filter_map(|word| assignment(*word, access)).collect())
    }
}

/// Says with one variable what it is there for, where that is known.
fn assignment(word: Variable, access: &Access) -> Option<Assignment> {
    let name = word.variable.to_owned();
    let token = match &access.credentials {
        Some(Credentials::Token { id, secret }) => Some((id, secret)),
        _ => None,
    };
    let password = match &access.credentials {
        Some(Credentials::Password { user, password }) => Some((user, password)),
        _ => None,
    };
    let endpoint = access.endpoint.as_ref();
    let text = match word.says {
        Field::WholeToken => {
            let (id, secret) = token?;
            return Some(Assignment::hidden(name, format!("{id}="), WritableValue::Token(secret.clone())));
        }
        Field::TokenSecret => {
            return Some(Assignment::hidden(name, String::new(), WritableValue::Token(token?.1.clone())));
        }
        Field::Password => {
            return Some(Assignment::hidden(name, String::new(), WritableValue::Password(password?.1.clone())));
        }
        Field::Address(behind) => format!("{}{behind}", endpoint?.url()),
        Field::Host => endpoint?.host().to_string(),
        Field::Port => endpoint?.port().to_string(),
        Field::User => access.user()?.to_string(),
        Field::PasswordUser => password?.0.to_string(),
        Field::TokenIdOrUser => match token {
            Some((id, _)) => id.to_string(),
            None => password?.0.to_string(),
        },
        Field::TokenId => token?.0.to_string(),
        Field::TokenName => token?.0.name.to_string(),
        Field::Verify => access.is_verified?.to_string(),
        Field::Insecure => (!access.is_verified?).to_string(),
        Field::CaFile => access.ca_file.as_ref()?.display().to_string(),
    };
    Some(Assignment::public(name, text))
}

#[cfg(test)]
mod tests;
