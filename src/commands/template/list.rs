//! Which templates a clone could use, over all nodes, and what each lacks.

use crate::cli::{Global, OutputFormat, TemplateList};
use crate::commands::options;
use crate::error::{Doing, Error, Operation, PermissionError, TemplateError};
use crate::model::foreign::listed;
use crate::model::{Foreign, StorageName};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::ubuntu_releases::keyed;
use crate::ops::{together, unless_interrupted};
use crate::pve::{Pve, Vm};
use crate::session::Session;
use crate::settings::Settings;
use crate::ui::{Draw, Heading, Screen, Tone, gibibytes};
use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

/// What is said of a VM that is no template.
const NO_TEMPLATE: &str = "it is a VM, no template";

/// One template, or VM, as a clone sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    vmid: u32,
    name: Foreign,
    node: String,
    template: bool,
    /// The size of its first disk, in bytes.
    disk: u64,
    /// The storages of its disks.
    storages: Vec<Foreign>,
    cloud_init: bool,
    agent: bool,
    /// Whether a linked clone is possible.
    linked: bool,
    /// The keys of the settings that point at it.
    keys: Vec<&'static str>,
    /// What is missing for it to be good; of a VM that is no template, that alone.
    missing: Vec<String>,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Table {
    templates: Vec<Row>,
}

/// Lists what may be seen.
pub(super) async fn run(session: &Session, global: &Global, arguments: &TemplateList) -> Result<Value, Error> {
    let context = Context::load(session, &options::connection(global, &arguments.connection)).await?;
    let text = format!("Templates on {}", context.host()?);
    session.ui.borrow_mut().info(&Heading { text, is_sandbox: context.is_sandbox() });
    let connected = Connected::open(session, &context).await?;
    let read = unless_interrupted(session, table(&connected, &context.settings, arguments)).await;
    let table = match read {
        Ok(table) => table,
        Err(why) => return Err(connected.diagnosed(why).await),
    };
    if global.output == OutputFormat::Text {
        session.ui.borrow_mut().result(&table);
    }
    Ok(json!({ "templates": table.templates }))
}

async fn table(connected: &Connected, settings: &Settings, arguments: &TemplateList) -> Result<Table, Error> {
    let pve = &connected.pve;
    let vms = pve.vms_where(|vm| vm.is_template || arguments.all).await;
    let vms = vms.doing(Operation::ReadVms)?;
    let mut keys = Vec::new();
    for (key, _) in keyed() {
        keys.extend(settings.template(key).map(|found| (key.entry().variable, found.value)));
    }
    let rows = together(vms.iter().map(|vm| row(pve, vm, &keys))).await;
    let templates = rows.into_iter().collect::<Result<Vec<Row>, Error>>()?;
    if templates.is_empty() {
        return Err(nothing(connected).await);
    }
    Ok(Table { templates })
}

/// Says whether there is none, or whether none may be seen.
async fn nothing(connected: &Connected) -> Error {
    let sees_all = match connected.pve.permissions(Some("/vms"), None).await {
        Ok(answer) => answer.get("/vms").is_some_and(|held| held.get("VM.Audit") == Some(&true)),
        Err(_) => false,
    };
    if sees_all {
        TemplateError::None.into()
    } else {
        Error::Permission(PermissionError::NoTemplateVisible { who: connected.who() })
    }
}

async fn row(pve: &Pve, vm: &Vm, keys: &[(&'static str, crate::model::VmId)]) -> Result<Row, Error> {
    let blank = Row {
        vmid: vm.vmid.number(),
        name: vm.name.clone(),
        node: vm.node.to_string(),
        template: vm.is_template,
        disk: vm.disk,
        storages: Vec::new(),
        cloud_init: false,
        agent: false,
        linked: false,
        keys: keys.iter().filter(|(_, vmid)| *vmid == vm.vmid).map(|(name, _)| *name).collect(),
        missing: Vec::new(),
    };
    let (config, can_link) = tokio::join!(pve.vm_config(&vm.node, vm.vmid), pve.can_link(&vm.node, vm.vmid));
    let (config, can_link) = match (config, can_link) {
        (Ok(config), Ok(can_link)) => (config, can_link),
        // Its node may be offline, or it may be gone since the list was made.
        (Err(why), _) | (_, Err(why)) => {
            let why = why.to_string();
            return Ok(Row { missing: vec![format!("it cannot be read: {why}")], ..blank });
        }
    };
    let mut storages: Vec<Foreign> = config.disks().map(|disk| disk.storage.clone()).collect();
    storages.dedup();
    let mut row = Row {
        storages,
        cloud_init: config.has_cloud_init(),
        agent: config.agent_enabled(),
        linked: vm.is_template && can_link,
        ..blank
    };
    row.missing = missing(&row, config.has_nic());
    Ok(row)
}

/// Says what a template lacks, each with the line that mends it.
fn missing(row: &Row, has_nic: bool) -> Vec<String> {
    let Row { vmid, .. } = row;
    let storage = row.storages.first().and_then(|name| name.parse::<StorageName>().ok());
    let storage = storage.as_ref().map_or("STORAGE", StorageName::as_str);
    let mut missing = Vec::new();
    // A VM is somebody's own: nothing is proposed that would change it, least of all what cannot be taken back.
    if !row.template {
        return vec![NO_TEMPLATE.to_owned()];
    }
    if row.storages.is_empty() {
        missing.push("a disk".to_owned());
    }
    if !row.cloud_init {
        missing.push(format!("a drive for cloud-init: qm set {vmid} --ide2 {storage}:cloudinit"));
    }
    if !row.agent {
        missing.push(format!("the guest agent: qm set {vmid} --agent 1"));
    }
    if !has_nic {
        missing.push(format!("a network card: qm set {vmid} --net0 virtio,bridge=vmbr0"));
    }
    missing
}

impl Draw for Table {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        for row in &self.templates {
            let title = format!("{} {} on {}", row.vmid, row.name, row.node);
            screen.heading(&title)?;
            let mut facts = vec![format!("disk {}", gibibytes(row.disk))];
            if !row.storages.is_empty() {
                facts.push(format!("on {}", listed(&row.storages)));
            }
            let mut known: Vec<&str> = Vec::new();
            known.extend(row.cloud_init.then_some("cloud-init drive"));
            known.extend(row.agent.then_some("guest agent"));
            known.push(if row.linked { "linked clone" } else { "full clone only" });
            screen.paragraph(2, &format!("{}; {}", facts.join(" "), known.join(", ")))?;
            for key in &row.keys {
                screen.labelled("  ", Tone::Plain, &format!("{key} points at it"))?;
            }
            for missing in &row.missing {
                if !row.template && missing == NO_TEMPLATE {
                    screen.paragraph(2, missing)?;
                    continue;
                }
                screen.labelled("  missing: ", Tone::Warning, missing)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Row, Table, missing};
    use crate::model::Foreign;
    use crate::ui::{Style, render};

    fn row(vmid: u32) -> Row {
        Row {
            vmid,
            name: Foreign::new("ubuntu-2204-cloudinit-template"),
            node: "pve".to_owned(),
            template: true,
            disk: 32 << 30,
            storages: vec![Foreign::new("local-lvm")],
            cloud_init: true,
            agent: true,
            linked: true,
            keys: Vec::new(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn nothing_is_proposed_that_changes_somebodys_vm() {
        let vm = Row { template: false, agent: false, cloud_init: false, ..row(101) };
        assert_eq!(missing(&vm, false), ["it is a VM, no template"]);
        let table = Table { templates: vec![Row { missing: missing(&vm, false), ..vm }] };
        let text = render(&table, Style { color: false, unicode: true, width: None });
        assert!(text.ends_with("  it is a VM, no template\n") && !text.contains("missing: "), "{text}");
    }

    #[test]
    fn each_template_is_told_with_what_it_lacks() {
        let good = Row { keys: vec!["UBUNTU_2204_TEMPLATE_ID"], ..row(9000) };
        let mut bare = Row { agent: false, cloud_init: false, linked: false, ..row(9005) };
        bare.missing = missing(&bare, true);
        let style = Style { color: false, unicode: true, width: Some(60) };
        insta::assert_snapshot!(render(&Table { templates: vec![good, bare] }, style), @r"
        9000 ubuntu-2204-cloudinit-template on pve
          disk 32.0 GiB on local-lvm; cloud-init drive, guest agent,
          linked clone
          UBUNTU_2204_TEMPLATE_ID points at it
        9005 ubuntu-2204-cloudinit-template on pve
          disk 32.0 GiB on local-lvm; full clone only
          missing: a drive for cloud-init: qm set 9005 --ide2
                   local-lvm:cloudinit
          missing: the guest agent: qm set 9005 --agent 1
        ");
    }
}
