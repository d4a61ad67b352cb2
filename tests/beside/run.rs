//! One combination: a command, something that an administrator does before one of its requests, and how it ends.

use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;

use glassdome::sandbox::cluster::Cluster;
use rustix::process::{Pid, Signal, kill_process};

use crate::actions::{Action, Scene};
use crate::checks::{FinalState, check};
use crate::relay::{Acted, Before, Ending, Plan, Relay, Request};
use crate::scenarios::{PreparedScenario, Scenario};
use crate::state::State;
use crate::support::test_env::{BOUND, Outcome, TestEnv};

/// What a scenario does without another administrator.
pub(crate) struct Recording {
    pub(crate) scene: Scene,
    pub(crate) requests: Vec<Request>,
    pub(crate) states: Vec<State>,
}

/// One combination.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) scenario: &'static Scenario,
    pub(crate) action: Action,
    /// The request before which it happens, counted from 1.
    pub(crate) number: usize,
    pub(crate) ending: Ending,
}

/// What came of a combination.
pub(crate) enum CaseResult {
    /// Every promise was kept.
    Kept,
    /// There was nothing to do for the administrator.
    Nothing,
    /// A promise was broken.
    Broken(Vec<String>, String),
}

impl Case {
    /// Gives what names this combination on the command line.
    pub(crate) fn name(&self) -> String {
        format!("{} {} {} {}", self.scenario.name, self.action.name(), self.number, self.ending.name())
    }

    /// Runs it on a server of its own.
    pub(crate) fn run(&self) -> CaseResult {
        let setting = self.scenario.set_up();
        let before = Before::Number(self.number);
        let plan = Plan { before, action: Some((self.action, setting.scene.clone())), ending: self.ending };
        setting.relay.plan(Some(plan));
        let line = self.scenario.line(self.scenario.line, &setting);
        let mut runs = vec![finish(&setting.relay, &setting.stage, &line)];
        let requests = setting.relay.requests();
        let Some(acted) = setting.relay.acted() else { return CaseResult::Nothing };
        let mut leaks = setting.relay.leaks();
        let settings_then = read(&setting.stage, ".env");
        if self.ending.is_kill() {
            runs.extend(self.recover(&setting));
        }
        leaks.extend(setting.relay.leaks());
        setting.relay.sandbox().edit(Cluster::fast_forward);
        let after = FinalState {
            case: self,
            setting: &setting,
            acted: &acted,
            runs: &runs,
            requests: &requests,
            later: &setting.relay.requests(),
            leaks: &leaks,
            settings_then: settings_then.as_deref(),
            state: setting.relay.sandbox().edit(|cluster| State::of(cluster)),
            journal: journal(&setting.stage),
        };
        let broken = check(&after);
        if broken.is_empty() {
            CaseResult::Kept
        } else {
            CaseResult::Broken(broken, describe(&requests, &acted, &runs))
        }
    }

    /// Runs what cleans up after a run that was killed.
    fn recover(&self, setting: &PreparedScenario) -> Vec<Outcome> {
        setting.relay.restore_certificate();
        setting.relay.plan(None);
        let mut lines = vec!["cleanup --yes --no-input".to_owned()];
        lines.extend(self.scenario.recovery.map(|line| self.scenario.line(line, setting)));
        let lines =
            lines.into_iter().filter(|line| !line.starts_with("cleanup") || setting.stage.path(".env").exists());
        let lines: Vec<String> = lines.collect();
        lines.iter().map(|line| finish(&setting.relay, &setting.stage, line)).collect()
    }
}

impl Scenario {
    /// Runs it undisturbed, and keeps what there was before each request.
    pub(crate) fn record(&'static self) -> Result<Recording, String> {
        let setting = self.set_up();
        setting.relay.record();
        let outcome = finish(&setting.relay, &setting.stage, &self.line(self.line, &setting));
        if outcome.code != 0 {
            return Err(format!("{}: exit {}\n{}\n{}", self.name, outcome.code, outcome.results, outcome.stderr));
        }
        Ok(Recording {
            scene: setting.scene.clone(),
            requests: setting.relay.requests(),
            states: setting.relay.states(),
        })
    }
}

/// Runs the program to its end, and no longer than a test may wait.
pub(crate) fn finish(relay: &Relay, stage: &TestEnv, line: &str) -> Outcome {
    let mut command = stage.command(line.split_whitespace());
    let child: Child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    let pid = Pid::from_child(&child);
    relay.knows(pid);
    let (ended, waits) = channel::<()>();
    let guard = thread::spawn(move || {
        if waits.recv_timeout(BOUND) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process(pid, Signal::ABORT); // it hangs
        }
    });
    let output = child.wait_with_output().expect("its output");
    drop(ended);
    let _ = guard.join(); // it has nothing to say
    Outcome::of(&output)
}

fn read(stage: &TestEnv, name: &str) -> Option<String> {
    std::fs::read_to_string(stage.path(name)).ok()
}

/// Reads everything that is noted in the state folder.
fn journal(stage: &TestEnv) -> String {
    fn add(folder: &Path, text: &mut String) {
        for item in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = item.path();
            if path.is_dir() {
                add(&path, text);
            } else {
                text.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
            }
        }
    }
    let mut text = String::new();
    add(&stage.folder().join("../state"), &mut text);
    text
}

/// Tells what happened, for a reader who looks for the reason.
fn describe(requests: &[Request], acted: &Acted, runs: &[Outcome]) -> String {
    let mut text = String::new();
    for (index, request) in requests.iter().enumerate() {
        let mark = if index + 1 == acted.number { "  <- before this one" } else { "" };
        let body: String = request.body.lines().next().unwrap_or_default().chars().take(150).collect();
        text.push_str(&format!("    {:3} {} {} {body}{mark}\n", index + 1, request.method, request.path));
    }
    for run in runs {
        text.push_str(&format!("    --- exit {}\n{}\n{}\n", run.code, run.results, run.stderr));
    }
    text
}
