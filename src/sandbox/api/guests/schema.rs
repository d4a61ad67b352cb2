//! The options that a VM's configuration may have: their forms, and who may change them.

use crate::sandbox::api::form::{ANY_LENGTH, optional};
use crate::sandbox::api::form::{Form, Parameter};
use crate::sandbox::api::guests::options;

const TEXT: Form = Form::Text(ANY_LENGTH);

/// Every option of a VM.
pub(crate) const OPTIONS: &[Parameter] = &[
    optional("acpi", Form::Switch),
    optional("affinity", TEXT),
    optional("agent", TEXT),
    optional("allow-ksm", Form::Switch),
    optional("amd-sev", TEXT),
    optional("arch", Form::OneOf(&["x86_64", "aarch64"])),
    optional("args", TEXT),
    optional("audio0", TEXT),
    optional("autostart", Form::Switch),
    optional("balloon", Form::Number),
    optional("bios", Form::OneOf(&["seabios", "ovmf"])),
    optional("boot", TEXT),
    optional("bootdisk", TEXT),
    optional("cdrom", TEXT),
    optional("cicustom", TEXT),
    optional("cipassword", TEXT),
    optional("citype", Form::OneOf(&["configdrive2", "nocloud", "opennebula"])),
    optional("ciupgrade", Form::Switch),
    optional("ciuser", TEXT),
    optional("cores", Form::Between(1, i64::MAX)),
    optional("cpu", Form::Plain(options::processor)),
    optional("cpulimit", Form::Decimal),
    optional("cpuunits", Form::Between(1, 262_144)),
    optional("description", Form::Text(8192)),
    optional("efidisk0", TEXT),
    optional("freeze", Form::Switch),
    optional("hookscript", TEXT),
    optional("hostpci[n]", TEXT),
    optional("hotplug", TEXT),
    optional("hugepages", Form::OneOf(&["any", "2", "1024"])),
    optional("ide[n]", Form::Plain(options::drive)),
    optional("ipconfig[n]", Form::Of(options::address_setup)),
    optional("ivshmem", TEXT),
    optional("keephugepages", Form::Switch),
    optional("keyboard", TEXT),
    optional("kvm", Form::Switch),
    optional("localtime", Form::Switch),
    optional("lock", Form::OneOf(LOCKS)),
    optional("machine", TEXT),
    optional("memory", Form::Of(options::memory)),
    optional("migrate_downtime", Form::Decimal),
    optional("migrate_speed", Form::Number),
    optional("name", Form::Of(options::dns_name)),
    optional("nameserver", TEXT),
    optional("net[n]", Form::Of(options::card)),
    optional("numa", Form::Switch),
    optional("numa[n]", TEXT),
    optional("onboot", Form::Switch),
    optional("ostype", Form::OneOf(SYSTEMS)),
    optional("parallel[n]", TEXT),
    optional("protection", Form::Switch),
    optional("reboot", Form::Switch),
    optional("rng0", TEXT),
    optional("sata[n]", Form::Plain(options::drive)),
    optional("scsi[n]", Form::Plain(options::drive)),
    optional("scsihw", Form::OneOf(CONTROLLERS)),
    optional("searchdomain", TEXT),
    optional("serial[n]", TEXT),
    optional("shares", Form::Between(0, 50_000)),
    optional("smbios1", Form::Text(512)),
    optional("smp", Form::Between(1, i64::MAX)),
    optional("sockets", Form::Between(1, i64::MAX)),
    optional("spice_enhancements", TEXT),
    optional("sshkeys", Form::Of(options::encoded)),
    optional("startdate", TEXT),
    optional("startup", TEXT),
    optional("tablet", Form::Switch),
    optional("tags", Form::Of(options::tags)),
    optional("tdf", Form::Switch),
    optional("template", Form::Switch),
    optional("tpmstate0", TEXT),
    optional("unused[n]", TEXT),
    optional("usb[n]", TEXT),
    optional("vcpus", Form::Between(1, i64::MAX)),
    optional("vga", TEXT),
    optional("virtio[n]", Form::Plain(options::drive)),
    optional("virtiofs[n]", TEXT),
    optional("vmgenid", TEXT),
    optional("vmstatestorage", Form::Of(options::storage_name)),
    optional("watchdog", TEXT),
    optional("force", Form::Switch),
];

const LOCKS: &[&str] =
    &["backup", "clone", "create", "migrate", "rollback", "snapshot", "snapshot-delete", "suspending", "suspended"];

const SYSTEMS: &[&str] =
    &["other", "wxp", "w2k", "w2k3", "w2k8", "wvista", "win7", "win8", "win10", "win11", "l24", "l26", "solaris"];

const CONTROLLERS: &[&str] = &["lsi", "lsi53c810", "virtio-scsi-pci", "virtio-scsi-single", "megasas", "pvscsi"];

/// What it takes to change an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// One of these privileges at the VM.
    OneOf(&'static [&'static str]),
    /// To be root.
    Root,
}

/// Options by the privilege that it takes to change them.
const GROUPS: [(&str, &[&str]); 4] = [
    ("cores cpu cpulimit cpuunits numa smp sockets vcpus affinity", &["VM.Config.CPU"]),
    ("memory balloon shares hugepages keephugepages allow-ksm", &["VM.Config.Memory"]),
    ("acpi hotplug kvm machine scsihw smbios1 tablet vga watchdog audio0 rng0 vmgenid arch", &["VM.Config.HWType"]),
    (
        "agent autostart bios description keyboard localtime migrate_downtime migrate_speed name onboot ostype \
         protection reboot startdate startup tdf template tags spice_enhancements",
        &["VM.Config.Options"],
    ),
];

/// The rest of them.
const MORE_GROUPS: [(&str, &[&str]); 3] = [
    ("freeze", &["VM.PowerMgmt"]),
    ("boot bootdisk vmstatestorage", &["VM.Config.Disk"]),
    (
        "cicustom cipassword citype ciuser ciupgrade nameserver searchdomain sshkeys",
        &["VM.Config.Cloudinit", "VM.Config.Network"],
    ),
];

/// Says what it takes to change an option.
pub(crate) fn needs(option: &str) -> Needs {
    let groups = GROUPS.iter().chain(&MORE_GROUPS);
    let mut named = groups.filter(|(names, _)| names.split_whitespace().any(|name| name == option));
    if let Some((_, privileges)) = named.next() {
        return Needs::OneOf(privileges);
    }
    match option.trim_end_matches(|sign: char| sign.is_ascii_digit()) {
        "net" => Needs::OneOf(&["VM.Config.Network"]),
        "numa" => Needs::OneOf(&["VM.Config.CPU"]),
        "hostpci" | "serial" | "usb" | "virtiofs" => Needs::OneOf(&["VM.Config.HWType"]),
        "ipconfig" => Needs::OneOf(&["VM.Config.Cloudinit", "VM.Config.Network"]),
        "ide" | "sata" | "scsi" | "virtio" | "efidisk" | "tpmstate" | "unused" | "cdrom" => {
            Needs::OneOf(&["VM.Config.Disk"])
        }
        _ => Needs::Root,
    }
}

/// Tells whether an option exists.
pub(crate) fn exists(option: &str) -> bool {
    let stem = option.trim_end_matches(|sign: char| sign.is_ascii_digit());
    OPTIONS.iter().any(|known| match known.name.strip_suffix("[n]") {
        Some(name) => name == stem && stem.len() < option.len(),
        None => known.name == option,
    })
}

/// Tells whether a change of an option takes effect while the VM runs.
pub(crate) fn is_quick(option: &str) -> bool {
    let quick = "lock name onboot shares startup description protection vmstatestorage hookscript tags boot bootdisk \
        reboot migrate_downtime migrate_speed";
    quick.split_whitespace().any(|name| name == option) || option.starts_with("net") || option.starts_with("unused")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_belongs_to_a_privilege_or_to_root() {
        let table = [
            ("memory", Needs::OneOf(&["VM.Config.Memory"])),
            ("name", Needs::OneOf(&["VM.Config.Options"])),
            ("net0", Needs::OneOf(&["VM.Config.Network"])),
            ("args", Needs::Root),
            ("lock", Needs::Root),
            ("hookscript", Needs::Root),
        ];
        for (option, expected) in table {
            assert_eq!(needs(option), expected, "{option}");
        }
        assert!(exists("net0") && exists("memory") && !exists("net") && !exists("memory0"));
    }
}
