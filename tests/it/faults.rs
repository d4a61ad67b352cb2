//! What goes wrong on the way: each with its exit code, and nothing left behind unreported.

use std::time::{Duration, Instant};

use glassdome::sandbox::{Distortion, Fault, Options, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::test_env::{self, BOUND, Outcome, TestEnv, quick, signal};

const WORLD: [u64; 3] = [101, 9000, 9001];

fn scene(faults: &[Fault]) -> (Sandbox, TestEnv) {
    test_env::scene(Options { faults: faults.to_vec(), ..quick() })
}

/// Runs `test-vm` under a fault, and checks its exit code, that nothing is left, and that the settings are untouched.
#[track_caller]
fn proof_ends(fault: Fault, code: i32) -> Outcome {
    let (sandbox, stage) = scene(&[fault]);
    let settings = stage.read(".env");
    let began = Instant::now();
    let outcome = stage.glassdome("test-vm --timeout 5 --connect-timeout 2").expect(code);
    assert!(began.elapsed() < BOUND);
    sandbox.clear_faults();
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{}", outcome.stderr);
    assert!(stage.entries().is_empty(), "{:?}\n{}", stage.entries(), outcome.stderr);
    assert_eq!(stage.read(".env"), settings);
    outcome
}

#[test]
fn a_clone_that_does_not_fit_is_not_begun() {
    let outcome = proof_ends(Fault::StorageFull, 9);
    let outcome = outcome.says("`local-lvm` of node pve: 0 MiB free").says("free some space");
    assert!(!outcome.stderr.contains("clone task"), "{}", outcome.stderr);
}

#[test]
fn a_clone_that_another_user_stops_is_cleaned_up() {
    proof_ends(Fault::CloneAborted, 9).says("interrupted by signal");
}

#[test]
fn the_next_free_id_is_tried_when_another_user_is_faster() {
    for fault in [Fault::IdTaken, Fault::IdTakenInTask] {
        let (sandbox, stage) = scene(&[fault]);
        let receipt = stage.glassdome("test-vm -o json").expect(0).json();
        assert_ne!(receipt["vmid"], 100, "{fault:?}");
        let vmids = Admin::of(&sandbox).vmids();
        assert_eq!(vmids, [100, 101, 9000, 9001], "{fault:?}: the rival's VM stays");
        assert!(stage.entries().is_empty());
    }
}

#[test]
fn a_worker_that_is_lost_is_asked_for_again() {
    let changes = |sandbox: &Sandbox| {
        let seen = sandbox.seen().into_iter().filter(|seen| seen.method != "GET");
        seen.map(|seen| format!("{} {}", seen.method, seen.path)).collect::<Vec<_>>()
    };
    let (sandbox, stage) = scene(&[]);
    stage.glassdome("test-vm").expect(0);
    let usual = changes(&sandbox);
    assert_eq!(usual.len(), 4, "clone, start, stop, destroy: {usual:?}");
    for number in 1..=usual.len() {
        let (sandbox, stage) = scene(&[]);
        let mut count = 0;
        sandbox.before_call(move |method, _, cluster| {
            if method != "GET" {
                count += 1;
                cluster.lost_workers = usize::from(count == number);
            }
        });
        stage.glassdome("test-vm").expect(0);
        let mut expected = usual.clone();
        expected.insert(number, expected[number - 1].clone());
        assert_eq!(changes(&sandbox), expected);
        assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000, 9001]);
        assert!(stage.entries().is_empty());
    }
}

#[test]
fn an_id_that_was_named_is_not_exchanged_for_another() {
    let (sandbox, stage) = scene(&[Fault::IdTaken]);
    stage.glassdome("test-vm --vmid 500").expect(3).says("VM 500 already exists");
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 500, 9000, 9001]);
    assert!(stage.entries().is_empty());
}

#[test]
fn a_clone_whose_worker_was_killed_stays_locked_and_is_named() {
    let (sandbox, stage) = scene(&[Fault::WorkerKilled]);
    let outcome = stage.glassdome("test-vm --timeout 5").expect(10).says("qm unlock 100").says("unexpected status");
    assert!(outcome.stderr.contains("VM 100"), "{}", outcome.stderr);
    assert!(Admin::of(&sandbox).vmids().contains(&100));
    assert_eq!(stage.entries().len(), 1, "the journal keeps it");
    stage.glassdome("cleanup --timeout 2").expect(10).says("qm unlock 100");
}

#[test]
fn a_server_that_is_gone_in_mid_clone_leaves_a_note() {
    let (sandbox, stage) = scene(&[Fault::GoneInClone]);
    let outcome = stage.glassdome("test-vm --timeout 2 --connect-timeout 2 -o json").expect(10);
    let document = outcome.json();
    assert_eq!(document["left_behind"]["vmid"], 100);
    assert_eq!(document["error"]["kind"], "left_behind");
    assert_eq!(stage.entries().len(), 1);
    assert!(sandbox.edit(|cluster| cluster.vms.contains_key(&100)));
}

#[test]
fn a_server_that_cannot_be_asked_is_reported_while_it_is_waited_for() {
    // The line stands in a pipe as well, once, and says what is in the way.
    let (_sandbox, stage) = scene(&[Fault::GoneInClone]);
    let outcome = stage.glassdome("test-vm --timeout 4 --connect-timeout 2").expect(10).says("refused the connection");
    assert_eq!(outcome.stderr.matches("no response from the server for").count(), 1, "{}", outcome.stderr);
    outcome.says("may still be on pve");
}

#[test]
fn an_answer_that_is_lost_is_never_asked_for_twice() {
    // Whatever request it is: the proof may fail, but no request that changes something goes out twice.
    for number in 1..=40 {
        for fault in [Fault::ResetBefore(number), Fault::ResetAfter(number)] {
            let (sandbox, stage) = scene(&[fault]);
            let outcome = stage.glassdome("test-vm --timeout 5 --connect-timeout 2");
            sandbox.clear_faults();
            let clones = sandbox.seen().iter().filter(|seen| seen.path.ends_with("/clone")).count();
            assert!(clones <= 1, "{fault:?}: {clones} clones\n{}", outcome.stderr);
            assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{fault:?}\n{}", outcome.stderr);
            assert!(stage.entries().is_empty(), "{fault:?}\n{}", outcome.stderr);
            assert!(matches!(outcome.code, 0 | 4), "{fault:?}: {}\n{}", outcome.code, outcome.stderr);
            if sandbox.seen().len() < number {
                return;
            }
        }
    }
    panic!("a proof does not take forty requests");
}

#[test]
fn servers_that_are_something_else_are_distinguished() {
    for (fault, code, words) in [
        (Fault::PlainHttp, 4, "does not use TLS"),
        (Fault::NotProxmox, 9, "is not Proxmox VE"),
        (Fault::Redirect, 9, "is not Proxmox VE"),
        (Fault::Gateway(502), 9, "502 Bad Gateway"),
        (Fault::Gateway(503), 9, "503 Service Unavailable"),
        (Fault::ExpiredCertificate, 5, "is valid only from"),
        (Fault::FutureCertificate, 5, "is valid only from"),
        (Fault::WrongName, 5, "other.sandbox.invalid"),
        (Fault::Stall, 4, "within 2 s"),
    ] {
        let (_sandbox, stage) = scene(&[fault]);
        let settings = stage.read(".env");
        stage.glassdome("setup --no-input --connect-timeout 2").expect(code).says(words);
        assert_eq!(stage.read(".env"), settings);
        assert!(stage.glassdome("test-vm --connect-timeout 2").code == code, "{fault:?}");
    }
}

#[test]
fn a_certificate_that_changes_is_never_accepted() {
    let (sandbox, stage) = scene(&[]);
    let fingerprint = glassdome::model::Fingerprint::new(sandbox.fingerprint());
    let pinned =
        stage.read(".env").replace("PROXMOX_CA_FILE=proxmox-ca.pem", &format!("PROXMOX_FINGERPRINT={fingerprint}"));
    stage.write(".env", &pinned);
    stage.glassdome("test-vm").expect(0);
    sandbox.add_fault(Fault::ChangedCertificate(1));
    let before = sandbox.seen().len();
    stage.glassdome("test-vm").expect(5).says("has changed").says("--fingerprint").never_says(&["cannot reach"]);
    // What a flag says is not what was stored: then the flag is wrong, or the server is.
    let mistyped = fingerprint.to_string().chars().rev().collect::<String>();
    for line in ["test-vm", "setup --no-input", "template list"] {
        let outcome = stage.glassdome(&format!("{line} --fingerprint {mistyped}")).expect(5);
        outcome.says("does not match --fingerprint").never_says(&["has changed", "cannot reach"]);
    }
    stage.glassdome(&format!("doctor --fingerprint {mistyped}")).expect(5).shows("does not match --fingerprint");
    assert_eq!(sandbox.seen().len(), before, "no request went out");
    stage.glassdome("setup --no-input").expect(5);
    assert_eq!(stage.read(".env"), pinned);
}

#[test]
fn closed_ports_and_names_that_do_not_resolve() {
    let stage = TestEnv::new();
    stage.write("secret.txt", "00000000-1111-2222-3333-444444444444");
    let line = "setup --no-input --user apex@pve --token-value-file secret.txt --insecure --host";
    stage.glassdome(&format!("{line} 127.0.0.1:1")).expect(4).says("refused the connection");
    stage.glassdome(&format!("{line} nosuch.invalid")).expect(4).says("does not resolve");
    assert!(!stage.path(".env").exists());
}

#[test]
fn a_node_that_is_offline_is_said_to_be() {
    let sandbox = Sandbox::start(Options { nodes: 2, faults: vec![Fault::NodeOffline], ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    stage.glassdome("test-vm").expect(0);
    stage.glassdome("test-vm --node pve2").expect(9).says("not online");
}

#[test]
fn several_nodes_need_a_choice() {
    let sandbox = Sandbox::start(Options { nodes: 3, ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let settings = stage.read(".env").replace("PROXMOX_NODE=pve\n", "");
    stage.write(".env", &settings);
    stage.glassdome("test-vm").expect(3).says("PROXMOX_NODE").says("pve2");
    stage.glassdome("test-vm --node pve").expect(0);
    stage.glassdome("test-vm --node pve2").expect(8).says("cannot access").says("--target pve");
    stage.glassdome("test-vm --node pve2 --target pve").expect(0);
    // An instance has variables of its own, and the advice names them.
    let settings =
        stage.read(".env").replace("PROXMOX_", "PROXMOX_LAB_").replace("_LAB_TOKEN_VALUE=", "_TOKEN_VALUE_LAB=");
    stage.write(".env", &settings);
    stage.glassdome("--instance LAB test-vm --node pve2").expect(8).says("or set PROXMOX_LAB_NODE to pve");
}

#[test]
fn a_template_on_shared_storage_is_cloned_to_the_node_that_is_wanted() {
    let sandbox = Sandbox::start(Options { nodes: 2, ..quick() }).unwrap();
    sandbox.edit(|cluster| {
        let storage = glassdome::sandbox::cluster::Storage::new(
            glassdome::sandbox::cluster::Kind::Nfs,
            "/mnt/nfs",
            &["images"],
            1 << 40,
        );
        cluster.storages.insert("nfs".to_owned(), storage);
        cluster.add_template(9100, "ubuntu-shared", "pve", "nfs");
    });
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let receipt = stage.glassdome("test-vm --template 9100 --node pve2 -o json").expect(0).json();
    assert_eq!(receipt["node"], "pve2");
    assert_eq!(receipt["storage"], "nfs");
}

#[test]
fn ctrl_c_stops_the_clone_and_cleans_up() {
    let sandbox = Sandbox::start(Options { task_time: Duration::from_secs(30), ..quick() }).unwrap();
    for (sent, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let stage = TestEnv::new();
        stage.point_at(&sandbox);
        let before = sandbox.seen().len();
        let child = stage.spawn("test-vm --full");
        while !sandbox.seen().iter().skip(before).any(|seen| seen.path.contains(":qmclone:")) {
            assert!(sandbox.wait_until_seen(sandbox.seen().len() + 1, BOUND), "the clone is watched");
        }
        signal(&child, sent);
        Outcome::of(&child.wait_with_output().unwrap()).expect(code);
        assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
        assert!(stage.entries().is_empty());
    }
}

#[test]
fn a_second_ctrl_c_leaves_at_once_and_names_the_vm() {
    let sandbox = Sandbox::start(Options { task_time: Duration::from_secs(30), ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let child = stage.spawn("test-vm --full");
    while !sandbox.seen().iter().any(|seen| seen.path.contains(":qmclone:")) {
        assert!(sandbox.wait_until_seen(sandbox.seen().len() + 1, BOUND), "the clone is watched");
    }
    let count = sandbox.seen().len();
    sandbox.add_fault(Fault::HoldBefore(count + 1));
    signal(&child, Signal::INT);
    // The clean-up hangs at the held request; only the second signal ends it.
    while !sandbox.seen().iter().any(|seen| seen.method == "DELETE") {
        assert!(sandbox.wait_until_seen(sandbox.seen().len() + 1, BOUND), "the task is to be stopped");
    }
    signal(&child, Signal::INT);
    let outcome = Outcome::of(&child.wait_with_output().unwrap()).expect(130).says("VM 100");
    assert!(outcome.stderr.contains("glassdome cleanup"), "{}", outcome.stderr);
    assert_eq!(stage.entries().len(), 1);
}

/// Runs `test-vm` under a fault whose end may be good or bad, and checks that no VM is left unrecorded: each
/// one is named on the screen, stands in the journal, and is removed by `cleanup` once the fault is over.
#[track_caller]
fn nothing_is_forgotten(faults: &[Fault], codes: &[i32]) -> Outcome {
    let (sandbox, stage) = scene(faults);
    let began = Instant::now();
    let outcome = stage.glassdome("test-vm --timeout 3 --connect-timeout 2");
    assert!(began.elapsed() < BOUND, "{faults:?}");
    assert!(codes.contains(&outcome.code), "{faults:?}: {}\n{}", outcome.code, outcome.stderr);
    sandbox.clear_faults();
    let ours: Vec<u64> = Admin::of(&sandbox).vmids().into_iter().filter(|vmid| !WORLD.contains(vmid)).collect();
    assert_eq!(outcome.code == 10, !stage.entries().is_empty(), "{faults:?}\n{}", outcome.stderr);
    for vmid in ours {
        assert_eq!(outcome.code, 10, "{faults:?}: VM {vmid} is there\n{}", outcome.stderr);
        assert!(outcome.stderr.contains(&format!("VM {vmid}")), "{faults:?}\n{}", outcome.stderr);
        stage.glassdome("cleanup").expect(0);
        assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{faults:?}");
    }
    outcome
}

/// Every way in which one answer can go wrong, but those that only time ends.
const DISTORTIONS: [Distortion; 9] = [
    Distortion::ResetHeader,
    Distortion::ResetBody,
    Distortion::Truncated,
    Distortion::Empty,
    Distortion::Html,
    Distortion::Gzip,
    Distortion::Deep,
    Distortion::WrongTypes,
    Distortion::EndlessHeader,
];

/// How many answers a proof has, at most: each of them goes wrong in some way.
const ANSWERS: usize = 32;

#[test]
fn whichever_answer_goes_wrong_no_vm_is_forgotten() {
    for number in 1..=ANSWERS {
        let how = DISTORTIONS[number % DISTORTIONS.len()];
        nothing_is_forgotten(&[Fault::Distorted(how, number)], &[0, 4, 7, 8, 9, 10]);
    }
}

#[test]
fn whichever_change_is_answered_badly_no_vm_is_forgotten() {
    // The requests of a proof that change something, as an undisturbed one sends them.
    let (sandbox, stage) = scene(&[]);
    stage.glassdome("test-vm").expect(0);
    let seen = sandbox.seen();
    let changes = seen.iter().enumerate().filter(|(_, seen)| seen.method != "GET").map(|(index, _)| index + 1);
    let changes: Vec<usize> = changes.collect();
    assert_eq!(changes.len(), 4, "clone, start, stop, destroy");
    for number in changes {
        for how in [Distortion::Empty, Distortion::ResetBody, Distortion::WrongTypes] {
            nothing_is_forgotten(&[Fault::Distorted(how, number)], &[0, 4, 9, 10]);
        }
    }
}

#[test]
fn answers_that_only_time_ends_are_given_up() {
    // One that stops altogether waits as long, and is tried with the diagnosis.
    for how in [Distortion::Huge, Distortion::Trickle] {
        let (_sandbox, stage) = scene(&[Fault::Distorted(how, 1)]);
        let began = Instant::now();
        let outcome = stage.glassdome("setup --no-input --connect-timeout 1");
        assert!(matches!(outcome.code, 0 | 4 | 9), "{how:?}: {}\n{}", outcome.code, outcome.stderr);
        assert!(began.elapsed() < BOUND, "{how:?}");
    }
}

#[test]
fn credentials_are_refused_in_the_middle_of_a_run() {
    let outcome = nothing_is_forgotten(&[Fault::UnauthenticatedFrom(9)], &[6, 10]);
    assert!(outcome.stderr.contains("Authentication failed!"), "{}", outcome.stderr);
    // From the first watch of the clone on: the VM cannot be removed, and is named.
    nothing_is_forgotten(&[Fault::UnauthenticatedFrom(16)], &[10]).says("VM 100").says("glassdome cleanup");
}

#[test]
fn a_task_that_may_not_be_looked_at_leaves_no_vm() {
    nothing_is_forgotten(&[Fault::ForbiddenPolling], &[7, 10]).says("Sys.Audit");
}

#[test]
fn a_task_that_never_ends_is_stopped() {
    proof_ends(Fault::TaskStuck, 9).says("no progress");
    nothing_is_forgotten(&[Fault::TaskStuck, Fault::LogShrinks], &[9]).says("no progress");
}

#[test]
fn warnings_of_a_task_are_passed_on() {
    let (_sandbox, stage) = scene(&[Fault::TaskWarnings]);
    let receipt = stage.glassdome("test-vm -o json").expect(0).json();
    assert!(receipt["warnings"].to_string().contains("1 warning"), "{receipt}");
}

#[test]
fn a_log_that_shrinks_disturbs_nothing() {
    nothing_is_forgotten(&[Fault::LogShrinks], &[0]);
}

#[test]
fn an_id_that_is_lost_three_times_in_a_row_is_let_go() {
    let (sandbox, stage) = scene(&[Fault::IdTaken; 3]);
    let receipt = stage.glassdome("test-vm -o json").expect(0).json();
    assert_eq!((&receipt["ok"], &receipt["vmid"]), (&true.into(), &104.into()));
    assert_eq!(Admin::of(&sandbox).vmids(), [100, 101, 102, 103, 9000, 9001], "the rivals' VMs stay");
    assert!(stage.entries().is_empty());
}

#[test]
fn a_template_that_is_gone_before_the_clone_is_named() {
    let (sandbox, stage) = scene(&[Fault::TemplateGone]);
    stage.glassdome("test-vm --timeout 3").expect(8).says("unable to find configuration file for VM 9000");
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 9001]);
    assert!(stage.entries().is_empty());
}

#[test]
fn a_vm_that_another_user_took_over_is_not_destroyed() {
    let (sandbox, stage) = scene(&[Fault::VmChangedByOthers]);
    stage.glassdome("test-vm").expect(10).says("was changed after it was created");
    let destroyed = sandbox.seen().iter().filter(|seen| seen.method == "DELETE").count();
    assert_eq!(destroyed, 0, "nothing was to be destroyed");
    assert!(Admin::of(&sandbox).vmids().contains(&100));
    stage.glassdome("cleanup").expect(0).shows("does not match its journal entry");
    assert!(Admin::of(&sandbox).vmids().contains(&100));
    assert!(stage.entries().is_empty());
}

#[test]
fn a_lock_that_another_user_holds_is_waited_for() {
    let (sandbox, stage) = scene(&[Fault::Locked]);
    sandbox.edit(|cluster| cluster.patience = Duration::from_millis(300));
    stage.glassdome("test-vm").expect(0);
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
}

#[test]
fn a_server_that_is_away_for_a_second_is_waited_for() {
    for fault in [Fault::RestartInClone, Fault::NodeLost] {
        nothing_is_forgotten(&[fault], &[0]);
    }
}

#[test]
fn a_crowd_of_vms_is_no_hindrance() {
    let (_sandbox, stage) = scene(&[Fault::ManyVms]);
    stage.glassdome("setup --no-input --skip-test-vm").expect(0);
    stage.glassdome("doctor").expect(0);
}

#[test]
fn a_clock_that_is_a_day_off_is_reported() {
    let (_sandbox, stage) = scene(&[Fault::ClockAhead]);
    stage.glassdome("doctor").expect(0).shows("behind that of the server").shows("timedatectl");
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn whatever_a_server_sends_no_terminal_obeys_it() {
    let (sandbox, stage) = scene(&[Fault::Escapes]);
    for line in ["doctor", "doctor -o json", "test-vm", "test-vm -o json", "setup --no-input -vv", "cleanup"] {
        let outcome = stage.glassdome(line);
        assert!(outcome.code != 0 || line == "cleanup", "{line}");
        for text in [&outcome.results, &outcome.stderr] {
            let strange = text.chars().find(|it| it.is_control() && *it != '\n');
            assert_eq!(strange, None, "{line}: {text:?}");
        }
    }
    assert_eq!(sandbox.seen().iter().filter(|seen| seen.path.ends_with("/clone")).count(), 0);
}

#[test]
fn a_proxy_that_asks_for_patience_is_distinguished() {
    for (status, words) in [(429, "limits the number of requests"), (500, "reverse proxy"), (503, "reverse proxy")] {
        let (_sandbox, stage) = scene(&[Fault::Gateway(status)]);
        stage.glassdome("test-vm -v").expect(9).says(&status.to_string()).says(words);
    }
}

#[test]
fn a_certificate_that_changes_in_the_middle_of_a_clone_ends_the_run_and_the_vm_is_named() {
    // The restart breaks every connection; the next handshake meets another certificate.
    let (sandbox, stage) = scene(&[Fault::RestartInClone, Fault::ChangedCertificate(12)]);
    let pin = glassdome::model::Fingerprint::new(sandbox.fingerprint());
    let settings = stage.read(".env");
    stage.write(".env", &settings.replace("PROXMOX_CA_FILE=proxmox-ca.pem", &format!("PROXMOX_FINGERPRINT={pin}")));
    stage.glassdome("test-vm --timeout 5 --connect-timeout 2").expect(10).says("has changed").says("VM 100");
    assert_eq!(stage.entries().len(), 1);
    sandbox.clear_faults();
    stage.glassdome("cleanup").expect(0);
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
    assert!(stage.entries().is_empty());
}

#[test]
fn said_twice_verbose_shows_every_call_and_said_once_every_second_try() {
    let (_sandbox, stage) = scene(&[]);
    let stderr = stage.glassdome("doctor -vv").expect(0).says("GET /nodes/pve/qemu/9000/config 200, ").stderr;
    assert!(!stage.glassdome("doctor -v").expect(0).stderr.contains("GET /"), "{stderr}");
    let (_sandbox, stage) = scene(&[Fault::RestartInClone]);
    stage.glassdome("test-vm -vv").expect(0).says("POST /nodes/pve/qemu/9000/clone 200, ");
}

#[test]
fn a_proxy_that_replaces_the_reason_phrases_of_an_older_server_hides_no_vm_that_is_gone() {
    // Before Proxmox VE 8.4 the words stand nowhere else.
    for version in ["8.0.3", "8.2.2", "8.4.14", "9.2.11"] {
        let options = Options { pve_version: version.to_owned(), faults: vec![Fault::StandardPhrases], ..quick() };
        let (sandbox, stage) = test_env::scene(options);
        stage.glassdome("test-vm").expect(0);
        assert_eq!(Admin::of(&sandbox).vmids(), WORLD, "{version}");
        assert!(stage.entries().is_empty(), "{version}");
        stage.glassdome("test-vm --template 4711").expect(8).says("template 4711 does not exist");
    }
}
