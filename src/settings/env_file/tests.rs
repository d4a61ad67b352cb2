//! The editor, line by line.

use super::{AmbiguousValues, Change, EnvFile};
use crate::model::Secret;
use crate::settings::error::{SettingsError, Warning};
use crate::settings::keys::{Instance, Key};
use crate::settings::parsers::Reader;
use crate::settings::quoting::Unwritable;
use crate::settings::setting::WritableValue;

const SAMPLE: &str = "# Proxmox Configuration
PROXMOX_HOST=192.168.1.50
PROXMOX_USER=apex@pve
PROXMOX_TOKEN_NAME=glassdome-token
PROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef12
PROXMOX_VERIFY_SSL=false
PROXMOX_NODE=pve

# Template IDs
UBUNTU_2204_TEMPLATE_ID=9000
UBUNTU_2004_TEMPLATE_ID=9001
";

fn set(key: Key, text: &str) -> Change {
    Change::Set(key, WritableValue::Password(Secret::new(text.to_owned())))
}

fn sample() -> Vec<Change> {
    [
        (Key::Ubuntu2004Template, "9001"),
        (Key::Ubuntu2204Template, "9000"),
        (Key::Node, "pve"),
        (Key::VerifySsl, "false"),
        (Key::TokenName, "glassdome-token"),
        (Key::User, "apex@pve"),
        (Key::Host, "192.168.1.50"),
    ]
    .into_iter()
    .map(|(key, text)| Change::Set(key, WritableValue::Text(text.to_owned())))
    .chain([Change::Set(
        Key::TokenValue,
        WritableValue::Token("12345678-abcd-ef12-3456-7890abcdef12".parse().unwrap()),
    )])
    .collect()
}

fn edited(text: &str, changes: &[Change]) -> String {
    let file = EnvFile::new(text.as_bytes().to_vec());
    let edited = file.edit(&Instance::default(), changes, AmbiguousValues::Withheld, &|_| None);
    let edited = edited.unwrap_or_else(|why| panic!("{text:?}: {why}"));
    String::from_utf8(edited.file.bytes().to_vec()).unwrap()
}

#[test]
fn an_empty_file_becomes_the_sample_and_stays_it() {
    assert_eq!(edited("", &sample()), SAMPLE);
    let file = EnvFile::new(SAMPLE.as_bytes().to_vec());
    let again = file.edit(&Instance::default(), &sample(), AmbiguousValues::Withheld, &|_| None).unwrap();
    assert_eq!((again.file.bytes(), again.changed.len(), again.warnings.len()), (SAMPLE.as_bytes(), 0, 0));
    assert_eq!(edited("A=1", &sample()), format!("A=1\n\n{}", SAMPLE.trim_end()));
    assert_eq!(edited("A=1\r\n", &sample()), format!("A=1\n\n{SAMPLE}").replace('\n', "\r\n"));
    assert_eq!(edited("\u{feff}", &sample()), format!("\u{feff}{SAMPLE}"));
}

#[test]
fn only_the_value_of_the_winning_line_is_patched() {
    for (before, after) in [
        ("PROXMOX_HOST=a\nPROXMOX_HOST=b\nX=1\n", "PROXMOX_HOST=a\nPROXMOX_HOST=new\nX=1\n"),
        ("  export  PROXMOX_HOST='a'  # my server\n", "  export  PROXMOX_HOST='new'  # my server\n"),
        ("PROXMOX_HOST=\"a\"\r\nX=1\r\n", "PROXMOX_HOST=\"new\"\r\nX=1\r\n"),
        ("PROXMOX_HOST=a", "PROXMOX_HOST=new"),
        ("PROXMOX_HOST=a  ", "PROXMOX_HOST=new"),
        ("PROXMOX_HOST = a b\n", "PROXMOX_HOST=new\n"),
        ("'PROXMOX_HOST'=a # c\n", "PROXMOX_HOST=new # c\n"),
        ("PROXMOX_HOST='a'#c\n", "PROXMOX_HOST='new' #c\n"),
        ("PROXMOX_HOST=a  # it's\n", "PROXMOX_HOST=new # it's\n"),
        ("PROXMOX_HOST='a\nb' # c\nX=1\n", "PROXMOX_HOST='new' # c\nX=1\n"),
        ("PROXMOX_HOST\nX=1\n", "PROXMOX_HOST=new\nX=1\n"),
        ("export PROXMOX_HOST\n", "export PROXMOX_HOST=new\n"),
        ("PROXMOX_HOST='a\nX=1\n", "PROXMOX_HOST=new\nX=1\n"),
        ("\u{feff}PROXMOX_HOST=a\nX=1\n", "\u{feff}#\nPROXMOX_HOST=new\nX=1\n"),
        ("X='\nPROXMOX_HOST=a\n'\n", "X='\nPROXMOX_HOST=a\n'\n\n# Proxmox Configuration\nPROXMOX_HOST=new\n"),
        ("PROXMOX_USER=u\nX=1\n", "PROXMOX_HOST=new\nPROXMOX_USER=u\nX=1\n"),
        ("UBUNTU_2204_TEMPLATE_ID=1", "UBUNTU_2204_TEMPLATE_ID=1\n\n# Proxmox Configuration\nPROXMOX_HOST=new"),
    ] {
        assert_eq!(edited(before, &[set(Key::Host, "new")]), after, "{before:?}");
    }
}

#[test]
fn what_already_says_so_is_left_alone() {
    for (text, key, value) in [
        ("PROXMOX_PASSWORD=a b\n", Key::Password, "a b"),
        ("PROXMOX_PASSWORD='a\\\\b'\n", Key::Password, "a\\b"),
        ("PROXMOX_PASSWORD = \"a${B}\\\\\\\\\"\n", Key::Password, "a\\\\"),
        ("PROXMOX_VERIFY_SSL=No\n", Key::VerifySsl, "false"),
    ] {
        assert_eq!(edited(text, &[set(key, value)]), text);
    }
}

#[test]
fn bytes_that_are_not_text_stay() {
    let before = b"X=\xff\xfe\nPROXMOX_HOST=a\n# \xc3\n".to_vec();
    let file = EnvFile::new(before);
    let edited = file.edit(&Instance::default(), &[set(Key::Host, "b")], AmbiguousValues::Withheld, &|_| None).unwrap();
    assert_eq!(edited.file.bytes(), b"X=\xff\xfe\nPROXMOX_HOST=b\n# \xc3\n");
    assert_eq!(file.warnings(&Instance::default()), [Warning::NotUtf8 { line: 1 }]);
}

#[test]
fn a_password_takes_the_place_of_a_token_and_back() {
    let changes = [set(Key::Password, "a b"), Change::Remove(Key::TokenValue), Change::Remove(Key::TokenName)];
    let with_password = edited(SAMPLE, &changes);
    assert_eq!(
        with_password,
        SAMPLE
            .replace("PROXMOX_TOKEN_NAME=glassdome-token\n", "")
            .replace("PROXMOX_TOKEN_VALUE=12345678-abcd-ef12-3456-7890abcdef12\n", "PROXMOX_PASSWORD='a b'\n")
    );
    let mut back = sample();
    back.push(Change::Remove(Key::Password));
    assert_eq!(edited(&with_password, &back), SAMPLE);
    let every = "  export PROXMOX_PASSWORD=a # c\nX=1\n\nPROXMOX_PASSWORD='b\nc'\nPROXMOX_PASSWORD='d";
    assert_eq!(edited(every, &[Change::Remove(Key::Password)]), "X=1\n\n");
}

#[test]
fn another_instance_has_its_own_block() {
    let second: Instance = "02".parse().unwrap();
    let changes = [set(Key::Host, "b"), set(Key::TokenValue, "12345678-abcd-ef12-3456-7890abcdef12")];
    let file = EnvFile::new(b"PROXMOX_HOST=a\n".to_vec());
    let edited = file.edit(&second, &changes, AmbiguousValues::Withheld, &|_| None).unwrap();
    assert_eq!(
        String::from_utf8_lossy(edited.file.bytes()),
        "PROXMOX_HOST=a\n\n# Proxmox Configuration (02)\nPROXMOX_02_HOST=b\nPROXMOX_TOKEN_VALUE_02=12345678-abcd-ef12-3456-7890abcdef12\n"
    );
    assert_eq!(edited.changed, ["PROXMOX_02_HOST", "PROXMOX_TOKEN_VALUE_02"]);
}

#[test]
fn an_unwritable_value_needs_consent_and_a_line_break_is_refused_always() {
    for (value, why) in [
        ("a${X}b", Unwritable::Variable),
        ("a\\\\b", Unwritable::TwoBackslashes),
        ("a\\", Unwritable::FinalBackslash),
        ("it's \"x\"", Unwritable::MixedQuotes),
        ("'$`\\\"", Unwritable::MixedQuotes),
    ] {
        for text in ["", "PROXMOX_PASSWORD='old' # c\nX='1'\nY=\"2\"\n"] {
            let file = EnvFile::new(text.as_bytes().to_vec());
            let changes = [set(Key::Password, value)];
            let edit = |consent| file.edit(&Instance::default(), &changes, consent, &|_| None);
            let refused = edit(AmbiguousValues::Withheld).unwrap_err();
            assert!(matches!(refused, SettingsError::Unwritable { why: it, .. } if it == why), "{value}: {refused:?}");
            assert!(!refused.to_string().contains(value));
            let edited = edit(AmbiguousValues::Allow).unwrap_or_else(|why| panic!("{value}: {why}"));
            let name = "PROXMOX_PASSWORD".to_owned();
            let read = edited.file.values(&|_| None).get(&name).and_then(|it| it.text.clone());
            assert_eq!(read, Some(Secret::new(value.to_owned())));
            assert_eq!(edited.warnings, [Warning::ForPythonAlone { name }]);
        }
    }
    // With a quote further down, this one has no form at all: each would swallow what is between.
    let file = EnvFile::new(b"X='1'\nY=\"2\"\n".to_vec());
    let changes = [set(Key::Host, "it's \"x\" \\")];
    let placed = EnvFile::new(b"PROXMOX_HOST=a\nX='1'\nY=\"2\"\n".to_vec());
    assert!(file.edit(&Instance::default(), &changes, AmbiguousValues::Allow, &|_| None).is_ok());
    let refused = placed.edit(&Instance::default(), &changes, AmbiguousValues::Allow, &|_| None);
    assert!(matches!(refused, Err(SettingsError::Unwritable { why: Unwritable::FinalBackslash, .. })), "{refused:?}");
    let file = EnvFile::default();
    for value in ["a\nb", "a\r", "\0"] {
        let refused = file.edit(&Instance::default(), &[set(Key::Password, value)], AmbiguousValues::Allow, &|_| None);
        assert!(matches!(refused, Err(SettingsError::Unwritable { .. })), "{value:?}");
    }
}

#[test]
fn an_open_quote_elsewhere_is_reported_or_stops_the_edit() {
    let open = "X=it's\nPROXMOX_HOST=a\n";
    let file = EnvFile::new(open.as_bytes().to_vec());
    let edited = file.edit(&Instance::default(), &[set(Key::Host, "b")], AmbiguousValues::Withheld, &|_| None).unwrap();
    assert_eq!(edited.file.bytes(), b"X=it's\nPROXMOX_HOST=b\n");
    let name = "PROXMOX_HOST".to_owned();
    assert_eq!(
        edited.warnings,
        [Reader::Dotenvy, Reader::Shell].map(|reader| Warning::NotRead { name: name.clone(), line: 2, reader })
    );
    let python = EnvFile::new(b"X='open\nPROXMOX_HOST=a\n".to_vec());
    let joined = python.edit(&Instance::default(), &[set(Key::Host, "it' # x")], AmbiguousValues::Withheld, &|_| None);
    assert!(
        matches!(joined, Err(SettingsError::WouldReadDifferently { reader: Reader::Python, line: 1 })),
        "{joined:?}"
    );
}

#[test]
fn what_readers_read_differently_is_said() {
    let name = |key: Key| key.variable(&Instance::default());
    let differently = |key: Key, line: usize| Warning::ReadDifferently { name: name(key), line };
    for (text, expected) in [
        ("PROXMOX_HOST=a\n", vec![]),
        ("PROXMOX_HOST=a b\n", vec![differently(Key::Host, 1)]),
        ("\nPROXMOX_PASSWORD=a$b\n", vec![differently(Key::Password, 2)]),
        ("PROXMOX_HOST=a\nPROXMOX_HOST=b\n", vec![Warning::Twice { name: name(Key::Host), line: 2 }]),
        ("\u{feff}PROXMOX_HOST=a\n", vec![Warning::ByteOrderMark { name: name(Key::Host) }]),
    ] {
        assert_eq!(EnvFile::new(text.as_bytes().to_vec()).warnings(&Instance::default()), expected, "{text:?}");
    }
}

#[test]
fn debug_shows_nothing_of_the_text() {
    assert_eq!(format!("{:?}", EnvFile::new(b"K=canary".to_vec())), "EnvFile(8 bytes)");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_edited_or_refused(bytes: Vec<u8>, text in "[ -~]{0,12}") {
        let file = EnvFile::new(bytes);
        let _ = file.values(&|_| None);
        let _ = file.warnings(&Instance::default());
        let changes = [set(Key::Host, &text), Change::Remove(Key::Password)];
        let _ = file.edit(&Instance::default(), &changes, AmbiguousValues::Allow, &|_| None);
    }

    #[test]
    fn any_lines_are_edited_so_that_nothing_else_changes(text in "(([A-C]|PROXMOX_HOST|export|'|\"|`|=|#|\\\\| |a|\n|\r\n){0,40})", value in "[a' #\"]{0,6}") {
        let file = EnvFile::new(text.into_bytes());
        if let Ok(edited) = file.edit(&Instance::default(), &[set(Key::Host, &value)], AmbiguousValues::Withheld, &|_| None) {
            let mut before = file.values(&|_| None);
            let mut after = edited.file.values(&|_| None);
            let written = after.remove("PROXMOX_HOST").and_then(|located| located.text);
            proptest::prop_assert_eq!(written, Some(Secret::new(value)));
            before.remove("PROXMOX_HOST");
            for (name, located) in before {
                proptest::prop_assert_eq!(after.get(&name).map(|it| &it.text), Some(&located.text));
            }
        }
    }
}

#[test]
fn a_name_that_others_lean_on_stays_theirs() {
    let file = EnvFile::new(
        b"PROXMOX_HOST=one\nPROXMOX_TOKEN_NAME=old\nPROXMOX_02_HOST=two\nPROXMOX_TOKEN_VALUE_02=x\n\
          PROXMOX_03_HOST=three\nPROXMOX_03_TOKEN_NAME=own\nPROXMOX_TOKEN_VALUE_03=y\nPROXMOX_04_HOST=four\n"
            .to_vec(),
    );
    let edit =
        |change: Change| file.edit(&Instance::default(), &[change], AmbiguousValues::Withheld, &|_| None).unwrap();
    let name = |text: &str| Change::Set(Key::TokenName, WritableValue::Text(text.to_owned()));
    for change in [name("new"), Change::Remove(Key::TokenName)] {
        let edited = edit(change);
        let values = edited.file.values(&|_| None);
        let text = |name: &str| values.get(name).and_then(|it| it.text.as_ref()).map(|it| it.expose().to_owned());
        assert_eq!(text("PROXMOX_02_TOKEN_NAME").as_deref(), Some("old"));
        assert_eq!(text("PROXMOX_03_TOKEN_NAME").as_deref(), Some("own"));
        assert_eq!(text("PROXMOX_04_TOKEN_NAME"), None);
        assert!(edited.changed.contains(&"PROXMOX_02_TOKEN_NAME".to_owned()), "{:?}", edited.changed);
    }
    // Nothing is written for others where the name stays.
    for change in [name("old"), set(Key::Host, "other")] {
        assert!(!edit(change).changed.contains(&"PROXMOX_02_TOKEN_NAME".to_owned()));
    }
}
