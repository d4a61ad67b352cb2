//! `setup --over-ssh` through a real OpenSSH server on loopback.

use glassdome::sandbox::Sandbox;

use crate::support::sshd::Sshd;
use crate::support::test_env::{Outcome, TestEnv, quick};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";

/// A `pveum` that notes what it was told and who sees what, and prints what the real one prints.
fn pveum() -> String {
    format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$STAND_IN/told\"\n\
         echo '{{\"full-tokenid\":\"apex@pve!glassdome-token\",\"info\":{{\"privsep\":\"0\"}},\"value\":\"{SECRET}\"}}'\n\
         for each in /proc/[0-9]*/cmdline; do tr '\\0' ' ' < \"$each\"; echo; done > \"$STAND_IN/processes\" 2>/dev/null\n"
    )
}

fn stage(sandbox: &Sandbox, sshd: &Sshd) -> TestEnv {
    let mut stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    stage.set("PATH", &sshd.search_path());
    stage.set("PROXMOX_PASSWORD", "a-secret-of-ours");
    stage
}

fn set_up(stage: &TestEnv, sandbox: &Sandbox, more: &str) -> Outcome {
    let line = "setup --no-input --skip-test-vm --ca-file ca.pem --user apex@pve -o json";
    stage.glassdome(&format!("{line} --host {} --over-ssh node {more}", sandbox.address()))
}

#[test]
fn the_secret_comes_from_pveum_and_is_never_shown() {
    let Some(sshd) = Sshd::start(Some(&pveum())) else { return };
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox, &sshd);
    let outcome =
        set_up(&stage, &sandbox, "").expect(0).says("pveum user token add 'apex@pve' glassdome-token --privsep 0");
    assert_eq!(outcome.json()["token"], serde_json::json!({ "id": "apex@pve!glassdome-token", "created": true }));
    assert!(!outcome.stderr.contains(SECRET) && !outcome.results.contains(SECRET));
    assert!(stage.read(".env").contains(&format!("PROXMOX_TOKEN_VALUE={SECRET}\n")));
    let told = ["user", "token", "add", "apex@pve", "glassdome-token", "--privsep", "0"].join("\n");
    assert!(sshd.read("told").starts_with(&told), "{}", sshd.read("told"));
    assert!(sshd.read("told").ends_with("--output-format\njson\n"), "{}", sshd.read("told"));
    assert!(sshd.read("processes").contains("ssh"), "the list of processes was read");
    assert!(!sshd.read("processes").contains(SECRET));
    let environment = sshd.read("environment");
    assert!(environment.contains("PATH=") && !environment.contains("PROXMOX"), "{environment}");
    stage.glassdome("test-vm").expect(0);
    set_up(&stage, &sandbox, "--regenerate").expect(3).says("--yes");
    set_up(&stage, &sandbox, "--regenerate --yes").expect(0);
    assert!(sshd.read("told").starts_with("user\ntoken\nmodify\napex@pve\nglassdome-token\n--regenerate\n1\n"));
}

#[test]
fn whatever_stands_in_the_way_is_reported_and_nothing_is_written() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let exists = "#!/bin/sh\necho '400 Parameter verification failed.' >&2\necho 'tokenid: Token already exists.' >&2\nexit 255\n";
    let exists_otherwise = exists.replace("exit 255", "exit 25");
    let refused = "#!/bin/sh\necho \"no such user ('apex@pve')\" >&2\nexit 2\n";
    let garbage = format!("#!/bin/sh\necho 'value {SECRET}'\n");
    for (script, config, code, words) in [
        (Some(pveum().as_str()), "wrong-host", 4, "Host key verification failed"),
        (Some(pveum().as_str()), "refused-key", 4, "Permission denied"),
        (None, "good", 8, "`pveum` was not found on"),
        (Some(exists_otherwise.as_str()), "good", 3, "already exists"),
        (Some(refused), "good", 9, "no such user"),
        (Some(garbage.as_str()), "good", 9, "unexpected output from pveum"),
    ] {
        let Some(sshd) = Sshd::start(script) else { return };
        sshd.use_config(config);
        let stage = stage(&sandbox, &sshd);
        let outcome = set_up(&stage, &sandbox, "").expect(code).says(words);
        assert!(!outcome.stderr.contains(SECRET) && !outcome.results.contains(SECRET), "{outcome:?}");
        assert!(!stage.path(".env").exists(), "{config}");
    }
}

#[test]
fn without_ssh_the_line_is_printed() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let mut stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    let nowhere = stage.folder().display().to_string();
    stage.set("PATH", &nowhere);
    set_up(&stage, &sandbox, "").expect(3).says("`ssh` is not installed").says("pveum user token add 'apex@pve'");
    set_up(&stage, &sandbox, "--dry-run").expect(0).says("pveum user token add 'apex@pve'");
    set_up(&stage, &sandbox, "--rights needed").expect(2).says("--create-token");
    for to in ["-oProxyCommand=id", "root@-x", "root@"] {
        let line = format!("setup --no-input --host {} --over-ssh={to}", sandbox.address());
        stage.glassdome(&line).expect(2).says("hyphen");
    }
}

#[test]
fn a_token_that_was_made_and_not_saved_is_named() {
    let Some(sshd) = Sshd::start(Some(&pveum())) else { return };
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox, &sshd);
    let outcome = set_up(&stage, &sandbox, "--token-name another").expect(6);
    assert!(outcome.stderr.contains("pveum user token remove 'apex@pve' another"), "{}", outcome.stderr);
    assert!(!stage.path(".env").exists());
}
