//! Finds out before anything is asked for whether the proof can succeed, and with what.

use crate::error::{Doing, Error, Operation, PlacementError};
use crate::model::{Foreign, NodeName, StorageName, VmId};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::inventory::{Inventory, SourceTemplate, known_online};
use crate::ops::test_vm::options::{CloneMode, Start, TestVmOptions};
use crate::ops::test_vm::permission_check::PermissionCheck;
use crate::ops::test_vm::receipt::CloneType;
use crate::pve::privileges::{AclPath, Caller, CloneOrder, Denial, Hardware, Permissions, Zones, gap_of_denial};
use crate::pve::{Node, Pve, Version, VmConfig};
use crate::settings::Key;

/// What will be done.
#[derive(Debug)]
pub(crate) struct ClonePlan {
    /// The server, `host:port`.
    pub(crate) server: String,
    /// Its version.
    pub(crate) version: Version,
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
    /// Why it is made like that, where nobody said so.
    pub(crate) because: Option<&'static str>,
    /// The storage that is named in the call.
    pub(crate) storage: Option<StorageName>,
    /// The storages that the disks will be on.
    pub(crate) storages: Vec<StorageName>,
    /// The drives of the template, by their slots.
    pub(crate) drives: Vec<String>,
    /// What takes rights.
    pub(crate) rights: CloneOrder,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

/// The checks of one order.
pub(crate) struct Preflight<'a> {
    pve: &'a Pve,
    options: &'a TestVmOptions,
    caller: Caller,
    /// The variable that names the node.
    node_variable: String,
}

impl<'a> Preflight<'a> {
    /// Prepares the checks of an order.
    pub(crate) fn new(context: &Context, connected: &'a Connected, options: &'a TestVmOptions) -> Self {
        let node_variable = Key::Node.variable(&context.instance);
        Self { pve: &connected.pve, options, caller: connected.caller.clone(), node_variable }
    }

    /// Checks everything that can be checked without changing anything.
    pub(crate) async fn plan(&self) -> Result<ClonePlan, Error> {
        self.node_and_plan(self.inventory().await?).await?.1
    }

    /// Makes the first reads, which need no answer of another one.
    pub(crate) async fn inventory(&self) -> Result<Inventory, Error> {
        Inventory::of(self.pve, self.options).await
    }

    /// Goes on from the first reads: finds the node, which is known though the plan may fail.
    pub(crate) async fn node_and_plan(
        &self,
        inventory: Inventory,
    ) -> Result<(NodeName, Result<ClonePlan, Error>), Error> {
        let node = self.node(&inventory.nodes)?;
        let plan = self.plan_on(&node, inventory).await;
        Ok((node, plan))
    }

    async fn plan_on(&self, node: &NodeName, mut inventory: Inventory) -> Result<ClonePlan, Error> {
        let Some(template) = inventory.template(self.pve, node, self.options.template).await? else {
            // Its configuration cannot be read: everything else that is missing is said at once.
            let mut rights = self.order_of_rights(&inventory.version, inventory.vmid, None);
            let lacking = self.rights().find_missing(&mut rights, None).await?;
            return Err(lacking.unwrap_or(Error::Placement(PlacementError::NoTemplate {
                template: self.options.template,
                known: Vec::new(),
            })));
        };
        known_online(&inventory.nodes, self.options.target.as_ref().unwrap_or(node))?;
        let target = self.target(node, &template)?;
        let (mode, because) = self.mode(&template)?;
        let storages = self.storages(&template, mode, &target).await?;
        let hardware = template.config.hardware(&Zones::new()).ok();
        let mut rights = self.order_of_rights(&inventory.version, inventory.vmid, hardware);
        if let Some(lacking) = self.rights().find_missing(&mut rights, Some(&template.config)).await? {
            return Err(lacking);
        }
        if matches!(self.options.start, Start::AndWaitForAddress(_)) && !template.config.agent_enabled() {
            return Err(Error::Placement(PlacementError::AgentDisabled { template: self.options.template }));
        }
        Ok(ClonePlan {
            server: self.pve.endpoint().authority(),
            version: inventory.version,
            source: template.node.clone(),
            target,
            template_name: template.config.name().unwrap_or_default(),
            vmid: inventory.vmid,
            mode,
            because,
            storage: if mode == CloneType::Full { self.wanted_storage().cloned() } else { None },
            storages,
            drives: template.config.slots().map(str::to_owned).collect(),
            rights,
            warnings: warnings(&template.config),
        })
    }

    /// Turns a refusal of a later call into the gap that it tells of, with the lines that close it.
    pub(crate) async fn explain(&self, plan: &ClonePlan, refused: Error) -> Error {
        let Some(text) = refused.forbidden_text() else { return refused };
        let Some(denial) = Denial::of(&text) else { return refused };
        if let (Denial::NoPool(_), Some(pool)) = (&denial, &self.options.pool) {
            return Error::Placement(PlacementError::UnknownPool { pool: pool.clone() });
        }
        let Some(gap) = gap_of_denial(&denial, &plan.rights) else { return refused };
        match self.rights().with_remedy(vec![gap], Permissions::default(), Some(text)).await {
            Ok(explained) => explained,
            Err(_) => refused,
        }
    }

    /// Decides on the node that Glassdome works on.
    fn node(&self, nodes: &[Node]) -> Result<NodeName, Error> {
        match (&self.options.node, nodes) {
            (Some(node), _) => known_online(nodes, node).map(|()| node.clone()),
            (None, [only]) => known_online(nodes, &only.name).map(|()| only.name.clone()),
            (None, _) => Err(Error::Placement(PlacementError::WhichNode {
                nodes: nodes.iter().map(|node| node.name.to_string()).collect(),
                variable: self.node_variable.clone(),
            })),
        }
    }

    /// Decides on the node of the clone: local disks cannot leave their node.
    fn target(&self, node: &NodeName, template: &SourceTemplate) -> Result<NodeName, Error> {
        let target = self.options.target.as_ref().unwrap_or(node);
        if *target == template.node {
            return Ok(target.clone());
        }
        let is_shared =
            |storage: &Foreign| template.storages.iter().any(|it| *storage == *it.name.as_str() && it.shared);
        // The server counts the drive for cloud-init, too.
        match template.config.volumes().find(|volume| !is_shared(&volume.storage)) {
            None => Ok(target.clone()),
            Some(disk) => Err(Error::Placement(PlacementError::TemplateElsewhere {
                template: self.options.template,
                on: template.node.clone(),
                node: target.clone(),
                storage: disk.storage.clone(),
            })),
        }
    }

    fn mode(&self, template: &SourceTemplate) -> Result<(CloneType, Option<&'static str>), Error> {
        match (&self.options.wish, template.can_link) {
            (CloneMode::Linked, true) => Ok((CloneType::Linked, None)),
            (CloneMode::Linked, false) => {
                Err(Error::Placement(PlacementError::CannotLink { template: self.options.template }))
            }
            (CloneMode::Full(_), _) => Ok((CloneType::Full, None)),
            (CloneMode::Whichever, true) => Ok((CloneType::Linked, Some("its storage can share the template's disk"))),
            (CloneMode::Whichever, false) => {
                Ok((CloneType::Full, Some("its storage cannot share the template's disk")))
            }
        }
    }

    const fn wanted_storage(&self) -> Option<&StorageName> {
        match &self.options.wish {
            CloneMode::Full(storage) => storage.as_ref(),
            CloneMode::Whichever | CloneMode::Linked => None,
        }
    }

    /// Lists the storages that the disks will be on.
    async fn storages(
        &self,
        template: &SourceTemplate,
        mode: CloneType,
        target: &NodeName,
    ) -> Result<Vec<StorageName>, Error> {
        let wanted = if mode == CloneType::Full { self.wanted_storage() } else { None };
        let Some(wanted) = wanted else {
            let mut storages: Vec<StorageName> =
                template.config.disks().filter_map(|disk| disk.storage.parse().ok()).collect();
            storages.dedup();
            return Ok(storages);
        };
        self.known_storage(wanted, template, target).await?;
        Ok(vec![wanted.clone()])
    }

    /// Checks that a storage exists. The list shows only storages on which something is held; one that is missing
    /// there although something is held does not exist, and about every other the privileges will say what is missing.
    async fn known_storage(
        &self,
        wanted: &StorageName,
        template: &SourceTemplate,
        target: &NodeName,
    ) -> Result<(), Error> {
        let failed = |source| Error::server(Operation::ReadStorages(target.clone()), source);
        let there = match &template.storages {
            seen if template.node == *target => seen.clone(),
            _ => self.pve.storages(target).await.map_err(failed)?,
        };
        let usable: Vec<String> = there.iter().filter(|it| it.holds("images")).map(|it| it.name.to_string()).collect();
        if usable.iter().any(|name| name == wanted.as_str()) {
            return Ok(());
        }
        let path = AclPath::storage(wanted);
        let answer = self.pve.permissions(Some(path.as_str()), None).await;
        let answer = answer.doing(Operation::ReadPrivileges)?;
        let sees = ["Datastore.Audit", "Datastore.AllocateSpace"];
        let may_see = answer.get(path.as_str()).is_some_and(|held| sees.iter().any(|name| held.contains_key(*name)));
        if may_see {
            Err(Error::Placement(PlacementError::UnknownStorage {
                storage: wanted.clone(),
                node: target.clone(),
                known: usable,
            }))
        } else {
            Ok(())
        }
    }

    fn order_of_rights(&self, version: &Version, vmid: VmId, hardware: Option<Hardware>) -> CloneOrder {
        CloneOrder {
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

    const fn rights(&self) -> PermissionCheck<'_> {
        PermissionCheck { pve: self.pve, caller: &self.caller }
    }
}

fn warnings(config: &VmConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.protection() {
        warnings.push("the template is protected, and so is its clone: the protection is taken off the clone before it is destroyed".to_owned());
    }
    if let Some(lock) = config.lock() {
        warnings.push(format!("the template is locked ({lock})"));
    }
    warnings
}
