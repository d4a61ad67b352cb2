use std::collections::BTreeMap;

use super::{RefusalReason as Is, SENTENCES, are_in_order, normalized};
use crate::model::Foreign;
use crate::pve::Refusal;

/// Status and sentence as servers from 8.0 to 9.2 were seen to say them, and why.
const SEEN: &[(u16, &str, Is)] = &[
    (401, "No ticket", Is::NoCredentials),
    (401, "no tokenid specified", Is::NoTokenId),
    (401, "Authentication failed!", Is::CredentialsRefused),
    (401, "invalid token value!", Is::WrongSecret),
    (401, "no such token 'nope' for user 'apex@pve'", Is::NoSuchToken),
    (401, "no such user ('apex@nowhere')", Is::NoSuchUser),
    (401, "no such user ('\"apex@pve')", Is::NoSuchUser),
    (401, "user 'disabled@pve' is disabled", Is::UserDisabled),
    (401, "user 'apex@pve' access expired", Is::UserExpired),
    (401, "token 'expired' access expired", Is::TokenExpired),
    (401, "permission denied - invalid PVE ticket", Is::TicketRefused),
    (401, "Permission denied - invalid csrf token", Is::CsrfRefused),
    (401, "authentication failure", Is::LoginRefused),
    (401, "Unauthorized", Is::UnknownUnauthorized),
    (401, "", Is::UnknownUnauthorized),
    (403, "Permission check failed (/vms/9000, VM.Clone)", Is::MissingPrivilege),
    (403, "Permission check failed", Is::MissingPrivilege),
    (403, "Permission check failed (pool 'nosuch' does not exist)", Is::NoSuchPool),
    (
        403,
        "Permission check failed (URI '/access/password' not available with API token, need proper ticket.",
        Is::NeedsLogin,
    ),
    (500, "only root can set 'hostpci0' config for non-mapped devices", Is::RootOnly),
    (500, "Only root can pass arbitrary filesystem paths.", Is::RootOnly),
    (500, "cluster not ready - no quorum?", Is::NoQuorum),
    (500, "create user failed: cfs-lock 'file-user_cfg' error: no quorum!", Is::NoQuorum),
    (500, "generating token failed: cfs-lock 'file-user_cfg' error: no quorum!", Is::NoQuorum),
    (500, "unable to open file '/etc/pve/nodes/pve2/qemu-server/23211.conf.tmp.213' - Permission denied", Is::NoQuorum),
    (
        500,
        "RPCEnvironment init request failed: Unable to load access control list: Connection refused",
        Is::ClusterFilesystemDown,
    ),
    (500, "ipcc_send_rec[1] failed: Connection refused", Is::ClusterFilesystemDown),
    (595, "No route to host", Is::NodeUnreachable),
    (595, "Connection timed out", Is::NodeUnreachable),
    (500, "no such cluster node 'nope'", Is::NoSuchNode),
    (500, "hostname lookup 'x' failed - failed to get address info for: x: Name or service not known", Is::NoSuchNode),
    (500, "got no worker upid - start worker failed", Is::NoWorker),
    (500, "got timeout", Is::Timeout),
    (500, "VM quit/powerdown failed - got timeout", Is::Timeout),
    (500, "can't lock file '/var/lock/qemu-server/lock-170.conf' - got timeout", Is::LockTimeout),
    (500, "cfs-lock 'file-user_cfg' error: got lock request timeout", Is::LockTimeout),
    (500, "unable to get any free VMID in range [23150, 23152]", Is::NoFreeVmid),
    (500, "unable to create VM 102: config file already exists", Is::VmidTaken),
    (500, "VM 100 already exists on node 'pve'", Is::VmidTaken),
    (500, "refusing to override existing file '/var/lib/vz/import/fetched.qcow2'", Is::FileExists),
    (500, "create user failed: user 'apex@pve' already exists", Is::UserExists),
    (500, "create role failed: role 'GlassdomeProvisioner' already exists", Is::RoleExists),
    (500, "create pool failed: pool 'rvpool' already exists", Is::PoolExists),
    (500, "create group failed: group 'rvg' already exists", Is::Unknown),
    (500, "no such pool 'nope'", Is::NoSuchPool),
    (500, "cfs-lock 'storage-shared' error: got lock timeout - aborting command", Is::LockTimeout),
    (500, "error with cfs lock 'storage-shared': unable to acquire lock", Is::LockTimeout),
    (500, "Configuration file 'nodes/pve/qemu-server/4711.conf' does not exist", Is::NoSuchVm),
    (500, "unable to find configuration file for VM 9000 on node 'pve2'", Is::NoSuchVm),
    (500, "no such user ('ghost@pve')", Is::NoSuchUser),
    (500, "ACL update failed: user 'ghost@pve' does not exist", Is::NoSuchUser),
    (500, "ACL update failed: no such token 'ghost' for user 'rv1@pve'", Is::NoSuchToken),
    (500, "ACL update failed: role 'Nope' does not exist", Is::NoSuchRole),
    (500, "pool 'nope' does not exist", Is::NoSuchPool),
    (500, "storage 'nope' does not exist", Is::NoSuchStorage),
    (500, "storage 'exdis' is disabled", Is::StorageDisabled),
    (500, "storage 'exonly' is not available on node 'pve'", Is::StorageNotOnNode),
    (500, "storage 'nfs' is not online", Is::StorageOffline),
    (
        500,
        "create storage failed: unable to activate storage 'exoff' - directory is expected to be a mount point",
        Is::StorageOffline,
    ),
    (500, "storage 'local' is not configured for content-type 'iso'", Is::StorageContent),
    (500, "VM is locked (backup)", Is::VmLocked),
    (500, "VM 101 is running - destroy failed", Is::VmRunning),
    (500, "you can't convert a VM to template if VM is running", Is::VmRunning),
    (500, "you can't convert a template to a template", Is::VmIsTemplate),
    (500, "VM 101 is not running", Is::VmNotRunning),
    (500, "QEMU guest agent is not running", Is::AgentDown),
    (500, "No QEMU guest agent configured", Is::AgentNotConfigured),
    (500, "can't remove VM 7701 - protection mode enabled", Is::VmProtected),
    (500, "unable to remove VM 23470 - used in HA resources and purge parameter not set.", Is::VmInHa),
    (500, "unable to create template, because VM contains snapshots", Is::VmHasSnapshots),
    (500, "Linked clone feature is not supported for 'local:102/vm-102-disk-0.qcow2' (scsi0)", Is::CannotLink),
    (500, "parameter 'storage' not allowed for linked clones", Is::CannotLink),
    (500, "can't clone VM to node 'pve2' (VM uses local storage)", Is::LocalStorage),
    (500, "can't clone to non-shared storage 'local'", Is::LocalStorage),
    (501, "Method 'GET /cluster/mapping/dir' not implemented", Is::NotImplemented),
    (400, "Parameter verification failed.", Is::InvalidParameter),
    (400, "unable to parse option", Is::InvalidParameter),
    (400, "Unknown option: regenerate", Is::UnknownParameter),
    (429, "Too Many Requests", Is::RateLimited),
    (413, "Payload Too Large", Is::RequestTooLarge),
    (501, "for data too large", Is::RequestTooLarge),
    (500, "malformed JSON string, neither tag, array, object, number, string or atom", Is::Unknown),
];

/// Exit statuses of tasks, and why they failed.
const TASKS: &[(&str, Is)] = &[
    ("unexpected status", Is::WorkerKilled),
    ("clone failed: copy failed: command '/usr/bin/qemu-img convert' failed: interrupted by signal", Is::Interrupted),
    ("clone failed: copy failed: No space left on device", Is::StorageFull),
    ("clone failed: zfs error: cannot create 'rpool/data/vm-100-disk-0': out of space", Is::StorageFull),
    (
        "lvcreate error: Volume group \"pve\" has insufficient free space (4095 extents): 8192 required.",
        Is::StorageFull,
    ),
    (
        "lvcreate error: Cannot create new thin volume, free space in thin pool pve/data reached threshold.",
        Is::StorageFull,
    ),
    ("clone failed: unable to write: Disk quota exceeded", Is::StorageFull),
    ("clone failed: rbd error: namespace lab does not exist", Is::Unknown),
    ("clone failed: unable to parse value: unexpected whitespace", Is::Unknown),
    ("clone failed: user space tools missing", Is::Unknown),
    ("clone failed: quota group 'lab' is not known", Is::Unknown),
    ("clone failed: storage 'space' is disabled", Is::StorageDisabled),
    ("storage 'quorum' is not available on node 'pve2'", Is::StorageNotOnNode),
    ("unable to open file '/etc/pve/nodes/pve2/qemu-server/23211.conf.tmp.1003' - Permission denied", Is::NoQuorum),
    ("unable to open file '/var/tmp/x' - Permission denied", Is::Unknown),
    (
        "KVM virtualisation configured, but not available. Either disable in VM configuration or enable in BIOS.",
        Is::KvmUnavailable,
    ),
    ("PCI device mapping not found for 'exmap'", Is::DeviceMissing),
    ("PCI device mapping invalid (hardware probably changed): pci device '0000:7f:1f.7' not found", Is::DeviceMissing),
    ("no such serial device", Is::DeviceMissing),
    ("bridge 'vmbr77' does not exist", Is::BridgeMissing),
    ("start failed: QEMU: cannot set up guest memory 'pc.ram': Cannot allocate memory", Is::OutOfMemory),
    ("timeout: no zvol device link for 'vm-100-cloudinit' found after 300 sec.", Is::DiskNotReady),
    ("start failed: command '/usr/bin/kvm -id 100' failed: got timeout", Is::Timeout),
    ("timeout waiting on systemd", Is::Timeout),
    ("VM 301 already running", Is::VmRunning),
    ("Could not access KVM kernel module: No such file or directory", Is::KvmUnavailable),
    ("start failed: QEMU exited with code 1: failed to initialize kvm: Permission denied", Is::KvmUnavailable),
    ("USB device mapping not found for 'stick'", Is::DeviceMissing),
    ("pci device '0000:7f:1f.7' not found", Is::DeviceMissing),
    ("not enough free space on the volume group", Is::StorageFull),
    ("received interrupt", Is::Interrupted),
    ("you can't start a vm if it's a template", Is::VmIsTemplate),
    ("base volume 'local:9000/base-9000-disk-0.qcow2' is still in use by linked cloned", Is::DiskInUse),
    ("unable to create VM 308 - volume 'local:iso/nothere.iso' does not exist", Is::NoSuchVolume),
    ("unable to create VM 100 - disk image '/images/100/vm-100-disk-0.raw' already exists", Is::Unknown),
    ("can't lock file '/var/lock/qemu-server/lock-23460.conf' - got timeout", Is::LockTimeout),
    ("", Is::Unknown),
];

/// Complaints about one parameter.
const PARAMETERS: &[(&str, &str, Is)] = &[
    ("vmid", "VM 9000 already exists", Is::VmidTaken),
    ("tokenid", "Token already exists.", Is::TokenExists),
    ("storage", "No such storage.", Is::NoSuchStorage),
    ("storage", "storage 'exiso' does not support vm images", Is::StorageContent),
    (
        "regenerate",
        "property is not defined in schema and the schema does not allow additional properties",
        Is::UnknownParameter,
    ),
    ("newid", "invalid format - value does not look like a valid VM ID", Is::Unknown),
];

#[test]
fn every_sentence_has_its_reason() {
    for (status, sentence, reason) in SEEN {
        let refusal = Refusal::new(*status, Foreign::new(*sentence));
        assert_eq!(refusal.reason(), *reason, "{status} {sentence}");
        // Where the phrase was replaced on the way, the message of the body says it.
        let inside = Refusal {
            message: Some(Foreign::new(format!("{sentence}\n"))),
            ..Refusal::new(*status, Foreign::new("Error"))
        };
        assert_eq!(inside.reason(), *reason, "{status} {sentence}");
    }
    for (sentence, reason) in TASKS {
        let nothing: [Foreign; 0] = [];
        assert_eq!(Is::of_task(&Foreign::new(*sentence), nothing.iter()), *reason, "{sentence}");
    }
}

#[test]
fn the_delay_of_a_401_without_words_is_that_of_the_server() {
    for (took, reason) in [(3_050, Is::CredentialsRefused), (40, Is::UnknownUnauthorized)] {
        let took = std::time::Duration::from_millis(took);
        let refusal = Refusal { took, ..Refusal::new(401, Foreign::new("Unauthorized")) };
        assert_eq!(refusal.reason(), reason, "{took:?}");
    }
}

#[test]
fn every_sentence_that_is_known_is_in_the_tables() {
    let seen = SEEN.iter().map(|(_, sentence, _)| sentence).chain(TASKS.iter().map(|(sentence, _)| sentence));
    let seen: Vec<String> =
        seen.chain(PARAMETERS.iter().map(|(_, sentence, _)| sentence)).map(|it| normalized(it)).collect();
    for (parts, _) in SENTENCES {
        assert!(seen.iter().any(|text| are_in_order(text, parts)), "{parts:?}");
    }
}

#[test]
fn a_parameter_has_a_reason_of_its_own() {
    for (parameter, error, reason) in PARAMETERS {
        let errors = BTreeMap::from([(Foreign::new(*parameter), Foreign::new(*error))]);
        let refusal = Refusal { errors, ..Refusal::new(400, Foreign::new("Parameter verification failed.")) };
        assert_eq!(refusal.reason_of(parameter), Some(*reason), "{error}");
        let whole = if *reason == Is::Unknown { Is::InvalidParameter } else { *reason };
        assert_eq!(refusal.reason(), whole, "{error}");
        assert_eq!(refusal.reason_of("other"), None);
    }
}

#[test]
fn the_cause_of_a_failed_copy_stands_in_its_log() {
    let failed = Foreign::new("clone failed: copy failed: command '/usr/bin/qemu-img convert' failed: exit code 1");
    let log = ["transferred 0.0 B of 1.0 GiB", "qemu-img: error while writing: No space left on device", "TASK ERROR"];
    let log = log.map(Foreign::new);
    assert_eq!(Is::of_task(&failed, log.iter()), Is::StorageFull);
}

#[test]
fn what_is_not_the_servers_is_known_by_its_status() {
    for (status, reason) in [
        (401, Is::UnknownUnauthorized),
        (403, Is::ForbiddenByProxy),
        (405, Is::ForbiddenByProxy),
        (413, Is::RequestTooLarge),
        (404, Is::NotTheApi),
        (429, Is::RateLimited),
        (502, Is::ProxyTrouble),
        (504, Is::ProxyTrouble),
        (520, Is::ProxyTrouble),
        (530, Is::ProxyTrouble),
        (500, Is::NotTheApi),
    ] {
        assert_eq!(Is::of_page(status), reason, "{status}");
    }
}
