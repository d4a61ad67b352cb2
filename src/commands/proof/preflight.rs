//! Finds out before anything is asked for whether the proof can succeed, and with what.

use crate::commands::connect::{Connected, Ground};
use crate::commands::proof::order::{Order, Start, Wish};
use crate::commands::proof::receipt::Mode;
use crate::commands::proof::rights::Rights;
use crate::commands::proof::scout::{Survey, Template, known_online};
use crate::error::{Doing, Error};
use crate::model::{Foreign, NodeName, StorageName, VmId};
use crate::pve::privileges::{AclPath, Caller, CloneOrder, Denial, Hardware, Permissions, Zones, gap_of_denial};
use crate::pve::{Node, Pve, Version, VmConfig};
use crate::settings::Key;

/// What will be done.
#[derive(Debug)]
pub(crate) struct Plan {
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
    pub(crate) mode: Mode,
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
    order: &'a Order,
    caller: Caller,
    /// The variable that names the node.
    node_variable: String,
}

impl<'a> Preflight<'a> {
    /// Prepares the checks of an order.
    pub(crate) fn new(ground: &Ground, connected: &'a Connected, order: &'a Order) -> Self {
        let node_variable = Key::Node.variable(&ground.instance);
        Self { pve: &connected.pve, order, caller: connected.caller.clone(), node_variable }
    }

    /// Checks everything that can be checked without changing anything.
    pub(crate) async fn plan(&self) -> Result<Plan, Error> {
        self.node_and_plan(self.survey().await?).await?.1
    }

    /// Makes the first reads, which need no answer of another one.
    pub(crate) async fn survey(&self) -> Result<Survey, Error> {
        Survey::of(self.pve, self.order).await
    }

    /// Goes on from the first reads: finds the node, which is known though the plan may fail.
    pub(crate) async fn node_and_plan(&self, survey: Survey) -> Result<(NodeName, Result<Plan, Error>), Error> {
        let node = self.node(&survey.nodes)?;
        let plan = self.plan_on(&node, survey).await;
        Ok((node, plan))
    }

    async fn plan_on(&self, node: &NodeName, mut survey: Survey) -> Result<Plan, Error> {
        let Some(template) = survey.template(self.pve, node, self.order.template).await? else {
            // Its configuration cannot be read: everything else that is missing is said at once.
            let mut rights = self.order_of_rights(&survey.version, survey.vmid, None);
            let lacking = self.rights().lacking(&mut rights, None).await?;
            return Err(lacking.unwrap_or(Error::NoTemplate { template: self.order.template, known: Vec::new() }));
        };
        known_online(&survey.nodes, self.order.target.as_ref().unwrap_or(node))?;
        let target = self.target(node, &template)?;
        let (mode, because) = self.mode(&template)?;
        let storages = self.storages(&template, mode, &target).await?;
        let hardware = template.config.hardware(&Zones::new()).ok();
        let mut rights = self.order_of_rights(&survey.version, survey.vmid, hardware);
        if let Some(lacking) = self.rights().lacking(&mut rights, Some(&template.config)).await? {
            return Err(lacking);
        }
        if matches!(self.order.start, Start::AndWaitForAddress(_)) && !template.config.agent_enabled() {
            return Err(Error::AgentDisabled { template: self.order.template });
        }
        Ok(Plan {
            server: self.pve.endpoint().authority(),
            version: survey.version,
            source: template.node.clone(),
            target,
            template_name: template.config.name().unwrap_or_default(),
            vmid: survey.vmid,
            mode,
            because,
            storage: if mode == Mode::Full { self.wanted_storage().cloned() } else { None },
            storages,
            drives: template.config.slots().map(str::to_owned).collect(),
            rights,
            warnings: warnings(&template.config),
        })
    }

    /// Turns a refusal of a later call into the gap that it tells of, with the lines that close it.
    pub(crate) async fn explain(&self, plan: &Plan, refused: Error) -> Error {
        let Some(text) = refused.forbidden_text() else { return refused };
        let Some(denial) = Denial::of(&text) else { return refused };
        if let (Denial::NoPool(_), Some(pool)) = (&denial, &self.order.pool) {
            return Error::UnknownPool { pool: pool.clone() };
        }
        let Some(gap) = gap_of_denial(&denial, &plan.rights) else { return refused };
        match self.rights().remedied(vec![gap], Permissions::default(), Some(text)).await {
            Ok(explained) => explained,
            Err(_) => refused,
        }
    }

    /// Decides on the node that Glassdome works on.
    fn node(&self, nodes: &[Node]) -> Result<NodeName, Error> {
        match (&self.order.node, nodes) {
            (Some(node), _) => known_online(nodes, node).map(|()| node.clone()),
            (None, [only]) => known_online(nodes, &only.name).map(|()| only.name.clone()),
            (None, _) => Err(Error::WhichNode {
                nodes: nodes.iter().map(|node| node.name.to_string()).collect(),
                variable: self.node_variable.clone(),
            }),
        }
    }

    /// Decides on the node of the clone: local disks cannot leave their node.
    fn target(&self, node: &NodeName, template: &Template) -> Result<NodeName, Error> {
        let target = self.order.target.as_ref().unwrap_or(node);
        if *target == template.node {
            return Ok(target.clone());
        }
        let is_shared =
            |storage: &Foreign| template.storages.iter().any(|it| *storage == *it.name.as_str() && it.shared);
        // The server counts the drive for cloud-init, too.
        match template.config.volumes().find(|volume| !is_shared(&volume.storage)) {
            None => Ok(target.clone()),
            Some(disk) => Err(Error::TemplateElsewhere {
                template: self.order.template,
                on: template.node.clone(),
                node: target.clone(),
                storage: disk.storage.clone(),
            }),
        }
    }

    fn mode(&self, template: &Template) -> Result<(Mode, Option<&'static str>), Error> {
        match (&self.order.wish, template.can_link) {
            (Wish::Linked, true) => Ok((Mode::Linked, None)),
            (Wish::Linked, false) => Err(Error::CannotLink { template: self.order.template }),
            (Wish::Full(_), _) => Ok((Mode::Full, None)),
            (Wish::Whichever, true) => Ok((Mode::Linked, Some("its storage can share the template's disk"))),
            (Wish::Whichever, false) => Ok((Mode::Full, Some("its storage cannot share the template's disk"))),
        }
    }

    const fn wanted_storage(&self) -> Option<&StorageName> {
        match &self.order.wish {
            Wish::Full(storage) => storage.as_ref(),
            Wish::Whichever | Wish::Linked => None,
        }
    }

    /// Lists the storages that the disks will be on.
    async fn storages(&self, template: &Template, mode: Mode, target: &NodeName) -> Result<Vec<StorageName>, Error> {
        let wanted = if mode == Mode::Full { self.wanted_storage() } else { None };
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
    async fn known_storage(&self, wanted: &StorageName, template: &Template, target: &NodeName) -> Result<(), Error> {
        let failed = |source| Error::server(Doing::ReadStorages(target.clone()), source);
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
        let answer = answer.map_err(|source| Error::server(Doing::ReadPrivileges, source))?;
        let sees = ["Datastore.Audit", "Datastore.AllocateSpace"];
        let may_see = answer.get(path.as_str()).is_some_and(|held| sees.iter().any(|name| held.contains_key(*name)));
        if may_see {
            Err(Error::UnknownStorage { storage: wanted.clone(), node: target.clone(), known: usable })
        } else {
            Ok(())
        }
    }

    fn order_of_rights(&self, version: &Version, vmid: VmId, hardware: Option<Hardware>) -> CloneOrder {
        CloneOrder {
            major: version.major(),
            template: self.order.template,
            new: vmid,
            pool: self.order.pool.clone(),
            storage: self.wanted_storage().cloned(),
            hardware,
            start: self.order.start != Start::No,
            links_down: self.order.start == Start::LinksDown,
            wait_ip: matches!(self.order.start, Start::AndWaitForAddress(_)),
        }
    }

    const fn rights(&self) -> Rights<'_> {
        Rights { pve: self.pve, caller: &self.caller }
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
