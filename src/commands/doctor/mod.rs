//! `glassdome doctor`: looks at everything that can be wrong, in the order in which it breaks, and changes nothing.

mod access;
mod bundle;
mod check;
mod clone;
mod leftovers;
mod local;
mod screens;
mod server;
mod way;

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::{Connection, Doctor, Global, Output};
use crate::commands::Failure;
use crate::commands::connect::Ground;
use crate::commands::screens::{Heading, Note};
use crate::error::{Error, Kind, Report};
use crate::session::Session;
use crate::settings::{Credentials, Key};

use bundle::Alias;
use check::Check;

/// What was found: every check, in groups.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    groups: Vec<(&'static str, Vec<Check>)>,
    /// Names that tell whose server this is, with what stands for each in a report.
    names: Vec<Alias>,
}

/// Looks, tells, and gives the exit code of the first failure.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Doctor) -> Result<ExitCode, Failure> {
    let is_sandbox = arguments.connection.is_sandbox();
    session.ui.borrow_mut().info(&Heading { text: "Looking; nothing is changed".to_owned(), is_sandbox });
    if arguments.all_instances {
        return every_instance(session, global, arguments).await;
    }
    let examination = tokio::select! {
        found = examine(session, global, &arguments.connection) => found?,
        signal = session.interrupts.first() => return Err(Error::Interrupted { signal }.into()),
    };
    if let Some(path) = &arguments.bundle {
        let path = session.folder.join(path);
        bundle::write(session, &path, &examination).map_err(|source| Error::Bundle { path: path.clone(), source })?;
        session.ui.borrow_mut().info(&Note::found(format!(
            "the report is in {}: names and addresses are replaced, but read it before you give it away",
            path.display()
        )));
    }
    let mut ui = session.ui.borrow_mut();
    match global.output {
        Output::Json => ui.json(&examination.document()),
        Output::Text => ui.result(&examination),
    }
    Ok(ExitCode::from(examination.exit_code()))
}

/// Looks at every instance of the settings file, one after the other; the first failure decides.
async fn every_instance(session: &Session, global: &Global, arguments: &Doctor) -> Result<ExitCode, Failure> {
    let (ground, troubles) = Ground::survey_for_diagnosis(session, global, &arguments.connection).await?;
    if let Some(why) = troubles.unread {
        return Err(why.into());
    }
    let (mut code, mut documents) = (0, Vec::new());
    let mut instances = ground.loaded.file.instances();
    instances.sort_by_key(ToString::to_string);
    for instance in instances {
        let global = Global { instance: Some(instance.to_string()), ..global.clone() };
        let examination = tokio::select! {
            found = examine(session, &global, &arguments.connection) => found?,
            signal = session.interrupts.first() => return Err(Error::Interrupted { signal }.into()),
        };
        code = if code == 0 { examination.exit_code() } else { code };
        if global.output == Output::Json {
            let mut document = examination.document();
            if let Some(map) = document.as_object_mut() {
                map.insert("instance".to_owned(), instance.to_string().into());
            }
            documents.push(document);
        } else {
            let mut ui = session.ui.borrow_mut();
            ui.result(&Heading { text: format!("Instance {instance}"), is_sandbox: arguments.connection.is_sandbox() });
            ui.result(&examination);
        }
    }
    if global.output == Output::Json {
        let document = json!({ "schema": "glassdome.doctor/1", "ok": code == 0, "instances": documents });
        session.ui.borrow_mut().json(&document);
    }
    Ok(ExitCode::from(code))
}

/// Makes every check that can be made. A failed one does not hide those that do not depend on it.
pub(crate) async fn examine(session: &Session, global: &Global, connection: &Connection) -> Result<Examination, Error> {
    let mut examination = Examination::default();
    let (ground, troubles) = match Ground::survey_for_diagnosis(session, global, connection).await {
        Ok(surveyed) => surveyed,
        Err(why) if Report::of(&why).kind == Kind::Usage => return Err(why),
        Err(why) => {
            examination.groups.push(("Settings", vec![Check::failed("sources", &why)]));
            return Ok(examination);
        }
    };
    if let Ok((_, trusted)) = ground.trust() {
        ground.warn_of_trust(session, trusted);
    }
    examination.groups.push(("Settings", local::checks(session, &ground, &troubles).await));
    examination.note_settings(&ground);
    let server = server::checks(session, &ground, &mut examination).await;
    let found = leftovers::checks(session, &ground, server.as_ref(), &mut examination.names).await;
    examination.groups.push(("Leftovers", found));
    Ok(examination)
}

/// The checks of the way that need TLS.
const SKIPPED_WAY: [&str; 4] = ["tls", "certificate", "product", "clock"];

impl Examination {
    /// Notes names of one kind, each with a number of its own.
    fn note(&mut self, kind: &str, names: impl Iterator<Item = String>) {
        for name in names {
            let count = self.names.iter().filter(|alias| alias.stands_for.starts_with(kind)).count();
            self.names.push(Alias { name, stands_for: format!("{kind}-{}", count + 1) });
        }
    }

    /// Notes the names that stand in the settings.
    fn note_settings(&mut self, ground: &Ground) {
        let host = ground.host().ok().map(|host| host.host().to_string());
        self.note("HOST", host.into_iter());
        if let Ok((credentials, _)) = ground.settings.credentials() {
            let (user, token, shown) = match credentials {
                Credentials::Token { id, secret } => (id.user, Some(id.name.to_string()), Some(secret.masked())),
                Credentials::Password { user, .. } => (user, None, None),
            };
            self.note("SECRET", shown.into_iter());
            self.note("USER", std::iter::once(user.name().to_owned()));
            self.note("TOKEN", token.into_iter());
        }
        self.note("NODE", ground.settings.text(Key::Node).map(str::to_owned).into_iter());
        self.note("POOL", ground.settings.text(Key::Pool).map(str::to_owned).into_iter());
    }

    /// Says of the groups that need the server, from one on, that nothing was looked at.
    fn skip_from(&mut self, first: usize, why: &str) {
        let way: Vec<&'static str> = ["proxy", "dns", "tcp"].into_iter().chain(SKIPPED_WAY).collect();
        let skip = |ids: &[&'static str]| ids.iter().map(|id| Check::skipped(id, why)).collect();
        let groups = [
            ("Way", skip(&way)),
            ("Access", skip(&["realm", "authentication", "token"])),
            ("Clone", clone::skipped(why)),
        ];
        self.groups.extend(groups.into_iter().skip(first));
    }

    /// Ends with the access: nothing behind it can be looked at.
    fn cut<T>(&mut self, mut access: Vec<Check>, why: &str) -> Option<T> {
        access.push(Check::skipped("token", why));
        self.groups.push(("Access", access));
        self.groups.push(("Clone", clone::skipped(why)));
        None
    }

    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.groups.iter().flat_map(|(_, checks)| checks)
    }

    fn first_failure(&self) -> Option<&check::Failure> {
        self.checks().find_map(|check| check.failure.as_ref())
    }

    /// Gives the exit code of the first failed check.
    pub(crate) fn exit_code(&self) -> u8 {
        self.first_failure().map_or(0, check::Failure::exit_code)
    }

    /// Gives the JSON document.
    pub(crate) fn document(&self) -> Value {
        let checks: Vec<Value> = self.checks().map(Check::document).collect();
        let mut document = json!({"schema": "glassdome.doctor/1", "ok": self.exit_code() == 0, "checks": checks});
        if let (Some(failure), Some(map)) = (self.first_failure(), document.as_object_mut()) {
            map.insert("error".to_owned(), failure.document().clone());
        }
        document
    }
}
