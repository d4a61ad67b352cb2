//! Another client drives the sandbox: Python's proxmoxer, with a token and with a password.

use std::process::Command;

use glassdome::sandbox::Sandbox;

use crate::support::skipped;
use crate::support::test_env::{TestEnv, quick};

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
