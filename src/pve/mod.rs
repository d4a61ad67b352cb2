//! The API of a Proxmox VE server, and what can go wrong on the way to it.

pub mod client;
mod http;
mod lenient;
pub mod privileges;
pub mod task;
mod task_timing;
mod tls;
mod values;
mod vm_config;

pub use client::{
    AclChange, AclEntry, Challenge, CloneRequest, FetchRequest, Growth, Image, LogInStep, PoolCard, Pve,
    ResourceMapping, Subject, TokenRecord, TokenRequest, Upload, UserLookup, UserRecord, check_sendable,
};
pub use http::error::ApiError;
pub use http::http_client::{Limits, Sizes};
pub use http::proxy::{Proxies, ProxySeen};
pub use http::reachability::{addresses, tcp_connect};
pub use http::refusal_reason::RefusalReason;
pub use http::reply::{Refusal, SentCredential};
pub use http::retry::{CallEvent, Observer};
pub use http::text_download::{NoText, text_at};
pub use task_timing::TaskTiming;
pub use tls::{CaBundle, Leaf, NotValid, PinnedFingerprint, Probed, Trust, UntrustedCause, certificates_in, probe};
pub use values::{
    ActiveTask, CloneFeature, Interface, Node, Quorum, Realm, Storage, TaskStatus, Version, VersionNumber, Vm, VmStatus,
};
pub use vm_config::{Disk, VmConfig};
