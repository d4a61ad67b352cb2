//! The recorded exchanges, played again in the world that they were recorded in and compared.

use std::collections::BTreeSet;
use std::time::Duration;

use glassdome::sandbox::auth::{Entry, Release, Subject};
use glassdome::sandbox::cluster::{Cluster, Download};

use serde_json::json;

use crate::support::recorded::{RELEASE, Recordings, add_disk, add_vm};
use crate::support::replay_client::Replay;
use crate::wire;

/// How many recordings must be played at least.
const LEAST: usize = 300;

/// The token of most recordings.
const APEX: &str = "apex@pve!glassdome-token";

/// The token with the fewest rights.
const MIN: &str = "min@pve!tt";

/// What is played in one world, in its order.
type Play = fn(&mut Replay<'_>);

/// Everything that is played.
const PLAYS: &[Play] = &[
    reads,
    credentials,
    identities,
    refused_clones,
    clones,
    lost_race,
    slow_clone,
    killed_clone,
    changes,
    destruction,
    power,
    snapshots,
    creation,
    downloads,
    few_rights,
    json_bodies,
    locks,
    pool_confined,
    late_lists,
];

/// What is not played, each with the reason.
const LEFT_OUT: &[(&str, &str)] = &[
    ("accept-encoding-gzip", "answers are never packed here, and the client never asks for it"),
    ("clone-full-FAILED-qemuimg", "the server's qemu-img lacked a driver"),
    ("clone-full-FAILED-qemuimg-task-log", "the server's qemu-img lacked a driver"),
    ("clone-full-FAILED-qemuimg-task-status-running", "the server's qemu-img lacked a driver"),
    ("clone-full-FAILED-qemuimg-task-status-stopped", "the server's qemu-img lacked a driver"),
    ("clone-of-running-vm-default-task-log", "the server's qemu-img lacked a driver"),
    ("clone-of-running-vm-default-task-status", "the server's qemu-img lacked a driver"),
    ("clone-of-running-vm-full-task-status", "the server's qemu-img lacked a driver"),
    ("keepalive-details", "it is a table of figures, not an exchange"),
    ("nextid-race-observation", "it is a table, not an exchange"),
    ("pmxcfs-down-clone", "the cluster file system was down"),
    ("pmxcfs-down-qemu-list", "the cluster file system was down"),
    ("pmxcfs-down-resources", "the cluster file system was down"),
    ("pmxcfs-down-version", "the cluster file system was down"),
    ("pvedaemon-down-login", "the daemon was down"),
    ("query-url-metadata-refused", "the call is not served"),
    ("root-path-html", "the recorded server had lost the page of its web interface"),
    ("task-log-download", "the answer is a packed file"),
    ("tfa-add-totp", "the call is not served"),
    ("tls-details", "it is what another program says of the handshake, not an exchange"),
    ("token-create-ok", "the token that most recordings use was made by it"),
    ("vm-cloudinit-dump", "the call is not served"),
    ("vm-start-task-log", "its task was started before the recordings began"),
];

#[test]
fn recorded_exchanges_are_answered_alike() {
    let recordings = Recordings::load();
    let mut played: BTreeSet<String> = BTreeSet::new();
    let mut differences = Vec::new();
    for play in PLAYS {
        let mut replay = Replay::new(&recordings, recordings.cluster(recordings.access(RELEASE)));
        play(&mut replay);
        played.append(&mut replay.played);
        differences.append(&mut replay.differences);
    }
    let mut old = recordings.access(Release { major: 9, minor: 1, patch: 4 });
    recordings.add_later(&mut old);
    let mut replay = Replay::new(&recordings, recordings.cluster(old));
    let before: Vec<&str> =
        recordings.0.keys().map(String::as_str).filter(|name| name.starts_with("pre915-")).collect();
    replay.play(&before.join(" "));
    played.append(&mut replay.played);
    differences.append(&mut replay.differences);
    for difference in &differences {
        println!("{difference}");
    }
    let over_the_wire = recordings.0.keys().filter(|name| wire::plays(name));
    played.extend(over_the_wire.cloned());
    let left_out: BTreeSet<&str> = LEFT_OUT.iter().map(|(name, _)| *name).collect();
    for (name, why) in LEFT_OUT {
        println!("left out: {name}: {why}");
        assert!(recordings.0.contains_key(*name), "no recording {name}");
        assert!(!played.contains(*name), "{name} is played and left out");
    }
    let forgotten: Vec<&String> =
        recordings.0.keys().filter(|name| !played.contains(*name) && !left_out.contains(name.as_str())).collect();
    println!("{} recordings, {} played, {} left out", recordings.0.len(), played.len(), left_out.len());
    assert!(differences.is_empty(), "{} differences", differences.len());
    assert!(forgotten.is_empty(), "neither played nor left out: {forgotten:#?}");
    assert!(played.len() >= LEAST);
}

fn running(cluster: &mut Cluster, vmid: u32) {
    let vm = cluster.vms.get_mut(&vmid).unwrap();
    vm.power = glassdome::sandbox::cluster::Power::Running(Duration::ZERO);
}

/// A finished full clone comes first: its task is what many recordings read.
fn reads(replay: &mut Replay<'_>) {
    replay.play("clone-full-ok");
    replay.is_last_task("clone-full-ok-task-status-running");
    replay.play("clone-full-ok-task-status-running");
    replay.finish();
    replay.play("clone-full-ok-task-log clone-full-ok-task-status");
    replay.is_last_task("task-index");
    replay.play(
        "task-index task-log-limit-0 task-log-paged-1 task-log-paged-2 task-log-beyond-end \
         task-log-download-with-limit task-log-unknown task-status-invalid task-delete-unknown task-delete-finished \
         task-delete-foreign-user task-log-foreign-user task-status-foreign-user task-status-privsep-sibling-token \
         clone-full-ok-task-status-stopped node-tasks node-tasks-vmid node-tasks-source-active cluster-tasks \
         privsep-noacl-tasks",
    );
    replay.edit(|cluster| {
        running(cluster, 101);
        cluster.certificates = json!([{
            "filename": "pve-root-ca.pem", "pem": "", "subject": "", "issuer": "", "fingerprint": "", "notbefore": 0,
            "notafter": 0, "san": [], "public-key-type": "", "public-key-bits": 4096,
        }, {
            "filename": "pve-ssl.pem", "pem": "", "subject": "", "issuer": "", "fingerprint": "", "notbefore": 0,
            "notafter": 0, "san": ["pve"], "public-key-type": "", "public-key-bits": 2048,
        }]);
    });
    replay.play(
        "certificates-info-noacl pvedaemon-down-version version-good-token node-version nodes nextid nextid-free nextid-taken nextid-not-int qemu-list qemu-list-full \
         resources-all resources-vm bad-node-name cluster-status feature-clone feature-clone-non-template \
         feature-clone-noacl node-index node-network node-network-bridges node-status root-index storage-cfg \
         storage-content storage-content-import storage-content-unknown storage-list storage-list-images storage-status \
         unknown-api-path unknown-api-path-under-node unknown-node unknown-node-status unknown-node-version \
         vm-config-vmid-not-int vm-config vm-status-template trailing-slash api2-json-only method-put-on-get-only \
         unknown-query-param-get node-resolvable-but-unreachable node-resolvable-but-refused-post utf8-in-error \
         version-encoded-api-path certificates-info-no-auth pools acl roles",
    );
    replay.play(
        "privsep-noacl-clone privsep-noacl-clone-missing privsep-noacl-delete privsep-noacl-domains \
         privsep-noacl-nextid privsep-noacl-permissions privsep-noacl-qemu-list privsep-noacl-resources \
         privsep-noacl-storage-list privsep-noacl-users privsep-noacl-version privsep-noacl-vm-config \
         privsep-noacl-vm-config-missing",
    );
}

fn credentials(replay: &mut Replay<'_>) {
    replay.play(
        "version-no-auth version-wrong-secret version-secret-not-uuid version-unknown-token version-unknown-user \
         version-unknown-realm version-expired-token version-header-garbage version-header-no-equals \
         version-header-bearer version-header-lowercase-scheme version-header-quoted \
         version-header-trailing-newlineish version-token-colon-form version-bad-ticket-cookie version-disabled-user \
         version-expired-user ticket-get ticket-tfa-ticket-used-as-auth ticket-post-no-csrf ticket-post-bad-csrf \
         ticket-cookie-raw-unencoded ticket-in-authorization-header password-change-via-token",
    );
}

/// What was asked of the server as it was at first.
const EARLY: &str = "domains-no-auth permissions-good-token permissions-good-token-path users-get-self-via-token \
    ticket-get-endpoint ticket-ok ticket-ok-realm-param ticket-json-body ticket-root-pam-ok ticket-root-pam-wrong \
    ticket-wrong-password ticket-no-realm ticket-disabled-user ticket-expired-user ticket-empty-body \
    ticket-missing-password ticket-needtfa ticket-tfa-step2-ok ticket-tfa-step2-code-reuse \
    ticket-renew-with-ticket-as-password token-create-privsep0 token-create-privsep-default token-list token-get \
    token-put token-regenerate token-delete token-delete-missing token-put-missing token-create-invalid-name-digit \
    token-create-invalid-name token-create-name-1char token-create-negative-expire token-create-unknown-param \
    token-create-bad-userid token-create-for-unknown-user token-create-for-unknown-user-as-root \
    token-create-via-privsep-token token-get-via-own-token token-get-via-privsep-token token-list-via-own-token \
    token-get-encoded-user";

/// What was asked later, of users made for the purpose.
const LATER: &str = "ticket-and-token-both-valid role-create-ok role-create-exists role-create-unknown-privilege \
    role-create-reserved-name role-get role-get-missing role-append-privs user-create-ok user-create-exists \
    user-create-unknown-realm user-create-short-password user-get user-get-missing group-create-ok group-create-exists \
    user-join-group pool-create-ok pool-create-exists acl-put-user-ok acl-put-storage-ok acl-put-bad-path \
    acl-put-unknown-role acl-put-unknown-user acl-put-unknown-token acl-put-nobody \
    acl-put-with-token-without-permissions-modify token-create-own-by-plain-user token-regenerate-own-by-plain-user \
    version-old-secret-after-regenerate token-list-own-by-plain-user token-create-own-privsep0-by-plain-user";

/// What the token did that a user had made for itself.
const BY_THE_TOKEN: &str = "token-get-itself-without-user-modify token-regenerate-itself-without-user-modify \
    token-delete-itself-without-user-modify user-get-self-via-token-without-audit role-create-by-plain-user \
    user-create-by-plain-user acl-put-by-vmadmin-vms acl-put-by-vmadmin-vm-9000-subset \
    acl-put-by-vmadmin-vm-9000-not-a-subset acl-put-by-vmadmin-storage-local-subset acl-put-by-vmadmin-storage-root \
    acl-put-by-vmadmin-bridge acl-put-by-vmadmin-node acl-get-by-plain-user users-get-by-plain-user \
    permissions-of-own-token-by-user permissions-of-own-user-by-token";

fn identities(replay: &mut Replay<'_>) {
    replay.play(EARLY);
    replay.add_later();
    replay.play(LATER);
    replay.play(BY_THE_TOKEN);
    replay.edit(|cluster| cluster.access.acl.forget_holders(|holder| *holder != Subject::User("min@pve".into())));
    replay.edit(|cluster| cluster.access.grant("rv1@pve", "/", "Administrator"));
    replay.play("shadow-1-administrator-on-root shadow-2-grant-own-role-on-vms shadow-3-after");
    replay.edit(|cluster| {
        cluster.access.acl.forget_holders(|holder| *holder == Subject::User("rv1@pve".into()));
        let holder = Subject::Group("rvg".into());
        cluster.access.acl.set(Entry { path: "/".into(), holder, role: "Administrator".into(), propagate: true });
    });
    replay.play("shadow-4-administrator-by-group");
    replay.edit(|cluster| cluster.access.grant("rv1@pve", "/", "PVEAuditor"));
    replay.play(
        "shadow-5-own-entry-beside-group acl-after-vm-delete cleanup-users-delete cleanup-groups-delete \
         cleanup-pools-delete cleanup-roles-delete",
    );
}

fn refused_clones(replay: &mut Replay<'_>) {
    replay.play(
        "clone-existing-newid clone-full-bad-format clone-full-not-bool clone-full-unknown-storage clone-invalid-name \
         clone-linked-with-format clone-linked-with-storage clone-missing-newid clone-missing-vmid \
         clone-name-underscore clone-newid-equals-source clone-newid-too-large clone-newid-too-small clone-unknown-node \
         clone-unknown-pool clone-unknown-snapshot clone-unknown-target-node clone-linked-of-non-template",
    );
    replay.edit(|cluster| cluster.set_option(102, "lock", "backup"));
    replay.play("clone-locked-source");
}

fn clones(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        cluster.vms.remove(&101).unwrap();
        cluster.storages.get_mut("local").unwrap().volumes.retain(|_, volume| volume.vmid != Some(101));
    });
    replay.play("clone-linked-ok clone-linked-ok-task-status-running");
    replay.finish();
    replay.play("clone-linked-ok-task-status-stopped clone-linked-ok-task-log");
    replay.play(
        "+clone-full-of-stopped-vm clone-full-of-stopped-vm-task-status +clone-default-mode-of-non-template \
         clone-default-mode-of-non-template-task-log +clone-default-mode-of-template \
         clone-default-mode-of-template-task-log clone-default-mode-of-template-task-status +clone-name-64 \
         clone-name-64-task-log clone-name-64-task-status",
    );
    replay.call(APEX, "POST", "/nodes/pve/qemu/9000/clone", &format!("newid=166&description={}", "x".repeat(8193)));
    replay.finish();
    replay.is_last_task("clone-description-8193-task-status");
    replay.play("clone-description-8193-task-status");
    for number in 0..4 {
        let name = format!("clone-parallel-{number}-task-status");
        replay.call(APEX, "POST", "/nodes/pve/qemu/9000/clone", &format!("newid={}", 180 + number));
        replay.is_last_task(&name);
    }
    replay.finish();
    replay.play(
        "clone-parallel-0-task-status clone-parallel-1-task-status clone-parallel-2-task-status \
         clone-parallel-3-task-status",
    );
    replay.edit(|cluster| drop(cluster.vms.remove(&166)));
    replay.edit(|cluster| running(cluster, 101));
    replay.play(
        "+clone-of-running-vm-full +clone-of-running-vm-default \
         clone-of-running-vm-linked",
    );
}

/// Six clones wanted the same number at once; the first that got it held its lock longer than the others waited.
fn lost_race(replay: &mut Replay<'_>) {
    replay.edit(|cluster| assert!(cluster.locked_vms.insert(170)));
    replay.play("clone-race-same-newid-1");
    replay.wait(Duration::from_secs(11));
    replay.play("clone-race-same-newid-1-task-status clone-race-same-newid-1-task-log");
    replay.edit(|cluster| assert!(cluster.locked_vms.remove(&170)));
    replay.call(APEX, "POST", "/nodes/pve/qemu/9000/clone", "newid=170&full=1&name=race0");
    replay.finish();
    replay.is_last_task("clone-race-same-newid-0-task-status");
    replay.play("clone-race-same-newid-0-task-status clone-race-same-newid-0-task-log");
}

fn slow_clone(replay: &mut Replay<'_>) {
    replay.play("clone-full-slow");
    replay.wait(Duration::from_secs(2));
    replay.play(
        "clone-slow-task-status-running clone-slow-task-log-running clone-slow-tasks-active \
         clone-slow-target-config-while-running clone-slow-target-status-while-running nextid-200-while-cloning \
         vm-config-put-while-being-cloned vm-start-while-being-cloned vm-delete-while-being-cloned \
         clone-source-delete-while-cloning",
    );
    replay.wait(Duration::from_secs(11));
    replay.play(
        "clone-source-delete-while-cloning-task-log clone-second-from-template-while-cloning task-abort-running-clone \
         task-abort-log-after task-abort-status-after task-abort-target-config-after",
    );
    replay.finish();
    replay.play("clone-second-from-template-while-cloning-task-status");
}

fn killed_clone(replay: &mut Replay<'_>) {
    replay.play("clone-full-slow2");
    replay.wait(Duration::from_secs(1));
    replay.edit(|cluster| {
        let upid = cluster.tasks.last().unwrap().upid.clone();
        cluster.kill_worker(&upid, Duration::from_secs(1));
    });
    replay.play("task-killed9-status task-killed9-target-config vm-config-unlock-as-token task-killed9-list");
    replay.call("root@pam", "DELETE", "/nodes/pve/qemu/202", "skiplock=1");
    replay.finish();
    replay.is_last_task("vm-delete-locked-skiplock-as-root-ticket-task-log");
    replay.play("vm-delete-locked-skiplock-as-root-ticket-task-log");
}

fn changes(replay: &mut Replay<'_>) {
    replay.edit(|cluster| running(cluster, 101));
    replay.play(
        "vm-pending vm-config-bad-digest vm-config-bad-memory vm-config-bad-name vm-config-bad-tag vm-config-delete-key \
         vm-config-no-params vm-config-running-pending vm-config-tags vm-config-unknown-key vm-pending-running \
         +vm-rename-post-async vm-rename-post-async-task-log vm-rename-put-sync +vm-resize-ok vm-resize-ok-task-log \
         vm-resize-ok-task-status +vm-resize-shrink vm-resize-shrink-task-log vm-resize-shrink-task-status \
         body-64k-plus body-no-content-type",
    );
}

fn destruction(replay: &mut Replay<'_>) {
    replay.play("+clone-full-of-stopped-vm +clone-default-mode-of-non-template +clone-default-mode-of-template");
    replay.edit(|cluster| running(cluster, 101));
    replay.play(
        "vm-delete-nonexistent vm-delete-running +vm-delete-template-with-linked-clones \
         vm-delete-template-with-linked-clones-task-status +vm-delete-linked-clone vm-delete-linked-clone-task-log \
         vm-delete-linked-clone-task-status +vm-delete-ok vm-delete-ok-task-log vm-delete-ok-task-status \
         +vm-delete-ok-purge vm-delete-ok-purge-task-status vm-delete-unknown-param +content-delete-missing \
         content-delete-missing-task-log content-delete-missing-task-status +content-delete-missing-encoded \
         content-delete-missing-encoded-task-log content-delete-missing-encoded-task-status",
    );
    replay.edit(|cluster| add_vm(cluster, 100, "rv-again", "100/vm-100-disk-0.qcow2"));
    replay.edit(|cluster| add_disk(cluster, 100, "100/vm-100-disk-7.qcow2", None));
    replay.play(
        "orphan-disk-survives-plain-delete +vm-delete-with-destroy-unreferenced \
         orphan-disk-lost-with-destroy-unreferenced",
    );
}

fn power(replay: &mut Replay<'_>) {
    replay.play(
        "+vm-start-101 vm-start-101-task-log vm-start-101-task-status +vm-start-already-running +vm-start-template \
         vm-start-template-task-log +vm-start-missing vm-start-missing-task-log vm-start-missing-task-status \
         +vm-stop-stopped vm-stop-stopped-task-log vm-stop-stopped-task-status agent-net-not-running \
         +vm-shutdown-timeout vm-shutdown-timeout-task-status +vm-shutdown-forcestop vm-shutdown-forcestop-task-log \
         vm-shutdown-forcestop-task-status agent-net-vm-stopped +vm-start-ok vm-start-ok-task-log \
         vm-start-ok-task-status vm-status-current-running template-convert-running +vm-reset vm-reset-task-log \
         vm-reset-task-status",
    );
    replay.call(APEX, "POST", "/nodes/pve/qemu/101/status/reboot", "timeout=3");
    replay.finish();
    replay.is_last_task("vm-reboot-timeout-task-status");
    replay.play("vm-reboot-timeout-task-status vm-reboot-timeout-task-log");
    replay.play("vm-config-delete-key vm-config-tags");
    replay.call(APEX, "POST", "/nodes/pve/qemu/101/status/suspend", "");
    replay.finish();
    replay.is_last_task("vm-suspend-task-status");
    replay.play(
        "vm-suspend-task-status vm-status-paused qemu-list-paused-vm resources-paused-vm +vm-resume vm-resume-task-log \
         vm-resume-task-status +vm-stop-ok vm-stop-ok-task-log vm-stop-ok-task-status +vm-start-101 +vm-stop-101 \
         vm-stop-101-task-log vm-stop-101-task-status",
    );
}

fn snapshots(replay: &mut Replay<'_>) {
    replay.play(
        "+vm-snapshot vm-snapshot-task-log vm-snapshot-task-status vm-clone-linked-from-snapshot \
         template-convert-with-snapshot template-convert-already-template template-convert-missing +vm-delsnapshot \
         vm-delsnapshot-task-log",
    );
    replay.play("+vm-snapshot");
    replay.call(APEX, "POST", "/nodes/pve/qemu/102/clone", "newid=103&snapname=s1&full=1");
    replay.finish();
    replay.is_last_task("vm-clone-full-from-snapshot-task-log");
    replay.edit(|cluster| running(cluster, 101));
    replay.play("vm-clone-full-from-snapshot-task-log vm-snapshot-running");
    replay.finish();
    replay.edit(|cluster| cluster.set_option(101, "lock", "snapshot"));
    replay.call(APEX, "DELETE", "/nodes/pve/qemu/101/snapshot/s1", "");
    replay.is_last_task("vm-delsnapshot-2-task-status");
    replay.play("vm-delsnapshot-2-task-status vm-delsnapshot-2-task-log");
    let content = "/nodes/pve/storage/local/content/local:9000/base-9000-disk-0.qcow2";
    replay.call(APEX, "DELETE", content, "");
    replay.is_last_task("content-delete-in-use-base-task-status");
    replay.play("content-delete-in-use-base-task-status content-delete-in-use-base-task-log");
}

fn creation(replay: &mut Replay<'_>) {
    replay.play(
        "vm-create-bad-net vm-create-no-vmid vm-create-unknown-storage +vm-create-unknown-bridge \
         vm-create-unknown-bridge-task-log vm-create-unknown-bridge-task-status +vm-create-start-unknown-bridge \
         vm-create-start-unknown-bridge-task-log vm-create-start-unknown-bridge-task-status \
         +vm-create-import-from-volume vm-create-import-from-volume-task-log vm-create-import-from-volume-task-status \
         vm-create-import-from-abs-path-as-token +vm-create-import-from-missing vm-create-import-from-missing-task-log \
         vm-create-import-from-missing-task-status vm-create-args-as-token +vm-create-fails-midway \
         vm-create-fails-midway-config-after vm-create-fails-midway-task-log vm-create-fails-midway-task-status \
         vm-create-hookscript-as-token vm-create-import-size-nonzero vm-create-pool-missing +vm-create-start-1 \
         vm-create-start-1-task-log vm-create-start-1-task-status vm-create-physical-cdrom-403 \
         +vm-create-with-cloudinit vm-create-with-cloudinit-task-status vm-config-with-cloudinit \
         vm-config-sshkeys-encoded-plus vm-config-sshkeys-not-encoded",
    );
    replay.call(APEX, "POST", "/nodes/pve/qemu", "vmid=310&memory=64&net0=e1000,bridge=vmbr0,mtu=1400");
    replay.finish();
    replay.play(
        "+vm-start-with-warnings vm-start-with-warnings-task-log vm-start-with-warnings-task-status \
         node-tasks-with-warnings node-tasks-filter-errors node-tasks-statusfilter-warning",
    );
    replay.edit(|cluster| cluster.access.acl.forget_holders(|_| true));
    for role in ["PVEVMAdmin", "PVEDatastoreAdmin"] {
        replay.edit(|cluster| cluster.access.grant("apex@pve", "/", role));
    }
    replay.edit(|cluster| drop(cluster.vms.remove(&9000)));
    replay.play("vm-create-403-no-sdn-use");
    replay.edit(|cluster| cluster.access.grant("apex@pve", "/", "PVESDNUser"));
    replay.play("+vm-create-9000 linked-clone-of-non-template +template-convert-ok template-convert-tasklog");
}

fn downloads(replay: &mut Replay<'_>) {
    replay.add_later();
    replay.edit(|cluster| {
        let sum = "2201a12ca85b40afd3b8ace84bb2023b19f8997e14d7aae90bc805a24b3aa7f3";
        let file = Download::File { size: 314_900_480, checksum: Some(sum.to_owned()) };
        cluster.downloads.insert("http://127.0.0.1:8099/web.qcow2".to_owned(), file);
        cluster.downloads.insert("http://127.0.0.1:8099/nope.qcow2".to_owned(), Download::Missing);
    });
    replay.play(
        "+download-url-bad-filename download-url-bad-filename-task-status download-url-checksum-without-alg \
         +download-url-connection-refused download-url-connection-refused-task-log \
         +download-url-import-connection-refused download-url-import-connection-refused-task-status \
         download-url-import-img-ext download-url-missing-params download-url-unknown-storage +download-url-dns-failure \
         download-url-dns-failure-task-log download-url-dns-failure-task-status +download-url-404 \
         download-url-404-task-log download-url-404-task-status +download-url-ok download-url-ok-task-log \
         download-url-ok-task-status +download-url-already-exists download-url-already-exists-task-status \
         +download-url-checksum-mismatch download-url-checksum-mismatch-task-log \
         download-url-checksum-mismatch-task-status",
    );
    replay.play("upload-no-permission upload-wrong-ext +upload-iso-ok upload-iso-ok-task-status");
    // The call itself was not recorded a second time: only what its task says.
    let temporary = replay.send_file(&[b'X'; 2048]);
    let form = format!("content=iso&filename=lab.iso&tmpfilename={temporary}");
    replay.call("apex@pve!glassdome-token", "POST", "/nodes/pve/storage/local/upload", &form);
    replay.finish();
    replay.is_last_task("upload-iso-again-task-log");
    replay.play(
        "upload-iso-again-task-log upload-iso-again-task-status +upload-import-qcow2-invalid \
         upload-import-qcow2-invalid-task-log upload-import-qcow2-invalid-task-status",
    );
}

/// The rights of `min@pve`, one after the other.
fn few_rights(replay: &mut Replay<'_>) {
    replay.add_later();
    replay.play("priv-pool-get");
    replay.edit(|cluster| cluster.access.acl.forget_holders(|holder| *holder == Subject::User("min@pve".into())));
    let grant =
        |replay: &mut Replay<'_>, path: &str, privileges: &str| replay.grant_privileges("min@pve", path, privileges);
    grant(replay, "/vms/9000", "VM.Clone");
    replay.play("priv-clone-1-VM.Clone-on-template");
    grant(replay, "/vms/400", "VM.Allocate");
    replay.play("priv-clone-2-plus-VM.Allocate-on-newid");
    grant(replay, "/storage/local", "Datastore.AllocateSpace");
    replay.play("priv-clone-3-plus-Datastore.AllocateSpace");
    grant(replay, "/sdn/zones/localnetwork/vmbr0", "SDN.Use");
    replay.call(MIN, "POST", "/nodes/pve/qemu/9000/clone", "newid=400&full=0");
    replay.finish();
    replay.play("priv-config-after-clone");
    grant(replay, "/vms/400", "VM.Audit");
    replay.play("priv-config-with-Audit priv-rename-without-Config");
    grant(replay, "/vms/400", "VM.Config.Options");
    replay.play("priv-rename-with-Config.Options priv-memory-with-only-Config.Options priv-start-without-PowerMgmt");
    grant(replay, "/vms/400", "VM.PowerMgmt");
    replay.play("+priv-start-with-PowerMgmt");
    replay.call(MIN, "POST", "/nodes/pve/qemu/400/status/stop", "");
    replay.finish();
    replay.play("+priv-delete-with-Allocate priv-template-config-without-Audit");
    grant(replay, "/vms/401", "VM.Allocate");
    replay.play("+priv-clone-full-with-min");
    replay.play(
        "priv-cluster-tasks priv-network-list priv-node-tasks priv-nodes priv-version +priv-delete-without-Audit",
    );
    replay.play("priv-qemu-list");
    replay.edit(|cluster| cluster.access.grant("min@pve", "/pool/labpool", "LPool"));
    replay.play("+priv-clone-into-pool +priv-pool-vm-delete");
    replay.edit(|cluster| cluster.access.grant("apex@pve!sep", "/vms", "PVEVMAdmin"));
    replay.play("privsep-acl-on-vms-clone privsep-acl-on-vms-permissions");
    replay.call(MIN, "POST", "/nodes/pve/qemu/9000/clone", "newid=401&full=0&pool=labpool");
    replay.finish();
    replay.is_last_task("task-status-of-token-task-by-owning-user-ticket");
    replay.play("task-status-of-token-task-by-owning-user-ticket");
    replay.call("min@pve", "DELETE", "/nodes/pve/qemu/401", "");
    replay.finish();
    replay.is_last_task("task-status-of-user-task-by-own-token");
    replay.play("task-status-of-user-task-by-own-token");
}

fn json_bodies(replay: &mut Replay<'_>) {
    replay.play(
        "+json-clone-false json-clone-false-task-log json-clone-false-task-status +json-clone-true \
         json-clone-true-task-log json-config-500 json-config-put-array json-config-put-null json-charset-content-type \
         +params-in-query-on-post params-in-query-and-body-on-put",
    );
}

fn locks(replay: &mut Replay<'_>) {
    replay.play("+vm-rename-post-async vm-config-tags pvedaemon-down-resources +vm-start-task-fails");
    replay.edit(|cluster| cluster.set_option(102, "lock", "backup"));
    replay.edit(|cluster| assert!(cluster.vms.get_mut(&102).unwrap().config.remove("serial0")));
    replay.play("+vm-delete-locked-backup vm-delete-locked-backup-task-log vm-delete-locked-backup-task-status vm-status-locked");
    replay.call(APEX, "POST", "/nodes/pve/qemu/102/status/start", "");
    replay.is_last_task("vm-start-locked-backup-task-log");
    replay.play("vm-start-locked-backup-task-log vm-start-locked-backup-task-status");
}

/// A protected template with a tagged card, and a user that is confined to a pool.
fn pool_confined(replay: &mut Replay<'_>) {
    replay.add_later();
    replay.edit(|cluster| {
        add_disk(cluster, 7700, "7700/base-7700-disk-0.raw", None);
        add_vm(cluster, 7700, "rv-tmpl", "7700/base-7700-disk-0.raw");
        for option in ["agent", "serial0", "scsihw", "ostype", "cores"] {
            cluster.vms.get_mut(&7700).unwrap().config.remove(option);
        }
        let options = [("template", "1"), ("protection", "1"), ("onboot", "1"), ("tags", "prod"), ("memory", "64")];
        for (option, value) in options {
            cluster.set_option(7700, option, value);
        }
        cluster.set_option(7700, "net0", "virtio=BC:24:11:00:00:01,bridge=vmbr0,tag=100");
    });
    replay.play(
        "+clone-of-protected-template clone-of-protected-template-config vm-delete-protected vm-unprotect \
         +vm-delete-after-unprotect",
    );
    replay.edit(|cluster| {
        cluster.access.users.insert("rv1@pve".to_owned(), glassdome::sandbox::auth::User::default());
        cluster.access.pools.insert("rvpool".to_owned(), glassdome::sandbox::auth::Pool::default());
    });
    replay.add_recorded_token("rv1@pve", "full");
    replay.grant_privileges("rv1@pve", "/pool/rvpool", "VM.Allocate,VM.Audit,VM.PowerMgmt");
    replay.grant_privileges("rv1@pve", "/vms/7700", "VM.Clone,VM.Audit");
    replay.grant_privileges("rv1@pve", "/storage/local", "Datastore.AllocateSpace");
    replay.play("clone-tagged-bridge-without-propagation");
    replay.grant_privileges("rv1@pve", "/sdn/zones/localnetwork/vmbr0", "SDN.Use");
    replay.play("+clone-tagged-bridge-into-pool qemu-list-by-pool-confined vm-delete-foreign-by-pool-confined");
}

/// Lists know of a new VM what its node has reported: for up to ten seconds that it is there.
fn late_lists(replay: &mut Replay<'_>) {
    replay.edit(|cluster| {
        cluster.set_option(102, "tags", "glassdome;lab");
        cluster.report_every = Some(Duration::from_secs(10));
    });
    replay.play("vm-config");
    replay.call(APEX, "POST", "/nodes/pve/qemu/9000/clone", "newid=510&full=0");
    replay.finish();
    replay.play("resources-right-after-clone");
    replay.wait(Duration::from_secs(10));
    replay.edit(|cluster| {
        running(cluster, 101);
        assert!(cluster.vms.get_mut(&102).unwrap().config.remove("tags"));
        cluster.report_every = Some(Duration::from_secs(1));
    });
    replay.call(APEX, "POST", "/nodes/pve/qemu/9000/clone", "newid=200&full=1");
    replay.wait(Duration::from_secs(2));
    replay.play("clone-slow-resources-while-running");
}
