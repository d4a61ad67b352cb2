//! The script for root, run by a real shell.

use std::collections::BTreeMap;

use glassdome::model::TokenId;
use glassdome::pve::privileges::{Caller, GrantScript, MissingPrivileges, Permissions, RequirementPath};
use glassdome::sandbox::auth::Access;

use crate::support::acl_model::{Privileges, World};
use crate::support::pveum::{Stub, run_on};
use crate::support::skip;
use crate::support::tcp_proxy::PlainServer;
use crate::support::worlds::{OTHER_PATHS, PATHS, ROLES, SUBJECTS, lines, missing, on_the_sandbox, script, world};

/// The lines for a token that lacks the template.
fn lines_for(user: &str) -> Vec<String> {
    let place = RequirementPath::At("/vms/9000".parse().unwrap());
    let missing = ["VM.Audit", "VM.Clone"].map(|name| name.parse().unwrap()).into();
    let gaps = [MissingPrivileges { path: place, missing, purposes: std::collections::BTreeSet::new() }];
    let token: TokenId = format!("{user}!tok").parse().unwrap();
    let caller = Caller::Token(token, None);
    let script = GrantScript::new(&caller, "9000".parse().unwrap(), &gaps, &Permissions::default());
    script.blocks.into_iter().flat_map(|block| block.lines).collect()
}

#[test]
fn no_name_becomes_a_command() {
    if skip::lacks(&["perl"]) {
        return;
    }
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
        "{\"}[x]@pve",
    ] {
        let mut world = world(&[]);
        world.tokens.insert(format!("{user}!tok"), true);
        let stub = Stub::new(&world);
        let lines = lines_for(user);
        let calls: Vec<_> = lines.iter().flat_map(|line| stub.run(line)).collect();
        let subjects: Vec<&str> = calls.iter().filter(|call| call[0] == "acl").map(|call| call[4].as_str()).collect();
        assert_eq!(subjects, [user, &format!("{user}!tok")], "{lines:#?}");
        assert_eq!(stub.left_behind(), Vec::<std::path::PathBuf>::new(), "{user}");
    }
}

#[test]
fn a_name_that_pveum_cannot_tell_from_others_gets_no_command() {
    for user in ["x@pve,root@pam", "x@pve;root@pam", "jörg@pve"] {
        assert_eq!(lines_for(user), Vec::<String>::new(), "{user}");
    }
}

/// An entry by names: path, subject, role, and whether it propagates.
type Named = (&'static str, &'static str, &'static str, bool);

fn world_of(entries: &[Named]) -> World {
    let index = |list: &[&str], item: &str| list.iter().position(|it| *it == item).unwrap();
    let roles = ROLES.map(|(role, _)| role);
    let entries: Vec<_> = entries
        .iter()
        .map(|(path, who, role, flag)| (index(&PATHS, path), index(&SUBJECTS, who), index(&roles, role), *flag))
        .collect();
    world(&entries)
}

#[test]
fn inherited_roles_are_granted_beside_the_new_one() {
    if skip::lacks(&["perl"]) {
        return;
    }
    let user = "acl_modify /vms --users u@pve --roles PVETemplateUser --propagate 1";
    let token = "acl_modify /vms --tokens u@pve!sep --roles PVETemplateUser --propagate 1";
    let here = "acl_modify /vms/9000 --users u@pve --roles PVETemplateUser --propagate 0";
    for (what, line, entries, expected) in [
        ("nothing there", user, &[][..], &["/vms PVETemplateUser 1"][..]),
        ("inherited", user, &[("/", "u@pve", "Guest", true)], &["/vms Guest,PVETemplateUser 1"]),
        ("of a group", user, &[("/vms", "group:g", "Guest", true)], &["/vms Guest,PVETemplateUser 1"]),
        (
            "own ones hide a group's",
            user,
            &[("/", "u@pve", "Guest", true), ("/", "group:g", "Disk", true)],
            &["/vms Guest,PVETemplateUser 1"],
        ),
        (
            "what stops on the path",
            user,
            &[("/vms", "group:g", "Guest", false), ("/", "u@pve", "Disk", true)],
            &["/vms Guest 0", "/vms Disk,PVETemplateUser 1"],
        ),
        ("own on the path", user, &[("/vms", "u@pve", "Guest", true)], &["/vms PVETemplateUser 1"]),
        ("held already", user, &[("/", "group:g", "All", true)], &[]),
        ("NoAccess denies", user, &[("/", "u@pve", "NoAccess", true)], &[]),
        ("groups of a token's user", token, &[("/vms", "group:g", "Guest", true)], &["/vms PVETemplateUser 1"]),
        ("of the token", token, &[("/", "u@pve!sep", "Guest", true)], &["/vms Guest,PVETemplateUser 1"]),
        ("one path", here, &[("/", "u@pve", "Guest", true)], &["/vms/9000 Guest,PVETemplateUser 0"]),
        ("no privilege separation", &token.replace("!sep", "!full"), &[], &[]),
        ("no such token", &token.replace("!sep", "!none"), &[], &[]),
        ("no such role", &user.replace("PVETemplateUser", "Lost"), &[], &[]),
    ] {
        let calls = Stub::new(&world_of(entries)).run(line);
        let changes: Vec<String> = calls.iter().map(|call| format!("{} {} {}", call[2], call[6], call[8])).collect();
        assert_eq!(changes, expected, "{what}");
    }
}

/// What everybody holds on the sandbox.
fn everything_on(access: &Access) -> BTreeMap<(&'static str, &'static str), Privileges> {
    let subjects = SUBJECTS.into_iter().filter(|it| !it.starts_with("group:"));
    subjects
        .flat_map(|subject| PATHS.into_iter().chain(OTHER_PATHS).map(move |path| (subject, path)))
        .map(|(subject, path)| ((subject, path), access.effective(subject, path).into_keys().collect()))
        .collect()
}

fn script_closes_the_gap(subject: &str, in_pool: bool, entries: &[Named]) {
    if skip::lacks(&["perl", "python3"]) {
        return;
    }
    let mut world = world_of(entries);
    let front = PlainServer::start(on_the_sandbox(&world));
    // The second time the template can be read, and what it needs is known.
    for _ in 0..2 {
        let before = everything_on(&front.access.lock().unwrap());
        let script = script(&world, subject, in_pool).to_string();
        let output = run_on(&front.url, "sandbox", &script);
        assert!(output.status.success(), "{script}: {output:?}");
        for line in lines(&world, subject, in_pool) {
            world.run(&line);
        }
        let after = everything_on(&front.access.lock().unwrap());
        for (place, held) in &before {
            assert!(held.is_subset(&after[place]), "{place:?} lost {:?}", held - &after[place]);
            assert_eq!(after[place], world.holds(place.0, place.1), "{place:?}");
        }
    }
    assert_eq!(missing(&world, subject, in_pool).0, [], "{subject}");
}

#[test]
fn an_administrator_by_group_stays_one_when_its_token_is_granted() {
    script_closes_the_gap("u@pve!sep", false, &[("/", "group:g", "All", true)]);
}

#[test]
fn members_of_a_pool_keep_what_the_pool_gave_them() {
    let entries = [
        ("/pool", "u@pve!sep", "PVETemplateUser", true),
        ("/vms", "group:g", "All", true),
        ("/vms", "u@pve", "Disk", false),
    ];
    script_closes_the_gap("u@pve!sep", true, &entries);
}

#[test]
fn a_user_keeps_what_its_group_gave_it() {
    script_closes_the_gap("u@pve!full", false, &[("/vms", "group:g", "Disk", true), ("/", "u@pve", "Pools", true)]);
    script_closes_the_gap("u@pve", true, &[("/storage", "u@pve", "PVEAuditor", true)]);
}
