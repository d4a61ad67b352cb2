//! Secrets in other spellings.

use super::{Reading, folded};

fn text(view: &Reading) -> String {
    String::from_utf8_lossy(&view.bytes).into_owned()
}

#[test]
fn every_escape_is_read() {
    for (written, read) in [
        ("a%2Db%2d%C3%BC", "a-b-ü"),
        ("%u002d%U00fc", "-ü"),
        (r#"\u002d\u00fc\/\"\\"#, r#"-ü/"\"#),
        (r"\ud83d\ude00", "😀"),
        (r"\u{2d}\x2d\055", "---"),
        ("&#45;&#045;&#x2d;&#X2D;&#45x", "-----x"),
        ("&amp;&hyphen;&commat;&EXCL;", "&-@!"),
        (r"'it'\''s'", "'it's'"),
        ("100% &c. &none; \\", "100% &c. &none; \\"),
    ] {
        let view = Reading::of(written);
        assert_eq!(text(&view.unescaped().unwrap_or(view)), read, "{written}");
    }
    assert!(Reading::of("100% of it").unescaped().is_none());
}

#[test]
fn a_part_of_a_reading_has_its_place_in_the_text() {
    let view = Reading::of("x%61&#98;c").unescaped().unwrap();
    let place = view.source_range(1, 3);
    assert_eq!((text(&view).as_str(), place.start, place.end), ("xabc", 1, 9));
    let view = Reading::of("<Y2FuYXJ5>").unencoded(0, 4);
    let place = view.source_range(0, 6);
    assert_eq!((text(&view).as_str(), place.start, place.end), ("canary\0", 1, 9));
}

#[test]
fn what_a_screen_adds_is_taken_out() {
    let shown = Reading::of("one \x1b[1mtwo\x1b[0m\n   three\n # four \x1b]8;;https://h\x1b\\five\x1b]8;;\x07");
    assert_eq!(text(&shown.unwrapped(b" ").unwrap()), "one two three four five");
    assert_eq!(text(&shown.unwrapped(b"").unwrap()), "one twothreefour five");
    assert!(Reading::of("one line").unwrapped(b" ").is_none());
}

#[test]
fn letters_lose_their_case_and_nothing_its_place() {
    for (written, read) in [("A+B", "a b"), ("GRÖßE", "größe"), ("a…", "a..."), ("İ", "İ")] {
        assert_eq!(String::from_utf8_lossy(&folded(written.as_bytes())), read);
        assert_eq!(written.len(), folded(written.as_bytes()).len());
    }
}
