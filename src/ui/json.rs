//! Documents as they are written: secrets masked, and every character that could move a cursor or mislead as an escape.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::model::foreign::is_plain;
use crate::ui::masked::Layout;

/// What is under these names is a word of ours that programs compare.
const OWN_KEYS: [&str; 4] = ["schema", "kind", "status", "mode"];

/// Masks every string of a document.
pub(super) fn mask(document: &mut Value, masked: &dyn Fn(&str) -> String) {
    match document {
        Value::String(text) => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, masked)),
        Value::Object(map) => {
            if map.keys().any(|name| !is_identifier(name)) {
                let named = std::mem::take(map).into_iter();
                let name = |name: String| if is_identifier(&name) { name } else { masked(&name) };
                map.extend(named.map(|(old, value)| (name(old), value)));
            }
            map.iter_mut()
                .filter(|(name, _)| !OWN_KEYS.contains(&name.as_str()))
                .for_each(|(_, item)| mask(item, masked));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns whether a name is one that a program could have: no secret is one that is there by mistake.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Writes a document as a text.
pub(super) fn text(document: &Value, layout: Layout) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    match layout {
        Layout::Line => document.serialize(&mut Serializer::with_formatter(&mut text, Escaping(CompactFormatter)))?,
        Layout::Indented => {
            document.serialize(&mut Serializer::with_formatter(&mut text, Escaping(PrettyFormatter::new())))?;
        }
    }
    Ok(text)
}

/// Formats a document with another formatter, and writes invisible or direction-changing characters as `\u` escapes.
struct Escaping<F>(F);

/// Hands a step of the layout to the formatter behind.
macro_rules! hand_on {
    ($($step:ident($($argument:ident: $kind:ty),*);)*) => {$(
        fn $step<W: ?Sized + Write>(&mut self, to: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$step(to $(, $argument)*)
        }
    )*};
}

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, character)) = rest.char_indices().find(|(_, character)| !is_plain(*character)) {
            let (before, from) = rest.split_at(at);
            to.write_all(before.as_bytes())?;
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(to, "\\u{unit:04x}")?;
            }
            rest = from.get(character.len_utf8()..).unwrap_or_default();
        }
        to.write_all(rest.as_bytes())
    }

    hand_on! {
        begin_array();
        end_array();
        begin_array_value(is_first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(is_first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{mask, text};
    use crate::ui::masked::Layout;

    #[test]
    fn what_misleads_is_an_escape_and_means_the_same() {
        let document = json!({"a\u{9b}": ["x\u{202e}y", "\u{7f}\u{feff}\u{e0041}", "größe\n\u{1b}"], "n": 1});
        for layout in [Layout::Line, Layout::Indented] {
            let written = String::from_utf8(text(&document, layout).unwrap()).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), document);
            assert!(written.contains(r"x\u202ey") && written.contains(r"a\u009b") && written.contains("größe"));
            assert!(written.contains(r"\u007f\ufeff\udb40\udc41"), "{written}");
        }
        assert_eq!(text(&json!({"a": [1, true]}), Layout::Line).unwrap(), br#"{"a":[1,true]}"#);
        assert_eq!(text(&json!({"a": []}), Layout::Indented).unwrap(), b"{\n  \"a\": []\n}");
    }

    #[test]
    fn every_string_is_masked_and_the_document_stays_one() {
        let mut document = json!({"kind": "pw", "a": ["pw", {"b": "pw"}], "pw": 1, "x pw": 2, "n": null});
        mask(&mut document, &|text| text.replace("pw", "••••"));
        assert_eq!(document, json!({"kind": "pw", "a": ["••••", {"b": "••••"}], "pw": 1, "x ••••": 2, "n": null}));
    }
}
