//! What the diagnosis shows: groups of checks, each with what was seen and what mends it.

use crate::commands::doctor::Diagnosis;
use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::draw_hints;
use crate::ui::{Draw, Screen, Tone};
use std::fmt;

/// How wide the column of the results is.
const LABEL: usize = 9;

impl Draw for Diagnosis {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for (title, checks) in &self.groups {
            screen.heading(title)?;
            let (skipped, made): (Vec<&Check>, Vec<&Check>) =
                checks.iter().partition(|check| check.status == CheckStatus::Skipped);
            for check in made {
                draw(check, screen)?;
            }
            draw_skipped(&skipped, screen)?;
        }
        let count = |status: CheckStatus| self.checks().filter(|check| check.status == status).count();
        let (failed, warnings) = (count(CheckStatus::Failed), count(CheckStatus::Warning));
        screen.gap()?;
        match (failed, warnings) {
            (0, 0) => {
                screen.toned(0, Tone::Good, "No problems found. To prove it with a test VM:")?;
                screen.command(2, "glassdome test-vm")
            }
            (0, _) => screen.toned(0, Tone::Warning, &format!("nothing failed, {}", counted(warnings, "warning"))),
            _ => {
                let text = format!(
                    "{} failed, {}; exit code {}, of the first that failed",
                    counted(failed, "check"),
                    counted(warnings, "warning"),
                    self.exit_code()
                );
                screen.toned(0, Tone::Bad, &text)
            }
        }
    }
}

fn draw(check: &Check, screen: &mut Screen<'_>) -> fmt::Result {
    let tone = match check.status {
        CheckStatus::Ok => Tone::Good,
        CheckStatus::Warning => Tone::Warning,
        CheckStatus::Failed => Tone::Bad,
        CheckStatus::Unknown | CheckStatus::Skipped => Tone::Dim,
    };
    let label = format!("  {:<LABEL$}", check.status.word());
    screen.labelled(&label, tone, &check.summary)?;
    let blanks = " ".repeat(LABEL + 2);
    for line in &check.detail {
        screen.row(&blanks, Tone::Dim, line)?;
    }
    draw_hints(&format!("{blanks}try: "), &check.fix, screen)
}

/// What was skipped for one reason is one line.
fn draw_skipped(skipped: &[&Check], screen: &mut Screen<'_>) -> fmt::Result {
    let mut rest = skipped;
    while let Some((first, _)) = rest.split_first() {
        let count = rest.iter().take_while(|check| check.summary == first.summary).count();
        let (same, others) = rest.split_at(count);
        let names: Vec<&str> = same.iter().map(|check| check.id).collect();
        let label = format!("  {:<LABEL$}", CheckStatus::Skipped.word());
        screen.labelled(&label, Tone::Dim, &format!("{}: {}", names.join(", "), first.summary))?;
        rest = others;
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use crate::commands::doctor::Diagnosis;
    use crate::commands::doctor::check::Check;
    use crate::error::Error;
    use crate::error::PlacementError;
    use crate::ui::{Style, render};

    fn drawn(width: usize) -> String {
        let error = Error::Placement(PlacementError::UnknownNode {
            node: "pve9".parse().unwrap(),
            known: vec!["pve".to_owned(), "pve2".to_owned()],
        });
        let checks = vec![
            Check::ok("env-file", "/home/me/glassdome/.env is read, 9 lines"),
            Check::warning(
                "env-mode",
                "mode 0644: every user of this machine may use the file, and a secret stands in it",
            )
            .run("chmod 600 /home/me/glassdome/.env"),
            Check::failed("node", &error),
            Check::unknown("token", "when the token expires: it may not see that itself").and("a line of detail"),
            Check::skipped("template", "no node is known"),
            Check::skipped("storage", "no node is known"),
            Check::skipped("bridge", "for another reason"),
        ];
        let diagnosis = Diagnosis { groups: vec![("Everything", checks)], names: Vec::new() };
        render(&diagnosis, Style { color: false, unicode: true, width: Some(width) })
    }

    #[test]
    fn a_diagnosis_fits_eighty_columns() {
        insta::assert_snapshot!(drawn(80), @"
        Everything
          ok       /home/me/glassdome/.env is read, 9 lines
          warning  mode 0644: every user of this machine may use the file, and a secret
                   stands in it
                   try: chmod 600 /home/me/glassdome/.env
          failed   there is no node `pve9`
                   try: the nodes are: pve, pve2
          unknown  when the token expires: it may not see that itself
                   a line of detail
          skipped  template, storage: no node is known
          skipped  bridge: for another reason

        1 check failed, 1 warning; exit code 8, of the first that failed
        ");
    }

    #[test]
    fn a_diagnosis_fits_forty_columns() {
        insta::assert_snapshot!(drawn(40), @"
        Everything
          ok       /home/me/glassdome/.env is
                   read, 9 lines
          warning  mode 0644: every user of this
                   machine may use the file, and
                   a secret stands in it
                   try: chmod 600 /home/me/glassdome/.env
          failed   there is no node `pve9`
                   try: the nodes are: pve, pve2
          unknown  when the token expires: it
                   may not see that itself
                   a line of detail
          skipped  template, storage: no node is
                   known
          skipped  bridge: for another reason

        1 check failed, 1 warning; exit code 8,
        of the first that failed
        ");
    }
}
