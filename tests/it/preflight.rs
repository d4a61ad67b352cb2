//! The lines of the script for root close the gap, and take no privilege from any user, group or token.

use std::collections::BTreeMap;

use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;

use crate::support::acl_model::{Entry, World};
use crate::support::recorded::AclWorlds;
use crate::support::worlds::{
    OTHER_PATHS, PATHS, ROLES, SUBJECTS, entry, everything, lines, missing, on_the_sandbox, world,
};

/// Makes the changes of these lines, and sees after each of them that nothing was lost.
fn run(world: &mut World, lines: &[String]) -> Result<(), TestCaseError> {
    for line in lines {
        for change in world.changes_of(line) {
            let before = everything(world);
            world.change(&change);
            let after = everything(world);
            for (place, held) in &before {
                prop_assert!(held.is_subset(&after[place]), "{place:?} lost {:?} by {change:?}", held - &after[place]);
            }
        }
    }
    Ok(())
}

/// How many worlds are tried: `PROPTEST_CASES` of them, or as many as take some seconds.
fn cases(usually: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(usually)
}

proptest! {
    // Each world takes some forty processes.
    #![proptest_config(proptest::test_runner::Config::with_cases(cases(60)))]

    #[test]
    fn no_line_takes_a_privilege_away(
        entries in proptest::collection::vec(entry(ROLES.len()), 0..14), subject in 0_usize..3, in_pool: bool,
    ) {
        let mut world = world(&entries);
        let lines = lines(&world, SUBJECTS[subject], in_pool);
        run(&mut world, &lines)?;
        // Running them once more makes no change.
        for line in lines.iter().filter(|line| line.starts_with("acl_modify")) {
            prop_assert_eq!(world.changes_of(line), Vec::<Vec<String>>::new(), "{}", line);
        }
    }

    #[test]
    fn the_lines_close_the_gap(
        // Without NoAccess, which beats every grant on its path.
        entries in proptest::collection::vec(entry(ROLES.len() - 1), 0..14), subject in 0_usize..3, in_pool: bool,
        leftover: bool,
    ) {
        let mut world = world(&entries);
        // An entry on the ID of a VM that does not exist yet.
        if !leftover {
            world.entries.retain(|it| it.path != "/vms/105");
        }
        let subject = SUBJECTS[subject];
        // Once the template can be read, its protection and its own storages and bridges come to light; the entry that
        // is left over shows only as the difference to what was granted.
        for _ in 0..if leftover { 4 } else { 2 } {
            let lines = lines(&world, subject, in_pool);
            run(&mut world, &lines)?;
        }
        let (gaps, _) = missing(&world, subject, in_pool);
        prop_assert!(gaps.is_empty(), "{gaps:?}");
        // The VM is in its pool as soon as it exists, and everything that the test does to it is allowed.
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
    let AclWorlds { roles, worlds } = AclWorlds::load();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let mut compared = 0;
    for case in &worlds {
        let mut world = World {
            groups: BTreeMap::from([("rvu@pve".to_owned(), vec!["rvg".to_owned()])]),
            tokens: BTreeMap::from([("rvu@pve!sep".to_owned(), true), ("rvu@pve!full".to_owned(), false)]),
            pools: BTreeMap::from([("/pool/rvpool".to_owned(), vec!["/vms/102".to_owned()])]),
            ..World::default()
        };
        for (role, privileges) in roles.as_object().unwrap() {
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

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(cases(300)))]

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
