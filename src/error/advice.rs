//! The judgement on every error: its kind, and what to do about it. No arm is left to chance: whoever adds an error
//! has to think about all of this before it compiles.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Aftermath, Error, Hint, Kind, Operation, authentication};
use crate::model::Foreign;
use crate::model::foreign::listed;
use crate::pve::privileges::FixKind;
use crate::pve::task::LogEnd;
use crate::pve::{self, RefusalReason};
use crate::session::Signal;
use crate::settings::{self, sh_word};
use crate::ui::Printable;

/// How many lines to paste are given for disks that are left.
const DISKS_AT_MOST: usize = 4;

/// Decides on the kind, from which the exit code follows.
#[expect(clippy::too_many_lines, reason = "one match over all errors, without a wildcard, is the point of this file")]
pub(super) fn kind(error: &Error) -> Kind {
    match error {
        Error::Usage { .. }
        | Error::CommandLine { .. }
        | Error::UnknownTopic { .. }
        | Error::StandardInputTwice
        | Error::SecretAtTerminal { .. }
        | Error::CannotRun { .. }
        | Error::Instance { .. }
        | Error::Unanswered { key: None, .. }
        | Error::SandboxOption { .. } => Kind::Usage,
        Error::SecretFile { .. }
        | Error::Unanswered { key: Some(_), .. }
        | Error::NotSandboxFile { .. }
        | Error::SandboxOnly
        | Error::Settings(_)
        | Error::Journal(_)
        | Error::NoStateFolder(_)
        | Error::CaFile { .. }
        | Error::CaFileUnread { .. }
        | Error::WhichNode { .. }
        | Error::VmidTaken { .. }
        | Error::CannotLink { .. }
        | Error::AgentDisabled { .. }
        | Error::TestVmInUse { .. }
        | Error::OddName { .. }
        | Error::StrangeEntry
        | Error::GitIgnore { .. }
        | Error::Import { .. }
        | Error::TokenAlone { .. }
        | Error::NeedsYes { .. }
        | Error::ReadBack { .. } => Kind::Configuration,
        Error::Unwritten { source, .. } | Error::Bundle { source, .. } => of_file(source),
        Error::Sandbox { .. } | Error::NoRuntime { .. } | Error::NoThread { .. } | Error::ResultUnwritten { .. } => {
            Kind::Unexpected
        }
        Error::Server { source, .. } => of_server(source),
        Error::Token(error) => error.kind(),
        Error::Template(error) => error.kind(),
        Error::NotProxmox { .. }
        | Error::NodeOffline { .. }
        | Error::NoFreeId { .. }
        | Error::TaskFailed { .. }
        | Error::NoProgress { .. }
        | Error::MarkerMissing { .. }
        | Error::WrongNode { .. }
        | Error::WrongStorage { .. }
        | Error::NotRunning { .. }
        | Error::NoAddress { .. }
        | Error::NotGone { .. } => Kind::Server,
        Error::UnknownRealm { .. } | Error::Unauthenticated { .. } => Kind::Authentication,
        Error::Untrusted { .. } | Error::NotFromStoredCa { .. } => Kind::Tls,
        Error::Lacking { .. } => Kind::Permission,
        Error::UnknownNode { .. }
        | Error::NoTemplate { .. }
        | Error::NotATemplate { .. }
        | Error::TemplateElsewhere { .. }
        | Error::UnknownStorage { .. }
        | Error::NoTestVm { .. }
        | Error::NoPlace { .. }
        | Error::UnknownPool { .. } => Kind::NotFound,
        // Nobody can say that there is none: only that none may be seen.
        Error::NoTemplateVisible { .. } => Kind::Permission,
        Error::SomeFailed { left, first, .. } => {
            if left.is_empty() {
                kind(first)
            } else {
                Kind::LeftBehind
            }
        }
        Error::LeftBehind { .. } | Error::DisksLeft { .. } | Error::StuckClone { .. } | Error::TakenOver { .. } => {
            Kind::LeftBehind
        }
        Error::NothingWritten { signal } => Kind::Interrupted(signal.unwrap_or(Signal::Interrupt)),
        Error::Interrupted { signal } | Error::Abandoned { signal, .. } => Kind::Interrupted(*signal),
        Error::Cancelled => Kind::Interrupted(Signal::Interrupt),
    }
}

/// Decides about a file that could not be written: whether another path would do, or nothing can be written there.
fn of_file(source: &io::Error) -> Kind {
    use io::ErrorKind as Why;
    let is_path = [
        Why::NotFound,
        Why::PermissionDenied,
        Why::AlreadyExists,
        Why::IsADirectory,
        Why::NotADirectory,
        Why::ReadOnlyFilesystem,
        Why::InvalidFilename,
        Why::InvalidInput,
    ];
    if is_path.contains(&source.kind()) { Kind::Configuration } else { Kind::Unexpected }
}

fn of_server(source: &pve::ApiError) -> Kind {
    use pve::ApiError as Pve;
    match source {
        Pve::UnknownName { .. }
        | Pve::NoRoute { .. }
        | Pve::Refused { .. }
        | Pve::ConnectTimeout { .. }
        | Pve::Proxy { .. }
        | Pve::BrokenOff { .. }
        | Pve::NoAnswer { .. }
        | Pve::Stalled { .. }
        | Pve::NotTls { .. } => Kind::Unreachable,
        Pve::OutcomeUnknown { source } => of_server(source),
        Pve::BadProxy { .. } | Pve::NotACa { .. } | Pve::NoSystemTrust => Kind::Configuration,
        Pve::Handshake { .. }
        | Pve::CertificateUntrusted { .. }
        | Pve::CertificateUnfit { .. }
        | Pve::CertificateExpired { .. }
        | Pve::AuthorityNotValid { .. }
        | Pve::CertificateWrongName { .. }
        | Pve::CertificateChanged { .. }
        | Pve::CertificateStolen { .. }
        | Pve::CertificateBroken { .. } => Kind::Tls,
        Pve::SecondFactor { .. } => Kind::Authentication,
        Pve::Refusal(refusal) => of_refusal(refusal),
        Pve::TooLarge { .. } | Pve::Gateway { .. } | Pve::Redirect { .. } | Pve::NotUnderstood { .. } => Kind::Server,
        Pve::Preparation { .. } => Kind::Unexpected,
    }
}

fn of_refusal(refusal: &pve::Refusal) -> Kind {
    use RefusalReason as Is;
    let is_missing = matches!(refusal.reason(), Is::NoSuchStorage | Is::NoSuchNode | Is::NoSuchVm | Is::NoSuchPool);
    match refusal.status {
        401 => Kind::Authentication,
        _ if is_missing => Kind::NotFound,
        403 => Kind::Permission,
        _ => Kind::Server,
    }
}

/// Gives the server's own words.
pub(super) fn server_message(error: &Error) -> Option<Foreign> {
    match error {
        Error::Server { source, .. }
        | Error::Untrusted { source, .. }
        | Error::NotFromStoredCa { source, .. }
        | Error::Unauthenticated { source, .. } => source.server_text(),
        Error::TaskFailed { exit_status, .. } => Some(exit_status.clone()),
        Error::Lacking { said, .. } => said.clone(),
        Error::NoAddress { last, .. } => Some(last.clone()),
        Error::Token(error) => error.why().and_then(server_message),
        Error::Template(error) => error.why().and_then(server_message),
        Error::SomeFailed { first, .. } => server_message(first),
        Error::DisksLeft { proof, .. } => proof.as_deref().and_then(server_message),
        Error::LeftBehind { why, proof, .. } => {
            proof.as_deref().and_then(server_message).or_else(|| server_message(why))
        }
        _ => None,
    }
}

/// Gives the lines of detail below the causes: a table of privileges, a log, a certificate.
pub(super) fn details(error: &Error) -> Vec<String> {
    match error {
        Error::Lacking { gaps, .. } => {
            let rows: Vec<[String; 3]> = gaps.iter().map(pve::privileges::MissingPrivileges::row).collect();
            let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or_default();
            rows.iter()
                .map(|[place, missing, purposes]| format!("{place:<width$}  {missing} (to {purposes})"))
                .collect()
        }
        Error::Unauthenticated { caller, realms, source } => {
            source.refusal().map(|it| authentication::details(caller, realms.as_deref(), it)).unwrap_or_default()
        }
        Error::Token(error) => error.why().map(details).unwrap_or_default(),
        Error::Template(error) => error.details(),
        Error::SomeFailed { first, .. } => details(first),
        Error::TaskFailed { log, .. } => log.shown(),
        Error::Untrusted { facts, .. } | Error::NotFromStoredCa { facts, .. } => {
            facts.iter().map(|fact| Printable(fact).to_string()).collect()
        }
        Error::DisksLeft { disks, proof, .. } => {
            let mut lines: Vec<String> = disks.iter().map(ToString::to_string).collect();
            lines.extend(proof.iter().map(|proof| format!("before that: {}", told(proof))));
            lines
        }
        Error::LeftBehind { why, proof, .. } => {
            let mut lines = vec![format!("clean-up: {}", told(why))];
            lines.extend(proof.iter().map(|proof| format!("before that: {}", told(proof))));
            lines
        }
        _ => Vec::new(),
    }
}

/// Tells an error and what stands behind it on one line.
fn told(error: &Error) -> String {
    crate::error::Report::of(error).in_one_line()
}

fn say(text: impl Into<String>) -> Hint {
    Hint::Say(text.into())
}

fn run(text: impl Into<String>) -> Hint {
    Hint::Run(text.into())
}

/// Says what to do next.
#[expect(clippy::too_many_lines, reason = "one match over all errors, without a wildcard, is the point of this file")]
pub(super) fn hints(error: &Error) -> Vec<Hint> {
    match error {
        Error::Usage { .. } => vec![run("glassdome --help")],
        Error::CommandLine { tips, command, .. } => {
            let mut hints: Vec<Hint> = tips.iter().map(|tip| say(Printable(tip).to_string())).collect();
            hints.push(run(format!("{command} --help")));
            hints
        }
        Error::UnknownTopic { .. } => {
            vec![run("glassdome --help"), run("glassdome help exit-codes"), run("glassdome help environment")]
        }
        Error::StandardInputTwice => {
            vec![say("give one of --token-value-file, --password-file and --login-password-file a path instead of `-`")]
        }
        Error::SecretAtTerminal { .. } => vec![say(
            "leave --no-input out and let standard error go to the terminal, then it is asked for and not shown; or give a file, or a pipe: pass show pve | glassdome ...",
        )],
        Error::NoThread { .. } => {
            vec![say("the limit of processes, threads or memory is reached (ulimit -u, ulimit -v)")]
        }
        Error::Instance { .. } => vec![say("use `--instance 02`, for example")],
        Error::SecretFile { flag, .. } => {
            vec![say(format!("give {flag} a file that you may read, or `-` and the secret on standard input"))]
        }
        Error::Unanswered { flag, key, rehearsal, .. } => unanswered(*flag, key.as_ref(), *rehearsal),
        Error::NeedsYes { .. } => vec![say("add --yes, or run this at a terminal")],
        Error::NotSandboxFile { path } => {
            vec![say(format!("leave --env-file out, or remove {} if it was a rehearsal", path.display()))]
        }
        Error::SandboxOnly => vec![say(
            "the file is that of a rehearsal: give --env-file the file of your own server, or go on rehearsing with --sandbox, where a command has it",
        )],
        Error::Sandbox { .. } => vec![say("is the port taken? `--listen 127.0.0.1:0` takes a free one")],
        Error::SandboxOption { .. } => vec![run("glassdome sandbox --help")],
        Error::NoRuntime { .. } => vec![say("is the limit of open files or processes reached?")],
        Error::Settings(error) => of_settings(error),
        Error::Token(error) => error.hints(),
        Error::Template(error) => error.hints(),
        Error::Import { why } => of_import(why),
        Error::NoStateFolder(_) => {
            vec![say("set XDG_STATE_HOME to the absolute path of a folder that you may write to")]
        }
        Error::Journal(_) => vec![say("set XDG_STATE_HOME to a folder that you may write to")],
        Error::CaFile { .. } | Error::CaFileUnread { .. } => {
            vec![say("on a node, the authority of the cluster is the file"), run("/etc/pve/pve-root-ca.pem")]
        }
        Error::Server { operation, source } => of_call(operation, source),
        Error::NotProxmox { .. } => {
            vec![say("Proxmox VE listens on port 8006 unless a proxy stands in front of it; give --host NAME:PORT")]
        }
        Error::Unauthenticated { caller, source, .. } => {
            source.refusal().map(|it| authentication::hints(caller, it)).unwrap_or_default()
        }
        Error::UnknownRealm { realms, .. } => {
            vec![say(format!("the realms are: {}; `apex@pam` for `apex@pve` is the classic mistake", shown(realms)))]
        }
        Error::Untrusted { fingerprint, .. } => untrusted(fingerprint),
        Error::NotFromStoredCa { fingerprint, .. } => changed(fingerprint),
        Error::WhichNode { nodes, variable } => {
            vec![say(format!("give --node or set {variable} to one of: {}", shown(nodes)))]
        }
        Error::UnknownNode { known, .. } => vec![say(format!("the nodes are: {}", shown(known)))],
        Error::NodeOffline { .. } => vec![say("wait for the node, or give another one with --node")],
        Error::NoTemplate { known, .. } | Error::NotATemplate { known, .. } => of_templates(known),
        Error::NoTemplateVisible { who } => vec![
            say(format!(
                "a list shows only what may be seen: {who} needs VM.Audit on the template, /vms/9000 for example"
            )),
            say("where there is none, this makes one from an Ubuntu cloud image:"),
            run("glassdome template create"),
        ],
        Error::TemplateElsewhere { on, .. } => vec![
            say(format!("prove it there with --target {on}, or set PROXMOX_NODE to {on}")),
            say("or move the template's disk to storage that all nodes share"),
        ],
        Error::UnknownStorage { known, .. } => {
            vec![say(format!("storages for disks that can be seen there: {}", shown(known)))]
        }
        Error::UnknownPool { pool } => vec![say("make it, as root on a node:"), run(format!("pveum pool add {pool}"))],
        Error::VmidTaken { flag, .. } => {
            vec![say(format!("give another {flag}, or leave it out: then the next free one is taken"))]
        }
        Error::NoFreeId { .. } => vec![say("try again when less is being created")],
        Error::CannotLink { .. } => vec![say("leave --linked out, or say --full")],
        Error::AgentDisabled { template } => {
            vec![say("as root on its node:"), run(format!("qm set {template} --agent 1"))]
        }
        Error::Lacking { who, blocks, is_explained, .. } => lacking(who, blocks, *is_explained),
        Error::TaskFailed { operation, upid, exit_status, log } => of_task(operation, upid, (exit_status, log)),
        Error::NoProgress { upid, .. } => vec![
            say(format!("look at the task in the web interface: {upid}")),
            say("if the storage is slow, give --timeout more seconds"),
        ],
        Error::MarkerMissing { .. } | Error::WrongNode { .. } | Error::WrongStorage { .. } => {
            vec![say("did somebody change it meanwhile? run `glassdome test-vm` again")]
        }
        Error::NotRunning { vmid, .. } => {
            vec![say("as root on its node, this says why:"), run(format!("qm start {vmid}"))]
        }
        Error::NoAddress { .. } => vec![
            say("is qemu-guest-agent installed in the template, and does its network give it an address?"),
            say("give --wait-ip more seconds if the guest starts slowly"),
        ],
        Error::NotGone { vmid } => {
            vec![
                run("glassdome cleanup"),
                say("or, where no journal knows it:"),
                run(format!("glassdome cleanup --vmid {vmid}")),
            ]
        }
        Error::NoTestVm { .. } => vec![
            say(
                "it stays: only what carries the marker of a test VM in its description is destroyed; VM.Audit is needed to see it",
            ),
            run("glassdome cleanup"),
        ],
        Error::OddName { vmid, .. } => vec![
            say("somebody may have made it his own; if it may go:"),
            run(format!("glassdome cleanup --vmid {vmid} --yes")),
        ],
        Error::TestVmInUse { .. } => vec![say("it goes when its run ends; Ctrl-C there ends it early, and cleans up")],
        Error::TakenOver { vmid } => {
            vec![say(format!("it stays: nothing proves any more that VM {vmid} is this program's"))]
        }
        Error::StuckClone { vmid, node } => vec![
            say(format!("as root on {node}, look first whose it is; a clone of somebody else looks the same:")),
            run(format!("qm config {vmid}")),
            say(format!(
                "where no clone task runs any more and nobody else misses it: `qm unlock {vmid}`, then destroy it in the web interface"
            )),
        ],
        Error::DisksLeft { node, disks, .. } => {
            let mut hints = vec![say(format!("as root on {node}, once their storage can be used:"))];
            hints.extend(
                disks.iter().take(DISKS_AT_MOST).map(|disk| run(format!("pvesm free {}", disk.shell_quoted()))),
            );
            hints
        }
        Error::LeftBehind { why, vmid, name, .. } => match why.as_ref() {
            Error::StuckClone { .. } | Error::TakenOver { .. } => hints(why),
            _ => vec![
                run("glassdome cleanup"),
                say(format!("or, if it is still called {}, destroy VM {vmid} in the web interface", Printable(name))),
            ],
        },
        Error::StrangeEntry => vec![say("the entry was written by another version; remove its file from the journal")],
        Error::NothingWritten { .. } | Error::Interrupted { .. } | Error::Cancelled => Vec::new(),
        Error::Abandoned { left: Some((vmid, node)), .. } => {
            vec![say(format!("VM {vmid} on {node} may still be there")), run("glassdome cleanup")]
        }
        Error::Abandoned { left: None, .. } => Vec::new(),
        Error::ResultUnwritten { after: Aftermath::Nothing, .. } => Vec::new(),
        Error::ResultUnwritten { after: Aftermath::Changes, .. } => {
            vec![say("the command has run to its end: what it changed stands")]
        }
        Error::Unwritten { source, .. } if of_file(source) == Kind::Unexpected => Vec::new(),
        Error::Unwritten { .. } => vec![say("does the folder exist, and may you write to it?")],
        Error::GitIgnore { .. } => vec![say("add the lines yourself, or leave --yes out")],
        Error::TokenAlone { .. } => vec![say("make a token, and give it with --token-name and --token-value-file")],
        Error::CannotRun { .. } => vec![say("give a program that is in PATH, or its path, behind `--`")],
        Error::Bundle { source, .. } if of_file(source) == Kind::Unexpected => Vec::new(),
        Error::Bundle { .. } => vec![say("give --bundle the path of a file that does not exist yet")],
        Error::SomeFailed { left, first, .. } => {
            let mut hints = hints(first);
            if !left.is_empty() && !hints.contains(&run("glassdome cleanup")) {
                hints.push(run("glassdome cleanup"));
            }
            hints
        }
        Error::NoPlace { .. } => vec![say("is a node online that has the template, or its storage?")],
        Error::ReadBack { .. } => vec![say("did somebody else write it at the same moment? run this again")],
    }
}

fn of_import(why: &settings::BadImport) -> Vec<Hint> {
    use settings::BadImport as Bad;
    match why {
        Bad::TwoTools { one, .. } => vec![say(format!("say whose count, `--import={one}` for example"))],
        Bad::Nothing { .. } => vec![say("set those of your tool, or leave --import out and answer the questions")],
        Bad::Missing { tool, .. } => {
            let names = settings::variables_of(*tool).join(", ");
            vec![say(format!("set it; of {tool} these are read: {names}"))]
        }
        Bad::Invalid { variable, .. } => vec![say(format!("correct {variable}, or leave --import out"))],
    }
}

/// Names flag, variable and key, whichever there are.
fn unanswered(
    flag: Option<&str>,
    key: Option<&(String, Option<PathBuf>)>,
    rehearsal: Option<&'static str>,
) -> Vec<Hint> {
    let mut ways: Vec<String> = flag.map(|flag| format!("give {flag}")).into_iter().collect();
    if let Some((variable, file)) = key {
        ways.push(format!("set the variable {variable}"));
        ways.extend(file.as_ref().map(|file| format!("write {variable} into {}", file.display())));
    }
    let last = ways.pop().unwrap_or_default();
    let text = match &ways[..] {
        [] => last,
        more => format!("{}, or {last}", more.join(", ")),
    };
    let mut hints = vec![say(text)];
    if let Some(line) = rehearsal {
        hints.extend([say("this shows the whole without a server:"), run(line)]);
    }
    hints
}

fn of_settings(error: &settings::SettingsError) -> Vec<Hint> {
    use settings::SettingsError as Settings;
    match error {
        Settings::Invalid { origin, .. } => vec![say(format!("correct {origin}"))],
        Settings::TwoUsers { .. } => vec![say("keep one of the two; the token name alone is enough")],
        Settings::TwoTokens { .. } => {
            vec![say("give the name of the token that the secret is of, or leave the name out")]
        }
        Settings::Missing { .. } => vec![say("`glassdome help environment` lists every setting")],
        Settings::Unwritable { .. } => vec![
            say("use a token instead of the password: its secret can always be written"),
            say("or change the password; --allow-ambiguous-value writes it for python-dotenv alone"),
        ],
        Settings::Entangled { line, .. } => vec![say(format!("close the quote in line {line}, then run this again"))],
        Settings::ChangedMeanwhile { .. } => vec![say("nothing was written; run this again")],
        Settings::Locked { .. } => vec![say("wait for the other run, then run this again")],
        Settings::DanglingLink { .. } | Settings::LinkLoop { .. } => {
            vec![say("correct the link, or give --env-file another path")]
        }
        Settings::IsLink { path } => {
            vec![say(format!("put the file itself there, or remove the link {}", path.display()))]
        }
        Settings::TooLarge { .. } => vec![say("give --env-file the path of a settings file")],
        Settings::Encoding { path, encoding } => converted(path, *encoding),
        Settings::NulByte { line, .. } => {
            vec![say(format!("write line {line} and what follows it anew, with an editor that saves UTF-8"))]
        }
        Settings::MountPoint { .. } => {
            vec![say("mount its folder instead of the file, or give --env-file a path in a folder of the container")]
        }
        Settings::Immutable { path } => vec![
            say("if it may be changed, take the attribute away:"),
            run(format!("chattr -i -a {}", sh_word(&path.display().to_string()))),
        ],
        Settings::NameTooLong { .. } => vec![say("give --env-file a shorter name")],
        Settings::NoFolder { .. } => vec![say("make the folder, or give --env-file another path")],
        Settings::IsFolder { .. } | Settings::NotAFile { .. } => vec![say("give --env-file the path of a file")],
        Settings::Denied { .. } | Settings::ReadOnly { .. } => {
            vec![say("give --env-file a path that you may write to")]
        }
        Settings::DiskFull { .. } => vec![say("make room; the old file is untouched")],
        Settings::System { .. } => vec![say("the old file is untouched")],
    }
}

/// Tells how a file becomes UTF-8; what is written meanwhile is as private as the file.
fn converted(path: &Path, encoding: settings::Encoding) -> Vec<Hint> {
    let (from, to) = (path.display().to_string(), format!("{}.utf8", path.display()));
    let (from, to) = (sh_word(&from), sh_word(&to));
    vec![
        say("nothing was written; convert the file:"),
        run(format!("(umask 077; iconv -f {encoding} -t UTF-8 {from} > {to} && mv {to} {from})")),
        say("in PowerShell, write it with `Set-Content -Encoding utf8`"),
    ]
}

fn of_call(operation: &Operation, source: &pve::ApiError) -> Vec<Hint> {
    use pve::ApiError as Pve;
    match source {
        Pve::UnknownName { .. } => vec![say("is the name spelt right? give the address instead, with --host")],
        Pve::NoRoute { .. } => vec![say("is the server in a network that can be reached from here, perhaps by VPN?")],
        Pve::Refused { .. } => {
            vec![say("is it the right port? Proxmox VE listens on 8006"), run("systemctl status pveproxy")]
        }
        Pve::ConnectTimeout { .. } => {
            vec![say("does a firewall drop the packets? is the address right? --connect-timeout waits longer")]
        }
        Pve::Proxy { variable, .. } => {
            vec![say(format!("if no proxy is needed, name the server in NO_PROXY; else correct {variable}"))]
        }
        Pve::BadProxy { variable } => vec![say(format!("write {variable} as http://host:port"))],
        Pve::BrokenOff { .. } | Pve::NoAnswer { .. } | Pve::Stalled { .. } => {
            vec![
                say("try again; `glassdome doctor` tells where on the way it breaks"),
                say("on the node, this says how its API is:"),
                run("systemctl status pveproxy pvedaemon"),
            ]
        }
        Pve::OutcomeUnknown { source } => of_call(operation, source),
        Pve::TooLarge { .. } | Pve::NotUnderstood { .. } | Pve::Redirect { .. } => {
            vec![say("is this really a Proxmox VE server, or something in front of it?")]
        }
        Pve::NotTls { .. } => vec![say("Proxmox VE speaks HTTPS on port 8006; is it the right port?")],
        Pve::Handshake { .. } => no_handshake(),
        Pve::CertificateBroken { .. } => another_certificate(),
        Pve::CertificateUntrusted { leaf, .. } | Pve::CertificateUnfit { leaf, .. } => {
            untrusted(&leaf.fingerprint.to_string())
        }
        Pve::CertificateExpired { .. } => vec![
            say("is the clock right here and there? else renew it, as root on the node:"),
            run("pvecm updatecerts --force && systemctl restart pveproxy"),
        ],
        Pve::AuthorityNotValid { leaf, .. } => authority_not_valid(&leaf.fingerprint.to_string()),
        Pve::CertificateWrongName { leaf, .. } => wrong_name(leaf),
        Pve::CertificateChanged { leaf, .. } => changed(&leaf.fingerprint.to_string()),
        Pve::CertificateStolen { .. } => {
            vec![say("do not go on: somebody answers in place of the server. Ask whoever runs the network")]
        }
        Pve::NoSystemTrust => vec![say("install the package ca-certificates, or give --ca-file or --fingerprint")],
        Pve::NotACa { .. } | Pve::Preparation { .. } => Vec::new(),
        Pve::SecondFactor { .. } => {
            vec![say("make a token in the web interface (Datacenter > Permissions > API Tokens) and use that")]
        }
        Pve::Gateway { status: 429, .. } => vec![say("the server wants fewer requests; wait a minute")],
        Pve::Gateway { .. } => vec![
            say("a reverse proxy answers in place of the server; is the server behind it up? on the node, this tells:"),
            run("systemctl status pveproxy pvedaemon"),
        ],
        Pve::Refusal(refusal) => of_no(operation, refusal),
    }
}

fn no_handshake() -> Vec<Hint> {
    vec![
        say("is it the right port, and is this really Proxmox VE?"),
        say(
            "neither a server without TLS 1.2 and 1.3 can be used, nor a certificate with a key of an unusual kind (P-521, DSA)",
        ),
    ]
}

fn another_certificate() -> Vec<Hint> {
    vec![
        say("the server needs another certificate; Proxmox VE makes its own again, as root on the node:"),
        run("pvecm updatecerts --force && systemctl restart pveproxy"),
    ]
}

fn authority_not_valid(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "check the clock here; if it is right, get the current CA certificate from the server, on a node of the cluster:",
        ),
        run("cat /etc/pve/pve-root-ca.pem"),
        say(format!("or trust this certificate alone: --fingerprint {fingerprint}")),
    ]
}

fn wrong_name(leaf: &pve::Leaf) -> Vec<Hint> {
    let fingerprint = leaf.fingerprint.to_string();
    if leaf.names.is_empty() {
        return untrusted(&fingerprint);
    }
    vec![
        say(format!("give --host one of: {}", listed(&leaf.names))),
        say(format!("or trust this certificate for any name: --fingerprint {fingerprint}")),
    ]
}

fn of_no(operation: &Operation, refusal: &pve::Refusal) -> Vec<Hint> {
    match (refusal.status, operation) {
        (401, Operation::LogIn(_)) => vec![
            say("check the password, and the user's realm (`apex@pve`, not `apex@pam`)"),
            say("is the user enabled and not expired?"),
        ],
        (401, _) => unauthenticated(),
        (
            403,
            Operation::ReadTokens(_) | Operation::RevokeToken(_) | Operation::ReadAccess | Operation::ChangeAccess(_),
        ) => {
            vec![say("whoever asks may not do that: log in as an administrator, --login-user root@pam for example")]
        }
        (403, _) => vec![
            say(
                "the usual cause is privilege separation: without it a token may do what its user may. Either uncheck it (Datacenter > Permissions > API Tokens), or grant the token what is missing",
            ),
            run("glassdome doctor"),
        ],
        (500, Operation::Clone { .. }) if refusal.reason() == RefusalReason::NoSuchVm => {
            vec![
                say("the template is gone: was it destroyed meanwhile? those that there are:"),
                run("glassdome template list"),
            ]
        }
        (595..=599, _) => {
            vec![say("the node that was asked cannot reach the other one; is it up?"), run("pvecm status")]
        }
        (429, _) => vec![say("the server wants fewer requests; wait a minute")],
        _ => Vec::new(),
    }
}

/// Since Proxmox VE 9.1.5 every bad credential gets the same answer, so everything has to be named.
fn unauthenticated() -> Vec<Hint> {
    vec![
        say("is the secret complete, all 36 characters, without blanks or quotes around it in the file?"),
        say("is the token name the one that was created, and the user's realm right (`apex@pve`, not `apex@pam`)?"),
        say("are user and token enabled and not expired?"),
        say("which of these it is, only the server can say; as root on a node:"),
        run("pveum user list --full 1"),
        run("journalctl -u pvedaemon -u pveproxy --since -5min | grep -i auth"),
    ]
}

fn untrusted(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "compare the fingerprint with that of `pve-ssl.pem` on the server: web interface, node > System > Certificates, or in its shell:",
        ),
        run("pvenode cert info"),
        say("if it is the same, trust it:"),
        run(format!("--fingerprint {fingerprint}")),
        say(
            "or, without comparing: --accept-new-certificate (with setup), which then trusts the cluster's own CA; with a CA that you have: --ca-file; not at all: --insecure",
        ),
    ]
}

fn changed(fingerprint: &str) -> Vec<Hint> {
    vec![
        say(
            "either it was renewed, which Proxmox VE does every two years, or somebody is in between. Compare it in the shell of the node:",
        ),
        run("pvenode cert info"),
        say("if it is the new one, pin it, and with it the cluster's CA, which outlives it:"),
        run(format!("glassdome setup --fingerprint {fingerprint} --pin ca")),
    ]
}

fn of_templates(known: &[String]) -> Vec<Hint> {
    if known.is_empty() {
        return vec![
            say("no template is visible; a list shows only what may be seen (VM.Audit)"),
            say("give --template the VMID of one, or make one from an Ubuntu cloud image:"),
            run("glassdome template create"),
            say("`setup` makes it on the way with --create-template"),
        ];
    }
    vec![say(format!("templates that can be seen: {}", shown(known))), say("give --template one of them")]
}

/// What helps most stands first: a whole screen of lines may follow.
fn lacking(who: &str, blocks: &[pve::privileges::FixScript], is_explained: bool) -> Vec<Hint> {
    let (first, others): (Vec<_>, Vec<_>) = blocks.iter().partition(|block| block.remedy == FixKind::Unseparate);
    let mut hints = Vec::new();
    for block in first {
        let path = "Datacenter > Permissions > API Tokens";
        let name = Printable(who);
        hints.push(say(format!(
            "{}. In the web interface: {path} > {name} > Edit, uncheck Privilege Separation; or as root on a node:",
            block.heading
        )));
        hints.extend(block.lines.iter().map(run));
    }
    if let Some((_, name)) = who.split_once('!') {
        hints.push(say("or, with an administrator's log-in, make a token that holds exactly what is needed:"));
        hints.push(run(format!(
            "glassdome token create --rights needed --token-name {}-2 --login-user root@pam",
            Printable(name)
        )));
    }
    let has_lines = others.iter().any(|block| !block.lines.is_empty());
    if has_lines {
        let doubt = if is_explained { "" } else { ". Whether token or user lacks it cannot be told from here" };
        let or = if hints.is_empty() { "" } else { "or " };
        hints.push(say(format!("{or}grant it by hand, as root on a node; no line takes a right from anybody{doubt}:")));
    }
    for block in others {
        let heading = block.heading.clone();
        hints.push(if block.lines.is_empty() { say(heading) } else { Hint::Remark(heading) });
        hints.extend(block.lines.iter().map(run));
    }
    hints
}

fn of_task(operation: &Operation, upid: &str, (exit_status, log): (&Foreign, &LogEnd)) -> Vec<Hint> {
    let mut hints = Vec::new();
    let reason = RefusalReason::of_task(exit_status, log.lines());
    if reason == RefusalReason::StorageFull {
        hints.push(say("the storage is full: make room, or give --storage another one"));
    }
    if reason == RefusalReason::WorkerKilled {
        hints.push(say("the server's worker was killed; was the node restarted, or out of memory?"));
    }
    if reason == RefusalReason::LockTimeout {
        hints
            .push(say("somebody held the lock for too long: run this again; of many at once, take fewer (--parallel)"));
    }
    if matches!(operation, Operation::Resize(_)) {
        hints.push(say("--disk-size 0 leaves the disk as large as the image"));
    }
    if reason == RefusalReason::Interrupted {
        hints.push(say("somebody stopped the task; run this again"));
    }
    if matches!(operation, Operation::Start(_)) {
        hints.push(say("the clone itself works; the template's devices or its memory cannot be had on this node"));
    }
    hints.push(say(format!("the whole log is in the web interface, task {upid}")));
    hints
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "none that can be seen".to_owned() } else { Printable(&listed(names)).to_string() }
}
