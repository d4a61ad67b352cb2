//! Every kind of question at a real terminal: wrong answers, pastes, typing ahead, and every way out.

use glassdome::sandbox::{Options, Sandbox};
use rustix::process::Signal;

use crate::support::terminal::{TERMINALS, Terminal};
use crate::support::test_env::{TestEnv, quick, signal};

const DOWN: &str = "\x1b[B";

/// A settings file that leads to a question for yes or no.
const UNVERIFIED: &str = "PROXMOX_VERIFY_SSL=false\n";

/// A question of each kind, and how to get there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Choice,
    Filtered,
    Confirm,
    Hidden,
}

const ALL: [Kind; 5] = [Kind::Text, Kind::Choice, Kind::Filtered, Kind::Confirm, Kind::Hidden];

/// A sandbox, and a folder with what is needed to get to a question at once.
struct Scene {
    sandbox: Sandbox,
    env: TestEnv,
    columns: u16,
}

impl Scene {
    fn new() -> Self {
        let sandbox = Sandbox::start(Options { nodes: 2, shared_storage: true, ..quick() }).unwrap();
        let env = TestEnv::new();
        env.write("ca.pem", sandbox.ca_pem());
        env.write("unverified.env", UNVERIFIED);
        env.write("secret.txt", "00000000-1111-2222-3333-444444444444\n");
        Self { sandbox, env, columns: 80 }
    }

    fn on(columns: u16, variables: &[(&str, &str)]) -> Self {
        let mut scene = Self { columns, ..Self::new() };
        for (name, value) in variables {
            scene.env.set(name, value);
        }
        scene
    }

    fn line(&self, kind: Kind) -> String {
        let host = format!("--host {} --ca-file ca.pem --skip-test-vm", self.sandbox.address());
        let token = format!("{host} --user apex@pve --token-name glassdome-token --token-value-file secret.txt");
        match kind {
            Kind::Text => "setup".to_owned(),
            Kind::Choice => format!("setup {host} --user apex@pve --token-name tt"),
            Kind::Filtered => format!("setup {token}"),
            Kind::Confirm => {
                let rest = "--node pve --ubuntu-2204-template-id 9000 --ubuntu-2004-template-id 9001";
                format!("setup {} {rest}", token.replace("--ca-file ca.pem", "--env-file unverified.env"))
            }
            Kind::Hidden => format!("setup {host} --user apex@pve --token-name glassdome-token"),
        }
    }

    /// Starts, and waits until the question is open.
    fn open(&self, kind: Kind) -> Terminal {
        let mut terminal = Terminal::start(&self.env, self.columns, &self.line(kind));
        self.wait(&mut terminal, kind);
        terminal
    }

    fn wait(&self, terminal: &mut Terminal, kind: Kind) {
        if kind == Kind::Hidden {
            terminal.to("How do you want to get", self.second());
        }
        terminal.wait_for(question(kind));
        // The last thing that is drawn of each.
        terminal.wait_for(match kind {
            Kind::Text => "URL)",
            Kind::Choice => "password instead",
            Kind::Filtered => "pve2",
            Kind::Confirm => "[Y/n]",
            Kind::Hidden if self.is_dumb() => "(hidden)",
            Kind::Hidden => "(0 characters)",
        });
    }

    fn is_dumb(&self) -> bool {
        self.env.command([""; 0]).get_envs().any(|(name, value)| name == "TERM" && value.is_some_and(|it| it == "dumb"))
    }

    /// The keys that choose the second item of a menu.
    fn second(&self) -> &'static str {
        if self.is_dumb() { "2" } else { DOWN }
    }
}

const fn question(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "Proxmox VE host",
        Kind::Choice => "How do you want to get the token?",
        Kind::Filtered => "Node for new VMs",
        Kind::Confirm => "certificate verification. Keep it disabled?",
        Kind::Hidden => "Paste the secret",
    }
}

#[test]
fn a_wrong_answer_is_refused_and_the_right_one_taken_on_every_terminal() {
    for (columns, variables) in TERMINALS {
        let scene = Scene::on(columns, variables);
        let address = scene.sandbox.address().to_string();
        let mut terminal = scene.open(Kind::Text);
        terminal.answer("ftp://pve.lan").wait_for("uses https").answer(&address);
        terminal.wait_for("Do you trust this certificate?").press("\x03");
        terminal.end(130);
        let mut terminal = scene.open(Kind::Confirm);
        terminal.answer("maybe").wait_for("y for yes, n for no").answer("YES");
        terminal.wait_for("Save this?").press("\x03");
        terminal.end(130);
        let mut terminal = scene.open(Kind::Hidden);
        terminal.answer("abc").wait_for("too short: 3 of 36").answer("00000000-1111-2222-3333-444444444444");
        terminal.wait_for("secret 0000").wait_for(question(Kind::Filtered)).press("\x03");
        terminal.end(130);
        let mut terminal = scene.open(Kind::Filtered);
        if scene.is_dumb() {
            terminal.answer("3").wait_for("a number from 1 to 2").answer("2");
        } else {
            terminal.answer("nothing like this").wait_for("nothing matches").press(&"\x7f".repeat(17));
            terminal.press("pve2").wait_for("pve2_").wait_for("2 of 2").press("\r");
        }
        terminal.wait_for("Template for Ubuntu 22.04").press("\x03");
        terminal.end(130);
        let mut terminal = scene.open(Kind::Choice);
        terminal.answer(scene.second()).wait_for("Paste the secret").press("\x03");
        terminal.end(130);
    }
}

#[test]
fn every_way_out_of_every_question_restores_the_terminal() {
    for (columns, variables) in TERMINALS {
        let scene = Scene::on(columns, variables);
        for kind in ALL {
            for (sent, code) in [(None, 130), (Some(Signal::TERM), 143), (Some(Signal::HUP), 129)] {
                let mut terminal = scene.open(kind);
                match sent {
                    None => drop(terminal.press("\x03")),
                    Some(sent) => signal(terminal.child(), sent),
                }
                terminal.end(code);
            }
            assert_eq!(scene.open(kind).close(), 129, "{kind:?}");
            assert!(!scene.env.path(".env").exists(), "{kind:?}");
            assert_eq!(scene.env.read("unverified.env"), UNVERIFIED);
        }
    }
}

#[test]
fn ctrl_d_and_escape_leave_no_visible_question() {
    let scene = Scene::new();
    for kind in [Kind::Text, Kind::Choice, Kind::Filtered, Kind::Confirm] {
        let mut terminal = scene.open(kind);
        // Behind an escape the first `z` is Alt-Z.
        terminal.press("\x04\x1bzz");
        match kind {
            Kind::Choice | Kind::Hidden => {}
            Kind::Filtered => drop(terminal.wait_for("nothing matches").press("\x7f")),
            Kind::Text | Kind::Confirm => {
                terminal.wait_until("the letter is typed", |screen| screen.ends_with("› z")).press("\x7f");
            }
        }
        let (answer, next) = match kind {
            Kind::Text => (scene.sandbox.address().to_string(), "Do you trust this certificate?"),
            Kind::Choice => (DOWN.to_owned(), "Paste the secret"),
            Kind::Filtered => (String::new(), "Template for Ubuntu 22.04"),
            Kind::Confirm | Kind::Hidden => ("n".to_owned(), "Do you trust this certificate?"),
        };
        terminal.answer(&answer).wait_for(next).press("\x03");
        terminal.end(130);
    }
    let mut terminal = scene.open(Kind::Hidden);
    terminal.press("\x04");
    terminal.end(130);
}

#[test]
fn the_rest_of_a_paste_answers_nothing_and_reaches_no_shell() {
    for (columns, variables) in TERMINALS {
        let scene = Scene::on(columns, variables);
        let address = scene.sandbox.address();
        let run = format!(
            "trap : INT; \"$GLASSDOME\" {}; echo code $?; read -r rest; echo \"shell: [$rest]\"",
            scene.line(Kind::Text)
        );
        let mut terminal = Terminal::shell(&scene.env, &run);
        scene.wait(&mut terminal, Kind::Text);
        terminal.press(&format!("{address}\rrm -r this\ryes\r4\r"));
        terminal
            .wait_for("Do you trust this certificate?")
            .wait_for("Quit")
            .press("\x03")
            .wait_for("code 130")
            .press("mine\r");
        terminal.wait_for("shell: [mine]");
        let ended = terminal.end(0);
        assert!(!ended.text.contains("rm -r this") || scene.is_dumb(), "{}", ended.text);
    }
}

#[test]
fn the_rest_of_a_paste_is_not_the_next_try() {
    let scene = Scene::new();
    let mut terminal = scene.open(Kind::Text);
    terminal.press(&format!("ftp://pve.lan\r{}\r", scene.sandbox.address())).wait_for("uses https");
    terminal.wait_for("URL)").answer(&scene.sandbox.address().to_string());
    terminal.wait_for("Do you trust this certificate?").wait_for("Quit").press("\x03");
    let ended = terminal.end(130);
    assert_eq!(ended.everything.matches("uses https").count(), 1, "{}", ended.text);
}

#[test]
fn what_is_typed_while_a_server_is_waited_for_is_neither_shown_nor_an_answer() {
    let scene = Scene::new();
    let mut terminal = scene.open(Kind::Hidden);
    // The server takes its time to refuse this one.
    terminal.answer("11111111-1111-2222-3333-444444444444").wait_for("secret 1111");
    terminal.press("typed-ahead\r\r").wait_for("What would you like to change?").wait_for("❯").press("\x03");
    let ended = terminal.end(130);
    assert!(!ended.everything.contains("typed-ahead"), "{}", ended.everything);
}

#[test]
fn an_arrow_key_in_two_pieces_closes_no_menu() {
    let scene = Scene::new();
    let mut terminal = scene.open(Kind::Choice);
    terminal.press("\x1b");
    terminal.press("[B").press("x");
    terminal
        .press(DOWN)
        .wait_until("the pointer has moved", |screen| !screen.contains("❯ Create it now"))
        .press("\x03");
    terminal.end(130);
}

#[test]
fn a_signal_among_keys_leaves_echo_and_cursor() {
    let scene = Scene::new();
    let kinds =
        [(Kind::Choice, DOWN), (Kind::Text, "a"), (Kind::Filtered, "p"), (Kind::Hidden, "a"), (Kind::Confirm, "y")];
    for round in 0..20 {
        for (kind, key) in kinds {
            let sent = [Signal::TERM, Signal::HUP, Signal::INT][round % 3];
            let mut terminal = scene.open(kind);
            terminal.press(&key.repeat(1 + round * 3));
            signal(terminal.child(), sent);
            terminal.press(&key.repeat(5));
            let code = match sent {
                Signal::TERM => 143,
                Signal::HUP => 129,
                _ => 130,
            };
            // This checks the modes of the terminal and its cursor.
            terminal.end(code);
        }
    }
}

#[test]
fn an_exact_name_is_taken_among_many_that_contain_it() {
    let sandbox = Sandbox::start(Options { nodes: 30, shared_storage: true, ..quick() }).unwrap();
    let scene = Scene { sandbox, ..Scene::new() };
    scene.env.write("ca.pem", scene.sandbox.ca_pem());
    for name in ["pve", "pve2", "pve3"] {
        let mut terminal = scene.open(Kind::Filtered);
        terminal.press(DOWN).press(name).wait_for(&format!("❯ {name} online")).press("\r");
        terminal.wait_for(&format!("Node · {name} ")).press("\x03");
        terminal.end(130);
    }
}
