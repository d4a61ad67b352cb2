//! Plain values: parsed once on input, always valid afterwards.

pub mod characters;
pub mod decode;
pub mod destination;
pub mod disk_size;
pub mod endpoint;
pub mod expiry;
pub mod fingerprint;
pub mod foreign;
pub mod ids;
pub mod marker;
pub mod paste;
pub mod placeholder;
pub mod register;
pub mod secret;
pub mod secret_form;
mod spelling;
pub mod token;
pub mod token_secret;
pub mod tool;

pub use decode::decode;
pub use destination::Destination;
pub use disk_size::DiskSize;
pub use endpoint::{Endpoint, Host};
pub use expiry::Expiry;
pub use fingerprint::Fingerprint;
pub use foreign::{Foreign, Validated};
pub use ids::{
    BridgeName, ContentKind, Digest, GroupName, NodeName, PoolName, RealmName, RoleName, StorageName, Upid, VmId,
    VmName,
};
pub use marker::{Marker, Provenance};
pub use paste::Pasted;
pub use register::Register;
pub use secret::Secret;
pub use token::{TokenId, TokenName, TokenRef, UserId};
pub use token_secret::TokenSecret;
pub use tool::Tool;
