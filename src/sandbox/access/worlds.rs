//! The identities that worlds begin with: the standard one, and the one that the recordings were made in.

use std::collections::BTreeSet;

use super::{Access, ROOT, Release, Role, Token, Totp, User};
use crate::sandbox::access::pools::Pool;

/// The moment, long ago, at which expired users and tokens expired.
const LONG_AGO: u64 = 1_000_000_000;

impl Access {
    /// Makes the identities that a person rehearses with: their password is `sandbox`.
    pub fn standard(release: Release) -> Self {
        let mut access = Self::new(release);
        for user in [ROOT, "apex@pve", "totp@pve", "nobody@pve"] {
            access.users.insert(user.to_owned(), User::with_password("sandbox"));
        }
        access.guard("totp@pve", "JBSWY3DPEHPK3PXP");
        access.grant("apex@pve", "/", "Administrator");
        access.lend("apex@pve", "glassdome-token", whole("00000000-1111-2222-3333-444444444444"));
        access.lend("apex@pve", "powerless", separate("00000000-1111-2222-3333-555555555555"));
        access
    }

    /// Makes the identities of the server that was recorded, as they were at first.
    pub fn recorded(release: Release) -> Self {
        let mut access = Self::new(release);
        access.users.insert(ROOT.to_owned(), User::with_password("labrootpw"));
        access.users.insert("apex@pve".to_owned(), User::with_password("apex-lab-pass"));
        for user in ["disabled@pve", "expireduser@pve", "noacl@pve", "plain@pve", "totp@pve"] {
            access.users.insert(user.to_owned(), User::with_password("lab-pass-123"));
        }
        for user in access.users.values_mut() {
            user.details.insert("comment".to_owned(), "lab".to_owned());
        }
        if let Some(user) = access.users.get_mut("disabled@pve") {
            user.enabled = false;
        }
        if let Some(user) = access.users.get_mut("expireduser@pve") {
            user.expire = LONG_AGO;
        }
        access.guard("totp@pve", "GAYTEMZUGU3DOOBZMFRGGZDFMZTWQ2LK");
        let commented = Token { comment: Some("lab".to_owned()), ..whole("8e12110e-0e82-4a1f-9574-ef9bccbbe088") };
        access.lend("apex@pve", "glassdome-token", commented);
        access.lend("apex@pve", "noacl", separate("2b8cc355-62db-4921-8284-0993c48dafe2"));
        let expired = Token { expire: LONG_AGO, ..whole("5dde527d-72e7-4c59-a189-b5296710e2d4") };
        access.lend("apex@pve", "expired", expired);
        access.lend("disabled@pve", "tt", whole("641d827a-2451-4ff7-b4da-cc5513f77e4f"));
        access.lend("expireduser@pve", "tt", whole("67492366-4e3c-4a30-82bd-6d5a72961268"));
        access.lend("noacl@pve", "tt", whole("8d0f4603-0d70-465b-afb7-95a74fe4c0f1"));
        access.lend("plain@pve", "tt", whole("a21b7ada-a50b-4088-ac4f-126369ffa918"));
        for role in ["PVEVMAdmin", "PVEDatastoreAdmin", "PVESDNUser", "PVEAuditor"] {
            access.grant("apex@pve", "/", role);
        }
        access
    }

    /// Adds what came to the recorded server later: the user with the fewest rights, its pool, two more tokens' rights.
    pub fn add_later_recorded(&mut self) {
        let roles = [
            ("LClone", "VM.Clone"),
            ("LPool", "VM.Allocate,VM.Audit,VM.Config.Options,VM.PowerMgmt"),
            ("LSpace", "Datastore.AllocateSpace"),
            ("LSdn", "SDN.Use"),
            ("LNet", "Sys.AccessNetwork"),
        ];
        for (name, privileges) in roles {
            let privileges: BTreeSet<String> = privileges.split(',').map(str::to_owned).collect();
            self.roles.insert(name.to_owned(), Role { privileges, special: false });
        }
        self.pools.insert("labpool".to_owned(), Pool::default());
        self.users.insert("min@pve".to_owned(), User::with_password("lab-pass-123"));
        self.lend("min@pve", "tt", whole("5fb1f1c3-d3d0-468a-937b-9c23000613dd"));
        self.lend("apex@pve", "sep", separate("5ce5d58a-2f0e-4c48-b240-6cdefd129ee3"));
        self.grant("min@pve", "/vms/9000", "LClone");
        self.grant("min@pve", "/pool/labpool", "LPool");
        self.grant("min@pve", "/storage/local", "LSpace");
        self.grant("min@pve", "/sdn/zones/localnetwork/vmbr0", "LSdn");
        self.grant("apex@pve", "/", "LNet");
    }

    fn lend(&mut self, user: &str, name: &str, token: Token) {
        if let Some(user) = self.users.get_mut(user) {
            user.tokens.insert(name.to_owned(), token);
        }
    }

    fn guard(&mut self, user: &str, secret: &str) {
        if let Some(user) = self.users.get_mut(user) {
            user.totp = Some(Totp::new(secret));
        }
    }
}

fn whole(secret: &str) -> Token {
    Token { secret: secret.to_owned(), privsep: false, expire: 0, comment: None }
}

fn separate(secret: &str) -> Token {
    Token { privsep: true, ..whole(secret) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELEASE: Release = Release { major: 9, minor: 2, patch: 11 };

    #[test]
    fn the_standard_token_may_everything_and_the_powerless_one_nothing() {
        let access = Access::standard(RELEASE);
        assert_eq!(access.effective("apex@pve!glassdome-token", "/vms/9000").len(), 47);
        assert!(access.effective_everywhere("apex@pve!powerless").is_empty());
        assert!(access.effective_everywhere("nobody@pve").is_empty());
    }

    #[test]
    fn the_recorded_token_has_the_recorded_numbers_of_rights() {
        let mut access = Access::recorded(RELEASE);
        assert_eq!(access.effective("apex@pve!glassdome-token", "/vms/9000").len(), 32);
        assert_eq!(access.effective_everywhere("apex@pve").len(), 8);
        access.add_later_recorded();
        assert_eq!(access.effective_everywhere("apex@pve").len(), 14);
        assert_eq!(access.effective("apex@pve", "/").len(), 33);
    }
}
