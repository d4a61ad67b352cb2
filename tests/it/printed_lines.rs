//! The lines that we print, run by a real shell.

use std::collections::BTreeMap;

use glassdome::model::TokenId;
use glassdome::pve::privileges::{
    Caller, FixKind, MissingPrivileges, Permissions, PermissionsAt, RequirementPath, fix_scripts, questions,
};
use glassdome::sandbox::auth::Access;

use crate::support::acl_model::Privileges;
use crate::support::pveum::{Answers, Stub, run_on};
use crate::support::skip;
use crate::support::tcp_proxy::Front;
use crate::support::worlds::{OTHER_PATHS, PATHS, ROLES, SUBJECTS, View, blocks, lacks, on_the_sandbox, world};

/// The lines for a user of whom nothing is held on the template, nor can be seen.
fn lines_for(user: &str) -> Vec<String> {
    let place = RequirementPath::At("/vms/9000".parse().unwrap());
    let missing = ["VM.Audit", "VM.Clone"].map(|name| name.parse().unwrap()).into();
    let gaps = [MissingPrivileges { place, missing, purposes: std::collections::BTreeSet::new() }];
    let mut held = Permissions::default();
    held.answer_everywhere(&PermissionsAt::new());
    for path in questions(&gaps, &held) {
        held.answer(&path, &PermissionsAt::new());
    }
    let token: TokenId = format!("{user}!tok").parse().unwrap();
    let blocks = fix_scripts(&Caller::Token(token, None), &gaps, &held).unwrap();
    blocks.into_iter().flat_map(|block| block.lines).collect()
}

fn role_of(call: &[String]) -> &str {
    let at = call.iter().position(|word| word == "--roles").unwrap();
    &call[at + 1]
}

#[test]
fn no_name_becomes_a_command() {
    let stub = Stub::new();
    for user in [
        "a'b@pve",
        "$(touch${IFS}x)@pve",
        "`id`@pve",
        "a\"b&c@pve",
        "a|b\\@pve",
        "*@pve",
        "!!@pve",
        "#@pve",
        "~@pve",
        "<x>y@pve",
    ] {
        let lines = lines_for(user);
        let calls: Vec<_> =
            lines.iter().flat_map(|line| stub.run(line, Answers { held: Some("{}"), roles_exist: false })).collect();
        let subjects: Vec<&str> = calls.iter().filter(|call| call[0] == "acl").map(|call| call[4].as_str()).collect();
        assert_eq!(subjects, [&format!("{user}!tok"), user], "{lines:#?}");
        assert_eq!(calls[0], ["user", "token", "modify", user, "tok", "--privsep", "0"]);
        assert_eq!(stub.left_behind(), Vec::<std::path::PathBuf>::new(), "{user}");
    }
}

#[test]
fn what_the_user_holds_is_in_its_role_before_the_entry_is_made() {
    if skip::lacks(&["grep", "tr"]) {
        return;
    }
    let stub = Stub::new();
    let line = lines_for("apex@pve").pop().unwrap();
    for (held, roles) in [
        ("{}", "VM.Audit VM.Clone "),
        (r#"{"/vms/9000":{}}"#, "VM.Audit VM.Clone "),
        (
            r#"{"/vms/9000":{"Sys.Audit":1,"VM.Config.CPU":0,"VM.Snapshot.Rollback":1}}"#,
            "VM.Audit VM.Clone Sys.Audit\nVM.Config.CPU\nVM.Snapshot.Rollback",
        ),
    ] {
        let calls = stub.run(&line, Answers { held: Some(held), roles_exist: false });
        let words: Vec<String> = calls.into_iter().flatten().collect();
        let role = role_of(&words);
        let expected = format!(
            "user\npermissions\napex@pve\n--path\n/vms/9000\n--output-format\njson\n\
             role\nmodify\n{role}\n--append\n1\n--privs\n{roles}\n\
             acl\nmodify\n/vms/9000\n--users\napex@pve\n--roles\n{role}\n--propagate\n0"
        );
        assert_eq!(words.join("\n"), expected);
    }
}

#[test]
fn without_an_answer_about_the_user_no_entry_is_made() {
    let stub = Stub::new();
    let line = lines_for("apex@pve").pop().unwrap();
    let calls = stub.run(&line, Answers { held: None, roles_exist: false });
    assert!(matches!(&calls[..], [only] if only[..2] == ["user", "permissions"]), "{calls:?}");
}

#[test]
fn a_role_of_an_earlier_run_is_completed() {
    let stub = Stub::new();
    let line = lines_for("apex@pve").into_iter().find(|line| line.starts_with("pveum role add")).unwrap();
    let calls = stub.run(&line, Answers { held: None, roles_exist: true });
    assert_eq!(calls[0][..2], ["role", "add"]);
    assert_eq!(calls[1][..2], ["role", "modify"]);
    assert_eq!(calls[1][3..], ["--append", "1", "--privs", "VM.Audit,VM.Clone"]);
    assert_eq!(stub.run(&line, Answers::default()).len(), 1);
}

/// What everybody holds on the sandbox.
fn everything_on(access: &Access) -> BTreeMap<(&'static str, &'static str), Privileges> {
    let subjects = SUBJECTS.into_iter().filter(|it| !it.starts_with("group:"));
    subjects
        .flat_map(|subject| PATHS.into_iter().chain(OTHER_PATHS).map(move |path| (subject, path)))
        .map(|(subject, path)| ((subject, path), access.effective(subject, path).into_keys().collect()))
        .collect()
}

/// An entry by names: path, subject, role, and whether it propagates.
type Named = (&'static str, &'static str, &'static str, bool);

fn lines_close_the_gap(subject: &str, view: View, in_pool: bool, way: FixKind, entries: &[Named]) {
    if skip::lacks(&["grep", "python3", "tr"]) {
        return;
    }
    let index = |list: &[&str], item: &str| list.iter().position(|it| *it == item).unwrap();
    let roles = ROLES.map(|(role, _)| role);
    let entries: Vec<_> = entries
        .iter()
        .map(|(path, who, role, flag)| (index(&PATHS, path), index(&SUBJECTS, who), index(&roles, role), *flag))
        .collect();
    let mut world = world(&entries);
    let front = Front::start(on_the_sandbox(&world));
    let other = if way == FixKind::Unseparate { FixKind::GrantToken } else { FixKind::Unseparate };
    // The second time the template can be read, and what it needs is known.
    for _ in 0..2 {
        let blocks = blocks(&world, subject, view, in_pool);
        for line in blocks.iter().filter(|block| block.remedy != other).flat_map(|block| &block.lines) {
            let before = everything_on(&front.access.lock().unwrap());
            let output = run_on(&front.url, "sandbox", line);
            assert!(output.status.success(), "{line}: {output:?}");
            world.run(line);
            let after = everything_on(&front.access.lock().unwrap());
            for (place, held) in &before {
                assert!(held.is_subset(&after[place]), "{place:?} lost {:?} by {line}", held - &after[place]);
                assert_eq!(after[place], world.holds(place.0, place.1), "{place:?} after {line}");
            }
        }
    }
    assert_eq!(lacks(&world, subject, in_pool).0, [], "{subject}");
}

#[test]
fn an_administrator_by_group_stays_one_when_its_token_is_granted() {
    let entries = [("/", "group:g", "All", true)];
    lines_close_the_gap("u@pve!sep", View::Hidden, false, FixKind::GrantToken, &entries);
}

#[test]
fn a_token_gets_the_rights_of_its_user_by_one_line() {
    lines_close_the_gap("u@pve!sep", View::Hidden, false, FixKind::Unseparate, &[("/", "u@pve", "All", true)]);
}

#[test]
fn members_of_a_pool_keep_what_the_pool_gave_them() {
    let entries = [
        ("/pool", "u@pve!sep", "PVETemplateUser", true),
        ("/vms", "group:g", "All", true),
        ("/vms", "u@pve", "Disk", false),
    ];
    lines_close_the_gap("u@pve!sep", View::Hidden, true, FixKind::GrantToken, &entries);
}

#[test]
fn a_user_that_can_be_seen_keeps_what_its_group_gave_it() {
    let entries = [("/vms", "group:g", "Disk", true), ("/", "u@pve", "Pools", true)];
    lines_close_the_gap("u@pve!full", View::Seen, false, FixKind::GrantToken, &entries);
    lines_close_the_gap("u@pve", View::Seen, true, FixKind::GrantToken, &[("/storage", "u@pve", "PVEAuditor", true)]);
}
