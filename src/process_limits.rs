//! Limits of the process, set or checked before anything else.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fs::File;
use std::io::{self};

/// How many files and connections a run has open at once: six of the runtime, the settings file, nine connections or
/// pipes.
const DESCRIPTORS: usize = 16;

/// Disables core dumps, which could write a secret to disk.
pub(super) fn keep_memory_private() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none); // a limit that is lower already cannot be set again
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable); // best effort
    }
}

/// Checks that the files and connections of a run can be opened, before anything is changed on a server. The runtime needs
/// six descriptors, and panics where it gets only some of them; the others are the settings file and the connections.
pub(super) fn require_descriptors() -> io::Result<()> {
    let mut opened = Vec::new();
    while opened.len() < DESCRIPTORS {
        match File::open("/dev/null") {
            Ok(file) => opened.push(file),
            Err(why)
                if [Errno::MFILE, Errno::NFILE].map(|it| Some(it.raw_os_error())).contains(&why.raw_os_error()) =>
            {
                return Err(why);
            }
            // Any other error with this file has nothing to do with the limit.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}
