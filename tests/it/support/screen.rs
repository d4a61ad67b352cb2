//! A screen of a run without what differs from run to run, for comparison as a whole.

use crate::support::test_env::TestEnv;

/// Gives a screen with its folder, ports, fingerprints, days and times replaced by others of the same width.
pub(crate) fn lasting(stage: &TestEnv, text: &str) -> String {
    let folder = stage.folder().display().to_string();
    let text = text.replace(&folder, &format!("/home/me/{}", "x".repeat(folder.len().saturating_sub(9))));
    text.lines()
        .map(|line| line.split(' ').map(lasting_word).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n")
}

fn lasting_word(word: &str) -> String {
    let is_hex_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    let pairs: Vec<&str> = word.trim_end_matches(':').split(':').collect();
    if pairs.len() >= 8 && pairs.iter().all(|pair| is_hex_pair(pair)) {
        let end = if word.ends_with(':') { ":" } else { "" };
        return vec!["AB"; pairs.len()].join(":") + end;
    }
    if let Some((before, port)) = word.rsplit_once("127.0.0.1:") {
        let digits = port.bytes().take_while(u8::is_ascii_digit).count();
        return format!("{before}127.0.0.1:{}{}", "4".repeat(digits), &port[digits..]);
    }
    for mask in ["••••", "****"] {
        if let Some((shown, after)) = word.split_once(mask).filter(|(shown, _)| !shown.is_empty()) {
            let before: String = shown.chars().take(shown.chars().count().saturating_sub(4)).collect();
            return format!("{before}a1b2{mask}{after}");
        }
    }
    let day: Vec<&str> = word.split('-').collect();
    if day.len() == 3 && day.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit())) && word.len() == 10 {
        return "2026-01-01".to_owned();
    }
    word.to_owned()
}
