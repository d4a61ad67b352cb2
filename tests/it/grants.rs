//! The grants of a new token: it has what it needs, none loses anything, or there is a reason why not.

use std::collections::BTreeMap;

use glassdome::model::{Foreign, RoleName, TokenId};
use glassdome::pve::privileges::{
    AclModel, AgentAccess, GrantRefused, GrantRequest, PlannedClone, Privileges, Separation, grants, guest, needs,
    provisioner,
};
use glassdome::pve::{AclEntry, Subject};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;
use serde_json::Value;

use crate::support::acl_model::{Entry, World as Model};
use crate::support::recorded::AclWorlds;
use crate::support::worlds::{OTHER_PATHS, PATHS, ROLES, entry, planned_clone, world};

const USER: &str = "u@pve";
const TOKEN: &str = "u@pve!new";
const SUBJECTS: [&str; 4] = [USER, "u@pve!sep", "u@pve!full", TOKEN];

fn holder(subject: &str) -> Subject {
    match subject.strip_prefix("group:") {
        Some(group) => Subject::Group(Foreign::new(group)),
        None if subject.contains('!') => Subject::Token(Foreign::new(subject)),
        None => Subject::User(Foreign::new(subject)),
    }
}

fn privileges<'a>(names: impl IntoIterator<Item = &'a String>) -> Privileges {
    names.into_iter().map(|name| name.parse().unwrap()).collect()
}

/// The same world as the program would have read it.
fn read(model: &Model) -> AclModel {
    let entries = model.entries.iter().map(|entry| AclEntry {
        path: entry.path.parse().unwrap(),
        holder: holder(&entry.subject),
        role: entry.role.parse().unwrap(),
        propagates: entry.propagates,
    });
    let of_user = model.tokens.iter().filter(|(id, _)| id.starts_with("u@pve!"));
    let separation = |separated: &bool| if *separated { Separation::On } else { Separation::Off };
    let members = model
        .pools
        .iter()
        .flat_map(|(pool, members)| members.iter().map(|it| (it.parse().unwrap(), pool.parse().unwrap())));
    AclModel {
        user: USER.parse().unwrap(),
        groups: model.groups[USER].iter().map(Foreign::new).collect(),
        tokens: of_user.map(|(id, it)| (Foreign::new(id), separation(it))).collect(),
        entries: entries.collect(),
        roles: model.roles.iter().map(|(name, held)| (name.parse().unwrap(), privileges(held))).collect(),
        members: members.collect(),
        reported: BTreeMap::new(),
    }
}

fn clone_waiting_for_address(in_pool: bool) -> PlannedClone {
    PlannedClone { wait_ip: true, ..planned_clone(in_pool) }
}

fn grant_requests(in_pool: bool) -> Vec<GrantRequest> {
    let wish = |(path, role): (&str, &str)| GrantRequest { path: path.parse().unwrap(), role: role.parse().unwrap() };
    if in_pool {
        return [
            ("/pool/lab", "GlassdomeGuest"),
            ("/vms/9000", "PVETemplateUser"),
            ("/storage/local", "PVEDatastoreUser"),
            ("/sdn/zones/localnetwork/vmbr0", "PVESDNUser"),
        ]
        .map(wish)
        .into();
    }
    ["/vms", "/storage/local", "/sdn/zones/localnetwork", "/nodes/pve"]
        .map(|path| wish((path, "GlassdomeProvisioner")))
        .into()
}

fn reported_permissions(model: &Model) -> BTreeMap<(&'static str, &'static str), std::collections::BTreeSet<String>> {
    let places = SUBJECTS.into_iter().flat_map(|who| PATHS.into_iter().chain(OTHER_PATHS).map(move |path| (who, path)));
    places.map(|(who, path)| ((who, path), model.holds(who, path))).collect()
}

/// Makes the plan and carries it out change by change.
fn carry_out(model: &mut Model, separated: bool, in_pool: bool) -> Result<Result<(), GrantRefused>, TestCaseError> {
    for (name, held) in [
        ("GlassdomeProvisioner", provisioner(9, AgentAccess::Needed)),
        ("GlassdomeGuest", guest(9, AgentAccess::Needed)),
    ] {
        model.roles.insert(name.to_owned(), held.iter().map(ToString::to_string).collect());
    }
    let separation = if separated { Separation::On } else { Separation::Off };
    let token: TokenId = TOKEN.parse().unwrap();
    let world = read(model);
    model.tokens.insert(TOKEN.to_owned(), separated);
    let plan =
        match grants(&world, &token, separation, &grant_requests(in_pool), &needs(&clone_waiting_for_address(in_pool)))
        {
            Ok(plan) => plan,
            Err(why) => return Ok(Err(why)),
        };
    for change in &plan.changes {
        let before = reported_permissions(model);
        for role in &change.roles {
            let (path, subject, role) = (change.path.to_string(), change.holder.id().to_string(), role.to_string());
            model.entries.retain(|it| (&it.path, &it.subject, &it.role) != (&path, &subject, &role));
            model.entries.push(Entry { path, subject, role, propagates: change.propagates });
        }
        let after = reported_permissions(model);
        for (place, held) in &before {
            prop_assert!(held.is_subset(&after[place]), "{place:?} lost {:?} by {change:?}", held - &after[place]);
        }
    }
    for effect in &plan.effects {
        let who = effect.subject.id().to_string();
        prop_assert_eq!(privileges(&model.holds(&who, &effect.path)), effect.after.clone(), "{:?}", effect);
        prop_assert!(effect.before.is_subset(&effect.after));
    }
    Ok(Ok(()))
}

/// Says what the token lacks, by the second opinion.
fn lacks(model: &Model, in_pool: bool) -> Vec<String> {
    let holds = |path: &str, name: &str| model.holds(TOKEN, path).contains(name);
    let needs = needs(&clone_waiting_for_address(in_pool));
    let met = |need: &&glassdome::pve::privileges::Requirement| {
        let first = (need.path.clone(), need.privilege.clone());
        std::iter::once(&first)
            .chain(&need.alternatives)
            .any(|(place, it)| holds(place.acl_path().as_str(), it.as_str()))
    };
    needs.iter().filter(|need| !met(need)).map(|need| format!("{} {}", need.path, need.privilege)).collect()
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(cases()))]

    #[test]
    fn a_plan_gives_what_is_needed_and_takes_nothing(
        entries in proptest::collection::vec(entry(ROLES.len()), 0..14), separated: bool, in_pool: bool,
    ) {
        let mut model = world(&entries);
        let before = model.clone();
        match carry_out(&mut model, separated, in_pool)? {
            Ok(()) => prop_assert_eq!(lacks(&model, in_pool), Vec::<String>::new()),
            Err(GrantRefused::DeniedByNoAccess { .. } | GrantRefused::OutOfReach { .. }) => {
                let is_shut_out = before.entries.iter().any(|entry| entry.role == "NoAccess");
                prop_assert!(is_shut_out, "refused without a reason");
            }
            Err(why) => prop_assert!(false, "{why}"),
        }
    }

    #[test]
    fn where_no_user_is_shut_out_there_is_always_a_plan(
        entries in proptest::collection::vec(entry(ROLES.len() - 1), 0..14), separated: bool, in_pool: bool,
    ) {
        let mut model = world(&entries);
        let refused = carry_out(&mut model, separated, in_pool)?.err();
        prop_assert_eq!(refused, None);
        prop_assert_eq!(lacks(&model, in_pool), Vec::<String>::new());
        // Once more there is nothing left to do.
        let world = read(&model);
        let (token, separation) = (TOKEN.parse().unwrap(), if separated { Separation::On } else { Separation::Off });
        let again = grants(&world, &token, separation, &grant_requests(in_pool), &needs(&clone_waiting_for_address(in_pool))).unwrap();
        prop_assert_eq!(again.changes, vec![]);
    }

    #[test]
    fn rights_are_worked_out_as_by_the_second_opinion(
        entries in proptest::collection::vec(entry(ROLES.len()), 0..14),
    ) {
        let model = world(&entries);
        let world = read(&model);
        for subject in ["u@pve", "u@pve!sep", "u@pve!full"] {
            for path in PATHS.into_iter().chain(OTHER_PATHS) {
                let expected = privileges(&model.holds(subject, path));
                prop_assert_eq!(world.holds(&holder(subject), path), expected, "{} on {}", subject, path);
            }
        }
    }
}

#[test]
fn rights_are_worked_out_as_the_real_server_did() {
    let AclWorlds { roles, worlds } = AclWorlds::load();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let roles = roles.as_object().unwrap().iter().map(|(name, held)| {
        let held: Vec<String> = text(held).split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        (name.parse().unwrap(), privileges(&held))
    });
    let roles: BTreeMap<RoleName, Privileges> = roles.collect();
    let mut answers = 0;
    for case in &worlds {
        let entries = case["acl"].as_array().unwrap().iter().map(|entry| AclEntry {
            path: text(&entry["path"]).parse().unwrap(),
            holder: match entry["type"].as_str().unwrap() {
                "user" => Subject::User(Foreign::new(text(&entry["ugid"]))),
                "group" => Subject::Group(Foreign::new(text(&entry["ugid"]))),
                _ => Subject::Token(Foreign::new(text(&entry["ugid"]))),
            },
            role: text(&entry["roleid"]).parse().unwrap(),
            propagates: entry["propagate"] == 1,
        });
        let world = AclModel {
            user: "rvu@pve".parse().unwrap(),
            groups: [Foreign::new("rvg")].into(),
            tokens: [("rvu@pve!sep", Separation::On), ("rvu@pve!full", Separation::Off)]
                .map(|(id, separation)| (Foreign::new(id), separation))
                .into(),
            entries: entries.collect(),
            roles: roles.clone(),
            members: vec![("/vms/102".parse().unwrap(), "/pool/rvpool".parse().unwrap())],
            reported: BTreeMap::new(),
        };
        for subject in ["rvu@pve", "rvu@pve!sep", "rvu@pve!full"] {
            let asked = case["permissions"][subject].as_object().unwrap();
            for (path, expected) in asked.iter().filter(|(path, _)| path.starts_with('/')) {
                let expected: Vec<String> = expected.as_object().unwrap().keys().cloned().collect();
                assert_eq!(world.holds(&holder(subject), path), privileges(&expected), "{subject} on {path}");
                answers += 1;
            }
        }
    }
    assert_eq!(answers, 40 * 3 * 7);
}
