//! Checks and starts the clone, and waits for its address.

use super::Run;
use crate::error::{Doing, Error, Operation, VmError};
use crate::model::{Foreign, VmId};
use crate::ops::test_vm::options::Start;
use crate::ops::test_vm::ownership::VmState;
use crate::ops::test_vm::receipt::Receipt;
use crate::ops::test_vm::task_wait::require_uninterrupted;
use crate::ui::Printable;
use std::time::Duration;

impl Run<'_> {
    /// Checks that the clone is where it should be, is ours, and has its disks on the storage expected.
    pub(super) async fn check(&self, vmid: VmId, receipt: &mut Receipt) -> Result<(), Error> {
        require_uninterrupted(self.session)?;
        let began = self.session.clock.now();
        let VmState::Ours(node, config) = self.ownership_check().inspect(vmid).await? else {
            return Err(Error::Vm(VmError::MarkerMissing { vmid }));
        };
        if node != self.plan.target {
            return Err(Error::Vm(VmError::WrongNode { vmid, node, expected: self.plan.target.clone() }));
        }
        for disk in config.disks() {
            if !self.plan.storages.iter().any(|storage| disk.storage == storage.as_str()) {
                return Err(Error::Vm(VmError::WrongStorage {
                    vmid,
                    disk: disk.bus.clone(),
                    storage: disk.storage.clone(),
                }));
            }
        }
        self.note_step(receipt, self.step("check", began, None), "");
        Ok(())
    }

    pub(super) async fn start(&self, vmid: VmId, receipt: &mut Receipt) -> Result<(), Error> {
        if self.options.start == Start::No {
            return Ok(());
        }
        require_uninterrupted(self.session)?;
        let began = self.session.clock.now();
        let node = &self.plan.target;
        if self.options.start == Start::LinksDown {
            self.take_links_down(vmid).await?;
        }
        let operation = Operation::Start(vmid);
        let upid = self.pve.start(node, vmid).await.doing(operation.clone())?;
        self.watcher().wait_and_note(&upid, &operation, &mut receipt.times).await?;
        let status = self.pve.vm_status(node, vmid).await.doing(operation)?;
        if !status.is_running() {
            return Err(Error::Vm(VmError::NotRunning { vmid, status: status.text().clone() }));
        }
        self.note_step(receipt, self.step("start", began, Some(upid)), &format!("VM {vmid}"));
        if let Start::AndWaitForAddress(within) = self.options.start {
            self.wait_for_address(vmid, within, receipt).await?;
        }
        Ok(())
    }

    pub(super) async fn take_links_down(&self, vmid: VmId) -> Result<(), Error> {
        let operation = || Operation::LinksDown(vmid);
        let config = self.pve.vm_config(&self.plan.target, vmid).await.doing(operation())?;
        if !self.ownership_check().is_ours(&config) {
            return Err(Error::Vm(VmError::MarkerMissing { vmid }));
        }
        let set = self.pve.set_links_down(&self.plan.target, vmid, &config).await;
        set.doing(operation())
    }

    pub(super) async fn wait_for_address(
        &self,
        vmid: VmId,
        within: Duration,
        receipt: &mut Receipt,
    ) -> Result<(), Error> {
        let began = self.session.clock.now();
        loop {
            require_uninterrupted(self.session)?;
            let answer = self.pve.agent_addresses(&self.plan.target, vmid).await;
            let last = match answer {
                Ok(addresses) if !addresses.is_empty() => {
                    receipt.addresses = addresses.iter().map(ToString::to_string).collect();
                    let text = receipt.addresses.join(", ");
                    self.note_step(receipt, self.step("wait-ip", began, None), &Printable(&text).to_string());
                    return Ok(());
                }
                Ok(_) => Foreign::new("the agent responds, but reports no IP address yet"),
                Err(not_yet) if not_yet.is_agent_down() => not_yet.server_text().unwrap_or_default(),
                Err(source) => return Err(Error::server(Operation::AskAgent(vmid), source)),
            };
            if self.session.clock.now().duration_since(began) >= within {
                return Err(Error::Vm(VmError::NoAddress { vmid, seconds: within.as_secs(), last }));
            }
            tokio::select! {
                () = self.session.clock.sleep(Duration::from_secs(1)) => {}
                _ = self.session.interrupts.first() => {}
            }
        }
    }
}
