//! What is masked, and what is not.

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::Index;

use super::Register;
use crate::clock::{Clock, SystemClock};
use crate::model::Secret;

const UUID: &str = "cafebabe-dead-4eef-8aaa-c0ffee123456";

fn knowing(secrets: &[&str]) -> Register {
    let register = Register::new();
    for secret in secrets {
        register.add(secret);
    }
    register
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// A way to write a text.
#[derive(Debug, Clone, Copy)]
enum Spelling {
    Plain,
    Upper,
    Percent,
    Form,
    Json,
    JsonNumbers,
    Html,
    Quoted,
    Base64,
    Base64Url,
}

impl Spelling {
    /// Writes a text, with those characters encoded for which `chosen` says so.
    fn write(self, text: &str, chosen: &dyn Fn(usize, char) -> bool) -> String {
        let each = |encode: &dyn Fn(char) -> String| -> String {
            let characters = text.chars().enumerate();
            characters.map(|(at, it)| if chosen(at, it) { encode(it) } else { it.to_string() }).collect()
        };
        let percent = |it: char| -> String { it.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect() };
        match self {
            Self::Plain => text.to_owned(),
            Self::Upper => text.to_ascii_uppercase(),
            Self::Percent => each(&percent),
            Self::Form => each(&|it| percent(it).to_ascii_uppercase()).replace(' ', "+"),
            Self::Json => serde_json::Value::from(text).to_string().replace('/', r"\/"),
            Self::JsonNumbers => {
                each(&|it| it.encode_utf16(&mut [0; 2]).iter().map(|it| format!(r"\u{it:04X}")).collect())
            }
            Self::Html => each(&|it| format!("&#{};", u32::from(it))),
            Self::Quoted => format!("'{}'", text.replace('\'', r"'\''")),
            Self::Base64 => base64(text.as_bytes()),
            Self::Base64Url => base64(text.as_bytes()).replace('+', "-").replace('/', "_").replace('=', ""),
        }
    }
}

/// Returns the ways that keep their meaning in whatever else a text is written in.
fn outer() -> impl Strategy<Value = Spelling> {
    prop_oneof![
        Just(Spelling::Plain),
        Just(Spelling::Percent),
        Just(Spelling::Form),
        Just(Spelling::Json),
        Just(Spelling::JsonNumbers),
        Just(Spelling::Html),
        Just(Spelling::Base64),
        Just(Spelling::Base64Url),
    ]
}

fn inner() -> impl Strategy<Value = Spelling> {
    prop_oneof![1 => Just(Spelling::Upper), 1 => Just(Spelling::Quoted), 8 => outer()]
}

proptest! {
    /// The secret is in some text, the whole is written in one spelling, put into another text, and that is written in
    /// another spelling: what is left is the same whatever the secret is.
    #[test]
    fn no_spelling_of_a_secret_is_shown(
        secret in "[a-zA-Z0-9!#~äß\u{1F600}-][a-zA-Z0-9 !$%&'()*+,./:;<=>?@#_|~äß\u{1F600}-]{6,38}[a-zA-Z0-9!#~äß\u{1F600}-]",
        around in ["[ -~]{0,7}", "[ -~]{0,7}", "[ -~]{0,7}", "[ -~]{0,7}"],
        spellings in (inner(), outer()),
        places: u64,
    ) {
        let chosen = |at: usize, _| places >> (at % 64) & 1 == 1;
        // What begins an escape in what was written already is always encoded.
        let chosen_again = |at: usize, it: char| chosen(at, it) || "%\\&".contains(it);
        let [a, b, c, d] = around;
        let inner = spellings.0.write(&format!("{a}={secret}&{b}"), &chosen);
        let text = spellings.1.write(&format!("{c} {inner} {d}"), &chosen_again);
        let masked = knowing(&[&secret]).masked(&text).into_owned();
        prop_assert!(masked.contains("••••"), "{text} became {masked}");
        // Nothing is found in what is left.
        prop_assert_eq!(knowing(&[&secret]).masked(&masked).matches("••••").count(), masked.matches("••••").count());
        prop_assert!(!masked.to_lowercase().contains(&secret.to_lowercase()), "{text} became {masked}");
    }

    #[test]
    fn a_generated_secret_is_found_in_parts(start in 0_usize..24, more in 0_usize..13, at in any::<Index>()) {
        let register = Register::new();
        register.add_generated(UUID);
        let part = &UUID[start..start + 12 + more.min(UUID.len() - 12 - start)];
        let words = ["cut ", " in ", "two"];
        let text = format!("{}{part}…", words[at.index(3)]);
        prop_assert!(!register.masked(&text).contains(&part[4..]), "{text}");
    }

    #[test]
    fn other_text_stays_as_it_is(text in "[a-zA-Z0-9 /.,%&\\\\äß\n-]{0,60}") {
        let register = knowing(&["Zq7#mmmmmm~Zq7#", "x", "template", "xyz~"]);
        prop_assert_eq!(register.masked(&text), &*text);
    }
}

#[test]
fn a_screen_does_not_part_a_secret() {
    let register = knowing(&["correct horse battery"]);
    for text in [
        "why: correct\n     horse battery",
        "\x1b[1mcorrect horse\x1b[0m\n  \x1b[1mbattery\x1b[0m",
        "correct horse bat\n   tery",
        "# correct\n # horse battery",
    ] {
        let shown = register.masked(text).into_owned();
        assert!(shown.contains("••••") && !shown.contains("horse"), "{shown}");
    }
    assert_eq!(register.masked("it was correct ho…"), "it was ••••…");
}

#[test]
fn a_short_secret_is_masked_where_it_is_one() {
    for (secret, text, shown) in [
        ("a", "a VM has password=a&x=a1, and a name", "a VM has password=••••&x=a1, and a name"),
        ("a", r#"{"password":"a","b":1}"#, r#"{"password":"••••","b":1}"#),
        ("sandbox", "the sandbox: sandbox", "the sandbox: ••••"),
        ("sandbox", "username=root%40pam&password=sandbox", "username=root%40pam&password=••••"),
        ("123456", "code 123456 is wrong, VM 1234567", "code •••• is wrong, VM 1234567"),
        ("hunter2", "hunter2! hunter22 HUNTER2", "••••! hunter22 ••••"),
        ("template", "a template, password=template", "a template, password=••••"),
        ("hunter2", "Basic cm9vdEBwYW06aHVudGVyMg==", "Basic cm9vdEBwYW06••••=="),
        ("hunter22", "xhunter22x", "x••••x"),
        ("", "nothing", "nothing"),
    ] {
        assert_eq!(knowing(&[secret]).masked(text), shown, "{secret}");
    }
}

#[test]
fn what_was_given_is_searched_for_secrets() {
    for (given, secret) in [
        ("https://root:p/w:canary@pve", "p/w:canary"),
        ("root:canaryPW@pve", "canaryPW"),
        ("http://canaryTOKEN@proxy:3128", "canaryTOKEN"),
        ("curl -H 'Authorization: PVEAPIToken=a@pve!t=cafebabe-dead-4eef-8aaa-c0ffee123456'", UUID),
        ("Authorization: Bearer canaryBEARER", "canaryBEARER"),
    ] {
        let register = Register::new();
        register.notice(given);
        let shown = register.masked(&format!("<{secret}>")).into_owned();
        assert_eq!(shown, "<••••>", "{given}");
    }
    let register = Register::new();
    for (name, value) in [
        ("PM_API_TOKEN_SECRET", "hunter2canary"),
        ("PROXMOX_PASSWORD_02", "pässword-two"),
        ("https_proxy", "me:proxycanary@proxy"),
        ("PROXMOX_TOKEN_VALUE", "apex@pve!glassdome-token"),
        ("SECRET_OF_ANOTHER", "not-ours-at-all"),
    ] {
        register.notice_variable(name, value);
    }
    assert_eq!(
        register.masked("hunter2canary p%E4SSWORD-two proxycanary apex@pve!glassdome-token not-ours-at-all"),
        "•••• •••• •••• apex@pve!glassdome-token not-ours-at-all"
    );
}

#[test]
fn what_is_revealed_passes_and_nothing_else() {
    let register = knowing(&["hunter2canary", "another-secret"]);
    let shown = register.masked_except("hunter2canary another-secret", &[Secret::new("hunter2canary".to_owned())]);
    assert_eq!(shown, "hunter2canary ••••");
}

#[test]
fn a_cut_does_not_part_a_secret() {
    let register = knowing(&["hunter2canary"]);
    let text = format!("{}{}", "x".repeat(90), "%68%75%6e%74%65%72%32%63%61%6e%61%72%79-".repeat(400));
    let (beginning, _) = register.masked_beginning(&text, 100);
    assert_eq!(beginning, format!("{}••••", "x".repeat(90)));
}

#[test]
fn a_long_hostile_text_takes_no_longer_than_its_length() {
    let register = knowing(&[&"a".repeat(400), "hunter2canary", "another-secret"]);
    register.add_generated(UUID);
    let clock = SystemClock;
    let began = clock.now();
    for unit in
        ["a", "%61", "...a", "cafebabe-dead-4eef-8aaa-", "YWFh", "\\u0061", "https://a@", "&#97;", "::", "00000000::"]
    {
        let _ = register.masked(&unit.repeat(20_000 / unit.len()));
    }
    let took = clock.now().duration_since(began);
    assert!(took < std::time::Duration::from_secs(60), "{took:?}");
}
