//! Who may do what: users, tokens, groups, roles, pools and the access control list of the pretended cluster.

mod acl;
mod authenticate;
mod checks;
mod fixtures;
pub(crate) mod login;
pub mod names;
mod pools;
pub(crate) mod refusal;
mod release;
mod rights;
mod roles;
mod tickets;
mod totp;
mod users;

use std::collections::BTreeMap;

pub use acl::{Acl, Entry, Subject};
pub use authenticate::{Caller, Credentials, Stranger};
pub use login::{LogIn, Progress, Refused};
pub use pools::Pool;
pub use refusal::Refusal;
pub(crate) use release::Imports;
pub use release::Release;
pub use rights::Rights;
pub use roles::Role;
pub use tickets::Signer;
pub use totp::code as one_time_code;
pub use users::{Group, Realm, Token, Totp, User};

/// The user that everything is allowed to.
pub const ROOT: &str = "root@pam";

/// Identities and their rights, as the file `user.cfg` of a cluster holds them.
#[derive(Debug, Clone)]
pub struct Access {
    /// The release that is pretended.
    pub release: Release,
    /// Where users come from, by name.
    pub realms: BTreeMap<String, Realm>,
    /// Users by `name@realm`, with their tokens.
    pub users: BTreeMap<String, User>,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
    /// Pools by name.
    pub pools: BTreeMap<String, Pool>,
    /// Who was given which role where.
    pub acl: Acl,
    /// What tickets are signed with.
    pub signer: Signer,
}

impl Access {
    /// Makes the identities of a fresh cluster: `root@pam` without a password, the realms `pam` and `pve`.
    pub fn new(release: Release) -> Self {
        let realm = |kind: &str, comment: &str| Realm { kind: kind.to_owned(), comment: comment.to_owned() };
        Self {
            release,
            realms: BTreeMap::from([
                ("pam".to_owned(), realm("pam", "Linux PAM standard authentication")),
                ("pve".to_owned(), realm("pve", "Proxmox VE authentication server")),
            ]),
            users: BTreeMap::from([(ROOT.to_owned(), User::default())]),
            groups: BTreeMap::new(),
            roles: roles::built_in(release),
            pools: BTreeMap::new(),
            acl: Acl::default(),
            signer: Signer::random(),
        }
    }

    /// Tells whether this release knows the privilege.
    pub fn is_privilege(&self, name: &str) -> bool {
        roles::is_privilege(name, self.release)
    }

    /// Gives a role to a user or token.
    pub fn grant(&mut self, subject: &str, path: &str, role: &str) {
        let holder = match names::split_token(subject) {
            Some(_) => Subject::Token(subject.to_owned()),
            None => Subject::User(subject.to_owned()),
        };
        self.acl.set(Entry { path: path.to_owned(), holder, role: role.to_owned(), propagate: true });
    }
}
