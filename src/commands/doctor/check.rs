//! One check: what was examined, the result, and how to fix it.

use serde_json::{Value, json};

use crate::error::{Error, Hint, Kind, Report};

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckStatus {
    /// All is well.
    Ok,
    /// It works, and something should be known.
    Warning,
    /// It does not work.
    Failed,
    /// It is not known.
    Unknown,
    /// It was not made: an earlier check failed, or it does not apply.
    Skipped,
}

impl CheckStatus {
    /// Returns the word for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

/// One check and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    /// Its name for scripts.
    pub(crate) id: &'static str,
    /// What it came to.
    pub(crate) status: CheckStatus,
    /// What was seen, in one sentence.
    pub(crate) summary: String,
    /// Whether it applies here at all.
    pub(crate) applies: bool,
    /// What it adds to the one line of its group if nothing is wrong there; `None` for what need not be said.
    pub(crate) brief: Option<String>,
    /// More about it, line by line.
    pub(crate) detail: Vec<String>,
    /// The commands and sentences that fix it.
    pub(crate) fix: Vec<Hint>,
    /// Its kind, where it failed: from it follows the exit code.
    pub(crate) failure: Option<CheckFailure>,
}

fn is_of_doctor(hint: &str) -> bool {
    hint.contains("glassdome doctor") && !hint.contains("--grant-script")
}

/// A failed check as JSON, for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckFailure {
    kind: Kind,
    document: Value,
}

impl Check {
    fn new(id: &'static str, status: CheckStatus, summary: impl Into<String>) -> Self {
        Self {
            id,
            status,
            summary: summary.into(),
            applies: true,
            brief: None,
            detail: Vec::new(),
            fix: Vec::new(),
            failure: None,
        }
    }

    /// All is well.
    pub(crate) fn ok(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Ok, summary)
    }

    /// It works, and something should be known.
    pub(crate) fn warning(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Warning, summary)
    }

    /// It is not known.
    pub(crate) fn unknown(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Unknown, summary)
    }

    /// It was not looked at.
    pub(crate) fn skipped(id: &'static str, summary: impl Into<String>) -> Self {
        Self::new(id, CheckStatus::Skipped, summary)
    }

    /// Makes a check that does not apply here.
    pub(crate) fn inapplicable(id: &'static str, summary: impl Into<String>) -> Self {
        Self { applies: false, ..Self::new(id, CheckStatus::Skipped, summary) }
    }

    /// Makes a failed check, with the error that another command would report.
    pub(crate) fn failed(id: &'static str, error: &Error) -> Self {
        let report = Report::of(error);
        let mut detail: Vec<String> = report.causes.clone();
        detail.extend(report.details.iter().cloned());
        Self {
            detail,
            // The reader has run the doctor already, but not for its script.
            fix: report.hints.iter().filter(|hint| !is_of_doctor(hint.text())).cloned().collect(),
            failure: Some(CheckFailure { kind: report.kind, document: report.as_json() }),
            ..Self::new(id, CheckStatus::Failed, report.message.clone())
        }
    }

    /// Adds a line of detail.
    pub(crate) fn with_detail(mut self, line: impl Into<String>) -> Self {
        self.detail.push(line.into());
        self
    }

    /// Gives it a few words for the one line that its group has if nothing is wrong.
    pub(crate) fn with_short_text(mut self, words: impl Into<String>) -> Self {
        self.brief = Some(words.into());
        self
    }

    /// Adds several lines of detail.
    pub(crate) fn with_details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.detail.extend(lines);
        self
    }

    /// Adds a sentence that says how to fix it.
    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Self {
        self.fix.push(Hint::Say(text.into()));
        self
    }

    /// Adds a command that fixes it.
    pub(crate) fn with_command(mut self, text: impl Into<String>) -> Self {
        self.fix.push(Hint::Run(text.into()));
        self
    }

    /// Returns the part of the JSON document.
    pub(crate) fn document(&self) -> Value {
        let fix: Vec<&str> = self.fix.iter().map(Hint::text).collect();
        json!({
            "id": self.id,
            "status": self.status.word(),
            "summary": self.summary,
            "detail": self.detail.join("\n"),
            "fix": fix,
        })
    }
}

impl CheckFailure {
    /// Returns whether the server did not accept the credentials.
    pub(crate) fn is_of_credentials(&self) -> bool {
        self.kind == Kind::Authentication
    }

    /// Returns its kind.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        self.kind.exit_code()
    }

    /// Returns what a failed command's document says of it.
    pub(crate) const fn document(&self) -> &Value {
        &self.document
    }
}
