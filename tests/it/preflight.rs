//! The lines that the preflight prints close the gap, and take nothing from anybody.

use std::collections::BTreeMap;

use glassdome::model::{TokenId, UserId};
use glassdome::pve::privileges::{
    AclPath, Answer, Block, Caller, CloneOrder, Gap, Hardware, Holdings, Place, Remedy, Separation, UserSeen, Zones,
    gaps, mend, needs, paths, questions,
};
use glassdome::sandbox::access::{Access, Pool, Release};
use proptest::prelude::{Just, Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

use crate::support::acl_model::{Entry, Privileges, World};
use crate::support::front::{Front, call};
use crate::support::pveum::{Answers, Stub, run_on};
use crate::support::{shared, skipped};

const SUBJECTS: [&str; 6] = ["u@pve", "u@pve!sep", "u@pve!full", "v@pve", "v@pve!sep", "group:g"];

/// Where entries are made.
const PATHS: [&str; 16] = [
    "/",
    "/vms",
    "/vms/9000",
    "/vms/101",
    "/vms/105",
    "/storage",
    "/storage/local",
    "/storage/fast",
    "/pool",
    "/pool/lab",
    "/sdn",
    "/sdn/zones",
    "/sdn/zones/localnetwork",
    "/sdn/zones/localnetwork/vmbr0",
    "/sdn/zones/localnetwork/vmbr0/100",
    "/sdn/zones/localnetwork/vmbr1",
];

/// Where nobody has an entry, and rights come from above.
const OTHER_PATHS: [&str; 7] = [
    "/vms/777",
    "/storage/other",
    "/pool/other",
    "/nodes/pve",
    "/sdn/zones/localnetwork/vmbr0/200",
    "/sdn/zones/localnetwork/vmbr1/5",
    "/sdn/zones/localnetwork/vmbr2/5",
];

const ROLES: [(&str, &str); 11] = [
    (
        "All",
        "VM.Clone,VM.Audit,VM.Allocate,VM.PowerMgmt,VM.Config.Options,Datastore.AllocateSpace,Datastore.Audit,SDN.Use,SDN.Audit,Sys.Audit",
    ),
    ("Guest", "VM.Allocate,VM.Audit,VM.PowerMgmt"),
    ("Options", "VM.Config.Options"),
    ("Disk", "VM.Config.Disk,VM.Migrate"),
    ("Space", "Datastore.AllocateSpace,SDN.Use"),
    ("Pools", "Pool.Audit"),
    ("PVETemplateUser", "VM.Audit,VM.Clone"),
    ("PVEDatastoreUser", "Datastore.AllocateSpace,Datastore.Audit"),
    ("PVESDNUser", "SDN.Audit,SDN.Use"),
    ("PVEAuditor", "Datastore.Audit,Mapping.Audit,Pool.Audit,SDN.Audit,Sys.Audit,VM.Audit,VM.GuestAgent.Audit"),
    ("NoAccess", ""),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// Nothing of the user can be seen.
    Hidden,
    /// Everything can be seen.
    Seen,
}

fn entry(roles: usize) -> impl Strategy<Value = (usize, usize, usize, bool)> {
    (0..PATHS.len(), 0..SUBJECTS.len(), 0..roles, prop_oneof![3 => Just(true), 1 => Just(false)])
}

fn world(entries: &[(usize, usize, usize, bool)]) -> World {
    let mut world = World {
        groups: BTreeMap::from([
            ("u@pve".to_owned(), vec!["g".to_owned()]),
            ("v@pve".to_owned(), vec!["g".to_owned()]),
        ]),
        tokens: [("u@pve!sep", true), ("u@pve!full", false), ("v@pve!sep", true)]
            .map(|(id, it)| (id.to_owned(), it))
            .into(),
        pools: BTreeMap::from([("/pool/lab".to_owned(), vec!["/vms/101".to_owned(), "/storage/fast".to_owned()])]),
        ..World::default()
    };
    for (role, privileges) in ROLES {
        let privileges = privileges.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        world.roles.insert(role.to_owned(), privileges);
    }
    for (path, subject, role, propagates) in entries.iter().copied() {
        let (path, subject, role) = (PATHS[path].to_owned(), SUBJECTS[subject].to_owned(), ROLES[role].0.to_owned());
        // The server keeps one entry for each path, subject and role.
        world.entries.retain(|it| (&it.path, &it.subject, &it.role) != (&path, &subject, &role));
        world.entries.push(Entry { path, subject, role, propagates });
    }
    world
}

/// What every user and token holds everywhere.
fn everything(world: &World) -> BTreeMap<(&'static str, &'static str), Privileges> {
    let subjects = SUBJECTS.into_iter().filter(|it| !it.starts_with("group:"));
    subjects
        .flat_map(|subject| PATHS.into_iter().chain(OTHER_PATHS).map(move |path| (subject, path)))
        .map(|(subject, path)| ((subject, path), world.holds(subject, path)))
        .collect()
}

fn ask(world: &World, subject: &str, holdings: &mut Holdings, paths: impl IntoIterator<Item = AclPath>) {
    for path in paths {
        let answer = Answer::from([(path.to_string(), world.permissions(subject, path.as_str()))]);
        holdings.answer(&path, &answer).unwrap();
    }
}

/// The order as a command would know it: the hardware only where the template can be read.
fn order(world: &World, subject: &str, in_pool: bool) -> CloneOrder {
    let config = [
        ("scsi0", "local:9000/base-9000-disk-0.qcow2,size=1G"),
        ("net0", "virtio,bridge=vmbr0"),
        ("net1", "virtio,bridge=vmbr0,tag=100"),
        ("protection", "1"),
    ];
    let is_readable = world.holds(subject, "/vms/9000").contains("VM.Audit");
    CloneOrder {
        major: 9,
        template: "9000".parse().unwrap(),
        new: "105".parse().unwrap(),
        pool: in_pool.then(|| "lab".parse().unwrap()),
        storage: None,
        hardware: is_readable.then(|| Hardware::of(config, &Zones::new()).unwrap()),
        start: true,
        links_down: false,
        wait_ip: false,
    }
}

fn lacks(world: &World, subject: &str, in_pool: bool) -> (Vec<Gap>, Holdings) {
    let needs = needs(&order(world, subject, in_pool));
    let mut held = Holdings::default();
    ask(world, subject, &mut held, paths(&needs));
    (gaps(&needs, &held), held)
}

fn blocks(world: &World, subject: &str, view: View, in_pool: bool) -> Vec<Block> {
    let (gaps, mut held) = lacks(world, subject, in_pool);
    held.answer_everywhere(&world.everywhere(subject)).unwrap();
    let questions = questions(&gaps, &held);
    ask(world, subject, &mut held, questions.clone());
    let caller = match subject.parse::<TokenId>() {
        Err(_) => Caller::User(subject.parse::<UserId>().unwrap()),
        Ok(token) => {
            let seen = (view == View::Seen).then(|| {
                let mut holds = Holdings::default();
                ask(world, &token.user.to_string(), &mut holds, questions);
                let separation = if world.tokens[subject] { Separation::On } else { Separation::Off };
                UserSeen { holds, separation }
            });
            Caller::Token(token, seen)
        }
    };
    mend(&caller, &gaps, &held).unwrap()
}

/// Runs the lines of one way out, and sees after each of them that nobody has lost anything.
fn run(world: &mut World, blocks: &[Block], instead: Remedy) -> Result<(), TestCaseError> {
    let other = if instead == Remedy::Unseparate { Remedy::GrantToken } else { Remedy::Unseparate };
    for line in blocks.iter().filter(|block| block.remedy != other).flat_map(|block| &block.lines) {
        let before = everything(world);
        world.run(line);
        let after = everything(world);
        for (place, held) in &before {
            prop_assert!(held.is_subset(&after[place]), "{place:?} lost {:?} by {line}", held - &after[place]);
        }
    }
    Ok(())
}

/// How many worlds are tried: `PROPTEST_CASES` of them, or as many as take some seconds.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(cases()))]

    #[test]
    fn no_line_takes_a_right_from_anybody(
        entries in proptest::collection::vec(entry(ROLES.len()), 0..14),
        subject in 0_usize..3, seen: bool, in_pool: bool, unseparate: bool,
    ) {
        let mut world = world(&entries);
        let view = if seen { View::Seen } else { View::Hidden };
        let blocks = blocks(&world, SUBJECTS[subject], view, in_pool);
        run(&mut world, &blocks, if unseparate { Remedy::Unseparate } else { Remedy::GrantToken })?;
    }

    #[test]
    fn the_lines_close_the_gap(
        // Without NoAccess, which beats every grant on its path.
        entries in proptest::collection::vec(entry(ROLES.len() - 1), 0..14),
        subject in 0_usize..3, seen: bool, in_pool: bool, unseparate: bool, leftover: bool,
    ) {
        let mut world = world(&entries);
        // An entry on the ID of a VM that does not exist yet; the user's cannot be seen without a log-in.
        let leftover = leftover && seen;
        if !leftover {
            world.entries.retain(|it| it.path != "/vms/105");
        }
        let (subject, view) = (SUBJECTS[subject], if seen { View::Seen } else { View::Hidden });
        let way = if unseparate { Remedy::Unseparate } else { Remedy::GrantToken };
        // Once the template can be read, its protection and its own storages and bridges come to light; the entry that
        // is left over shows only as the difference to what was granted.
        for _ in 0..if leftover { 4 } else { 2 } {
            let blocks = blocks(&world, subject, view, in_pool);
            run(&mut world, &blocks, way)?;
        }
        let (gaps, _) = lacks(&world, subject, in_pool);
        prop_assert!(gaps.is_empty(), "{gaps:?}");
        // The VM is in its pool as soon as it exists, and everything that the proof does to it is allowed.
        if in_pool {
            world.pools.get_mut("/pool/lab").unwrap().push("/vms/105".to_owned());
        }
        let held = world.holds(subject, "/vms/105");
        for privilege in ["VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.Options"] {
            prop_assert!(held.contains(privilege), "{held:?}");
        }
    }
}

#[test]
fn the_model_agrees_with_a_real_server() {
    let Some(path) = shared("pve/acl-cases.json") else {
        return;
    };
    let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut compared = 0;
    for case in cases["cases"].as_array().unwrap() {
        let mut world = World {
            groups: BTreeMap::from([("rvu@pve".to_owned(), vec!["rvg".to_owned()])]),
            tokens: BTreeMap::from([("rvu@pve!sep".to_owned(), true), ("rvu@pve!full".to_owned(), false)]),
            pools: BTreeMap::from([("/pool/rvpool".to_owned(), vec!["/vms/102".to_owned()])]),
            ..World::default()
        };
        for (role, privileges) in cases["roles"].as_object().unwrap() {
            let privileges = text(privileges).split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
            world.roles.insert(role.clone(), privileges);
        }
        for entry in case["acl"].as_array().unwrap() {
            let is_group = entry["type"] == "group";
            world.entries.push(Entry {
                path: text(&entry["path"]),
                subject: format!("{}{}", if is_group { "group:" } else { "" }, text(&entry["ugid"])),
                role: text(&entry["roleid"]),
                propagates: entry["propagate"] == 1,
            });
        }
        for (subject, by_path) in case["permissions"].as_object().unwrap() {
            for (path, held) in by_path.as_object().unwrap().iter().filter(|(path, _)| path.starts_with('/')) {
                let held: BTreeMap<String, bool> =
                    held.as_object().unwrap().iter().map(|(name, flag)| (name.clone(), *flag == 1)).collect();
                assert_eq!(world.permissions(subject, path), held, "{subject} on {path}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 40 * 3 * 7);
}

/// The lines for a user of whom nothing is held on the template, nor can be seen.
fn lines_for(user: &str) -> Vec<String> {
    let place = Place::At("/vms/9000".parse().unwrap());
    let missing = ["VM.Audit", "VM.Clone"].map(|name| name.parse().unwrap()).into();
    let gaps = [Gap { place, missing, purposes: std::collections::BTreeSet::new() }];
    let mut held = Holdings::default();
    held.answer_everywhere(&Answer::new()).unwrap();
    for path in questions(&gaps, &held) {
        held.answer(&path, &Answer::new()).unwrap();
    }
    let token: TokenId = format!("{user}!tok").parse().unwrap();
    let blocks = mend(&Caller::Token(token, None), &gaps, &held).unwrap();
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

fn fields(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The same world on the sandbox.
fn on_the_sandbox(world: &World) -> Access {
    let mut access = Access::standard(Release { major: 9, minor: 2, patch: 11 });
    let mut as_root = |method: &str, path: &str, params: &[(&str, &str)]| {
        call(&mut access, "root@pam", method, path, fields(params)).unwrap();
    };
    as_root("POST", "/access/groups", &[("groupid", "g")]);
    for user in ["u@pve", "v@pve"] {
        as_root("POST", "/access/users", &[("userid", user), ("groups", "g")]);
    }
    for (token, separated) in &world.tokens {
        let (user, name) = token.split_once('!').unwrap();
        let privsep = if *separated { "1" } else { "0" };
        as_root("POST", &format!("/access/users/{user}/token/{name}"), &[("privsep", privsep)]);
    }
    for (role, privileges) in ROLES.into_iter().filter(|(role, _)| !role.starts_with("PVE") && *role != "NoAccess") {
        as_root("POST", "/access/roles", &[("roleid", role), ("privs", privileges)]);
    }
    for entry in &world.entries {
        let (holder, name) = match entry.subject.strip_prefix("group:") {
            Some(group) => ("groups", group),
            None if entry.subject.contains('!') => ("tokens", entry.subject.as_str()),
            None => ("users", entry.subject.as_str()),
        };
        let flag = if entry.propagates { "1" } else { "0" };
        let entry = [("path", entry.path.as_str()), ("roles", &entry.role), (holder, name), ("propagate", flag)];
        as_root("PUT", "/access/acl", &entry);
    }
    let members = Pool { vms: [101].into(), storages: ["fast".to_owned()].into(), ..Pool::default() };
    access.pools.insert("lab".to_owned(), members);
    access
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(cases()))]

    #[test]
    fn the_sandbox_and_the_model_decide_alike(entries in proptest::collection::vec(entry(ROLES.len()), 0..14)) {
        let world = world(&entries);
        let access = on_the_sandbox(&world);
        for subject in SUBJECTS.into_iter().filter(|it| !it.starts_with("group:")) {
            for path in PATHS.into_iter().chain(OTHER_PATHS) {
                let held: BTreeMap<String, bool> = access.effective(subject, path).into_iter().collect();
                prop_assert_eq!(held, world.permissions(subject, path), "{} on {}", subject, path);
            }
        }
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

#[test]
fn printed_lines_run_in_a_shell_close_the_gap_on_the_sandbox() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        return skipped("python3 is missing");
    }
    let index = |list: &[&str], item: &str| list.iter().position(|it| *it == item).unwrap();
    let roles = ROLES.map(|(role, _)| role);
    for (subject, view, in_pool, way, entries) in [
        ("u@pve!sep", View::Hidden, false, Remedy::GrantToken, &[("/", "group:g", "All", true)][..]),
        ("u@pve!sep", View::Hidden, false, Remedy::Unseparate, &[("/", "u@pve", "All", true)]),
        (
            "u@pve!sep",
            View::Hidden,
            true,
            Remedy::GrantToken,
            &[
                ("/pool", "u@pve!sep", "PVETemplateUser", true),
                ("/vms", "group:g", "All", true),
                ("/vms", "u@pve", "Disk", false),
            ],
        ),
        (
            "u@pve!full",
            View::Seen,
            false,
            Remedy::GrantToken,
            &[("/vms", "group:g", "Disk", true), ("/", "u@pve", "Pools", true)],
        ),
        ("u@pve", View::Seen, true, Remedy::GrantToken, &[("/storage", "u@pve", "PVEAuditor", true)]),
    ] {
        let entries: Vec<_> = entries
            .iter()
            .map(|(path, who, role, flag)| (index(&PATHS, path), index(&SUBJECTS, who), index(&roles, role), *flag))
            .collect();
        let mut world = world(&entries);
        let front = Front::start(on_the_sandbox(&world));
        let other = if way == Remedy::Unseparate { Remedy::GrantToken } else { Remedy::Unseparate };
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
}
