//! Glassdome takes a person from a Proxmox VE server to a token that is proven to create VMs there.

pub mod cli;
pub mod clock;
pub mod commands;
pub mod model;
pub mod pve;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod session;
pub mod settings;
pub mod ui;
