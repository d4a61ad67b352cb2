//! Every error as a person sees it, one whole screen for each variant. A variant without a sample does not compile.

use crate::error::{Error, Hint, Kind, Report, TokenError};
use crate::model::Foreign;
use crate::pve::{ApiError, Leaf, Refusal};
use crate::settings::SettingsError;
use crate::ui::{Style, render};
use std::io;

use time::macros::datetime;

/// Gives the screens of all variants of an enum, in the order given. The `match` has no `_`, so that a new variant does
/// not compile before it has a sample, and a sample below another variant's name fails.
macro_rules! screens {
    ($enum:ident, $draw:expr; $($variant:ident => $($sample:expr),+;)+) => {{
        const fn variant_of(value: &$enum) -> &'static str {
            match value {
                $($enum::$variant { .. } => stringify!($variant),)+
            }
        }
        let mut screens = Vec::new();
        $($(
            let sample = $sample;
            assert_eq!(variant_of(&sample), stringify!($variant));
            screens.push(format!("# {}\n{}", stringify!($variant), $draw(sample)));
        )+)+
        screens.join("\n")
    }};
}

mod cleanup;
mod connection;
mod input;
mod placement;
mod races;
mod refusals;
mod server;
mod settings;
mod template;
mod token;
mod vm;

const STYLE: Style = Style { color: false, unicode: true, width: Some(80) };

/// Draws an error with its causes and hints, 80 columns wide.
fn screen(error: impl Into<Error>) -> String {
    let error = error.into();
    assert_wizard_names_no_flag(&error);
    render(&Report::of(&error), STYLE)
}

/// Fails where the wizard would name a flag or another command to a person who answers questions.
fn assert_wizard_names_no_flag(error: &Error) {
    let is_final = matches!(error.kind(), Kind::Usage | Kind::LeftBehind | Kind::Interrupted(_));
    let ends_the_wizard = matches!(
        error,
        Error::Usage(_)
            | Error::Run(_)
            | Error::Cleanup(_)
            | Error::Batch(_)
            | Error::Config(_)
            | Error::Journal(_)
            | Error::Token(TokenError::LeftOnServer { .. })
            | Error::Settings(
                SettingsError::Invalid { .. } | SettingsError::TwoUsers { .. } | SettingsError::Missing { .. }
            )
    );
    if is_final || ends_the_wizard {
        return;
    }
    for hint in Report::in_wizard(error).hints {
        let is_flag = |word: &str| word.trim_start_matches(['(', '`']).starts_with("--");
        let names_flag = match &hint {
            Hint::Run(line) => line.starts_with("glassdome") || line.starts_with("--"),
            Hint::Say(text) => text.contains("`glassdome ") || text.split(' ').any(is_flag),
            Hint::ByFlag { .. } => true,
        };
        assert!(!names_flag, "{error}: {hint:?}");
    }
}

/// Returns one line for a text that is within another one.
fn line(text: impl ToString) -> String {
    format!("{}\n", text.to_string())
}

/// Reads what a sample is made of.
fn read<T>(text: &str) -> T
where
    T: std::str::FromStr<Err: std::fmt::Debug>,
{
    text.parse().unwrap()
}

fn refused(status: u16, sentence: &str) -> ApiError {
    ApiError::Refusal(Refusal::new(status, Foreign::new(sentence)))
}

fn denied() -> io::Error {
    io::Error::from_raw_os_error(13)
}

fn leaf() -> Leaf {
    Leaf {
        subject: Foreign::new("CN=pve.lan, OU=PVE Cluster Node, O=Proxmox Virtual Environment"),
        issuer: Foreign::new("CN=Proxmox Virtual Environment, O=PVE Cluster Manager CA"),
        names: vec![Foreign::new("pve.lan"), Foreign::new("192.168.1.50")],
        addresses_as_names: Vec::new(),
        not_before: datetime!(2025-01-02 00:00 UTC),
        not_after: datetime!(2027-01-02 00:00 UTC),
        fingerprint: read(&"B0:35:B3:DF:".repeat(8)[..95]),
        is_ca: false,
        is_of_proxmox: true,
        is_self_issued: false,
        is_version_1: false,
        is_sha1: false,
    }
}
