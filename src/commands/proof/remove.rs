//! Stops and destroys a test VM, and nothing else: name and nonce are read again immediately before.

use std::time::{Duration, Instant};

use crate::commands::proof::look::{Standing, look};
use crate::commands::proof::receipt::Receipt;
use crate::commands::proof::watch::{Heed, Watcher};
use crate::error::{Doing, Error};
use crate::model::{Marker, NodeName, VmId};
use crate::pve::{self, Pve, VmConfig};
use crate::session::Session;

/// A lock that is held by another task of the same VM is let go within seconds.
const TRIES_AT_A_LOCK: usize = 3;

/// Removes VMs of one run.
pub(crate) struct Remover<'a> {
    /// The server.
    pub(crate) pve: &'a Pve,
    /// Time, talk and signals.
    pub(crate) session: &'a Session,
    /// How long a task may be without progress.
    pub(crate) patience: Duration,
}

impl Remover<'_> {
    /// Removes the VM that carries the marker; says whether there was one. Whatever else stands there stays.
    pub(crate) async fn remove(
        &self,
        node: &NodeName,
        vmid: VmId,
        marker: &Marker,
        receipt: &mut Receipt,
    ) -> Result<bool, Error> {
        let mut removed = false;
        for _ in 0..TRIES_AT_A_LOCK {
            let Standing::Ours(node, config) = look(self.pve, node, vmid, marker).await? else {
                return self.confirm(node, vmid, marker, removed).await;
            };
            self.stop(&node, vmid, receipt).await?;
            match self.destroy(&node, vmid, (&config, marker), receipt).await {
                Ok(()) => removed = true,
                Err(busy) if busy.is_lock_timeout() => {}
                Err(why) => return Err(why),
            }
            if removed {
                return self.confirm(&node, vmid, marker, removed).await;
            }
        }
        Err(Error::NotGone { vmid })
    }

    /// Checks that what was destroyed is gone.
    async fn confirm(&self, node: &NodeName, vmid: VmId, marker: &Marker, removed: bool) -> Result<bool, Error> {
        match look(self.pve, node, vmid, marker).await? {
            Standing::Ours(..) => Err(Error::NotGone { vmid }),
            Standing::Hidden(refused) if !removed => Err(Error::server(Doing::ReadVm(vmid), *refused)),
            Standing::Unfinished(node) if !removed => Err(Error::StuckClone { vmid, node }),
            // Somebody else may have taken the number in the meantime.
            Standing::Nothing | Standing::Foreign(_) | Standing::Unfinished(_) | Standing::Hidden(_) => Ok(removed),
        }
    }

    async fn stop(&self, node: &NodeName, vmid: VmId, receipt: &mut Receipt) -> Result<(), Error> {
        let began = self.session.clock.now();
        let doing = Doing::Stop(vmid);
        let status = self.pve.vm_status(node, vmid).await.map_err(|source| Error::server(doing.clone(), source))?;
        if status.is_stopped() {
            return Ok(());
        }
        let upid = self.pve.stop(node, vmid).await.map_err(|source| Error::server(doing.clone(), source))?;
        self.watcher().wait(&upid, &doing).await?;
        self.note(receipt, "stop", began, upid.to_string());
        Ok(())
    }

    async fn destroy(
        &self,
        node: &NodeName,
        vmid: VmId,
        (config, marker): (&VmConfig, &Marker),
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let began = self.session.clock.now();
        let doing = Doing::Destroy(vmid);
        if config.protection() {
            let unprotected = self.pve.configure(node, vmid, &[("protection", "0".to_owned())]).await;
            unprotected.map_err(|source| Error::server(Doing::Unprotect(vmid), source))?;
        }
        // The last look: a number alone never destroys anything.
        let Standing::Ours(node, _) = look(self.pve, node, vmid, marker).await? else {
            return Ok(());
        };
        let upid = match self.pve.destroy(&node, vmid).await {
            Ok(upid) => upid,
            // The request may have been carried out though its answer was lost: the caller looks again.
            Err(pve::Error::OutcomeUnknown { .. }) => return Err(Error::NotGone { vmid }),
            Err(source) => return Err(Error::server(doing, source)),
        };
        self.watcher().wait(&upid, &doing).await?;
        self.note(receipt, "destroy", began, upid.to_string());
        Ok(())
    }

    /// Clean-up goes on whatever signal has come.
    const fn watcher(&self) -> Watcher<'_> {
        Watcher { pve: self.pve, session: self.session, patience: self.patience, heed: Heed::Nothing }
    }

    fn note(&self, receipt: &mut Receipt, name: &'static str, began: Instant, upid: String) {
        receipt.step(name, self.session.clock.now().duration_since(began), Some(upid));
    }
}
