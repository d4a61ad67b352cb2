//! Names and numbers as Proxmox VE takes them.

use proptest::prelude::{prop_assert_eq, proptest};

use super::{InvalidId, NodeName, PoolName, StorageName, Upid, VmId, VmName};

#[test]
fn vmids_end_where_proxmox_ends_them() {
    for (text, number) in [("100", Some(100)), ("999999999", Some(999_999_999)), (" 9000 ", Some(9000))] {
        assert_eq!(text.parse::<VmId>().ok().map(VmId::number), number, "{text}");
    }
    for text in ["", "99", "1000000000", "+100", "-100", "1e3", "100 200", "99999999999999999999999"] {
        assert_eq!(text.parse::<VmId>(), Err(InvalidId::VmId), "{text}");
    }
}

#[test]
fn names_follow_proxmox_rules() {
    let long = "x".repeat(63);
    let too_long = "x".repeat(64);
    for (text, is_node, is_vm) in [
        ("pve", true, true),
        ("pve-01", true, true),
        ("pve.lan", false, true),
        ("-pve", false, false),
        ("pve-", false, false),
        ("a_b", false, false),
        ("", false, false),
        ("../x", false, false),
        (long.as_str(), true, true),
        (too_long.as_str(), false, false),
    ] {
        assert_eq!(text.parse::<NodeName>().is_ok(), is_node, "node {text}");
        assert_eq!(text.parse::<VmName>().is_ok(), is_vm, "vm {text}");
    }
    for (text, good) in
        [("local-lvm", true), ("a", false), ("1ab", false), ("ab.", false), ("ceph_ssd.1", true), ("a/b", false)]
    {
        assert_eq!(text.parse::<StorageName>().is_ok(), good, "storage {text}");
    }
    for (text, good) in
        [("lab", true), ("lab/a/b", true), ("lab/a/b/c", false), ("lab//a", false), ("", false), ("a b", false)]
    {
        assert_eq!(text.parse::<PoolName>().is_ok(), good, "pool {text}");
    }
}

#[test]
fn upids_of_every_recorded_kind_are_read() {
    for (text, node, kind) in [
        ("UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve!glassdome-token:", "pve", "qmclone"),
        ("UPID:pve:00000512:0003C906:6B04F45A:imgdel:9000@local:apex@pve!glassdome-token:", "pve", "imgdel"),
        ("UPID:pve-2:0000054D:100003F69B:6B04F4CF:download:fetched.qcow2:root@pam:", "pve-2", "download"),
        ("UPID:pve:0000054D:0003F69B:6B04F4CF:vzdump::root@pam:", "pve", "vzdump"),
    ] {
        let upid: Upid = text.parse().unwrap();
        assert_eq!((upid.node().as_str(), upid.kind(), upid.to_string().as_str()), (node, kind, text));
    }
    for text in [
        "",
        "UPID:",
        "UPID:pve:x:0:0:a:b:c:",
        "UPID:pve:1:1:1:a:b:c",
        "UPID:../..:1:1:1:a:b:c:",
        "UPID:pve:1:1:1:a:b/c:d:",
    ] {
        assert_eq!(text.parse::<Upid>(), Err(InvalidId::Upid), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = text.parse::<NodeName>();
        let _ = text.parse::<StorageName>();
        let _ = text.parse::<PoolName>();
        let _ = text.parse::<VmName>();
        let _ = text.parse::<Upid>();
        let _ = text.parse::<VmId>();
    }

    #[test]
    fn a_vmid_survives_its_own_text(number in 100_u64..=999_999_999) {
        let vmid = VmId::new(number).unwrap();
        prop_assert_eq!(vmid.to_string().parse::<VmId>(), Ok(vmid));
    }

    #[test]
    fn a_name_survives_its_own_text(text in "[a-z][a-z0-9-]{0,20}[a-z0-9]") {
        prop_assert_eq!(text.parse::<NodeName>().map(|name| name.to_string()), Ok(text.clone()));
        prop_assert_eq!(text.parse::<StorageName>().map(|name| name.to_string()), Ok(text));
    }

    #[test]
    fn a_upid_survives_its_own_text(node in "[a-z]{1,8}", pid: u32, start: u32, id in "[0-9]{3,9}") {
        let text = format!("UPID:{node}:{pid:08X}:{start:08X}:{start:08X}:qmclone:{id}:apex@pve!t1:");
        prop_assert_eq!(text.parse::<Upid>().map(|upid| upid.to_string()), Ok(text));
    }
}
