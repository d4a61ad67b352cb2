//! Settings as a whole: which source wins, and what the errors say.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::{
    Credentials, EnvFile, Flags, Instance, KEYS, Key, Section, Setting, Settings, SettingsError, Source, Variables,
    Verification, Warning,
};
use crate::model::Secret;

const SECRET: &str = "12345678-abcd-ef12-3456-7890abcdef12";

fn load(instance: &str, flags: &[(Key, &str)], variables: &[(&str, &str)], file: &str) -> Settings {
    let mut given = Flags::default();
    flags.iter().for_each(|(key, text)| given.set(setting(*key, text)));
    let variables: Variables =
        variables.iter().map(|(name, text)| ((*name).to_owned(), OsString::from(*text))).collect();
    let file = EnvFile::new(file.as_bytes().to_vec());
    Settings::load(&instance.parse().unwrap(), &given, &variables, Path::new("conf/.env"), &file)
}

fn setting(key: Key, text: &str) -> Setting {
    Setting::parse(key, &Secret::new(text.to_owned())).unwrap()
}

fn in_file(line: usize, name: &str) -> Source {
    Source::File { path: PathBuf::from("conf/.env"), line, name: name.to_owned() }
}

#[test]
fn the_flag_beats_the_variable_and_the_variable_the_file() {
    let name = || "PROXMOX_NODE".to_owned();
    for (flag, variable, file, node, source) in [
        (Some("a"), Some("b"), "c", Some("a"), Some(Source::Flag("--node"))),
        (None, Some("b"), "c", Some("b"), Some(Source::Variable(name()))),
        (None, Some(""), "c", Some("c"), Some(in_file(2, "PROXMOX_NODE"))),
        (None, None, "c", Some("c"), Some(in_file(2, "PROXMOX_NODE"))),
        (None, None, "", None, None),
    ] {
        let flags: Vec<_> = flag.map(|text| (Key::Node, text)).into_iter().collect();
        let variables: Vec<_> = variable.map(|text| ("PROXMOX_NODE", text)).into_iter().collect();
        let settings = load("01", &flags, &variables, &format!("# c\nPROXMOX_NODE={file}\n"));
        assert_eq!(settings.source(Key::Node), source.as_ref());
        assert_eq!(settings.node().map(|it| it.value.to_string()).as_deref(), node);
    }
}

#[test]
fn an_instance_has_its_own_keys_and_the_first_ones_token_name() {
    let file = format!(
        "PROXMOX_HOST=a\nPROXMOX_TOKEN_NAME=first\nPROXMOX_02_HOST=b\nPROXMOX_02_USER=u@pve\nPROXMOX_TOKEN_VALUE_02={SECRET}\nUBUNTU_2204_TEMPLATE_ID=100\n"
    );
    let settings = load("02", &[], &[], &file);
    assert_eq!(settings.host().unwrap().value.to_string(), "b");
    assert_eq!(settings.template(Key::Ubuntu2204Template).unwrap().value.number(), 100);
    let (credentials, warning) = settings.credentials().unwrap();
    assert!(matches!(credentials, Credentials::Token { id, .. } if id.to_string() == "u@pve!first"));
    assert_eq!(warning, None);
    assert_eq!(settings.source(Key::TokenName), Some(&in_file(2, "PROXMOX_TOKEN_NAME")));
    let default = load("02", &[], &[], "");
    assert_eq!(default.token_name().unwrap().value.as_str(), "glassdome-token");
}

#[test]
fn a_full_token_id_is_read_and_must_agree_with_the_user() {
    let settings = load("01", &[], &[], "PROXMOX_TOKEN_NAME=apex@pve!tok\n");
    assert_eq!(settings.user().unwrap().value.to_string(), "apex@pve");
    assert_eq!(settings.token_name().unwrap().value.as_str(), "tok");
    let settings = load("01", &[(Key::User, "root@pam")], &[], "PROXMOX_TOKEN_NAME=apex@pve!tok\n");
    assert_eq!(
        settings.require_usable(&[Key::User]).unwrap_err().to_string(),
        "conf/.env:1: PROXMOX_TOKEN_NAME is a token of apex@pve, but --user is root@pam"
    );
}

#[test]
fn a_token_beats_a_password_and_says_so() {
    let file = format!("PROXMOX_USER=apex@pve\nPROXMOX_PASSWORD=p\nPROXMOX_TOKEN_VALUE={SECRET}\n");
    let (credentials, warning) = load("01", &[], &[], &file).credentials().unwrap();
    assert!(matches!(credentials, Credentials::Token { .. }));
    let password = in_file(2, "PROXMOX_PASSWORD");
    assert_eq!(warning, Some(Warning::TokenBeatsPassword { token: in_file(3, "PROXMOX_TOKEN_VALUE"), password }));
    let alone = load("01", &[], &[], "PROXMOX_USER=apex@pve\nPROXMOX_PASSWORD=p\n");
    assert!(matches!(alone.credentials().unwrap(), (Credentials::Password { .. }, None)));
    let nothing = load("01", &[], &[], "PROXMOX_USER=apex@pve\n").credentials().unwrap_err();
    assert!(matches!(nothing, SettingsError::Missing { variable, .. } if variable == "PROXMOX_TOKEN_VALUE"));
}

#[test]
fn what_is_pinned_decides_over_verify_ssl() {
    let digest = "ab".repeat(32);
    let pinned = format!("PROXMOX_FINGERPRINT={digest}\nPROXMOX_CA_FILE=ca.pem\nPROXMOX_VERIFY_SSL=false\n");
    let Verification::Pinned { ca_file, fingerprint } = load("01", &[], &[], &pinned).verification().unwrap() else {
        panic!("not pinned");
    };
    assert_eq!(ca_file.unwrap().value, Path::new("conf/ca.pem"));
    assert_eq!(fingerprint.unwrap().source, in_file(1, "PROXMOX_FINGERPRINT"));
    for (flags, file, expected) in [
        (vec![], "", Verification::System),
        (vec![], "PROXMOX_VERIFY_SSL=ON\n", Verification::System),
        (vec![], "PROXMOX_VERIFY_SSL=0\n", Verification::Disabled(in_file(1, "PROXMOX_VERIFY_SSL"))),
        (vec![(Key::VerifySsl, "false")], pinned.as_str(), Verification::Disabled(Source::Flag("--insecure"))),
    ] {
        assert_eq!(load("01", &flags, &[], file).verification().unwrap(), expected, "{file}");
    }
    let by_flag = load("01", &[(Key::CaFile, "my.pem")], &[], "PROXMOX_CA_FILE=other.pem\n").ca_file();
    assert_eq!(by_flag.unwrap().value, Path::new("my.pem"));
}

#[test]
fn errors_name_the_source_and_never_the_secret() {
    let canary = "canary-canary-canary";
    for (variables, file, expected) in [
        (vec![("PROXMOX_HOST", "a b")], "", "the variable PROXMOX_HOST: a host name consists of letters"),
        (vec![("PROXMOX_NODE", "-")], "", "the variable PROXMOX_NODE: a node name consists of"),
        (vec![], "\nPROXMOX_USER=apex", "conf/.env:2: PROXMOX_USER: the realm is missing: a user ID is `name@realm`"),
        (vec![], "PROXMOX_VERIFY_SSL=maybe", "conf/.env:1: PROXMOX_VERIFY_SSL: not a boolean"),
        (vec![("PROXMOX_TOKEN_VALUE", canary)], "", "the variable PROXMOX_TOKEN_VALUE: this looks like a password"),
    ] {
        let settings = load("01", &[], &variables, file);
        let said: Vec<String> =
            settings.invalid().cloned().map(|invalid| SettingsError::from(invalid).to_string()).collect();
        assert!(said.len() == 1 && said[0].starts_with(expected) && !said[0].contains(canary), "{said:?}");
    }
    let bytes = Variables::from([("PROXMOX_HOST".to_owned(), OsString::from_vec(vec![0xff]))]);
    let path = Path::new(".env");
    let failed = Settings::load(&Instance::default(), &Flags::default(), &bytes, path, &EnvFile::default());
    assert_eq!(
        failed.require_usable(&[Key::Host]).unwrap_err().to_string(),
        "the variable PROXMOX_HOST: not UTF-8 text"
    );
}

#[test]
fn secrets_are_shown_neither_as_text_nor_by_debug() {
    let file = format!("PROXMOX_TOKEN_VALUE={SECRET}\nPROXMOX_PASSWORD=canary\nPROXMOX_HOST=pve\n");
    let settings = load("01", &[], &[], &file);
    assert_eq!((settings.text(Key::TokenValue), settings.text(Key::Password)), (None, None));
    assert_eq!(settings.text(Key::Host).as_deref(), Some("pve"));
    let shown = format!("{settings:?}");
    assert!(!shown.contains("canary") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn the_example_documents_every_key() {
    let example = include_str!("../../.env.example");
    let values = EnvFile::new(example.as_bytes().to_vec()).values(&|_| None);
    for entry in &KEYS {
        let line = format!("# {}\n", entry.about);
        assert!(example.contains(&line), "{line}");
        let assignment = format!("{}=", entry.variable);
        let line = example.lines().map(|line| line.trim_start_matches('#')).find(|line| line.starts_with(&assignment));
        let line = line.unwrap_or_else(|| panic!("no line for {}", entry.variable));
        let values = EnvFile::new(line.as_bytes().to_vec()).values(&|_| None);
        let value = values[entry.variable].text.as_ref().unwrap();
        assert!(Setting::parse(entry.key, value).is_ok(), "{line}");
        let second = entry.key.variable(&"02".parse().unwrap());
        assert!(entry.key.block() == Section::Templates || example.contains(&format!("#{second}=")), "{second}");
    }
    assert!(values.keys().all(|name| KEYS.iter().any(|entry| entry.variable == name)), "{values:?}");
    assert_eq!(EnvFile::new(example.as_bytes().to_vec()).warnings(&Instance::default()), []);
}
