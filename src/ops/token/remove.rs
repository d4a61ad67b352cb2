//! Removes a token and what was granted to it.

use crate::error::{Doing, Error, Operation};
use crate::model::TokenId;
use crate::ops::token::login::Admin;
use crate::pve::{AclChange, AclEntry};

/// Deletes the token's own ACL entries, if the login may, and the token; the server then deletes its other entries.
pub(crate) async fn remove(admin: &Admin, token: &TokenId, entries: &[AclEntry]) -> Result<(), Error> {
    for entry in entries {
        let change = AclChange {
            path: entry.path.clone(),
            holder: entry.holder.clone(),
            roles: vec![entry.role.clone()],
            propagates: entry.propagates,
        };
        match admin.pve.ungrant(&change).await {
            Ok(()) => {}
            // The server forgets the entries of a token that is gone.
            Err(refused) if refused.is_forbidden() => break,
            Err(source) => return Err(Error::server(Operation::RevokeToken(token.to_string()), source)),
        }
    }
    let gone = admin.pve.delete_token(token).await;
    gone.doing(Operation::RevokeToken(token.to_string()))
}
