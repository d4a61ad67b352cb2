//! Receipts, drawn.

use std::time::Duration;

use super::{CloneType, LeftBehind, Receipt, ReceiptStep, SCHEMA};
use crate::model::Foreign;
use crate::ui::{Style, render};

fn receipt() -> Receipt {
    let mut receipt = Receipt {
        schema: SCHEMA,
        ok: true,
        token: "apex@pve!glassdome-token".to_owned(),
        node: "pve".to_owned(),
        template: 9000,
        vmid: Some(100),
        name: "glassdome-test-abc123".to_owned(),
        mode: Some(CloneType::Linked),
        storage: Some("local-lvm".to_owned()),
        addresses: Vec::new(),
        steps: Vec::new(),
        seconds: 3.1,
        left_behind: None,
        warnings: Vec::new(),
        times: Vec::new(),
        shows_steps: false,
    };
    receipt.steps.push(ReceiptStep::new("preflight", Duration::from_micros(40_400), None));
    let upid = "UPID:pve:1:2:3:qmclone:9000:apex@pve!t1:".to_owned();
    receipt.steps.push(ReceiptStep::new("clone", Duration::from_millis(210), Some(upid)));
    receipt
}

#[test]
fn the_receipt_says_what_was_verified() {
    let style = Style { color: false, unicode: true, width: Some(40) };
    insta::assert_snapshot!(render(&receipt(), style), @"
        ✔ Verified: apex@pve!glassdome-token can
                    create VMs on pve (template
                    9000, linked clone on
                    local-lvm, 3.1 s)
        ");
}

#[test]
fn a_vm_that_is_still_there_is_named() {
    let mut receipt = receipt();
    receipt.left_behind =
        Some(LeftBehind { vmid: 100, node: "pve".to_owned(), name: "x\u{1b}".to_owned(), disks: Vec::new() });
    let style = Style { color: false, unicode: true, width: None };
    let text = render(&receipt, style);
    assert!(text.contains("VM 100 (x\\u{1b}) was kept on pve; delete it with:\n"), "{text}");
    assert!(text.contains("    glassdome cleanup --vmid 100\n"), "{text}");
    receipt.ok = false;
    assert!(render(&receipt, style).contains("left: VM 100 (x\\u{1b}) may still be on pve\n"));
    receipt.left_behind.as_mut().unwrap().disks = vec![Foreign::new("exdis:100/vm-100-disk-0.qcow2")];
    let expected = "left: disks of deleted VM 100 (x\\u{1b}) on pve: exdis:100/vm-100-disk-0.qcow2\n";
    assert!(render(&receipt, style).contains(expected), "{}", render(&receipt, style));
    assert_eq!(
        serde_json::to_value(&receipt).unwrap()["left_behind"],
        serde_json::json!({"vmid": 100, "node": "pve", "name": "x\u{1b}", "disks": ["exdis:100/vm-100-disk-0.qcow2"]})
    );
}

#[test]
fn the_document_has_the_keys_of_its_schema() {
    let document = serde_json::to_value(receipt()).unwrap();
    let mut keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "left_behind",
            "mode",
            "name",
            "node",
            "ok",
            "schema",
            "seconds",
            "steps",
            "storage",
            "template",
            "token",
            "vmid",
            "warnings"
        ]
    );
    assert_eq!(document["mode"], "linked");
    assert_eq!(document["steps"][0], serde_json::json!({"name": "preflight", "seconds": 0.04, "upid": null}));
}
