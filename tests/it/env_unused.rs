//! Settings as people have them: other syntax, other names, placeholders, what a program put into a text on its way.

use glassdome::sandbox::Sandbox;

use crate::support::test_env::{TestEnv, quick, scene};

#[test]
fn a_line_that_sets_nothing_is_named_where_its_value_is_missing() {
    for (line, said) in [
        ("PROXMOX_HOST: 127.0.0.1", "line 1: not an assignment; write PROXMOX_HOST=VALUE"),
        ("set PROXMOX_HOST=127.0.0.1", "line 1: not an assignment; write PROXMOX_HOST=VALUE"),
        ("PROXMOX_HSOT=127.0.0.1", "Glassdome reads PROXMOX_HOST"),
        ("PROXMOX_SERVER=127.0.0.1", "PROXMOX_SERVER is not a known key"),
        ("PROXMOX_URL=https://127.0.0.1", "`glassdome setup --import` imports such values"),
    ] {
        let stage = TestEnv::new();
        stage.write(".env", &format!("{line}\n"));
        for command in ["test-vm", "template list", "env", "setup --no-input"] {
            stage.glassdome(command).expect(3).says(said);
        }
        stage.glassdome("doctor").expect(3).shows(said);
    }
}

#[test]
fn a_port_apart_from_its_host_is_named() {
    let stage = TestEnv::new();
    let text = "PROXMOX_HOST=127.0.0.1\nPROXMOX_PORT=1\nPROXMOX_USER=apex@pve\nPROXMOX_PASSWORD=x\n";
    stage.write(".env", text);
    stage.glassdome("env").expect(0).says("PROXMOX_PORT=1 is not read by Glassdome; write PROXMOX_HOST=HOST:1");
    stage.write(".env", &text.replace("127.0.0.1", "127.0.0.1:1"));
    let silent = stage.glassdome("env").expect(0);
    assert!(!silent.stderr.contains("PROXMOX_PORT"), "{}", silent.stderr);
}

#[test]
fn what_is_not_missing_is_named_by_the_diagnosis_alone() {
    let (_sandbox, stage) = scene(quick());
    stage.write(".env", &format!("{}PROXMOX_URL=https://h\nPROXMOX_NDOE=pve\n", stage.read(".env")));
    let silent = stage.glassdome("test-vm --no-start").expect(0);
    assert!(!silent.stderr.contains("PROXMOX_URL"), "{}", silent.stderr);
    stage
        .glassdome("doctor")
        .expect(0)
        .shows("PROXMOX_URL is a key of packer")
        .shows("PROXMOX_NDOE is not a known key");
}

#[test]
fn the_names_of_other_tools_are_imported_from_the_file() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let (user, name, secret) = sandbox.default_token();
    for spelling in ["PROXMOX_VE_API_TOKEN", "PROXMOX_VE_APITOKEN"] {
        let stage = TestEnv::new();
        stage.write("ca.pem", sandbox.ca_pem());
        let foreign =
            format!("PROXMOX_VE_ENDPOINT=https://{}/\n{spelling}={user}!{name}={secret}\n", sandbox.address());
        stage.write(".env", &foreign);
        stage.glassdome("setup --no-input --skip-test-vm --ca-file ca.pem --import").expect(0);
        let file = stage.read(".env");
        assert!(file.starts_with(&foreign), "what is another tool's stays: {file}");
        assert!(file.contains(&format!("PROXMOX_HOST={}\n", sandbox.address())), "{file}");
        assert!(file.contains(&format!("PROXMOX_TOKEN_VALUE={secret}\n")), "{file}");
    }
    let stage = TestEnv::new();
    stage.write(".env", "PM_API_URL=https://h\nPM_API_TOKEN_ID=apex@pve!t1\nPM_API_TOKEN_SECRET=123\n");
    stage.glassdome("setup --no-input --import").expect(3).says("PM_API_TOKEN_SECRET: too short: 3 of 36");
}

#[test]
fn what_stands_in_the_place_of_a_secret_is_called_what_it_is() {
    let (sandbox, stage) = scene(quick());
    let text = stage.read(".env");
    let (_, _, secret) = sandbox.default_token();
    for (value, said) in [
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "this is a placeholder"),
        ("changeme", "this is a placeholder"),
        ("'<secret>'", "this is a placeholder"),
        ("op://Private/pve/token", "this is a reference that only"),
        ("'$PVE_TOKEN'", "this is a reference that only"),
        ("${NOT_SET}", "PROXMOX_TOKEN_VALUE refers to ${NOT_SET}: not set, so that the value is empty"),
    ] {
        stage.write(".env", &text.replace(secret, value));
        stage.glassdome("test-vm").expect(3).says(said);
    }
    assert!(sandbox.seen().is_empty(), "nothing was sent");
    // A command that makes a new secret needs none.
    stage.write(".env", &text.replace(secret, "changeme"));
    stage.write("password", "sandbox");
    let line = "token create --no-input --yes --token-name t9 --login-user root@pam --login-password-file password";
    stage.glassdome(line).expect(0);
}

#[test]
fn a_character_that_a_program_put_in_is_named_and_a_domain_is_left_out() {
    let (sandbox, stage) = scene(quick());
    let text = stage.read(".env");
    for (from, to, said) in [
        (
            "PROXMOX_USER=apex@pve",
            "PROXMOX_USER=ap\u{200b}ex@pve",
            "character 3 is not allowed: U+200B (zero-width space)",
        ),
        ("PROXMOX_USER=apex@pve", "PROXMOX_USER=\u{201c}apex@pve\u{201d}", "U+201C (typographic quotation mark)"),
        ("PROXMOX_NODE=pve", "PROXMOX_NODE=\u{feff}pve", "character 1 is not allowed: U+FEFF (byte order mark)"),
        ("PROXMOX_NODE=pve", "PROXMOX_NODE=pve.lan", "use the short name of the node, without the domain: `pve`"),
        ("PROXMOX_NODE=pve", "PROXMOX_NODE=10.0.0.1", "this is an address; use the name of the node"),
    ] {
        stage.write(".env", &text.replace(from, to));
        let calls = sandbox.seen().len();
        stage.glassdome("test-vm").expect(3).says(said);
        assert_eq!(sandbox.seen().len(), calls, "nothing was sent");
        stage.glassdome("doctor").expect(3).shows(said);
    }
    stage.write(".env", &text);
    stage.glassdome("test-vm --node pve.lan").expect(2).says("without the domain: `pve`");
    stage.glassdome("doctor --token-name apex@pve!glassdome-token").expect(0);
}

#[test]
fn a_variable_that_a_value_refers_to_and_that_is_not_set_is_named() {
    for (key, value, left) in [
        ("PROXMOX_HOST", "${PVE_HOST}", "empty"),
        ("PROXMOX_HOST", "${PVE_HOST}:8006", "incomplete"),
        ("PROXMOX_HOST", "\"${PVE_HOST}.invalid\"", "incomplete"),
        ("PROXMOX_USER", "${PVE_HOST}", "empty"),
        ("PROXMOX_TOKEN_VALUE", "${PVE_HOST}", "empty"),
        ("PROXMOX_NODE", "${PVE_HOST}", "empty"),
    ] {
        let (sandbox, mut stage) = scene(quick());
        let lines = stage.read(".env");
        let kept = lines.lines().filter(|line| !line.starts_with(&format!("{key}=")));
        let text = kept.map(|line| format!("{line}\n")).collect::<String>() + &format!("{key}={value}\n");
        stage.write(".env", &text);
        let said = format!("{key} refers to ${{PVE_HOST}}: not set, so that the value is {left}");
        for command in ["test-vm --no-start", "template list", "doctor"] {
            let outcome = stage.glassdome(command);
            assert!((outcome.results.clone() + &outcome.stderr).contains(&said), "{command}: {said}: {outcome:?}");
        }
        stage.set("PVE_HOST", &sandbox.address().to_string());
        for command in ["test-vm --no-start", "doctor"] {
            let outcome = stage.glassdome(command);
            assert!(!(outcome.results.clone() + &outcome.stderr).contains("refers to"), "{command}: {outcome:?}");
        }
    }
}

#[test]
fn a_secret_of_one_repeated_digit_is_called_a_placeholder_and_tried_all_the_same() {
    let (_sandbox, stage) = scene(quick());
    let zero = "00000000-0000-0000-0000-000000000000";
    let said = "is one digit repeated, which looks like a placeholder";
    stage.write(".env", &stage.read(".env").replace("00000000-1111-2222-3333-444444444444", zero));
    stage.glassdome("test-vm").expect(6).says(said).says(".env:4: PROXMOX_TOKEN_VALUE");
    stage.glassdome("doctor").expect(6).shows(said);
    stage.write("secret.txt", zero);
    let line = "setup --no-input --yes --skip-test-vm --token-value-file secret.txt";
    stage.glassdome(line).expect(6).says(said).says("--token-value-file");
    let (_sandbox, good) = scene(quick());
    assert!(!good.glassdome("test-vm --no-start").expect(0).stderr.contains(said));
}
