//! Failures to rehearse, each by its word.

use std::fmt;
use std::str::FromStr;

pub use super::distort::Distortion;

/// A failure to rehearse. Requests are counted from 1, over all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// From this request on, requests are read, and neither processed nor answered.
    HoldBefore(usize),
    /// From this request on, requests are processed, and their answers are never sent.
    HoldAfter(usize),
    /// This request's connection is reset before it is processed.
    ResetBefore(usize),
    /// This request is processed, and its connection is reset in place of an answer.
    ResetAfter(usize),
    /// Connections are accepted, and nothing ever comes.
    Stall,
    /// Answers stop in the middle of their body.
    StallBody,
    /// This answer goes wrong.
    Distorted(Distortion, usize),
    /// There are control characters and terminal escapes in every text.
    Escapes,
    /// The list of VMs has a hundred thousand more.
    ManyVms,
    /// From this request on, nobody is known any more.
    UnauthenticatedFrom(usize),
    /// Nobody may look at a task.
    ForbiddenPolling,
    /// The server's clock is a day ahead.
    ClockAhead,
    /// Everything is answered by a page of a reverse proxy, with this status.
    Gateway(u16),
    /// Everything leads elsewhere.
    Redirect,
    /// Plain HTTP in place of TLS.
    PlainHttp,
    /// TLS, and behind it something that is not Proxmox VE.
    NotProxmox,
    /// The certificate has expired.
    ExpiredCertificate,
    /// The certificate is not valid yet.
    FutureCertificate,
    /// The certificate is for another name.
    WrongName,
    /// Another certificate of the same authority, from this request on.
    ChangedCertificate(usize),
    /// The disks of a clone do not fit on the storage.
    StorageFull,
    /// Clones on one storage wait for its lock.
    StorageLock,
    /// Somebody stops the clone task.
    CloneAborted,
    /// The worker of the clone task is killed.
    WorkerKilled,
    /// The server is gone for good as soon as a clone runs.
    GoneInClone,
    /// The server is restarted as soon as a clone runs: every connection breaks for a second.
    RestartInClone,
    /// As soon as a clone runs, its node cannot be asked for a second.
    NodeLost,
    /// The clone task never ends by itself.
    TaskStuck,
    /// The clone task ends with a warning.
    TaskWarnings,
    /// The log of a task has always one line only.
    LogShrinks,
    /// The template is destroyed when a clone of it is asked for.
    TemplateGone,
    /// Somebody makes the VM his own before it is destroyed.
    TakenOver,
    /// Somebody holds the lock of the VM when it is to be destroyed.
    Locked,
    /// The disks of a VM that is destroyed cannot be removed.
    DiskNotRemoved,
    /// Somebody else is faster with the next free VMID, and the call says so.
    IdTaken,
    /// Somebody else is faster with the next free VMID, and the task says so.
    IdTakenInTask,
    /// One clone in ten fails, each in another way.
    OneInTen,
    /// The last node is offline.
    NodeOffline,
    /// Nobody has made a template yet.
    NoTemplates,
}

/// A word that names no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault {
    word: String,
}

/// The words, with what they do.
pub const KINDS: &[(&str, &str)] = &[
    ("hold-before=N", "from request N on, requests are neither processed nor answered"),
    ("hold-after=N", "from request N on, requests are processed and never answered"),
    ("reset-before=N", "the connection of request N is reset before it is processed"),
    ("reset-after=N", "request N is processed, and its connection reset"),
    ("stall", "connections are accepted, and nothing ever comes"),
    ("stall-body", "every answer stops in the middle of its body"),
    ("stall-header=N", "answer N stops in the middle of its header"),
    ("reset-header=N", "the connection is reset in the middle of the header of answer N"),
    ("reset-body=N", "the connection is reset in the middle of the body of answer N"),
    ("trickle=N", "the body of answer N comes one byte a second"),
    ("endless-header=N", "the header of answer N has no end"),
    ("huge=N", "the body of answer N has a gigabyte"),
    ("truncated=N", "answer N is JSON that breaks off"),
    ("empty=N", "answer N is 200 with nothing in it"),
    ("html=N", "answer N is 200 with a page in it"),
    ("gzip=N", "answer N is compressed, which nobody asked for: 66 KB that unpack to 68 MB"),
    ("deep=N", "answer N is JSON of a hundred thousand brackets"),
    ("wrong-types=N", "every value of answer N has another type than it should"),
    ("escapes", "control characters and terminal escapes in every text"),
    ("many-vms", "the list of VMs has a hundred thousand more"),
    ("gateway=STATUS", "a reverse proxy answers everything with this status (429, 500, 502, 503, 504)"),
    ("unauthenticated-from=N", "from request N on, nobody is known any more"),
    ("forbidden-polling", "nobody may look at a task"),
    ("clock-ahead", "the server's clock is a day ahead"),
    ("redirect", "everything leads elsewhere"),
    ("plain-http", "plain HTTP in place of TLS"),
    ("not-proxmox", "a web server that is not Proxmox VE"),
    ("expired-certificate", "the certificate has expired"),
    ("future-certificate", "the certificate is not valid yet"),
    ("wrong-name", "the certificate is for another name"),
    ("changed-certificate=N", "another certificate from request N on"),
    ("storage-full", "a clone does not fit on its storage"),
    ("storage-lock", "clones on one storage wait for each other"),
    ("clone-aborted", "somebody stops the clone task"),
    ("worker-killed", "the worker of the clone task is killed"),
    ("gone-in-clone", "the server is gone as soon as a clone runs"),
    ("restart-in-clone", "the server is restarted as soon as a clone runs: every connection breaks for a second"),
    ("node-lost", "as soon as a clone runs, its node cannot be asked for a second"),
    ("task-stuck", "the clone task never ends by itself"),
    ("task-warnings", "the clone task ends with a warning"),
    ("log-shrinks", "the log of a task has always one line only"),
    ("template-gone", "the template is destroyed when a clone of it is asked for"),
    ("taken-over", "somebody makes the VM his own before it is destroyed"),
    ("locked", "somebody holds the lock of the VM when it is to be destroyed"),
    ("disk-not-removed", "the disks of a VM stay when it is destroyed, and the task warns of each"),
    ("id-taken", "somebody else is faster with the next free VMID; several times, as often"),
    ("id-taken-in-task", "the same, and the task says so"),
    ("one-in-ten", "one clone in ten fails, each in another way"),
    ("node-offline", "the last node is offline"),
    ("no-templates", "nobody has made a template yet"),
];

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault { word: text.to_owned() };
        let (word, number) = text.split_once('=').map_or((text, None), |(word, number)| (word, Some(number)));
        let count =
            || number.and_then(|number| number.parse::<usize>().ok()).filter(|count| *count > 0).ok_or_else(unknown);
        let fault = match word {
            "hold-before" => Self::HoldBefore(count()?),
            "hold-after" => Self::HoldAfter(count()?),
            "reset-before" => Self::ResetBefore(count()?),
            "reset-after" => Self::ResetAfter(count()?),
            "changed-certificate" => Self::ChangedCertificate(count()?),
            "unauthenticated-from" => Self::UnauthenticatedFrom(count()?),
            "stall-header" => Self::Distorted(Distortion::StallHeader, count()?),
            "reset-header" => Self::Distorted(Distortion::ResetHeader, count()?),
            "reset-body" => Self::Distorted(Distortion::ResetBody, count()?),
            "trickle" => Self::Distorted(Distortion::Trickle, count()?),
            "endless-header" => Self::Distorted(Distortion::EndlessHeader, count()?),
            "huge" => Self::Distorted(Distortion::Huge, count()?),
            "truncated" => Self::Distorted(Distortion::Truncated, count()?),
            "empty" => Self::Distorted(Distortion::Empty, count()?),
            "html" => Self::Distorted(Distortion::Html, count()?),
            "gzip" => Self::Distorted(Distortion::Gzip, count()?),
            "deep" => Self::Distorted(Distortion::Deep, count()?),
            "wrong-types" => Self::Distorted(Distortion::WrongTypes, count()?),
            "gateway" => match number.and_then(|number| number.parse().ok()) {
                Some(status @ (429 | 500 | 502..=504)) => Self::Gateway(status),
                _ => return Err(unknown()),
            },
            _ if number.is_some() => return Err(unknown()),
            _ => Self::of_word(word).ok_or_else(unknown)?,
        };
        Ok(fault)
    }
}

impl Fault {
    /// Finds a fault that has no number.
    fn of_word(word: &str) -> Option<Self> {
        let fault = match word {
            "stall" => Self::Stall,
            "stall-body" => Self::StallBody,
            "escapes" => Self::Escapes,
            "many-vms" => Self::ManyVms,
            "forbidden-polling" => Self::ForbiddenPolling,
            "clock-ahead" => Self::ClockAhead,
            "restart-in-clone" => Self::RestartInClone,
            "node-lost" => Self::NodeLost,
            "task-stuck" => Self::TaskStuck,
            "task-warnings" => Self::TaskWarnings,
            "log-shrinks" => Self::LogShrinks,
            "template-gone" => Self::TemplateGone,
            "taken-over" => Self::TakenOver,
            "locked" => Self::Locked,
            "disk-not-removed" => Self::DiskNotRemoved,
            "redirect" => Self::Redirect,
            "plain-http" => Self::PlainHttp,
            "not-proxmox" => Self::NotProxmox,
            "expired-certificate" => Self::ExpiredCertificate,
            "future-certificate" => Self::FutureCertificate,
            "wrong-name" => Self::WrongName,
            "storage-full" => Self::StorageFull,
            "storage-lock" => Self::StorageLock,
            "clone-aborted" => Self::CloneAborted,
            "worker-killed" => Self::WorkerKilled,
            "gone-in-clone" => Self::GoneInClone,
            "id-taken" => Self::IdTaken,
            "id-taken-in-task" => Self::IdTakenInTask,
            "one-in-ten" => Self::OneInTen,
            "node-offline" => Self::NodeOffline,
            "no-templates" => Self::NoTemplates,
            _ => return None,
        };
        Some(fault)
    }
}

impl fmt::Display for UnknownFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        write!(formatter, "there is no fault `{}`; there are: {}", self.word, words.join(", "))
    }
}

impl std::error::Error for UnknownFault {}

#[cfg(test)]
mod tests {
    use super::{Fault, KINDS};

    #[test]
    fn every_documented_word_is_a_fault() {
        for (word, _) in KINDS {
            let word = word.replace("=N", "=3").replace("=STATUS", "=502");
            assert!(word.parse::<Fault>().is_ok(), "{word}");
        }
        for word in ["", "hold-before", "hold-before=0", "stall=1", "gateway=501", "empty", "nonsense"] {
            assert!(word.parse::<Fault>().is_err(), "{word}");
        }
    }
}
