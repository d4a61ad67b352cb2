//! Whole screens of the wizard, as a person sees them: wide and narrow, with Unicode and without.

use crate::support::screen::lasting;
use crate::support::terminal::Terminal;
use crate::support::test_env::TestEnv;

const SECRET: &str = "00000000-1111-2222-3333-444444444444";
const DOWN: &str = "\x1b[B";

/// A terminal: its name here, how wide it is, and variables that say what it can show.
type Kind = (&'static str, u16, &'static [(&'static str, &'static str)]);

const KINDS: [Kind; 3] = [("80", 80, &[]), ("40", 40, &[]), ("80-ascii", 80, &[("LANG", "C"), ("LC_ALL", "C")])];

/// Answers questions in their order.
fn answer(terminal: &mut Terminal, answers: &[(&str, &str)]) {
    for (question, text) in answers {
        terminal.to(question, text);
    }
}

/// The questions before the way to the token.
const BEGIN: [(&str, &str); 3] =
    [("Proxmox VE host", ""), ("Do you trust this certificate?", ""), ("User for the token", "")];

/// The questions about the templates.
const TEMPLATES: [(&str, &str); 2] = [("Template for Ubuntu 22.04", ""), ("Template for Ubuntu 20.04", "")];

/// Compares the screen of one run on each kind of terminal.
fn compare(name: &str, line: &str, code: i32, run: impl Fn(&mut Terminal)) {
    for (kind, columns, variables) in KINDS {
        let mut env = TestEnv::new();
        for (variable, value) in variables {
            env.set(variable, value);
        }
        let mut terminal = Terminal::start(&env, columns, line);
        run(&mut terminal);
        insta::assert_snapshot!(format!("{name}-{kind}"), lasting(&env, &terminal.end(code).text));
    }
}

#[test]
fn the_web_interface() {
    compare("web", "setup --sandbox --skip-test-vm", 0, |terminal| {
        answer(terminal, &BEGIN);
        answer(terminal, &[("How do you want to get", DOWN), ("Token name", ""), ("Paste the secret", SECRET)]);
        answer(terminal, &TEMPLATES);
        terminal.to("Save this?", "");
    });
}

#[test]
fn a_created_token() {
    compare("created", "setup --sandbox --skip-test-vm", 0, |terminal| {
        answer(terminal, &BEGIN[..2]);
        answer(terminal, &[("User for the token", "svc@pve"), ("How do you want to get", ""), ("Token name", "")]);
        answer(terminal, &[("Log in as", ""), ("Password for root@pam", "sandbox")]);
        answer(terminal, &[("Which privileges should the token have?", ""), ("Make these changes now?", "")]);
        answer(terminal, &TEMPLATES);
        terminal.to("Save this?", "");
    });
}

#[test]
fn a_settings_file_that_exists() {
    for (kind, columns, variables) in KINDS {
        let mut env = TestEnv::new();
        for (variable, value) in variables {
            env.set(variable, value);
        }
        env.glassdome("setup --sandbox --no-input --skip-test-vm").expect(0);
        let mut terminal = Terminal::start(&env, columns, "setup --sandbox --skip-test-vm");
        answer(&mut terminal, &BEGIN);
        answer(&mut terminal, &[("Token name", ""), ("Keep the secret", "")]);
        answer(&mut terminal, &[("Template for Ubuntu 22.04", "9001"), ("Template for Ubuntu 20.04", "")]);
        terminal.to("Save this?", "");
        insta::assert_snapshot!(format!("existing-{kind}"), lasting(&env, &terminal.end(0).text));
    }
}

#[test]
fn a_changed_answer() {
    compare("changed", "setup --sandbox --skip-test-vm", 0, |terminal| {
        answer(terminal, &BEGIN);
        answer(terminal, &[("How do you want to get", &DOWN.repeat(4)), ("Token name", "")]);
        terminal.to("Paste the secret", SECRET);
        answer(terminal, &TEMPLATES);
        terminal.to("Save this?", "c").to("Which answer do you want to change?", &DOWN.repeat(5));
        terminal.to("Template for Ubuntu 22.04", "9001").to("Save this?", "y");
    });
}

#[test]
fn a_failed_check() {
    compare("failed", "setup --sandbox --skip-test-vm", 130, |terminal| {
        answer(terminal, &BEGIN);
        answer(terminal, &[("How do you want to get", &DOWN.repeat(4)), ("Token name", "powerless")]);
        terminal.to("Paste the secret", SECRET).to("What would you like to change?", "");
        terminal.to("Paste the secret", "00000000-1111-2222-3333-555555555555");
        terminal.wait_for("? What next?").wait_for("Quit (nothing was written)").press("\x03");
    });
}

#[test]
fn a_dry_run() {
    compare("dry-run", "setup --sandbox --dry-run", 0, |terminal| {
        answer(terminal, &BEGIN);
        answer(terminal, &[("How do you want to get", &DOWN.repeat(4)), ("Token name", "")]);
        terminal.to("Paste the secret", SECRET);
        answer(terminal, &TEMPLATES);
    });
}
