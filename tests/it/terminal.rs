//! The real binary at a real terminal: what only a terminal can show.

use std::time::Duration;

use glassdome::sandbox::{Fault, Options, Sandbox};
use rustix::process::Signal;

use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick, signal};

const CANARY: &str = "c0ffee00-1234-5678-9abc-def012345678";

/// Arguments that leave one question open: the one for the secret.
fn line(sandbox: &Sandbox) -> String {
    format!("setup --ca-file ca.pem --host {} --user apex@pve --token-name tt --skip-test-vm", sandbox.address())
}

/// A stage with the certificate of a sandbox, so that nothing is asked about it.
fn stage(sandbox: &Sandbox) -> TestEnv {
    let stage = TestEnv::new();
    stage.write("ca.pem", sandbox.ca_pem());
    stage
}

/// Every shape that a secret comes in, each with how many characters are counted.
fn shapes() -> Vec<String> {
    let table = format!(
        "┌──────────────┬──────────────────────────────────────┐\n│ key          │ value                                │\n\
         ╞══════════════╪══════════════════════════════════════╡\n│ full-tokenid │ apex@pve!tt                          │\n\
         ├──────────────┼──────────────────────────────────────┤\n│ value        │ {CANARY} │\n\
         └──────────────┴──────────────────────────────────────┘\n"
    );
    vec![
        CANARY.to_owned(),
        format!("  \"{}\"  ", CANARY.to_uppercase()),
        format!("apex@pve!tt={CANARY}"),
        format!("Authorization: PVEAPIToken=apex@pve!tt={CANARY}"),
        format!(
            "curl -H \"Authorization: PVEAPIToken=apex@pve!tt={CANARY}\" \\\n  https://pve.lan:8006/api2/json/version\n"
        ),
        table,
        format!("{{\n  \"full-tokenid\": \"apex@pve!tt\",\n  \"value\": \"{CANARY}\"\n}}\n"),
        format!("PROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=tt\nPROXMOX_TOKEN_VALUE={CANARY}\n"),
    ]
}

#[test]
fn a_secret_is_found_in_every_shape_and_never_shown() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    for shape in shapes() {
        for marks_pastes in [true, false] {
            // The shell that runs afterwards reads a line: what was left over would be in it.
            let run = format!(
                "trap : INT; \"$GLASSDOME\" {}; echo ended; read -r rest; echo \"shell: [$rest]\"",
                line(&sandbox)
            );
            let mut terminal = Terminal::shell(&stage, &run);
            terminal.to("How do you want to get", "\x1b[B").wait_for("Paste the secret");
            if marks_pastes {
                terminal.paste(&shape).press("\r");
            } else {
                terminal.press(&format!("{shape}\n").replace('\n', "\r"));
            }
            terminal.wait_for("apex@pve!tt, secret c0ff••••").wait_for("What would you like to change?").press("\x03");
            terminal
                .wait_for("interrupted; nothing was written")
                .wait_for("ended")
                .press("mine\r")
                .wait_for("shell: [mine]");
            let ended = terminal.end(0);
            let shown = ended.everything.to_lowercase();
            assert!(!shown.contains(&CANARY[4..]), "{shape}\n{shown}");
        }
    }
}

#[test]
fn what_is_typed_at_the_hidden_prompt_can_be_corrected() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let mut terminal = Terminal::start(&stage, 80, &line(&sandbox));
    terminal.to("How do you want to get", "\x1b[B").wait_for("(0 characters)");
    assert!(!terminal.echoes());
    terminal.press("abc").wait_for("(3 characters)").press("\x7f\x7f").wait_for("(1 character)");
    terminal.press("\x15").wait_for("(0 characters)").press("1234").wait_for("(4 characters)").press("\r");
    terminal.wait_for("too short: 4 of 36").press("\x04");
    terminal.end(130);
}

#[test]
fn signals_end_an_open_question_with_their_code() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    for (sent, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        for question in ["How do you want to get", "Paste the secret"] {
            let mut terminal = Terminal::start(&stage, 40, &line(&sandbox));
            terminal.wait_for("How do you want to get");
            if question == "Paste the secret" {
                terminal
                    .press("\x1b[B\r")
                    .wait_for("(0 characters)")
                    .press("half a secret")
                    .wait_for("(13 characters)");
            }
            signal(terminal.child(), sent);
            let ended = terminal.end(code);
            assert!(!ended.everything.contains("half"), "{}", ended.everything);
        }
    }
}

#[test]
fn a_closed_terminal_ends_the_run() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let mut terminal = Terminal::start(&stage, 80, &line(&sandbox));
    terminal.to("How do you want to get", "\x1b[B").wait_for("Paste the secret");
    assert_eq!(terminal.close(), 129);
    assert!(!stage.path(".env").exists());
}

#[test]
fn the_window_may_change_while_a_question_is_open() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let mut terminal = Terminal::start(&stage, 80, &format!("setup --ca-file ca.pem --host {}", sandbox.address()));
    terminal.wait_for("User for the token").press("a-user-with-a-long-nickname");
    terminal.wait_for("a-user-with-a-long-nickname").resize(30);
    terminal
        .press("\r")
        .wait_for("❯ pve")
        .resize(80)
        .press("\x1b[B\r")
        .wait_for("How do you want to get")
        .press("\x03");
    terminal.end(130);
}

#[test]
fn no_question_is_asked_without_a_terminal() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    // Standard input is no terminal, though the rest is.
    Terminal::redirected(&stage, "setup", "< /dev/null")
        .end(3)
        .says("the server, the user and the token secret are not set, and there is no terminal to prompt on");
    Terminal::start(&stage, 80, "setup --no-input").end(3).says("PROXMOX_HOST");
    // A command that never prompts says nothing about a terminal, in one or without.
    for line in ["test-vm", "doctor", "template list"] {
        let terminal = Terminal::start(&stage, 80, line);
        let shown = terminal
            .end(3)
            .says("the server, the user and the token secret are not set")
            .says("glassdome setup")
            .everything;
        assert!(!shown.contains("no terminal"), "{line}: {shown}");
    }
    // Where the questions could not be seen, none is asked.
    Terminal::redirected(&stage, "setup", "2> /dev/null").end(3);
    // Results may go elsewhere: the questions are not among them.
    let mut terminal = Terminal::redirected(&stage, "setup -o json", "> results.json");
    terminal.wait_for("Proxmox VE host").press("\x03");
    terminal.end(130);
    let document: serde_json::Value = serde_json::from_str(&stage.read("results.json")).unwrap();
    assert_eq!(document["error"]["exit_code"], 130);
}

#[test]
fn a_server_that_falls_silent_is_reported_with_the_reason_and_a_vm_that_is_gone_again_too() {
    let sandbox = Sandbox::start(Options { task_time: Duration::from_secs(120), ..quick() }).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let mut terminal = Terminal::start(&stage, 80, "test-vm --no-start");
    terminal.wait_for("Cloning 9000 to VM 100 (");
    // What is typed meanwhile is not shown, breaks no line, and answers no question.
    terminal.press("x\r").wait_for("Cloning 9000 to VM 100 (2 s)");
    assert_eq!(terminal.text().matches("Cloning 9000 to VM 100 (").count(), 1, "{}", terminal.text());
    sandbox.add_fault(Fault::Gateway(503));
    terminal.wait_for("no response from the server for").wait_for("503 Service Unavailable");
    terminal.wait_for("Cloning 9000 to VM 100, no response for");
    sandbox.clear_faults();
    terminal.wait_for("the server is responding again");
    terminal.press("\x03").wait_for("VM 100 deleted; nothing left on pve");
    terminal.end(130);
}
