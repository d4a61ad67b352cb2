//! What a clean-up did, for the screen and for scripts.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::error::{Error, Report};
use crate::model::Foreign;
use crate::ops::test_vm::marked::MarkedVm;
use crate::ops::test_vm::receipt::LeftBehind;
use crate::ops::token::notes::UnsavedToken;
use crate::ui::{Draw, Printable, Screen, Tone};

/// What became of one VMID of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VmOutcome {
    /// It was a test VM of this machine, and has been deleted.
    Destroyed,
    /// It is a test VM of this machine; `--dry-run` keeps it.
    WouldBeDestroyed,
    /// No VM has this VMID.
    Gone,
    /// Another VM has this VMID.
    NotOurs(Option<Foreign>),
    /// It carries a marker, and was not named.
    Listed,
    /// It belongs to an active run of this machine.
    Alive,
}

/// The state of an image that an interrupted run asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImageFate {
    /// An image of its name is on the storage; it stays.
    Listed,
    /// A task may still be putting it there.
    InProgress,
    /// It could not be checked, for this reason.
    Unread(String),
}

/// An image that an interrupted run may have left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftImage {
    /// Its volume ID.
    pub(super) volume: String,
    /// The node of its storage.
    pub(super) node: String,
    /// What became of it.
    pub(super) outcome: ImageFate,
}

/// A journal entry about another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OtherServerEntry {
    /// The VM.
    pub(super) vmid: Option<u32>,
    /// The image.
    pub(super) image: Option<String>,
    /// The server.
    pub(super) server: String,
}

/// What was done, for the screen and for JSON.
#[derive(Debug, Default)]
pub(super) struct CleanupSummary {
    pub(super) outcomes: Vec<(u32, String, VmOutcome)>,
    pub(super) left: Vec<LeftBehind>,
    pub(super) elsewhere: Vec<OtherServerEntry>,
    /// Images that interrupted runs may have left behind.
    pub(super) images: Vec<LeftImage>,
    /// Marked VMs that no journal entry of an ended run names, each with its outcome.
    pub(super) marked: Vec<(MarkedVm, VmOutcome)>,
    /// Why the server was not looked at.
    pub(super) unseen: Option<&'static str>,
    pub(super) alive: usize,
    pub(super) unreadable: Vec<String>,
    /// Tokens that ended runs may have made without saving their secret.
    pub(super) tokens: Vec<UnsavedToken>,
}

impl CleanupSummary {
    /// Returns the JSON document.
    pub(super) fn document(&self, error: Option<&Error>) -> Value {
        let outcomes: Vec<Value> = self
            .outcomes
            .iter()
            .map(|(vmid, name, outcome)| json!({"vmid": vmid, "name": name, "fate": outcome.word()}))
            .collect();
        let marked: Vec<Value> = self
            .marked
            .iter()
            .map(|(marked, outcome)| {
                let mut document = marked.document();
                if let Some(map) = document.as_object_mut() {
                    map.insert("fate".to_owned(), json!(outcome.word()));
                }
                document
            })
            .collect();
        let elsewhere: Vec<Value> =
            self.elsewhere.iter().map(|it| json!({"vmid": it.vmid, "image": it.image, "server": it.server})).collect();
        let images: Vec<Value> = self
            .images
            .iter()
            .map(|image| json!({"volume": image.volume, "node": image.node, "fate": image.outcome.word()}))
            .collect();
        let mut document = json!({
            "schema": "glassdome.cleanup/1",
            "ok": error.is_none(),
            "vms": outcomes,
            "marked": marked,
            "images": images,
            "left_behind": self.left,
            "other_servers": elsewhere,
            "alive": self.alive,
            "unreadable": self.unreadable,
            "unsaved_tokens": self.tokens.iter().map(UnsavedToken::document).collect::<Vec<_>>(),
        });
        if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
            map.insert("error".to_owned(), Report::of(error).as_json());
        }
        document
    }
}

impl VmOutcome {
    const fn word(&self) -> &'static str {
        match self {
            Self::Destroyed => "destroyed",
            Self::WouldBeDestroyed => "would_be_destroyed",
            Self::Gone => "gone",
            Self::NotOurs(_) => "not_ours",
            Self::Listed => "listed",
            Self::Alive => "alive",
        }
    }

    fn sentence(&self, vmid: u32, name: impl fmt::Display) -> String {
        match self {
            Self::Destroyed => format!("VM {vmid} ({name}) deleted"),
            Self::WouldBeDestroyed => format!("VM {vmid} ({name}) would be deleted"),
            Self::Gone => format!("VM {vmid} ({name}) no longer exists"),
            Self::NotOurs(Some(other)) => {
                format!("VM {vmid} ({}) does not match its journal entry; not deleted", other)
            }
            Self::Listed | Self::Alive => format!("VM {vmid} ({name}) not deleted"),
            Self::NotOurs(None) => format!("VM {vmid} does not match its journal entry; not deleted"),
        }
    }
}

impl ImageFate {
    const fn word(&self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::InProgress => "on_its_way",
            Self::Unread(_) => "unread",
        }
    }
}

impl LeftImage {
    fn sentence(&self) -> String {
        let (volume, node) = (Printable(&self.volume), Printable(&self.node));
        match &self.outcome {
            ImageFate::Listed => format!(
                "{node} has an image with the name that an interrupted `template create` requested: {volume}; not deleted, because it may belong to someone else"
            ),
            ImageFate::InProgress => format!(
                "{node} may still be downloading the image of an interrupted `template create`: {volume}; run this again later"
            ),
            ImageFate::Unread(why) => {
                format!(
                    "the image of an interrupted `template create` may still be on {node}: {volume} ({})",
                    Printable(why)
                )
            }
        }
    }
}

impl OtherServerEntry {
    fn sentence(&self) -> String {
        let what = match (self.vmid, &self.image) {
            (Some(vmid), _) => format!("VM {vmid}"),
            (None, Some(image)) => format!("image {}", Printable(image)),
            (None, None) => "something".to_owned(),
        };
        format!("{what} was left on {}; run this with the settings for that server", Printable(&self.server))
    }
}

/// The summary as it is drawn at a time, from which ages are counted.
pub(super) struct CleanupOutput<'a> {
    summary: &'a CleanupSummary,
    now: OffsetDateTime,
}

impl CleanupSummary {
    /// Draws it at a time.
    pub(super) const fn at(&self, now: OffsetDateTime) -> CleanupOutput<'_> {
        CleanupOutput { summary: self, now }
    }

    fn is_empty(&self) -> bool {
        let has_vms = !self.outcomes.is_empty() || !self.left.is_empty() || !self.marked.is_empty();
        !has_vms && self.images.is_empty() && self.elsewhere.is_empty() && self.tokens.is_empty()
    }
}

impl Draw for CleanupOutput<'_> {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let summary = self.summary;
        let mut said = BTreeSet::new();
        for (vmid, name, outcome) in &summary.outcomes {
            let sentence = outcome.sentence(*vmid, name);
            // Several interrupted runs may have asked for the same VMID.
            if said.insert(sentence.clone()) {
                screen.paragraph(0, &sentence)?;
            }
        }
        for image in &summary.images {
            screen.labelled("left: ", Tone::Warning, &image.sentence())?;
        }
        for elsewhere in &summary.elsewhere {
            screen.labelled("skipped: ", Tone::Warning, &elsewhere.sentence())?;
        }
        if summary.alive > 0 {
            let text = format!("{} test VM(s) of runs that are still active; not deleted", summary.alive);
            screen.paragraph(0, &text)?;
        }
        for path in &summary.unreadable {
            screen.labelled(
                "skipped: ",
                Tone::Warning,
                &format!("{} is not a readable journal entry", Printable(path)),
            )?;
        }
        self.draw_marked(screen)?;
        for it in &summary.tokens {
            screen.labelled("not removed: ", Tone::Warning, &Printable(&it.sentence()).to_string())?;
            it.commands().iter().try_for_each(|command| screen.command(2, command))?;
        }
        if summary.is_empty() {
            screen.paragraph(0, summary.unseen.unwrap_or("nothing left behind (among the visible VMs)"))?;
        }
        Ok(())
    }
}

impl CleanupOutput<'_> {
    fn draw_marked(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for (marked, outcome) in
            self.summary.marked.iter().filter(|(_, outcome)| !matches!(outcome, VmOutcome::Listed | VmOutcome::Alive))
        {
            screen.paragraph(0, &outcome.sentence(marked.vmid.number(), &marked.name))?;
        }
        let listed: Vec<&MarkedVm> = self
            .summary
            .marked
            .iter()
            .filter(|(_, outcome)| *outcome == VmOutcome::Listed)
            .map(|(marked, _)| marked)
            .collect();
        let Some(first) = listed.first() else { return Ok(()) };
        screen.paragraph(
            0,
            "test VMs that were kept, or that a run on another machine may be using; to delete one, pass its VMID:",
        )?;
        for marked in &listed {
            screen.labelled("  ", Tone::Plain, &marked.describe(self.now))?;
        }
        screen.command(2, &format!("glassdome cleanup --vmid {}", first.vmid))
    }
}
