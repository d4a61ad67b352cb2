//! The settings file, its values, and the warnings about it.

use super::{STYLE, denied, line, read, screen};
use crate::model::endpoint::InvalidEndpoint;
use crate::model::fingerprint::InvalidFingerprint;
use crate::model::ids::InvalidId;
use crate::model::token::InvalidToken;
use crate::model::token_secret::BadSecret;
use crate::model::{Tool, disk_size, expiry};
use crate::settings::{
    Encoding, FileOperation, InvalidValue, Reader, Remark, SettingsError, Source, TwoTokens, TwoUsers, UnusedReason,
    Unwritable, ValueLeft, Warning,
};
use crate::ui::{Draw, Screen, Tone, render};
use std::fmt;
use std::path::PathBuf;

fn path() -> PathBuf {
    ".env".into()
}

fn at(line: usize, name: &str) -> Source {
    Source::File { path: path(), line, name: name.to_owned() }
}

fn two_users() -> Box<TwoUsers> {
    Box::new(TwoUsers {
        token: at(3, "PROXMOX_TOKEN_NAME"),
        token_user: read("lab@pve"),
        user: Source::Variable("PROXMOX_USER".to_owned()),
        other_user: read("apex@pve"),
    })
}

fn two_tokens() -> Box<TwoTokens> {
    Box::new(TwoTokens {
        secret: at(4, "PROXMOX_TOKEN_VALUE"),
        secret_token: read("lab"),
        name: Source::Flag("--token-name"),
        other_token: read("glassdome-token"),
    })
}

#[test]
fn settings() {
    use FileOperation as Doing;
    let name = || "PROXMOX_PASSWORD".to_owned();
    let text = screens! { SettingsError, screen;
        Invalid => SettingsError::Invalid { origin: at(5, "PROXMOX_VERIFY_SSL"), why: InvalidValue::Boolean },
            SettingsError::Invalid { origin: Source::Flag("--node"), why: InvalidId::Node.into() };
        TwoUsers => SettingsError::TwoUsers(two_users());
        TwoTokens => SettingsError::TwoTokens(two_tokens());
        Missing => SettingsError::Missing { variable: "PROXMOX_HOST".to_owned(), flag: "--host" };
        Unwritable => SettingsError::Unwritable { name: name(), why: Unwritable::MixedQuotes };
        WouldReadDifferently => SettingsError::WouldReadDifferently { reader: Reader::Dotenvy, line: 3 };
        ChangedMeanwhile => SettingsError::ChangedMeanwhile { path: path() };
        Locked => SettingsError::Locked { folder: "/srv/lab".into() };
        DanglingLink => SettingsError::DanglingLink { path: path() };
        LinkLoop => SettingsError::LinkLoop { path: path() };
        NoFolder => SettingsError::NoFolder { path: "lab/.env".into() };
        IsFolder => SettingsError::IsFolder { path: path() };
        NotAFile => SettingsError::NotAFile { path: path() };
        IsLink => SettingsError::IsLink { path: "proxmox-ca.pem".into() };
        TooLarge => SettingsError::TooLarge { path: path(), limit: 4 << 20 };
        Encoding => SettingsError::Encoding { path: path(), encoding: Encoding::Utf16 };
        NulByte => SettingsError::NulByte { path: path(), line: 9 };
        MountPoint => SettingsError::MountPoint { path: path() };
        Immutable => SettingsError::Immutable { path: path() };
        NameTooLong => SettingsError::NameTooLong { path: path() };
        Denied => SettingsError::Denied { doing: Doing::Read, path: path() };
        ReadOnly => SettingsError::ReadOnly { doing: Doing::Write, path: path() };
        DiskFull => SettingsError::DiskFull { doing: Doing::Replace, path: path() };
        System => SettingsError::System { doing: Doing::Lock, path: path(), why: denied() },
            SettingsError::System { doing: Doing::Protect, path: path(), why: denied() };
    };
    insta::assert_snapshot!(text);
}

/// A warning as it is on the screen.
struct Warned(String);

impl Draw for Warned {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.labelled("warning: ", Tone::Warning, &self.0)
    }
}

fn warned(warning: impl ToString) -> String {
    render(&Warned(warning.to_string()), STYLE)
}

#[test]
fn warnings() {
    let (name, names) = (|| "PROXMOX_HOST".to_owned(), || vec!["group lab".to_owned(), "user ci".to_owned()]);
    let text = screens! { Warning, warned;
        ReadDifferently => Warning::ReadDifferently { name: name(), line: 2 };
        Twice => Warning::Twice { name: name(), line: 9 };
        ByteOrderMark => Warning::ByteOrderMark { name: name() };
        NotUtf8 => Warning::NotUtf8 { line: 3 };
        NotRead => Warning::NotRead { name: name(), line: 4, reader: Reader::Node };
        ForPythonAlone => Warning::ForPythonAlone { name: "PROXMOX_PASSWORD".to_owned() };
        NotBare => Warning::NotBare { name: "PROXMOX_TOKEN_VALUE".to_owned(), line: 4 };
        LooksLikePlaceholder => Warning::LooksLikePlaceholder { secret: at(4, "PROXMOX_TOKEN_VALUE") };
        TokenBeatsPassword => Warning::TokenBeatsPassword {
            token: at(4, "PROXMOX_TOKEN_VALUE"),
            password: Source::Variable("PROXMOX_PASSWORD".to_owned()),
        };
        Tightened => Warning::Tightened { path: path(), before: 0o644, after: 0o600 };
        GroupMayRead => Warning::GroupMayRead { path: path(), mode: 0o640 };
        GroupLost => Warning::GroupLost { path: path() };
        AccessListKept => Warning::AccessListKept { path: path(), names: names() };
        AccessListLost => Warning::AccessListLost { path: path(), mode: 0o600, names: names() };
        AttributesLost => Warning::AttributesLost { path: path(), names: vec!["user.note".to_owned()] };
        OtherNames => Warning::OtherNames { path: path(), count: 1 }, Warning::OtherNames { path: path(), count: 2 };
        OwnerChanged => Warning::OwnerChanged { path: path() };
        NotLocked => Warning::NotLocked { folder: "/srv/lab".into() };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn unused_lines() {
    let (name, host) = (|| "PROXMOX_HSOT".to_owned(), || "PROXMOX_HOST".to_owned());
    let text = screens! { UnusedReason, warned;
        NotAnAssignment => UnusedReason::NotAnAssignment { variable: host() };
        UndefinedReference => UnusedReason::UndefinedReference {
            variable: host(),
            undefined: vec!["PVE_HOST".to_owned()],
            state: ValueLeft::Nothing,
        };
        Continuation => UnusedReason::Continuation { variable: "PROXMOX_TOKEN_VALUE".to_owned() };
        Misspelt => UnusedReason::Misspelt { name: name(), variable: host() };
        OfOtherTools => UnusedReason::OfOtherTools { name: "PM_API_URL".to_owned(), tools: vec![Tool::TerraformTelmate] };
        PortApart => UnusedReason::PortApart { name: "PROXMOX_PORT".to_owned(), port: 443, host: host() };
        Unknown => UnusedReason::Unknown { name: "PROXMOX_COLOUR".to_owned() };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn remarks() {
    let ca = || PathBuf::from("proxmox-ca.pem");
    let text = screens! { Remark, warned;
        NoFingerprint => Remark::NoFingerprint { tool: Tool::Packer };
        NoCaFile => Remark::NoCaFile { tool: Tool::Packer, variable: "SSL_CERT_FILE", path: ca() };
        CaFileOfNewer => Remark::CaFileOfNewer { variable: "REQUESTS_CA_BUNDLE", path: ca() };
        NoVerification => Remark::NoVerification { tool: Tool::Packer, setting: "insecure_skip_tls_verify = true" };
        NoEndpoint => Remark::NoEndpoint { tool: Tool::Packer, target: "pve.lan:8006".to_owned() };
        TwoMeanings => Remark::TwoMeanings {
            tool: Tool::Packer,
            here: "secret",
            other: Tool::TerraformBpg,
            there: "whole token",
        };
        PortApart => Remark::PortApart { tool: Tool::Ansible, port: 443 };
    };
    insta::assert_snapshot!(text);
}

#[test]
fn values() {
    let (position, found) = (3, '\u{200b}');
    let text = screens! { InvalidValue, line;
        NotText => InvalidValue::NotText;
        Character => InvalidValue::Character { position, found };
        Boolean => InvalidValue::Boolean;
        Endpoint => InvalidEndpoint::Empty.into();
        Token => InvalidToken::NoRealm.into();
        Secret => BadSecret::Empty.into();
        Id => InvalidId::VmId.into();
        Fingerprint => InvalidFingerprint::Sha1.into();
    };
    let endpoint = screens! { InvalidEndpoint, line;
        Empty => InvalidEndpoint::Empty;
        Scheme => InvalidEndpoint::Scheme { scheme: "http".to_owned() };
        MistypedScheme => InvalidEndpoint::MistypedScheme;
        Path => InvalidEndpoint::Path;
        Mask => InvalidEndpoint::Mask;
        Credentials => InvalidEndpoint::Credentials;
        Secret => InvalidEndpoint::Secret;
        Port => InvalidEndpoint::Port;
        Zone => InvalidEndpoint::Zone;
        Ipv4 => InvalidEndpoint::Ipv4;
        Ipv6 => InvalidEndpoint::Ipv6;
        Character => InvalidEndpoint::Character { position, found: '_' };
        Letter => InvalidEndpoint::Letter;
        Name => InvalidEndpoint::Name;
    };
    let token = screens! { InvalidToken, line;
        NoRealm => InvalidToken::NoRealm;
        IsTokenId => InvalidToken::IsTokenId;
        Secret => InvalidToken::Secret;
        Character => InvalidToken::Character { position, found };
        User => InvalidToken::User;
        TokenName => InvalidToken::TokenName;
        TokenId => InvalidToken::TokenId;
    };
    insta::assert_snapshot!([text, endpoint, token].join("\n"));
}

#[test]
fn more_values() {
    let secret = screens! { BadSecret, line;
        Empty => BadSecret::Empty;
        IsTokenId => BadSecret::IsTokenId;
        NotFound => BadSecret::NotFound { lines: 3 };
        Several => BadSecret::Several;
        NoHyphens => BadSecret::NoHyphens;
        Password => BadSecret::Password;
        Placeholder => BadSecret::Placeholder;
        Reference => BadSecret::Reference;
        Wrapped => BadSecret::Wrapped;
        TooShort => BadSecret::TooShort { length: 35 };
        TooLong => BadSecret::TooLong { length: 40 };
        Character => BadSecret::Character { position: 9, length: 36, found: 'g' };
    };
    let id = screens! { InvalidId, line;
        VmId => InvalidId::VmId;
        Node => InvalidId::Node;
        NodeDomain => InvalidId::NodeDomain { short: read("pve") };
        NodeAddress => InvalidId::NodeAddress;
        Storage => InvalidId::Storage;
        Pool => InvalidId::Pool;
        VmName => InvalidId::VmName;
        Bridge => InvalidId::Bridge;
        Role => InvalidId::Role;
        Group => InvalidId::Group;
        Content => InvalidId::Content;
        Digest => InvalidId::Digest;
        Realm => InvalidId::Realm;
        Upid => InvalidId::Upid;
    };
    let fingerprint = screens! { InvalidFingerprint, line;
        Sha1 => InvalidFingerprint::Sha1;
        Length => InvalidFingerprint::Length { digits: 63 };
        Character => InvalidFingerprint::Character { position: 7 };
    };
    let unwritable = screens! { Unwritable, line;
        LineBreak => Unwritable::LineBreak;
        Nul => Unwritable::Nul;
        Variable => Unwritable::Variable;
        TwoBackslashes => Unwritable::TwoBackslashes;
        FinalBackslash => Unwritable::FinalBackslash;
        MixedQuotes => Unwritable::MixedQuotes;
    };
    let others = [
        line(disk_size::InvalidDiskSize),
        line(expiry::InvalidExpiry),
        line("-x".parse::<crate::model::Destination>().unwrap_err()),
    ];
    insta::assert_snapshot!([secret, id, fingerprint, unwritable, others.concat()].join("\n"));
}
