//! The real binary at a real terminal: what only a terminal can show.

use glassdome::sandbox::Sandbox;
use rustix::process::Signal;

use crate::support::stage::{Stage, quick, signal};
use crate::support::terminal::Terminal;

const CANARY: &str = "c0ffee00-1234-5678-9abc-def012345678";

/// A stage with the certificate of a sandbox, so that nothing is asked about it.
fn stage(sandbox: &Sandbox) -> Stage {
    let stage = Stage::new();
    stage.write("ca.pem", sandbox.ca_pem());
    stage
}

fn wizard(stage: &Stage, columns: u16) -> Terminal {
    Terminal::start(stage, columns, "setup --ca-file ca.pem --skip-test-vm")
}

#[test]
fn a_person_is_asked_and_answers() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let mut terminal = wizard(&stage, 80);
    terminal.to("The server", "pve lan").wait_for("a host name has letters");
    terminal.answer(&sandbox.address().to_string());
    terminal.to("The user", "apex").to("The realm of apex", "").to("The token's name", "");
    terminal.wait_for("secret (hidden)").wait_for("(0 characters)");
    assert!(!terminal.echoes());
    terminal.answer("abc123").wait_for("too short: 6 of 36").paste(sandbox.default_token().2);
    terminal.wait_for("(36 characters)").press("\r");
    terminal.to("Write this?", "");
    terminal.end(0).says(".env is written, mode 0600");
    assert!(stage.read(".env").contains("PROXMOX_USER=apex@pve\n"));
}

#[test]
fn leaving_at_any_prompt_gives_the_terminal_back() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    for (prompt, key) in [
        ("The server", "\x03"),
        ("The server", "\x04"),
        ("The user", "\x03"),
        ("The realm", "\x03"),
        ("The realm", "\x1b"),
        ("The token's name", "\x03"),
        ("secret (hidden)", "\x03"),
        ("secret (hidden)", "\x04"),
        ("Write this?", "\x03"),
        ("Write this?", "\x04"),
    ] {
        let mut terminal = wizard(&stage, 80);
        for (question, text) in [
            ("The server", sandbox.address().to_string().as_str()),
            ("The user", "apex"),
            ("The realm", ""),
            ("The token's name", ""),
            ("secret (hidden)", sandbox.default_token().2),
            ("Write this?", ""),
        ] {
            terminal.wait_for(question);
            if question == prompt {
                break;
            }
            terminal.answer(text);
        }
        let is_line = key == "\x04" && !prompt.contains("hidden");
        terminal.press(if is_line { "" } else { "half an answer" }).press(key);
        terminal.end(130);
        assert!(!stage.path(".env").exists(), "{prompt}");
    }
}

#[test]
fn signals_end_an_open_question_with_their_code() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    for (sent, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut terminal = wizard(&stage, 40);
        terminal.wait_for("The server");
        signal(terminal.child(), sent);
        terminal.end(code);
    }
}

#[test]
fn a_secret_is_never_shown_however_it_is_pasted() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let line = format!("setup --ca-file ca.pem --host {} --user apex@pve --token-name tt", sandbox.address());
    for pasted in [format!("{CANARY}\r"), format!("\x1b[200~{CANARY}\n\x1b[201~\r")] {
        let mut terminal = Terminal::start(&stage, 80, &line);
        terminal.wait_for("secret (hidden)").press(&pasted);
        let ended = terminal.end(6);
        assert!(!ended.everything.contains(&CANARY[5..]), "{}", ended.everything);
    }
}

#[test]
fn the_window_may_change_while_a_question_is_open() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let mut terminal = wizard(&stage, 80);
    terminal.to("The server", &sandbox.address().to_string()).wait_for("The user").press("somebody-with-a-long-name");
    terminal.resize(30).wait_for("\n   > omebody-with-a-long-name");
    terminal.press("\r").wait_for(" > pve").resize(80).press("\x1b[B\r").wait_for("The token's name").press("\x03");
    terminal.end(130);
}
