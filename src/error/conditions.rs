//! What the operations ask about an error.

use super::Error;
use super::placement::PlacementError;
use super::vm::VmError;
use crate::model::{Foreign, VmId};
use crate::pve::RefusalReason;

impl Error {
    /// Returns whether another client took a VMID: it is taken, or its lock is held.
    #[must_use]
    pub fn is_lost_race(&self, vmid: VmId) -> bool {
        let lock = format!("lock-{vmid}.conf");
        self.is_id_taken() || (self.is_lock_timeout() && self.said_by_server().is_some_and(|text| text.contains(&lock)))
    }

    /// Returns whether the VMID was taken, as the call or the task tells it.
    #[must_use]
    pub fn is_id_taken(&self) -> bool {
        self.reason() == Some(RefusalReason::VmidTaken)
    }

    /// Returns whether a download was refused because a file of that name is there.
    #[must_use]
    pub fn is_file_taken(&self) -> bool {
        self.reason() == Some(RefusalReason::FileExists)
    }

    /// Returns whether a lock was held by another task for too long.
    #[must_use]
    pub fn is_lock_timeout(&self) -> bool {
        self.reason() == Some(RefusalReason::LockTimeout)
    }

    /// Returns whether a VM was gone when something was asked of it.
    #[must_use]
    pub fn is_missing_vm(&self) -> bool {
        self.reason() == Some(RefusalReason::NoSuchVm)
    }

    /// Returns whether another task of the VM was under way.
    #[must_use]
    pub fn is_busy_vm(&self) -> bool {
        matches!(self.reason(), Some(RefusalReason::VmRunning | RefusalReason::LockTimeout))
    }

    /// Returns whether the failure is about one node only, so that another node may work.
    #[must_use]
    pub fn is_about_one_node(&self) -> bool {
        match self {
            Self::Placement(PlacementError::TemplateElsewhere { .. } | PlacementError::NodeOffline { .. }) => true,
            Self::Server { source, .. } => source.is_about_one_node(),
            Self::Usage(_)
            | Self::Run(_)
            | Self::Config(_)
            | Self::Connection(_)
            | Self::Auth(_)
            | Self::Permission(_)
            | Self::Placement(_)
            | Self::Preflight(_)
            | Self::Vm(_)
            | Self::Cleanup(_)
            | Self::Batch(_)
            | Self::Settings(_)
            | Self::Journal(_)
            | Self::NoStateFolder(_)
            | Self::Token(_)
            | Self::Template(_) => false,
        }
    }

    /// Returns whether the task that this error is about has ended.
    #[must_use]
    pub const fn is_task_over(&self) -> bool {
        matches!(self, Self::Vm(VmError::TaskFailed { .. }))
    }

    /// Returns whether the server did not accept the credentials.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Server { source, .. } if source.is_unauthenticated())
    }

    /// Returns the server's own words if it refused a call because of missing privileges.
    #[must_use]
    pub fn forbidden_text(&self) -> Option<Foreign> {
        match self {
            Self::Server { source, .. } if source.is_forbidden() => source.server_text(),
            _ => None,
        }
    }

    /// Returns the server's own words.
    fn said_by_server(&self) -> Option<Foreign> {
        match self {
            Self::Server { source, .. } => source.server_text(),
            Self::Vm(VmError::TaskFailed { exit_status, .. }) => Some(exit_status.clone()),
            _ => None,
        }
    }
}
