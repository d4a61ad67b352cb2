//! Variables, questions and folders of a run.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::process::{speaks_unicode, wants_color};
use super::{Interrupts, Session, Signal, Unanswered, Variables};
use crate::clock::{Clock, SystemClock};
use crate::model::Secret;
use crate::ui::prompt::{ChoicePrompt, ConfirmPrompt, HiddenPrompt, Prompt, PromptError, TextPrompt};
use crate::ui::{Style, StyledStream, Ui, Verbosity};

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

#[test]
fn colour_follows_the_conventions() {
    for (pairs, is_terminal, wanted) in [
        (&[("TERM", "xterm")][..], true, true),
        (&[("TERM", "xterm")], false, false),
        (&[("TERM", "dumb")], true, false),
        (&[], true, false),
        (&[("TERM", "xterm"), ("NO_COLOR", "1")], true, false),
        (&[("TERM", "xterm"), ("NO_COLOR", "")], true, true),
        (&[("CLICOLOR_FORCE", "1")], false, true),
        (&[("CLICOLOR_FORCE", "0")], false, false),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false, false),
        (&[("TERM", "xterm"), ("CLICOLOR", "0")], true, false),
    ] {
        assert_eq!(wants_color(&variables(pairs), is_terminal), wanted, "{pairs:?} {is_terminal}");
    }
}

/// A prompt that is answered only after another task has gone on.
struct Slow(Mutex<Receiver<()>>);

impl Prompt for Slow {
    fn is_interactive(&self) -> bool {
        true
    }

    fn text(&self, _question: &TextPrompt) -> Result<String, PromptError> {
        Err(PromptError::Cancelled)
    }

    fn choice(&self, _question: &ChoicePrompt) -> Result<usize, PromptError> {
        let others = self.0.lock().unwrap();
        others.recv_timeout(Duration::from_secs(60)).map(|()| 7).map_err(|_| PromptError::Cancelled)
    }

    fn confirm(&self, _question: &ConfirmPrompt) -> Result<bool, PromptError> {
        Err(PromptError::Cancelled)
    }

    fn hidden(&self, _question: &HiddenPrompt) -> Result<Secret, PromptError> {
        Err(PromptError::Gone)
    }

    fn release(&self) {}

    fn restore(&self) {}
}

fn session(prompt: impl Prompt + 'static) -> Session {
    let style = Style { color: false, unicode: true, width: None };
    let sink = || StyledStream { to: Box::new(std::io::sink()), style };
    Session {
        variables: Variables::new(),
        folder: "/".into(),
        machine: "here".to_owned(),
        ui: Ui::new(sink(), sink(), Verbosity::Quiet, false),
        clock: Box::new(SystemClock),
        interrupts: Interrupts::install().unwrap(),
        prompt: Arc::new(prompt),
        confirms_all: false,
    }
}

#[tokio::test]
async fn an_open_question_holds_up_nothing_else() {
    let (sender, receiver) = channel();
    let session = session(Slow(Mutex::new(receiver)));
    let menu = ChoicePrompt::new("which?", vec!["one".to_owned()]);
    let others = async {
        // Timers and other tasks get their turn while the menu is open.
        SystemClock.sleep(Duration::from_millis(1)).await;
        tokio::spawn(async move { sender.send(()).unwrap() }).await.unwrap();
    };
    let (answer, ()) = tokio::join!(session.ask(move |prompt| prompt.choice(&menu)), others);
    assert_eq!(answer, Ok(7));
    let hidden = session.ask(|prompt| prompt.hidden(&HiddenPrompt::new("secret")).map(|_| ())).await;
    assert_eq!(hidden, Err(Unanswered::Signal(Signal::Hangup)));
    let left = session.ask(|prompt| prompt.text(&TextPrompt::new("who?")).map(|_| ())).await;
    assert_eq!(left, Err(Unanswered::Cancelled));
}

#[tokio::test]
async fn the_state_folder_is_an_absolute_path_or_an_error() {
    let unset = Err("no folder for the journal of test VMs: neither XDG_STATE_HOME nor HOME is set");
    for (pairs, expected) in [
        (&[("XDG_STATE_HOME", "/state"), ("HOME", "/home/a")][..], Ok("/state/glassdome")),
        (&[("XDG_STATE_HOME", ""), ("HOME", "/home/a")], Ok("/home/a/.local/state/glassdome")),
        (&[("XDG_STATE_HOME", "/state"), ("HOME", "rel")], Ok("/state/glassdome")),
        (&[("HOME", "rel")], Err("HOME is not an absolute path: `rel`")),
        (&[("HOME", "~")], Err("HOME is not an absolute path: `~`")),
        (&[("HOME", ".")], Err("HOME is not an absolute path: `.`")),
        (&[("XDG_STATE_HOME", "rel"), ("HOME", "/home/a")], Err("XDG_STATE_HOME is not an absolute path: `rel`")),
        (&[("HOME", "")], unset),
        (&[], unset),
    ] {
        let mut session = session(Slow(Mutex::new(channel().1)));
        session.variables = variables(pairs);
        let found = session.state_folder().map_err(|why| why.to_string());
        let found = found.as_ref().map(|path| path.to_str().unwrap()).map_err(String::as_str);
        assert_eq!(found, expected, "{pairs:?}");
    }
}

#[test]
fn the_first_locale_variable_decides_about_unicode() {
    for (pairs, wanted) in [
        (&[("LANG", "en_US.UTF-8")][..], true),
        (&[("LANG", "C.utf8")], true),
        (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], false),
        (&[("LC_ALL", ""), ("LANG", "de_DE.UTF-8")], true),
        (&[], false),
    ] {
        assert_eq!(speaks_unicode(&variables(pairs)), wanted, "{pairs:?}");
    }
}
