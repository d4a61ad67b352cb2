//! Many proofs at once: every VM owned, counted and removed on its own.

use std::time::{Duration, Instant};

use glassdome::sandbox::cluster::Reach;
use glassdome::sandbox::{Fault, Options, Sandbox};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::admin::Admin;
use crate::support::test_env::{BOUND, Outcome, TestEnv, quick, scene, signal};

const WORLD: [u64; 3] = [101, 9000, 9001];

fn cluster(nodes: u8) -> Options {
    Options { nodes, shared_storage: true, ..quick() }
}

/// Lists the numbers of the clones that were asked for.
fn asked(sandbox: &Sandbox) -> Vec<String> {
    let seen = sandbox.seen();
    let clones = seen.iter().filter(|seen| seen.method == "POST" && seen.path.ends_with("/clone"));
    clones.filter_map(|seen| seen.query_and_body.get("newid").cloned()).collect()
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox, stage: &TestEnv) {
    assert_eq!(Admin::of(sandbox).vmids(), WORLD);
    assert!(stage.entries().is_empty(), "{:?}", stage.entries());
}

fn node<'a>(document: &'a Value, name: &str) -> &'a Value {
    document["nodes"].as_array().unwrap().iter().find(|node| node["node"] == name).unwrap()
}

#[test]
fn each_of_many_vms_is_verified_and_gone() {
    let (sandbox, stage) = scene(quick());
    let document = stage.glassdome("test-vm --count 20 --parallel 6 -o json").expect(0).json();
    assert_eq!(document["schema"], "glassdome.test-vm/1");
    assert_eq!((&document["ok"], &document["succeeded"], &document["failed"]), (&true.into(), &20.into(), &0.into()));
    assert!(document["clones_per_minute"].as_f64().unwrap() > 0.0);
    let steps: Vec<&str> =
        document["steps"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(steps, ["clone", "check", "start", "stop", "destroy"]);
    for step in document["steps"].as_array().unwrap() {
        assert_eq!(step["count"], 20);
        assert!(step["median"].as_f64().unwrap() <= step["p95"].as_f64().unwrap());
    }
    // The server reserves no number: each was asked for once, and an existing one never.
    let mut numbers = asked(&sandbox);
    assert_eq!(numbers.len(), 20, "{numbers:?}");
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 20, "{numbers:?}");
    assert!(!numbers.contains(&"101".to_owned()));
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn the_table_has_a_line_for_each_vm_and_the_figures() {
    let (_sandbox, stage) = scene(quick());
    let outcome = stage.glassdome("test-vm --count 3").expect(0);
    assert_eq!(outcome.stderr.matches(" on pve  ").count(), 3, "{}", outcome.stderr);
    for words in ["3 verified, 0 failed", "median", "p95", "Bottleneck: ", "3 of 3", "per minute, 3 at once"] {
        assert!(outcome.results.contains(words), "{words}: {}", outcome.results);
    }
}

#[test]
fn a_run_that_waits_for_locks_says_so_with_the_time_that_they_took() {
    let task_time = Duration::from_millis(400);
    let (sandbox, stage) = scene(Options { task_time, faults: vec![Fault::StorageLock], ..quick() });
    let document = stage.glassdome("test-vm --count 16 --parallel 8 -o json").expect(0).json();
    let spent = &document["spent"];
    assert!(document["limited_by"].as_str().unwrap().starts_with("waiting for locks ("), "{document}");
    assert!(spent["locks"].as_f64().unwrap() > spent["cloning"].as_f64().unwrap(), "{spent}");
    assert!(spent["waited"].as_u64().unwrap() >= 8, "eight at once, and one at a time: {spent}");
    assert_eq!((&spent["vms"], &spent["tasks"], &spent["logs_read"]), (&16.into(), &64.into(), &64.into()));
    nothing_is_left(&sandbox, &stage);
    // Without a lock in the way nothing is said to have waited.
    sandbox.edit(|cluster| cluster.one_clone_per_storage = false);
    let text = stage.glassdome("test-vm --count 4").expect(0).results;
    assert!(text.contains("no task waited for a lock (16 of 16 task logs read)"), "{text}");
    assert!(text.contains("Time per VM") && !text.contains("  locks "), "{text}");
}

#[test]
fn clones_that_wait_too_long_for_a_lock_fail_for_that_reason_and_their_waiting_counts() {
    let options = Options { task_time: Duration::from_millis(600), faults: vec![Fault::StorageLock], ..quick() };
    let (sandbox, stage) = scene(options);
    // A storage is waited for six times as long.
    sandbox.edit(|cluster| cluster.patience = Duration::from_millis(50));
    let outcome = stage.glassdome("test-vm --count 4 --parallel 4 --no-start -o json").expect(9);
    let document = outcome.json();
    let reasons = document["failures"].to_string();
    assert!(
        reasons.contains("can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout"),
        "{reasons}"
    );
    assert!(
        document["error"]["hints"].to_string().contains("with fewer clones in parallel (--parallel)"),
        "{document}"
    );
    assert!(document["spent"]["waited"].as_u64() >= document["failed"].as_u64(), "{document}");
    assert!(document["spent"]["locks"].as_f64().unwrap() > 0.0, "{document}");
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn a_lock_of_the_whole_cluster_is_a_lock_too() {
    let options = Options { task_time: Duration::from_millis(700), faults: vec![Fault::StorageLock], ..cluster(2) };
    let (sandbox, stage) = scene(options);
    let document = stage.glassdome("test-vm --count 6 --parallel 6 --all-nodes --no-start -o json").expect(0).json();
    assert!(document["limited_by"].as_str().unwrap().starts_with("waiting for locks ("), "{document}");
    let tries = sandbox.edit(|cluster| {
        let clones = cluster.tasks.iter().filter(|task| task.kind == "qmclone");
        let lines: Vec<String> = clones.flat_map(|task| task.log(Duration::MAX).map(str::to_owned)).collect();
        lines.into_iter().filter(|line| line == "trying to acquire cfs lock 'storage-shared' ...").count()
    });
    // The last of six waits three seconds and a half, and tries once a second.
    assert!(tries >= 10, "{tries}");
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn copies_are_reported_with_their_rate() {
    let (_sandbox, stage) = scene(Options { task_time: Duration::from_millis(1500), ..quick() });
    let document = stage.glassdome("test-vm --count 2 --full --no-start -o json").expect(0).json();
    let (spent, limit) = (&document["spent"], document["limited_by"].as_str().unwrap());
    assert!(limit.starts_with("copying disks (") && limit.contains(" MiB/s each)"), "{limit}");
    assert_eq!(spent["copied_bytes"], 2_u64 * (32 << 30), "{spent}");
    assert!(spent["copying"].as_f64().unwrap() > spent["cloning"].as_f64().unwrap(), "{spent}");
}

#[test]
fn of_many_tasks_only_some_are_read_and_of_one_test_vm_none() {
    let logs = |sandbox: &Sandbox| sandbox.seen().iter().filter(|seen| seen.path.ends_with("/log")).count();
    let (sandbox, stage) = scene(quick());
    let receipt = stage.glassdome("test-vm -o json").expect(0).json();
    let long = receipt["steps"].as_array().unwrap().iter().filter(|step| step["seconds"].as_f64().unwrap() >= 1.0);
    assert!(long.count() > 0 || logs(&sandbox) == 0, "a short task is asked for its end alone");
    let document = stage.glassdome("test-vm --count 40 --parallel 8 -o json").expect(0).json();
    let spent = &document["spent"];
    assert_eq!((&spent["vms"], &spent["tasks"]), (&40.into(), &160.into()));
    let is_quick = document["steps"].as_array().unwrap().iter().all(|step| step["median"].as_f64().unwrap() < 0.5);
    let read = spent["logs_read"].as_u64().unwrap();
    assert!(read >= 56 && (read < 160 || !is_quick), "one in three VMs is followed: {spent}");
}

#[test]
fn in_the_sandbox_clones_of_a_running_vm_wait_for_each_other_and_their_logs_say_so() {
    let sandbox = Sandbox::start(Options { task_time: Duration::from_millis(300), ..quick() }).unwrap();
    let admin = Admin::of(&sandbox);
    let log = |upid: &Value| {
        let path = format!("/nodes/pve/tasks/{}", upid.as_str().unwrap());
        let began = Instant::now();
        while admin.call("GET", &format!("{path}/status"), "")["status"] == "running" {
            assert!(began.elapsed() < BOUND, "{upid} never ends");
            std::thread::sleep(Duration::from_millis(20));
        }
        let lines = admin.call("GET", &format!("{path}/log"), "");
        lines.as_array().unwrap().iter().map(|line| line["t"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let clone = |source: u32, target: u32| {
        admin.call("POST", &format!("/nodes/pve/qemu/{source}/clone"), &format!("newid={target}&full=1"))
    };
    for (source, waits) in [(9000, false), (101, true)] {
        if waits {
            log(&admin.call("POST", "/nodes/pve/qemu/101/status/start", ""));
        }
        let (first, second) = (clone(source, 200 + source), clone(source, 300 + source));
        assert!(log(&first)[0].starts_with("creating a clone"), "{source}");
        let lines = log(&second);
        assert_eq!(lines[..2] == ["trying to acquire lock...", " OK"], waits, "{source}: {lines:?}");
        assert!(lines[usize::from(waits) * 2].starts_with("creating a clone"), "{source}: {lines:?}");
    }
}

#[test]
fn two_runs_at_once_never_touch_each_others_vms() {
    let (sandbox, stage) = scene(quick());
    let other = TestEnv::new();
    other.point_at(&sandbox);
    let line = "test-vm --count 12 --parallel 4 -o json";
    let first = stage.spawn(line);
    let second = other.spawn(line);
    for child in [first, second] {
        let document = Outcome::of(&child.wait_with_output().unwrap()).expect(0).json();
        assert_eq!(document["succeeded"], 12, "{document}");
    }
    nothing_is_left(&sandbox, &stage);
    nothing_is_left(&sandbox, &other);
}

#[test]
fn every_node_that_is_online_is_verified() {
    let (sandbox, stage) = scene(Options { faults: vec![Fault::NodeOffline], ..cluster(4) });
    let document = stage.glassdome("test-vm --all-nodes -o json").expect(0).json();
    assert_eq!(document["count"], 3, "one for each node that is online");
    for name in ["pve", "pve2", "pve3"] {
        assert_eq!(node(&document, name)["proven"], 1, "{document}");
    }
    let offline = node(&document, "pve4");
    assert_eq!(offline["outcome"], "offline", "{document}");
    assert!(offline["why"].as_str().unwrap().contains("not online"), "{document}");
    assert_eq!(document["unproven"], serde_json::json!([]), "an offline node need not be verified");
    let text = stage.glassdome("test-vm --all-nodes").expect(0).results;
    assert!(text.contains("can create VMs on 3 nodes ("), "{text}");
    assert!(text.contains("pve4        node pve4 is not online"), "{text}");
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn a_template_on_local_storage_is_verified_on_its_node_and_said_to_be_impossible_elsewhere() {
    let (sandbox, stage) = scene(Options { nodes: 3, ..quick() });
    let document = stage.glassdome("test-vm --all-nodes --count 2 -o json").expect(0).json();
    assert_eq!(node(&document, "pve")["proven"], 2, "{document}");
    for name in ["pve2", "pve3"] {
        let impossible = node(&document, name);
        assert_eq!(impossible["outcome"], "impossible", "{document}");
        assert!(impossible["why"].as_str().unwrap().contains("local-lvm"), "{document}");
    }
    assert_eq!((&document["ok"], &document["unproven"]), (&true.into(), &serde_json::json!(["pve2", "pve3"])));
    let text = stage.glassdome("test-vm --all-nodes").expect(0).results;
    for words in ["cannot access", "not verified: pve2, pve3\n", "can create VMs on 1 of 3 online nodes ("] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // One node alone: on another one than the template's it is an error.
    stage.glassdome("test-vm --target pve2").expect(8).says("cannot access");
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn where_no_node_can_be_verified_it_is_an_error_that_names_each() {
    let (sandbox, stage) = scene(Options { nodes: 3, ..quick() });
    // The template lies on disks of a node that is offline.
    sandbox.edit(|cluster| {
        cluster.vms.get_mut(&9000).unwrap().node = "pve3".to_owned();
        cluster.nodes.get_mut("pve3").unwrap().reach = Reach::NoRoute;
    });
    let outcome = stage.glassdome("test-vm --all-nodes -o json").expect(8);
    let document = outcome.json();
    assert_eq!((&document["ok"], &document["succeeded"]), (&false.into(), &0.into()));
    assert_eq!(document["error"]["kind"], "not_found");
    assert_eq!(node(&document, "pve3")["outcome"], "offline", "{document}");
    for name in ["pve", "pve2"] {
        assert_eq!(node(&document, name)["outcome"], "impossible", "{document}");
    }
    let stderr = stage.glassdome("test-vm --all-nodes").expect(8).stderr;
    for words in ["cannot be cloned on any online node", "not verified: pve, pve2", "pve3        node pve3 is"] {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
    assert!(asked(&sandbox).is_empty());
}

#[test]
fn a_clone_for_another_node_is_made_where_the_template_is() {
    let (sandbox, stage) = scene(cluster(3));
    let receipt = stage.glassdome("test-vm --target pve3 -o json").expect(0).json();
    assert_eq!((&receipt["node"], &receipt["storage"]), (&"pve3".into(), &"shared".into()));
    let clone = sandbox.seen().into_iter().find(|seen| seen.path.ends_with("/clone")).unwrap();
    assert_eq!(clone.path, "/nodes/pve/qemu/9000/clone");
    assert_eq!(clone.query_and_body["target"], "pve3");
    stage.glassdome("test-vm --target nosuch").expect(8);
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn a_node_that_does_not_answer_is_one_reason_among_others() {
    let (sandbox, stage) = scene(cluster(3));
    // The cluster still takes it for online: the call comes back with 595.
    sandbox.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().reach = Reach::Refused);
    let outcome = stage.glassdome("test-vm --all-nodes -o json");
    let document = outcome.json();
    assert_eq!(node(&document, "pve3")["proven"], 1, "{document}");
    let silent = node(&document, "pve2");
    // Sooner or later the list of nodes says so, too.
    assert!(silent["outcome"] == "offline" || silent["outcome"] == "impossible" || silent["failed"] == 1, "{document}");
    let is_online = silent["outcome"] != "offline";
    assert_eq!(document["unproven"].as_array().unwrap().len(), usize::from(is_online), "{document}");
    sandbox.edit(|cluster| cluster.nodes.get_mut("pve2").unwrap().reach = Reach::Up);
    stage.glassdome("cleanup");
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn one_clone_in_ten_may_fail_in_each_way_and_every_vm_that_is_left_is_named() {
    let (sandbox, stage) = scene(Options { faults: vec![Fault::OneInTen], ..cluster(4) });
    let outcome = stage.glassdome("test-vm --count 100 --parallel 12 --all-nodes --timeout 20 -o json").expect(10);
    let document = outcome.json();
    assert_eq!(document["succeeded"].as_u64().unwrap() + document["failed"].as_u64().unwrap(), 100, "{document}");
    assert!(document["lost_races"].as_u64().unwrap() >= 2, "{document}");
    let reasons = document["failures"].to_string();
    assert!(reasons.contains("interrupted by signal") && reasons.contains("unexpected status"), "{reasons}");
    assert_eq!(document["error"]["kind"], "left_behind");
    // The faster client keeps its VMs; of ours only those whose worker was killed are left, locked, and each is named.
    let mut left: Vec<u64> =
        document["left_behind"].as_array().unwrap().iter().filter_map(|it| it["vmid"].as_u64()).collect();
    left.sort_unstable();
    assert!(!left.is_empty(), "{document}");
    assert_eq!(stage.entries().len(), left.len());
    for vmid in Admin::of(&sandbox).vmids().into_iter().filter(|vmid| !WORLD.contains(vmid)) {
        let is_rival = sandbox.edit(|cluster| {
            let config = &cluster.vms[&u32::try_from(vmid).unwrap()].config;
            config.get("name") == Some("rival")
        });
        assert!(is_rival || left.contains(&vmid), "VM {vmid} is left and not reported: {document}");
    }
}

#[test]
fn an_interruption_stops_all_and_leaves_nothing() {
    let (sandbox, stage) = scene(Options { task_time: Duration::from_secs(30), ..cluster(2) });
    let child = stage.spawn("test-vm --count 50 --parallel 8 --all-nodes");
    let began = Instant::now();
    while asked(&sandbox).len() < 8 {
        assert!(began.elapsed() < BOUND, "eight clones were never asked for");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, Signal::INT);
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert_eq!(outcome.code, 130, "{outcome:?}");
    let outcome = outcome.says("0 verified, 0 failed, 8 interrupted").says("on pve2: interrupted and deleted");
    assert!(!outcome.stderr.contains("Bottleneck"), "{}", outcome.stderr);
    assert_eq!(asked(&sandbox).len(), 8, "no further clone is asked for");
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn what_every_test_vm_would_meet_is_met_once() {
    let (sandbox, stage) = scene(quick());
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    stage.glassdome("test-vm --count 50").expect(7).says("VM.Clone");
    assert!(asked(&sandbox).is_empty());
    stage.point_at(&sandbox);
    for line in
        ["--count 2 --vmid 777", "--count 2 --name x", "--count 2 --keep", "--all-nodes --target pve", "--count 0"]
    {
        stage.glassdome(&format!("test-vm {line}")).expect(2);
    }
}
