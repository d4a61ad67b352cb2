//! Every question of set-up has its flag and its variable: answered by either alone, and by neither.

use glassdome::model::Fingerprint;
use glassdome::sandbox::{Options, Sandbox};

use crate::support::test_env::{Outcome, TestEnv, quick};

/// An answer: as flags, as variables, and what is said where it is missing.
struct Row {
    flags: String,
    variables: Vec<(&'static str, String)>,
    missing: Missing,
}

/// What becomes of a run without an answer.
enum Missing {
    /// It ends with this code, and names these.
    Ends(i32, &'static [&'static str]),
    /// It goes on with what is usual.
    GoesOn,
}

/// The table of the questions, with answers that will do on a sandbox of three nodes.
fn table(stage: &TestEnv, sandbox: &Sandbox) -> Vec<Row> {
    let (user, name, secret) = sandbox.default_token();
    stage.write("secret.txt", secret);
    let fingerprint = Fingerprint::new(sandbox.fingerprint()).to_string();
    let row = |flag: &str, variable: &'static str, value: &str, missing| Row {
        flags: format!("{flag} {value}"),
        variables: vec![(variable, value.to_owned())],
        missing,
    };
    vec![
        row("--host", "PROXMOX_HOST", &sandbox.address().to_string(), Missing::Ends(3, &["--host", "PROXMOX_HOST"])),
        row(
            "--fingerprint",
            "PROXMOX_FINGERPRINT",
            &fingerprint,
            Missing::Ends(5, &["--fingerprint", "--ca-file", "--accept-new-certificate", "--insecure"]),
        ),
        row("--user", "PROXMOX_USER", user, Missing::Ends(3, &["--user", "PROXMOX_USER"])),
        row("--token-name", "PROXMOX_TOKEN_NAME", name, Missing::GoesOn),
        Row {
            flags: "--token-value-file secret.txt".to_owned(),
            variables: vec![("PROXMOX_TOKEN_VALUE", secret.to_owned())],
            missing: Missing::Ends(3, &["--token-value-file", "PROXMOX_TOKEN_VALUE"]),
        },
        row("--node", "PROXMOX_NODE", "pve", Missing::Ends(3, &["--node", "PROXMOX_NODE"])),
        row("--ubuntu-2204-template-id", "UBUNTU_2204_TEMPLATE_ID", "9000", Missing::GoesOn),
        row("--ubuntu-2004-template-id", "UBUNTU_2004_TEMPLATE_ID", "9001", Missing::GoesOn),
    ]
}

fn run(stage: &TestEnv, line: &str, variables: &[(&'static str, String)]) -> Outcome {
    let _ = std::fs::remove_file(stage.path(".env")); // each run is a first one
    let mut command = stage.command(line.split_whitespace());
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    Outcome::of(&command.output().expect("the binary runs"))
}

#[test]
fn every_question_is_answered_by_flag_by_variable_or_named() {
    let sandbox = Sandbox::start(Options { nodes: 3, ..quick() }).unwrap();
    let stage = TestEnv::new();
    let rows = table(&stage, &sandbox);
    let base = "setup --no-input --skip-test-vm";
    let all: Vec<String> = rows.iter().map(|row| row.flags.clone()).collect();
    run(&stage, &format!("{base} {}", all.join(" ")), &[]).expect(0);
    let expected = stage.read(".env");
    let everything: Vec<(&'static str, String)> = rows.iter().flat_map(|row| row.variables.clone()).collect();
    run(&stage, base, &everything).expect(0);
    assert_eq!(stage.read(".env"), expected, "by variables alone");
    for (place, row) in rows.iter().enumerate() {
        let mut others = all.clone();
        others.remove(place);
        let line = format!("{base} {}", others.join(" "));
        run(&stage, &line, &row.variables).expect(0);
        assert_eq!(stage.read(".env"), expected, "{}", row.flags);
        match row.missing {
            Missing::GoesOn => {
                run(&stage, &line, &[]).expect(0);
                assert_eq!(stage.read(".env"), expected, "{}", row.flags);
            }
            Missing::Ends(code, names) => {
                let mut outcome = run(&stage, &line, &[]).expect(code);
                for name in names {
                    outcome = outcome.says(name);
                }
                assert!(!stage.path(".env").exists(), "{}", row.flags);
            }
        }
    }
}

#[test]
fn the_trust_is_answered_in_four_ways() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    let (user, _, secret) = sandbox.default_token();
    stage.write("secret.txt", secret);
    stage.write("ca.pem", sandbox.ca_pem());
    let base = format!(
        "setup --no-input --skip-test-vm -o json --host {} --user {user} --token-value-file secret.txt",
        sandbox.address()
    );
    let no = ("PROXMOX_VERIFY_SSL", "false".to_owned());
    for (flags, variables, trust) in [
        ("--ca-file ca.pem", vec![], "ca"),
        ("", vec![("PROXMOX_CA_FILE", "ca.pem".to_owned())], "ca"),
        ("--accept-new-certificate", vec![], "ca"),
        ("--accept-new-certificate --pin leaf", vec![], "pin"),
        ("--insecure", vec![], "unverified"),
        ("", vec![no], "unverified"),
    ] {
        let outcome = run(&stage, &format!("{base} {flags}"), &variables).expect(0);
        assert_eq!(outcome.json()["trust"], trust, "{flags} {variables:?}");
    }
}

#[test]
fn a_password_is_answered_by_flag_or_variable() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.write("password.txt", "sandbox\n");
    stage.write("ca.pem", sandbox.ca_pem());
    let base = format!("setup --no-input --skip-test-vm --host {} --user apex@pve --ca-file ca.pem", sandbox.address());
    run(&stage, &format!("{base} --password-file password.txt"), &[]).expect(0);
    let expected = stage.read(".env");
    run(&stage, &base, &[("PROXMOX_PASSWORD", "sandbox".to_owned())]).expect(0);
    assert_eq!(stage.read(".env"), expected);
}

#[test]
fn a_wrong_flag_or_variable_is_an_error_that_names_its_source_also_at_a_terminal() {
    use crate::support::terminal::Terminal;
    let mut stage = TestEnv::new();
    Terminal::start(&stage, 80, "setup --host ftp://pve.lan").end(2).says("--host");
    stage.set("PROXMOX_HOST", "ftp://pve.lan");
    Terminal::start(&stage, 80, "setup").end(3).says("the variable PROXMOX_HOST");
}
