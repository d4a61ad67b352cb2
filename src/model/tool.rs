//! The tools that have variables of their own for a Proxmox VE server.

use std::fmt;

/// A tool with variables of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// The provider `bpg/proxmox` of Terraform and OpenTofu.
    TerraformBpg,
    /// The provider `telmate/proxmox`.
    TerraformTelmate,
    /// Packer's builders `proxmox-clone` and `proxmox-iso`.
    Packer,
    /// The collection `community.proxmox`.
    Ansible,
    /// The Cluster API provider for Proxmox VE.
    Capmox,
    /// `prometheus-pve-exporter`.
    Exporter,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Self; 6] =
        [Self::TerraformBpg, Self::TerraformTelmate, Self::Packer, Self::Ansible, Self::Capmox, Self::Exporter];

    /// Returns its name, as flags take it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TerraformBpg => "terraform-bpg",
            Self::TerraformTelmate => "terraform-telmate",
            Self::Packer => "packer",
            Self::Ansible => "ansible",
            Self::Capmox => "capmox",
            Self::Exporter => "exporter",
        }
    }

    /// Says which tool is meant, and which part of it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::TerraformBpg => "Terraform or OpenTofu, provider bpg/proxmox",
            Self::TerraformTelmate => "Terraform, provider telmate/proxmox",
            Self::Packer => "Packer, builders proxmox-clone and proxmox-iso",
            Self::Ansible => "Ansible, collection community.proxmox",
            Self::Capmox => "Cluster API provider for Proxmox VE",
            Self::Exporter => "prometheus-pve-exporter",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
