//! What is thrown at, and what each promises.

use std::str::FromStr;

use glassdome::model::{
    Endpoint, Fingerprint, Foreign, NodeName, Pasted, PoolName, Provenance, Secret, StorageName, TokenId, Upid, UserId,
    VmName,
};
use glassdome::pve::CaBundle;
use glassdome::pve::privileges::{AclPath, Denial, Hardware, Zones};
use glassdome::settings::{AmbiguousValues, Change, EnvFile, Instance, Key, WritableValue};
use glassdome::ui::Printable;

use crate::Target;
use crate::replies::Replies;

/// Lists everything that reads what others have written.
pub(crate) fn all() -> Vec<Target> {
    let mut replies = Replies::new();
    vec![
        target("env", &ENVS, &ENV_WORDS, 20_000, env),
        target(
            "endpoint",
            &["pve.lan", "192.168.1.50:8006", "[fe80::1]:8006", "https://pve.lan:8006/#v1:0:18:4"],
            &TEXT,
            60_000,
            |input| {
                round_trip::<Endpoint>(input);
            },
        ),
        target(
            "upid",
            &["UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve!glassdome-token:"],
            &TEXT,
            60_000,
            |input| {
                round_trip::<Upid>(input);
            },
        ),
        target(
            "names",
            &["apex@pve", "apex@pve!glassdome-token", "pve", "glassdome-test-a1b2c3", "lab/inner", "local-lvm"],
            &TEXT,
            60_000,
            names,
        ),
        target("secret", &SECRETS, &TEXT, 40_000, secret),
        target("printable", &["VM is locked (backup)", "caf\u{e9} \u{1b}[31m"], &TEXT, 60_000, printable),
        target("privileges", &PRIVILEGES, &TEXT, 40_000, privileges),
        target(
            "certificate",
            &["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
            &TEXT,
            20_000,
            |input| {
                let _ = CaBundle::from_pem(input);
            },
        ),
        target("replies", &crate::replies::EXAMPLES, &crate::replies::WORDS, 1_500, move |input| replies.throw(input)),
    ]
}

const TEXT: [&str; 16] = [
    "@",
    "!",
    ":",
    "/",
    "=",
    "\u{0}",
    "\n",
    "\u{1b}[2J",
    "\u{202e}",
    "é",
    "-",
    "0",
    "..",
    "[::]",
    "99999999999999999999",
    " ",
];

const ENVS: [&str; 6] = [
    "# Proxmox Configuration\nPROXMOX_HOST=192.168.1.50\nPROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef12\n",
    "export PROXMOX_HOST='a b'\r\nOTHER=\"x\\n$y ${z}\"\r\nPROXMOX_HOST=second",
    "\u{feff}PROXMOX_USER=apex@pve # comment\n\nA=1\n",
    "PROXMOX_PASSWORD='it\\'s \"q\" $x'\nLONG=\"two\nlines\"\nB=2\n",
    "A=${PROXMOX_HOST:-x}\nPROXMOX_HOST\nC=`d`\n",
    "",
];

const ENV_WORDS: [&str; 18] = [
    "'",
    "\"",
    "`",
    "\\",
    "=",
    "#",
    " #",
    "\n",
    "\r\n",
    "\r",
    "export ",
    "PROXMOX_HOST=",
    "PROXMOX_HOST",
    "$",
    "${A}",
    "${A:-b}",
    "\u{feff}",
    "\t",
];

/// What is pasted where a secret is asked for.
const SECRETS: [&str; 8] = [
    "12345678-abcd-ef12-3456-7890abcdef12",
    " \"12345678-ABCD-EF12-3456-7890ABCDEF12\" ",
    "apex@pve!x=12345678-abcd-ef12-3456-7890abcdef12",
    "Authorization: PVEAPIToken=apex@pve!x=12345678-abcd-ef12-3456-7890abcdef12",
    "curl -k -H 'Authorization: PVEAPIToken=apex@pve!x=12345678-abcd-ef12-3456-7890abcdef12' https://pve:8006/",
    "│ full-tokenid │ apex@pve!x │\n│ value        │ 12345678-abcd-ef12-3456-7890abcdef12 │",
    "{\"full-tokenid\":\"apex@pve!x\",\"value\":\"12345678-abcd-ef12-3456-7890abcdef12\"}",
    "PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=x\nPROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef12\n",
];

const PRIVILEGES: [&str; 4] = [
    "Permission check failed (/vms/9000, VM.Clone)",
    "scsi0: local-lvm:base-9000-disk-0,size=32G\nnet0: virtio=BC:24:11:75:A5:71,bridge=vmbr0,tag=100,trunks=5;7-8",
    "Permission check failed (pool 'lab' does not exist)",
    "/sdn/zones/localnetwork/vmbr0/100",
];

fn target(
    name: &'static str,
    examples: &'static [&'static str],
    words: &'static [&'static str],
    short: u64,
    read: impl FnMut(&[u8]) + 'static,
) -> Target {
    Target { name, examples, words, short, read: Box::new(read) }
}

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

/// What is read is written so that it is read again as the same.
fn round_trip<T: FromStr + ToString + PartialEq>(input: &[u8]) {
    let Ok(value) = text(input).parse::<T>() else { return };
    let shown = value.to_string();
    let Ok(again) = shown.parse::<T>() else { panic!("`{shown}` is written and not read") };
    assert!(again == value, "`{shown}` is another one");
    assert!(!shown.contains(char::is_control), "{shown:?} has a control character");
}

fn names(input: &[u8]) {
    round_trip::<UserId>(input);
    round_trip::<TokenId>(input);
    round_trip::<NodeName>(input);
    round_trip::<VmName>(input);
    round_trip::<PoolName>(input);
    round_trip::<StorageName>(input);
    round_trip::<Fingerprint>(input);
    let _ = Foreign::new(text(input)).parse::<Provenance>();
}

/// A secret is told by its first four characters at most, and a bad one by none.
fn secret(input: &[u8]) {
    let text = text(input);
    match Pasted::read(&Secret::new(text.clone())) {
        Ok(Pasted { secret, .. }) => {
            assert_eq!(secret.expose().len(), 36);
            assert!(!secret.masked().contains(secret.expose().get(4..).unwrap_or_default()));
        }
        Err(why) => {
            let output = why.to_string();
            let is_shown = text.trim().len() > 12 && output.contains(text.trim());
            assert!(!is_shown, "the reason shows what was said: {output}");
        }
    }
}

fn printable(input: &[u8]) {
    let shown = Printable(&text(input)).to_string();
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

fn privileges(input: &[u8]) {
    let text = text(input);
    let _ = Denial::of(&Foreign::new(text.clone()));
    let entries = text.lines().filter_map(|line| line.split_once(": "));
    let _ = Hardware::of(entries, &Zones::new());
    if let Ok(path) = text.parse::<AclPath>() {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        assert!(path.as_str().bytes().all(is_plain), "{path:?} is no word for a shell");
    }
}

/// Any bytes are read; an edit that is not refused changes its own key alone, and one without a change nothing.
fn env(input: &[u8]) {
    let file = EnvFile::new(input.to_vec());
    let instance = Instance::default();
    let _ = file.warnings(&instance);
    let before = file.values(&|_| None);
    let unchanged = file.edit(&instance, &[], AmbiguousValues::Withheld, &|_| None);
    assert!(unchanged.is_ok_and(|edited| edited.file == file), "no change changes the file");
    let said = "a b".to_owned();
    let set = [Change::Set(Key::Host, WritableValue::Text(said.clone()))];
    let Ok(edited) = file.edit(&instance, &set, AmbiguousValues::Withheld, &|_| None) else { return };
    let mut after = edited.file.values(&|_| None);
    let written = after.remove("PROXMOX_HOST").and_then(|located| located.text);
    assert_eq!(written, Some(Secret::new(said)));
    // A value that is put together of others follows them, as its author wanted.
    let is_plain = !input.windows(2).any(|pair| pair == b"${");
    for (name, located) in before.into_iter().filter(|(name, _)| is_plain && !is_ours(name)) {
        assert_eq!(after.get(&name).map(|it| &it.text), Some(&located.text), "{name} is another one");
    }
    let again = edited.file.edit(&instance, &set, AmbiguousValues::Withheld, &|_| None);
    assert!(again.is_ok_and(|again| again.file == edited.file), "the same edit twice is another one");
}

/// Says whether a name is the key that was set, a byte order mark in front of it or not.
fn is_ours(name: &str) -> bool {
    name.trim_start_matches('\u{feff}') == "PROXMOX_HOST"
}
