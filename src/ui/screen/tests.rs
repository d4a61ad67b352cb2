//! Screens, drawn.

use super::{Screen, Tone, columns, paint, wrap, wrap_hanging};
use crate::ui::Style;

#[test]
fn words_wrap_and_long_ones_stay_whole() {
    assert_eq!(wrap("one two three four", Some(12)), ["one two", "three four"]);
    assert_eq!(wrap("a UPID:pve:00000132:0002DDB7 b", Some(12)), ["a", "UPID:pve:00000132:0002DDB7", "b"]);
    assert_eq!(wrap("日本日本日本 日本", Some(12)), ["日本日本日本", "日本"]);
    assert_eq!(wrap("one two three", None), ["one two three"]);
    let fingerprint = ["AB"; 32].join(":");
    let part = format!("{}:", ["AB"; 8].join(":"));
    assert_eq!(wrap(&fingerprint, Some(30)), [&part, &part, &part, part.trim_end_matches(':')]);
    assert_eq!(wrap(&fingerprint, Some(95)), [fingerprint]);
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let rows = [row(["9000", "日本", "pve"]), row(["101", "test-vm", ""])];
    assert_eq!(columns(&rows), ["9000  日本     pve", "101   test-vm"]);
}

#[test]
fn an_address_can_be_clicked_where_the_terminal_can() {
    let drawn = |style| {
        let mut text = String::new();
        Screen::new(&mut text, style).address(2, "https://pve.lan:8006").unwrap();
        text
    };
    let plain = Style { color: false, unicode: false, width: Some(80) };
    assert_eq!(drawn(plain), "  https://pve.lan:8006\n");
    assert_eq!(drawn(Style { color: true, width: None, ..plain }), "  https://pve.lan:8006\n");
    let clickable = "  \u{1b}]8;;https://pve.lan:8006\u{1b}\\https://pve.lan:8006\u{1b}]8;;\u{1b}\\\n";
    assert_eq!(drawn(Style { color: true, ..plain }), clickable);
}

#[test]
fn a_terminal_without_unicode_gets_none_of_our_decoration() {
    let mut text = String::new();
    let style = Style { color: false, unicode: false, width: None };
    Screen::new(&mut text, style).line("a1b2••••…").unwrap();
    assert_eq!(text, "a1b2****...\n");
}

#[test]
fn a_label_hangs_in_front_of_its_text() {
    let mut text = String::new();
    let style = Style { color: false, unicode: true, width: Some(24) };
    let mut screen = Screen::new(&mut text, style);
    screen.labelled("error: ", Tone::Bad, "the server did not answer").unwrap();
    assert_eq!(text, "error: the server did\n       not answer\n");
}

#[test]
fn colour_is_used_only_where_the_style_says_so() {
    let mut text = String::new();
    let plain = Style { color: false, unicode: true, width: None };
    let colored = Style { color: true, ..plain };
    assert_eq!(Screen::new(&mut text, plain).paint(Tone::Good, "ok"), "ok");
    assert_eq!(Screen::new(&mut text, colored).paint(Tone::Good, "ok"), "\u{1b}[32mok\u{1b}[0m");
}

#[test]
fn every_tone_can_be_read_on_dark_ground_and_on_light() {
    let style = Style { color: true, unicode: true, width: None };
    let tones =
        [Tone::Plain, Tone::Strong, Tone::Dim, Tone::Good, Tone::Warning, Tone::Bad, Tone::Command, Tone::Accent];
    for tone in tones {
        let painted = paint(style, tone, "x");
        let codes = painted.strip_prefix("\x1b[").and_then(|rest| rest.split_once('m')).map_or("", |(codes, _)| codes);
        // Yellow, cyan, white and black vanish on one of the two, and so do the bright colours; 1 and 2 are weights.
        let is_readable = |code: &str| ["1", "2", "31", "32", "34", "35"].contains(&code);
        assert!(codes.split(';').filter(|code| !code.is_empty()).all(is_readable), "{tone:?}: {codes}");
    }
}

#[test]
fn a_list_item_hangs_further_in_than_the_next_one() {
    let mut text = String::new();
    let style = Style { color: false, unicode: true, width: Some(24) };
    let mut screen = Screen::new(&mut text, style);
    screen.list_item("  try: ", Tone::Strong, "one two three four five six seven").unwrap();
    screen.list_item("       ", Tone::Strong, "eight nine").unwrap();
    assert_eq!(text, "  try: one two three\n         four five six\n         seven\n       eight nine\n");
    assert_eq!(wrap_hanging("a b", Some(80), 2), ["a b"]);
}
