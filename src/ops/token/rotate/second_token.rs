//! The second token: its name, ACL entries and plan.

use crate::model::{TokenId, TokenName};
use crate::ops::token::grant_plan::{COMMENT, GrantPlan, PlanStep, PrivilegesBefore};
use crate::pve::{AclChange, AclEntry, Subject, TokenRecord, TokenRequest};
use uuid::Uuid;

/// A second token, as it is to be made.
pub(super) struct SecondToken {
    pub(super) new: TokenId,
    pub(super) record: TokenRecord,
    pub(super) entries: Vec<AclEntry>,
    pub(super) proposal: GrantPlan,
}

pub(super) fn nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Lists the entries of a token.
pub(crate) fn entries_of(acl: Vec<AclEntry>, token: &TokenId) -> Vec<AclEntry> {
    let holder = Subject::token(token);
    acl.into_iter().filter(|entry| entry.holder == holder).collect()
}

pub(super) fn for_token(entry: AclEntry, token: &TokenId) -> AclEntry {
    AclEntry { holder: Subject::token(token), ..entry }
}

/// Plans a token beside an old one, which it takes the place of.
pub(super) fn proposal(
    old: &TokenId,
    new: &TokenId,
    record: &TokenRecord,
    entries: &[AclEntry],
    nonce: &str,
) -> GrantPlan {
    let comment = format!("{COMMENT} (rotation {nonce})");
    let request = TokenRequest { separated: record.separated, expire: record.expire, comment };
    let mut steps = vec![PlanStep::Token(new.clone(), request)];
    steps.extend(entries.iter().map(|entry| {
        let change = AclChange {
            path: entry.path.clone(),
            holder: Subject::token(new),
            roles: vec![entry.role.clone()],
            propagates: entry.propagates,
        };
        PlanStep::Grant(change, PrivilegesBefore::new())
    }));
    GrantPlan {
        token: new.clone(),
        separated: record.separated,
        expire: record.expire,
        steps,
        effects: Vec::new(),
        retires: Some(old.clone()),
        remarks: vec![format!("{old} is revoked after the new token has been checked and saved in the settings file")],
        basis: None,
    }
}

/// Finds a name that no token has: the same one with the next number.
pub(crate) fn next_name(name: &str, tokens: &[TokenRecord]) -> Option<TokenName> {
    let (base, number) = match name.rsplit_once('-') {
        Some((base, digits)) if !base.is_empty() => match digits.parse::<u32>() {
            Ok(number) => (base, number),
            Err(_) => (name, 1),
        },
        _ => (name, 1),
    };
    let names = (number.saturating_add(1)..).map(|number| format!("{base}-{number}"));
    let free = names.take(1000).find(|name| !tokens.iter().any(|token| token.name.as_str() == *name));
    free.and_then(|name| name.parse().ok())
}
