//! The words of the faults, and what each does.

use std::fmt;
use std::str::FromStr;

use crate::sandbox::faults::Fault;
use crate::sandbox::faults::wire_faults::Distortion;

/// A word that names no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownFault {
    word: String,
}

/// The words, with what they do.
pub const KINDS: &[(&str, &str)] = &[
    ("hold-before=N", "requests from number N on are neither processed nor answered"),
    ("hold-after=N", "requests from number N on are processed but never answered"),
    ("reset-before=N", "the connection of request N is reset before it is processed"),
    ("reset-after=N", "request N is processed, then its connection is reset"),
    ("stall", "connections are accepted, but nothing is ever sent"),
    ("stall-body", "every answer stops in the middle of its body"),
    ("stall-header=N", "answer N stops in the middle of its header"),
    ("reset-header=N", "the connection is reset in the middle of the header of answer N"),
    ("reset-body=N", "the connection is reset in the middle of the body of answer N"),
    ("trickle=N", "the body of answer N arrives one byte a second"),
    ("endless-header=N", "the header of answer N never ends"),
    ("huge=N", "the body of answer N is a gigabyte long"),
    ("truncated=N", "answer N is JSON that is cut off"),
    ("empty=N", "answer N is 200 with an empty body"),
    ("html=N", "answer N is 200 with an HTML page"),
    ("gzip=N", "answer N is compressed although nothing asked for it: 66 KB that unpack to 68 MB"),
    ("deep=N", "answer N is JSON with a hundred thousand nested brackets"),
    ("wrong-types=N", "every value in answer N has the wrong type"),
    ("escapes", "every text contains control characters and terminal escapes"),
    ("standard-phrases", "a proxy replaces the reason phrase of every 500 by the standard one"),
    ("many-vms", "the list of VMs has a hundred thousand more entries"),
    ("gateway=STATUS", "a reverse proxy answers everything with this status (429, 500, 502, 503, 504)"),
    ("unauthenticated-from=N", "from request N on, every credential is refused"),
    ("forbidden-polling", "reading the status of a task is forbidden"),
    ("clock-ahead", "the server's clock is a day ahead"),
    ("redirect", "every request is redirected to another host"),
    ("plain-http", "plain HTTP in place of TLS"),
    ("not-proxmox", "a web server that is not Proxmox VE"),
    ("expired-certificate", "the certificate has expired"),
    ("future-certificate", "the certificate is not valid yet"),
    ("wrong-name", "the certificate is for another name"),
    ("changed-certificate=N", "another certificate from request N on"),
    ("storage-full", "a clone does not fit on its storage"),
    ("storage-lock", "clones on one storage wait for each other"),
    ("clone-aborted", "another user stops the clone task"),
    ("worker-killed", "the worker of the clone task is killed"),
    ("gone-in-clone", "the server disappears as soon as a clone runs"),
    ("restart-in-clone", "the server restarts as soon as a clone runs: connections break for a second"),
    ("node-lost", "the node of a clone cannot be reached for a second once the clone runs"),
    ("task-stuck", "the clone task never ends by itself"),
    ("task-warnings", "the clone task ends with a warning"),
    ("log-shrinks", "the log of a task always has a single line"),
    ("template-gone", "the template is destroyed when a clone of it is requested"),
    ("taken-over", "another user takes the VM over before it is deleted"),
    ("locked", "another process holds the lock of the VM when it is to be destroyed"),
    ("disk-not-removed", "the disks of a VM remain when it is destroyed, and the task warns about each"),
    ("id-taken", "another client takes the next free VMID first; repeatable"),
    ("id-taken-in-task", "the same, but the task reports it"),
    ("one-in-ten", "one clone in ten fails, each in another way"),
    ("node-offline", "the last node is offline"),
    ("no-templates", "there are no templates yet"),
    ("storage-disabled", "the storage of the templates is disabled"),
    ("storage-restricted", "the storage of the templates is restricted to another node"),
    ("storage-not-on-target", "the shared storage of the templates is restricted to their own node"),
    ("storage-offline", "the storage of the templates is not online"),
    ("status-unknown", "the statistics daemon of every node hangs: lists say `unknown`"),
    ("no-quorum", "the node that answers has no quorum"),
    ("ids-used-up", "the range of free VMIDs is used up"),
    ("no-kvm", "KVM is not available on the nodes"),
    ("worker-lost", "the worker of the next new VM or image is killed before it begins; repeatable"),
    ("target-lost", "the last node goes offline as soon as a clone runs"),
    ("mapped-device", "the templates have a mapped PCI device named gpu"),
    ("raw-device", "the templates have a raw PCI device, which only root may clone"),
    ("template-locked", "the templates are locked by a backup"),
    ("iso-in-drive", "the templates have an ISO image on the storage local in a drive"),
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
            "standard-phrases" => Self::StandardPhrases,
            "many-vms" => Self::ManyVms,
            "forbidden-polling" => Self::ForbiddenPolling,
            "clock-ahead" => Self::ClockAhead,
            "restart-in-clone" => Self::RestartInClone,
            "node-lost" => Self::NodeLost,
            "task-stuck" => Self::TaskStuck,
            "task-warnings" => Self::TaskWarnings,
            "log-shrinks" => Self::LogShrinks,
            "template-gone" => Self::TemplateGone,
            "taken-over" => Self::VmChangedByOthers,
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
            "storage-disabled" => Self::StorageDisabled,
            "storage-restricted" => Self::StorageRestricted,
            "storage-not-on-target" => Self::StorageNotOnTarget,
            "storage-offline" => Self::StorageOffline,
            "status-unknown" => Self::StatusUnknown,
            "no-quorum" => Self::NoQuorum,
            "ids-used-up" => Self::IdsUsedUp,
            "no-kvm" => Self::NoKvm,
            "worker-lost" => Self::WorkerLost,
            "target-lost" => Self::TargetLost,
            "mapped-device" => Self::MappedDevice,
            "raw-device" => Self::RawDevice,
            "template-locked" => Self::TemplateLocked,
            "iso-in-drive" => Self::IsoInDrive,
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
