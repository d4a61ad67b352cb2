//! The help topics that are made of tables in the code: the exit codes and the environment variables.

use crate::cli::topics::{Topic, TopicBlock};
use crate::error::KINDS;
use crate::settings::{ENV_FILE, Instance, KEYS, KeySpec, LOGIN_PASSWORD};

/// The paragraphs below the table of exit codes.
pub(crate) const EXIT_CODE_NOTES: [&str; 2] = [
    "With `-o json`, `error.kind` holds the word and `error.exit_code` the number. `doctor` exits with the code of its first failed check.",
    "If a result cannot be written (a full disk, for example), the exit code is 1 and the result is printed to standard error; changes already made are kept. A reader that closes its pipe early (`| head`) is not an error.",
];

/// The paragraph above the settings.
pub(crate) const PRECEDENCE: &str = "Flags take precedence over variables, variables over the settings file, and the file over defaults. The keys of the file have the same names.";

/// The variables that are no settings of a server.
pub(crate) const PROGRAM_VARIABLES: [(&str, &str); 8] = [
    (ENV_FILE, "settings file to use (--env-file)"),
    (LOGIN_PASSWORD, "password of the administrator login (--login-password-file)"),
    ("NO_COLOR, CLICOLOR_FORCE, CLICOLOR, TERM", "whether to use colours (--color)"),
    ("LC_ALL, LC_CTYPE, LANG", "whether to use non-ASCII characters"),
    ("XDG_STATE_HOME, HOME", "folder for the journals of test VMs, tokens and rotations"),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "proxy to the server, as in curl; lower case also works"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "CA certificates to use instead of those of the system"),
    ("SHELL", "shell for the script of `glassdome completions`"),
];

/// Lists every exit code with its meaning.
pub(crate) fn exit_codes() -> Vec<(u8, String)> {
    let failures = KINDS.iter().map(|(kind, meaning)| (kind.exit_code(), format!("{}: {meaning}", kind.word())));
    std::iter::once((0, "done".to_owned())).chain(failures).collect()
}

/// Lists the variables that are settings of a server.
pub(crate) fn settings() -> Vec<(String, String)> {
    let variable = |entry: &KeySpec| entry.key.variable(&Instance::default());
    KEYS.iter().map(|entry| (variable(entry), format!("{} ({})", entry.about, entry.flag))).collect()
}

/// Gives both as topics, for the manual pages.
pub(crate) fn topics() -> [Topic; 2] {
    let note = |text: &str| TopicBlock::Paragraph(text.to_owned());
    let codes = exit_codes().into_iter().map(|(code, text)| TopicBlock::Term { term: code.to_string(), text });
    let variable = |(term, text): (String, String)| TopicBlock::Term { term, text };
    let of_program = PROGRAM_VARIABLES.map(|(name, about)| (name.to_owned(), about.to_owned()));
    let mut environment = vec![TopicBlock::Heading("Settings".to_owned()), note(PRECEDENCE)];
    environment.extend(settings().into_iter().map(variable));
    environment.push(TopicBlock::Heading("The program".to_owned()));
    environment.extend(of_program.into_iter().map(variable));
    [
        Topic { name: "exit-codes", title: "Exit codes", blocks: codes.chain(EXIT_CODE_NOTES.map(note)).collect() },
        Topic { name: "environment", title: "Environment variables and the keys of `.env`", blocks: environment },
    ]
}
