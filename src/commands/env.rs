//! `glassdome env`: the settings as variables of other tools.

use crate::cli::{Connection, Env, EnvFormat, EnvSyntax, Global, OutputFormat};
use crate::commands::{CommandFailure, options};
use crate::error::{Error, UsageError};
use crate::model::Secret;
use crate::model::endpoint::DEFAULT_PORT;
use crate::ops::context::Context;
use crate::session::Session;
use crate::settings::{Access, Assignment, Key, Shown, Syntax, curl_line};
use crate::ui::{Draw, Screen};
use std::convert::Infallible;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{self, ExitCode};

use serde_json::{Map, Value};

/// Prints the variables, or runs a command with them.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Env) -> Result<ExitCode, CommandFailure> {
    let context = Context::load(session, &options::connection(global, &Connection::default())).await?;
    let host = context.host().map_err(without_flag)?;
    context.credentials(session).map_err(without_flag)?;
    let mut output = EnvOutput::of(&context, arguments.format)?;
    let shown = if arguments.reveal { Shown::Whole } else { Shown::Masked };
    let written = OutputSyntax::of(arguments)?;
    if host.alternative().is_some() {
        output.warnings.push(format!(
            "{} names no port: {DEFAULT_PORT} is used here; `glassdome setup` finds and stores the port that answers",
            Key::Host.variable(&context.instance)
        ));
    }
    if arguments.command.is_empty() && written == OutputSyntax::As(Syntax::Dotenv) && output.has_quotes(shown) {
        output.warnings.push(
            "`docker run --env-file` takes the quotes for a part of the value: give it --format docker".to_owned(),
        );
    }
    for warning in &output.warnings {
        session.warn(warning.clone());
    }
    if let Some((program, rest)) = arguments.command.split_first() {
        if output.line.is_some() {
            let message =
                "--format curl prints a command line, not variables, so it cannot be used with a COMMAND".to_owned();
            let command = "glassdome env".to_owned();
            return Err(Error::Usage(UsageError::CommandLine { message, tips: Vec::new(), command }).into());
        }
        return match execute(program, rest, &output.variables) {
            Err(failed) => Err(failed.into()),
            Ok(never) => match never {},
        };
    }
    if global.output == OutputFormat::Json {
        let document = output.document(arguments.format, shown);
        session.ui.reveal_json(&document, &output.revealed(shown));
    } else if written == OutputSyntax::Json {
        session.ui.reveal_json(&Value::Object(output.object(shown)), &output.revealed(shown));
    } else {
        let lines = Lines(output.lines(written, shown)?);
        let revealed = if shown == Shown::Whole { lines.0.clone() } else { Vec::new() };
        session.ui.reveal(&lines, &revealed);
    }
    if shown == Shown::Masked && output.variables.iter().any(Assignment::is_secret) {
        session.remark(output.masked_notice(global.output == OutputFormat::Json || written == OutputSyntax::Json));
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes the flag from an error about a missing setting: this command contacts no server and has no such flags.
fn without_flag(error: Error) -> Error {
    match error {
        Error::Usage(UsageError::Unanswered { what, key, .. }) => Error::Usage(UsageError::Unanswered {
            what,
            flag: None,
            key,
            further: Vec::new(),
            rehearsal: None,
            lacks_terminal: false,
        }),
        other => other,
    }
}

/// Replaces this process with the command, whose exit code, signals and terminal are its own. Only the limit on core
/// files remains.
fn execute(
    program: &std::ffi::OsString,
    arguments: &[std::ffi::OsString],
    variables: &[Assignment],
) -> Result<Infallible, Error> {
    let mut command = process::Command::new(program);
    command.args(arguments);
    for variable in variables {
        command.env(&variable.name, variable.whole().expose());
    }
    let source = command.exec();
    Err(Error::Usage(UsageError::CannotRun { command: program.to_string_lossy().into_owned(), source }))
}

/// What a format says.
struct EnvOutput {
    variables: Vec<Assignment>,
    /// A line for a shell, where that was asked for.
    line: Option<String>,
    warnings: Vec<String>,
}

impl EnvOutput {
    fn of(context: &Context, format: EnvFormat) -> Result<Self, Error> {
        let settings = &context.settings;
        let EnvFormat::Of(tool) = format else {
            let mut variables = settings.assignments()?;
            let mut output = Self { variables: Vec::new(), line: None, warnings: Vec::new() };
            if format == EnvFormat::Curl {
                variables.retain(Assignment::is_secret);
                let access = Access::of(settings)?;
                output.line = curl_line(&access, &context.instance);
                if access.fingerprint.is_some() {
                    output.warnings.push("curl cannot verify a certificate by its fingerprint: without a CA file it rejects a certificate of the cluster's own CA".to_owned());
                }
            }
            return Ok(Self { variables, ..output });
        };
        let access = Access::of(settings)?;
        let variables = tool.assignments(&access).ok_or(Error::Usage(UsageError::TokenAlone { tool: tool.name() }))?;
        let warnings = tool.remarks(&access).iter().map(ToString::to_string).collect();
        Ok(Self { variables, line: None, warnings })
    }

    /// Returns whether a line of a `.env` file that is printed has its value in quotes.
    fn has_quotes(&self, shown: Shown) -> bool {
        let mut printed = self.variables.iter().filter(|it| shown == Shown::Whole || !it.is_secret());
        printed.any(|variable| Syntax::Dotenv.adds_quotes(variable))
    }

    /// Returns the lines to print; a masked value is commented out.
    fn lines(&self, written: OutputSyntax, shown: Shown) -> Result<Vec<Secret>, Error> {
        let syntax = match written {
            OutputSyntax::As(syntax) => syntax,
            OutputSyntax::Json => Syntax::Sh,
        };
        let mut lines = Vec::new();
        for variable in &self.variables {
            lines.push(syntax.line(variable, shown)?);
        }
        lines.extend(self.line.clone().map(Secret::new));
        Ok(lines)
    }

    /// Returns the variables as an object. Masked values are left out: a program would use the mask as the secret.
    fn object(&self, shown: Shown) -> Map<String, Value> {
        let output = self.variables.iter().filter(|variable| shown == Shown::Whole || !variable.is_secret());
        output.map(|variable| (variable.name.clone(), Value::String(variable.whole().expose().to_owned()))).collect()
    }

    /// Returns the values that are to be read as they are.
    fn revealed(&self, shown: Shown) -> Vec<Secret> {
        if shown == Shown::Whole { self.variables.iter().map(Assignment::whole).collect() } else { Vec::new() }
    }

    /// Names the variables that are left out.
    fn masked(&self, shown: Shown) -> Vec<&str> {
        let secrets = self.variables.iter().filter(|variable| shown == Shown::Masked && variable.is_secret());
        secrets.map(|variable| variable.name.as_str()).collect()
    }

    /// Says that a secret is not printed, and how it is.
    fn masked_notice(&self, is_object: bool) -> String {
        if is_object {
            return format!(
                "{} is a secret and was omitted; pass --reveal to include it",
                self.masked(Shown::Masked).join(", ")
            );
        }
        "the secret is masked; pass --reveal to show it".to_owned()
    }

    fn document(&self, format: EnvFormat, shown: Shown) -> Value {
        serde_json::json!({
            "schema": "glassdome.env/1",
            "ok": true,
            "format": format.name(),
            "revealed": shown == Shown::Whole,
            "variables": self.object(shown),
            "masked": self.masked(shown),
            "line": self.line,
            "warnings": self.warnings,
        })
    }
}

/// How the variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputSyntax {
    /// As statements.
    As(Syntax),
    /// As one JSON object.
    Json,
}

impl OutputSyntax {
    fn of(arguments: &Env) -> Result<Self, Error> {
        let syntax = match (arguments.format, arguments.syntax) {
            (EnvFormat::Ours(syntax), None) => syntax,
            (EnvFormat::Curl, None) => EnvSyntax::Sh,
            (EnvFormat::Of(_), syntax) => syntax.unwrap_or(EnvSyntax::Sh),
            (format @ (EnvFormat::Ours(_) | EnvFormat::Curl), Some(_)) => {
                let format = format.name();
                let message = format!("--syntax cannot be used with --format {format}, which has its own syntax");
                let command = "glassdome env".to_owned();
                return Err(Error::Usage(UsageError::CommandLine { message, tips: Vec::new(), command }));
            }
        };
        Ok(match syntax {
            EnvSyntax::Dotenv => Self::As(Syntax::Dotenv),
            EnvSyntax::Docker => Self::As(Syntax::Docker),
            EnvSyntax::Sh => Self::As(Syntax::Sh),
            EnvSyntax::Fish => Self::As(Syntax::Fish),
            EnvSyntax::PowerShell => Self::As(Syntax::PowerShell),
            EnvSyntax::Json => Self::Json,
        })
    }
}

/// Lines as they are, one of which may hold a secret.
struct Lines(Vec<Secret>);

impl Draw for Lines {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for line in &self.0 {
            screen.line(line.expose())?;
        }
        Ok(())
    }
}
