//! The command line, the run, files and variables.

use super::{denied, read, refused, screen};
use crate::error::{Aftermath, ConfigError, Error, MissingAnswer, RunError, UsageError};
use crate::journal::JournalError;
use crate::model::Tool;
use crate::pve::ApiError;
use crate::session::{NoStateFolder, Signal};
use crate::settings::{BadImport, BadInstance, InvalidValue};
use std::path::PathBuf;

fn unanswered(further: Vec<MissingAnswer>, rehearsal: Option<&'static str>) -> UsageError {
    let key = Some(("PROXMOX_HOST".to_owned(), Some(PathBuf::from(".env"))));
    UsageError::Unanswered { what: "the server", flag: Some("--host"), key, further, rehearsal, lacks_terminal: false }
}

#[test]
fn usage() {
    let user = MissingAnswer { what: "the user", flag: "--user", variable: "PROXMOX_USER".to_owned() };
    let text = screens! { UsageError, screen;
        Usage => UsageError::Usage { message: "--count and --keep cannot be used together".to_owned() };
        CommandLine => UsageError::CommandLine {
            message: "unexpected argument '--hots' found".to_owned(),
            tips: vec!["a similar argument exists: '--host'".to_owned()],
            command: "glassdome setup".to_owned(),
        };
        UnknownTopic => UsageError::UnknownTopic { topic: "clones".to_owned(), known: vec!["trust", "exit-codes"] };
        StandardInputTwice => UsageError::StandardInputTwice;
        SecretAtTerminal => UsageError::SecretAtTerminal { flag: "--token-value-file" };
        Unanswered => unanswered(Vec::new(), None),
            unanswered(vec![user.clone()], None),
            unanswered(vec![user], Some("glassdome setup --sandbox --no-input")).without_terminal(),
            UsageError::Unanswered {
                what: "the password of root@pam",
                flag: Some("--login-password-file"),
                key: None,
                further: Vec::new(),
                rehearsal: None,
                lacks_terminal: true,
            };
        NeedsYes => UsageError::NeedsYes { what: "token apex@pve!tok exists and would get a new secret".to_owned() };
        SandboxOption => UsageError::SandboxOption { message: "there is no fault `nosuch`".to_owned() };
        Instance => UsageError::Instance { why: BadInstance::Form }, UsageError::Instance { why: BadInstance::Reserved };
        TokenAlone => UsageError::TokenAlone { tool: "terraform-bpg" };
        CannotRun => UsageError::CannotRun {
            command: "terrafrom".to_owned(),
            source: std::io::Error::from_raw_os_error(2),
        };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn run() {
    let text = screens! { RunError, screen;
        NoThread => RunError::NoThread { source: std::io::Error::from_raw_os_error(11) };
        Cancelled => RunError::Cancelled;
        Declined => RunError::Declined { outcome: "nothing was revoked" };
        Sandbox => RunError::Sandbox { source: std::io::Error::from_raw_os_error(98) };
        NoRuntime => RunError::NoRuntime { source: std::io::Error::from_raw_os_error(24) };
        Interrupted => RunError::Interrupted { signal: Signal::Interrupt };
        NothingWritten => RunError::NothingWritten { signal: None },
            RunError::NothingWritten { signal: Some(Signal::Terminate) };
        Abandoned => RunError::Abandoned { signal: Signal::Interrupt, left: Some((100, "pve".to_owned())) };
        ResultUnwritten => RunError::ResultUnwritten { after: Aftermath::Nothing, source: denied() },
            RunError::ResultUnwritten { after: Aftermath::Changes, source: std::io::Error::from_raw_os_error(28) };
        Unwritten => RunError::Unwritten { path: "proxmox-ca.pem".into(), source: denied() },
            RunError::Unwritten { path: "proxmox-ca.pem".into(), source: std::io::Error::from_raw_os_error(28) };
        GitIgnore => RunError::GitIgnore { path: ".gitignore".into(), source: denied() };
        Bundle => RunError::Bundle { path: "report.txt".into(), source: std::io::Error::from_raw_os_error(17) };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn config() {
    let import = |why| ConfigError::Import { why };
    let text = screens! { ConfigError, screen;
        SecretFile => ConfigError::SecretFile {
            flag: "--token-value-file",
            place: "secret.txt".to_owned(),
            source: denied(),
        };
        NotSandboxFile => ConfigError::NotSandboxFile { path: ".env.sandbox".into() };
        SandboxOnly => ConfigError::SandboxOnly;
        Import => import(BadImport::Nothing { names: "PROXMOX_VE_API_TOKEN, PM_API_TOKEN_SECRET".to_owned() }),
            import(BadImport::TwoTools { one: Tool::TerraformBpg, other: Tool::Packer }),
            import(BadImport::Missing { tool: Tool::Packer, variable: "PROXMOX_URL" }),
            import(BadImport::Invalid { variable: "PROXMOX_VE_INSECURE", why: InvalidValue::Boolean });
        CaFileUnreadable => ConfigError::CaFileUnreadable { path: "ca.pem".into(), source: denied() };
        CaFile => ConfigError::CaFile {
            path: "ca.pem".into(),
            source: ApiError::NotACa { why: "it holds no certificate" },
        };
        ReadBack => ConfigError::ReadBack { path: ".env".into() };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn journal() {
    let text = screens! { JournalError, screen;
        File => JournalError::File { path: "/home/apex/.local/state/glassdome".into(), source: denied() };
    };
    let folder = screens! { NoStateFolder, screen;
        Unset => NoStateFolder::Unset;
        Relative => NoStateFolder::Relative { variable: "XDG_STATE_HOME", path: "state".into() };
    };
    insta::assert_snapshot!(format!("{text}\n{folder}"));
}

#[test]
fn all_domains() {
    // An enum of its own for each domain: each has its screens in one of these files.
    const fn domain(error: &Error) -> &'static str {
        match error {
            Error::Usage(_) | Error::Run(_) | Error::Config(_) | Error::Journal(_) | Error::NoStateFolder(_) => "input",
            Error::Connection(_) | Error::Auth(_) | Error::Permission(_) => "connection",
            Error::Placement(_) | Error::Preflight(_) => "placement",
            Error::Vm(_) | Error::Batch(_) => "vm",
            Error::Cleanup(_) => "cleanup",
            Error::Settings(_) => "settings",
            Error::Token(_) => "token",
            Error::Template(_) => "template",
            Error::Server { .. } => "server",
        }
    }
    let server = Error::connecting(&read("pve.lan"), refused(500, "got timeout"));
    assert_eq!(domain(&server), "server");
}
