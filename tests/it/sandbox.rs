//! `glassdome sandbox` in the foreground: it announces itself, serves, and ends when it is told to.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::support::stage::{Outcome, Stage, signal};

/// Starts one on a free port, and reads the line in which it says where it listens.
fn start(stage: &Stage, line: &str) -> (Child, Value) {
    let words = format!("sandbox --listen 127.0.0.1:0 -o json {line}");
    let mut command = stage.command(words.split_whitespace());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut announced = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut announced).unwrap();
    (child, serde_json::from_str(&announced).unwrap())
}

#[test]
fn it_says_where_it_listens_and_who_may_log_in() {
    let stage = Stage::new();
    let (mut child, said) = start(&stage, "--until-stdin-closes");
    assert_eq!((&said["schema"], &said["ok"]), (&"glassdome.sandbox/1".into(), &true.into()));
    assert_eq!(said["url"], format!("https://127.0.0.1:{}", said["port"]));
    assert_eq!(said["users"].as_array().unwrap().len(), 4);
    let token = &said["tokens"][0];
    stage.write("secret", token["secret"].as_str().unwrap());
    let (user, name) = token["tokenid"].as_str().unwrap().split_once('!').unwrap();
    let trust = format!("--fingerprint {}", said["fingerprint"].as_str().unwrap());
    let host = format!("--host 127.0.0.1:{} --user {user} --token-name {name}", said["port"]);
    stage.glassdome(&format!("setup --no-input {host} --token-value-file secret {trust}")).expect(0);
    stage.write("ca.pem", said["ca_pem"].as_str().unwrap());
    stage.glassdome(&format!("test-vm --no-start {host} --token-value-file secret --ca-file ca.pem")).expect(0);
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success(), "the end of its input is its end");
    let mut more = String::new();
    child.stdout.take().unwrap().read_to_string(&mut more).unwrap();
    assert_eq!(more, "", "one document, and nothing else");
}

#[test]
fn a_signal_ends_it_well_and_a_person_reads_its_log_ins() {
    let stage = Stage::new();
    for sent in [Signal::INT, Signal::TERM] {
        let (mut child, _) = start(&stage, "--nodes 2 --pve-version 8.4 --seed 7");
        signal(&child, sent);
        assert!(child.wait().unwrap().success(), "{sent:?}");
    }
    let words = ["sandbox", "--listen", "127.0.0.1:0", "--until-stdin-closes"];
    let shown = stage.run(words).expect(0).results;
    for words in ["address      https://127.0.0.1:", "root@pam password sandbox", "apex@pve!powerless secret"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
}

#[test]
fn what_it_cannot_be_is_told_at_once() {
    let stage = Stage::new();
    stage.glassdome("sandbox --listen 127.0.0.1:0 --fault nonsense").expect(2).says("there is no fault `nonsense`");
    stage.glassdome("sandbox --listen 127.0.0.1:0 --pve-version nonsense").expect(2).says("no version of Proxmox VE");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!("sandbox --listen {}", taken.local_addr().unwrap());
    let outcome: Outcome = stage.glassdome(&line).expect(1);
    outcome.says("--listen 127.0.0.1:0");
}
