//! What is in examples and templates in the place of a secret: placeholders, and references that another program
//! resolves.

/// Addresses of secrets: password managers, vaults, cloud stores, and tools that read them.
const SCHEMES: [&str; 21] = [
    "op",
    "bw",
    "bws",
    "vault",
    "keepass",
    "keepassxc",
    "lastpass",
    "dashlane",
    "dl",
    "doppler",
    "infisical",
    "pass",
    "awssm",
    "aws",
    "gcp",
    "azurekeyvault",
    "secret",
    "secrets",
    "sops",
    "file",
    "env",
];

/// What opens a reference, and what closes it.
const BRACKETS: [(&str, &str); 8] = [
    ("${", "}"),
    ("$(", ")"),
    ("{{", "}}"),
    ("%(", ")s"),
    ("!vault", ""),
    ("enc[", "]"),
    ("ref+", ""),
    ("arn:aws", ""),
];

/// Words that only an example has.
const EXAMPLE_WORDS: [&str; 21] = [
    "changeme",
    "changethis",
    "change",
    "placeholder",
    "your",
    "yours",
    "replace",
    "replaceme",
    "replacethis",
    "todo",
    "tbd",
    "fixme",
    "example",
    "sample",
    "dummy",
    "insert",
    "paste",
    "here",
    "redacted",
    "fill",
    "undefined",
];

/// Words that say what should be there, where nothing but such words is there.
const PLACEHOLDER_WORDS: [&str; 16] = [
    "secret",
    "token",
    "value",
    "uuid",
    "api",
    "apitoken",
    "tokenvalue",
    "tokensecret",
    "id",
    "proxmox",
    "pve",
    "none",
    "null",
    "nil",
    "my",
    "the",
];

/// Returns whether a text is the address of a secret, or an expression that a shell or a template engine puts a secret
/// in place of.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    let text = text.trim().trim_matches(['"', '\'']);
    let lower = text.to_ascii_lowercase();
    let is_path = |rest: &str| rest.contains('/');
    let is_address = lower.split_once(':').is_some_and(|(scheme, rest)| SCHEMES.contains(&scheme) && is_path(rest));
    let is_expression = BRACKETS.iter().any(|(open, close)| {
        lower.len() > open.len() + close.len() && lower.starts_with(open) && lower.ends_with(close)
    });
    let is_name = |name: &str| {
        name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
    };
    let is_variable = text.strip_prefix('$').is_some_and(is_name)
        || text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(is_name);
    // Without a blank it is a quoted text.
    let is_command = text.len() > 2 && text.starts_with('`') && text.ends_with('`') && text.contains(' ');
    is_address || is_expression || is_variable || is_command
}

/// Returns whether a text that is not a secret is in the place of one: `changeme`, `<secret>`, `xxxxxxxx-xxxx-…`,
/// `****`.
#[must_use]
pub fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let is_bracketed = [('<', '>'), ('[', ']'), ('«', '»')]
        .iter()
        .any(|(open, close)| text.len() > 2 && text.starts_with(*open) && text.ends_with(*close));
    let mut signs = text.chars().filter(|it| !it.is_whitespace() && !"-_".contains(*it));
    let first = signs.next().unwrap_or(' ').to_ascii_lowercase();
    let is_one_sign = !first.is_ascii_hexdigit() && signs.all(|it| it.to_ascii_lowercase() == first);
    let is_cut = text.ends_with("...") || text.ends_with('…') || text.ends_with("••");
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_of_an_example = words.iter().any(|word| EXAMPLE_WORDS.contains(word));
    let is_of_its_name = !words.is_empty() && words.iter().all(|word| PLACEHOLDER_WORDS.contains(word));
    is_bracketed || (is_one_sign && text.chars().count() > 2) || is_cut || is_of_an_example || is_of_its_name
}

#[cfg(test)]
mod tests {
    use super::{is_placeholder, is_reference};

    #[test]
    fn what_an_example_holds_is_a_placeholder() {
        for text in [
            "changeme",
            "CHANGE_ME",
            "change-me-please",
            "<secret>",
            "<your token here>",
            "[token secret]",
            "your-token-here",
            "YOUR_API_TOKEN",
            "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx",
            "XXXX",
            "****",
            "••••",
            "a1b2••••",
            "a1b2...",
            "...",
            "TODO",
            "replace_me",
            "insert secret",
            "token-secret",
            "uuid",
            "none",
            "null",
            "########-####-####",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "",
            "a1b2c3d4-1234-5678-9abc-def01234567",
            "mysecretpassword",
            "hunter2",
            "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
            "correct horse battery staple",
            "a1b2c3d4-1234-5678-9abc-def01234567g",
            "p=ssw=rd",
            "abc123",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }

    #[test]
    fn what_another_program_resolves_is_a_reference() {
        for text in [
            "op://Private/pve/token",
            "\"op://x/y\"",
            "vault://secret/data/pve#token",
            "vault:secret/data/pve#token",
            "ref+vault://secret/data/pve#/token",
            "ENC[AES256_GCM,data:abc,iv:x,type:str]",
            "arn:aws:secretsmanager:eu-west-1:1:secret:pve",
            "file:///run/secrets/pve",
            "bws://a1b2c3d4-1234-5678-9abc-def012345678",
            "${PROXMOX_TOKEN_VALUE}",
            "${X:-}",
            "$TOKEN",
            "$env:TOKEN",
            "$(pass show pve)",
            "`pass show pve`",
            "{{ token }}",
            "%TOKEN%",
            "%(token)s",
        ] {
            assert!(is_reference(text), "{text}");
        }
        for text in [
            "",
            "$",
            "`a1b2c3d4-1234-5678-9abc-def012345678`",
            "https://pve.lan:8006",
            "a$b",
            "100%",
            "pa$$word",
            "pass:word",
            "ref+",
            "a1b2c3d4-1234-5678-9abc-def012345678",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
