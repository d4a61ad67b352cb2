//! What the diagnosis shows: a line for each group where nothing is wrong, and below it each check that needs attention.

use std::fmt;

use crate::commands::doctor::Diagnosis;
use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::draw_hints;
use crate::ui::{Draw, Screen, Symbol, Tone};

/// How wide the column with the names of the groups is.
const GROUP: usize = 14;

/// Below this width, the name of a group is on a line of its own.
const NARROW: usize = 60;

/// How much of what is right is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// One line for each group.
    Brief,
    /// One line for each check, with its details.
    Full,
}

/// A diagnosis on the screen.
pub(super) struct DiagnosisScreen<'a> {
    /// What was found.
    pub(super) diagnosis: &'a Diagnosis,
    /// How much of it is shown.
    pub(super) detail: Detail,
}

impl Draw for DiagnosisScreen<'_> {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for (title, checks) in &self.diagnosis.groups {
            let mut lines = GroupLines::new(title, screen)?;
            match self.detail {
                Detail::Brief => lines.brief(checks)?,
                Detail::Full => lines.full(checks)?,
            }
        }
        screen.blank_line()?;
        self.totals(screen)
    }
}

impl DiagnosisScreen<'_> {
    fn totals(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let applicable = || self.diagnosis.checks().filter(|check| check.applies);
        let count = |status: CheckStatus| applicable().filter(|check| check.status == status).count();
        let counted = |status, one: &str, many: &str| match count(status) {
            0 => None,
            1 => Some(format!("1 {one}")),
            number => Some(format!("{number} {many}")),
        };
        let parts = [
            counted(CheckStatus::Ok, "passed", "passed"),
            counted(CheckStatus::Warning, "warning", "warnings"),
            counted(CheckStatus::Failed, "failed", "failed"),
            counted(CheckStatus::Unknown, "unknown", "unknown"),
            counted(CheckStatus::Skipped, "not checked", "not checked"),
        ];
        let totals = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        if let Some(failure) = self.diagnosis.first_failure() {
            let kind = failure.kind().word().replace('_', " ");
            let end = format!("{totals} (exit code {}: {kind})", failure.exit_code());
            return screen.toned(0, Tone::Bad, &end);
        }
        if count(CheckStatus::Warning) > 0 {
            return screen.toned(0, Tone::Warning, &totals);
        }
        screen.toned(0, Tone::Good, &totals)?;
        screen.paragraph(0, "No problems found. To confirm it with a test VM:")?;
        screen.command(2, "glassdome test-vm")
    }
}

/// The lines of one group: its name is in front of the first.
struct GroupLines<'a, 'b> {
    title: Option<&'static str>,
    /// How many columns are in front of a symbol.
    indent: usize,
    screen: &'a mut Screen<'b>,
}

impl<'a, 'b> GroupLines<'a, 'b> {
    fn new(title: &'static str, screen: &'a mut Screen<'b>) -> Result<Self, fmt::Error> {
        if screen.style().width.is_some_and(|width| width < NARROW) {
            screen.heading(title)?;
            return Ok(Self { title: None, indent: 2, screen });
        }
        Ok(Self { title: Some(title), indent: GROUP, screen })
    }

    /// Shows what is right in one line, and every other check below it.
    fn brief(&mut self, checks: &[Check]) -> fmt::Result {
        let right: Vec<&str> = checks
            .iter()
            .filter(|check| check.status == CheckStatus::Ok)
            .filter_map(|check| check.brief.as_deref())
            .collect();
        if !right.is_empty() {
            self.line(CheckStatus::Ok, &right.join(", "))?;
        }
        let (skipped, others): (Vec<&Check>, Vec<&Check>) = checks
            .iter()
            .filter(|check| check.status != CheckStatus::Ok && check.applies)
            .partition(|check| check.status == CheckStatus::Skipped);
        for check in others {
            self.check(check)?;
        }
        self.skipped(&skipped)
    }

    /// Shows every check.
    fn full(&mut self, checks: &[Check]) -> fmt::Result {
        let (skipped, made): (Vec<&Check>, Vec<&Check>) =
            checks.iter().partition(|check| check.status == CheckStatus::Skipped);
        for check in made {
            self.check(check)?;
        }
        self.skipped(&skipped)
    }

    fn check(&mut self, check: &Check) -> fmt::Result {
        self.line(check.status, &check.summary)?;
        let blanks = " ".repeat(self.indent + self.symbol_width());
        for line in &check.detail {
            self.screen.row(&blanks, Tone::Plain, line)?;
        }
        draw_hints(&format!("{blanks}try: "), &check.fix, self.screen)
    }

    /// Shows what was skipped for one reason in one line.
    fn skipped(&mut self, skipped: &[&Check]) -> fmt::Result {
        let mut rest = skipped;
        while let Some((first, _)) = rest.split_first() {
            let count = rest.iter().take_while(|check| check.summary == first.summary).count();
            let (same, others) = rest.split_at(count);
            let names: Vec<String> = same.iter().map(|check| check.id.replace('-', " ")).collect();
            self.line(CheckStatus::Skipped, &format!("{}: not checked ({})", names.join(", "), first.summary))?;
            rest = others;
        }
        Ok(())
    }

    fn line(&mut self, status: CheckStatus, text: &str) -> fmt::Result {
        let (symbol, tone) = match status {
            CheckStatus::Ok => (Symbol::Done, Tone::Good),
            CheckStatus::Warning => (Symbol::Warning, Tone::Warning),
            CheckStatus::Failed => (Symbol::Failed, Tone::Bad),
            CheckStatus::Unknown => (Symbol::Question, Tone::Dim),
            CheckStatus::Skipped => (Symbol::Skipped, Tone::Dim),
        };
        let title =
            self.screen.paint(Tone::Strong, &format!("{:<1$}", self.title.take().unwrap_or_default(), self.indent));
        let width = self.symbol_width() - 1;
        let symbol = self.screen.paint(tone, &format!("{:<width$}", symbol.text(self.screen.style())));
        self.screen.labelled(&format!("{title}{symbol} "), Tone::Plain, text)
    }

    /// Returns the columns of the widest symbol and the blank behind it.
    fn symbol_width(&self) -> usize {
        if self.screen.style().unicode { 2 } else { 3 }
    }
}

#[cfg(test)]
mod tests {
    use super::{Detail, DiagnosisScreen};
    use crate::commands::doctor::Diagnosis;
    use crate::commands::doctor::check::Check;
    use crate::error::Error;
    use crate::error::PlacementError;
    use crate::ui::{Style, render};

    fn drawn(width: usize, unicode: bool, detail: Detail) -> String {
        let error = Error::Placement(PlacementError::UnknownNode {
            node: "pve9".parse().unwrap(),
            known: vec!["pve".to_owned(), "pve2".to_owned()],
        });
        let settings = vec![
            Check::ok("env-file", "/home/me/glassdome/.env was read, 9 settings").with_short_text(".env: 9 settings"),
            Check::warning(
                "env-mode",
                "mode 0644: every user of this machine may use the file, and a secret stands in it",
            )
            .with_command("chmod 600 /home/me/glassdome/.env"),
            Check::ok("env-git", "not tracked by git").with_short_text("not tracked by git"),
            Check::ok("shadowed", "no environment variable overrides the file"),
        ];
        let clone = vec![
            Check::failed("node", &error),
            Check::unknown("token", "when the token expires: it may not see that itself")
                .with_detail("a line of detail"),
            Check::skipped("template", "the node is not known"),
            Check::skipped("free-vmid", "the node is not known"),
            Check::skipped("bridge", "for another reason"),
        ];
        let diagnosis = Diagnosis { groups: vec![("Settings", settings), ("Test VM", clone)], names: Vec::new() };
        let screen = DiagnosisScreen { diagnosis: &diagnosis, detail };
        render(&screen, Style { color: false, unicode, width: Some(width) })
    }

    #[test]
    fn a_diagnosis_fits_eighty_columns() {
        insta::assert_snapshot!(drawn(80, true, Detail::Brief), @"
        Settings      ✔ .env: 9 settings, not tracked by git
                      ! mode 0644: every user of this machine may use the file, and a
                        secret stands in it
                        try: chmod 600 /home/me/glassdome/.env
        Test VM       ✗ node `pve9` does not exist
                        try: choose one of the nodes: pve, pve2
                      ? when the token expires: it may not see that itself
                        a line of detail
                      - template, free vmid: not checked (the node is not known)
                      - bridge: not checked (for another reason)

        3 passed, 1 warning, 1 failed, 1 unknown, 3 not checked (exit code 8: not found)
        ");
    }

    #[test]
    fn a_diagnosis_fits_forty_columns_in_ascii() {
        insta::assert_snapshot!(drawn(40, false, Detail::Brief), @"
        Settings
          ok .env: 9 settings, not tracked by
             git
          !  mode 0644: every user of this
             machine may use the file, and a
             secret stands in it
             try: chmod 600 /home/me/glassdome/.env
        Test VM
          x  node `pve9` does not exist
             try: choose one of the nodes: pve,
                  pve2
          ?  when the token expires: it may not
             see that itself
             a line of detail
          -  template, free vmid: not checked
             (the node is not known)
          -  bridge: not checked (for another
             reason)

        3 passed, 1 warning, 1 failed, 1
        unknown, 3 not checked (exit code 8: not
        found)
        ");
    }

    #[test]
    fn every_check_is_shown_if_asked_for() {
        insta::assert_snapshot!(drawn(80, true, Detail::Full), @"
        Settings      ✔ /home/me/glassdome/.env was read, 9 settings
                      ! mode 0644: every user of this machine may use the file, and a
                        secret stands in it
                        try: chmod 600 /home/me/glassdome/.env
                      ✔ not tracked by git
                      ✔ no environment variable overrides the file
        Test VM       ✗ node `pve9` does not exist
                        try: choose one of the nodes: pve, pve2
                      ? when the token expires: it may not see that itself
                        a line of detail
                      - template, free vmid: not checked (the node is not known)
                      - bridge: not checked (for another reason)

        3 passed, 1 warning, 1 failed, 1 unknown, 3 not checked (exit code 8: not found)
        ");
    }
}
