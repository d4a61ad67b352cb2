//! Users, names and token IDs.

use proptest::prelude::{prop_assert_eq, proptest};

use super::{InvalidToken, TokenId, TokenName, UserId};

#[test]
fn the_header_holds_a_token_as_the_server_decodes_it() {
    for (token, header) in [
        ("apex@pve!glassdome-token", Ok("apex@pve!glassdome-token")),
        ("bugö@pve!tt", Ok("bug%F6@pve!tt")),
        ("ÿÀ@pve!tt", Ok("%FF%C0@pve!tt")),
        ("50%25@pve!tt", Ok("50%2525@pve!tt")),
        ("a;b@pve!tt", Ok("a%3Bb@pve!tt")),
        ("o'brien+x#1@corp.example@AD!tt", Ok("o'brien+x#1@corp.example@AD!tt")),
        ("foo!bar@pve!tt", Ok("foo!bar@pve!tt")),
        ("zoë€@pve!tt", Err('€')),
        ("мир@pve!tt", Err('м')),
    ] {
        let token: TokenId = token.parse().unwrap_or_else(|why| panic!("{token}: {why}"));
        assert_eq!(token.header_text(), header.map(str::to_owned), "{token}");
    }
}

#[test]
fn user_ids_need_a_realm() {
    for (text, read) in [
        ("apex@pve", Ok(("apex", "pve"))),
        (" root@pam\n", Ok(("root", "pam"))),
        ("a@b.example@ad-1", Ok(("a@b.example", "ad-1"))),
        ("jürgen@pve", Ok(("jürgen", "pve"))),
        ("apex", Err(InvalidToken::NoRealm)),
        ("apex@", Err(InvalidToken::NoRealm)),
        ("apex@p", Err(InvalidToken::User)),
        ("@pve", Err(InvalidToken::User)),
        ("a b@pve", Err(InvalidToken::User)),
        ("a/b@pve", Err(InvalidToken::User)),
        ("a:b@pve", Err(InvalidToken::User)),
        ("apex@1pve", Err(InvalidToken::User)),
        ("apex@pve!tok", Err(InvalidToken::IsTokenId)),
    ] {
        let got = text.parse::<UserId>();
        assert_eq!(got.as_ref().map(|user| (user.name(), user.realm())).map_err(Clone::clone), read, "{text}");
    }
    let long = format!("{}@pve", "x".repeat(61));
    assert_eq!(long.parse::<UserId>(), Err(InvalidToken::User));
}

#[test]
fn token_names_and_ids_follow_proxmox_rules() {
    for (text, good) in [
        ("glassdome-token", true),
        ("t1", true),
        ("t", false),
        ("1t", false),
        ("a b", false),
        ("a!b", false),
        ("", false),
    ] {
        assert_eq!(text.parse::<TokenName>().is_ok(), good, "{text}");
    }
    assert_eq!(
        "apex@pve!glassdome-token".parse::<TokenId>().map(|id| id.to_string()).as_deref(),
        Ok("apex@pve!glassdome-token")
    );
    for text in ["apex@pve", "apex!tok", "!tok", "apex@pve!", ""] {
        assert!(text.parse::<TokenId>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{5,80}") {
        let _ = text.parse::<UserId>();
        let _ = text.parse::<TokenName>();
        let _ = text.parse::<TokenId>();
    }

    #[test]
    fn ids_survive_their_own_text(name in "[a-z0-9._-]{1,20}", realm in "[a-z][a-z0-9]{1,8}", token in "[A-Za-z][A-Za-z0-9._-]{1,20}") {
        let text = format!("{name}@{realm}!{token}");
        prop_assert_eq!(text.parse::<TokenId>().map(|id| id.to_string()), Ok(text));
    }
}
