//! The forms that parameters must have, and what the server says of one that has not.

use std::collections::BTreeMap;

use crate::sandbox::auth::refusal::Refusal;
use crate::sandbox::auth::{Access, names};
use crate::sandbox::cluster::packed::{self, Kind};

/// What is asked of one parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its form.
    pub(crate) form: Form,
    /// When it may be missing.
    pub(crate) need: Need,
}

/// When a parameter may be missing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// Never.
    Always,
    /// At any time.
    Optional,
    /// At any time, but then another one must come along with it.
    With(&'static str),
}

/// The form of a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// Any text that is so long at most.
    Text(usize),
    /// A password for logging in later.
    Password,
    /// `0` or `1`.
    Switch,
    /// A whole number, 0 or more.
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A realm.
    Realm,
    /// A user.
    User,
    /// A user or a token.
    Subject,
    /// The name of a token within its user.
    TokenName,
    /// A name of this kind of thing.
    Name(&'static str),
    /// A pool.
    Pool,
    /// Several of one form.
    List(&'static Form),
    /// A whole token name.
    Token,
    /// A privilege.
    Privilege,
    /// A VM in a list.
    Vmid,
    /// A VM by itself.
    Guest,
    /// A whole number between these two.
    Between(i64, i64),
    /// A number that may have a fraction, 0 or more.
    Decimal,
    /// A word or several that this rule of the guests' options judges.
    Words(fn(&str) -> Result<(), String>),
    /// What this rule of the guests' options judges.
    Of(fn(&str) -> Result<(), String>),
    /// The same, where what is said is by itself.
    Plain(fn(&str) -> Result<(), String>),
}

/// Stands in what is said of a numbered parameter where its name shall be.
pub(crate) const ITSELF: &str = "\0";

/// The longest text that the server takes where it names no limit.
pub(crate) const ANY_LENGTH: usize = usize::MAX;

/// A parameter that must be there.
pub(crate) const fn needed(name: &'static str, form: Form) -> Parameter {
    Parameter { name, form, need: Need::Always }
}

/// A parameter that may be missing.
pub(crate) const fn optional(name: &'static str, form: Form) -> Parameter {
    Parameter { name, form, need: Need::Optional }
}

/// Demands that parameters are known, there where they must be, and of the right form.
pub(crate) fn demand(access: &Access, rules: &[Parameter], given: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let mut errors = BTreeMap::new();
    for rule in rules {
        if let Some(name) = rule.name.strip_suffix("[n]") {
            let numbered = given.iter().filter(|(given, value)| is_numbered(given, name) && *value != packed::NULL);
            errors.extend(numbered.filter_map(|(name, value)| {
                checked(access, rule.form, value).err().map(|why| (name.clone(), why.replace(ITSELF, name)))
            }));
            continue;
        }
        match (defined(given, rule.name), rule.need) {
            (Some(value), need) => {
                if let Err(why) = checked(access, rule.form, value) {
                    errors.insert(rule.name.to_owned(), why);
                }
                if let Need::With(other) = need
                    && defined(given, other).is_none()
                {
                    errors.insert(other.to_owned(), format!("missing property required by '{}'", rule.name));
                }
            }
            (None, Need::Always) => {
                errors.insert(rule.name.to_owned(), "property is missing and it is not optional".to_owned());
            }
            (None, Need::Optional | Need::With(_)) => {}
        }
    }
    for name in given.keys().filter(|name| !rules.iter().any(|rule| rule.is_for(name))) {
        let why = "property is not defined in schema and the schema does not allow additional properties";
        errors.insert(name.clone(), why.to_owned());
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(errors)) }
}

/// Returns a value that is not undefined.
fn defined<'a>(given: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    given.get(name).filter(|value| *value != packed::NULL)
}

impl Parameter {
    fn is_for(&self, name: &str) -> bool {
        match self.name.strip_suffix("[n]") {
            Some(stem) => is_numbered(name, stem),
            None => self.name == name,
        }
    }
}

impl Form {
    /// Names the type that the server's schema gives such a value.
    const fn kind(self) -> &'static str {
        match self {
            Self::Switch => "boolean",
            Self::Number | Self::Between(..) | Self::Guest => "integer",
            Self::Decimal => "number",
            Self::Text(_)
            | Self::Password
            | Self::OneOf(_)
            | Self::Realm
            | Self::User
            | Self::Subject
            | Self::TokenName
            | Self::Name(_)
            | Self::Pool
            | Self::List(_)
            | Self::Token
            | Self::Privilege
            | Self::Vmid
            | Self::Words(_)
            | Self::Of(_)
            | Self::Plain(_) => "string",
        }
    }
}

fn is_numbered(name: &str, stem: &str) -> bool {
    let number = name.strip_prefix(stem).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn checked(access: &Access, form: Form, value: &str) -> Result<(), String> {
    let format = |why: String| format!("invalid format - {why}\n");
    let is = |what: &str| Err(format!("type check ('{}') failed - got {what}", form.kind()));
    match (packed::kind(value), form) {
        (Kind::Hash, _) => return is("HASH"),
        (Kind::Plain | Kind::Null, _) | (Kind::Array, Form::List(_) | Form::Words(_)) => {}
        (Kind::Array, _) => return is("ARRAY"),
    }
    let pattern = "value does not match the regex pattern";
    match form {
        Form::Text(longest) => at_most(value, longest),
        Form::Password if value.chars().count() < 8 => Err("value must be at least 8 characters long".to_owned()),
        Form::Password => at_most(value, 64),
        Form::Switch => demanded(matches!(value, "0" | "1"), || wrong_type("boolean", value)),
        Form::Number => match value.parse::<i64>() {
            Err(_) => Err(wrong_type("integer", value)),
            Ok(number) => demanded(number >= 0, || "value must have a minimum value of 0".to_owned()),
        },
        Form::Between(least, most) => match value.parse::<i64>() {
            Err(_) => Err(wrong_type("integer", value)),
            Ok(number) if number < least => Err(format!("value must have a minimum value of {least}")),
            Ok(number) => demanded(number <= most, || format!("value must have a maximum value of {most}")),
        },
        Form::Decimal => match value.parse::<f64>() {
            Err(_) => Err(wrong_type("number", value)),
            Ok(number) => demanded(number >= 0.0, || "value must have a minimum value of 0".to_owned()),
        },
        Form::Guest if value.parse::<i64>().is_err() => Err(wrong_type("integer", value)),
        Form::Guest => of_format(access, Form::Vmid, value).map_err(format),
        Form::Of(rule) | Form::Words(rule) => rule(value).map_err(format),
        Form::Plain(rule) => rule(value),
        Form::OneOf(words) => demanded(words.contains(&value), || {
            format!("value '{value}' does not have a value in the enumeration '{}'", words.join(", "))
        }),
        Form::TokenName => demanded(names::is_token_name(value), || pattern.to_owned()),
        Form::Subject => {
            let fits = names::split_user(value).is_some() || names::split_token(value).is_some();
            demanded(fits, || pattern.to_owned())
        }
        Form::Realm | Form::User | Form::Name(_) | Form::Pool | Form::Token | Form::Privilege | Form::Vmid => {
            of_format(access, form, value).map_err(format)
        }
        Form::List(form) => names::list(value).try_for_each(|word| of_format(access, *form, word).map_err(format)),
    }
}

fn of_format(access: &Access, form: Form, value: &str) -> Result<(), String> {
    let looks = |what: &str| format!("value '{value}' does not look like a valid {what}");
    match form {
        Form::User => demanded(names::split_user(value).is_some(), || looks("user name")),
        Form::Token => demanded(names::split_token(value).is_some(), || looks("token ID")),
        Form::Realm => demanded(names::is_token_name(value), || looks("realm")),
        Form::Name(kind) => {
            demanded(names::is_plain_name(value), || format!("{kind} name '{value}' contains invalid characters"))
        }
        Form::Pool => {
            demanded(names::is_pool_name(value), || format!("pool name '{value}' contains invalid characters"))
        }
        Form::Privilege => demanded(access.is_privilege(value), || format!("invalid privilege '{value}'")),
        Form::Vmid => demanded(value.parse::<u32>().is_ok_and(|vmid| (100..=999_999_999).contains(&vmid)), || {
            "value does not look like a valid VM ID".to_owned()
        }),
        _ => Ok(()),
    }
}

fn at_most(value: &str, longest: usize) -> Result<(), String> {
    demanded(value.chars().count() <= longest, || format!("value may only be {longest} characters long"))
}

fn wrong_type(kind: &str, value: &str) -> String {
    format!("type check ('{kind}') failed - got '{value}'")
}

fn demanded(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::auth::Release;

    const RULES: &[Parameter] = &[
        needed("roleid", Form::Name("role")),
        optional("privs", Form::List(&Form::Privilege)),
        optional("expire", Form::Number),
        optional("enable", Form::Switch),
        optional("password", Form::Password),
        optional("comment", Form::Text(5)),
        optional("type", Form::OneOf(&["qemu", "lxc"])),
        optional("users", Form::List(&Form::User)),
        Parameter { name: "append", form: Form::Switch, need: Need::With("privs") },
    ];

    fn errors(query: &str) -> Vec<String> {
        let access = Access::new(Release { major: 9, minor: 2, patch: 11 });
        let given = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match demand(&access, RULES, &given) {
            Ok(()) => Vec::new(),
            Err(Refusal::Invalid(errors)) => errors.into_iter().map(|(name, why)| format!("{name}: {why}")).collect(),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_wrong_parameter_is_named_in_the_servers_words() {
        let table = [
            ("roleid=a", vec![]),
            ("", vec!["roleid: property is missing and it is not optional"]),
            ("roleid=a+b", vec!["roleid: invalid format - role name 'a b' contains invalid characters\n"]),
            ("roleid=a&privs=VM.Audit,VM.Monitor", vec!["privs: invalid format - invalid privilege 'VM.Monitor'\n"]),
            ("roleid=a&expire=-1", vec!["expire: value must have a minimum value of 0"]),
            ("roleid=a&expire=x", vec!["expire: type check ('integer') failed - got 'x'"]),
            ("roleid=a&enable=yes", vec!["enable: type check ('boolean') failed - got 'yes'"]),
            ("roleid=a&password=short", vec!["password: value must be at least 8 characters long"]),
            ("roleid=a&comment=longer", vec!["comment: value may only be 5 characters long"]),
            ("roleid=a&type=vm", vec!["type: value 'vm' does not have a value in the enumeration 'qemu, lxc'"]),
            ("roleid=a&append=1", vec!["privs: missing property required by 'append'"]),
            (
                "roleid=a&users=a@pve,b",
                vec!["users: invalid format - value 'b' does not look like a valid user name\n"],
            ),
            (
                "foo=1",
                vec![
                    "foo: property is not defined in schema and the schema does not allow additional properties",
                    "roleid: property is missing and it is not optional",
                ],
            ),
        ];
        for (query, expected) in table {
            assert_eq!(errors(query), expected, "{query}");
        }
    }

    #[test]
    fn what_is_no_text_is_judged_by_its_type() {
        let (list, object) = (packed::array(["VM.Audit", "VM.Clone"]), packed::OBJECT.to_owned());
        let null = packed::NULL.to_owned();
        let table = [
            ("privs", list.clone(), None),
            ("privs", packed::array(["VM.Monitor"]), Some("invalid format - invalid privilege 'VM.Monitor'\n")),
            ("privs", object.clone(), Some("type check ('string') failed - got HASH")),
            ("comment", list.clone(), Some("type check ('string') failed - got ARRAY")),
            ("expire", list.clone(), Some("type check ('integer') failed - got ARRAY")),
            ("enable", object, Some("type check ('boolean') failed - got HASH")),
            ("comment", null.clone(), None),
            ("expire", null.clone(), None),
            ("roleid", null.clone(), Some("property is missing and it is not optional")),
        ];
        let access = Access::new(Release { major: 9, minor: 2, patch: 11 });
        for (name, value, expected) in table {
            let mut given = BTreeMap::from([("roleid".to_owned(), "a".to_owned())]);
            given.insert(name.to_owned(), value.clone());
            let why = match demand(&access, RULES, &given) {
                Err(Refusal::Invalid(errors)) => errors.get(name).cloned(),
                _ => None,
            };
            assert_eq!(why.as_deref(), expected, "{name} {value:?}");
        }
    }
}
