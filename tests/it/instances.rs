//! One of several servers in a file: what is printed and written is about that one, and the others stay as they are.

use glassdome::sandbox::{Fault, Options, Sandbox};

use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

/// Sets up a sandbox as instance 02 of a file whose shared key says 9000.
fn second(faults: Vec<Fault>) -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(Options { faults, ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.write("proxmox-ca-02.pem", sandbox.ca_pem());
    let (user, name, secret) = sandbox.default_token();
    let text = format!(
        "PROXMOX_HOST=first.lan\nUBUNTU_2204_TEMPLATE_ID=9000\nPROXMOX_02_HOST={}\nPROXMOX_02_USER={user}\n\
         PROXMOX_02_TOKEN_NAME={name}\nPROXMOX_TOKEN_VALUE_02={secret}\nPROXMOX_02_VERIFY_SSL=false\n\
         PROXMOX_02_CA_FILE=proxmox-ca-02.pem\nPROXMOX_02_NODE=pve\n",
        sandbox.address()
    );
    stage.write("two.env", &text);
    (sandbox, stage)
}

const CREATE: &str = "template create --env-file two.env --instance 02 --no-checksum --id 9013";

#[test]
fn a_template_of_one_server_does_not_change_the_key_of_all() {
    let (_sandbox, stage) = second(Vec::new());
    let before = stage.read("two.env");
    stage
        .glassdome(CREATE)
        .expect(0)
        .says("UBUNTU_2204_TEMPLATE_ID=9000 in")
        .says("applies to all instances and was not changed")
        .says("next: glassdome test-vm --template 9013 --env-file two.env --instance 02\n");
    assert_eq!(stage.read("two.env"), before);
    for (answer, id) in [("n", 9014), ("y", 9015)] {
        let line = CREATE.replace("9013", &id.to_string());
        let mut terminal = Terminal::start(&stage, 160, &line);
        terminal.wait_for(&format!("settings file. Change it to {id}?")).answer(answer);
        let _ = terminal.end(0);
        assert_eq!(stage.read("two.env") == before, answer == "n");
    }
    stage.glassdome(&format!("{} --yes", CREATE.replace("9013", "9016"))).expect(0);
    assert!(stage.read("two.env").contains("UBUNTU_2204_TEMPLATE_ID=9016\n"));
}

#[test]
fn a_set_up_says_which_keys_change_for_all_servers() {
    let (_sandbox, stage) = second(Vec::new());
    let line = "setup --no-input --env-file two.env --instance 02 --skip-test-vm";
    let outcome = stage.glassdome(line).expect(0);
    assert!(!outcome.stderr.contains("for all instances"), "a new key breaks nothing: {}", outcome.stderr);
    stage
        .glassdome(&format!("{line} --ubuntu-2204-template-id 9001 --ubuntu-2004-template-id 9000"))
        .expect(0)
        .says("warning: UBUNTU_2204_TEMPLATE_ID changes for all instances in this file");
}

#[test]
fn a_template_with_another_vmid_takes_a_yes() {
    let (sandbox, stage) = second(vec![Fault::NoTemplates]);
    sandbox.edit(|cluster| cluster.add_vm(9000, "web", "pve", "local-lvm"));
    let line = "setup --no-input --env-file two.env --instance 02 --skip-test-vm --create-template";
    stage.glassdome(line).expect(3).says("UBUNTU_2204_TEMPLATE_ID=9000, which applies to all instances").says("--yes");
    assert!(sandbox.seen().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn what_is_printed_leads_to_the_same_server() {
    let sandbox = Sandbox::start(Options { faults: vec![Fault::NoTemplates], ..quick() }).unwrap();
    let stage = TestEnv::new();
    let (user, _, secret) = sandbox.default_token();
    stage.write("sec", secret);
    let flags = format!("--host {} --user {user} --node pve --token-value-file sec", sandbox.address());
    let line = format!("setup --no-input --env-file two.env --instance 02 --accept-new-certificate {flags}");
    let outcome = stage.glassdome(&line).expect(8);
    let commands: Vec<&str> = outcome.stderr.lines().map(str::trim).filter(|it| it.starts_with("glassdome ")).collect();
    assert!(commands.iter().all(|it| it.contains("--env-file two.env --instance 02 --host")), "{commands:?}");
    assert!(commands.iter().all(|it| it.contains("--accept-new-certificate") && it.contains("--node pve")));
    // Each leads to the server: the certificate is known, and so is the node.
    let skip = commands.iter().find(|it| it.contains("--skip-test-vm")).unwrap();
    stage.glassdome(&format!("{} --no-input", skip.strip_prefix("glassdome ").unwrap())).expect(0);
    let fingerprint = glassdome::model::Fingerprint::new(sandbox.fingerprint()).to_string();
    std::fs::remove_file(stage.path("two.env")).unwrap();
    let flags = format!("--env-file two.env --instance 02 {flags} --fingerprint {fingerprint}");
    stage
        .glassdome(&format!("test-vm {flags}"))
        .expect(8)
        .says(&format!("glassdome template create {flags_once}", flags_once = "--env-file two.env --instance 02"));
}
