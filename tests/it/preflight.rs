//! The lines that the preflight prints close the gap, and take nothing from anybody.

use std::collections::BTreeMap;

use glassdome::pve::privileges::{FixKind, FixScript};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use proptest::test_runner::TestCaseError;

use crate::support::acl_model::{Entry, World};
use crate::support::recorded::AclWorlds;
use crate::support::worlds::{
    OTHER_PATHS, PATHS, ROLES, SUBJECTS, View, blocks, entry, everything, lacks, on_the_sandbox, world,
};

/// Runs the lines of one way out, and sees after each of them that nobody has lost anything.
fn run(world: &mut World, blocks: &[FixScript], instead: FixKind) -> Result<(), TestCaseError> {
    let other = if instead == FixKind::Unseparate { FixKind::GrantToken } else { FixKind::Unseparate };
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
        let way = if unseparate { FixKind::Unseparate } else { FixKind::GrantToken };
        run(&mut world, &blocks, way)?;
        // Who runs them once more loses nothing either.
        run(&mut world, &blocks, way)?;
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
        let way = if unseparate { FixKind::Unseparate } else { FixKind::GrantToken };
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
