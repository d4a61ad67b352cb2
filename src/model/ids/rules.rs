//! The rules that Proxmox VE has for names.

use super::{InvalidId, NodeName};

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn is_node(text: &str) -> bool {
    is_label(text)
}

/// Says why a text is not the name of a node: the DNS gives one with its domain.
pub(super) fn not_a_node(text: &str) -> InvalidId {
    if text.parse::<std::net::IpAddr>().is_ok() {
        return InvalidId::NodeAddress;
    }
    let name = text.trim_end_matches('.');
    match name.split_once('.') {
        Some((short, _)) if is_dns_name(name) && is_node(short) => {
            InvalidId::NodeDomain { short: NodeName(short.to_owned()) }
        }
        _ => InvalidId::Node,
    }
}

pub(super) fn is_dns_name(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// The rule `pve-storage-id`: a letter, then letters, digits, `-_.`, and a letter or digit last.
pub(super) fn is_storage(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.ends_with(|last: char| last.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The rule `pve-bridge-id`.
pub(super) fn is_bridge(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A content type of `pve-storage-content`: those known today, and any later one of the same form.
pub(super) fn is_content(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

pub(super) fn is_digest(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The rule `pve-realm`.
pub(super) fn is_realm(text: &str) -> bool {
    text.len() >= 2 && text.starts_with(|first: char| first.is_ascii_alphabetic()) && is_bridge(text)
}

/// The rules `pve-roleid` and `pve-groupid`.
pub(super) fn is_role(text: &str) -> bool {
    is_bridge(text)
}

/// The rule `pve-poolid`.
pub(super) fn is_pool(text: &str) -> bool {
    let levels: Vec<&str> = text.split('/').collect();
    levels.len() <= 3
        && levels.iter().all(|level| {
            !level.is_empty() && level.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        })
}
