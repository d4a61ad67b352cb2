//! Bindings as python-dotenv reads them.

use super::{bindings, decode, interpolate};
use crate::settings::parsers::slice;

/// What python-dotenv 1.2 answers, taken down from the real one.
#[test]
fn bindings_are_those_of_python_dotenv() {
    for (text, expected) in [
        ("K=v", vec![("K", Some("v"))]),
        ("  export  K = v # c\n", vec![("K", Some("v"))]),
        ("K=a b", vec![("K", Some("a b"))]),
        ("K=a$b", vec![("K", Some("a$b"))]),
        ("K=v#c", vec![("K", Some("v#c"))]),
        ("K= # c", vec![("K", Some("# c"))]),
        ("K=\nL=1", vec![("K", Some("")), ("L", Some("1"))]),
        ("K", vec![("K", None)]),
        ("'K L'=v", vec![("K L", Some("v"))]),
        ("K='a'#c", vec![("K", Some("a"))]),
        ("K='a'b\nL=1", vec![("L", Some("1"))]),
        ("K='a\nL=1", vec![("L", Some("1"))]),
        ("K='a\nL='1\nM=2", vec![("M", Some("2"))]),
        ("K='a\r\nb' # c\r\nL=1\r\n", vec![("K", Some("a\nb")), ("L", Some("1"))]),
        ("K=\"a\\n\\t\\\"\\z\\$\"", vec![("K", Some("a\n\t\"\\z\\$"))]),
        ("K='a\\'b\\\\c\\n'", vec![("K", Some("a'b\\c\\n"))]),
        ("K='a\\'", vec![("K", Some("a\\"))]),
        ("=v\nL=1", vec![("L", Some("1"))]),
        ("\u{feff}K=v\nL=1", vec![("\u{feff}K", Some("v")), ("L", Some("1"))]),
        ("K=v\u{a0}# c\u{a0}", vec![("K", Some("v"))]),
        ("K=`a`", vec![("K", Some("`a`"))]),
    ] {
        let bytes = text.as_bytes();
        let read: Vec<_> = bindings(bytes)
            .iter()
            .filter_map(|binding| {
                let name = std::str::from_utf8(slice(bytes, binding.name.as_ref()?)).unwrap();
                Some((name.to_owned(), binding.value.as_ref().map(|value| decode(bytes, value))))
            })
            .collect();
        let expected: Vec<_> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).collect();
        assert_eq!(read, expected, "{text:?}");
    }
}

#[test]
fn variables_are_those_of_python_dotenv() {
    let lookup = |name: &str| (name == "X").then(|| "1".to_owned());
    for (text, expected) in [
        ("a${X}b", "a1b"),
        ("a${Y}b", "ab"),
        ("a${Y:-d}b", "adb"),
        ("a${X:d}b", "a${X:d}b"),
        ("a${Xb", "a${Xb"),
        ("a$X", "a$X"),
        ("${${X}", ""),
        ("${:-$}{X}", "${X}"),
    ] {
        assert_eq!(interpolate(text, &lookup), expected, "{text}");
    }
}
