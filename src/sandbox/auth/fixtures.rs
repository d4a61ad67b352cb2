//! The identities that a person rehearses with.

use crate::sandbox::auth::{Access, ROOT, Release, Token, Totp, User};

impl Access {
    /// Makes the identities that a person rehearses with: their password is `sandbox`.
    pub fn standard(release: Release) -> Self {
        let mut access = Self::new(release);
        for user in [ROOT, "apex@pve", "totp@pve", "nobody@pve"] {
            access.users.insert(user.to_owned(), User::with_password("sandbox"));
        }
        access.guard("totp@pve", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        access.grant("apex@pve", "/", "Administrator");
        access.add_token("apex@pve", "glassdome-token", whole("00000000-1111-2222-3333-444444444444"));
        access.add_token("apex@pve", "powerless", separate("00000000-1111-2222-3333-555555555555"));
        access
    }

    /// Knows a token from an earlier run, with all that an administrator may: which rights it was given is forgotten.
    pub fn remember(&mut self, user: &str, name: &str, secret: &str) {
        let known = self.users.get_mut(user).and_then(|user| user.tokens.get_mut(name));
        if let Some(known) = known {
            secret.clone_into(&mut known.secret);
            return;
        }
        if !self.users.contains_key(user) {
            self.users.insert(user.to_owned(), User::default());
            self.grant(user, "/", "Administrator");
        }
        self.add_token(user, name, whole(secret));
    }

    fn add_token(&mut self, user: &str, name: &str, token: Token) {
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
}
