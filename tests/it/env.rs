//! The configuration in other tools' words, tried with real shells and real tools.

use std::process::{Command, Stdio};
use std::time::Duration;

use glassdome::sandbox::Sandbox;

use crate::support::test_env::{Outcome, TestEnv, quick, signal};
use crate::support::{lacks, skipped};

const SECRET: &str = "12345678-abcd-ef12-3456-7890abcdef12";

/// Every format, and a variable that holds the secret in it.
const FORMATS: [(&str, &str); 12] = [
    ("dotenv", "PROXMOX_TOKEN_VALUE"),
    ("docker", "PROXMOX_TOKEN_VALUE"),
    ("sh", "PROXMOX_TOKEN_VALUE"),
    ("fish", "PROXMOX_TOKEN_VALUE"),
    ("powershell", "PROXMOX_TOKEN_VALUE"),
    ("json", "PROXMOX_TOKEN_VALUE"),
    ("terraform-bpg", "PROXMOX_VE_API_TOKEN"),
    ("terraform-telmate", "PM_API_TOKEN_SECRET"),
    ("packer", "PROXMOX_TOKEN"),
    ("ansible", "PROXMOX_TOKEN_SECRET"),
    ("capmox", "PROXMOX_SECRET"),
    ("exporter", "PVE_TOKEN_VALUE"),
];

fn stage() -> TestEnv {
    let stage = TestEnv::new();
    stage.write(
        ".env",
        &format!(
            "PROXMOX_HOST=pve.lan\nPROXMOX_USER=apex@pve\nPROXMOX_TOKEN_VALUE={SECRET}\nPROXMOX_VERIFY_SSL=false\n"
        ),
    );
    stage
}

/// Finds the real Python, which works in whatever home folder.
pub(crate) fn python(modules: &str) -> Option<String> {
    let script = format!("import sys, {modules}; print(sys.executable)");
    match Command::new("python3").args(["-c", &script]).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        _ => {
            skipped(&format!("python3 with {modules} is missing"));
            None
        }
    }
}

#[test]
fn a_secret_is_masked_everywhere_unless_it_is_asked_for() {
    let stage = stage();
    for (format, variable) in FORMATS.into_iter().chain([("curl", "PROXMOX_TOKEN_VALUE")]) {
        for output in ["text", "json"] {
            let line = format!("env --format {format} -o {output} -vv");
            let is_object = output == "json" || format == "json";
            let said = if is_object {
                "is a secret and was omitted; pass --reveal to include it"
            } else {
                "the secret is masked"
            };
            let masked = stage.glassdome(&line).expect(0).says(said);
            // An object has no comments: a program would take a mask for the secret.
            assert_eq!(masked.results.contains("1234••••"), !is_object, "{masked:?}");
            if output == "json" {
                let document = masked.json();
                assert_eq!(document["masked"], serde_json::json!([variable]), "{document}");
                assert!(document["variables"].get(variable).is_none(), "{document}");
            } else {
                assert_eq!(masked.results.contains(variable), !is_object, "{masked:?}");
            }
            for stream in [&masked.results, &masked.stderr] {
                assert!(!stream.contains(&SECRET[5..]), "{line}: {stream}");
            }
            let whole = stage.glassdome(&format!("{line} --reveal")).expect(0);
            assert!(whole.results.contains(SECRET), "{whole:?}");
            assert!(!whole.stderr.contains(&SECRET[5..]), "{whole:?}");
        }
    }
}

#[test]
fn masked_lines_set_nothing() {
    let stage = stage();
    let lines = stage.glassdome("env --format sh").expect(0).results;
    let mut shell = Command::new("/bin/sh");
    let script = format!("{lines}\necho \"$PROXMOX_HOST,$PROXMOX_TOKEN_VALUE\"");
    let read = Outcome::of(&shell.arg("-c").arg(script).env_clear().output().unwrap());
    assert_eq!(read.results, "pve.lan,\n");
}

#[test]
fn every_shell_reads_back_what_was_written() {
    let passwords =
        ["it's", "a$b `id` $(id) ${X}", "\\ \\\\ \\'", "\"#!~*?[]{};|&<>()%^", "日本 ü \u{2019}", "-n a\tb", "a\\"];
    for (shell, arguments, format) in [
        ("/bin/sh", &["-c"][..], "sh"),
        ("bash", &["--norc", "-c"], "sh"),
        ("zsh", &["-f", "-c"], "sh"),
        ("fish", &["--no-config", "-c"], "fish"),
    ] {
        if Command::new(shell).args(arguments).arg("true").env("HOME", "/nonexistent").output().is_err() {
            skipped(&format!("{shell} is missing"));
            continue;
        }
        for password in passwords {
            let mut stage = TestEnv::new();
            stage.set("PROXMOX_HOST", "pve.lan");
            stage.set("PROXMOX_USER", "apex@pve");
            stage.set("PROXMOX_PASSWORD", password);
            let lines = stage.glassdome(&format!("env --format {format} --reveal")).expect(0).results;
            let mut command = Command::new(shell);
            command.args(arguments).arg(format!("{lines}\nprintf '%s' \"$PROXMOX_PASSWORD\""));
            command.env_remove("PROXMOX_PASSWORD").current_dir(stage.folder()).stdin(Stdio::null());
            let read = Outcome::of(&command.env("HOME", stage.folder()).output().unwrap());
            assert_eq!(read.results, password, "{shell}: {lines}\n{}", read.stderr);
        }
    }
}

#[test]
fn docker_gets_values_without_quotes_and_the_other_format_says_so() {
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_HOST", "pve.lan");
    stage.set("PROXMOX_USER", "apex@pve");
    let warning = "takes the quotes for a part of the value: give it --format docker";
    for (password, is_quoted) in [("plain-1", false), ("a b", true), ("it's", true), ("#x", true)] {
        stage.set("PROXMOX_PASSWORD", password);
        let lines = stage.glassdome("env --format docker --reveal").expect(0);
        assert!(lines.results.lines().any(|line| line == format!("PROXMOX_PASSWORD={password}")), "{lines:?}");
        for outcome in [lines, stage.glassdome("env --format dotenv"), stage.glassdome("env --format sh --reveal")] {
            assert!(!outcome.stderr.contains(warning), "{outcome:?}");
        }
        let quoted = stage.glassdome("env --format dotenv --reveal").expect(0);
        assert_eq!(quoted.stderr.contains(warning), is_quoted, "{quoted:?}");
    }
    // What a `.env` file cannot hold is no trouble without quotes, and the names of other tools can be written so, too.
    stage.set("PROXMOX_PASSWORD", "a${X}\\");
    stage.glassdome("env --format docker --reveal").expect(0).shows("PROXMOX_PASSWORD=a${X}\\\n");
    stage.glassdome("env --format ansible --syntax docker --reveal").expect(0).shows("\nPROXMOX_PASSWORD=a${X}\\\n");
}

#[test]
fn a_password_that_no_dotenv_line_can_hold_is_refused() {
    let mut stage = TestEnv::new();
    stage.set("PROXMOX_HOST", "pve.lan");
    stage.set("PROXMOX_USER", "apex@pve");
    stage.set("PROXMOX_PASSWORD", "a${canary}");
    let refused = stage.glassdome("env --format dotenv --reveal").expect(3).says("PROXMOX_PASSWORD");
    assert!(!refused.stderr.contains("canary"));
    stage.glassdome("env --format capmox").expect(3).says("only API tokens");
}

#[test]
fn a_command_gets_the_secret_in_its_environment_alone() {
    if lacks(&["printenv", "cat"]) {
        return;
    }
    let stage = stage();
    for (format, variable) in FORMATS {
        let line = format!("env --format {format} -- printenv {variable}");
        let told = stage.glassdome(&line).expect(0);
        assert!(told.results.trim_end().ends_with(SECRET), "{told:?}");
        assert!(!told.stderr.contains(SECRET), "{told:?}");
    }
    let arguments = stage.glassdome("env -- cat /proc/self/cmdline").expect(0);
    assert_eq!(arguments.results, "cat\0/proc/self/cmdline\0");
    let files: Vec<_> = std::fs::read_dir(stage.folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(files, [".env"]);
}

#[test]
fn a_command_ends_as_it_ends() {
    if lacks(&["sh", "true", "sleep"]) {
        return;
    }
    let stage = stage();
    assert_eq!(stage.run(["env", "--", "sh", "-c", "exit 42"]).code, 42);
    assert_eq!(stage.run(["env", "--", "sh", "-c", "kill -TERM $$"]).code, -15);
    stage.glassdome("env -- /nonexistent/program").expect(2).says("cannot run /nonexistent/program");
    stage.glassdome("env --reveal -- true").expect(2);
    stage.glassdome("env --format curl -- true").expect(2).says("prints a command line, not variables");
    stage.glassdome("env --format sh --syntax fish").expect(2);
    // A signal reaches the command itself: there is no process in between.
    let mut child = stage.command(["env", "--", "sleep", "60"]).stdout(Stdio::null()).spawn().unwrap();
    let name = format!("/proc/{}/comm", child.id());
    let began = std::time::Instant::now();
    while std::fs::read_to_string(&name).unwrap().trim() != "sleep" {
        assert!(began.elapsed() < Duration::from_secs(60), "the command never started");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, rustix::process::Signal::TERM);
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
}

#[test]
fn another_instance_keeps_its_own_names_and_borrows_the_token_name() {
    let stage = stage();
    let file = format!(
        "PROXMOX_TOKEN_NAME=shared\nPROXMOX_02_HOST=two.lan\nPROXMOX_02_USER=apex@pve\nPROXMOX_TOKEN_VALUE_02={SECRET}\n"
    );
    stage.write(".env", &file);
    let own = stage.glassdome("env --instance 02 --format dotenv --reveal").expect(0).results;
    assert!(own.contains("PROXMOX_02_HOST=two.lan\n"), "{own}");
    assert!(own.contains(&format!("PROXMOX_TOKEN_VALUE_02={SECRET}\n")), "{own}");
    let other = stage.glassdome("env --instance 02 --format terraform-telmate").expect(0).results;
    assert!(other.contains("export PM_API_TOKEN_ID='apex@pve!shared'\n"), "{other}");
}

#[test]
fn what_dotenv_prints_is_read_as_the_same_settings() {
    let stage = stage();
    let file = format!(
        "{}PROXMOX_NODE=pve\nPROXMOX_CA_FILE=ca.pem\nPROXMOX_POOL=range\nUBUNTU_2204_TEMPLATE_ID=9000\n",
        stage.read(".env")
    );
    stage.write(".env", &file);
    let first = stage.glassdome("env --reveal").expect(0).results;
    let ca = format!(
        "PROXMOX_CA_FILE={}\n",
        stage.path("ca.pem").canonicalize().unwrap_or_else(|_| stage.path("ca.pem")).display()
    );
    assert!(first.contains(&ca), "{first}");
    stage.write("copy.env", &first);
    assert_eq!(stage.glassdome("env --reveal --env-file copy.env").expect(0).results, first);
}

#[test]
fn nothing_is_asked_of_any_server() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    for (format, _) in FORMATS {
        stage.glassdome(&format!("env --format {format}")).expect(0);
    }
    assert!(sandbox.seen().is_empty());
    TestEnv::new().glassdome("env").expect(3).says("PROXMOX_HOST");
}

#[test]
fn proxmoxer_and_the_exporter_take_their_variables() {
    let Some(python) = python("proxmoxer, requests, pve_exporter") else { return };
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let own = "import os; from proxmoxer import ProxmoxAPI; e = os.environ
host, port = e['PROXMOX_HOST'].rsplit(':', 1)
api = ProxmoxAPI(host, port=int(port), user=e['PROXMOX_USER'], token_name=e['PROXMOX_TOKEN_NAME'],
    token_value=e['PROXMOX_TOKEN_VALUE'], verify_ssl=e['PROXMOX_CA_FILE'])
print(api.version.get()['version'])";
    let told = stage.run(["env", "--format", "sh", "--", &python, "-c", own]).expect(0);
    assert!(told.results.starts_with("9."), "{told:?}");
    let exporter = format!(
        "import os; from proxmoxer import ProxmoxAPI; from pve_exporter.config import config_from_env
config = config_from_env(os.environ)
assert config.valid
print(ProxmoxAPI('{}', **config['default']).version.get()['version'])",
        sandbox.address()
    );
    let mut command = stage.command(["env", "--format", "exporter", "--", &python, "-c", &exporter]);
    let told =
        Outcome::of(&command.env("REQUESTS_CA_BUNDLE", stage.path("proxmox-ca.pem")).output().unwrap()).expect(0);
    assert!(told.results.starts_with("9."), "{told:?}");
    assert!(told.stderr.contains("REQUESTS_CA_BUNDLE="), "{told:?}");
}

#[test]
fn setup_takes_what_another_tools_variables_say() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let (user, name, secret) = sandbox.default_token();
    let url = format!("https://{}/", sandbox.address());
    let token = format!("{user}!{name}={secret}");
    for (variables, import) in [
        (&[("PROXMOX_VE_ENDPOINT", &*url), ("PROXMOX_VE_API_TOKEN", &*token)][..], "--import"),
        (
            &[("PM_API_URL", &*url), ("PM_API_TOKEN_ID", "apex@pve!glassdome-token"), ("PM_API_TOKEN_SECRET", secret)],
            "--import=terraform-telmate",
        ),
    ] {
        let mut stage = TestEnv::new();
        stage.write("ca.pem", sandbox.ca_pem());
        for (variable, value) in variables {
            stage.set(variable, value);
        }
        stage.glassdome(&format!("setup --no-input --skip-test-vm --ca-file ca.pem {import}")).expect(0);
        let file = stage.read(".env");
        assert!(file.contains(&format!("PROXMOX_HOST={}\n", sandbox.address())), "{file}");
        assert!(file.contains(&format!("PROXMOX_TOKEN_VALUE={secret}\n")), "{file}");
        assert!(file.contains("PROXMOX_USER=apex@pve\n"), "{file}");
    }
    let stage = TestEnv::new();
    stage.glassdome("setup --no-input --import").expect(3).says("PROXMOX_VE_API_TOKEN");
    stage.glassdome("setup --no-input --import=capmox").expect(3).says("PROXMOX_URL is not set");
}

#[test]
fn every_instance_of_the_file_is_looked_at() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = TestEnv::new();
    stage.point_at(&sandbox);
    let second = "PROXMOX_02_HOST=127.0.0.1:1\nPROXMOX_02_USER=apex@pve\nPROXMOX_TOKEN_VALUE_02=12345678-abcd-ef12-3456-7890abcdef12\n";
    let file = format!("{}{second}", stage.read(".env"));
    stage.write(".env", &file);
    let document = stage.glassdome("doctor --all-instances -o json").expect(4).json();
    let found: Vec<(&str, bool)> = document["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["instance"].as_str().unwrap(), it["ok"].as_bool().unwrap()))
        .collect();
    assert_eq!(found, [("01", true), ("02", false)]);
    let text = stage.glassdome("doctor --all-instances").expect(4).results;
    assert!(text.contains("Instance 01") && text.contains("Instance 02"), "{text}");
}
