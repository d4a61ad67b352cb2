//! Secrets that are read from somewhere: what may take for ever is ended by a signal, what is typed is not shown, and every
//! form in which a secret is copied is taken.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

use glassdome::model::Fingerprint;
use glassdome::sandbox::Sandbox;
use rustix::process::Signal;

use crate::support::lacks;
use crate::support::make_fifo as fifo;
use crate::support::server::{Authority, Server, reply};
use crate::support::terminal::Terminal;
use crate::support::test_env::{Outcome, TestEnv, quick, scene, signal};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

/// Every flag that names a file with a secret, in a command that reads it.
const READERS: [&str; 5] = [
    "doctor --token-value-file",
    "test-vm --token-value-file",
    "setup --no-input --skip-test-vm --password-file",
    "cleanup --password-file",
    "token list --login-user root@pam --login-password-file",
];

/// A secret that no server has, so that what is typed can be told from everything else.
const TYPED: &str = "cafebabe-dead-4eef-8aaa-c0ffeec0ffee";

#[test]
fn a_signal_ends_the_reading_of_a_pipe_that_gives_nothing() {
    let (_sandbox, stage) = scene(quick());
    let path = stage.path("pipe");
    fifo(&path);
    for line in READERS {
        for (number, code) in SIGNALS {
            let child = stage.spawn(&format!("{line} pipe"));
            // Opening waits for the reader, and holds the pipe open afterwards.
            let writer = OpenOptions::new().write(true).open(&path).unwrap();
            signal(&child, number);
            let outcome = Outcome::of(&child.wait_with_output().unwrap());
            drop(writer);
            assert_eq!(outcome.code, code, "{line}\n{}", outcome.stderr);
        }
    }
}

#[test]
fn a_signal_ends_the_reading_of_a_ca_that_does_not_come_and_one_that_comes_is_read() {
    if lacks(&["bash"]) {
        return;
    }
    let (sandbox, stage) = scene(quick());
    let path = stage.path("pipe");
    fifo(&path);
    let give = |line: &str| {
        // The program waits only for a writer that is there before it.
        let writer = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let child = stage.spawn(&format!("{line} --ca-file pipe"));
        wait_for_thread(child.id(), "blocking");
        (writer, child)
    };
    for line in ["doctor", "test-vm", "setup --no-input --skip-test-vm"] {
        for (number, code) in SIGNALS {
            let (writer, child) = give(line);
            signal(&child, number);
            let outcome = Outcome::of(&child.wait_with_output().unwrap());
            drop(writer);
            assert_eq!(outcome.code, code, "{line}\n{}", outcome.stderr);
        }
    }
    for (line, code) in [("test-vm --no-start", 0), ("doctor", 0), ("setup --no-input --skip-test-vm", 3)] {
        let child = stage.command(["-c", &format!("exec \"$0\" {line} --ca-file <(cat proxmox-ca.pem)")]);
        let mut shell = Command::new("bash");
        shell.args(child.get_args()).arg(child.get_program()).current_dir(stage.folder()).env_clear();
        shell.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
        Outcome::of(&shell.output().unwrap()).expect(code);
    }
    assert!(sandbox.seen().len() > 3);
    stage.glassdome("test-vm --ca-file pipe").expect(3).says("a FIFO");
}

#[test]
fn a_signal_ends_the_reading_of_standard_input() {
    let (_sandbox, stage) = scene(quick());
    for line in READERS {
        for (number, code) in SIGNALS {
            let words = format!("{line} -");
            let mut command = stage.command(words.split_whitespace());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // More than the pipe holds: this is over only once the program reads.
            let mut stdin = child.stdin.take().unwrap();
            stdin.write_all(&[b' '; 65 * 1024][..60 * 1024]).unwrap();
            wait_for_thread(child.id(), "blocking");
            signal(&child, number);
            let outcome = Outcome::of(&child.wait_with_output().unwrap());
            drop(stdin);
            assert_eq!(outcome.code, code, "{line}\n{}", outcome.stderr);
        }
    }
}

/// Waits until a process has a thread of this name.
fn wait_for_thread(process: u32, name: &str) {
    let until = std::time::Instant::now() + crate::support::test_env::BOUND;
    let has_one = || {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        threads
            .flatten()
            .any(|thread| std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
    };
    while !has_one() {
        assert!(std::time::Instant::now() < until, "there is no thread `{name}`");
        std::thread::yield_now();
    }
}

#[test]
fn a_secret_that_comes_late_through_a_pipe_is_read() {
    let (sandbox, stage) = scene(quick());
    let path = stage.path("pipe");
    fifo(&path);
    let child = stage.spawn("test-vm --no-start --token-value-file pipe");
    let mut writer = OpenOptions::new().write(true).open(&path).unwrap();
    for part in sandbox.default_token().2.as_bytes().chunks(7) {
        writer.write_all(part).unwrap();
    }
    drop(writer);
    Outcome::of(&child.wait_with_output().unwrap()).expect(0);
}

#[test]
fn at_a_terminal_a_secret_is_asked_for_and_never_shown() {
    let (sandbox, stage) = scene(quick());
    let (_, _, secret) = sandbox.default_token();
    for path in ["-", "/dev/stdin", "/dev/tty"] {
        for line in READERS {
            let line = line.replace("--no-input ", "");
            let mut terminal = Terminal::start(&stage, 80, &format!("{line} {path}"));
            terminal.wait_for("; hidden)");
            assert!(!terminal.echoes(), "{line}");
            terminal.press(TYPED).wait_for("(36 characters)").press("\x03");
            let ended = terminal.end(130);
            assert!(!ended.everything.contains("cafebabe"), "{line}\n{}", ended.everything);
        }
        let mut terminal = Terminal::start(&stage, 80, &format!("test-vm --no-start --token-value-file {path}"));
        terminal.wait_for("; hidden)").paste(&format!("apex@pve!glassdome-token={secret}")).press("\r");
        let ended = terminal.end(0);
        assert!(!ended.everything.contains(secret), "{}", ended.everything);
    }
    // What cannot be a secret is asked again, without being shown.
    let mut terminal = Terminal::start(&stage, 80, "test-vm --no-start --token-value-file -");
    terminal.wait_for("; hidden)").answer("cafebabe-dead").wait_for("too short");
    for (number, code) in SIGNALS {
        let mut other = Terminal::start(&stage, 80, "doctor --token-value-file -");
        other.wait_for("; hidden)");
        signal(other.child(), number);
        other.end(code);
    }
    terminal.press("\x04");
    assert!(!terminal.end(130).everything.contains("cafebabe"));
}

#[test]
fn where_no_question_may_be_put_nothing_is_read_from_a_terminal() {
    let (_sandbox, stage) = scene(quick());
    for line in READERS {
        let line = format!("{} --no-input", line.replace("--no-input ", ""));
        let (head, flag) = line.split_once(" --").unwrap();
        let words = format!("--{flag}").replace(" --no-input", " - --no-input");
        Terminal::start(&stage, 80, &format!("{head} {words}"))
            .end(2)
            .says("refusing to read a secret from a terminal");
        let quiet = words.replace(" --no-input", "");
        Terminal::redirected(&stage, &format!("{head} {quiet}"), "2> told.txt").end(2);
        assert!(stage.read("told.txt").contains("refusing to read a secret from a terminal"), "{line}");
    }
}

#[test]
fn standard_input_gives_one_secret_under_every_name_that_it_has() {
    let (_sandbox, stage) = scene(quick());
    for line in [
        "doctor --token-value-file - --password-file -",
        "doctor --token-value-file - --password-file /dev/stdin",
        "token list --login-user root@pam --token-value-file - --login-password-file -",
    ] {
        let mut child = stage
            .command(line.split(' '))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // If it refuses both at once, it does not read.
        let _ = child.stdin.take().unwrap().write_all(TYPED.as_bytes());
        Outcome::of(&child.wait_with_output().unwrap()).expect(2).says("only one secret can come from standard input");
    }
}

/// The bytes of files in which the secret of a token stands, as programs write them.
fn files(secret: &str) -> Vec<Vec<u8>> {
    let wide = |unit: fn(u16) -> [u8; 2]| secret.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let texts = [
        format!("{secret}\r\n"),
        secret.to_uppercase(),
        format!("\"{secret}\""),
        format!("apex@pve!glassdome-token={secret}\n"),
        format!("Authorization: PVEAPIToken=apex@pve!glassdome-token={secret}"),
        format!(
            "{{\"full-tokenid\":\"apex@pve!glassdome-token\",\"info\":{{\"privsep\":\"0\"}},\"value\":\"{secret}\"}}"
        ),
        format!("PROXMOX_USER=apex@pve\nexport PROXMOX_TOKEN_VALUE='{secret}'\n"),
        format!("\u{feff}{secret}"),
        format!("\u{200b}{secret}\u{2060}"),
        format!("\u{201c}{secret}\u{201d}"),
        secret.replace('-', "\u{2011}"),
        format!("{}\n{}\n", &secret[..20], &secret[20..]),
    ];
    let wide_ones = [
        wide(u16::to_le_bytes),
        [b"\xff\xfe".to_vec(), wide(u16::to_le_bytes)].concat(),
        [b"\xfe\xff".to_vec(), wide(u16::to_be_bytes)].concat(),
    ];
    texts.map(String::into_bytes).into_iter().chain(wide_ones).collect()
}

/// Gives flags that lead to a sandbox, without its token.
fn flags(sandbox: &Sandbox) -> String {
    format!("--host {} --fingerprint {}", sandbox.address(), Fingerprint::new(sandbox.fingerprint()))
}

#[test]
fn a_file_and_a_variable_are_read_in_every_form_in_which_a_secret_is_copied() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let (user, _, secret) = sandbox.default_token();
    let line = format!("template list --user {user} {}", flags(&sandbox));
    for bytes in files(secret) {
        let mut stage = TestEnv::new();
        std::fs::write(stage.path("secret"), &bytes).unwrap();
        stage.glassdome(&format!("{line} --token-value-file secret")).expect(0);
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if !text.contains('\0') {
            stage.set("PROXMOX_TOKEN_VALUE", &text);
            stage.glassdome(&line).expect(0);
        }
    }
    // Whose token it is need not be said twice, and must not be contradicted.
    let stage = TestEnv::new();
    stage.write("secret", &format!("apex@pve!glassdome-token={secret}"));
    let line = format!("template list --token-value-file secret {}", flags(&sandbox));
    stage.glassdome(&line).expect(0);
    stage.glassdome(&format!("{line} --user other@pve")).expect(3).says("--token-value-file").says("other@pve");
    stage.glassdome(&format!("{line} --token-name other")).expect(3).says("--token-value-file").says("other");
    // What the file says of another token gives way to a flag.
    stage.write(".env", "PROXMOX_USER=other@pve\nPROXMOX_TOKEN_NAME=other\n");
    stage.glassdome(&line).expect(0);
}

#[test]
fn a_secret_is_masked_in_every_form_in_which_it_was_given() {
    let identity = Authority::new("the authority").good();
    // Repeats in its error text what it was asked.
    let server = Server::start(&identity, |asked| reply(500, &asked.text.replace("\r\n", " "), "{\"data\":null}"));
    let (host, pin) = (server.endpoint(), identity.fingerprint());
    let line = format!("template list --user apex@pve --host {host} --fingerprint {pin} --token-value-file secret");
    for bytes in files(TYPED) {
        let stage = TestEnv::new();
        std::fs::write(stage.path("secret"), &bytes).unwrap();
        let outcome = stage.glassdome(&line).expect(9);
        assert!(
            outcome.stderr.contains("user-agent: glassdome") && outcome.stderr.contains("••••"),
            "{}",
            outcome.stderr
        );
        assert!(!outcome.stderr.contains(TYPED), "{}", outcome.stderr);
    }
}

#[test]
fn what_is_no_secret_is_refused_and_the_character_named_but_not_the_rest() {
    let (_sandbox, stage) = scene(quick());
    for (bytes, words) in [
        (&b"cafebabe-dead-4eef-8aaa-c0ffeec0ffeg"[..], "character 36 of 36 is not allowed (`g`)"),
        (b"cafebabe-dead-4eef-8aaa-c0ffeec0ffeex", "character 37 of 37 is not allowed (`x`)"),
        ("cafebabe-dead-4eef-8aaa-c0ffeec0ff\u{e9}e".as_bytes(), "character 35 of 36 is not allowed (U+00E9)"),
        (b"cafebabe-dead-4eef-8aaa-c0ffeec0ff\xe9e", "byte 0xE9 at position 35"),
        (b"cafebabe-dead-4eef-8aaa-c0ffee", "too short: 30 of 36"),
        (b"cafebabe-dead-4eef\nwords\n8aaa-c0ffeec0ffee", "these 3 lines do not contain a token secret"),
        (b"", "it is empty"),
        (b"\xff\xfe", "it is empty"),
        (&[b'a'; 70_000], "larger than 64 KiB"),
    ] {
        std::fs::write(stage.path("secret"), bytes).unwrap();
        let outcome = stage.glassdome("template list --token-value-file secret").expect(3);
        assert!(outcome.stderr.contains(words), "{words}\n{}", outcome.stderr);
        assert!(!outcome.stderr.contains("cafebabe"), "{}", outcome.stderr);
    }
    stage.glassdome("template list --token-value-file /dev/zero").expect(3).says("larger than 64 KiB");
    stage.glassdome("template list --token-value-file missing").expect(3).says("No such file");
}

#[test]
fn a_whole_token_in_the_settings_file_is_read_warned_of_and_written_as_the_bare_secret() {
    let (sandbox, stage) = scene(quick());
    let (_, _, secret) = sandbox.default_token();
    let bare = stage.read(".env");
    stage.write(".env", &bare.replace(secret, &format!("apex@pve!glassdome-token={secret}")));
    stage.glassdome("template list").expect(0).says("PROXMOX_TOKEN_VALUE contains more than the secret");
    stage.glassdome("doctor").expect(0).shows("PROXMOX_TOKEN_VALUE contains more than the secret");
    stage.glassdome("setup --no-input --skip-test-vm").expect(0);
    assert!(stage.read(".env").contains(&format!("PROXMOX_TOKEN_VALUE={secret}\n")));
    let told = stage.glassdome("template list").expect(0).stderr;
    assert!(!told.contains("contains more"), "{told}");
}
