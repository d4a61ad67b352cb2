//! Logging in: a password or a ticket, then perhaps a one-time code, for a ticket.

use crate::sandbox::auth::{Access, ROOT, names};

/// The fields of a login.
#[derive(Debug, Clone, Default)]
pub struct LogIn<'a> {
    /// The user with its realm.
    pub user: &'a str,
    /// The password, a ticket, or the answer to a challenge.
    pub password: &'a str,
    /// A one-time code sent along at once, as `totp:123456`.
    pub otp: Option<&'a str>,
    /// The challenge that the password answers.
    pub challenge: Option<&'a str>,
}

/// How far a log-in came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The user is known.
    Done,
    /// The password was right, and a one-time code is needed.
    NeedsCode,
}

/// Says that a log-in was refused; the server never says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

impl Access {
    /// Checks a log-in, at a time in seconds since 1970.
    pub fn log_in(&mut self, form: &LogIn<'_>, now: u64) -> Result<Progress, Refused> {
        if self.refuses_user(form.user, now).is_some() || form.otp.is_some() && form.challenge.is_some() {
            return Err(Refused);
        }
        if let Some(challenge) = form.challenge {
            if !self.signer.challenged(challenge, form.user, now) {
                return Err(Refused);
            }
            return self.take_code(form.user, form.password, now);
        }
        if let Some(holder) = self.signer.user_of(form.password, now)
            && (holder == form.user || holder == ROOT)
        {
            return Ok(Progress::Done);
        }
        if !self.is_password(form.user, form.password) {
            return Err(Refused);
        }
        let guarded = self.users.get(form.user).is_some_and(|user| user.totp.is_some());
        match form.otp {
            Some(otp) => self.take_code(form.user, otp, now),
            None if guarded => Ok(Progress::NeedsCode),
            None => Ok(Progress::Done),
        }
    }

    /// Tells whether this is the password of a user whose realm exists.
    pub(crate) fn is_password(&self, user: &str, password: &str) -> bool {
        let realm = names::split_user(user).and_then(|(_, realm)| self.realms.get(realm));
        let known = self.users.get(user).and_then(|user| user.password.as_deref());
        realm.is_some() && known == Some(password)
    }

    fn take_code(&mut self, user: &str, answer: &str, now: u64) -> Result<Progress, Refused> {
        let code = answer.strip_prefix("totp:").ok_or(Refused)?;
        let totp = self.users.get_mut(user).and_then(|user| user.totp.as_mut()).ok_or(Refused)?;
        totp.take(code, now).map(|()| Progress::Done).map_err(|_| Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::auth::{Release, Totp, User, one_time_code};

    const NOW: u64 = 1_795_000_000;
    const SECRET: &str = "JBSWY3DPEHPK3PXP";

    fn access() -> Access {
        let mut access = Access::new(Release { major: 9, minor: 2, patch: 11 });
        access.users.insert("apex@pve".into(), User::with_password("right"));
        access.users.insert("lost@nowhere".into(), User::with_password("right"));
        access.users.insert("disabled@pve".into(), User { enabled: false, ..User::with_password("right") });
        access.users.insert("totp@pve".into(), User { totp: Some(Totp::new(SECRET)), ..User::with_password("right") });
        access
    }

    fn log_in(access: &mut Access, user: &str, password: &str) -> Result<Progress, Refused> {
        access.log_in(&LogIn { user, password, ..LogIn::default() }, NOW)
    }

    #[test]
    fn only_the_right_password_of_a_usable_user_is_taken() {
        let mut access = access();
        assert_eq!(log_in(&mut access, "apex@pve", "right"), Ok(Progress::Done));
        for (user, password) in [
            ("apex@pve", "wrong"),
            ("apex@pve", ""),
            ("apex", "right"),
            ("lost@nowhere", "right"),
            ("disabled@pve", "right"),
            ("root@pam", "right"),
        ] {
            assert_eq!(log_in(&mut access, user, password), Err(Refused), "{user}");
        }
    }

    #[test]
    fn a_ticket_renews_itself_and_roots_makes_any() {
        let mut access = access();
        let own = access.signer.ticket("apex@pve", NOW);
        let root = access.signer.ticket("root@pam", NOW);
        assert_eq!(log_in(&mut access, "apex@pve", &own), Ok(Progress::Done));
        assert_eq!(log_in(&mut access, "apex@pve", &root), Ok(Progress::Done));
        assert_eq!(log_in(&mut access, "root@pam", &own), Err(Refused));
    }

    #[test]
    fn a_second_factor_is_asked_for_and_taken_once() {
        let mut access = access();
        assert_eq!(log_in(&mut access, "totp@pve", "right"), Ok(Progress::NeedsCode));
        let challenge = access.signer.challenge("totp@pve", NOW);
        let code = format!("totp:{}", one_time_code(SECRET, NOW).unwrap());
        let answer = |password| LogIn { user: "totp@pve", password, challenge: Some(&challenge), otp: None };
        assert_eq!(access.log_in(&answer("totp:000000"), NOW), Err(Refused));
        assert_eq!(access.log_in(&answer("right"), NOW), Err(Refused));
        assert_eq!(access.log_in(&answer(&code), NOW), Ok(Progress::Done));
        assert_eq!(access.log_in(&answer(&code), NOW), Err(Refused));
        let forged = LogIn { user: "totp@pve", password: "right", challenge: Some("PVE:!tfa!"), otp: None };
        assert_eq!(access.log_in(&forged, NOW), Err(Refused));
    }

    #[test]
    fn a_code_may_come_along_at_once() {
        let mut access = access();
        let code = format!("totp:{}", one_time_code(SECRET, NOW).unwrap());
        let form = LogIn { user: "totp@pve", password: "right", otp: Some(&code), challenge: None };
        assert_eq!(access.log_in(&form, NOW), Ok(Progress::Done));
        assert_eq!(access.log_in(&LogIn { user: "apex@pve", ..form }, NOW), Err(Refused));
    }
}
