//! What is drawn while something runs, at a real terminal.

use std::time::Duration;

use glassdome::sandbox::{Options, Sandbox};

use crate::support::lacks;
use crate::support::terminal::Terminal;
use crate::support::test_env::{TestEnv, quick};

fn scene(options: Options) -> (Sandbox, TestEnv) {
    let sandbox = Sandbox::start(options).unwrap();
    let env = TestEnv::new();
    env.point_at(&sandbox);
    (sandbox, env)
}

#[test]
fn a_server_that_takes_its_time_is_seen_to_be_waited_for() {
    let (sandbox, env) = scene(Options { latency: Duration::from_secs(1), ..quick() });
    for line in ["test-vm", "doctor", "cleanup", "template list"] {
        let mut terminal = Terminal::start(&env, 80, line);
        terminal.wait_for(&format!("Waiting for {} (", sandbox.address())).press("\x03");
        let ended = terminal.end(130);
        assert!(!ended.text.contains("Waiting for"), "the line is gone: {}", ended.text);
    }
}

#[test]
fn a_full_clone_has_a_bar_with_bytes_and_the_time_left() {
    let (_sandbox, env) = scene(Options { task_time: Duration::from_secs(3), ..quick() });
    let mut terminal = Terminal::start(&env, 80, "test-vm --full --no-start");
    terminal.wait_until("a bar", |screen| {
        let line = screen.lines().find(|line| line.contains("Cloning 9000 to VM 100")).unwrap_or_default();
        line.contains('━')
            && line.contains(" % ")
            && line.contains("GiB of 32.0 GiB")
            && line.trim_end().ends_with("s left")
    });
    let ended = terminal.end(0);
    assert!(!ended.text.contains('━'), "{}", ended.text);
}

#[test]
fn each_vm_that_runs_has_a_line_of_its_own() {
    for (columns, variables) in [(80, &[][..]), (40, &[("LANG", "C"), ("LC_ALL", "C"), ("NO_COLOR", "1")])] {
        let (_sandbox, mut env) = scene(Options { task_time: Duration::from_secs(3), ..quick() });
        for (name, value) in variables {
            env.set(name, value);
        }
        let mut terminal = Terminal::start(&env, columns, "test-vm --full --no-start --count 3 --parallel 3");
        terminal.wait_until("three lines", |screen| {
            screen.matches("Cloning 9000 to VM 1").count() == 3 && screen.contains("0 of 3 done")
        });
        terminal.wait_until("three results", |screen| screen.matches("Verified  VM").count() == 3);
        let ended = terminal.end(0);
        assert!(!ended.text.contains("of 3 done ("), "{}", ended.text);
        assert!(columns == 80 || ended.everything.is_ascii(), "{}", ended.everything);
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    if lacks(&["stty"]) {
        return;
    }
    let (_sandbox, env) = scene(Options { task_time: Duration::from_secs(3), ..quick() });
    let line = "stty rows 6; exec \"$GLASSDOME\" test-vm --full --no-start --count 8 --parallel 8";
    let mut terminal = Terminal::shell(&env, line);
    terminal.wait_for("8 running, 0 failed, 5 not shown");
    terminal.end(0);
}

#[test]
fn without_a_terminal_that_moves_its_cursor_nothing_is_drawn() {
    let (_sandbox, mut env) = scene(Options { latency: Duration::from_millis(400), ..quick() });
    env.set("TERM", "dumb");
    let ended = Terminal::start(&env, 80, "test-vm --no-start").end(0);
    assert!(!ended.everything.contains('\x1b') && !ended.everything.contains("Waiting for"), "{}", ended.everything);
}
