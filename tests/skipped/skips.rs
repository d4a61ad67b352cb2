//! What a test needs of the machine. What is missing is noted, and told when all tests are done (`main.rs`).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A test, and what it lacked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Skip {
    /// The name of the test.
    pub(crate) test: String,
    /// What is missing.
    pub(crate) why: String,
}

/// What this program has noted.
static NOTED: Mutex<BTreeSet<Skip>> = Mutex::new(BTreeSet::new());

/// Notes that a test, or a part of it, is skipped; under CI nothing may be.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "a test must not be skipped under CI: {why}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let skip = Skip { test: test.clone(), why: why.to_owned() };
    if !NOTED.lock().expect("no test panics with it").insert(skip) {
        return;
    }
    // Past the harness, which shows nothing of a test that passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    let file = File::options().create(true).append(true).open(file());
    file.and_then(|mut file| writeln!(file, "{test}\t{why}")).expect("what is skipped must be noted");
}

/// Says whether one of these programs is missing; then the test is skipped.
pub(crate) fn lacks(programs: &[&str]) -> bool {
    let missing: Vec<&str> = programs.iter().copied().filter(|program| find(program).is_none()).collect();
    if !missing.is_empty() {
        skipped(&format!("missing: {}", missing.join(", ")));
    }
    !missing.is_empty()
}

/// Finds a program as a shell does.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    rustix::fs::access(file, rustix::fs::Access::EXEC_OK).is_ok() && file.is_file()
}

/// Takes what was noted in this run of cargo, each only once.
pub(crate) fn take() -> BTreeSet<Skip> {
    let text = fs::read_to_string(file()).unwrap_or_default();
    let _ = fs::remove_file(file()); // there is none where nothing was skipped
    let skips = text.lines().filter_map(|line| line.split_once('\t'));
    skips.map(|(test, why)| Skip { test: test.to_owned(), why: why.to_owned() }).collect()
}

/// The file of this run, beside the folder of the test programs: one process starts them all.
fn file() -> PathBuf {
    let parent = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    // On Linux its start tells it from an earlier process of the same number.
    let stat = fs::read_to_string(format!("/proc/{parent}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let began = behind_name.split_whitespace().nth(19).unwrap_or("0");
    let program = std::env::current_exe().expect("the test program");
    program.ancestors().nth(2).expect("its folder's folder").join(format!("skipped-{parent}-{began}"))
}
