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
    /// Removes permissions of others, or of the group, from the settings file.
    Mode { from: u32, to: u32, group: GroupRights },
    /// Adds lines to a `.gitignore`.
    Ignore { file: PathBuf, folder: PathBuf, lines: Vec<String> },
}

/// Shows each fix that is possible, asks about it at a terminal, and applies it.
///
/// # Errors
/// If a file cannot be changed, or the person leaves.
pub(super) async fn apply(session: &Session, context: &Context) -> Result<(), Error> {
    let fixes = find(session, context).await;
    let (is_right, mut is_mode_kept) = (fixes.is_empty(), false);
    for fix in fixes {
        let is_mode = matches!(fix, Fix::Mode { .. });
        if is_mode && is_mode_kept {
            continue;
        }
        let question = ConfirmPrompt::new(format!("{}?", Printable(&fix.describe(context)))).proposing_yes();
        let agrees = !session.is_attended()
            || ask::confirm(session, question, || ask::answer_only_by("--yes", "confirmation of the fixes")).await?;
        if agrees {
            fix.run(context)?;
            session.done(fix.report(context));
        }
        is_mode_kept |= is_mode && !agrees;
    }
    let kept = context.loaded.mode.filter(|mode| mode & GROUP != 0 && !may_drop_group(session));
    if let Some(mode) = kept {
        let mode = mode & (OWNER | GROUP);
        let text = format!(
            "The permissions of the group (mode {mode:04o}) were kept, because a service may rely on them; to remove them: `glassdome doctor --fix --yes`"
        );
        session.remark(text);
    } else if is_right {
        session.remark("Nothing to fix: the file mode and .gitignore are correct");
    }
    Ok(())
}

/// The bits of a mode for the owner, the group and all others.
const OWNER: u32 = 0o700;
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;

/// Returns whether the group may lose its permissions: a service may rely on them, so that takes an answer or `--yes`.
fn may_drop_group(session: &Session) -> bool {
    session.is_attended() || session.confirms_all
}

/// Finds what can be fixed. The permissions of others and of the group are two fixes.
async fn find(session: &Session, context: &Context) -> Vec<Fix> {
    let mut fixes = Vec::new();
    let Some(mode) = context.loaded.mode else { return fixes };
    let without_others = mode & (OWNER | GROUP);
    if mode & OTHERS != 0 {
        fixes.push(Fix::Mode { from: mode, to: without_others, group: GroupRights::Keep });
    }
    if mode & GROUP != 0 && may_drop_group(session) {
        fixes.push(Fix::Mode { from: without_others, to: mode & OWNER, group: GroupRights::Drop });
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
            Self::Mode { from, to, group: GroupRights::Keep } => {
                format!("Change the mode of {} from {from:04o} to {to:04o}", context.store.path().display())
            }
            Self::Mode { from, to, group: GroupRights::Drop } => {
                let path = context.store.path().display();
                format!("Change the mode of {path} from {from:04o} to {to:04o} (its group can no longer use it)")
            }
            Self::Ignore { file, lines, .. } => format!("Add {} to {}", lines.join(" and "), file.display()),
        }
    }

    fn report(&self, context: &Context) -> String {
        match self {
            Self::Mode { from, to, .. } => {
                format!("Changed the mode of {} from {from:04o} to {to:04o}", context.store.path().display())
            }
            Self::Ignore { file, lines, .. } => format!("Added {} to {}", lines.join(" and "), file.display()),
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
