//! Every question of the wizard, one row each: a wrong answer, every way out, pastes, keys typed ahead and split keys, on
//! terminals of all kinds. A question without a row fails.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use glassdome::sandbox::{Options, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::lacks;
use crate::support::terminal::{TERMINALS, Terminal};
use crate::support::test_env::{TestEnv, quick, signal};

const SECRET: &str = "00000000-1111-2222-3333-444444444444";

/// What is typed to get to a question.
#[derive(Debug, Clone, Copy)]
enum Keys {
    /// A text, and Enter.
    Text(&'static str),
    /// The item of a menu at this place.
    Item(usize),
}

use Keys::{Item, Text};

/// One question.
struct Row {
    question: &'static str,
    /// The command line, with short forms for what many rows say.
    line: &'static str,
    /// The questions before it, with their answers.
    before: &'static [(&'static str, Keys)],
    /// An answer that is refused, with a part of the reason.
    wrong: Option<(&'static str, &'static str)>,
}

const fn row(
    question: &'static str,
    line: &'static str,
    before: &'static [(&'static str, Keys)],
    wrong: Option<(&'static str, &'static str)>,
) -> Row {
    Row { question, line, before, wrong }
}

const METHOD: &str = "How do you want to get the token?";
const MAYBE: Option<(&str, &str)> = Some(("maybe", "y for yes, n for no"));
const LOGIN: (&str, Keys) = ("Log in as", Text("root@pam"));
const PASSWORD: (&str, Keys) = ("Password for root@pam", Text("sandbox"));
const CREATE: &str = "HOST CA --user svc@pve --token-name tt --create-token";

const ROWS: [Row; 36] = [
    row("Proxmox VE host", "", &[], Some(("ftp://pve.lan", "Proxmox VE uses https"))),
    row("Do you trust this certificate?", "HOST", &[], None),
    row("CA file", "HOST", &[("Do you trust this certificate?", Item(2))], Some(("nowhere.pem", "No such file"))),
    row("The file disables certificate verification", "HOST --env-file unverified.env", &[], MAYBE),
    row("User for the token", "HOST CA", &[], Some(("a pex@pve", "without spaces"))),
    row("Realm of apex", "HOST CA", &[("User for the token", Text("apex"))], None),
    row(METHOD, "HOST CA USER", &[], None),
    row("Token name", "HOST CA USER", &[(METHOD, Item(4))], Some(("1x", "at least two characters: a letter"))),
    row("Paste the secret", "HOST CA USER NAME", &[(METHOD, Item(4))], Some(("abc", "too short: 3 of 36"))),
    row("Password of apex@pve", "HOST CA USER", &[(METHOD, Item(5))], Some(("", "the password is empty"))),
    row("SSH destination", "HOST CA USER NAME", &[(METHOD, Item(2))], None),
    row("Open it in your browser?", "HOST CA USER NAME", &[(METHOD, Item(1))], MAYBE),
    row(
        "Keep the secret",
        "HOST --env-file known.env",
        &[("User for the token", Text("")), ("Token name", Text(""))],
        MAYBE,
    ),
    row(
        "What would you like to change?",
        "HOST CA USER NAME",
        &[(METHOD, Item(4)), ("Paste the secret", Text("11111111-1111-2222-3333-444444444444"))],
        None,
    ),
    row("Node for new VMs", "HOST CA USER TOKEN", &[], None),
    row("Template for Ubuntu 22.04", "HOST CA USER TOKEN NODE", &[], None),
    row("Template for Ubuntu 20.04", "HOST CA USER TOKEN NODE --ubuntu-2204-template-id 9000", &[], None),
    row(
        "Pool for new VMs",
        "HOST CA USER TOKEN NODE TEMPLATES --env-file pool.env",
        &[("Save this?", Text("c")), ("Which answer do you want to change?", Item(0))],
        None,
    ),
    row("What next?", "HOST CA USER NODE TEMPLATES --token-name powerless --token-value-file powerless.txt", &[], None),
    row("Save this?", "HOST CA USER TOKEN NODE TEMPLATES", &[], Some(("maybe", "y: yes, n: no"))),
    row(
        "Which answer do you want to change?",
        "HOST CA USER TOKEN NODE --ubuntu-2204-template-id 9000",
        &[("Template for Ubuntu 20.04", Text("")), ("Save this?", Text("c"))],
        None,
    ),
    row(
        "Verify with a test VM now?",
        "HOST CA USER TOKEN NODE TEMPLATES --env-file tested.env TEST",
        &[("Save this?", Text("y"))],
        MAYBE,
    ),
    row("Log in as", CREATE, &[], Some(("ro ot@pam", "without spaces"))),
    row("Realm of root", CREATE, &[("Log in as", Text("root"))], None),
    row("Password for root@pam", CREATE, &[LOGIN], None),
    row(
        "One-time code",
        CREATE,
        &[("Log in as", Text("totp@pve")), ("Password for totp@pve", Text("sandbox"))],
        Some(("12", "six digits, not 2")),
    ),
    row("Which privileges should the token have?", CREATE, &[LOGIN, PASSWORD], None),
    row(
        "Make these changes now?",
        CREATE,
        &[LOGIN, PASSWORD, ("Which privileges should the token have?", Item(0))],
        MAYBE,
    ),
    row(
        "Revoke svc@pve!tt now?",
        "HOST CA NODE TEMPLATES",
        &[
            ("User for the token", Text("svc@pve")),
            (METHOD, Item(0)),
            ("Token name", Text("tt")),
            LOGIN,
            PASSWORD,
            ("Which privileges should the token have?", Item(0)),
            ("Make these changes now?", Text("y")),
            ("Save this?", Text("c")),
            ("Which answer do you want to change?", Item(1)),
            (METHOD, Item(5)),
            ("Token name", Text("")),
            ("Paste the secret", Text("apex@pve!glassdome-token=00000000-1111-2222-3333-444444444444")),
        ],
        MAYBE,
    ),
    row(
        "Image",
        "HOST CA USER TOKEN NODE --ubuntu-2204-template-id 8888 --ubuntu-2004-template-id 9001",
        &[("What next?", Item(1))],
        Some(("nosuch.img", "this file does not exist")),
    ),
    row(
        "proxmox-ca.pem contains another certificate. Replace it?",
        "HOST USER TOKEN",
        &[("Do you trust this certificate?", Item(0))],
        MAYBE,
    ),
    row(
        "Write the CA certificate there?",
        "HOST USER TOKEN --instance 02",
        &[("Do you trust this certificate?", Item(0))],
        MAYBE,
    ),
    row(
        "Its group has rights in the file",
        "HOST CA USER TOKEN NODE TEMPLATES --env-file group.env",
        &[("Save this?", Text("y"))],
        MAYBE,
    ),
    row(
        "Add to .gitignore",
        "HOST CA USER TOKEN NODE TEMPLATES --env-file git/.env",
        &[("Save this?", Text("y"))],
        MAYBE,
    ),
    row("Write it in a form that perhaps", "HOST CA NODE TEMPLATES --user odd@pve --password-file odd.txt", &[], MAYBE),
    row(
        "What next?",
        "HOST CA NODE TEMPLATES --user odd@pve --password-file odd.txt",
        &[("Write it in a form that perhaps", Text("n"))],
        None,
    ),
];

/// A sandbox, and a folder in which every question can be got to.
struct Scene {
    sandbox: Sandbox,
    env: TestEnv,
}

impl Scene {
    fn new(variables: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(Options { nodes: 2, shared_storage: true, ..quick() }).unwrap();
        let admin = Admin::of(&sandbox);
        admin.call("POST", "/pools", "poolid=one");
        admin.call("POST", "/access/users", "userid=odd@pve&password=%24{HOME}%20is%20where");
        admin.grant("/", "odd@pve", "Administrator");
        let mut env = TestEnv::new();
        for (name, text) in [
            ("ca.pem", sandbox.ca_pem()),
            ("secret.txt", SECRET),
            ("powerless.txt", "00000000-1111-2222-3333-555555555555"),
            ("odd.txt", "${HOME} is where"),
            ("unverified.env", "PROXMOX_VERIFY_SSL=false\n"),
            ("pool.env", "PROXMOX_POOL=one\n"),
            ("group.env", "OTHER=1\n"),
        ] {
            env.write(name, text);
        }
        let other = Sandbox::start(quick()).unwrap();
        env.write("proxmox-ca.pem", other.ca_pem());
        symlink("elsewhere.pem", env.path("proxmox-ca-02.pem")).unwrap();
        let known = format!(
            "PROXMOX_HOST={}\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_NAME=glassdome-token\nPROXMOX_TOKEN_VALUE={SECRET}\nPROXMOX_CA_FILE=ca.pem\n",
            sandbox.address()
        );
        env.write("known.env", &known);
        set_mode(&env.path("group.env"), 0o640);
        fs::create_dir(env.path("git")).unwrap();
        fs::create_dir(env.path("bin")).unwrap();
        set_mode(&env.write("bin/xdg-open", "#!/bin/sh\n"), 0o755);
        if !lacks(&["git"]) {
            let git = std::process::Command::new("git").arg("-C").arg(env.path("git")).args(["init", "-q"]).status();
            assert!(git.unwrap().success());
        }
        let path = format!("{}:/usr/bin:/bin", env.path("bin").display());
        env.set("PATH", &path);
        env.set("DISPLAY", ":0");
        for (name, value) in variables {
            env.set(name, value);
        }
        Self { sandbox, env }
    }

    fn line(&self, row: &Row) -> String {
        let tested = row.line.contains("TEST");
        let long = row
            .line
            .replace("HOST", &format!("--host {}", self.sandbox.address()))
            .replace("CA ", "--ca-file ca.pem ")
            .replace("USER", "--user apex@pve")
            .replace("NAME", "--token-name glassdome-token")
            .replace("TOKEN", "--token-name glassdome-token --token-value-file secret.txt")
            .replace("NODE", "--node pve")
            .replace("TEMPLATES", "--ubuntu-2204-template-id 9000 --ubuntu-2004-template-id 9001")
            .replace("TEST", "");
        let long = long.strip_suffix("CA").map(|it| format!("{it}--ca-file ca.pem")).unwrap_or(long);
        format!("setup {} {long}", if tested { "" } else { "--skip-test-vm" })
    }

    /// Starts, answers what comes before, and waits until the question is open; `ahead` is typed behind the last answer.
    fn open(&self, row: &Row, (columns, variables): (u16, &[(&str, &str)]), ahead: &str) -> Terminal {
        let is_dumb = variables.contains(&("TERM", "dumb"));
        let mut terminal = Terminal::start(&self.env, columns, &self.line(row));
        for (place, (question, keys)) in row.before.iter().enumerate() {
            terminal.wait_for(&format!("? {question}"));
            let keys = match keys {
                Text(text) => (*text).to_owned(),
                Item(place) if is_dumb => (place + 1).to_string(),
                Item(place) => "\x1b[B".repeat(*place),
            };
            // A hidden answer may have several lines: what follows at once belongs to it.
            let is_hidden = question.starts_with("Pass") || question.starts_with("Paste");
            let ahead = if place + 1 == row.before.len() && !is_hidden { ahead } else { "" };
            terminal.press(&format!("{keys}\r{ahead}"));
        }
        let is_end = ["proxmox-ca.pem", "Write the CA"].iter().any(|begin| row.question.starts_with(begin));
        terminal.wait_for(&format!("{}{}", if is_end { "" } else { "? " }, row.question));
        terminal
    }

    /// Undoes what a row has written.
    fn clean(&self) {
        for name in ["tested.env", "git/.env", "elsewhere.pem"] {
            let _ = fs::remove_file(self.env.path(name)); // it need not be there
        }
        self.env.write("group.env", "OTHER=1\n");
        set_mode(&self.env.path("group.env"), 0o640);
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Every way out of a question, each on another kind of terminal.
fn leave(scenes: &[Scene], row: &Row, at: usize) {
    let is_menu = row.wrong.is_none() && !row.question.starts_with("Password") && row.question != "SSH destination";
    for way in 0..5 {
        let kind = (at + way) % TERMINALS.len();
        let scene = &scenes[kind];
        scene.clean();
        let ahead = if way == 0 { "\r\rtyped ahead\r" } else { "" };
        let mut terminal = scene.open(row, TERMINALS[kind], ahead);
        let code = match way {
            0 => {
                if let Some((wrong, reason)) = row.wrong {
                    terminal.answer(wrong).wait_for(reason);
                }
                terminal.press("\x03");
                130
            }
            1 => {
                terminal.press(if is_menu { "\x1b" } else { "a\x1b" }).press("[B").press("b\x03");
                130
            }
            2 | 3 => {
                let (sent, code) = if way == 2 { (Signal::TERM, 143) } else { (Signal::HUP, 129) };
                terminal.press("aaaa");
                signal(terminal.child(), sent);
                terminal.press("bbbb");
                code
            }
            _ => {
                assert_eq!(terminal.close(), 129, "{}", row.question);
                continue;
            }
        };
        // This checks the modes of the terminal and its cursor.
        let ended = terminal.end(code);
        assert!(!ended.everything.contains(&SECRET[4..]), "{}", row.question);
    }
}

fn leave_each(part: usize) {
    let scenes: Vec<Scene> = TERMINALS.iter().map(|(_, variables)| Scene::new(variables)).collect();
    for (at, row) in ROWS.iter().enumerate().filter(|(at, _)| at % 3 == part) {
        if row.question != "Add to .gitignore" || !lacks(&["git"]) {
            leave(&scenes, row, at);
        }
    }
}

#[test]
fn every_way_out_of_every_question_works_on_every_terminal_1() {
    leave_each(0);
}

#[test]
fn every_way_out_of_every_question_works_on_every_terminal_2() {
    leave_each(1);
}

#[test]
fn every_way_out_of_every_question_works_on_every_terminal_3() {
    leave_each(2);
}

/// Questions that other commands ask.
const OF_OTHER_COMMANDS: [&str; 5] =
    ["Generate a new secret?", "Revoke ", "Password", "Token secret, or everything you copied", "Realm of "];

/// How many questions have a text that is put together elsewhere; the rows above have those of the wizard as well.
const PUT_TOGETHER: usize = 12;

fn sources(folder: &Path, texts: &mut Vec<String>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            sources(&path, texts);
        } else {
            let text = fs::read_to_string(path).unwrap();
            texts.push(text.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned());
        }
    }
}

#[test]
fn every_question_of_the_source_has_a_row() {
    let mut texts = Vec::new();
    for folder in ["src/commands", "src/ops"] {
        sources(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder), &mut texts);
    }
    let (mut literal, mut put_together) = (BTreeSet::new(), 0);
    for text in &texts {
        for begin in [
            "TextPrompt::new(",
            "HiddenPrompt::new(",
            "ConfirmPrompt::new(",
            "ChoicePrompt::new(",
            "ChoicePrompt::by_name(",
        ] {
            // A question that is named again when its answer fails is a constant.
            for rest in text.split(begin).skip(1) {
                let rest = rest.trim_start().trim_start_matches("format!(").trim_start();
                let constant = rest.split(|it: char| !it.is_ascii_uppercase() && it != '_').next().unwrap_or_default();
                let defined = format!("const {constant}: &str = ");
                let rest = texts.iter().find_map(|it| it.split_once(&defined)).map_or(rest, |(_, value)| value);
                match rest.strip_prefix('"').map(|it| it.split(['"', '{']).next().unwrap_or_default()) {
                    Some(question) if !question.is_empty() => drop(literal.insert(question.to_owned())),
                    _ => put_together += 1,
                }
            }
        }
    }
    assert!(literal.len() > 25, "the questions are found: {literal:?}");
    let has_row = |question: &&String| {
        ROWS.iter().any(|row| question.starts_with(row.question) || row.question.starts_with(question.as_str()))
    };
    let without: Vec<&String> =
        literal.iter().filter(|it| !has_row(it) && !OF_OTHER_COMMANDS.contains(&it.as_str())).collect();
    assert!(without.is_empty(), "questions without a row: {without:?}");
    assert_eq!(put_together, PUT_TOGETHER, "a question was added or removed: give it a row");
}
