//! Failures to rehearse, each by its word.

pub(crate) mod cluster_faults;
mod gzip_bomb;
pub(crate) mod preparation;
pub(crate) mod wire_faults;
mod words;

pub use wire_faults::Distortion;
pub use words::{KINDS, UnknownFault};

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
    /// Something in between replaces the reason phrase of every failure by that of its status.
    StandardPhrases,
    /// The list of VMs has a hundred thousand more.
    ManyVms,
    /// From this request on, every credential is refused.
    UnauthenticatedFrom(usize),
    /// Reading the status of a task is forbidden.
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
    /// Another user stops the clone task.
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
    /// Another user takes the VM over before it is destroyed.
    VmChangedByOthers,
    /// Another process holds the lock of the VM when it is to be destroyed.
    Locked,
    /// The disks of a VM that is destroyed cannot be removed.
    DiskNotRemoved,
    /// Another client takes the next free VMID first, and the call says so.
    IdTaken,
    /// Another client takes the next free VMID first, and the task says so.
    IdTakenInTask,
    /// One clone in ten fails, each in another way.
    OneInTen,
    /// The last node is offline.
    NodeOffline,
    /// There are no templates yet.
    NoTemplates,
    /// The storage of the templates is disabled.
    StorageDisabled,
    /// The storage of the templates belongs to a node that they are not on.
    StorageRestricted,
    /// The shared storage of the templates is restricted to the node that they are on.
    StorageNotOnTarget,
    /// The server of the storage of the templates does not answer.
    StorageOffline,
    /// The statistics daemon of every node is stopped.
    StatusUnknown,
    /// The node that answers is cut off from the others, which are the majority.
    NoQuorum,
    /// The range of free VMIDs is used up.
    IdsUsedUp,
    /// The nodes cannot run VMs with KVM.
    NoKvm,
    /// The worker of the next task is killed before it begins.
    WorkerLost,
    /// The last node is gone as soon as a clone runs.
    TargetLost,
    /// The templates have a mapped PCI device.
    MappedDevice,
    /// The templates have a PCI device of their node.
    RawDevice,
    /// The templates are locked by a backup.
    TemplateLocked,
    /// The templates have an ISO image of their node in a drive.
    IsoInDrive,
}
