//! The one table of `.env` keys.

use std::fmt;
use std::str::FromStr;

/// A key of the `.env` file that this program reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The server: `host` or `host:port`.
    Host,
    /// The user that owns the token, `name@realm`.
    User,
    /// The name of the token.
    TokenName,
    /// The secret of the token.
    TokenValue,
    /// A password in place of a token.
    Password,
    /// Whether certificates are verified against the system's authorities.
    VerifySsl,
    /// The node on which VMs are made.
    Node,
    /// The certificate authority that is trusted for this server.
    CaFile,
    /// The fingerprint of the certificate that is trusted for this server.
    Fingerprint,
    /// The pool that VMs are made in.
    Pool,
    /// The VMID of the Ubuntu 22.04 template.
    Ubuntu2204Template,
    /// The VMID of the Ubuntu 20.04 template.
    Ubuntu2004Template,
}

/// The block of the file that a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// How the server is reached.
    Connection,
    /// Which templates are cloned; the same for every instance.
    Templates,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// The key.
    pub key: Key,
    /// Its variable where the instance is `01`.
    pub variable: &'static str,
    /// The flag that sets it.
    pub flag: &'static str,
    /// Whether its value is never shown.
    pub secrecy: Secrecy,
    /// The default.
    pub default: Option<&'static str>,
    /// One line that says what it is.
    pub about: &'static str,
}

/// How much of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Public,
    /// At most its first four characters.
    Token,
    /// Nothing.
    Password,
}

/// Every key, in the order in which the file lists them.
pub const KEYS: [KeySpec; 12] = [
    KeySpec {
        key: Key::Host,
        variable: "PROXMOX_HOST",
        flag: "--host",
        secrecy: Secrecy::Public,
        default: None,
        about: "Host name or IP address, with `:port` if the port is not 8006",
    },
    KeySpec {
        key: Key::User,
        variable: "PROXMOX_USER",
        flag: "--user",
        secrecy: Secrecy::Public,
        default: None,
        about: "User the token belongs to, `name@realm`",
    },
    KeySpec {
        key: Key::TokenName,
        variable: "PROXMOX_TOKEN_NAME",
        flag: "--token-name",
        secrecy: Secrecy::Public,
        default: Some("glassdome-token"),
        about: "Token name, without the user",
    },
    KeySpec {
        key: Key::TokenValue,
        variable: "PROXMOX_TOKEN_VALUE",
        flag: "--token-value-file",
        secrecy: Secrecy::Token,
        default: None,
        about: "Token secret: a UUID, shown once when the token is created",
    },
    KeySpec {
        key: Key::Password,
        variable: "PROXMOX_PASSWORD",
        flag: "--password-file",
        secrecy: Secrecy::Password,
        default: None,
        about: "Password of the user, instead of the two token keys (a token is safer; if both are set, the token is used)",
    },
    KeySpec {
        key: Key::VerifySsl,
        variable: "PROXMOX_VERIFY_SSL",
        flag: "--insecure",
        secrecy: Secrecy::Public,
        default: Some("true"),
        about: "Whether the Glassdome application verifies the certificate: true if the system trusts it, otherwise false",
    },
    KeySpec {
        key: Key::Node,
        variable: "PROXMOX_NODE",
        flag: "--node",
        secrecy: Secrecy::Public,
        default: None,
        about: "Node to create VMs on",
    },
    KeySpec {
        key: Key::CaFile,
        variable: "PROXMOX_CA_FILE",
        flag: "--ca-file",
        secrecy: Secrecy::Public,
        default: None,
        about: "CA certificate of the cluster, relative to this file's folder; overrides PROXMOX_VERIFY_SSL in glassdome",
    },
    KeySpec {
        key: Key::Fingerprint,
        variable: "PROXMOX_FINGERPRINT",
        flag: "--fingerprint",
        secrecy: Secrecy::Public,
        default: None,
        about: "SHA-256 fingerprint of the only certificate to accept; overrides PROXMOX_VERIFY_SSL in glassdome",
    },
    KeySpec {
        key: Key::Pool,
        variable: "PROXMOX_POOL",
        flag: "--pool",
        secrecy: Secrecy::Public,
        default: None,
        about: "Pool to create VMs in",
    },
    KeySpec {
        key: Key::Ubuntu2204Template,
        variable: "UBUNTU_2204_TEMPLATE_ID",
        flag: "--ubuntu-2204-template-id",
        secrecy: Secrecy::Public,
        default: None,
        about: "VMID of the Ubuntu 22.04 template (the application's agent always clones 9003)",
    },
    KeySpec {
        key: Key::Ubuntu2004Template,
        variable: "UBUNTU_2004_TEMPLATE_ID",
        flag: "--ubuntu-2004-template-id",
        secrecy: Secrecy::Public,
        default: None,
        about: "VMID of the Ubuntu 20.04 template",
    },
];

/// The password of the administrator who makes a token: a variable of the process alone.
pub const LOGIN_PASSWORD: &str = "PROXMOX_LOGIN_PASSWORD";

/// The settings file, as a variable of the process.
pub const ENV_FILE: &str = "GLASSDOME_ENV_FILE";

/// What the variables of the connection begin with.
const CONNECTION: &str = "PROXMOX_";

/// What the variables of the templates begin with.
const TEMPLATES: &str = "UBUNTU_";

/// What names begin with that are about a Proxmox VE server, in any tool.
pub(super) const PREFIXES: [&str; 3] = [CONNECTION, "PVE_", "UBUNTU_2"];

/// Returns whether a variable could be a setting of a server.
#[must_use]
pub fn is_setting(name: &str) -> bool {
    name.starts_with(CONNECTION) || name.starts_with(TEMPLATES)
}

impl Key {
    /// Returns what the table says of this key.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a test holds the table against the order of the variants")]
    pub const fn entry(self) -> &'static KeySpec {
        &KEYS[self as usize]
    }

    /// Returns the name of its variable for an instance.
    #[must_use]
    pub fn variable(self, instance: &Instance) -> String {
        let bare = self.entry().variable;
        match (&instance.0, self) {
            (None, _) | (_, Self::Ubuntu2204Template | Self::Ubuntu2004Template) => bare.to_owned(),
            // An irregular name, but the one that the application reads.
            (Some(id), Self::TokenValue) => format!("{bare}_{id}"),
            (Some(id), _) => format!("{CONNECTION}{id}_{}", bare.strip_prefix(CONNECTION).unwrap_or(bare)),
        }
    }

    /// Finds the instance whose variable for this key a name is.
    #[must_use]
    pub fn instance_of(self, name: &str) -> Option<Instance> {
        self.instance_in_any_order(name).filter(|instance| self.variable(instance) == name)
    }

    /// Finds the instance that a name means, the number behind the key's name or within it.
    pub(super) fn instance_in_any_order(self, name: &str) -> Option<Instance> {
        let bare = self.entry().variable;
        if name == bare {
            return Some(Instance::default());
        }
        let behind = bare.strip_prefix(CONNECTION)?;
        let within = name.strip_prefix(CONNECTION).and_then(|rest| rest.strip_suffix(behind)?.strip_suffix('_'));
        within.or_else(|| name.strip_prefix(bare)?.strip_prefix('_'))?.parse().ok()
    }

    /// Returns the block of the file that it belongs to.
    #[must_use]
    pub const fn block(self) -> Section {
        match self {
            Self::Ubuntu2204Template | Self::Ubuntu2004Template => Section::Templates,
            _ => Section::Connection,
        }
    }

    /// Says how much of its value may be shown.
    #[must_use]
    pub const fn secrecy(self) -> Secrecy {
        self.entry().secrecy
    }
}

/// One of several servers in the same file; `01` has the bare names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Instance(Option<String>);

/// Why a text names no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadInstance {
    /// Something that cannot be part of a variable's name.
    #[error("an instance name consists of 1 to 16 ASCII letters and digits, e.g. `02`")]
    Form,
    /// A name whose variables mean something else.
    #[error("`LOGIN` is reserved (PROXMOX_LOGIN_PASSWORD is the administrator's password)")]
    Reserved,
}

impl Instance {
    /// Returns the name that a CA file of this instance has beside the `.env` file.
    #[must_use]
    pub fn ca_file_name(&self) -> String {
        match &self.0 {
            None => "proxmox-ca.pem".to_owned(),
            Some(id) => format!("proxmox-ca-{id}.pem"),
        }
    }

    /// Returns whether this is instance `01`, which has the bare names.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.0.is_none()
    }
}

impl FromStr for Instance {
    type Err = BadInstance;

    fn from_str(text: &str) -> Result<Self, BadInstance> {
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(BadInstance::Form);
        }
        if text == "LOGIN" {
            return Err(BadInstance::Reserved);
        }
        Ok(Self((text != "01").then(|| text.to_owned())))
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_deref().unwrap_or("01"))
    }
}

#[cfg(test)]
mod tests;
