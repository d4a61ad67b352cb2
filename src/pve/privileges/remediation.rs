//! Whose privileges are missing, and the most likely cause.

use std::fmt;

use crate::model::{TokenId, UserId};
use crate::pve::privileges::{AclPath, MissingPrivileges, Permissions};

/// Whether a token has rights of its own, cut down to those of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separation {
    /// Privilege separation is on.
    On,
    /// The token has the rights of its user.
    Off,
}

/// What is known about a token's user, from a login or with Sys.Audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSeen {
    /// What the user holds itself.
    pub holds: Permissions,
    /// Whether the token has privilege separation.
    pub separation: Separation,
}

/// Who lacks something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A user that logged in.
    User(UserId),
    /// A token, and its user where that can be seen; usually it cannot.
    Token(TokenId, Option<UserSeen>),
}

impl Caller {
    /// Returns the user, or that of the token.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        match self {
            Self::User(user) => user,
            Self::Token(token, _) => &token.user,
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(formatter),
            Self::Token(token, _) => token.fmt(formatter),
        }
    }
}

/// Why something is missing, as far as it can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LikelyCause {
    /// A user lacks it, nothing more can be said.
    NotGranted,
    /// The token has no privilege at all. Its user is not visible, but probably has some.
    SeparationLikely,
    /// The user has all of it, the token has privilege separation and was not granted it.
    Separation,
    /// The user lacks it; what the token was granted makes no difference.
    UserLacks(UserId),
    /// A deeper entry replaces an inherited one.
    Replaced {
        /// Where it is missing.
        path: AclPath,
        /// Where it is held, and would be inherited from.
        from: AclPath,
    },
    /// The token or its user.
    Unknown(UserId),
}

impl LikelyCause {
    /// Finds the cause from what the caller holds.
    #[must_use]
    pub fn of(caller: &Caller, missing: &[MissingPrivileges], held: &Permissions) -> Self {
        let replaced = missing.iter().find_map(|entry| Some((entry.path.acl_path(), entry.replaced_from(held)?)));
        if let Some((path, from)) = replaced {
            return Self::Replaced { path, from };
        }
        match caller {
            Caller::User(_) => Self::NotGranted,
            Caller::Token(token, None) if held.is_empty() && !token.user.is_root() => Self::SeparationLikely,
            // root@pam may do everything.
            Caller::Token(token, None) if token.user.is_root() => Self::Separation,
            Caller::Token(token, None) => Self::Unknown(token.user.clone()),
            Caller::Token(token, Some(seen)) => {
                let lacks =
                    |entry: &MissingPrivileges| !entry.missing.is_subset(&seen.holds.on(&entry.path.acl_path()));
                if missing.iter().any(lacks) { Self::UserLacks(token.user.clone()) } else { Self::Separation }
            }
        }
    }

    /// Returns whether the token may lack it for its privilege separation alone.
    #[must_use]
    pub const fn may_be_separation(&self) -> bool {
        match self {
            Self::SeparationLikely | Self::Separation | Self::Unknown(_) => true,
            Self::NotGranted | Self::UserLacks(_) | Self::Replaced { .. } => false,
        }
    }
}

impl fmt::Display for LikelyCause {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted => to.write_str("cause: none of the roles granted to this user includes them"),
            Self::SeparationLikely => to.write_str("most likely cause: privilege separation is enabled for this token"),
            Self::Separation => to.write_str("cause: privilege separation is enabled for this token"),
            Self::UserLacks(user) => write!(to, "cause: the user {user} lacks them, and so do its tokens"),
            Self::Replaced { path, from } => {
                write!(to, "most likely cause: a permission on or above {path} replaces the role from {from}")
            }
            Self::Unknown(user) => {
                write!(to, "this token cannot see whether its user {user} has them")
            }
        }
    }
}
