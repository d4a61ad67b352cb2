//! `doctor --fix`: what is local and safe, shown before it is done: the mode of the settings file, and `.gitignore`.

use std::path::PathBuf;

use crate::error::{Error, RunError};
use crate::ops::context::Context;
use crate::ops::{ask, git};
use crate::session::Session;
use crate::settings::GroupRights;
use crate::ui::Printable;
use crate::ui::prompt::ConfirmPrompt;

use super::local::git_status;

/// One thing that can be fixed on this side.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fix {
    /// Removes the permissions of the group and of others from the settings file.
    Mode { from: u32, group: GroupRights },
    /// Adds lines to a `.gitignore`.
    Ignore { file: PathBuf, folder: PathBuf, lines: Vec<String> },
}

/// Shows each fix that is possible, asks about it at a terminal, and applies it.
///
/// # Errors
/// If a file cannot be changed, or the person leaves.
pub(super) async fn apply(session: &Session, context: &Context) -> Result<(), Error> {
    let fixes = find(session, context).await;
    if fixes.is_empty() {
        session.remark("Nothing to fix: the file mode and .gitignore are correct");
    }
    for fix in fixes {
        let what = fix.describe(context);
        let question = ConfirmPrompt::new(format!("{}?", Printable(&what))).proposing_yes();
        let agrees = !session.is_attended()
            || ask::confirm(session, question, || ask::answer_only_by("--yes", "confirmation of the fixes")).await?;
        if agrees {
            fix.run(context)?;
            session.done(format!("Fixed: {what}"));
        }
    }
    Ok(())
}

/// Finds what can be fixed. Without a terminal to ask at, the group keeps its permissions: a service may rely on them.
async fn find(session: &Session, context: &Context) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let Some(mode) = context.loaded.mode else { return fixes };
    let may_drop = session.is_attended() || session.confirms_all;
    let (group, excess) = if may_drop { (GroupRights::Drop, 0o077) } else { (GroupRights::Keep, 0o007) };
    if mode & excess != 0 {
        fixes.push(Fix::Mode { from: mode, group });
    }
    if let (Some(folder), status) = (context.store.path().parent(), git_status(session, context).await) {
        let lines = status.ignore_lines();
        if !lines.is_empty() {
            fixes.push(Fix::Ignore { file: folder.join(".gitignore"), folder: folder.to_owned(), lines });
        }
    }
    fixes
}

impl Fix {
    fn describe(&self, context: &Context) -> String {
        match self {
            Self::Mode { from, group } => {
                let to = match group {
                    GroupRights::Keep => from & 0o770,
                    GroupRights::Drop => from & 0o700,
                };
                format!("Change the mode of {} from {from:04o} to {to:04o}", context.store.path().display())
            }
            Self::Ignore { file, lines, .. } => format!("Add {} to {}", lines.join(" and "), file.display()),
        }
    }

    fn run(&self, context: &Context) -> Result<(), Error> {
        match self {
            // A save of the same text changes nothing but the permissions.
            Self::Mode { group, .. } => {
                context.store.save(&context.loaded.file, &context.loaded.stamp, *group)?;
            }
            Self::Ignore { file, folder, lines } => {
                git::ignore(folder, lines)
                    .map_err(|source| Error::Run(RunError::GitIgnore { path: file.clone(), source }))?;
            }
        }
        Ok(())
    }
}
