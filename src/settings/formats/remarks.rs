//! What a tool has no variable for, or would misunderstand.

use std::path::PathBuf;

use super::{Access, Credentials, Field};
use crate::model::Tool;
use crate::model::endpoint::DEFAULT_PORT;
use crate::settings::Key;

/// Something that a person should know about the variables of a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Remark {
    /// A fingerprint, which no tool knows.
    #[error(
        "{tool} does not support certificate fingerprints: it uses the CAs of the system and rejects certificates of the cluster's own CA"
    )]
    NoFingerprint {
        /// Who cannot.
        tool: Tool,
    },
    /// A CA file, which few tools know.
    #[error("{tool} has no setting for a CA file: also set {variable}={}, or add the CA to those of the system", path.display())]
    NoCaFile {
        /// Who cannot.
        tool: Tool,
        /// What the library below it reads.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A CA file, which only newer releases know.
    #[error(
        "PROXMOX_CA_PATH needs community.proxmox 1.6.0 or later; for older versions and the inventory plugin, also set {variable}={}", path.display()
    )]
    CaFileOfNewer {
        /// What the library below it reads.
        variable: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// No variable that switches verification off.
    #[error("{tool} has no variable for {}=false: write `{setting}` in its own configuration", Key::VerifySsl.entry().variable)]
    NoVerification {
        /// The tool.
        tool: Tool,
        /// What its own file says instead.
        setting: &'static str,
    },
    /// No variable for the server.
    #[error("{tool} gets the server with each request: `?target={target}`")]
    NoEndpoint {
        /// Who is.
        tool: Tool,
        /// The server.
        target: String,
    },
    /// `PROXMOX_TOKEN`
    #[error("PROXMOX_TOKEN is the {here} for {tool}, but the {there} for {other}: do not set both in one shell")]
    TwoMeanings {
        /// The tool that is asked for.
        tool: Tool,
        /// What the variable is to it.
        here: &'static str,
        /// The other tool.
        other: Tool,
        /// What it is to that one.
        there: &'static str,
    },
    /// `PROXMOX_HOST` without its port.
    #[error(
        "{} has no port here, because {tool} reads PROXMOX_PORT; in the same shell, Glassdome would use {DEFAULT_PORT} instead of {port}",
        Key::Host.entry().variable
    )]
    PortApart {
        /// Who reads it apart.
        tool: Tool,
        /// The port.
        port: u16,
    },
}

impl Tool {
    /// Says what the tool has no variable for, and what its variables mean to others.
    #[must_use]
    pub fn remarks(self, access: &Access) -> Vec<Remark> {
        let mut remarks = Vec::new();
        let endpoint = access.endpoint.as_ref();
        if let (Some(endpoint), None) =
            (endpoint, self.variable_for(|it| matches!(it, Field::Address(_) | Field::Host)))
        {
            remarks.push(Remark::NoEndpoint { tool: self, target: endpoint.to_string() });
        }
        if access.fingerprint.is_some() {
            remarks.push(Remark::NoFingerprint { tool: self });
        }
        if let (Some(path), None) = (&access.ca_file, self.variable_for(|says| says == Field::CaFile)) {
            let variable = self.authorities();
            remarks.push(Remark::NoCaFile { tool: self, variable, path: path.clone() });
        }
        if let (Some(path), Self::Ansible) = (&access.ca_file, self) {
            remarks.push(Remark::CaFileOfNewer { variable: self.authorities(), path: path.clone() });
        }
        let has_verify_field = self.variable_for(|it| matches!(it, Field::Verify | Field::Insecure)).is_some();
        if access.is_verified == Some(false) && !has_verify_field {
            remarks.push(Remark::NoVerification { tool: self, setting: "insecure_skip_tls_verify = true" });
        }
        let has_token = matches!(access.credentials, Some(Credentials::Token { .. }));
        remarks.extend(self.two_meanings().filter(|_| has_token));
        if let Some(endpoint) = endpoint.filter(|it| self == Self::Ansible && it.port() != DEFAULT_PORT) {
            remarks.push(Remark::PortApart { tool: self, port: endpoint.port() });
        }
        remarks
    }

    /// Returns the variable by which the library below a tool finds the authorities: Go's, or Python's requests.
    const fn authorities(self) -> &'static str {
        match self {
            Self::Ansible | Self::Exporter => "REQUESTS_CA_BUNDLE",
            Self::TerraformBpg | Self::TerraformTelmate | Self::Packer | Self::Capmox => "SSL_CERT_FILE",
        }
    }

    const fn two_meanings(self) -> Option<Remark> {
        let (secret, id) = ("secret of the token", "ID of the token");
        match self {
            Self::Packer => Some(Remark::TwoMeanings { tool: self, here: secret, other: Self::Capmox, there: id }),
            Self::Capmox => Some(Remark::TwoMeanings { tool: self, here: id, other: Self::Packer, there: secret }),
            _ => None,
        }
    }
}
