//! The API of a Proxmox VE server, and what can go wrong on the way to it.

mod addresses;
mod certificate;
pub mod client;
mod error;
mod failure;
mod multipart;
pub mod privileges;
mod probe;
mod proxy;
mod repeat;
mod reply;
mod rows;
mod spent;
mod sums;
pub mod task;
mod tls;
mod transport;
mod values;
mod vm_config;
mod way;

pub use addresses::{addresses, knock};
pub use certificate::{CaBundle, Leaf, NotValid, certificates_in};
pub use client::{
    AclChange, AclEntry, Challenge, CloneRequest, FetchRequest, Growth, Holder, Image, LoggedIn, PoolCard, Pve,
    TokenCard, TokenRequest, Upload, UserCard, UserSight,
};
pub use error::Error;
pub use probe::{Probed, probe};
pub use proxy::{Proxies, ProxySeen};
pub use repeat::{Ear, Event};
pub use reply::Refusal;
pub use spent::Spent;
pub use sums::text_at;
pub use tls::Trust;
pub use values::{ActiveTask, Interface, Node, Realm, Status, Storage, TaskStatus, Version, Vm};
pub use vm_config::{Disk, VmConfig};
pub use way::{Limits, Sizes};
