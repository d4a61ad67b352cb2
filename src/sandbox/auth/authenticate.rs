//! Who is calling: the headers of a request against tokens and tickets.

use percent_encoding::percent_decode_str;

use crate::sandbox::auth::{Access, names};

/// What a request says about its sender.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// The header `Cookie`.
    pub cookie: Option<&'a str>,
    /// The header `Authorization`, its blanks at the end included.
    pub authorization: Option<&'a str>,
    /// The header `CSRFPreventionToken`.
    pub csrf: Option<&'a str>,
    /// Whether the request is none that only reads.
    pub changes: bool,
}

/// The authenticated sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user, or the whole name of the token.
    pub subject: String,
}

impl Caller {
    /// Returns the user who called, or whose token did.
    pub fn user(&self) -> &str {
        names::owner(&self.subject)
    }

    /// Returns the name of the token within its user.
    pub fn token(&self) -> Option<&str> {
        names::split_token(&self.subject).map(|(_, name)| name)
    }
}

/// The reason phrase of a 401 without a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// What the server says.
    pub reason: String,
}

impl Access {
    /// Finds out who sent a request, at a time in seconds since 1970.
    pub fn authenticate(&self, credentials: Credentials<'_>, now: u64) -> Result<Caller, Stranger> {
        let in_header = |name| credentials.authorization.and_then(|header| value_of(header, name));
        let cookie = credentials.cookie.and_then(|header| value_of(header, "PVEAuthCookie"));
        if let Some(ticket) = cookie.or_else(|| in_header("PVEAuthCookie")) {
            return self.ticket_holder(&ticket, credentials, now);
        }
        let Some(token) = in_header("PVEAPIToken") else {
            return Err(Stranger { reason: "No ticket".to_owned() });
        };
        self.token_holder(&token, now).map_err(|why| self.stranger(why))
    }

    /// Tells why a user may not log in.
    pub(crate) fn refuses_user(&self, user: &str, now: u64) -> Option<String> {
        match self.users.get(user) {
            None => Some(format!("no such user ('{user}')")),
            Some(known) if !known.enabled => Some(format!("user '{user}' is disabled")),
            Some(known) if is_over(known.expire, now) => Some(format!("user '{user}' access expired")),
            Some(_) => None,
        }
    }

    fn ticket_holder(&self, ticket: &str, credentials: Credentials<'_>, now: u64) -> Result<Caller, Stranger> {
        let user = self
            .signer
            .user_of(ticket, now)
            .filter(|user| self.refuses_user(user, now).is_none())
            .ok_or_else(|| self.stranger("permission denied - invalid PVE ticket".to_owned()))?;
        let guarded = credentials.csrf.is_some_and(|csrf| self.signer.is_csrf(csrf, user, now));
        if credentials.changes && !guarded {
            return Err(Stranger { reason: "Permission denied - invalid csrf token".to_owned() });
        }
        Ok(Caller { subject: user.to_owned() })
    }

    fn token_holder(&self, header: &str, now: u64) -> Result<Caller, String> {
        let (id, secret) = header.rsplit_once('=').ok_or("no tokenid specified")?;
        let (user, name) = names::split_token(id)
            .ok_or_else(|| format!("'{id}' is not a valid token ID - not able to split into user and token parts"))?;
        if let Some(why) = self.refuses_user(user, now) {
            return Err(why);
        }
        let token = self.token(id).ok_or_else(|| format!("no such token '{name}' for user '{user}'"))?;
        if is_over(token.expire, now) {
            return Err(format!("token '{name}' access expired"));
        }
        if token.secret != secret {
            return Err("invalid token value!".to_owned());
        }
        Ok(Caller { subject: id.to_owned() })
    }

    fn stranger(&self, why: String) -> Stranger {
        Stranger { reason: if self.release.explains_a_401() { why } else { "Authentication failed!".to_owned() } }
    }
}

/// Finds `name=value` or `name value` at the beginning of a header or after a blank, up to a semicolon.
fn value_of(header: &str, name: &str) -> Option<String> {
    let value = header.match_indices(name).find_map(|(start, _)| {
        let (before, after) = (header.get(..start)?, header.get(start + name.len()..)?);
        let begins = before.is_empty() || before.ends_with(char::is_whitespace);
        let value = after.strip_prefix(['=', ' '])?;
        begins.then(|| value.split(';').next().unwrap_or_default())
    })?;
    // One byte is one character.
    let value: String = percent_decode_str(value).map(char::from).collect();
    (!value.is_empty()).then_some(value)
}

fn is_over(expire: u64, now: u64) -> bool {
    expire != 0 && expire < now
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;
    use crate::sandbox::auth::{Release, Token, User};

    const NOW: u64 = 1_795_000_000;
    const SECRET: &str = "8e12110e-0e82-4a1f-9574-ef9bccbbe088";

    fn access(patch: u32) -> Access {
        access_of(Release { major: 9, minor: 1, patch })
    }

    fn access_of(release: Release) -> Access {
        let mut access = Access::new(release);
        let token = |expire| Token { secret: SECRET.into(), privsep: false, expire, comment: None };
        let user = |enabled, expire| {
            let tokens = [("tt".to_owned(), token(0)), ("expired".to_owned(), token(1_000_000_000))];
            User { enabled, expire, tokens: tokens.into(), ..User::default() }
        };
        access.users.insert("apex@pve".into(), user(true, 0));
        access.users.insert("disabled@pve".into(), user(false, 0));
        access.users.insert("expireduser@pve".into(), user(true, 1_000_000_000));
        access
    }

    fn with_header(access: &Access, header: &str) -> Result<Caller, Stranger> {
        access.authenticate(Credentials { authorization: Some(header), ..Credentials::default() }, NOW)
    }

    #[test]
    fn a_token_is_refused_for_reasons_that_only_old_servers_tell() {
        let table = [
            (format!("PVEAPIToken=apex@pve!tt={SECRET} "), "invalid token value!"),
            (format!("PVEAPIToken=apex@pve!tt={}", SECRET.to_uppercase()), "invalid token value!"),
            (format!("PVEAPIToken=apex@pve!nope={SECRET}"), "no such token 'nope' for user 'apex@pve'"),
            (format!("PVEAPIToken=ghost@pve!tt={SECRET}"), "no such user ('ghost@pve')"),
            (format!("PVEAPIToken=disabled@pve!tt={SECRET}"), "user 'disabled@pve' is disabled"),
            (format!("PVEAPIToken=expireduser@pve!tt={SECRET}"), "user 'expireduser@pve' access expired"),
            (format!("PVEAPIToken=apex@pve!expired={SECRET}"), "token 'expired' access expired"),
            (format!("PVEAPIToken=\"apex@pve!tt={SECRET}\""), "no such user ('\"apex@pve')"),
            (format!("PVEAPIToken=apex@pve!tt:{SECRET}"), "no tokenid specified"),
            ("PVEAuthCookie=PVE:apex@pve:00000000::AAAA".into(), "permission denied - invalid PVE ticket"),
        ];
        for (header, why) in table {
            assert_eq!(with_header(&access(4), &header).unwrap_err().reason, why, "{header}");
            assert_eq!(with_header(&access(5), &header).unwrap_err().reason, "Authentication failed!");
            for (patch, expected) in [(16, why), (17, "Authentication failed!")] {
                let access = access_of(Release { major: 8, minor: 4, patch });
                assert_eq!(with_header(&access, &header).unwrap_err().reason, expected, "{header}");
            }
        }
        for header in [format!("Bearer apex@pve!tt={SECRET}"), format!("pveapitoken=apex@pve!tt={SECRET}")] {
            assert_eq!(with_header(&access(5), &header).unwrap_err().reason, "No ticket");
        }
    }

    #[test]
    fn a_token_is_known_with_an_equals_sign_or_a_blank_and_percent_encoded() {
        for header in ["PVEAPIToken=apex@pve!tt=", "PVEAPIToken apex@pve!tt=", "PVEAPIToken=apex%40pve%21tt%3D"] {
            let caller = with_header(&access(5), &format!("{header}{SECRET}")).unwrap();
            assert_eq!((caller.user(), caller.token()), ("apex@pve", Some("tt")));
        }
    }

    #[test]
    fn a_cookie_beats_a_token_and_guards_changes() {
        let access = access(5);
        let cookie = format!("x=1; PVEAuthCookie={}", access.signer.ticket("root@pam", NOW));
        let token = format!("PVEAPIToken=apex@pve!tt={SECRET}");
        let csrf = access.signer.csrf("root@pam", NOW);
        let mut credentials =
            Credentials { cookie: Some(&cookie), authorization: Some(&token), ..Credentials::default() };
        assert_eq!(access.authenticate(credentials, NOW).unwrap().subject, "root@pam");
        credentials.changes = true;
        let refusal = access.authenticate(credentials, NOW).unwrap_err();
        assert_eq!(refusal.reason, "Permission denied - invalid csrf token");
        credentials.csrf = Some(&csrf);
        assert!(access.authenticate(credentials, NOW).is_ok());
    }

    proptest! {
        #[test]
        fn no_header_that_is_made_up_lets_anybody_in(header in any::<String>(), cookie in any::<String>()) {
            let credentials = Credentials { cookie: Some(&cookie), authorization: Some(&header), ..Credentials::default() };
            prop_assert!(access(5).authenticate(credentials, NOW).is_err());
            let forged = format!("PVEAuthCookie=PVE:{cookie}; PVEAuthCookie={header}");
            let credentials = Credentials { cookie: Some(&forged), ..credentials };
            prop_assert!(access(5).authenticate(credentials, NOW).is_err());
        }
    }

    #[test]
    fn the_ticket_of_a_removed_user_is_refused() {
        let mut access = access(5);
        let cookie = format!("PVEAuthCookie={}", access.signer.ticket("apex@pve", NOW));
        let credentials = Credentials { cookie: Some(&cookie), ..Credentials::default() };
        assert!(access.authenticate(credentials, NOW).is_ok());
        access.remove_user("apex@pve");
        assert!(access.authenticate(credentials, NOW).is_err());
    }
}
