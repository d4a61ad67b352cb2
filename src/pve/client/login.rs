//! Logging in, in one step or two.

use std::convert::Infallible;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::model::{Foreign, Secret, UserId, Validated};
use crate::pve::lenient::{Lenient, field_secret};
use crate::pve::{ApiError, Pve};

/// How far a log-in came.
#[derive(Debug)]
pub enum LogInStep {
    /// The user is known.
    Done(Box<Pve>),
    /// The password was right, and the server wants a second factor.
    NeedsFactor(Box<Challenge>),
}

/// A log-in that waits for its second factor.
#[derive(Debug)]
pub struct Challenge {
    pve: Pve,
    user: UserId,
    ticket: Secret,
    /// The kinds of factor that the user has set up, `totp` for example; none where the server does not say.
    pub factors: Vec<Foreign>,
}

impl Challenge {
    /// Returns whether a one-time code can be the factor.
    #[must_use]
    pub fn takes_codes(&self) -> bool {
        self.factors.is_empty() || self.factors.iter().any(|factor| *factor == "totp")
    }

    /// Answers with a one-time code. A wrong one may be followed by another.
    ///
    /// # Errors
    /// If the server refuses the code.
    pub async fn answer(&self, code: &Secret) -> Result<Pve, ApiError> {
        let name = self.user.to_string();
        code.register();
        let answer = code.with_prefix("totp:");
        let secrets = [("tfa-challenge", &self.ticket), ("password", &answer)];
        let data = self.pve.transport.submit(&["access", "ticket"], &[("username", &name)], &secrets).await?;
        self.pve.clone().with_answer(&data)
    }
}

impl Pve {
    /// Logs in with a password; a second factor is asked for in a step of its own.
    ///
    /// # Errors
    /// If the server refuses.
    pub async fn begin_log_in(self, user: &UserId, password: &Secret) -> Result<LogInStep, ApiError> {
        let name = user.to_string();
        password.register();
        let secrets = [("password", password)];
        let data = self.transport.submit(&["access", "ticket"], &[("username", &name)], &secrets).await?;
        self.require_map(&data, "the log-in")?;
        if !data.get("NeedTFA").is_some_and(bool::of) {
            return self.with_answer(&data).map(|pve| LogInStep::Done(Box::new(pve)));
        }
        let ticket =
            field_secret(&data, "ticket").ok_or_else(|| self.unexpected("the challenge contains no ticket"))?;
        ticket.register_ticket();
        let Ok(Factors(factors)) = ticket.parse();
        Ok(LogInStep::NeedsFactor(Box::new(Challenge { pve: self, user: user.clone(), ticket, factors })))
    }

    fn with_answer(self, data: &Value) -> Result<Self, ApiError> {
        self.require_map(data, "the log-in")?;
        let both = field_secret(data, "ticket").zip(field_secret(data, "CSRFPreventionToken"));
        let (ticket, csrf) = both.ok_or_else(|| self.unexpected("the login response contains no ticket"))?;
        Ok(Self { transport: self.transport.clone().with_ticket(&ticket, &csrf)? })
    }
}

/// The kinds of factor that a challenge names.
struct Factors(Vec<Foreign>);

impl Validated for Factors {}

impl FromStr for Factors {
    type Err = Infallible;

    fn from_str(ticket: &str) -> Result<Self, Infallible> {
        Ok(Self(factors(ticket)))
    }
}

/// Reads the kinds of factor out of a challenge: `PVE:!tfa!{"totp"%3Atrue}:...`.
fn factors(ticket: &str) -> Vec<Foreign> {
    let named = ticket.split("!tfa!").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or_default();
    let decoded = percent_decode_str(named).decode_utf8_lossy().into_owned();
    let known: Option<Value> = serde_json::from_str(&decoded).ok();
    let Some(Value::Object(known)) = known else { return Vec::new() };
    let is_set = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
    let mut factors: Vec<Foreign> =
        known.iter().filter(|(_, value)| is_set(value)).map(|(name, _)| Foreign::new(name)).collect();
    factors.sort();
    factors
}

#[cfg(test)]
mod tests {
    use super::factors;
    use crate::model::Foreign;

    #[test]
    fn the_factors_are_read_out_of_the_challenge() {
        for (ticket, expected) in [
            (r#"PVE:!tfa!{"totp"%3Atrue}:6B04F2B7::sig=="#, &["totp"][..]),
            (r#"PVE:!tfa!%7B%22webauthn%22%3A%7B%22a%22%3A1%7D%2C%22totp%22%3Afalse%7D:6B::x"#, &["webauthn"]),
            (r#"PVE:!tfa!{"recovery"%3A[1,2],"yubico"%3Atrue}:6B::x"#, &["recovery", "yubico"]),
            ("PVE:!tfa!x:6B::x", &[]),
            ("PVE:apex@pve:6B::x", &[]),
            ("", &[]),
        ] {
            assert_eq!(factors(ticket), expected.iter().map(|it| Foreign::new(*it)).collect::<Vec<_>>(), "{ticket}");
        }
    }
}
