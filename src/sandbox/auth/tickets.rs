//! Tickets and the tokens against forged requests, both signed with a key of this run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::hmac;
use uuid::Uuid;

/// How long a ticket holds, in seconds.
const HOLDS_FOR: u64 = 2 * 60 * 60;

/// How far the clock of the signer may be ahead, in seconds.
const AHEAD: u64 = 5 * 60;

/// As many tags as make a signature as long as the 2048 bits of the real server's.
const TAGS: u8 = 8;

/// The key of this run.
#[derive(Debug, Clone)]
pub struct Signer {
    key: hmac::Key,
}

impl Signer {
    /// Makes a random key.
    pub(crate) fn random() -> Self {
        let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &bytes) }
    }

    /// Makes the ticket of a user.
    pub fn ticket(&self, user: &str, now: u64) -> String {
        self.signed(&format!("PVE:{user}:{now:08X}"), "")
    }

    /// Makes the ticket that asks a user for the second factor.
    pub fn challenge(&self, user: &str, now: u64) -> String {
        self.signed(&format!("PVE:!tfa!{{\"totp\"%3Atrue}}:{now:08X}"), user)
    }

    /// Returns the user whose ticket this is.
    pub fn user_of<'a>(&self, ticket: &'a str, now: u64) -> Option<&'a str> {
        let (_, user) = self.opened(ticket, "", now)?;
        (!user.starts_with('!')).then_some(user)
    }

    /// Tells whether this ticket asked that user for the second factor.
    pub(crate) fn challenged(&self, ticket: &str, user: &str, now: u64) -> bool {
        self.opened(ticket, user, now).is_some_and(|(_, data)| data.starts_with("!tfa!"))
    }

    /// Makes the token that a user's changing requests must carry.
    pub fn csrf(&self, user: &str, now: u64) -> String {
        let tag = hmac::sign(&self.key, format!("CSRF:{now:08X}:{user}").as_bytes());
        format!("{now:08X}:{}", STANDARD_NO_PAD.encode(tag.as_ref()))
    }

    /// Tells whether a changing request carries the user's token.
    pub(crate) fn is_csrf(&self, token: &str, user: &str, now: u64) -> bool {
        token
            .split_once(':')
            .and_then(|(made, _)| u64::from_str_radix(made, 16).ok())
            .is_some_and(|made| holds(made, now) && same(&self.csrf(user, made), token))
    }

    fn opened<'a>(&self, ticket: &'a str, addressee: &str, now: u64) -> Option<(u64, &'a str)> {
        let (text, _) = ticket.split_once("::")?;
        let (data, made) = text.strip_prefix("PVE:")?.rsplit_once(':')?;
        let made = u64::from_str_radix(made, 16).ok()?;
        (holds(made, now) && same(&self.signed(text, addressee), ticket)).then_some((made, data))
    }

    fn signed(&self, text: &str, addressee: &str) -> String {
        let mut signature = Vec::new();
        for number in 0..TAGS {
            let tag = hmac::sign(&self.key, format!("TICKET:{number}:{addressee}:{text}").as_bytes());
            signature.extend_from_slice(tag.as_ref());
        }
        format!("{text}::{}==", STANDARD_NO_PAD.encode(&signature))
    }
}

fn holds(made: u64, now: u64) -> bool {
    made <= now + AHEAD && now <= made + HOLDS_FOR
}

/// Compares without telling by its time how far two texts agree.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 0x6B04_F29B;

    #[test]
    fn a_ticket_looks_like_a_real_one_and_holds_for_two_hours() {
        let signer = Signer::random();
        let ticket = signer.ticket("apex@pve", NOW);
        assert!(ticket.starts_with("PVE:apex@pve:6B04F29B::"), "{ticket}");
        assert_eq!(ticket.len(), "PVE:apex@pve:6B04F29B::".len() + 344);
        assert_eq!(signer.user_of(&ticket, NOW + 7200), Some("apex@pve"));
        assert_eq!(signer.user_of(&ticket, NOW + 7201), None);
        assert_eq!(signer.user_of(&ticket, NOW - 301), None);
    }

    #[test]
    fn forged_tickets_are_refused() {
        let signer = Signer::random();
        let ticket = signer.ticket("apex@pve", NOW);
        let challenge = signer.challenge("totp@pve", NOW);
        let forged = [
            ticket.replace("apex", "root"),
            ticket.replace("6B04F29B", "6B04F29C"),
            Signer::random().ticket("apex@pve", NOW),
            "PVE:apex@pve:00000000::AAAA".to_owned(),
            challenge.clone(),
            String::new(),
        ];
        for ticket in forged {
            assert_eq!(signer.user_of(&ticket, NOW), None, "{ticket}");
        }
        assert!(signer.challenged(&challenge, "totp@pve", NOW));
        assert!(!signer.challenged(&challenge, "apex@pve", NOW));
        assert!(!signer.challenged(&ticket, "apex@pve", NOW));
    }

    #[test]
    fn the_token_against_forged_requests_belongs_to_one_user() {
        let signer = Signer::random();
        let token = signer.csrf("apex@pve", NOW);
        assert_eq!(token.len(), 8 + 1 + 43);
        assert!(signer.is_csrf(&token, "apex@pve", NOW + 10));
        assert!(!signer.is_csrf(&token, "root@pam", NOW + 10));
        assert!(!signer.is_csrf(&token, "apex@pve", NOW + 7201));
        assert!(!signer.is_csrf("00000000:bad", "apex@pve", NOW));
    }
}
