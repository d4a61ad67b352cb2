//! Text of servers, and its ways out.

use std::process::Command;

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::{Foreign, MAX_SHOWN, is_plain};
use crate::model::{NodeName, VmId};
use crate::skip::lacks;

/// Reads a word as a shell does.
fn read_by(shell: &str, word: &str) -> String {
    let output = Command::new(shell).arg("-c").arg(format!("printf %s {word}")).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_could_move_the_cursor_or_mislead_is_escaped() {
    for (text, shown) in [
        ("storage 'x' does not exist\n", "storage 'x' does not exist"),
        ("größer, 日本", "größer, 日本"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("evil\u{202e}txt.exe", "evil\\u{202e}txt.exe"),
        ("\u{7f}\u{0}", "\\u{7f}\\u{0}"),
        ("a\u{3164}b\u{e0041}\u{34f}", "a\\u{3164}b\\u{e0041}\\u{34f}"),
    ] {
        let foreign = Foreign::new(text);
        assert_eq!(foreign.to_string(), shown);
        assert_eq!(format!("{foreign:?}"), format!("`{shown}`"));
        assert_eq!(Foreign::new(shown).to_string(), shown, "escaping twice is escaping once");
    }
}

#[test]
fn a_long_text_is_cut_and_says_by_how_much() {
    let text = Foreign::new("x".repeat(20_000_000));
    let shown = text.to_string();
    assert_eq!(shown.chars().count(), MAX_SHOWN + "… (19998000 more characters)".chars().count());
    assert!(shown.ends_with("x… (19998000 more characters)"));
    assert_eq!(serde_json::json!(text), shown);
    let escapes = Foreign::new("\u{1b}".repeat(2_000)).to_string();
    assert!(escapes.chars().count() < MAX_SHOWN + 40, "the escapes count, too");
    assert_eq!(Foreign::new("x".repeat(MAX_SHOWN)).to_string().chars().count(), MAX_SHOWN);
}

#[test]
fn a_shell_takes_the_word_as_it_stands() {
    let has_bash = !lacks(&["bash"]);
    for (text, word) in [
        ("local-lvm", "'local-lvm'"),
        ("", "''"),
        ("a b", "'a b'"),
        ("o'brien", r"'o'\''brien'"),
        ("lvm;touch${IFS}pwned;", "'lvm;touch${IFS}pwned;'"),
        ("~root", "'~root'"),
        ("\u{1b}[2J'\\", r"$'\033[2J\'\\'"),
        ("a\u{202e}b", r"$'a\342\200\256b'"),
    ] {
        assert_eq!(Foreign::new(text).shell_quoted(), word);
        if has_bash {
            assert_eq!(read_by("bash", word), text);
        }
    }
}

#[test]
fn only_what_its_type_takes_comes_out() {
    assert_eq!(Foreign::new("9000").parse::<VmId>().map(VmId::number), Ok(9_000));
    assert!(Foreign::new("pve;reboot").parse::<NodeName>().is_err());
    assert_eq!(Foreign::new("WARNINGS: 3").parse_behind::<u64>("WARNINGS: "), Some(3));
    assert!(Foreign::new("OK") == "OK" && Foreign::new("OK\n") != "OK");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_form_holds_a_hidden_character(text in any::<String>(), hidden in "[\\x00-\\x1f\\x7f-\\x9f\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200b}-\u{200f}\u{feff}]{0,8}") {
        let foreign = Foreign::new(format!("{hidden}{text}{hidden}{text}"));
        let forms = [foreign.to_string(), format!("{foreign:?}"), foreign.shell_quoted()];
        for form in forms {
            prop_assert!(form.chars().all(is_plain), "{:?}", form);
        }
    }

    #[test]
    fn every_shell_reads_the_word_back(text in "\\PC{0,60}") {
        let foreign = Foreign::new(text.clone());
        if text.chars().all(is_plain) {
            prop_assert_eq!(read_by("/bin/sh", &foreign.shell_quoted()), text.clone());
        }
        if !lacks(&["bash"]) {
            prop_assert_eq!(read_by("bash", &foreign.shell_quoted()), text);
        }
    }
}
