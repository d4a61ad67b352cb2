//! Glassdome takes a person from a Proxmox VE server to a token that is verified to create VMs there.
//!
//! The map, from the outside in: `cli` is the command line, `session` the world around the process, `commands` the
//! story of each command, `error` what can go wrong and how that ends; `pve` talks to a server, `settings` keeps the
//! `.env` file, `ui` draws, `sandbox` pretends to be a server, `journal` remembers what was made; `model`, `clock`
//! and `bounded` (reading files up to a limit) are what all of them share.

pub mod bounded;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod error;
pub mod journal;
pub mod model;
mod ops;
mod process_limits;
pub mod pve;

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod session;
pub mod settings;
#[cfg(test)]
#[expect(dead_code, reason = "the last test program tells what is noted here")]
#[path = "../tests/skipped/skips.rs"]
mod skip;
pub mod ui;

use crate::cli::{Cli, Color, Global, completion};
use crate::error::{Aftermath, Error, Report, RunError, UsageError};
use crate::model::Register;
use crate::process_limits::{keep_memory_private, require_descriptors};
use crate::session::{
    ProcessOptions, Session, Variables, prompt_of_this_process, ui_of_this_process, variables_of_this_process,
};
use crate::ui::prompt::Prompt;
use crate::ui::{Masked, Ui, Verbosity};
use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::error::ErrorKind;

/// Runs a whole command, from its arguments to its exit code.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    keep_memory_private();
    std::panic::set_hook(Box::new(|panic| report_panic(panic, &mut Masked::new(io::stderr()))));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    register_secrets(&arguments, &variables_of_this_process());
    if std::env::var_os(completion::COMPLETION_VARIABLE).is_some() {
        return complete(&arguments);
    }
    match cli::parse(&arguments) {
        Ok(cli) => execute(cli),
        Err(refused) => report_usage_error(&refused, &arguments),
    }
}

/// Looks for secrets in what the process was given, so that whatever quotes it, clap included, does not show them.
fn register_secrets(arguments: &[OsString], variables: &Variables) {
    let register = Register::of_process();
    for argument in arguments {
        register.notice(&argument.to_string_lossy());
    }
    for (name, value) in variables {
        register.notice_variable(name, &value.to_string_lossy());
    }
}

/// Reports a panic as the standard library does, with secrets masked in the message.
fn report_panic(panic: &PanicHookInfo<'_>, to: &mut Masked<impl Write>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let written = writeln!(to, "thread '{name}' {panic}");
    let _ = written.and_then(|()| to.flush()); // there is no stream left to report to
}

/// Answers a shell's request for completions.
fn complete(arguments: &[OsString]) -> ExitCode {
    let folder = std::env::current_dir().ok();
    let known = completion::CompletionValues {
        instances: || shown(commands::instances(Path::new("."), &variables_of_this_process())),
        nodes: || shown(commands::nodes(Path::new("."), &variables_of_this_process())),
        #[cfg(feature = "sandbox")]
        faults: || sandbox::KINDS,
        #[cfg(not(feature = "sandbox"))]
        faults: || &[],
    };
    match completion::answer(arguments, folder.as_deref(), known) {
        Ok(_) => ExitCode::SUCCESS,
        Err(refused) => report_usage_error(&refused, arguments),
    }
}

/// Leaves out what would be masked: a secret that is in the place of a name completes nothing.
fn shown(names: Vec<String>) -> Vec<String> {
    names.into_iter().filter(|name| Register::of_process().masked(name) == *name).collect()
}

fn execute(cli: Cli) -> ExitCode {
    let options = options(&cli.global);
    let name = commands::name(&cli.command);
    let wants_json = cli.global.output == cli::OutputFormat::Json;
    let built = require_descriptors().and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build());
    let runtime = match built {
        Ok(runtime) => runtime,
        Err(source) => {
            return finish(&bare_ui(options), &Error::Run(RunError::NoRuntime { source }), name, wants_json);
        }
    };
    let prompt = prompt_of_this_process(&variables_of_this_process(), options);
    let restored = RestoreTerminal(Arc::clone(&prompt));
    let ended = runtime.block_on(async {
        let session = match Session::of_this_process(options, prompt) {
            Ok(session) => session,
            Err(source) => {
                return finish(&bare_ui(options), &Error::Run(RunError::NoRuntime { source }), name, wants_json);
            }
        };
        let code = match commands::run(&session, cli).await {
            Ok(code) => code,
            Err(failure) => finish(&session.ui, &failure.error, name, wants_json && !failure.is_reported),
        };
        report_unwritten(&session.ui, code, commands::aftermath(name))
    });
    // A resolver thread that hangs must not keep the process alive.
    runtime.shutdown_background();
    drop(restored);
    ended
}

/// Restores the terminal as the very last thing, also after a panic.
struct RestoreTerminal(Arc<dyn Prompt>);

impl Drop for RestoreTerminal {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Prints an error, as text or JSON, and returns its exit code.
fn finish(ui: &Ui, error: &Error, command: &str, as_json: bool) -> ExitCode {
    let report = Report::of(error);
    if as_json {
        ui.json(&report.document(command));
    }
    ui.error(&report);
    ExitCode::from(report.exit_code)
}

/// Ends a run whose exit code is decided. If a result could not be written, that is reported, and a run that went well has
/// failed after all; after changes the result goes to standard error instead.
fn report_unwritten(ui: &Ui, code: ExitCode, after: Aftermath) -> ExitCode {
    let Some(unwritten) = ui.take_unwritten() else { return code };
    let report = Report::of(&Error::Run(RunError::ResultUnwritten { after, source: unwritten.why }));
    ui.error(&report);
    if let Some(text) = unwritten.text.filter(|_| after == Aftermath::Changes) {
        ui.error(&ui::Verbatim(text));
    }
    if code == ExitCode::SUCCESS { ExitCode::from(report.exit_code) } else { code }
}

/// Prints what clap returns instead of a command: help and version as results, everything else as a usage error.
fn report_usage_error(refused: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let is_answer = matches!(refused.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    if !is_answer && asks_for_json(&words) {
        let name = words.iter().skip(1).find(|word| commands::NAMES.contains(word)).copied().unwrap_or("usage");
        return finish(&bare_ui(DEFAULT_OPTIONS), &command_line_error(&refused.to_string(), &words), name, true);
    }
    let rendered = refused.render();
    let ui = bare_ui(DEFAULT_OPTIONS);
    let style = if is_answer { ui.results_style() } else { ui.stderr_style() };
    let text = if style.color { rendered.ansi().to_string() } else { rendered.to_string() };
    if is_answer {
        ui.result(&ui::Verbatim(text));
    } else {
        ui.error(&ui::Verbatim(text));
    }
    let code = ExitCode::from(u8::try_from(refused.exit_code()).unwrap_or(2));
    report_unwritten(&ui, code, Aftermath::Nothing)
}

/// The output options if the command line was not understood.
const DEFAULT_OPTIONS: ProcessOptions =
    ProcessOptions { color: None, verbosity: Verbosity::Normal, no_input: true, confirms_all: false };

/// Extracts from clap's message what is wrong, and its suggestions.
fn command_line_error(said: &str, words: &[&str]) -> Error {
    let message = said.trim_start_matches("error: ").lines().next().unwrap_or_default().to_owned();
    let tips = said.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).map(str::to_owned).collect();
    Error::Usage(UsageError::CommandLine { message, tips, command: cli::command_in(words) })
}

fn asks_for_json(words: &[&str]) -> bool {
    let joined = words.iter().any(|word| matches!(*word, "-ojson" | "-o=json" | "--output=json"));
    joined || words.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]))
}

/// Returns streams for the time when there is no session.
fn bare_ui(options: ProcessOptions) -> Ui {
    ui_of_this_process(&variables_of_this_process(), options)
}

fn options(global: &Global) -> ProcessOptions {
    let color = match global.color {
        Color::Auto => None,
        Color::Always => Some(true),
        Color::Never => Some(false),
    };
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Debug,
    };
    ProcessOptions { color, verbosity, no_input: global.no_input, confirms_all: global.yes }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{asks_for_json, report_panic};
    use crate::model::Secret;
    use crate::ui::Masked;

    /// A place that can be looked at.
    #[derive(Default, Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_does_not_show_a_secret() {
        Secret::new("canary-of-a-panic".to_owned()).register();
        let (sink, before) = (Sink::default(), std::panic::take_hook());
        let (to, before) = (sink.clone(), Arc::new(before));
        let others = Arc::clone(&before);
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() == Some("unlucky") {
                report_panic(panic, &mut Masked::new(to.clone()));
            } else {
                others(panic);
            }
        }));
        let words = "it says password=canary%2Dof-a-panic, cafebabe-dead-4eef-8aaa-c0ffee123456";
        let unlucky = std::thread::Builder::new().name("unlucky".to_owned()).spawn(move || panic!("{words}"));
        assert!(unlucky.unwrap().join().is_err());
        std::panic::set_hook(Box::new(move |panic| before(panic)));
        let said = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(said.starts_with("thread 'unlucky' panicked at src/lib.rs:"), "{said}");
        assert!(said.ends_with("\nit says password=••••, ••••\n"), "{said}");
    }

    #[test]
    fn json_is_recognised_before_the_rest_is_understood() {
        for (words, asked) in [
            (&["glassdome", "setup", "-o", "json", "--nonsense"][..], true),
            (&["glassdome", "--output=json", "setup"], true),
            (&["glassdome", "-ojson"], true),
            (&["glassdome", "setup", "-o", "text"], false),
            (&["glassdome", "json"], false),
        ] {
            assert_eq!(asks_for_json(words), asked, "{words:?}");
        }
    }
}
