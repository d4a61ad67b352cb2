//! `glassdome man`, and what completions offer of the settings file.

use crate::cli::manual::Page;
use crate::cli::{Man, manual, topics};
use crate::commands::{CommandFailure, reference};
use crate::error::{Error, KINDS, RunError, UsageError};
use crate::session::{Session, Variables};
use crate::settings::{ENV_FILE, EnvFile, Key, Settings, Store};
use crate::ui::Verbatim;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Prints one manual page, or writes all of them into a folder.
pub(crate) fn man(session: &Session, arguments: &Man) -> Result<ExitCode, CommandFailure> {
    let of_tables = reference::topics();
    let pages: Vec<Page> = manual::pages().into_iter().chain(of_tables.iter().map(manual::topic_page)).collect();
    if let Some(folder) = &arguments.dir {
        let folder = session.folder.join(folder);
        fs::create_dir_all(&folder)
            .map_err(|source| Error::Run(RunError::Unwritten { path: folder.clone(), source }))?;
        for page in pages {
            let path = folder.join(format!("{}.1", page.name));
            fs::write(&path, full_text(page)).map_err(|source| Error::Run(RunError::Unwritten { path, source }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let name = arguments.command.iter().fold("glassdome".to_owned(), |name, word| format!("{name}-{word}"));
    match pages.into_iter().find(|page| page.name == name) {
        Some(page) => session.result(&Verbatim(full_text(page))),
        None => {
            return Err(Error::Usage(UsageError::UnknownTopic {
                topic: arguments.command.join(" "),
                known: topics::names().collect(),
            })
            .into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds what every page ends with: the exit codes, and where to read on.
fn full_text(page: Page) -> String {
    let mut roff = page.roff;
    roff.push_str(".SH EXIT STATUS\n.TP\n\\fB0\\fR\ndone\n");
    for (kind, meaning) in KINDS {
        roff.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", kind.exit_code(), manual::escaped(meaning)));
    }
    roff.push_str(
        ".SH ENVIRONMENT\nFor the variables that are read, see \\fBglassdome\\-environment\\fR(1).\n.SH SEE ALSO\n",
    );
    let others: Vec<String> = topics::names().map(|name| manual::escaped(&format!("glassdome-{name}(1)"))).collect();
    roff.push_str(&format!("{}\n", others.join(", ")));
    roff
}

/// Lists the instances of the settings file; without one that can be read there are none.
#[must_use]
pub(crate) fn instances(folder: &Path, variables: &Variables) -> Vec<String> {
    let file = settings_file(folder, variables);
    file.instances().iter().map(ToString::to_string).collect()
}

/// Lists the nodes that the settings file names.
#[must_use]
pub(crate) fn nodes(folder: &Path, variables: &Variables) -> Vec<String> {
    let file = settings_file(folder, variables);
    let node = |instance| Settings::of_file(&instance, folder, &file).text(Key::Node);
    file.instances().into_iter().filter_map(node).collect()
}

fn settings_file(folder: &Path, variables: &Variables) -> EnvFile {
    let name = variables.get(ENV_FILE).filter(|it| !it.is_empty()).map_or(".env".into(), |it| it.clone());
    Store::new(folder.join(name)).load().map(|loaded| loaded.file).unwrap_or_default()
}
