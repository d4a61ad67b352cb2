//! Creates a token in the shell of a node, through the system's ssh with the user's keys, agent and known hosts.

use crate::error::{Error, KeptObject, Leftovers, Regeneration, TokenError};
use crate::model::{Destination, Foreign, TokenId, TokenSecret};
use crate::ops::token::grant_plan::{COMMENT, PlanStep, token_line};
use crate::ops::{ChildKind, unless_interrupted};
use crate::pve::{RefusalReason, TokenRequest};
use crate::session::Session;
use std::io;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

/// What pveum prints is a few lines; whatever is longer is something else.
const MAX_OUTPUT: u64 = 64 * 1024;

/// How ssh ends when it did not get as far as a command.
const SSH_FAILED: i32 = 255;

/// How a shell ends when there is no such command.
const NO_SUCH_COMMAND: i32 = 127;

/// What is wanted of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PveumCommand {
    /// A new token.
    Make,
    /// A new secret for a token that exists.
    Regenerate,
}

/// Writes the command that makes a token with all that its user has, or gives it a new secret.
pub(crate) fn command(token: &TokenId, action: PveumCommand, expire: u64) -> String {
    match action {
        PveumCommand::Make => {
            let request = TokenRequest { separated: false, expire, comment: COMMENT.to_owned() };
            token_line(token, &request)
        }
        PveumCommand::Regenerate => PlanStep::Regenerate(token.clone()).line().unwrap_or_default(),
    }
}

/// Runs it, and reads the secret from its output, which is not shown.
pub(crate) async fn run(
    session: &Session,
    to: &Destination,
    token: &TokenId,
    action: PveumCommand,
    expire: u64,
) -> Result<TokenSecret, Error> {
    let line = command(token, action, expire);
    session.note(format!("on {to}: {line}"));
    let child = start(session, to, &format!("{line} --output-format json"));
    let mut child = child.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::from(TokenError::NoSsh { line: line.clone() }),
        _ => TokenError::SshUnusable { source, line: line.clone() }.into(),
    })?;
    session.ui.release_screen();
    let ended = unless_interrupted(session, async { end(&mut child).await }).await;
    session.ui.reclaim_screen();
    let printed = match ended {
        Ok(printed) => printed,
        // ssh got the signal as well; what the node did by then is not known.
        Err(why) => return Err(with_undo_line(to, token, action, why)),
    };
    match printed.status.code() {
        Some(0) => match secret_in(&printed.output) {
            Some(secret) => Ok(secret),
            None => {
                let why = TokenError::SshGarbage { to: to.clone(), length: printed.output.len() };
                Err(with_undo_line(to, token, action, why.into()))
            }
        },
        code => Err(ssh_error(to, token, action, line, code, &printed.complaints)),
    }
}

/// Starts ssh. Without a terminal it cannot prompt; otherwise it prompts at the terminal itself.
fn start(session: &Session, to: &Destination, remote: &str) -> io::Result<Child> {
    let mut command = Command::new("ssh");
    command.arg("-T");
    if !session.is_attended() {
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=20"]);
    }
    command.arg("--").arg(to.as_str()).arg(remote);
    command.env_clear().envs(ChildKind::Ssh.environment(&session.variables));
    // ssh asks at the terminal itself: it must find it as it was.
    session.prompt.restore();
    let complaints = if session.is_attended() { Stdio::inherit() } else { Stdio::piped() };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints).kill_on_drop(true).spawn()
}

/// What a command left.
struct Printed {
    status: ExitStatus,
    output: Zeroizing<Vec<u8>>,
    complaints: String,
}

async fn end(child: &mut Child) -> Result<Printed, Error> {
    let (output, complaints) = (child.stdout.take(), child.stderr.take());
    let (output, complaints, status) = tokio::join!(read(output), read(complaints), child.wait());
    let unusable = |source| Error::from(TokenError::SshUnusable { source, line: String::new() });
    let complaints = String::from_utf8_lossy(&complaints.map_err(unusable)?).trim().to_owned();
    Ok(Printed { status: status.map_err(unusable)?, output: output.map_err(unusable)?, complaints })
}

async fn read(from: Option<impl AsyncRead + Unpin>) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    if let Some(from) = from {
        from.take(MAX_OUTPUT).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Finds the secret in what pveum printed, whatever a login shell printed around it.
fn secret_in(output: &[u8]) -> Option<TokenSecret> {
    let text = std::str::from_utf8(output).ok()?;
    let whole = std::iter::once(text.trim());
    let lines = text.lines().map(str::trim);
    whole.chain(lines).filter(|it| it.starts_with('{')).find_map(|candidate| {
        let read: serde_json::Value = serde_json::from_str(candidate).ok()?;
        read.get("value")?.as_str()?.parse().ok()
    })
}

fn ssh_error(
    to: &Destination,
    token: &TokenId,
    action: PveumCommand,
    line: String,
    code: Option<i32>,
    complaints: &str,
) -> Error {
    let said = (!complaints.is_empty()).then(|| Foreign::new(complaints));
    let reason = said.as_ref().map(RefusalReason::of_text);
    match code {
        Some(NO_SUCH_COMMAND) => TokenError::NoPveum { to: to.clone(), line }.into(),
        // `pveum` and ssh can end with the same code: the message distinguishes them.
        Some(SSH_FAILED) if !is_of_pveum(complaints, reason) => {
            TokenError::SshFailed { to: to.clone(), said, line }.into()
        }
        _ if action == PveumCommand::Regenerate && reason == Some(RefusalReason::UnknownParameter) => {
            TokenError::CannotRegenerate { token: token.clone() }.into()
        }
        _ if action == PveumCommand::Make && reason == Some(RefusalReason::TokenExists) => {
            TokenError::Exists { token: token.clone(), regeneration: Regeneration::Offered }.into()
        }
        _ => TokenError::PveumFailed { to: to.clone(), said, line }.into(),
    }
}

/// Returns whether `pveum` speaks, and not ssh: it begins with the status of an answer, or names what only the server
/// knows.
fn is_of_pveum(complaints: &str, reason: Option<RefusalReason>) -> bool {
    use RefusalReason as Is;
    let has_status = |line: &str| {
        let (status, rest) = line.split_once(' ').unwrap_or_default();
        status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()) && !rest.is_empty()
    };
    let is_known = matches!(
        reason,
        Some(
            Is::TokenExists
                | Is::NoSuchUser
                | Is::NoSuchToken
                | Is::NoQuorum
                | Is::LockTimeout
                | Is::UnknownParameter
                | Is::ClusterFilesystemDown
        )
    );
    is_known || complaints.lines().any(has_status)
}

/// Adds to an error that the token may exist now, or that its old secret may be invalid.
fn with_undo_line(to: &Destination, token: &TokenId, action: PveumCommand, why: Error) -> Error {
    let left = match action {
        PveumCommand::Make => {
            let reason = "it may or may not have been created".to_owned();
            Leftovers { kept: vec![KeptObject { object: format!("token {token}"), reason }], ..Leftovers::default() }
        }
        PveumCommand::Regenerate => {
            Leftovers { new_secret_command: Some(new_secret_command(to)), ..Leftovers::default() }
        }
    };
    TokenError::LeftOnServer { why: Box::new(why), left }.into()
}

/// Returns the command that gets another secret in the same way.
pub(crate) fn new_secret_command(to: &Destination) -> String {
    format!("glassdome setup --over-ssh {to} --regenerate")
}

#[cfg(test)]
mod tests {
    use super::{PveumCommand, command, secret_in};

    const SECRET: &str = "12345678-abcd-ef12-3456-7890abcdef12";

    #[test]
    fn the_secret_is_found_whatever_stands_around_it() {
        let json = format!(r#"{{"full-tokenid":"apex@pve!tt","info":{{"privsep":"0"}},"value":"{SECRET}"}}"#);
        for output in [json.clone(), format!("{json}\n"), format!("Welcome to pve!\n\n{json}\n"), format!("  {json}")] {
            assert_eq!(secret_in(output.as_bytes()).map(|it| it.expose().to_owned()).as_deref(), Some(SECRET));
        }
        for output in ["", "{}", "{\"value\":\"x\"}", "garbage", SECRET, "{\"value\":[\"12\"]}"] {
            assert!(secret_in(output.as_bytes()).is_none(), "{output}");
        }
        assert!(secret_in(&[0xff, 0xfe]).is_none());
    }

    #[test]
    fn the_command_quotes_what_a_shell_would_read() {
        let token = "a'b;id@pve!tt".parse().unwrap();
        assert_eq!(
            command(&token, PveumCommand::Make, 5),
            r"pveum user token add 'a'\''b;id@pve' tt --privsep 0 --expire 5 --comment 'API token for Glassdome'"
        );
        assert_eq!(
            command(&token, PveumCommand::Regenerate, 0),
            r"pveum user token modify 'a'\''b;id@pve' tt --regenerate 1"
        );
    }
}
