//! The API of a Proxmox VE server, and what can go wrong on the way to it.

pub mod client;
mod error;
mod error_mapping;
mod http_client;
mod multipart;
pub mod privileges;
mod proxy;
mod reachability;
mod refusal_reason;
mod reply;
mod retry;
mod streaming_list;
pub mod task;
mod task_timing;
mod text_download;
mod tls;
mod transport;
mod values;
mod vm_config;

pub use client::{
    AclChange, AclEntry, Challenge, CloneRequest, FetchRequest, Growth, Image, LoggedIn, PoolCard, Pve, Subject,
    TokenRecord, TokenRequest, Upload, UserLookup, UserRecord,
};
pub use error::ApiError;
pub use http_client::{Limits, Sizes};
pub use proxy::{Proxies, ProxySeen};
pub use reachability::{addresses, tcp_connect};
pub use refusal_reason::RefusalReason;
pub use reply::{Refusal, SentCredential};
pub use retry::{CallEvent, Observer};
pub use task_timing::TaskTiming;
pub use text_download::text_at;
pub use tls::{CaBundle, Leaf, NotValid, Probed, Trust, UntrustedCause, certificates_in, probe};
pub use values::{ActiveTask, CloneFeature, Interface, Node, Realm, Storage, TaskStatus, Version, Vm, VmStatus};
pub use vm_config::{Disk, VmConfig};
