//! Other programs drive the sandbox with what `glassdome env` tells them: Python's proxmoxer with a token, a password and a
//! one-time code, Ansible's inventory and a module of it, and the exporter for Prometheus.

use std::path::PathBuf;
use std::process::Command;

use glassdome::sandbox::Sandbox;

use crate::env::python;
use crate::support::skipped;
use crate::support::test_env::{Outcome, TestEnv, quick};

/// Clones, waits, starts, stops and deletes, and prints what it saw.
const SCRIPT: &str = r#"
import json, sys, time
from proxmoxer import ProxmoxAPI, ResourceException

host, port, authority, credentials = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
pve = ProxmoxAPI(host, port=port, verify_ssl=authority, timeout=30, **credentials)

def wait(upid):
    for _ in range(600):
        status = pve.nodes("pve").tasks(upid).status.get()
        if status["status"] == "stopped":
            return status["exitstatus"]
        time.sleep(0.02)
    return "too slow"

seen = {"version": pve.version.get()["version"]}
seen["templates"] = sorted(vm["vmid"] for vm in pve.cluster.resources.get(type="vm") if vm.get("template"))
vmid = pve.cluster.nextid.get()
vm = pve.nodes("pve").qemu(vmid)
seen["steps"] = [wait(pve.nodes("pve").qemu(9000).clone.post(newid=vmid, name="third-party"))]
seen["name"] = vm.config.get()["name"]
seen["steps"].append(wait(vm.status.start.post()))
seen["running"] = vm.status.current.get()["status"]
seen["steps"].append(wait(vm.status.stop.post()))
seen["steps"].append(wait(vm.delete()))
try:
    vm.config.get()
except ResourceException as gone:
    seen["gone"] = [gone.status_code, "does not exist" in str(gone)]
print(json.dumps(seen))
"#;

#[test]
fn proxmoxer_clones_starts_stops_and_deletes() {
    if !Command::new("python3").args(["-c", "import proxmoxer, requests"]).output().is_ok_and(|it| it.status.success())
    {
        return skipped("python3 with proxmoxer and requests is not installed");
    }
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let authority = stage.write("ca.pem", sandbox.ca_pem());
    let (user, name, secret) = sandbox.default_token();
    for credentials in [
        serde_json::json!({"user": user, "token_name": name, "token_value": secret}),
        serde_json::json!({"user": "root@pam", "password": "sandbox"}),
    ] {
        let address = sandbox.address();
        let output = Command::new("python3")
            .args(["-c", SCRIPT, &address.ip().to_string(), &address.port().to_string()])
            .arg(&authority)
            .arg(credentials.to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let seen: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            seen,
            serde_json::json!({
                "version": "9.2.11", "templates": [9000, 9001], "steps": ["OK", "OK", "OK", "OK"], "name": "third-party",
                "running": "running", "gone": [500, true],
            })
        );
    }
}

#[test]
fn proxmoxer_logs_in_with_a_one_time_code() {
    let Some(python) = python("proxmoxer, requests, pyotp") else { return };
    let sandbox = Sandbox::start(quick()).unwrap();
    let user = sandbox.users().into_iter().find(|user| user.totp.is_some()).unwrap();
    let stage = TestEnv::new();
    stage.write("proxmox-ca.pem", sandbox.ca_pem());
    let settings = format!(
        "PROXMOX_HOST={}\nPROXMOX_USER={}\nPROXMOX_PASSWORD={}\nPROXMOX_CA_FILE=proxmox-ca.pem\nPROXMOX_VERIFY_SSL=false\n",
        sandbox.address(),
        user.userid,
        user.password
    );
    stage.write(".env", &settings);
    let script = "import os, sys; from proxmoxer import ProxmoxAPI; import pyotp; e = os.environ
host, port = e['PROXMOX_HOST'].rsplit(':', 1)
api = ProxmoxAPI(host, port=int(port), user=e['PROXMOX_USER'], password=e['PROXMOX_PASSWORD'],
    otp=pyotp.TOTP(sys.argv[1]).now(), verify_ssl=e['PROXMOX_CA_FILE'])
print(api.version.get()['version'])";
    let told = stage.run(["env", "--", &python, "-c", script, user.totp.unwrap()]).expect(0);
    assert!(told.results.starts_with("9."), "{told:?}");
    assert!(sandbox.seen().iter().filter(|seen| seen.path.ends_with("/access/ticket")).count() >= 2, "two steps");
}

/// What the exporter makes of its variables and of no flags, without the web server in between.
const EXPORTER: &str = r#"
import sys
from pve_exporter import cli, collector

def scrape(config, _, collectors):
    text = collector.collect_pve(config["default"], host, True, True, collectors)
    sys.stdout.write(text.decode())

host = sys.argv.pop(1)
cli.start_http_server = scrape
cli.main()
"#;

#[test]
fn the_exporter_scrapes_with_its_default_collectors() {
    let Some(python) = python("pve_exporter") else { return };
    for nodes in [1, 2] {
        let sandbox = Sandbox::start(glassdome::sandbox::Options { nodes, ..quick() }).unwrap();
        sandbox.edit(|cluster| cluster.set_option(101, "onboot", "1"));
        let stage = TestEnv::new();
        stage.point_at(&sandbox);
        let host = sandbox.address().to_string();
        let mut command = stage.command(["env", "--format", "exporter", "--", &python, "-c", EXPORTER, &host]);
        command.env("REQUESTS_CA_BUNDLE", stage.path("proxmox-ca.pem"));
        let told = Outcome::of(&command.output().unwrap()).expect(0);
        for metric in [
            "pve_up{id=\"node/pve\"} 1.0",
            "pve_version_info{",
            "pve_guest_info{id=\"qemu/101\"",
            "pve_onboot_status{id=\"qemu/101\"",
            "pve_not_backed_up_total{",
            "pve_subscription_info{",
        ] {
            assert!(told.results.contains(metric), "{metric}: {}", told.results);
        }
    }
}

/// Runs one of Ansible's programs with the variables, in the folder of the collection; nothing where it is missing.
fn ansible(stage: &TestEnv, words: &[&str]) -> Option<Outcome> {
    let python = python("proxmoxer, ansible")?;
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../test-ansible");
    if !root.join("ansible_collections/community/proxmox").is_dir() {
        skipped("the collection community.proxmox is missing");
        return None;
    }
    let interpreter = format!("ansible_python_interpreter={python}");
    let mut line = vec!["env", "--format", "ansible", "--", &python, "-m", "ansible"];
    line.extend(words);
    if words.first() == Some(&"adhoc") {
        line.extend(["-e", &interpreter]);
    }
    let mut command = stage.command(line);
    command.env("ANSIBLE_COLLECTIONS_PATH", &root).env("REQUESTS_CA_BUNDLE", stage.path("proxmox-ca.pem"));
    Some(Outcome::of(&command.output().unwrap()).expect(0))
}

#[test]
fn a_module_of_ansible_lists_the_vms() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let words = ["adhoc", "localhost", "-c", "local", "-m", "community.proxmox.proxmox_vm_info", "-a", "type=qemu"];
    let Some(told) = ansible(&stage, &words) else { return };
    assert!(told.results.contains("ubuntu-2204-cloudinit-template"), "{told:?}");
    assert!(told.stderr.contains("PROXMOX_CA_PATH needs community.proxmox 1.6.0 or later"), "{told:?}");
}

#[test]
fn the_inventory_of_ansible_lists_the_vms() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    stage.write("lab.proxmox.yml", "plugin: community.proxmox.proxmox\nwant_facts: true\n");
    let Some(told) = ansible(&stage, &["inventory", "-i", "lab.proxmox.yml", "--list"]) else { return };
    let listed = told.json();
    assert_eq!(listed["_meta"]["hostvars"]["vm101"]["proxmox_vmid"], 101, "{told:?}");
    assert_eq!(listed["proxmox_all_stopped"]["hosts"], serde_json::json!(["vm101"]), "{told:?}");
}
