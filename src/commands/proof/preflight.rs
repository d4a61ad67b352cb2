//! Finds out before anything is asked for whether the proof can succeed, and with what.

use crate::commands::connect::{Connected, Ground};
use crate::commands::proof::order::{Order, Start, Wish};
use crate::commands::proof::receipt::Mode;
use crate::commands::together;
use crate::error::{Doing, Error};
use crate::model::{NodeName, StorageName, VmId};
use crate::pve::privileges::{
    AclPath, Caller, CloneOrder, Denial, Gap, Hardware, Holdings, Separation, UserSeen, Zones, gap_of_denial, gaps,
    mend, needs, paths, questions,
};
use crate::pve::{Node, Pve, Storage, Version, VmConfig};
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
    pub(crate) template_name: String,
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

/// The template as it was found.
struct Template {
    node: NodeName,
    config: VmConfig,
    can_link: bool,
    /// Its storages as its node sees them.
    storages: Vec<Storage>,
}

impl<'a> Preflight<'a> {
    /// Prepares the checks of an order.
    pub(crate) fn new(ground: &Ground, connected: &'a Connected, order: &'a Order) -> Self {
        let node_variable = Key::Node.variable(&ground.instance);
        Self { pve: &connected.pve, order, caller: connected.caller.clone(), node_variable }
    }

    /// Checks everything that can be checked without changing anything.
    pub(crate) async fn plan(&self) -> Result<Plan, Error> {
        self.node_and_plan().await?.1
    }

    /// Finds the node first, which is known though the plan may fail.
    pub(crate) async fn node_and_plan(&self) -> Result<(NodeName, Result<Plan, Error>), Error> {
        let reach = || Doing::Reach(self.pve.endpoint().authority());
        let (version, nodes, vmid) = tokio::join!(self.pve.version(), self.pve.nodes(), self.first_id());
        let version = version.map_err(|source| Error::server(reach(), source))?;
        let nodes = nodes.map_err(|source| Error::server(Doing::ReadNodes, source))?;
        let node = self.node(&nodes)?;
        let plan = self.plan_on(&node, &nodes, (version, vmid?)).await;
        Ok((node, plan))
    }

    async fn plan_on(&self, node: &NodeName, nodes: &[Node], (version, vmid): (Version, VmId)) -> Result<Plan, Error> {
        let Some(template) = self.find_template(node, nodes).await? else {
            // Its configuration cannot be read: everything else that is missing is said at once.
            let rights = self.rights(&version, vmid, None);
            let lacking = self.lacking(&rights, None).await?;
            return Err(lacking.unwrap_or(Error::NoTemplate { template: self.order.template, known: Vec::new() }));
        };
        known_online(nodes, self.order.target.as_ref().unwrap_or(node))?;
        let target = self.target(node, &template)?;
        let (mode, because) = self.mode(&template)?;
        let storages = self.storages(&template, mode, &target).await?;
        let hardware = Hardware::of(template.config.texts(), &Zones::new()).ok();
        let rights = self.rights(&version, vmid, hardware);
        if let Some(lacking) = self.lacking(&rights, None).await? {
            return Err(lacking);
        }
        if matches!(self.order.start, Start::AndWaitForAddress(_)) && !template.config.agent_enabled() {
            return Err(Error::AgentDisabled { template: self.order.template });
        }
        Ok(Plan {
            server: self.pve.endpoint().authority(),
            version,
            source: template.node.clone(),
            target,
            template_name: template.config.name().unwrap_or_default().to_owned(),
            vmid,
            mode,
            because,
            storage: if mode == Mode::Full { self.wanted_storage().cloned() } else { None },
            storages,
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
        match self.remedied(vec![gap], Holdings::default(), Some(text)).await {
            Ok(explained) => explained,
            Err(_) => refused,
        }
    }

    async fn first_id(&self) -> Result<VmId, Error> {
        let Some(vmid) = self.order.vmid else {
            return self.pve.next_id().await.map_err(|source| Error::server(Doing::FindId, source));
        };
        match self.pve.is_free(vmid).await {
            Ok(true) => Ok(vmid),
            Ok(false) => Err(Error::VmidTaken { vmid }),
            Err(source) => Err(Error::server(Doing::FindId, source)),
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

    /// Reads the template, wherever it is; nothing where it may not be read.
    async fn find_template(&self, node: &NodeName, nodes: &[Node]) -> Result<Option<Template>, Error> {
        let vmid = self.order.template;
        let config = match self.pve.vm_config(node, vmid).await {
            Ok(config) => return self.template(node.clone(), config).await.map(Some),
            Err(refused) if refused.is_forbidden() => return Ok(None),
            Err(refused) if refused.is_missing_config() => None::<VmConfig>,
            Err(source) => return Err(Error::server(Doing::ReadTemplate(vmid), source)),
        };
        debug_assert!(config.is_none(), "the template is not on this node");
        let vms = self.pve.vms().await.map_err(|source| Error::server(Doing::ReadVms, source))?;
        let elsewhere = vms.iter().find(|vm| vm.vmid == vmid && vm.node != *node);
        let Some(elsewhere) = elsewhere else {
            let known = vms
                .iter()
                .filter(|vm| vm.is_template)
                .map(|vm| format!("{} {} on {}", vm.vmid, vm.name, vm.node))
                .collect();
            return Err(Error::NoTemplate { template: vmid, known });
        };
        known_online(nodes, &elsewhere.node)?;
        let config = self.pve.vm_config(&elsewhere.node, vmid).await;
        let config = config.map_err(|source| Error::server(Doing::ReadTemplate(vmid), source))?;
        self.template(elsewhere.node.clone(), config).await.map(Some)
    }

    async fn template(&self, node: NodeName, config: VmConfig) -> Result<Template, Error> {
        let vmid = self.order.template;
        if !config.is_template() {
            let vms = self.pve.vms().await.unwrap_or_default();
            let known = vms
                .iter()
                .filter(|vm| vm.is_template)
                .map(|vm| format!("{} {} on {}", vm.vmid, vm.name, vm.node))
                .collect();
            return Err(Error::NotATemplate { vmid, name: config.name().unwrap_or_default().to_owned(), known });
        }
        let (can_link, storages) = tokio::join!(self.pve.can_link(&node, vmid), self.pve.storages(&node));
        let can_link = can_link.map_err(|source| Error::server(Doing::ReadTemplate(vmid), source))?;
        let storages = storages.map_err(|source| Error::server(Doing::ReadStorages(node.clone()), source))?;
        Ok(Template { node, config, can_link, storages })
    }

    /// Decides on the node of the clone: local disks cannot leave their node.
    fn target(&self, node: &NodeName, template: &Template) -> Result<NodeName, Error> {
        let target = self.order.target.as_ref().unwrap_or(node);
        if *target == template.node {
            return Ok(target.clone());
        }
        let is_shared = |storage: &str| template.storages.iter().any(|it| it.name == storage && it.shared);
        match template.config.disks().find(|disk| !is_shared(&disk.storage)) {
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
        self.known_storage(wanted, target).await?;
        Ok(vec![wanted.clone()])
    }

    /// Checks that a storage exists. The list shows only storages on which something is held; one that is missing
    /// there although something is held does not exist, and about every other the privileges will say what is missing.
    async fn known_storage(&self, wanted: &StorageName, target: &NodeName) -> Result<(), Error> {
        let seen = self
            .pve
            .storages(target)
            .await
            .map_err(|source| Error::server(Doing::ReadStorages(target.clone()), source))?;
        let usable: Vec<String> = seen.iter().filter(|it| it.holds("images")).map(|it| it.name.clone()).collect();
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

    fn rights(&self, version: &Version, vmid: VmId, hardware: Option<Hardware>) -> CloneOrder {
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

    /// Says what is missing, and how to mend it; nothing where everything is there.
    async fn lacking(&self, rights: &CloneOrder, said: Option<String>) -> Result<Option<Error>, Error> {
        let needs = needs(rights);
        let mut held = Holdings::default();
        self.ask(paths(&needs), &mut held, None).await?;
        let gaps = gaps(&needs, &held);
        if gaps.is_empty() {
            return Ok(None);
        }
        self.remedied(gaps, held, said).await.map(Some)
    }

    async fn remedied(&self, gaps: Vec<Gap>, mut held: Holdings, said: Option<String>) -> Result<Error, Error> {
        let everywhere =
            self.pve.permissions(None, None).await.map_err(|source| Error::server(Doing::ReadPrivileges, source))?;
        let _ = held.answer_everywhere(&everywhere); // a strange name among them is no reason to hide the gaps
        self.ask(questions(&gaps, &held), &mut held, None).await?;
        let caller = self.seen(&gaps).await;
        let blocks = mend(&caller, &gaps, &held).unwrap_or_default();
        let (who, is_explained) = match &caller {
            Caller::User(user) => (user.to_string(), true),
            Caller::Token(token, seen) => (token.to_string(), seen.is_some()),
        };
        Ok(Error::Lacking { who, gaps, blocks, is_explained, said })
    }

    /// Looks at the token's user, where that may be seen (Sys.Audit on `/access`).
    async fn seen(&self, gaps: &[Gap]) -> Caller {
        let Caller::Token(token, _) = &self.caller else { return self.caller.clone() };
        let unseen = Caller::Token(token.clone(), None);
        let user = token.user.to_string();
        let Ok(everywhere) = self.pve.permissions(None, Some(&user)).await else { return unseen };
        let Ok(separated) = self.pve.is_separated(token).await else { return unseen };
        let mut holds = Holdings::default();
        let asked = holds.answer_everywhere(&everywhere).is_ok()
            && self.ask(questions(gaps, &holds), &mut holds, Some(&user)).await.is_ok();
        let separation = if separated { Separation::On } else { Separation::Off };
        if asked { Caller::Token(token.clone(), Some(UserSeen { holds, separation })) } else { unseen }
    }

    /// Asks for several paths at once.
    async fn ask(
        &self,
        paths: impl IntoIterator<Item = AclPath>,
        held: &mut Holdings,
        user: Option<&str>,
    ) -> Result<(), Error> {
        let paths: Vec<AclPath> = paths.into_iter().collect();
        let asked = together(paths.iter().map(|path| self.pve.permissions(Some(path.as_str()), user))).await;
        for (path, answer) in paths.iter().zip(asked) {
            let answer = answer.map_err(|source| Error::server(Doing::ReadPrivileges, source))?;
            let _ = held.answer(path, &answer); // a privilege with a strange name is none that is needed
        }
        Ok(())
    }
}

/// Checks that a node exists and is online.
fn known_online(nodes: &[Node], name: &NodeName) -> Result<(), Error> {
    let Some(node) = nodes.iter().find(|node| node.name == *name) else {
        return Err(Error::UnknownNode {
            node: name.clone(),
            known: nodes.iter().map(|node| node.name.to_string()).collect(),
        });
    };
    if node.is_online() { Ok(()) } else { Err(Error::NodeOffline { node: name.clone(), status: node.status.clone() }) }
}

fn warnings(config: &VmConfig) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.protection() {
        warnings.push("the template is protected, and so is its clone: the protection is taken off the clone before it is destroyed".to_owned());
    }
    if config.lock().is_some() {
        warnings.push(format!("the template is locked ({})", config.lock().unwrap_or_default()));
    }
    warnings
}
