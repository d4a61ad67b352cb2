//! The diagnosis of a 401: what the server says of the credentials, what can be ruled out from here, what cannot.
//!
//! Since Proxmox VE 9.1.5 every bad credential gets the same words; older servers tell the reason.

use crate::error::hint::by_flag;
use crate::error::{Hint, Operation};
use crate::pve::privileges::Caller;
use crate::pve::{Refusal, RefusalReason};

/// What a server says of credentials that it does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// No credentials arrived: something in between takes the header away.
    NothingArrived,
    /// The user does not exist.
    NoSuchUser,
    /// The user is disabled.
    Disabled,
    /// The user has expired.
    UserExpired,
    /// The token does not exist.
    NoSuchToken,
    /// The token has expired.
    TokenExpired,
    /// The secret is another one.
    WrongSecret,
    /// The ticket of a login is refused.
    Ticket,
    /// Something in front of the server may have answered.
    NotProxmox,
    /// It does not say.
    NotStated,
}

impl Cause {
    fn of(refusal: &Refusal) -> Self {
        use RefusalReason as Is;
        match refusal.reason() {
            Is::NoCredentials => Self::NothingArrived,
            Is::NoSuchUser => Self::NoSuchUser,
            Is::UserDisabled => Self::Disabled,
            Is::TokenExpired => Self::TokenExpired,
            Is::UserExpired => Self::UserExpired,
            Is::NoSuchToken => Self::NoSuchToken,
            Is::WrongSecret => Self::WrongSecret,
            Is::TicketRefused | Is::CsrfRefused => Self::Ticket,
            Is::UnknownUnauthorized => Self::NotProxmox,
            _ => Self::NotStated,
        }
    }
}

/// Lists what is ruled out and what is not. `realms` are those of the server, where they were asked for.
pub(super) fn details(caller: &Caller, realms: Option<&[String]>, refusal: &Refusal) -> Vec<String> {
    let delay = "Proxmox VE delays failed authentication by three seconds";
    let mut lines: Vec<String> = refusal.is_held_back().then(|| delay.to_owned()).into_iter().collect();
    if Cause::of(refusal) != Cause::NotStated {
        return lines;
    }
    let mut checked = vec!["the server received credentials".to_owned()];
    if realms.is_some() {
        checked.push(format!("the realm `{}` exists", user(caller).realm()));
    }
    let open = match caller {
        Caller::Token(..) => {
            checked.push("the secret has the right format (36 characters, no spaces, quotes or capitals)".to_owned());
            "whether user and token exist, are enabled and not expired; whether the secret is that of this token"
        }
        Caller::User(_) => "whether the user exists, is enabled and not expired; whether the password is correct",
    };
    lines.push(format!("already checked: {}", checked.join("; ")));
    lines.push(format!("cannot be checked from here: {open}"));
    lines
}

/// Says what to do.
pub(super) fn hints(caller: &Caller, refusal: &Refusal) -> Vec<Hint> {
    let user = quoted(&user(caller).to_string());
    let token = match caller {
        Caller::Token(token, _) => token.name.to_string(),
        Caller::User(_) => String::new(),
    };
    let run = |text: String| Hint::Run(text);
    let list = || run(format!("pveum user token list {user}"));
    match Cause::of(refusal) {
        Cause::NothingArrived => vec![
            say("the server received no credentials: check whether a reverse proxy drops the `Authorization` header"),
            by_flag(
                "connect to the server directly (--host HOST:8006), or configure the proxy to pass the header on",
                "connect to the server directly (HOST:8006), or configure the proxy to pass the header on",
            ),
        ],
        Cause::NoSuchUser => vec![
            say(
                "check the realm (a common mistake is `apex@pam` instead of `apex@pve`); list the users as root on a node:",
            ),
            run("pveum user list".to_owned()),
        ],
        Cause::Disabled => {
            vec![say("enable the user, as root on a node:"), run(format!("pveum user modify {user} --enable 1"))]
        }
        Cause::UserExpired => vec![
            say("remove the expiry date of the user, as root on a node:"),
            run(format!("pveum user modify {user} --expire 0")),
        ],
        Cause::NoSuchToken => vec![say("list the tokens of the user, as root on a node:"), list()],
        Cause::TokenExpired => {
            vec![
                say("remove the expiry date of the token, as root on a node:"),
                run(format!("pveum user token modify {user} {token} --expire 0")),
            ]
        }
        Cause::WrongSecret => vec![
            say(
                "the token exists, but the secret is not its secret: it may have been created again or given a new secret since",
            ),
            by_flag(
                "Proxmox VE shows a secret only once: if it is lost, create another token with `glassdome setup`",
                "Proxmox VE shows a secret only once: if it is lost, create another token",
            ),
        ],
        Cause::Ticket | Cause::NotProxmox => {
            crate::error::refusal::hints(refusal.reason(), &Operation::Authenticate(String::new()))
        }
        Cause::NotStated => not_stated(caller, list()),
    }
}

fn not_stated(caller: &Caller, list: Hint) -> Vec<Hint> {
    let mut hints = match caller {
        Caller::Token(..) => vec![
            say(
                "check the token name, the realm of the user (`apex@pve`, not `apex@pam`), and that all 36 characters of the secret are those of this token; on a node, as root:",
            ),
            list,
        ],
        Caller::User(_) => vec![
            say("check the password and the realm of the user (`apex@pve`, not `apex@pam`)"),
            say("check that the user is enabled and not expired, as root on a node:"),
            Hint::Run("pveum user list".to_owned()),
        ],
    };
    hints.push(Hint::Run("journalctl -u pvedaemon -u pveproxy --since -5min | grep -i auth".to_owned()));
    hints
}

fn say(text: &str) -> Hint {
    Hint::Say(text.to_owned())
}

const fn user(caller: &Caller) -> &crate::model::UserId {
    match caller {
        Caller::User(user) => user,
        Caller::Token(token, _) => &token.user,
    }
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::{details, hints};
    use crate::error::Hint;
    use crate::model::Foreign;
    use crate::pve::Refusal;
    use crate::pve::privileges::Caller;

    fn refusal(reason: &str) -> Refusal {
        Refusal::new(401, Foreign::new(reason))
    }

    fn token() -> Caller {
        Caller::Token("apex@pve!tok".parse().unwrap(), None)
    }

    #[test]
    fn a_server_that_tells_the_reason_is_taken_at_its_word() {
        for (reason, line) in [
            ("invalid token value!", "glassdome setup"),
            ("no such token 'tok' for user 'apex@pve'", "pveum user token list apex@pve"),
            ("no such user ('apex@pve')", "pveum user list"),
            ("user 'apex@pve' is disabled", "pveum user modify apex@pve --enable 1"),
            ("user 'apex@pve' access expired", "pveum user modify apex@pve --expire 0"),
            ("token 'tok' access expired", "pveum user token modify apex@pve tok --expire 0"),
            ("No ticket", "Authorization"),
        ] {
            let said: Vec<String> =
                hints(&token(), &refusal(reason)).iter().map(|hint| hint.text().to_owned()).collect();
            assert!(said.join("\n").contains(line), "{reason}: {said:?}");
            assert_eq!(details(&token(), None, &refusal(reason)), Vec::<String>::new(), "{reason}");
            let late = Refusal { took: std::time::Duration::from_secs(3), ..refusal(reason) };
            assert!(details(&token(), None, &late).join("").contains("three seconds"), "{reason}");
        }
    }

    #[test]
    fn where_it_does_not_tell_the_rest_is_said() {
        let said = details(&token(), Some(&["pve".to_owned()]), &refusal("Authentication failed!")).join("\n");
        assert!(said.contains("the realm `pve` exists") && said.contains("cannot be checked from here"), "{said}");
        let said = hints(&token(), &refusal("Authentication failed!"));
        let commands: Vec<&Hint> = said.iter().filter(|hint| matches!(hint, Hint::Run(_))).collect();
        assert_eq!(commands.len(), 2, "{said:?}");
        let of_user = hints(&Caller::User("o'neil@pve".parse().unwrap()), &refusal("authentication failure"));
        assert!(of_user.iter().any(|hint| hint.text().contains("password")), "{of_user:?}");
    }
}
