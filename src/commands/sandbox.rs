//! `glassdome sandbox`: the simulated server in the foreground.

use crate::cli;
use crate::cli::{Global, OutputFormat};
use crate::commands::CommandFailure;
use crate::error::{Error, RunError, UsageError};
use crate::model::{Fingerprint, Secret};
use crate::sandbox::{Options, Sandbox};
use crate::session::Session;
use crate::ui::{Draw, Screen, Tone};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

/// Serves until it is stopped.
pub(crate) async fn run(
    session: &Session,
    global: &Global,
    arguments: &cli::Sandbox,
) -> Result<ExitCode, CommandFailure> {
    let sandbox = Sandbox::start(options(arguments)?).map_err(listen_error)?;
    let announcement = Announcement { sandbox: &sandbox };
    let public = announcement.public();
    if global.output == OutputFormat::Json {
        session.ui.reveal_json(&announcement.document(), &public);
    } else {
        session.ui.reveal(&announcement, &public);
    }
    if session.ui.has_unwritten() {
        // Its address could not be reported.
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(warning) = exposure(sandbox.address()) {
        session.warn(warning);
    }
    tokio::select! {
        _ = session.interrupts.first() => {}
        () = stdin_closed(), if arguments.until_stdin_closes => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Warns of an address that other machines can reach: the passwords are known.
fn exposure(address: SocketAddr) -> Option<String> {
    let text = format!("other machines can reach {address} and log in with the passwords above, which everyone knows");
    (!address.ip().is_loopback()).then_some(text)
}

fn options(arguments: &cli::Sandbox) -> Result<Options, Error> {
    let faults = arguments.fault.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
    Ok(Options {
        listen: arguments.listen,
        nodes: arguments.nodes,
        shared_storage: arguments.shared_storage,
        pve_version: arguments.pve_version.clone(),
        latency: arguments.latency,
        task_time: arguments.task_time,
        seed: arguments.seed,
        faults: faults.map_err(|why: crate::sandbox::UnknownFault| {
            Error::Usage(UsageError::SandboxOption { message: why.to_string() })
        })?,
        ..Options::default()
    })
}

/// Turns an error of the sandbox's start into an invalid option, or into a failure of the system to listen.
fn listen_error(source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::InvalidInput => Error::Usage(UsageError::SandboxOption { message: source.to_string() }),
        _ => Error::Run(RunError::Sandbox { source }),
    }
}

/// Waits until standard input is at its end.
async fn stdin_closed() {
    let mut input = tokio::io::stdin();
    let mut buffer = [0_u8; 256];
    while !matches!(input.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

/// Where it listens, and who may log in.
struct Announcement<'a> {
    sandbox: &'a Sandbox,
}

impl Announcement<'_> {
    /// Returns the secrets of the simulated server, which are documented and open nothing else.
    fn public(&self) -> Vec<Secret> {
        let tokens = self.sandbox.tokens().into_iter().map(|token| token.secret.to_owned());
        let users = self.sandbox.users().into_iter().map(|user| user.password.to_owned());
        let codes = self.sandbox.users().into_iter().filter_map(|user| user.totp.map(str::to_owned));
        tokens.chain(users).chain(codes).map(Secret::new).collect()
    }

    fn document(&self) -> Value {
        json!({
            "schema": "glassdome.sandbox/1",
            "ok": true,
            "url": self.sandbox.url(),
            "port": self.sandbox.address().port(),
            "fingerprint": Fingerprint::new(self.sandbox.fingerprint()).to_string(),
            "ca_pem": self.sandbox.ca_pem(),
            "users": self.sandbox.users(),
            "tokens": self.sandbox.tokens(),
        })
    }
}

impl Draw for Announcement<'_> {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.heading("A simulated Proxmox VE server; nothing is saved; stop it with Ctrl-C")?;
        screen.line(&format!("  address      {}", self.sandbox.url()))?;
        screen.line("  fingerprint")?;
        screen.line(&format!("    {}", Fingerprint::new(self.sandbox.fingerprint())))?;
        screen.line("  users")?;
        for user in self.sandbox.users() {
            screen.labelled("    ", Tone::Plain, &format!("{} password {}", user.userid, user.password))?;
            if let Some(totp) = user.totp {
                screen.labelled("      ", Tone::Plain, &format!("TOTP secret {totp}"))?;
            }
        }
        screen.line("  tokens")?;
        for token in self.sandbox.tokens() {
            screen.labelled("    ", Tone::Plain, &format!("{} secret {}", token.tokenid, token.secret))?;
        }
        let host = self.sandbox.address();
        screen.line("In another terminal:")?;
        screen.command(2, &format!("glassdome setup --host {host} --accept-new-certificate"))
    }
}

#[cfg(test)]
mod tests {
    use super::exposure;

    #[test]
    fn an_address_that_is_not_loopback_is_warned_of() {
        for (address, is_exposed) in [
            ("127.0.0.1:8006", false),
            ("[::1]:8006", false),
            ("0.0.0.0:8006", true),
            ("[::]:1", true),
            ("192.0.2.1:1", true),
        ] {
            assert_eq!(exposure(address.parse().unwrap()).is_some(), is_exposed, "{address}");
        }
    }
}
