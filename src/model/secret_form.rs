//! What has the form of a secret, wherever it is.

use std::ops::Range;

/// The digits of a UUID between its hyphens: the secret of a token.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_LENGTH: usize = 36;

/// What is before something that authenticates, in lower case.
const HEADERS: [(&[u8], &[u8]); 6] = [
    (b"authorization", b"basic "),
    (b"authorization", b"bearer "),
    (b"authorization", b"digest "),
    (b"pveauthcookie", b""),
    (b"pmgauthcookie", b""),
    (b"csrfpreventiontoken", b""),
];

/// Returns whether a whole text has the form of a token's secret.
#[must_use]
pub fn is_token_secret(text: &str) -> bool {
    text.len() == UUID_LENGTH && is_uuid(text.as_bytes())
}

/// Returns whether a text is the secret of a token, alone or as it is copied: behind its ID, in a header, in a curl
/// line. One in a path is the name of a folder or a disk.
#[must_use]
pub fn is_pasted_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_apart = |found: &Range<usize>| {
        let before = found.start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(found.end);
        before.is_none_or(|byte| b"=: \t\"'`".contains(byte)) && after.is_none_or(|byte| b" \t\"'`,;&".contains(byte))
    };
    uuids(bytes).iter().any(is_apart)
}

/// Finds what has the form of a secret in a text in lower case.
pub(super) fn find(folded: &[u8]) -> Vec<Range<usize>> {
    let mut found = token_secrets(folded);
    found.extend(tickets(folded));
    found.extend(headers(folded));
    found.extend(user_information(folded));
    found
}

/// Finds the secrets of tokens: UUIDs, but not that of a cluster, which is in its authority's name as `OU=UUID`.
pub(super) fn token_secrets(folded: &[u8]) -> Vec<Range<usize>> {
    let mut found = uuids(folded);
    found.retain(|range| !folded.get(..range.start).is_some_and(|before| before.ends_with(b"ou=")));
    found
}

fn uuids(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut next = 0;
    for hyphen in memchr::memchr_iter(b'-', bytes) {
        let Some(start) = hyphen.checked_sub(8).filter(|start| *start >= next) else { continue };
        if bytes.get(start..start + UUID_LENGTH).is_some_and(is_uuid) {
            next = start + UUID_LENGTH;
            found.push(start..next);
        }
    }
    found
}

fn is_uuid(bytes: &[u8]) -> bool {
    let mut at = 0;
    UUID.iter().enumerate().all(|(index, length)| {
        let is_joined = index == 0 || bytes.get(at) == Some(&b'-');
        at += usize::from(index > 0);
        let digits = bytes.get(at..at + length).is_some_and(|part| part.iter().all(u8::is_ascii_hexdigit));
        at += length;
        is_joined && digits
    })
}

/// Finds tickets of a log-in, `PVE:root@pam:6B0A8ABB::signature`.
fn tickets(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for middle in memchr::memmem::find_iter(bytes, b"::") {
        let is_stamp = |stamp: &[u8]| stamp.iter().all(u8::is_ascii_hexdigit);
        let is_stamped = middle.checked_sub(8).and_then(|start| bytes.get(start..middle)).is_some_and(is_stamp);
        let signature = bytes.iter().skip(middle + 2).take_while(|byte| is_base64(**byte)).count();
        if is_stamped && signature >= 16 {
            found.push(middle + 2..middle + 2 + signature);
        }
    }
    found
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte)
}

/// Finds what is behind the names of headers and cookies that authenticate.
fn headers(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (name, scheme) in HEADERS {
        for at in memchr::memmem::find_iter(bytes, name) {
            let rest = bytes.get(at + name.len()..).unwrap_or_default();
            let between = rest.iter().take_while(|byte| b"\"'=: ".contains(byte)).count();
            let is_assigned = rest.get(..between).is_some_and(|it| it.iter().any(|byte| b"=:".contains(byte)));
            let value = rest.get(between..).and_then(|rest| rest.strip_prefix(scheme)).unwrap_or_default();
            let length = value.iter().take_while(|byte| is_value(**byte)).count();
            // A variable of a shell stands for a value, and is none.
            if is_assigned && length >= 8 && !value.starts_with(b"$") {
                let start = at + name.len() + between + scheme.len();
                found.push(start..start + length);
            }
        }
    }
    found
}

fn is_value(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !b"\"'`;,<>\\".contains(&byte)
}

/// Finds user and password in addresses, `scheme://user:password@host`.
fn user_information(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"://") {
        let start = at + 3;
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| is_authority(**byte)).count();
        let authority = rest.get(..length).unwrap_or_default();
        let Some(end) = memchr::memrchr(b'@', authority).filter(|end| *end > 0) else { continue };
        let is_masked = authority.get(..end).is_some_and(|it| it.iter().all(|byte| *byte == b'*'));
        if !is_masked {
            found.push(start..start + end);
        }
    }
    found
}

fn is_authority(byte: u8) -> bool {
    is_value(byte) && !b"/?#".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::{find, is_pasted_secret, is_token_secret};

    #[test]
    fn what_has_the_form_of_a_secret_is_found() {
        let uuid = "cafebabe-dead-4eef-8aaa-c0ffee123456";
        for (text, found) in [
            (uuid, vec![uuid]),
            ("apex@pve!t=cafebabe-dead-4eef-8aaa-c0ffee123456, x", vec![uuid]),
            ("0-cafebabe-dead-4eef-8aaa-c0ffee1234567", vec![uuid]),
            ("cafebabe-dead-4eef-8aaa-c0ffee12345", vec![]),
            ("cn=x, ou=cafebabe-dead-4eef-8aaa-c0ffee123456, o=y", vec![]),
            ("https://root:pw@h/x", vec!["root:pw"]),
            ("https://token@h https://h/@x ssh://****@h", vec!["token"]),
            ("https://pve.lan:8006/#v1:0 apex@pve", vec![]),
            ("authorization: basic cm9vdDpwdw==", vec!["cm9vdDpwdw=="]),
            ("\"authorization\":\"bearer abcdefgh\"", vec!["abcdefgh"]),
            ("authorization: pveapitoken=apex@pve!t=$proxmox_token_value", vec![]),
            ("pveauthcookie=abcdefghij; x", vec!["abcdefghij"]),
            ("csrfpreventiontoken: 6b0a8abb:abcdefghij", vec!["6b0a8abb:abcdefghij"]),
            ("the header authorization is missing", vec![]),
            ("pve:root@pam:6b0a8abb::abcdefghijklmnop==", vec!["abcdefghijklmnop=="]),
            ("x::y fe80::1", vec![]),
        ] {
            let ranges = find(text.as_bytes());
            let shown: Vec<&str> = ranges.into_iter().map(|range| &text[range]).collect();
            assert_eq!(shown, found, "{text}");
        }
    }

    #[test]
    fn a_whole_text_is_distinguished_from_one_that_holds_a_secret() {
        assert!(is_token_secret("CAFEBABE-dead-4eef-8aaa-c0ffee123456"));
        assert!(!is_token_secret("cafebabe-dead-4eef-8aaa-c0ffee123456.lan"));
        assert!(!is_token_secret("cafebabedead4eef8aaac0ffee123456"));
        let uuid = "cafebabe-dead-4eef-8aaa-c0ffee123456";
        for (text, is_pasted) in [
            (uuid.to_owned(), true),
            (format!(" '{uuid}'"), true),
            (format!("apex@pve!t={uuid}"), true),
            (format!("curl -H 'Authorization: PVEAPIToken=apex@pve!t={uuid}' https://h"), true),
            (format!("PROXMOX_TOKEN_VALUE={uuid}"), true),
            (format!("/run/media/{uuid}/ca.pem"), false),
            (format!("{uuid}.example"), false),
            ("apex@pve!t".to_owned(), false),
        ] {
            assert_eq!(is_pasted_secret(&text), is_pasted, "{text}");
        }
    }
}
