//! A node that cannot be reached, or does not answer: a test VM for it ends early, before anything is changed.

use std::time::{Duration, Instant};

use glassdome::sandbox::cluster::{Reach, Statistics};
use glassdome::sandbox::{Options, Sandbox};

use crate::support::test_env::{TestEnv, quick, scene};

/// A cluster whose second node is out of reach; the server takes this long to give it up.
fn without_second_node(statistics: Statistics, delay: Duration) -> (Sandbox, TestEnv) {
    let (sandbox, stage) = scene(Options { nodes: 2, unreachable_delay: delay, ..quick() });
    sandbox.edit(|cluster| {
        let node = cluster.nodes.get_mut("pve2").unwrap();
        (node.reach, node.statistics) = (Reach::NoRoute, statistics);
    });
    (sandbox, stage)
}

/// Lists what was asked of the second node, and fails where anything was changed.
fn asked(sandbox: &Sandbox) -> Vec<String> {
    let seen = sandbox.seen();
    assert!(seen.iter().all(|seen| seen.method == "GET"), "nothing is changed");
    let mut asked: Vec<String> =
        seen.into_iter().map(|seen| seen.path).filter(|path| path.contains("/nodes/pve2/")).collect();
    asked.sort();
    asked
}

const COMMANDS: [&str; 4] = [
    "test-vm --node pve2",
    "test-vm --target pve2",
    "test-vm --node pve2 --dry-run",
    "setup --no-input --yes --node pve2 --skip-test-vm",
];

#[test]
fn a_node_that_is_listed_as_offline_is_not_waited_for() {
    for command in COMMANDS {
        let (sandbox, stage) = without_second_node(Statistics::Current, Duration::from_secs(40));
        let began = Instant::now();
        stage.glassdome(command).expect(9).says("node pve2 is not online (status `offline`)");
        assert!(began.elapsed() < Duration::from_secs(4), "{command}: {:?}", began.elapsed());
        asked(&sandbox);
    }
}

#[test]
fn a_node_that_the_server_cannot_reach_is_asked_once() {
    for command in COMMANDS {
        let (sandbox, stage) = without_second_node(Statistics::Old, Duration::ZERO);
        stage.glassdome(command).expect(9).says("node pve2 cannot be reached: No route to host");
        let asked = asked(&sandbox);
        let mut once = asked.clone();
        once.dedup();
        assert_eq!(once, asked, "{command}");
    }
}

#[test]
fn a_node_that_does_not_answer_is_waited_for_some_seconds_and_named() {
    let (sandbox, stage) = without_second_node(Statistics::Old, Duration::from_secs(40));
    let began = Instant::now();
    let outcome = stage.glassdome("test-vm --node pve2").expect(4);
    outcome.says("node pve2, asked through").says("did not answer within 10 s");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    asked(&sandbox);
}

#[test]
fn a_template_on_local_storage_of_another_node_is_named_by_its_disk() {
    for (shared, drive) in [(&[][..], "scsi0"), (&["scsi0"][..], "ide2")] {
        let (sandbox, stage) = scene(Options { nodes: 2, ..quick() });
        sandbox.edit(|cluster| {
            for slot in shared {
                cluster.storages.get_mut("local-lvm").unwrap().shared = true;
                cluster.set_option(9000, slot, "local-lvm:base-9000-disk-0,size=32G");
                cluster.set_option(9000, "ide2", "local:9000/vm-9000-cloudinit.qcow2,media=cdrom");
            }
        });
        let outcome = stage.glassdome("test-vm --node pve2").expect(8);
        outcome.says("it is on node pve").says(&format!("with {drive} on local"));
    }
}
