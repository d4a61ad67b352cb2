//! A step that is done, as one line that stays on the screen: what was done, and how long it took.

use std::fmt;

use crate::ui::{Draw, Printable, Screen, Symbol, Tone, text_width};

/// How wide the column of what was done is.
const VERB_COLUMNS: usize = 10;

/// Times end in this column, or in the last one of a narrower screen.
const TIME_END_COLUMN: usize = 76;

/// A step that is done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepLine {
    /// What was done: `Cloned`.
    pub(crate) verb: &'static str,
    /// What it was done with.
    pub(crate) text: String,
    /// How long it took.
    pub(crate) seconds: f64,
    /// The task that the server ran for it, if it is to be shown.
    pub(crate) upid: Option<String>,
}

impl Draw for StepLine {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let style = screen.style();
        let symbol = screen.paint(Tone::Good, Symbol::Done.text(style));
        let label = format!("{symbol} {:<VERB_COLUMNS$}", self.verb);
        let time = format!("{:.1} s", self.seconds);
        let end = style.width.map_or(TIME_END_COLUMN, |width| width.min(TIME_END_COLUMN));
        let used = text_width(&label) + text_width(&self.text) + text_width(&time);
        if used + 2 <= end {
            let gap = " ".repeat(end - used);
            let time = screen.paint(Tone::Dim, &time);
            screen.line(&format!("{label}{}{gap}{time}", self.text))?;
        } else {
            screen.labelled(&label, Tone::Plain, &format!("{}  {time}", self.text))?;
        }
        match &self.upid {
            Some(upid) => screen.toned(text_width(&label), Tone::Dim, &Printable(upid).to_string()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StepLine;
    use crate::ui::{Style, render};

    fn drawn(width: Option<usize>, unicode: bool) -> String {
        let line = |verb, text: &str, seconds, upid| StepLine { verb, text: text.to_owned(), seconds, upid };
        let upid = "UPID:pve:1:2:3:qmclone:9000:apex@pve!t1:".to_owned();
        [
            line("Checked", "template 9000 (ubuntu-2204) on pve: linked clone on local-lvm", 0.04, None),
            line("Cloned", "template 9000 to VM 100", 12.34, Some(upid)),
            line("Started", "VM 100", 1.0, None),
        ]
        .iter()
        .map(|line| render(line, Style { color: false, unicode, width }))
        .collect()
    }

    #[test]
    fn steps_stay_in_columns_where_there_is_room() {
        insta::assert_snapshot!(drawn(Some(80), true), @"
        ✔ Checked   template 9000 (ubuntu-2204) on pve: linked clone on local-lvm  0.0 s
        ✔ Cloned    template 9000 to VM 100                                   12.3 s
                    UPID:pve:1:2:3:qmclone:9000:apex@pve!t1:
        ✔ Started   VM 100                                                     1.0 s
        ");
        assert_eq!(drawn(None, true), drawn(Some(80), true), "a pipe gets the same lines");
    }

    #[test]
    fn steps_fit_forty_columns_in_ascii() {
        insta::assert_snapshot!(drawn(Some(40), false), @"
        ok Checked   template 9000 (ubuntu-2204)
                     on pve: linked clone on
                     local-lvm  0.0 s
        ok Cloned    template 9000 to VM 100 
                     12.3 s
                     UPID:pve:1:2:3:qmclone:9000:apex@pve!t1:
        ok Started   VM 100                1.0 s
        ");
    }
}
