//! Pastes from every place where a secret is copied.

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::Pasted;
use crate::model::Secret;
use crate::model::token_secret::BadSecret;

const UUID: &str = "a1b2c3d4-1234-5678-9abc-def012345678";
const OTHER: &str = "00000000-1111-2222-3333-444444444444";

fn read(text: &str) -> Result<Pasted, BadSecret> {
    Pasted::read(&Secret::new(text.to_owned()))
}

/// Returns what was found as `user, name`, and checks that the secret is the one above.
fn found(text: &str) -> (Option<String>, Option<String>) {
    let pasted = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    assert_eq!(pasted.secret.expose(), UUID, "{text}");
    (pasted.user.map(|user| user.to_string()), pasted.name.map(|name| name.to_string()))
}

#[test]
fn a_secret_alone_is_found_in_every_dress() {
    for text in [
        UUID.to_owned(),
        format!("  {UUID}\r\n"),
        format!("\"{UUID}\""),
        format!("' {UUID} '"),
        UUID.to_uppercase(),
        format!("Secret: {UUID}"),
        format!("PROXMOX_TOKEN_VALUE={UUID}"),
        format!("export PROXMOX_TOKEN_VALUE='{UUID}' # mine"),
        format!("{UUID}\n{UUID}"),
    ] {
        assert_eq!(found(&text), (None, None), "{text}");
    }
}

#[test]
fn what_programs_put_in_on_its_way_is_passed_over() {
    let hyphens = |hyphen: char| UUID.replace('-', &hyphen.to_string());
    for text in [
        format!("\u{feff}{UUID}"),
        format!("\u{200b}{UUID}\u{200b}"),
        format!("{}\u{200d}{}", &UUID[..10], &UUID[10..]),
        format!("\u{201c}{UUID}\u{201d}"),
        format!("\u{201e}{UUID}\u{201c}"),
        format!("\u{2018}{UUID}\u{2019}"),
        format!("\u{ab}\u{a0}{UUID}\u{a0}\u{bb}"),
        format!("\u{202a}{UUID}\u{202c}"),
        hyphens('\u{2010}'),
        hyphens('\u{2011}'),
        hyphens('\u{2013}'),
        hyphens('\u{2212}'),
        UUID.replace('-', "-\u{ad}"),
        format!("{UUID}\u{2028}"),
    ] {
        assert_eq!(found(&text), (None, None), "{text:?}");
    }
    let with_id = format!("\u{201c}o\u{2019}brien@pve!tt={UUID}\u{201d}");
    assert_eq!(found(&with_id), (Some("o\u{2019}brien@pve".to_owned()), Some("tt".to_owned())));
}

#[test]
fn a_secret_that_is_broken_over_lines_is_joined() {
    let whole = format!("apex@pve!tt={UUID}");
    for place in 1..UUID.len() {
        let (first, rest) = UUID.split_at(place);
        for between in ["\n", "\r\n", " \n  ", "\n\n", "\\\n"] {
            assert_eq!(found(&format!("{first}{between}{rest}\n")), (None, None), "{place}");
        }
        let id = (Some("apex@pve".to_owned()), Some("tt".to_owned()));
        assert_eq!(found(&format!("apex@pve!tt={first}\n{rest}")), id, "{place}");
        let file = format!(
            "PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={first}\n{rest}\nPROXMOX_NODE=pve\n"
        );
        assert_eq!(found(&file), id, "{place}");
    }
    for place in 1..whole.len() {
        let (first, rest) = whole.split_at(place);
        assert_eq!(read(&format!("{first}\n{rest}")).unwrap().secret.expose(), UUID, "{place}");
    }
    let three = format!("{}\n{}\n{}", &UUID[..10], &UUID[10..20], &UUID[20..]);
    assert_eq!(found(&three), (None, None));
    // Two halves that belong to nothing are no secret.
    for text in [format!("{}\nwords\n{}", &UUID[..20], &UUID[20..]), format!("{}\n{}", &UUID[..20], &UUID[21..])] {
        assert!(read(&text).is_err(), "{text}");
    }
}

#[test]
fn whose_token_it_is_is_found_beside_it() {
    let table = format!(
        "┌──────────────┬──────────────────────────────────────┐\n│ key          │ value                                │\n\
         ╞══════════════╪══════════════════════════════════════╡\n│ full-tokenid │ apex@pve!tt                          │\n\
         ├──────────────┼──────────────────────────────────────┤\n│ info         │ {{\"privsep\":\"0\"}}                      │\n\
         ├──────────────┼──────────────────────────────────────┤\n│ value        │ {UUID} │\n\
         └──────────────┴──────────────────────────────────────┘\n"
    );
    for text in [
        format!("apex@pve!tt={UUID}"),
        format!("PVEAPIToken=apex@pve!tt={UUID}"),
        format!("Authorization: PVEAPIToken=apex@pve!tt={UUID}\n"),
        format!(
            "curl -k -H \"Authorization: PVEAPIToken=apex@pve!tt={UUID}\" \\\n  https://pve.lan:8006/api2/json/version"
        ),
        format!("-H 'Authorization: PVEAPIToken=apex@pve!tt={UUID}'"),
        table.clone(),
        table.replace('│', "|").replace(['┌', '─', '┬', '┐', '╞', '═', '╪', '╡', '├', '┼', '┤', '└', '┴', '┘'], "-"),
        format!("{{\"full-tokenid\":\"apex@pve!tt\",\"info\":{{\"privsep\":\"0\"}},\"value\":\"{UUID}\"}}"),
        format!("{{\"data\":{{\"value\":\"{UUID}\",\"full-tokenid\":\"apex@pve!tt\"}}}}"),
        format!("Token ID: apex@pve!tt\n\nSecret:\n{UUID}\n"),
        format!("PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={UUID}\n"),
        format!("# x\r\nexport PROXMOX_USER=\"apex@pve\"\r\nPROXMOX_TOKEN_NAME='tt'\r\nPROXMOX_TOKEN_VALUE={UUID}\r\n"),
        format!("PROXMOX_TOKEN_NAME=apex@pve!tt\nPROXMOX_TOKEN_VALUE={UUID}"),
        format!(
            "PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE_02={OTHER}\nPROXMOX_TOKEN_VALUE={UUID}"
        ),
        format!("PM_API_TOKEN_ID=apex@pve!tt\nPM_API_TOKEN_SECRET={UUID}"),
        format!("PROXMOX_VE_API_TOKEN=apex@pve!tt={UUID}"),
    ] {
        assert_eq!(found(&text), (Some("apex@pve".to_owned()), Some("tt".to_owned())), "{text}");
    }
}

#[test]
fn a_user_may_have_every_character_that_proxmox_allows() {
    for user in [
        "o'brien@corp.example@ad",
        "'s-gravesande@pve",
        "d'arc'@pve",
        "o`neil@pve",
        "foo!bar@pve",
        "a;b@pve",
        "a,b@pve",
        "a|b@pve",
        "(a)b[c]{d}@pve",
        "a+b#c%d$e&f@pve",
        "j\u{fc}rgen@pve",
        "say\"hi\"@pve",
        "a=b@pve",
    ] {
        let id = format!("{user}!tt");
        let expected = (Some(user.to_owned()), Some("tt".to_owned()));
        for text in [
            format!("{id}={UUID}"),
            format!("PVEAPIToken={id}={UUID}"),
            format!("Authorization: PVEAPIToken={id}={UUID}"),
            format!("│ full-tokenid │ {id} │\n│ value │ {UUID} │"),
            format!("PROXMOX_TOKEN_NAME={id}\nPROXMOX_TOKEN_VALUE={UUID}"),
        ] {
            // What a name of a variable looks like is taken for one.
            let is_ambiguous = user.contains('=');
            assert!(is_ambiguous || found(&text) == expected, "{text}: {:?}", found(&text));
        }
        for quote in ['\'', '"'] {
            let is_inside = user.contains(quote);
            for text in [
                format!("-H {quote}Authorization: PVEAPIToken={id}={UUID}{quote}"),
                format!("{quote}{id}={UUID}{quote}"),
            ] {
                let is_ambiguous =
                    user.contains('=') || (is_inside && !user.starts_with('o') && !user.starts_with('d'));
                assert!(is_ambiguous || found(&text) == expected, "{text}: {:?}", found(&text));
            }
        }
    }
}

#[test]
fn what_is_no_secret_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", BadSecret::Empty),
        ("abc123", BadSecret::TooShort { length: 6 }),
        ("apex@pve!tt", BadSecret::IsTokenId),
        ("apex@pve!tt=", BadSecret::Empty),
        ("apex@pve!tt=a1b2c3d4-1234-5678-9abc-def01234567", BadSecret::TooShort { length: 35 }),
        (
            "curl -H 'x: PVEAPIToken=a@pve!tt=a1b2c3d4-1234-5678-9abc-def0123456789' x",
            BadSecret::TooLong { length: 37 },
        ),
        (
            "PROXMOX_TOKEN_VALUE=a1b2c3d4-1234-5678-9abc-def01234567g",
            BadSecret::Character { position: 36, length: 36, found: 'g' },
        ),
        ("a1b2c3d4123456789abcdef012345678", BadSecret::NoHyphens),
        ("{a1b2c3d4-1234-5678-9abc-def012345678}", BadSecret::Wrapped),
        ("urn:uuid:a1b2c3d4-1234-5678-9abc-def012345678", BadSecret::Wrapped),
        ("mysecretpassword", BadSecret::Password),
        ("p=ssw=rd", BadSecret::Password),
        ("PROXMOX_TOKEN_VALUE=xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", BadSecret::Placeholder),
        ("apex@pve!tt=<secret>", BadSecret::Placeholder),
        ("op://vault/a1b2c3d4-1234-5678-9abc-def012345678/token", BadSecret::Reference),
        ("PROXMOX_TOKEN_VALUE=${TOKEN}", BadSecret::Reference),
        ("one\ntwo\nthree", BadSecret::NotFound { lines: 3 }),
        ("a1b2c3d4-1234-5678-9abc-def012345678\n00000000-1111-2222-3333-444444444444", BadSecret::Several),
    ] {
        assert_eq!(read(text), Err(reason), "{text}");
    }
}

proptest! {
    #[test]
    fn any_paste_is_read_or_refused_without_being_shown(text in "(?s).{0,200}") {
        if let Err(reason) = read(&text) {
            prop_assert!(text.trim().len() < 8 || !reason.to_string().contains(text.trim()));
        }
    }

    #[test]
    fn a_secret_among_words_is_found(before in "[ a-z:=]{0,20}", bytes: [u8; 16], after in "[ \n][a-z ]{0,20}") {
        let uuid = uuid::Uuid::from_bytes(bytes).to_string();
        let pasted = read(&format!("{before} {uuid}{after}"));
        prop_assert_eq!(pasted.map(|it| it.secret.expose().to_owned()), Ok(uuid));
    }
}
