//! A machine that gives too little: descriptors that run out, here and in the sandbox.

use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use glassdome::sandbox::Sandbox;
use serde_json::Value;

use crate::support::test_env::{BOUND, Outcome, TestEnv, quick, scene};

/// Prepares a run with at most so many descriptors.
fn limited(stage: &TestEnv, descriptors: u32, line: &str) -> Command {
    let binary = stage.command([""; 0]);
    let program = binary.get_program().to_string_lossy().into_owned();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &format!("ulimit -n {descriptors}; exec '{program}' {line}")]);
    command.current_dir(stage.folder()).env_clear().stdin(Stdio::null());
    command.envs(binary.get_envs().filter_map(|(name, value)| Some((name, value?)))).arg0("sh");
    command
}

#[test]
fn too_few_descriptors_are_an_error_for_every_command_and_no_panic() {
    let (_sandbox, stage) = scene(quick());
    for line in [
        "setup --no-input",
        "test-vm",
        "doctor",
        "cleanup",
        "env",
        "template list",
        "template create --dry-run",
        "token list --login-user root@pam",
        "sandbox --listen 127.0.0.1:0",
        "test-vm --sandbox",
        "completions bash",
        "man",
        "help exit-codes",
    ] {
        for descriptors in [5, 6, 7, 8, 10, 15] {
            let outcome = Outcome::of(&limited(&stage, descriptors, line).output().unwrap());
            let told = format!("{line} {descriptors}\n{}", outcome.stderr);
            assert!(outcome.code == 1 && outcome.stderr.contains("Too many open files"), "{told}");
            assert!(!outcome.stderr.contains("panicked"), "{told}");
        }
    }
    let outcome = Outcome::of(&limited(&stage, 6, "doctor -o json").output().unwrap()).expect(1);
    assert_eq!(outcome.json()["error"]["kind"], "unexpected");
    for line in ["test-vm --no-start", "doctor", "cleanup", "template list"] {
        Outcome::of(&limited(&stage, 24, line).output().unwrap()).expect(0);
    }
}

/// A sandbox in a process of its own, that has few descriptors.
struct SandboxWithFewDescriptors(Child, SocketAddr);

impl SandboxWithFewDescriptors {
    fn start(stage: &TestEnv) -> Self {
        let mut command = limited(stage, 40, "sandbox -o json --listen 127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut announced = serde_json::Deserializer::from_reader(child.stdout.take().unwrap()).into_iter::<Value>();
        let port = announced.next().unwrap().unwrap()["port"].as_u64().unwrap();
        let port = u16::try_from(port).unwrap();
        Self(child, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    /// Gives the time of a processor that it has used so far.
    fn used(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for SandboxWithFewDescriptors {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets time pass.
fn pass(span: Duration) {
    let (_sender, receiver) = channel::<()>();
    let began = Instant::now();
    while began.elapsed() < span {
        let _ = receiver.recv_timeout(span.saturating_sub(began.elapsed()));
    }
}

#[test]
fn a_sandbox_without_descriptors_rests_and_goes_on_when_they_are_free() {
    let stage = TestEnv::new();
    let starved = SandboxWithFewDescriptors::start(&stage);
    let open = || TcpStream::connect_timeout(&starved.1, BOUND).unwrap();
    let held: Vec<TcpStream> = (0..60).map(|_| open()).collect();
    let (before, began) = (starved.used(), Instant::now());
    pass(Duration::from_secs(2));
    let used = starved.used() - before;
    assert!(used < began.elapsed() / 4, "{used:?} of a processor in {:?}", began.elapsed());
    drop(held);
    let sandbox = Sandbox::start(quick()).unwrap();
    let (user, name, secret) = sandbox.default_token();
    stage.write("secret", secret);
    let line = format!(
        "template list --insecure --host {} --user {user} --token-name {name} --token-value-file secret",
        starved.1
    );
    stage.glassdome(&line).expect(0);
}
