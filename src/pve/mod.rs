//! The API of a Proxmox VE server, and what can go wrong on the way to it.

pub mod client;
mod error;
pub mod privileges;
mod proxy;
mod reply;
pub mod task;
mod tls;
mod transport;
mod values;

pub use client::{CloneRequest, Pve};
pub use error::Error;
pub use proxy::Proxies;
pub use reply::Refusal;
pub use tls::{CaBundle, Leaf, Trust, probe};
pub use transport::Limits;
pub use values::{ActiveTask, Disk, Nic, Node, Status, Storage, TaskStatus, Version, Vm, VmConfig};
