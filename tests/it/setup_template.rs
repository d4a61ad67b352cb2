//! `glassdome setup` on a server that has no template: it is made on the way, and nothing is left where that fails.

use std::time::{Duration, Instant};

use glassdome::sandbox::{Fault, Options, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::terminal::Terminal;
use crate::support::test_env::{BOUND, TestEnv, quick, signal};

const DOWN: &str = "\x1b[B";

/// A server with VM 101 and no template, and an image in the folder.
fn scene(options: Options) -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(Options { faults: vec![Fault::NoTemplates], ..options }).unwrap();
    let stage = TestEnv::new();
    let mut image = b"QFI\xfb".to_vec();
    image.resize(1 << 20, 7);
    std::fs::write(stage.path("jammy.img"), &image).unwrap();
    (sandbox, stage)
}

fn at_the_keyboard(stage: &TestEnv, sandbox: &Sandbox, line: &str) -> Terminal {
    Terminal::of(stage.command(stage.flags_to(sandbox, line)), 80)
}

#[track_caller]
fn nothing_is_left(sandbox: &Sandbox, stage: &TestEnv) {
    assert_eq!(Admin::of(sandbox).vmids(), [101]);
    let is_image = |name: &String| name.contains("import/");
    let images = sandbox.edit(|cluster| {
        let volumes = cluster.storages.values().flat_map(|place| place.volumes.keys());
        volumes.filter(|(_, name)| is_image(name)).count()
    });
    assert_eq!(images, 0);
    assert!(stage.entries().is_empty(), "{:?}", stage.entries());
    assert!(!stage.path(".env").exists());
}

#[test]
fn a_flag_makes_it_before_the_test_vm() {
    let (sandbox, stage) = scene(quick());
    stage.run(stage.flags_to(&sandbox, "setup --no-input")).expect(8).says("glassdome setup --create-template");
    nothing_is_left(&sandbox, &stage);
    let line = "setup --no-input --create-template jammy.img -o json";
    let document = stage.run(stage.flags_to(&sandbox, line)).expect(0).json();
    assert_eq!(document["templates"]["UBUNTU_2204_TEMPLATE_ID"], 9000);
    assert_eq!((&document["proof"]["ok"], &document["proof"]["template"]), (&true.into(), &9000.into()));
    assert!(stage.read(".env").contains("UBUNTU_2204_TEMPLATE_ID=9000\n"));
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000]);
    assert!(sandbox.edit(|cluster| cluster.vms[&9000].is_template()));
    // Where there is one, none is made.
    stage.run(stage.flags_to(&sandbox, line)).expect(0);
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000]);
    stage.glassdome("test-vm --no-input").expect(0);
}

#[test]
fn a_number_that_was_named_is_the_number_that_it_gets() {
    let (sandbox, stage) = scene(quick());
    let line = "setup --no-input --create-template jammy.img --ubuntu-2004-template-id 7001 --template 7001";
    stage.run(stage.flags_to(&sandbox, line)).expect(0).shows("Verified");
    assert!(stage.read(".env").contains("UBUNTU_2004_TEMPLATE_ID=7001\n"));
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 7001]);
}

#[test]
fn a_vm_that_is_in_the_way_is_left_alone() {
    let (sandbox, stage) = scene(quick());
    sandbox.edit(|cluster| {
        cluster.add_template(9000, "another-users", "pve", "local-lvm");
        cluster.set_option(9000, "template", "0");
    });
    // An error, if that number was named.
    let line = "setup --no-input --create-template jammy.img";
    let named = format!("{line} --ubuntu-2204-template-id 9000");
    stage.run(stage.flags_to(&sandbox, &named)).expect(8).says("VM 9000 (another-users) is not a template");
    // Without a named number, setup takes the next free one.
    stage.run(stage.flags_to(&sandbox, line)).expect(0);
    let made = Admin::of(&sandbox).vmids().into_iter().find(|vmid| ![101, 9000].contains(vmid)).unwrap();
    assert!(stage.read(".env").contains(&format!("UBUNTU_2204_TEMPLATE_ID={made}\n")));
    assert!(sandbox.edit(|cluster| !cluster.vms[&9000].is_template()));
}

#[test]
fn a_dry_run_says_what_would_be_made() {
    let (sandbox, stage) = scene(quick());
    let line = "setup --no-input --dry-run --create-template jammy.img";
    let outcome = stage.run(stage.flags_to(&sandbox, line)).expect(0);
    let outcome = outcome.says("would be created: VM 9000 (ubuntu-2204-cloudinit-template) on pve");
    outcome.says("there is no template 9000 to clone yet").says("+UBUNTU_2204_TEMPLATE_ID=9000");
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"));
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn what_it_is_made_of_is_named_wrongly() {
    let (sandbox, stage) = scene(quick());
    for wrong in ["nosuch.img", "24.04"] {
        let line = format!("setup --no-input --create-template {wrong}");
        let outcome = stage.run(stage.flags_to(&sandbox, &line)).expect(2);
        let outcome = outcome.says(&format!("--create-template: `{wrong}` is not a known release"));
        outcome.says("known releases: 22.04");
    }
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn a_person_is_offered_it() {
    let (sandbox, stage) = scene(quick());
    let mut terminal = at_the_keyboard(&stage, &sandbox, "setup");
    terminal
        .wait_for("template 9000 does not exist on any node")
        .wait_for("Create template 9000 from Ubuntu's cloud image (22.04)");
    terminal.to("What next?", DOWN);
    terminal.to("Image (a file here", "nosuch.img").wait_for("this file does not exist");
    terminal.press("\x15").answer("jammy.img");
    terminal.wait_for("VM 9000 is a template").to("Template for Ubuntu 20.04", "");
    terminal.wait_for("privileges present for cloning template 9000").to("Save this?", "");
    terminal.to("Verify with a test VM now? (clones template 9000", "");
    let ended = terminal.end(0).says("Verified: apex@pve!glassdome-token can create VMs on pve (template 9000");
    drop(ended);
    assert!(stage.read(".env").contains("UBUNTU_2204_TEMPLATE_ID=9000\n"));
    assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000]);
}

#[test]
fn a_person_to_whom_it_fails_may_go_another_way() {
    let (sandbox, mut stage) = scene(quick());
    // No server answers where Ubuntu keeps its checksums.
    stage.set("HTTPS_PROXY", "http://127.0.0.1:9");
    stage.set("NO_PROXY", "127.0.0.1");
    let mut terminal = at_the_keyboard(&stage, &sandbox, "setup");
    terminal.to("What next?", "");
    terminal.wait_for("cannot reach cloud-images.ubuntu.com to read SHA256SUMS");
    // Once more at the menu, the last entry leaves.
    terminal.wait_until("a second menu", |screen| {
        screen.contains("Next \u{b7} create template 9000 from Ubuntu's cloud image") && screen.contains("? What next?")
    });
    terminal.press("\x1b[A").press("\r");
    terminal.end(8);
    nothing_is_left(&sandbox, &stage);
}

#[test]
fn an_interruption_leaves_nothing() {
    for kind in [":imgcopy:", ":qmcreate:", ":qmtemplate:"] {
        let (sandbox, stage) = scene(Options { task_time: Duration::from_secs(8), ..quick() });
        let line = "setup --no-input --create-template jammy.img";
        let mut command = stage.command(stage.flags_to(&sandbox, line));
        let child = command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().unwrap();
        let began = Instant::now();
        while !sandbox.edit(|cluster| cluster.tasks.iter().any(|task| task.upid.contains(kind))) {
            assert!(began.elapsed() < BOUND, "no task {kind}");
            std::thread::sleep(Duration::from_millis(10));
        }
        signal(&child, Signal::INT);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
        nothing_is_left(&sandbox, &stage);
    }
}

#[test]
fn a_token_that_may_not_is_helped_by_a_log_in() {
    let (sandbox, stage) = scene(quick());
    let admin = Admin::of(&sandbox);
    admin.call("POST", "/access/users", "userid=maker@pve&password=maker123");
    admin.call("POST", "/access/roles", "roleid=Cloner&privs=VM.Clone,VM.Audit,VM.Allocate,VM.PowerMgmt,VM.Config.Options,Datastore.AllocateSpace,Datastore.Audit,SDN.Use");
    admin.grant("/", "maker@pve", "Cloner");
    let secret = admin.token("maker@pve", "cloner", false);
    stage.write("cloner.txt", &secret);
    stage.write("root.txt", "sandbox\n");
    stage.write("ca.pem", sandbox.ca_pem());
    let line = format!(
        "setup --no-input --host {} --ca-file ca.pem --user maker@pve --token-name cloner --token-value-file cloner.txt \
         --create-template jammy.img",
        sandbox.address()
    );
    stage.glassdome(&line).expect(7).says("maker@pve!cloner lacks privileges to create a template");
    nothing_is_left(&sandbox, &stage);
    let line = format!("{line} --login-user root@pam --login-password-file root.txt");
    stage.glassdome(&line).expect(0).shows("maker@pve!cloner can create VMs on pve (template 9000");
}

#[test]
fn a_template_that_a_flag_names_is_distinguished_from_one_that_may_not_be_seen() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let line = "setup --no-input --skip-test-vm --ubuntu-2004-template-id";
    stage
        .run(stage.flags_to(&sandbox, &format!("{line} 7001")))
        .expect(8)
        .says("template 7001 does not exist on any node");
    // A user who sees 9000 alone cannot tell whether 9001 exists.
    let admin = Admin::of(&sandbox);
    let secret = admin.token("apex@pve", "narrow", true);
    for path in ["/vms/9000", "/vms/101", "/vms/100", "/storage", "/sdn", "/nodes"] {
        admin.grant(path, "apex@pve!narrow", "Administrator");
    }
    stage.point_with(&sandbox, "apex@pve", "narrow", &secret);
    stage.glassdome(&format!("{line} 9001")).expect(7).says("/vms/9001");
    admin.grant("/vms/9001", "apex@pve!narrow", "Administrator");
    stage.glassdome(&format!("{line} 9001")).expect(0);
}

#[test]
fn one_command_leads_from_a_bare_server_to_the_test_vm() {
    for pool in ["", "--pool lab"] {
        let (sandbox, stage) = scene(quick());
        stage.write("root.txt", "sandbox\n");
        let line = format!(
            "setup --no-input --host {} --accept-new-certificate --user svc@pve --create-token --login-user root@pam \
             --login-password-file root.txt --create-template jammy.img {pool}",
            sandbox.address()
        );
        stage.glassdome(&line).expect(0).shows("svc@pve!glassdome-token can create VMs on pve (template 9000");
        assert_eq!(Admin::of(&sandbox).vmids(), [101, 9000]);
        let paths = sandbox.edit(|cluster| cluster.access.acl.paths());
        assert!(paths.iter().all(|path| !path.contains("none")), "what is not there is granted: {paths:?}");
        stage.glassdome("test-vm --no-input").expect(0);
    }
}

#[test]
fn a_key_of_the_file_without_a_template_is_left_out() {
    let (sandbox, stage) = scene(quick());
    stage.run(stage.flags_to(&sandbox, "setup --no-input --create-template jammy.img --skip-test-vm")).expect(0);
    let before = stage.read(".env");
    stage.write(".env", &format!("{before}UBUNTU_2004_TEMPLATE_ID=9001\n"));
    let outcome = stage.glassdome("setup --no-input -o json").expect(0);
    assert_eq!(outcome.json()["templates"], serde_json::json!({"UBUNTU_2204_TEMPLATE_ID": 9000}));
    let outcome = outcome.says("Ubuntu 20.04").says("9001 does not exist on the server, key left out");
    assert!(!outcome.stderr.contains("Ubuntu 20.04 \u{b7} 9001\n"), "{}", outcome.stderr);
    assert_eq!(stage.read(".env"), before);
    // What a VM has the VMID of is not gone, and what cannot be created yet is kept.
    sandbox.edit(|cluster| cluster.vms.retain(|vmid, _| *vmid == 101));
    stage.glassdome("setup --no-input --skip-test-vm").expect(0);
    assert_eq!(stage.read(".env"), before);
    let outcome = stage.glassdome("setup --no-input").expect(8).says("9000 does not exist on the server");
    assert!(!outcome.stderr.contains("Ubuntu 22.04 \u{b7} 9000\n"), "{}", outcome.stderr);
    assert_eq!(stage.read(".env"), before);
}
