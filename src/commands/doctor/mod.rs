//! `glassdome doctor`: looks at everything that can be wrong, in the order in which it breaks, and changes nothing.

mod access;
mod bundle;
mod check;
mod clone;
mod fix;
mod grant_script;
mod leftovers;
mod local;
mod network;
mod screens;
mod server;

use crate::cli::{Connection, Doctor, Global, OutputFormat};
use crate::commands::{CommandFailure, options};
use crate::error::{Error, Kind, Report, RunError};
use crate::ops::context::Context;
use crate::ops::port::{PortUse, settle_port};
use crate::session::Session;
use crate::settings::{Credentials, Key};
use crate::ui::{Heading, Verbosity};
use std::process::ExitCode;

use serde_json::{Value, json};

use bundle::Pseudonym;
use check::Check;
use screens::{Detail, DiagnosisScreen};

/// What was found: every check, in groups.
#[derive(Debug, Default)]
pub(crate) struct Diagnosis {
    groups: Vec<(&'static str, Vec<Check>)>,
    /// Names that identify the server, with the word that replaces each in a report.
    names: Vec<Pseudonym>,
}

/// Makes all checks, shows them, and returns the exit code of the first failure.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Doctor) -> Result<ExitCode, CommandFailure> {
    if arguments.grant_script {
        return tokio::select! {
            printed = grant_script::print(session, global, arguments) => Ok(printed?),
            signal = session.interrupts.first() => Err(Error::Run(RunError::Interrupted { signal }).into()),
        };
    }
    if arguments.fix {
        fix_local(session, global, arguments).await?;
    }
    if arguments.all_instances {
        return every_instance(session, global, arguments).await;
    }
    let diagnosis = tokio::select! {
        found = diagnose(session, global, &arguments.connection) => found?,
        signal = session.interrupts.first() => return Err(Error::Run(RunError::Interrupted { signal }).into()),
    };
    if let Some(path) = &arguments.bundle {
        let path = session.folder.join(path);
        bundle::write(session, &path, &diagnosis)
            .map_err(|source| Error::Run(RunError::Bundle { path: path.clone(), source }))?;
        session.note(format!(
            "report written to {}: names and addresses are replaced, but review it before sharing",
            path.display()
        ));
    }
    match global.output {
        OutputFormat::Json => session.json(&diagnosis.document()),
        OutputFormat::Text => show(session, &diagnosis),
    }
    Ok(ExitCode::from(diagnosis.exit_code()))
}

/// Fixes what can be fixed on this side, before everything is checked.
async fn fix_local(session: &Session, global: &Global, arguments: &Doctor) -> Result<(), Error> {
    let (context, unread) =
        Context::load_for_diagnosis(session, &options::connection(global, &arguments.connection)).await?;
    // The check of the file reports why it cannot be read.
    if unread.is_some() {
        return Ok(());
    }
    tokio::select! {
        fixed = fix::apply(session, &context) => fixed,
        signal = session.interrupts.first() => Err(Error::Run(RunError::Interrupted { signal })),
    }
}

/// Says what is being checked, and that nothing is changed.
fn introduce(session: &Session, context: &Context) {
    let server = context.host().map_or_else(|_| "the settings".to_owned(), |host| host.to_string());
    let text = format!("Checking {server} (read-only)");
    session.heading(&Heading { text, is_sandbox: context.is_sandbox() });
}

/// Shows a diagnosis: with `-v` every check, else what is right in one line for each group.
fn show(session: &Session, diagnosis: &Diagnosis) {
    let detail = if session.ui.verbosity() >= Verbosity::Verbose { Detail::Full } else { Detail::Brief };
    session.result(&DiagnosisScreen { diagnosis, detail });
}

/// Diagnoses every instance of the settings file, one after the other; the first failure decides the exit code.
async fn every_instance(session: &Session, global: &Global, arguments: &Doctor) -> Result<ExitCode, CommandFailure> {
    let (context, unread) =
        Context::load_for_diagnosis(session, &options::connection(global, &arguments.connection)).await?;
    if let Some(why) = unread {
        return Err(why.into());
    }
    let (mut code, mut documents) = (0, Vec::new());
    let mut instances = context.loaded.file.instances();
    instances.sort_by_key(ToString::to_string);
    for instance in instances {
        let global = Global { instance: Some(instance.to_string()), ..global.clone() };
        let diagnosis = tokio::select! {
            found = diagnose(session, &global, &arguments.connection) => found?,
            signal = session.interrupts.first() => return Err(Error::Run(RunError::Interrupted { signal }).into()),
        };
        code = if code == 0 { diagnosis.exit_code() } else { code };
        if global.output == OutputFormat::Json {
            let mut document = diagnosis.document();
            if let Some(map) = document.as_object_mut() {
                map.insert("instance".to_owned(), instance.to_string().into());
            }
            documents.push(document);
        } else {
            let heading =
                Heading { text: format!("Instance {instance}"), is_sandbox: arguments.connection.is_sandbox() };
            session.result(&heading);
            show(session, &diagnosis);
        }
    }
    if global.output == OutputFormat::Json {
        let document = json!({ "schema": "glassdome.doctor/1", "ok": code == 0, "instances": documents });
        session.json(&document);
    }
    Ok(ExitCode::from(code))
}

/// Makes every check that can be made. A failed one does not hide those that do not depend on it.
pub(crate) async fn diagnose(session: &Session, global: &Global, connection: &Connection) -> Result<Diagnosis, Error> {
    let mut diagnosis = Diagnosis::default();
    let (mut context, unread) =
        match Context::load_for_diagnosis(session, &options::connection(global, connection)).await {
            Ok(surveyed) => surveyed,
            Err(why) if Report::of(&why).kind == Kind::Usage => return Err(why),
            Err(why) => {
                diagnosis.groups.push(("Settings", vec![Check::failed("sources", &why)]));
                return Ok(diagnosis);
            }
        };
    // Where the host cannot be read, its check says so.
    if context.host().is_ok() {
        settle_port(session, &mut context, PortUse::Now).await?;
    }
    introduce(session, &context);
    if let Ok((_, trusted)) = context.trust() {
        context.warn_of_trust(session, trusted);
    }
    diagnosis.groups.push(("Settings", local::checks(session, &context, unread.as_ref()).await));
    diagnosis.note_settings(&context);
    let server = server::checks(session, &context, &mut diagnosis).await;
    let found = leftovers::checks(session, &context, server.as_ref(), &mut diagnosis.names).await;
    diagnosis.groups.push(("Left behind", found));
    Ok(diagnosis)
}

/// The checks of the connection that need TLS.
const TLS_CHECKS: [&str; 4] = ["tls", "certificate", "product", "clock"];

impl Diagnosis {
    /// Notes names of one kind, each with a number of its own.
    fn note(&mut self, kind: &str, names: impl Iterator<Item = String>) {
        for name in names {
            let count = self.names.iter().filter(|alias| alias.stands_for.starts_with(kind)).count();
            self.names.push(Pseudonym { name, stands_for: format!("{kind}-{}", count + 1) });
        }
    }

    /// Notes the names that are in the settings.
    fn note_settings(&mut self, context: &Context) {
        let host = context.host().ok().map(|host| host.host().to_string());
        self.note("HOST", host.into_iter());
        if let Ok((credentials, _)) = context.settings.credentials() {
            let (user, token, shown) = match credentials {
                Credentials::Token { id, secret } => (id.user, Some(id.name.to_string()), Some(secret.masked())),
                Credentials::Password { user, .. } => (user, None, None),
            };
            self.note("SECRET", shown.into_iter());
            self.note("USER", std::iter::once(user.name().to_owned()));
            self.note("TOKEN", token.into_iter());
        }
        self.note("NODE", context.settings.text(Key::Node).into_iter());
        self.note("POOL", context.settings.text(Key::Pool).into_iter());
    }

    /// Marks the groups that need the server as skipped, starting with the group at index `first`.
    fn skip_from(&mut self, first: usize, why: &str) {
        let network: Vec<&'static str> = ["proxy", "dns", "tcp"].into_iter().chain(TLS_CHECKS).collect();
        let skip = |ids: &[&'static str]| ids.iter().map(|id| Check::skipped(id, why)).collect();
        let groups = [
            ("Connection", skip(&network)),
            ("Access", skip(&["realm", "authentication", "token"])),
            ("Test VM", clone::skipped(why)),
        ];
        self.groups.extend(groups.into_iter().skip(first));
    }

    /// Ends the diagnosis after the group Access: the checks after it are skipped.
    fn skip_after_access<T>(&mut self, mut access: Vec<Check>, why: &str) -> Option<T> {
        access.push(Check::skipped("token", why));
        self.groups.push(("Access", access));
        self.groups.push(("Test VM", clone::skipped(why)));
        None
    }

    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.groups.iter().flat_map(|(_, checks)| checks)
    }

    fn first_failure(&self) -> Option<&check::CheckFailure> {
        self.checks().find_map(|check| check.failure.as_ref())
    }

    /// Returns the exit code of the first failed check.
    pub(crate) fn exit_code(&self) -> u8 {
        self.first_failure().map_or(0, check::CheckFailure::exit_code)
    }

    /// Returns the JSON document.
    pub(crate) fn document(&self) -> Value {
        let checks: Vec<Value> = self.checks().map(Check::document).collect();
        let mut document = json!({"schema": "glassdome.doctor/1", "ok": self.exit_code() == 0, "checks": checks});
        if let (Some(failure), Some(map)) = (self.first_failure(), document.as_object_mut()) {
            map.insert("error".to_owned(), failure.document().clone());
        }
        document
    }
}
