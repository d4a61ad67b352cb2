//! `glassdome test-vm`: what it proves, what it says when it cannot, and that it leaves nothing behind.

use glassdome::sandbox::Sandbox;

use crate::support::admin::Admin;
use crate::support::test_env::{TestEnv, quick, scene};

/// The VMs of the standard world.
const WORLD: [u64; 3] = [101, 9000, 9001];

/// A sandbox, a stage that points at it, and what was there before.
/// Fails unless the sandbox is as it was, the journal empty, and the settings untouched.
#[track_caller]
fn nothing_is_left(sandbox: &Sandbox, stage: &TestEnv, settings: &str) {
    assert_eq!(Admin::of(sandbox).vmids(), WORLD);
    assert!(stage.entries().is_empty(), "{:?}", stage.entries());
    assert_eq!(stage.read(".env"), settings);
}

#[test]
fn the_sandbox_in_process_gives_a_receipt() {
    let outcome = TestEnv::new().glassdome("test-vm --sandbox -o json").expect(0);
    let receipt = outcome.json();
    assert_eq!(receipt["schema"], "glassdome.test-vm/1");
    assert_eq!(receipt["ok"], true);
    assert_eq!(receipt["token"], "apex@pve!glassdome-token");
    assert_eq!(
        (&receipt["node"], &receipt["template"], &receipt["mode"]),
        (&"pve".into(), &9000.into(), &"linked".into())
    );
    assert_eq!(receipt["storage"], "local-lvm");
    let steps: Vec<&str> =
        receipt["steps"].as_array().unwrap().iter().filter_map(|step| step["name"].as_str()).collect();
    assert_eq!(steps, ["preflight", "clone", "check", "start", "stop", "destroy"]);
    assert!(receipt["steps"][1]["upid"].as_str().unwrap().starts_with("UPID:pve:"));
    assert_eq!(receipt["left_behind"], serde_json::Value::Null);
}

#[test]
fn the_test_vm_leaves_nothing_on_the_server() {
    let (sandbox, stage) = scene(quick());
    let settings = stage.read(".env");
    for options in [
        "",
        "--full",
        "--linked",
        "--full --storage local-lvm",
        "--no-start",
        "--no-network",
        "--vmid 777",
        "--name my-test",
        "--template 9001",
    ] {
        stage.glassdome(&format!("test-vm {options}")).expect(0);
        nothing_is_left(&sandbox, &stage, &settings);
    }
    let destroyed: Vec<_> = sandbox.seen().into_iter().filter(|seen| seen.method == "DELETE").collect();
    assert_eq!(destroyed.len(), 9);
    assert!(
        destroyed.iter().all(|seen| seen.query_and_body.is_empty()),
        "neither purge nor destroy-unreferenced-disks"
    );
}

#[test]
fn one_connection_is_enough_for_what_comes_one_after_the_other() {
    let (sandbox, stage) = scene(quick());
    stage.glassdome("test-vm").expect(0);
    let mutating: std::collections::BTreeSet<u64> =
        sandbox.seen().iter().filter(|seen| seen.method != "GET").map(|seen| seen.connection).collect();
    assert!(mutating.len() <= 2, "{mutating:?}");
    assert!(sandbox.handshakes() <= 10, "{}", sandbox.handshakes());
}

#[test]
fn a_protected_template_is_verified_and_stays() {
    let (sandbox, stage) = scene(quick());
    Admin::of(&sandbox).call("PUT", "/nodes/pve/qemu/9000/config", "protection=1");
    let outcome = stage.glassdome("test-vm").expect(0);
    assert!(outcome.results.contains("the protection of the clone is removed"), "{}", outcome.results);
    nothing_is_left(&sandbox, &stage, &stage.read(".env"));
    let config = Admin::of(&sandbox).call("GET", "/nodes/pve/qemu/9000/config", "");
    assert_eq!(config["protection"], 1);
}

#[test]
fn a_clone_that_is_to_be_kept_stays_and_is_named() {
    let (sandbox, stage) = scene(quick());
    let receipt = stage.glassdome("test-vm --keep -o json").expect(0).json();
    let vmid = receipt["left_behind"]["vmid"].as_u64().unwrap();
    assert!(Admin::of(&sandbox).vmids().contains(&vmid));
    assert!(stage.entries().is_empty());
    let config = Admin::of(&sandbox).call("GET", &format!("/nodes/pve/qemu/{vmid}/config"), "");
    assert_eq!(config["name"], receipt["name"]);
    assert!(config["description"].as_str().unwrap().contains("Test VM of glassdome"));
}

#[test]
fn what_does_not_exist_is_named_before_anything_is_cloned() {
    let (sandbox, stage) = scene(quick());
    let settings = stage.read(".env");
    for (options, code, words) in [
        ("--node nosuch", 8, "node `nosuch` does not exist"),
        ("--template 9999", 8, "template 9999 does not exist"),
        ("--template 101", 8, "is not a template"),
        ("--vmid 101", 3, "VM 101 already exists"),
        ("--storage nosuch", 8, "has no storage `nosuch`"),
        ("--pool nosuch", 8, "pool `nosuch` does not exist"),
        ("--target nosuch", 8, "node `nosuch` does not exist"),
    ] {
        let outcome = stage.glassdome(&format!("test-vm {options}")).expect(code);
        assert!(outcome.stderr.contains(words), "{options}: {}", outcome.stderr);
        nothing_is_left(&sandbox, &stage, &settings);
    }
    assert!(
        sandbox
            .seen()
            .iter()
            .all(|seen| seen.method == "GET" || seen.path.contains("/access/ticket") || seen.path.ends_with("/clone"))
    );
}

#[test]
fn bad_credentials_are_distinguished_from_missing_rights() {
    let (sandbox, stage) = scene(quick());
    let admin = Admin::of(&sandbox);
    stage.point_with(&sandbox, "apex@pve", "glassdome-token", "00000000-1111-2222-3333-999999999999");
    stage.glassdome("test-vm").expect(6).says("36 characters").says("apex@pam");
    stage.point_with(&sandbox, "apex@pve", "nosuch", "00000000-1111-2222-3333-444444444444");
    stage.glassdome("test-vm").expect(6);
    stage.point_with(&sandbox, "apex@pam", "glassdome-token", "00000000-1111-2222-3333-444444444444");
    stage.glassdome("test-vm").expect(6);
    stage.point_with(&sandbox, "apex@nowhere", "glassdome-token", "00000000-1111-2222-3333-444444444444");
    stage.glassdome("setup --no-input").expect(6).says("no realm `nowhere`");
    stage.point_at(&sandbox);
    admin.call("PUT", "/access/users/apex@pve", "enable=0");
    stage.glassdome("test-vm").expect(6);
}

#[test]
fn a_token_without_rights_learns_what_is_missing_and_how_to_get_it() {
    let (sandbox, stage) = scene(quick());
    stage.point_with(&sandbox, "apex@pve", "powerless", "00000000-1111-2222-3333-555555555555");
    let outcome = stage.glassdome("test-vm -o json").expect(7);
    let error = &outcome.json()["error"];
    assert_eq!(error["kind"], "permission");
    assert!(error["hints"].to_string().contains("pveum user token modify"), "{error}");
    stage.glassdome("setup --no-input").expect(7).says("VM.Clone").says("/vms/9000");
    assert_eq!(Admin::of(&sandbox).vmids(), WORLD);
}

#[test]
fn a_confined_token_proves_in_its_pool() {
    let (sandbox, stage) = scene(quick());
    let admin = Admin::of(&sandbox);
    admin.call("POST", "/pools", "poolid=lab");
    admin.call("POST", "/access/roles", "roleid=Guest&privs=VM.Allocate,VM.Audit,VM.PowerMgmt,VM.Config.Options");
    admin.call("POST", "/access/roles", "roleid=Source&privs=VM.Clone,VM.Audit");
    admin.call("POST", "/access/roles", "roleid=Space&privs=Datastore.AllocateSpace");
    admin.call("POST", "/access/roles", "roleid=Bridge&privs=SDN.Use");
    let secret = admin.token("min@pve", "tt", true);
    for subject in ["min@pve", "min@pve!tt"] {
        admin.grant("/pool/lab", subject, "Guest");
        admin.grant("/vms/9000", subject, "Source");
        admin.grant("/storage/local-lvm", subject, "Space");
        admin.grant("/sdn/zones/localnetwork/vmbr0", subject, "Bridge");
    }
    stage.point_with(&sandbox, "min@pve", "tt", &secret);
    stage.glassdome("test-vm").expect(7).says("/vms/");
    stage.glassdome("test-vm --pool lab").expect(0);
    assert_eq!(admin.vmids(), WORLD);
    assert!(stage.entries().is_empty());
}

#[test]
fn a_template_on_a_vnet_needs_the_right_in_the_vnets_own_zone() {
    let (sandbox, stage) = scene(quick());
    sandbox.edit(|cluster| {
        cluster
            .vnets
            .insert("vnet1".to_owned(), glassdome::sandbox::cluster::Vnet { zone: "lab".to_owned(), alias: None });
        cluster.set_option(9000, "net0", "virtio=BC:24:11:75:A5:71,bridge=vnet1");
    });
    let admin = Admin::of(&sandbox);
    admin.call("POST", "/access/roles", "roleid=Guest&privs=VM.Clone,VM.Allocate,VM.Audit,VM.PowerMgmt");
    admin.call("POST", "/access/roles", "roleid=Space&privs=Datastore.AllocateSpace");
    admin.call("POST", "/access/roles", "roleid=Bridge&privs=SDN.Use");
    for (number, path, code) in [
        (1, "/sdn/zones/lab/vnet1", 0),
        (2, "/sdn/zones/lab", 0),
        (3, "/sdn/zones/localnetwork", 7),
        (4, "/sdn/zones/other/vnet1", 7),
    ] {
        let user = format!("user{number}@pve");
        let secret = admin.token(&user, "tt", false);
        for (path, role) in [("/vms", "Guest"), ("/storage", "Space"), (path, "Bridge")] {
            admin.grant(path, &user, role);
        }
        stage.point_with(&sandbox, &user, "tt", &secret);
        let outcome = stage.glassdome("test-vm").expect(code);
        assert!(code == 0 || outcome.stderr.contains("SDN.Use"), "{path}: {}", outcome.stderr);
        assert_eq!(admin.vmids(), WORLD, "{path}");
    }
    // Who may see the vnets is told before anything is cloned.
    let secret = admin.token("auditor@pve", "tt", false);
    for (path, role) in [("/vms", "Guest"), ("/storage", "Space"), ("/", "PVEAuditor")] {
        admin.grant(path, "auditor@pve", role);
    }
    stage.point_with(&sandbox, "auditor@pve", "tt", &secret);
    stage.glassdome("test-vm").expect(7).says("/sdn/zones/lab/vnet1");
}

#[test]
fn a_dry_run_names_the_calls_and_makes_none() {
    let options = glassdome::sandbox::Options { nodes: 2, shared_storage: true, ..quick() };
    let (sandbox, stage) = scene(options);
    for (line, calls) in [
        (
            "",
            &[
                "POST   /nodes/pve/qemu/9000/clone newid=NEWID full=0",
                "POST   /nodes/pve/qemu/NEWID/status/start",
                "POST   /nodes/pve/qemu/NEWID/status/stop",
                "DELETE /nodes/pve/qemu/NEWID",
            ][..],
        ),
        ("--full --vmid 777 --no-start --keep", &["POST   /nodes/pve/qemu/9000/clone newid=777 full=1"]),
        // The template's own node makes the clone, whatever node the settings name.
        (
            "--node pve2 --no-network",
            &[
                "POST   /nodes/pve/qemu/9000/clone newid=NEWID full=0 target=pve2",
                "PUT    /nodes/pve2/qemu/NEWID/config (its links set down)",
                "POST   /nodes/pve2/qemu/NEWID/status/start",
                "POST   /nodes/pve2/qemu/NEWID/status/stop",
                "DELETE /nodes/pve2/qemu/NEWID",
            ],
        ),
    ] {
        let shown = stage.glassdome(&format!("test-vm --dry-run {line}")).expect(0).results;
        assert_eq!(shown.lines().skip(1).map(str::trim).collect::<Vec<_>>(), calls);
        let document = stage.glassdome(&format!("test-vm --dry-run -o json {line}")).expect(0).json();
        assert_eq!((&document["calls"], &document["dry_run"]), (&serde_json::json!(calls), &true.into()));
        assert_eq!((&document["ok"], &document["vmid"]), (&true.into(), &serde_json::Value::Null));
    }
    let setup = stage.run(stage.flags_to(&sandbox, "setup --no-input --dry-run --node pve2")).expect(0);
    let setup = setup.shows("POST   /nodes/pve/qemu/9000/clone newid=NEWID full=0 target=pve2");
    assert!(setup.results.contains("DELETE /nodes/pve2/qemu/NEWID"), "{}", setup.results);
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"));
    assert!(stage.entries().is_empty());
    sandbox.edit(|cluster| cluster.set_option(9000, "net0", "virtio=BC:24:11:75:A5:71,bridge=vmbr7"));
    let document = stage.glassdome("test-vm --dry-run -o json").expect(8).says("no such bridge on node pve").json();
    assert_eq!((&document["ok"], &document["calls"]), (&false.into(), &serde_json::json!([])));
    stage.glassdome("test-vm --dry-run --no-start").expect(0);
    stage.glassdome("test-vm --dry-run --count 3").expect(2);
}

#[test]
fn json_is_one_document_on_failure_too() {
    let (sandbox, stage) = scene(quick());
    let document = stage.glassdome("test-vm --template 9999 -o json").expect(8).json();
    assert_eq!(document["schema"], "glassdome.test-vm/1");
    assert_eq!(document["ok"], false);
    assert_eq!(document["error"]["kind"], "not_found");
    assert_eq!(document["error"]["exit_code"], 8);
    drop(sandbox);
    let document = stage.glassdome("test-vm -o json").expect(4).json();
    assert_eq!(document["error"]["kind"], "unreachable");
}
