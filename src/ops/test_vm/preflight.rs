//! Checks before anything is created whether the test VM can succeed, and plans its clone.

use crate::error::{Error, PlacementError, PreflightError};
use crate::model::{Foreign, NodeName, StorageName, VmId};
use crate::ops::connection::Connected;
use crate::ops::inventory::{Inventory, SourceTemplate, choose_node, require_online, unknown_status};
use crate::ops::test_vm::options::{CloneMode, Start, TestVmOptions};
use crate::ops::test_vm::permission_check::{MissingPermissions, PermissionCheck};
use crate::ops::test_vm::receipt::CloneType;
use crate::ops::test_vm::start_check::StartCheck;
use crate::ops::test_vm::storage_check::StorageCheck;
use crate::pve::privileges::{Caller, Denial, Hardware, Permissions, PlannedClone, Zones, missing_from_denial};
use crate::pve::{Pve, Version, VmConfig};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a node is waited for before anything is changed; nothing is asked of it twice.
const NODE_LIMIT: Duration = Duration::from_secs(10);

/// What will be done.
#[derive(Debug)]
pub(crate) struct ClonePlan {
    /// The server, `host:port`.
    pub(crate) server: String,
    /// The node that the template is on, which makes the clone.
    pub(crate) source: NodeName,
    /// The node that the clone will be on.
    pub(crate) target: NodeName,
    /// The name of the template.
    pub(crate) template_name: Foreign,
    /// The first VMID to try.
    pub(crate) vmid: VmId,
    /// How the disk is made.
    pub(crate) mode: CloneType,
    /// Why it is made like that, if no option asked for it.
    pub(crate) because: Option<&'static str>,
    /// The storage that is named in the call.
    pub(crate) storage: Option<StorageName>,
    /// The storages that the disks will be on.
    pub(crate) storages: Vec<StorageName>,
    /// The drives of the template, by their slots.
    pub(crate) drives: Vec<String>,
    /// What takes rights.
    pub(crate) rights: PlannedClone,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

/// The checks before one test VM.
pub(crate) struct Preflight<'a> {
    pve: Pve,
    options: &'a TestVmOptions,
    caller: Caller,
}

impl<'a> Preflight<'a> {
    /// Prepares the checks for a test VM with these options.
    pub(crate) fn new(connected: &'a Connected, options: &'a TestVmOptions) -> Self {
        Self { pve: connected.pve.clone().with_node_limit(NODE_LIMIT), options, caller: connected.caller.clone() }
    }

    /// Checks everything that can be checked without changing anything.
    pub(crate) async fn plan(&self) -> Result<ClonePlan, Error> {
        let inventory = self.inventory().await?;
        let chosen = choose_node(&inventory.nodes, self.options.node.as_ref(), &self.options.node_variable);
        let node = match (chosen, &self.options.target) {
            // Where the clone is to be elsewhere, the node of the settings does not matter.
            (Err(Error::Placement(PlacementError::NodeOffline { .. })), Some(target)) => target.clone(),
            (chosen, _) => chosen?,
        };
        self.plan_on(&node, inventory).await
    }

    /// Makes the first reads, which need no answer of another one.
    pub(crate) async fn inventory(&self) -> Result<Inventory, Error> {
        Inventory::of(&self.pve, self.options).await
    }

    /// Continues from the first reads: finds the node, which is returned even if the plan fails.
    pub(crate) async fn node_and_plan(
        &self,
        inventory: Inventory,
    ) -> Result<(NodeName, Result<ClonePlan, Error>), Error> {
        let node = choose_node(&inventory.nodes, self.options.node.as_ref(), &self.options.node_variable)?;
        let plan = self.plan_on(&node, inventory).await;
        Ok((node, plan))
    }

    async fn plan_on(&self, node: &NodeName, mut inventory: Inventory) -> Result<ClonePlan, Error> {
        let target = self.options.target.as_ref().unwrap_or(node);
        let Some(template) = inventory.template(&self.pve, node, target, self.options.template).await? else {
            // Its configuration cannot be read: everything else that is missing is said at once.
            let mut rights = self.planned_clone(&inventory.version, inventory.vmid, None);
            let error = self.permission_check().find_missing(&mut rights, None).await?;
            return Err(error.unwrap_or(Error::Placement(PlacementError::NoTemplate {
                template: self.options.template,
                known: Vec::new(),
            })));
        };
        require_online(&inventory.nodes, target)?;
        require_clonable(self.options.template, &template.config, &self.caller)?;
        let mut check = StorageCheck::new(&self.pve, &template, target).await?;
        check.require_movable(self.options)?;
        let (mode, because) = self.mode(&template)?;
        let wanted = if mode == CloneType::Full { self.wanted_storage() } else { None };
        let storages = check.storages(wanted).await?;
        let hardware = template.config.hardware(&Zones::new()).ok();
        let mut rights = self.planned_clone(&inventory.version, inventory.vmid, hardware.clone());
        let permission_check = self.permission_check();
        let (missing, pool, start) = tokio::join!(
            permission_check.find_missing(&mut rights, Some(&template.config)),
            self.require_pool(),
            self.start_check(inventory.version.major(), target, hardware.as_ref()),
        );
        pool?;
        if let Some(error) = missing? {
            return Err(error);
        }
        check.require_usable(mode, wanted, self.options.start)?;
        let mut warnings = warnings(&template.config);
        if let Some(start) = start {
            warnings.extend(start.require(&template.config).await?);
        }
        for node in BTreeSet::from([&template.node, target]) {
            warnings.extend(unknown_status(&inventory.nodes, node));
        }
        warnings.append(&mut check.warnings);
        if matches!(self.options.start, Start::AndWaitForAddress(_)) && !template.config.agent_enabled() {
            return Err(Error::Placement(PlacementError::AgentDisabled { template: self.options.template }));
        }
        Ok(ClonePlan {
            server: self.pve.endpoint().authority(),
            source: template.node.clone(),
            target: target.clone(),
            template_name: template.config.name().unwrap_or_default(),
            vmid: inventory.vmid,
            mode,
            because,
            storage: wanted.cloned(),
            storages,
            drives: template.config.slots().map(str::to_owned).collect(),
            rights,
            warnings,
        })
    }

    /// Turns a refusal of a later call into the missing privilege that it names, with the lines that close it.
    pub(crate) async fn explain(&self, plan: &ClonePlan, refused: Error) -> Error {
        let Some(text) = refused.forbidden_text() else { return refused };
        let Some(denial) = Denial::of(&text) else { return refused };
        if let (Denial::NoPool(_), Some(pool)) = (&denial, &self.options.pool) {
            return Error::Placement(PlacementError::UnknownPool { pool: pool.clone() });
        }
        let Some(missing) = missing_from_denial(&denial, &plan.rights) else { return refused };
        let found = MissingPermissions { missing: vec![missing], held: Permissions::default(), said: Some(text) };
        match self.permission_check().explain(&plan.rights, found).await {
            Ok(explained) => explained,
            Err(_) => refused,
        }
    }

    fn mode(&self, template: &SourceTemplate) -> Result<(CloneType, Option<&'static str>), Error> {
        match (&self.options.clone_mode, template.feature.can_link) {
            (CloneMode::Linked, true) => Ok((CloneType::Linked, None)),
            (CloneMode::Linked, false) => {
                Err(Error::Placement(PlacementError::CannotLink { template: self.options.template }))
            }
            (CloneMode::Full(_), _) => Ok((CloneType::Full, None)),
            (CloneMode::Whichever, true) => Ok((CloneType::Linked, None)),
            (CloneMode::Whichever, false) => Ok((CloneType::Full, Some("its storage does not support linked clones"))),
        }
    }

    const fn wanted_storage(&self) -> Option<&StorageName> {
        match &self.options.clone_mode {
            CloneMode::Full(storage) => storage.as_ref(),
            CloneMode::Whichever | CloneMode::Linked => None,
        }
    }

    /// Reads what the start of the clone needs; `None` if it is not started.
    async fn start_check<'b>(
        &'b self,
        major: u32,
        target: &'b NodeName,
        hardware: Option<&Hardware>,
    ) -> Option<StartCheck<'b>> {
        match self.options.start {
            Start::No => None,
            Start::Yes | Start::LinksDown | Start::AndWaitForAddress(_) => {
                Some(StartCheck::read(&self.pve, major, target, hardware).await)
            }
        }
    }

    /// Refuses a pool that does not exist; a pool that is not visible is left to the privilege check.
    async fn require_pool(&self) -> Result<(), Error> {
        let Some(pool) = &self.options.pool else { return Ok(()) };
        match self.pve.pool(pool).await {
            Ok(None) => Err(PlacementError::UnknownPool { pool: pool.clone() }.into()),
            Ok(Some(_)) | Err(_) => Ok(()),
        }
    }

    fn planned_clone(&self, version: &Version, vmid: VmId, hardware: Option<Hardware>) -> PlannedClone {
        PlannedClone {
            major: version.major(),
            template: self.options.template,
            new: vmid,
            pool: self.options.pool.clone(),
            storage: self.wanted_storage().cloned(),
            hardware,
            start: self.options.start != Start::No,
            links_down: self.options.start == Start::LinksDown,
            wait_ip: matches!(self.options.start, Start::AndWaitForAddress(_)),
        }
    }

    const fn permission_check(&self) -> PermissionCheck<'_> {
        PermissionCheck { pve: &self.pve, caller: &self.caller }
    }
}

/// Refuses a template that the server would not clone for this caller.
pub(crate) fn require_clonable(template: VmId, config: &VmConfig, caller: &Caller) -> Result<(), PreflightError> {
    if let Some(lock) = config.lock() {
        return Err(PreflightError::TemplateLocked { template, lock });
    }
    if let Some(drive) = config.drive_outside_storage() {
        return Err(PreflightError::DriveOutsideStorage { template, drive: drive.to_owned() });
    }
    let is_root = matches!(caller, Caller::User(user) if user.to_string() == "root@pam");
    match config.raw_devices().first() {
        Some(device) if !is_root => Err(PreflightError::RawDevice { template, device: (*device).to_owned() }),
        _ => Ok(()),
    }
}

fn warnings(config: &VmConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.protection() {
        warnings.push("the template is protected, and so is its clone: the protection of the clone is removed before it is deleted".to_owned());
    }
    if config.disks().next().is_none() {
        warnings.push("the template has no disk: its clones cannot boot and do not test any storage".to_owned());
    }
    warnings
}
