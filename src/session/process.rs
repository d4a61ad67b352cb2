//! The state of the process: variables, terminals, how to draw on them.

use super::Variables;
use crate::ui::prompt::{NonInteractive, Prompt, TtyPrompt};
use crate::ui::{Style, StyledStream, Ui, Verbosity};
use console::Term;
use std::io::{self, IsTerminal};
use std::sync::Arc;

/// What the real terminal and the options say about how to draw.
#[derive(Debug, Clone, Copy)]
pub struct ProcessOptions {
    /// `--color always` is true, `never` is false, `auto` is neither.
    pub color: Option<bool>,
    /// How much is said.
    pub verbosity: Verbosity,
    /// Whether no question may be asked.
    pub no_input: bool,
    /// Whether everything that would be asked is confirmed beforehand.
    pub confirms_all: bool,
}

/// Reads the environment of the process; a variable whose name is not valid text cannot be one of this program.
#[must_use]
pub fn variables_of_this_process() -> Variables {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
}

/// Opens the streams of the process with the styles that they can take; also used before there is a session.
#[must_use]
pub fn ui_of_this_process(variables: &Variables, options: ProcessOptions) -> Ui {
    let (results, stderr) = crate::ui::streams();
    let style = |term: &Term, is_terminal: bool| Style {
        color: options.color.unwrap_or_else(|| wants_color(variables, is_terminal)),
        unicode: speaks_unicode(variables),
        width: if is_terminal { term.size_checked().map(|(_, columns)| usize::from(columns)) } else { None },
    };
    let results_style = style(&Term::stdout(), io::stdout().is_terminal());
    let talk_style = style(&Term::stderr(), io::stderr().is_terminal());
    let is_live = io::stderr().is_terminal() && variable(variables, "TERM") != Some("dumb");
    Ui::new(
        StyledStream { to: results, style: results_style },
        StyledStream { to: stderr, style: talk_style },
        options.verbosity,
        is_live,
    )
}

/// Decides whether questions can be asked: answers are read from standard input, questions shown on standard error.
#[must_use]
pub fn prompt_of_this_process(variables: &Variables, options: ProcessOptions) -> Arc<dyn Prompt> {
    if options.no_input || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Arc::new(NonInteractive);
    }
    let style = Style {
        color: options.color.unwrap_or_else(|| wants_color(variables, true)),
        unicode: speaks_unicode(variables),
        width: None,
    };
    let knows_sequences = variable(variables, "TERM").is_some_and(|term| term != "dumb");
    Arc::new(TtyPrompt::new(style, knows_sequences))
}

pub(super) fn variable<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.get(name).and_then(|value| value.to_str()).filter(|value| !value.is_empty())
}

/// Follows <https://no-color.org> and <https://bixense.com/clicolors>.
pub(super) fn wants_color(variables: &Variables, is_terminal: bool) -> bool {
    if variable(variables, "NO_COLOR").is_some() {
        return false;
    }
    if variable(variables, "CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal
        && variable(variables, "TERM").is_some_and(|term| term != "dumb")
        && variable(variables, "CLICOLOR") != Some("0")
}

/// Returns whether the locale writes UTF-8: the first of the three variables that is set decides.
pub(super) fn speaks_unicode(variables: &Variables) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| variable(variables, name))
        .is_some_and(|locale| ["utf-8", "utf8"].iter().any(|it| locale.to_ascii_lowercase().contains(it)))
}
