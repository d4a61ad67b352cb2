//! Making a template.

use super::{denied, read, refused, screen};
use crate::error::{Error, Operation, TemplateError};

fn lines() -> Vec<String> {
    vec!["qm create 9000 --name ubuntu-2204".to_owned(), "qm template 9000".to_owned()]
}

#[test]
fn template() {
    let failed = || Error::server(Operation::Convert(read("9000")), refused(500, "VM is locked (backup)"));
    let text = screens! { TemplateError, screen;
        None => TemplateError::None;
        UnknownRelease => TemplateError::UnknownRelease {
            flag: "--release",
            release: "21.04".to_owned(),
            known: vec!["24.04".to_owned(), "22.04".to_owned()],
        };
        BadChecksum => TemplateError::BadChecksum;
        ChecksumUnreachable => TemplateError::ChecksumUnreachable {
            host: "cloud-images.ubuntu.com".to_owned(),
            why: "failed to lookup address information".to_owned(),
        };
        NoChecksum => TemplateError::NoChecksum {
            file: "jammy-server-cloudimg-amd64.img".to_owned(),
            why: "https://cloud-images.ubuntu.com/jammy/current/SHA256SUMS does not list it".to_owned(),
        };
        File => TemplateError::File { path: "jammy.img".to_owned(), source: denied() };
        NoImport => TemplateError::NoImport {
                node: read("pve"),
                enable: vec!["pvesm set local --content iso,vztmpl,import".to_owned()],
                manual_steps: lines(),
            };
        TooOld => TemplateError::TooOld { version: "8.1.4".to_owned(), manual_steps: lines() };
        NoDisks => TemplateError::NoDisks { node: read("pve") };
        WrongStorage => TemplateError::WrongStorage {
                storage: read("backup"),
                node: read("pve"),
                content: "VM disks",
                known: vec!["local-lvm".to_owned()],
            },
            TemplateError::WrongStorage {
                storage: read("backup"),
                node: read("pve"),
                content: "disk images to import",
                known: Vec::new(),
            };
        NotEnoughSpace => TemplateError::NotEnoughSpace {
            storage: "local".to_owned(),
            node: read("pve"),
            available: "0.2 GiB".to_owned(),
            needed: "0.7 GiB".to_owned(),
        };
        MissingPrivileges => TemplateError::MissingPrivileges {
            who: "apex@pve!glassdome-token".to_owned(),
            missing: vec!["VM.Allocate              on /vms/9000".to_owned()],
            manual_steps: lines(),
        };
        UnexpectedConfig => TemplateError::UnexpectedConfig { vmid: read("9000"), why: "it is not a template" };
        ImageChanged => TemplateError::ImageChanged { volume: "local:import/jammy.qcow2".to_owned() };
        Left => TemplateError::Left {
            why: Box::new(failed()),
            left: vec!["VM 9000 on pve".to_owned()],
            lines: vec!["glassdome cleanup".to_owned()],
        };
    };
    insta::assert_snapshot!(text);
}
