//! The table of keys, and names of instances.

use std::collections::BTreeSet;

use super::{BadInstance, Instance, KEYS, Key};

#[test]
fn the_table_is_in_the_order_of_the_variants() {
    for entry in &KEYS {
        assert_eq!(entry.key.entry().variable, entry.variable);
        assert_eq!(entry.key.entry().key, entry.key);
    }
    let names: BTreeSet<_> = KEYS.iter().map(|entry| entry.variable).collect();
    assert_eq!(names.len(), KEYS.len());
}

#[test]
fn instances_have_names_of_their_own_and_one_is_irregular() {
    let second: Instance = "02".parse().unwrap();
    for (key, first_name, second_name) in [
        (Key::Host, "PROXMOX_HOST", "PROXMOX_02_HOST"),
        (Key::TokenName, "PROXMOX_TOKEN_NAME", "PROXMOX_02_TOKEN_NAME"),
        (Key::TokenValue, "PROXMOX_TOKEN_VALUE", "PROXMOX_TOKEN_VALUE_02"),
        (Key::VerifySsl, "PROXMOX_VERIFY_SSL", "PROXMOX_02_VERIFY_SSL"),
        (Key::CaFile, "PROXMOX_CA_FILE", "PROXMOX_02_CA_FILE"),
        (Key::Ubuntu2204Template, "UBUNTU_2204_TEMPLATE_ID", "UBUNTU_2204_TEMPLATE_ID"),
    ] {
        assert_eq!(key.variable(&"01".parse().unwrap()), first_name);
        assert_eq!(key.variable(&second), second_name);
    }
    assert_eq!((second.ca_file_name().as_str(), second.to_string().as_str()), ("proxmox-ca-02.pem", "02"));
    assert_eq!(Instance::default().ca_file_name(), "proxmox-ca.pem");
}

#[test]
fn only_letters_and_digits_name_an_instance() {
    for (text, read) in [
        ("01", Ok("01")),
        ("1", Ok("1")),
        ("lab2", Ok("lab2")),
        ("", Err(BadInstance::Form)),
        ("a_b", Err(BadInstance::Form)),
        ("0123456789abcdefg", Err(BadInstance::Form)),
        ("LOGIN", Err(BadInstance::Reserved)),
    ] {
        assert_eq!(text.parse::<Instance>().map(|it| it.to_string()), read.map(str::to_owned), "{text}");
    }
    assert!(!"1".parse::<Instance>().unwrap().is_first());
}
