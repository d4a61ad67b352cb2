//! Shows what will change in the settings file, writes it, and reads it back.

mod changes;

use self::changes::changes;
use crate::commands::setup::check::VerifiedAccess;
use crate::error::{ConfigError, Error, RunError};
use crate::ops::connection::{Connected, FetchedCa, TrustSource};
use crate::ops::context::Context;
use crate::ops::{ask, git};
use crate::session::Session;
use crate::settings;
use crate::settings::{
    AmbiguousValues, DiffLine, Edited, GroupRights, KEYS, Key, SaveOutcome, Section, Settings, Sign, Store, masked_diff,
};
use crate::ui::prompt::ConfirmPrompt;
use crate::ui::{Draw, Printable, Screen, Tone};
use std::fmt;
use std::path::{Path, PathBuf};

/// What will be written, as a person may see it.
pub(super) struct PendingSave {
    path: PathBuf,
    edited: Edited,
    diff: Vec<DiffLine>,
    is_new: bool,
    holds_secret: bool,
    /// What decides about the certificate where the file says that it is not verified.
    decides: Option<Key>,
    fetched: Option<FetchedCa>,
    /// The keys that change for the other instances too.
    shared: Vec<&'static str>,
}

/// What was written.
pub(super) struct SavedSettings {
    pub(super) path: PathBuf,
    pub(super) changed: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl PendingSave {
    /// Returns whether anything is written at all.
    pub(super) fn is_change(&self) -> bool {
        !self.edited.changed.is_empty() || self.fetched.is_some()
    }
}

/// Prepares the edit of the settings file. A value that means the same as the one in the file stays as it is written
/// there.
pub(super) async fn draft(
    session: &Session,
    context: &Context,
    connected: &Connected,
    checked: &VerifiedAccess,
    consent: AmbiguousValues,
) -> Result<PendingSave, Error> {
    let path = context.store.path().to_owned();
    let in_file = context.saved();
    let changes = changes(context, &in_file, connected, checked)?;
    let edit = |consent| context.loaded.file.edit(&context.instance, &changes, consent, &|_| None);
    let edited = match edit(consent) {
        Err(why) if may_consent(session, &why).await? => edit(AmbiguousValues::Allow)?,
        edited => edited?,
    };
    let diff = masked_diff(context.loaded.file.bytes(), edited.file.bytes());
    let (is_new, fetched) =
        (context.loaded.mode.is_none(), connected.fetched.clone().filter(|_| !context.is_sandbox()));
    let decides = match connected.trusted {
        TrustSource::Ca => Some(Key::CaFile),
        TrustSource::Pin => Some(Key::Fingerprint),
        TrustSource::System | TrustSource::Unverified => None,
    };
    let decides = decides.filter(|_| !context.is_sandbox());
    let shared = shared_keys(context, &in_file, &edited.changed);
    Ok(PendingSave { path, edited, diff, is_new, holds_secret: true, decides, fetched, shared })
}

/// Lists the changed keys that the file has for all instances, where only one of several is set up.
fn shared_keys(context: &Context, in_file: &Settings, changed: &[String]) -> Vec<&'static str> {
    let is_shared = |key: &Key| key.block() == Section::Templates && in_file.source(*key).is_some();
    let shared = KEYS.iter().filter(|entry| !context.instance.is_first() && is_shared(&entry.key));
    shared.map(|entry| entry.variable).filter(|name| changed.iter().any(|it| it == name)).collect()
}

/// Asks whether a value may be written that only the application reads back.
async fn may_consent(session: &Session, why: &settings::SettingsError) -> Result<bool, Error> {
    let settings::SettingsError::Unwritable { name, why } = why else { return Ok(false) };
    if why.is_final() || !session.is_attended() {
        return Ok(false);
    }
    let text = format!("{name} has no spelling that every reader of the file reads alike: {why}");
    session.warn(text);
    let question = ConfirmPrompt::new("Write it in a form that perhaps only python-dotenv reads back?");
    // Not for --yes: it confirms what would be asked, and this is a failed check.
    ask::confirm_despite_yes(session, question.proposing_no(), || {
        ask::answer_only_by("--allow-ambiguous-value", "the spelling")
    })
    .await
}

/// Asks git, writes the file, and reads it back.
pub(super) async fn write(session: &Session, context: &Context, draft: PendingSave) -> Result<SavedSettings, Error> {
    let group = group_rights(session, context, &draft).await?;
    let mut warnings: Vec<String> = draft.edited.warnings.iter().map(ToString::to_string).collect();
    let folder = draft.path.parent().unwrap_or(Path::new("/")).to_owned();
    let name = draft.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names = vec![name.clone(), format!("{name}.bak")];
    names.extend(draft.fetched.iter().map(|fetched| fetched.name.clone()));
    let verdict = git::ask(&folder, &names, &session.variables).await;
    warnings.extend(offer_gitignore(session, &folder, &verdict).await?);
    if let Some(fetched) = &draft.fetched {
        context.store.save_beside(&fetched.path, fetched.pem.as_bytes())?;
        session.done(format!("the cluster's CA is in {}", fetched.path.display()));
    }
    let saved = context.store.save(&draft.edited.file, &context.loaded.stamp, group)?;
    warnings.extend(saved.warnings.iter().map(ToString::to_string));
    let text = match saved.outcome {
        SaveOutcome::Unchanged => format!("{} is already up to date; it was not changed", draft.path.display()),
        SaveOutcome::Written => format!("{} is written, mode {:04o}", draft.path.display(), saved.mode),
    };
    session.done(text);
    if let Some(backup) = &saved.backup {
        session.note(format!("the old one is kept as {}", backup.display()));
    }
    for warning in &warnings {
        session.warn(warning.clone());
    }
    read_back(&context.store, &draft)?;
    Ok(SavedSettings { path: draft.path, changed: draft.edited.changed, warnings })
}

/// Asks for a confirmation at a terminal.
async fn confirmed(session: &Session, question: &str) -> Result<bool, Error> {
    let question = ConfirmPrompt::new(question).proposing_yes();
    ask::confirm(session, question, || ask::answer_only_by("--yes", "whether to write")).await
}

/// Asks whether the group may go on reading the file.
async fn group_rights(session: &Session, context: &Context, draft: &PendingSave) -> Result<GroupRights, Error> {
    let mode = context.loaded.mode.unwrap_or_default() & 0o070;
    if mode == 0 || !session.is_attended() || draft.edited.changed.is_empty() {
        return Ok(GroupRights::Keep);
    }
    let listed = &context.loaded.listed;
    let question = if listed.is_empty() {
        format!("Its group has rights in the file (mode {:04o}). Keep them?", mode | 0o600)
    } else {
        format!("By its access list (ACL) the file may be used by {}. Keep the list?", listed.join(", "))
    };
    Ok(if confirmed(session, &question).await? { GroupRights::Keep } else { GroupRights::Drop })
}

/// Says what git would do with the secret; if confirmed, the lines go into `.gitignore`.
async fn offer_gitignore(session: &Session, folder: &Path, verdict: &git::GitStatus) -> Result<Vec<String>, Error> {
    let mut warnings = Vec::new();
    for name in &verdict.tracked {
        warnings.push(format!("git tracks {name}: the secret goes into the history with the next commit; `git rm --cached {name}` ends that"));
    }
    let lines = verdict.ignore_lines();
    if lines.is_empty() {
        return Ok(warnings);
    }
    let question = format!("Add to .gitignore, so that git keeps out of it: {}?", lines.join(" "));
    let agrees = session.confirms_all || (session.is_attended() && confirmed(session, &question).await?);
    if agrees {
        let path = folder.join(".gitignore");
        git::ignore(folder, &lines).map_err(|source| Error::Run(RunError::GitIgnore { path, source }))?;
    } else {
        warnings.push(format!(
            "not ignored by git: {}; add to .gitignore: {}",
            verdict.exposed.join(", "),
            lines.join(" ")
        ));
    }
    Ok(warnings)
}

/// Reads the file again: what was written must be what is there.
fn read_back(store: &Store, draft: &PendingSave) -> Result<(), Error> {
    let again = store.load()?;
    if again.file.bytes() == draft.edited.file.bytes() {
        Ok(())
    } else {
        Err(Error::Config(ConfigError::ReadBack { path: draft.path.clone() }))
    }
}

impl Draw for PendingSave {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        if let Some(fetched) = &self.fetched {
            screen.paragraph(3, &format!("the cluster's CA goes into {}", fetched.path.display()))?;
        }
        if self.edited.changed.is_empty() {
            return screen.paragraph(3, &format!("{} stays as it is", self.path.display()));
        }
        let verb = if self.is_new { "new file" } else { "changes in" };
        screen.paragraph(3, &format!("{verb} {}", self.path.display()))?;
        for line in &self.diff {
            let tone = match line.sign {
                Sign::Kept => Tone::Dim,
                Sign::Removed => Tone::Bad,
                Sign::Added => Tone::Good,
            };
            let text = screen.paint(tone, &Printable(&line.to_string()).to_string());
            screen.line(&format!("   {text}"))?;
        }
        if let Some(key) = self.decides {
            let (verify, decides) = (Key::VerifySsl.entry().variable, key.entry().variable);
            let text = format!(
                "{verify}=false affects only the Glassdome application: glassdome verifies the certificate with {decides}"
            );
            screen.paragraph(3, &text)?;
        }
        for name in &self.shared {
            screen.labelled(
                "   warning: ",
                Tone::Warning,
                &format!("{name} changes for all instances in this file"),
            )?;
        }
        if self.holds_secret {
            screen.paragraph(3, "the secret is stored in plain text; only you may read the file (mode 0600)")?;
        }
        Ok(())
    }
}
