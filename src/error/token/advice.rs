//! What to do next when a token was not created, replaced or deleted.

use super::{Regeneration, TokenError};
use crate::error::Hint;
use crate::error::hint::{by_flag, not_in_wizard, run, say};
use crate::pve::privileges::GrantRefused;
use crate::ui::Printable;

impl TokenError {
    /// Says what to do next.
    #[expect(clippy::too_many_lines, reason = "one match over all errors, without a wildcard, as in `advice`")]
    pub(in crate::error) fn hints(&self) -> Vec<Hint> {
        match self {
            Self::NoCa { .. } => vec![by_flag("pin only the certificate: --pin leaf", "trust only this certificate")],
            Self::OtherCaFile { path } => vec![
                by_flag(
                    "if it belongs to another cluster, use another --instance or --env-file",
                    "if it belongs to another cluster, start again for another instance or settings file",
                ),
                by_flag(
                    format!("to replace it, pass --yes or move {} away", path.display()),
                    format!("to replace it, move {} away, then try again", path.display()),
                ),
            ],
            Self::OtherFactor { .. } => vec![say(
                "log in as another user, or create the token in the web interface (Datacenter > Permissions > API Tokens)",
            )],
            Self::NoNode { .. } => vec![say("check the cluster, as root on a node:"), run("pvecm status")],
            Self::Exists { token, regeneration } => vec![
                match regeneration {
                    Regeneration::Offered => by_flag(
                        "choose another name with --token-name, or generate a new secret with --regenerate (the old one then stops working)",
                        "choose another name, or generate a new secret (the old one then stops working)",
                    ),
                    Regeneration::Unavailable => {
                        by_flag("choose another name with --token-name", "choose another name")
                    }
                },
                say("Proxmox VE does not show its secret again; to see the token:"),
                run(format!("pveum user token list '{}'", token.user)),
            ],
            Self::Unknown { known, token } if known.is_empty() => vec![say(format!("{} has no tokens", token.user))],
            Self::Unknown { known, .. } => vec![say(format!("existing tokens: {}", Printable(&known.join(", "))))],
            Self::NoSsh { line } | Self::SshUnusable { line, .. } => manual_steps(line),
            Self::SshFailed { to, line, .. } => {
                let mut hints = vec![say(format!(
                    "test it with `ssh {to}`: glassdome uses your own SSH keys, agent and configuration"
                ))];
                hints.extend(manual_steps(line));
                hints
            }
            Self::NoPveum { line, .. } => {
                let mut hints = vec![by_flag(
                    "pass root on a node: --over-ssh root@NODE",
                    "enter root@NODE as the SSH destination",
                )];
                hints.extend(manual_steps(line));
                hints
            }
            Self::PveumFailed { line, .. } => manual_steps(line),
            Self::SshGarbage { .. } => vec![say(
                "check whether the login shell prints text of its own; if so, create the token in the web interface",
            )],
            Self::NothingToCreate { .. } => vec![say("add --create-token, or omit it")],
            Self::ShellGivesAll => vec![say("pass --create-token --login-user root@pam, or omit --rights")],
            Self::NoDestination => vec![say("pass the node: --over-ssh root@NODE")],
            Self::NoShellInSandbox => vec![say("create the token with a login instead: --create-token")],
            Self::ExpiresBeforeUse => vec![say("pass a later date, e.g. 2027-01-31, or omit --expire")],
            Self::NotTheSame { .. } => vec![say("another user may have changed permissions meanwhile: run this again")],
            Self::Unseen { .. } => vec![by_flag(
                "log in as an administrator: --login-user root@pam",
                "log in as an administrator, e.g. root@pam",
            )],
            Self::Refused { why, .. } => match why {
                GrantRefused::DeniedByNoAccess { .. } | GrantRefused::OutOfReach { .. } => vec![by_flag(
                    "choose another user for the token with --user, e.g. glassdome@pve (created if it does not exist)",
                    "choose another user for the token, e.g. glassdome@pve (created if it does not exist)",
                )],
                GrantRefused::Unseen { .. } => vec![by_flag(
                    "log in as an administrator: --login-user root@pam",
                    "log in as an administrator, e.g. root@pam",
                )],
                GrantRefused::WouldLose { .. } | GrantRefused::Unnameable { .. } => {
                    vec![by_flag("choose another user for the token with --user", "choose another user for the token")]
                }
            },
            Self::MayNotGrant { lines, token, .. } => {
                let mut hints = vec![say("ask an administrator to run, as root on a node:")];
                hints.extend(lines.iter().map(run));
                let value = format!("the row `value` of the output is the secret of {token}");
                hints.push(by_flag(
                    format!("{value}: pass it to setup with --token-value-file"),
                    format!("{value}: paste it here as a token that you already have"),
                ));
                hints.push(by_flag(
                    "or give the token all privileges of its user, if they suffice: --rights user",
                    "or give the token all privileges of its user, if they suffice",
                ));
                hints
            }
            Self::CannotRegenerate { .. } => vec![
                by_flag(
                    "choose another name with --token-name; to replace the token in the settings file by a new one:",
                    "choose another name",
                ),
                not_in_wizard(run("glassdome token rotate --login-user root@pam")),
            ],
            Self::NoSecret | Self::PlanDeclined => Vec::new(),
            Self::LeftOnServer { why, left } => why.hints().into_iter().chain(left.hints()).collect(),
            Self::PlanChanged => {
                vec![by_flag("run this again with --dry-run to see the new plan", "try again to see the new plan")]
            }
            Self::ChangedMeanwhile { .. } | Self::WouldHaveLost { .. } => {
                vec![say("run this again to plan with the current permissions")]
            }
            Self::UsedElsewhere { place, .. } => vec![
                by_flag(
                    "run `glassdome token rotate` without --in-place: it creates a second token and keeps this one",
                    "choose another name: a second token keeps this one",
                ),
                say(format!("or create a separate token for {place} first")),
            ],
            Self::NothingToPin => vec![say("pass --accept-new-certificate or --fingerprint SHA256")],
        }
    }
}

/// Returns the line for root in the shell of a node.
fn manual_steps(line: &str) -> Vec<Hint> {
    if line.is_empty() {
        return Vec::new();
    }
    vec![
        by_flag(
            "run this as root in the shell of a node; the row `value` of the output is the secret, for --token-value-file:",
            "run this as root in the shell of a node; the row `value` of the output is the secret to paste here:",
        ),
        run(line),
    ]
}
