//! Values of parameters that are no text: `null`, arrays and objects of a JSON body, packed so that each can be told.

/// What a packed value begins with. An array is its items, each behind such a sign, and one at the end: so the server
/// splits a list, too.
const SIGN: char = '\0';

/// A value that is there and undefined.
pub(crate) const NULL: &str = "\0";

/// An object, of which no call takes one.
pub(crate) const OBJECT: &str = "\0\u{1}";

/// Packs an array, or the values of a parameter that came several times.
pub(crate) fn array<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let mut packed = SIGN.to_string();
    for item in items {
        packed.push_str(item);
        packed.push(SIGN);
    }
    // An empty one has a sign more than `null`.
    if packed.len() == 1 { format!("{SIGN}{SIGN}") } else { packed }
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text, a number or a switch.
    Plain,
    /// Undefined.
    Null,
    /// An array, in the words of Perl.
    Array,
    /// An object, in the words of Perl.
    Hash,
}

/// Says what a value is.
pub(crate) fn kind(value: &str) -> Kind {
    match value {
        NULL => Kind::Null,
        OBJECT => Kind::Hash,
        packed if packed.starts_with(SIGN) => Kind::Array,
        _ => Kind::Plain,
    }
}

/// Makes a value readable.
pub(crate) fn shown(value: &str) -> String {
    match kind(value) {
        Kind::Plain => value.to_owned(),
        Kind::Null => "null".to_owned(),
        Kind::Hash => "{}".to_owned(),
        Kind::Array => value.trim_matches(SIGN).replace(SIGN, ","),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_can_be_reported_and_shown() {
        let table = [
            ("a,b".to_owned(), Kind::Plain, "a,b"),
            (String::new(), Kind::Plain, ""),
            (NULL.to_owned(), Kind::Null, "null"),
            (OBJECT.to_owned(), Kind::Hash, "{}"),
            (array([]), Kind::Array, ""),
            (array(["a"]), Kind::Array, "a"),
            (array(["a", "b"]), Kind::Array, "a,b"),
        ];
        for (value, expected, text) in table {
            assert_eq!((kind(&value), shown(&value).as_str()), (expected, text), "{value:?}");
        }
    }
}
