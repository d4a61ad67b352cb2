//! What a shell and a packager take from the program: completions, manual pages, examples that work.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use clap::{CommandFactory, Parser};
use glassdome::cli::manual::escaped;
use glassdome::cli::{Cli, topics};

use crate::support::terminal::Terminal;
use crate::support::test_env::TestEnv;
use crate::support::{lacks, skipped};

/// A real bash that knows the completions, with the program on its search path.
fn bash(stage: &TestEnv) -> Terminal {
    let script = stage.glassdome("completions bash").expect(0).results;
    stage.write("rc", &format!("PS1='$ '\n{script}"));
    let program = PathBuf::from(env!("CARGO_BIN_EXE_glassdome"));
    let mut path = program.parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["--rcfile", "rc", "-i"]).current_dir(stage.folder()).env("PATH", path).env("HISTFILE", "/dev/null");
    Terminal::of(command, 80)
}

#[test]
fn bash_completes_commands_flags_and_what_stands_in_the_file() {
    if lacks(&["bash"]) {
        return;
    }
    let stage = TestEnv::new();
    stage.write(".env", "PROXMOX_HOST=a\nPROXMOX_NODE=first\nPROXMOX_lab_HOST=b\nPROXMOX_lab_NODE=second\n");
    let mut bash = bash(&stage);
    for (typed, completed) in [
        ("glassdome test-v\t", "glassdome test-vm "),
        ("glassdome setup --accept-n\t", "glassdome setup --accept-new-certificate "),
        ("glassdome --instance la\t", "glassdome --instance lab "),
        ("glassdome test-vm --node sec\t", "glassdome test-vm --node second "),
        ("glassdome env --format terraform-t\t", "glassdome env --format terraform-telmate "),
        ("glassdome sandbox --fault gone-i\t", "glassdome sandbox --fault gone-in-clone "),
        ("glassdome help exi\t", "glassdome help exit-codes "),
        ("glassdome help doc\t", "glassdome help doctor "),
    ] {
        bash.wait_for("$").press(typed).wait_for(completed.trim_end()).press("\x15");
    }
    bash.answer("exit");
    bash.end(0);
}

#[test]
fn every_shell_takes_its_script() {
    let stage = TestEnv::new();
    for (shell, arguments) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])] {
        let script = stage.glassdome(&format!("completions {shell}")).expect(0).results;
        let file = stage.write("script", &script);
        match Command::new(shell).args(arguments).arg(file).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => skipped(&format!("{shell} is not installed")),
        }
    }
    assert!(stage.glassdome("completions powershell").expect(0).results.contains("Register-ArgumentCompleter"));
}

#[test]
fn without_an_argument_the_shell_is_found() {
    for (path, shell) in [("/bin/bash", "bash"), ("/opt/bin/fish", "fish"), ("/usr/bin/zsh", "zsh")] {
        let mut stage = TestEnv::new();
        stage.set("SHELL", path);
        let script = stage.glassdome("completions").expect(0).results;
        assert_eq!(script, stage.glassdome(&format!("completions {shell}")).results, "{path}");
        assert_eq!(stage.glassdome("completions").stderr, "");
    }
    // The parent here is the test program, which is not a shell.
    let mut stage = TestEnv::new();
    stage.glassdome("completions").expect(2).says("powershell");
    stage.set("SHELL", "/bin/sh");
    stage.glassdome("completions").expect(2);
    if lacks(&["bash"]) {
        return;
    }
    let mut bash = stage.command(["completions"]);
    let script = Command::new("bash")
        .args(["-c", "\"$0\" completions; true"])
        .arg(bash.get_program())
        .env("SHELL", "/bin/sh")
        .output()
        .unwrap();
    let expected = bash.arg("bash").output().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&script.stdout), String::from_utf8_lossy(&expected));
}

#[test]
fn every_page_of_the_manual_is_set_without_a_complaint() {
    let stage = TestEnv::new();
    stage.glassdome("man --dir .").expect(0);
    let names: Vec<String> =
        Cli::command().get_subcommands().map(|it| format!("glassdome-{}.1", it.get_name())).collect();
    let topics: Vec<String> = topics::all().map(|it| format!("glassdome-{}.1", it.name)).collect();
    for name in names.iter().chain(&topics).map(String::as_str).chain(["glassdome.1"]) {
        let roff = stage.read(name);
        assert!(roff.contains(".SH EXIT STATUS") && roff.contains(".SH NAME"), "{name}");
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", name]).current_dir(stage.folder()).env("MANWIDTH", "80");
        match man.output() {
            Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}"),
            Err(_) => skipped("man is not installed"),
        }
    }
    stage.glassdome("man nonsense").expect(2).says("exit-codes, environment");
    stage.glassdome("man --dir share/man/man1").expect(0);
    assert_eq!(stage.read("share/man/man1/glassdome.1"), stage.read("glassdome.1"));
    stage.glassdome("man --dir glassdome.1").expect(3).says("cannot write");
}

#[test]
fn every_option_of_a_manual_page_is_described() {
    let stage = TestEnv::new();
    stage.glassdome("man --dir .").expect(0);
    let program = Cli::command();
    for command in leaves(&program) {
        let parent =
            program.get_subcommands().find(|it| it.get_subcommands().any(|below| std::ptr::eq(below, command)));
        let words = parent.map_or_else(String::new, |it| format!("{}-", it.get_name())) + command.get_name();
        let page = stage.read(&format!("glassdome-{words}.1"));
        let usage = page.split(".SH SYNOPSIS\n").nth(1).and_then(|rest| rest.lines().next()).unwrap();
        assert!(usage.contains("[OPTIONS]") && !usage.contains("\\-\\-host"), "{usage}");
        let entries: Vec<&str> = page.split("\n.TP\n").skip(1).collect();
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let name = escaped(&format!("--{option}"));
            let entry =
                entries.iter().find(|it| it.lines().next().is_some_and(|head| head.contains(&format!("{name}\\fR"))));
            let text = entry.and_then(|it| it.lines().nth(1)).unwrap_or_default();
            assert!(text.len() > 5 && !text.starts_with('.'), "{words}: --{option}: {entry:?}");
        }
    }
}

/// Gives the words of an example as a shell would, up to a pipe or a redirection.
fn words(example: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in example.split_whitespace() {
        if ["|", ">", ">>"].contains(&word) {
            break;
        }
        words.push(word.trim_matches(['"', '\'']).to_owned());
    }
    words
}

/// Lists every command that has no commands below it.
fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
    let below: Vec<&clap::Command> = command.get_subcommands().flat_map(leaves).collect();
    if below.is_empty() { vec![command] } else { below }
}

#[test]
fn no_command_puts_its_own_options_under_connection_or_log_in() {
    let shared = ["Connection", "Log-in"];
    for command in leaves(&Cli::command()) {
        for argument in
            command.get_arguments().filter(|it| it.get_help_heading().is_some_and(|it| shared.contains(&it)))
        {
            let name = argument.get_long().unwrap();
            let is_shared = leaves(&Cli::command())
                .iter()
                .filter(|it| it.get_arguments().any(|other| other.get_long() == Some(name)))
                .count()
                > 2;
            assert!(is_shared && !["dry-run", "timeout"].contains(&name), "{}: {name}", command.get_name());
        }
    }
}

#[test]
fn every_example_of_the_help_is_understood() {
    let program = Cli::command();
    let mut count = 0;
    for command in leaves(&program) {
        let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        // A line that a terminal breaks would run as two commands.
        assert!(examples.lines().all(|line| line.len() < 80), "{}", command.get_name());
        let examples = examples.replace("\\\n", " ");
        for line in examples.lines().filter(|line| line.contains("glassdome ")) {
            let example = &line[line.find("glassdome ").unwrap()..];
            // A shell would have put something else there.
            let example = example.replace(")\"", "").replace("AB:CD:...", &["AB"; 32].join(":"));
            let parsed = Cli::try_parse_from(words(&example).iter().map(OsStr::new));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
            count += 1;
        }
        let is_help = command.get_name() == "help";
        assert!(is_help || examples.contains("glassdome "), "{} has no example", command.get_name());
    }
    assert!(count > 10);
}
