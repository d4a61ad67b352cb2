//! The names of users, tokens and ACL paths, as Proxmox VE reads them.

/// Splits `user@realm` at its last `@`, where both halves are well formed.
pub fn split_user(id: &str) -> Option<(&str, &str)> {
    let (user, realm) = id.rsplit_once('@')?;
    let length = id.len();
    let user_fits = !user.is_empty() && !user.contains([':', '/']) && !user.contains(char::is_whitespace);
    ((3..=64).contains(&length) && user_fits && is_token_name(realm)).then_some((user, realm))
}

/// Splits `user@realm!name` into the user and the token's name.
pub fn split_token(id: &str) -> Option<(&str, &str)> {
    let (user, name) = id.rsplit_once('!')?;
    (split_user(user).is_some() && is_token_name(name)).then_some((user, name))
}

/// Returns the user that a user or token belongs to.
pub fn owner(subject: &str) -> &str {
    split_token(subject).map_or(subject, |(user, _)| user)
}

/// Tells whether a word may name a token or a realm: two characters or more, a letter first.
pub fn is_token_name(word: &str) -> bool {
    word.len() >= 2 && word.starts_with(|first: char| first.is_ascii_alphabetic()) && is_plain_name(word)
}

/// Tells whether a word may name a group, a role or one level of a pool.
pub fn is_plain_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|sign| sign.is_ascii_alphanumeric() || ".-_".contains(sign))
}

/// Tells whether a word may name a pool: up to three levels, separated by slashes.
pub fn is_pool_name(word: &str) -> bool {
    let levels: Vec<&str> = word.split('/').collect();
    levels.len() <= 3 && levels.into_iter().all(is_plain_name)
}

/// Brings an ACL path into its one form, or says that it is none.
pub fn normal_path(path: &str) -> Option<String> {
    if path.is_empty() || path == "0" {
        return None;
    }
    let levels: Vec<&str> = path.split('/').filter(|level| !level.is_empty()).collect();
    let plain = levels.iter().all(|level| is_plain_name(level));
    plain.then(|| format!("/{}", levels.join("/")))
}

/// Tells whether an entry of the access control list may be at a path in its one form.
pub fn may_have_entries(path: &str) -> bool {
    let levels: Vec<&str> = path.split('/').filter(|level| !level.is_empty()).collect();
    match levels.as_slice() {
        [] => true,
        ["access"] | ["access", "groups" | "realm"] | ["access", "groups" | "realm", _] => true,
        ["nodes" | "storage" | "sdn" | "vms" | "pool" | "mapping"] => true,
        ["nodes" | "storage", _] | ["mapping", _] | ["mapping", _, _] => true,
        ["pool", pool @ ..] => pool.len() <= 3,
        ["sdn", "zones" | "controllers" | "dns" | "ipams" | "fabrics"] => true,
        ["sdn", "zones" | "controllers" | "dns" | "ipams" | "fabrics", _] => true,
        ["sdn", "zones", _, _] => true,
        ["sdn", "zones", _, _, tag] => is_number(tag, 1..=4),
        ["vms", vmid] => is_number(vmid, 3..=9),
        _ => false,
    }
}

/// Splits a list as Proxmox VE does: at commas, semicolons, blanks and zero bytes.
pub fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| matches!(sign, ',' | ';' | '\0') || sign.is_whitespace()).filter(|word| !word.is_empty())
}

fn is_number(word: &str, digits: std::ops::RangeInclusive<usize>) -> bool {
    digits.contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_digit()) && !word.starts_with('0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn the_one_form_of_a_path_is_its_own_one_form(path in "[/a-z0-9.-]{0,20}") {
            if let Some(normal) = normal_path(&path) {
                prop_assert_eq!(normal_path(&normal), Some(normal));
            }
        }

        #[test]
        fn a_token_id_is_its_owner_and_its_name(id in any::<String>()) {
            if let Some((user, name)) = split_token(&id) {
                prop_assert_eq!(format!("{user}!{name}"), id.clone());
                prop_assert!(split_user(user).is_some());
                prop_assert_eq!(owner(&id), user);
            }
        }
    }

    #[test]
    fn users_and_tokens_are_split_where_proxmox_splits_them() {
        assert_eq!(split_user("apex@pve"), Some(("apex", "pve")));
        assert_eq!(split_user("a@b@pve"), Some(("a@b", "pve")));
        assert_eq!(split_user("\"apex@pve"), Some(("\"apex", "pve")));
        for wrong in ["apex", "apex@", "@pve", "apex@p", "apex@1pve", "a b@pve", "a:b@pve", "a/b@pve"] {
            assert_eq!(split_user(wrong), None, "{wrong}");
        }
        assert_eq!(split_token("apex@pve!tt"), Some(("apex@pve", "tt")));
        for wrong in ["apex@pve", "apex@pve!t", "apex@pve!1tt", "apex!tt", "apex@pve!t t"] {
            assert_eq!(split_token(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn paths_have_one_form() {
        let table = [
            ("/vms/100", Some("/vms/100")),
            ("vms//100/", Some("/vms/100")),
            ("/", Some("/")),
            ("//", Some("/")),
            ("", None),
            ("/vms/a b", None),
        ];
        for (path, normal) in table {
            assert_eq!(normal_path(path).as_deref(), normal, "{path}");
        }
    }

    #[test]
    fn entries_stand_only_at_paths_that_exist() {
        for path in ["/", "/vms", "/vms/100", "/pool/a/b/c", "/sdn/zones/localnetwork/vmbr0/100", "/nodes/pve"] {
            assert!(may_have_entries(path), "{path}");
        }
        for path in ["/bogus", "/vms/99", "/vms/0100", "/pool/a/b/c/d", "/sdn/zones/a/b/c", "/nodes/pve/qemu"] {
            assert!(!may_have_entries(path), "{path}");
        }
    }
}
