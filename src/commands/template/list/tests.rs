//! The table of templates.

use super::{TemplateRow, TemplateTable, missing};
use crate::model::Foreign;
use crate::ui::{Style, render};

fn row(vmid: u32) -> TemplateRow {
    TemplateRow {
        vmid,
        name: Foreign::new("ubuntu-2204-cloudinit-template"),
        node: "pve".to_owned(),
        template: true,
        disk: 32 << 30,
        storages: vec![Foreign::new("local-lvm")],
        cloud_init: Some(true),
        agent: Some(true),
        linked: Some(true),
        clone_from: None,
        keys: Vec::new(),
        missing: Vec::new(),
    }
}

#[test]
fn nothing_is_proposed_that_changes_another_users_vm() {
    let vm = TemplateRow { template: false, agent: Some(false), cloud_init: Some(false), ..row(101) };
    assert_eq!(missing(&vm, false), ["a VM, not a template"]);
    let table =
        TemplateTable { templates: vec![TemplateRow { missing: missing(&vm, false), ..vm }], warnings: Vec::new() };
    let text = render(&table, Style { color: false, unicode: true, width: None });
    assert!(text.ends_with("  a VM, not a template\n") && !text.contains("missing: "), "{text}");
}

#[test]
fn each_template_is_reported_with_what_it_lacks() {
    let good = TemplateRow { keys: vec!["UBUNTU_2204_TEMPLATE_ID"], ..row(9000) };
    let mut bare = TemplateRow { agent: Some(false), cloud_init: Some(false), linked: Some(false), ..row(9005) };
    bare.missing = missing(&bare, true);
    let style = Style { color: false, unicode: true, width: Some(60) };
    insta::assert_snapshot!(render(&TemplateTable { templates: vec![good, bare], warnings: Vec::new() }, style), @"
    9000 ubuntu-2204-cloudinit-template on pve
      disk 32.0 GiB on local-lvm; cloud-init drive, guest agent,
      linked clone
      set as UBUNTU_2204_TEMPLATE_ID
    9005 ubuntu-2204-cloudinit-template on pve
      disk 32.0 GiB on local-lvm; full clone only
      missing: a cloud-init drive: qm set 9005 --ide2
               local-lvm:cloudinit
      missing: the guest agent: qm set 9005 --agent 1
    ");
}
