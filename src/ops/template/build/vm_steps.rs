//! The VM of a template: created, its disk resized, and converted.

use super::{Build, BuildPhase, CLOUD_INIT, DISK, MAX_VMID_ATTEMPTS, TemplateVm};
use crate::error::{Doing, Error, Operation, PlacementError, TemplateError};
use crate::model::{DiskSize, VmId};
use crate::ops::batch::vmids::another_id;
use crate::ops::creation::create_once;
use crate::ops::test_vm::task_wait::require_uninterrupted;
use crate::pve::{Growth, VmConfig};
use time::format_description::well_known::Rfc3339;

impl<'a> Build<'a> {
    /// Makes the VM under the VMID of the plan; if another client took it, under the next free one, unless the
    /// number was fixed.
    pub(super) async fn create(&mut self) -> Result<VmId, Error> {
        let mut vmid = self.plan.vmid;
        for _ in 0..MAX_VMID_ATTEMPTS {
            self.check_image().await?;
            let raced = match self.create_at(vmid).await {
                Ok(()) => {
                    // Replaced while its disk was copied, it may be in the disk.
                    self.check_image().await?;
                    return Ok(vmid);
                }
                Err(raced) if raced.is_id_taken() => raced,
                Err(why) => return Err(why),
            };
            self.note_taken(vmid)?;
            if self.plan.is_vmid_fixed {
                return Err(Error::Placement(PlacementError::VmidTaken { vmid, flag: "--id" }));
            }
            self.warn(format!("{raced}: VM {vmid} was taken by another client"));
            vmid = another_id(self.pve, &self.created.lost).await?;
        }
        Err(Error::Placement(PlacementError::NoFreeId { tries: MAX_VMID_ATTEMPTS }))
    }

    async fn create_at(&mut self, vmid: VmId) -> Result<(), Error> {
        require_uninterrupted(self.session)?;
        if let Some(entry) = &mut self.created.entry {
            entry.update(|record| record.vmids.push(vmid.number()))?;
        }
        self.created.vm = Some(TemplateVm { vmid, phase: BuildPhase::Unanswered });
        let operation = Operation::CreateVm(vmid);
        let entries = self.entries();
        let ask = async || self.pve.create_vm(&self.plan.node, vmid, &entries).await;
        let asked = create_once(self.session, ask, async || self.ownership_check().is_absent(vmid).await).await;
        self.created.vm = match &asked {
            Ok(_) => Some(TemplateVm { vmid, phase: BuildPhase::Begun }),
            Err(why) if why.is_outcome_unknown() => Some(TemplateVm { vmid, phase: BuildPhase::Unanswered }),
            Err(_) => None,
        };
        let upid = asked.doing(operation.clone())?;
        self.watch(upid, &operation).await?;
        self.created.vm = Some(TemplateVm { vmid, phase: BuildPhase::Made });
        Ok(())
    }

    /// Notes that the server refused a VMID: a VM there belongs to another client.
    fn note_taken(&mut self, vmid: VmId) -> Result<(), Error> {
        self.created.vm = None;
        self.created.lost.push(vmid);
        match &mut self.created.entry {
            Some(entry) => Ok(entry.update(|record| record.vmids.retain(|asked| *asked != vmid.number()))?),
            None => Ok(()),
        }
    }

    fn entries(&self) -> Vec<(&'static str, String)> {
        let plan = self.plan;
        let description = self.marker.description(self.session.clock.utc(), &self.session.machine);
        vec![
            ("name", plan.name.clone()),
            ("description", description),
            ("ostype", "l26".to_owned()),
            ("cores", "2".to_owned()),
            ("memory", "2048".to_owned()),
            ("scsihw", "virtio-scsi-pci".to_owned()),
            (DISK, format!("{}:0,import-from={}", plan.disk_storage, self.volume)),
            (CLOUD_INIT, format!("{}:cloudinit", plan.disk_storage)),
            ("boot", format!("order={DISK}")),
            ("serial0", "socket".to_owned()),
            ("vga", "serial0".to_owned()),
            ("agent", "1".to_owned()),
            ("net0", format!("virtio,bridge={}", plan.bridge)),
        ]
    }

    /// Reads the configuration of the VM, and fails if it is not the one that this run made.
    async fn our_config(&self, vmid: VmId, operation: &Operation) -> Result<VmConfig, Error> {
        let config = self.pve.vm_config(&self.plan.node, vmid).await;
        let config = config.doing(operation.clone())?;
        if self.ownership_check().is_ours(&config) {
            return Ok(config);
        }
        let why = "it does not have the name and marker that this run gave it";
        Err(TemplateError::UnexpectedConfig { vmid, why }.into())
    }

    /// Grows the disk to the size that it shall have; one that is larger stays, and a server would refuse to shrink it.
    pub(super) async fn resize_disk(&mut self, vmid: VmId) -> Result<(), Error> {
        let (node, wanted) = (&self.plan.node, self.plan.disk_size);
        if wanted.bytes() == 0 {
            return Ok(());
        }
        require_uninterrupted(self.session)?;
        let operation = Operation::Resize(vmid);
        let config = self.our_config(vmid, &operation).await?;
        let Some(size) = config.size_of(DISK) else {
            let why = "the server did not return the size of its disk";
            return Err(TemplateError::UnexpectedConfig { vmid, why }.into());
        };
        if size >= wanted {
            self.say(format!("its disk already has {size}"));
            return Ok(());
        }
        let digest = config.digest();
        let growth = Growth { disk: DISK, size: wanted, digest: digest.as_ref() };
        let asked = self.pve.resize(node, vmid, &growth).await;
        if let Some(upid) = asked.doing(operation.clone())? {
            self.watch(upid, &operation).await?;
        }
        self.say(format!("its disk was resized from {size} to {wanted}"));
        Ok(())
    }

    /// Makes a template of it, looks at it, takes the marker off, which says that the VM may be deleted, and returns
    /// the size of its disk.
    pub(super) async fn convert(&mut self, vmid: VmId) -> Result<Option<DiskSize>, Error> {
        require_uninterrupted(self.session)?;
        let node = &self.plan.node;
        let operation = Operation::Convert(vmid);
        let failed = |source| Error::server(operation.clone(), source);
        self.our_config(vmid, &operation).await?;
        let upid = self.pve.convert(node, vmid).await.map_err(failed)?;
        self.watch(upid, &operation).await?;
        let config = self.our_config(vmid, &operation).await?;
        let wrong = |why| Error::from(TemplateError::UnexpectedConfig { vmid, why });
        if !config.is_template() {
            return Err(wrong("it is not a template"));
        }
        if config.disks().next().is_none() || !config.has_cloud_init() || !config.agent_enabled() {
            return Err(wrong("its disk, cloud-init drive or guest agent is missing"));
        }
        let size = config.size_of(DISK);
        if size.is_some_and(|size| size < self.plan.disk_size) {
            return Err(wrong("its disk was not resized"));
        }
        let made = self.session.clock.utc().replace_nanosecond(0).ok().and_then(|at| at.format(&Rfc3339).ok());
        let text = format!("{}, converted to a template by glassdome {}", self.wanted.title, made.unwrap_or_default());
        self.pve.configure(node, vmid, config.digest().as_ref(), &[("description", text)]).await.map_err(failed)?;
        self.created.vm = None;
        self.forget_vm();
        Ok(size)
    }
}
