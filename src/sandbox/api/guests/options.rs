//! The forms of names and options that VMs, nodes and storages have, in the server's words.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode_str;

use crate::sandbox::api::form::ITSELF;
use crate::sandbox::auth::names;
use crate::sandbox::cluster::vm::is_drive;

/// The name of a VM.
pub(crate) fn dns_name(value: &str) -> Result<(), String> {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    demanded(value.split('.').all(is_label), "value does not look like a valid DNS name")
}

/// The name of a node.
pub(crate) fn node_name(value: &str) -> Result<(), String> {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let fits = !value.is_empty() && plain && !value.starts_with('-') && !value.ends_with('-');
    demanded(fits, "value does not look like a valid node name")
}

/// The name of a storage.
pub(crate) fn storage_name(value: &str) -> Result<(), String> {
    let first = value.starts_with(|sign: char| sign.is_ascii_alphabetic());
    let last = value.ends_with(|sign: char| sign.is_ascii_alphanumeric());
    let fits = value.len() >= 2 && first && last && names::is_plain_name(value);
    demanded(fits, &format!("storage ID '{value}' contains illegal characters"))
}

/// The name of a snapshot or option.
pub(crate) fn config_id(value: &str) -> Result<(), String> {
    let first = value.starts_with(|sign: char| sign.is_ascii_alphabetic());
    let fits = value.len() >= 2 && first && names::is_plain_name(value) && !value.contains('.');
    demanded(fits, &format!("invalid configuration ID '{value}'"))
}

/// Names of options, in a list.
pub(crate) fn config_ids(value: &str) -> Result<(), String> {
    names::list(value).try_for_each(config_id)
}

/// Kinds of content, in a list.
pub(crate) fn contents(value: &str) -> Result<(), String> {
    let known = ["images", "rootdir", "vztmpl", "iso", "backup", "snippets", "import", "none"];
    let unknown = names::list(value).find(|word| !known.contains(word));
    unknown.map_or(Ok(()), |word| Err(format!("invalid content type '{word}'\n")))
}

/// Tags of a VM.
pub(crate) fn tags(value: &str) -> Result<(), String> {
    let is_tag = |tag: &str| {
        let first = tag.starts_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '_');
        first && tag.chars().all(|sign| sign.is_ascii_alphanumeric() || "_-+.".contains(sign))
    };
    demanded(value.split([',', ';', ' ']).filter(|tag| !tag.is_empty()).all(is_tag), "invalid characters in tag")
}

/// How much memory a VM has.
pub(crate) fn memory(value: &str) -> Result<(), String> {
    let amount = value.strip_prefix("current=").unwrap_or(value);
    match amount.parse::<i64>() {
        Err(_) => Err(format!("format error\nmemory.current: type check ('integer') failed - got '{amount}'")),
        Ok(amount) => demanded(amount >= 16, "format error\nmemory.current: value must have a minimum value of 16"),
    }
}

/// Public keys, percent-encoded.
pub(crate) fn encoded(value: &str) -> Result<(), String> {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%!*'()".contains(&byte));
    demanded(plain, &format!("invalid urlencoded string: {value}"))
}

/// The address of a network card that cloud-init sets up.
pub(crate) fn address_setup(value: &str) -> Result<(), String> {
    let wrong = value.split(',').find_map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (fits, what) = match key {
            "ip" => (value == "dhcp" || is_network(value, Ipv4Addr::from_str), "ipv4 network configuration"),
            "gw" => (Ipv4Addr::from_str(value).is_ok(), "ipv4 address"),
            "ip6" => (
                matches!(value, "dhcp" | "auto") || is_network(value, Ipv6Addr::from_str),
                "ipv6 network configuration",
            ),
            "gw6" => (Ipv6Addr::from_str(value).is_ok(), "ipv6 address"),
            _ => return Some(format!(
                "{ITSELF}.{key}: property is not defined in schema and the schema does not allow additional properties"
            )),
        };
        (!fits).then(|| format!("{ITSELF}.{key}: invalid format - value does not look like a valid {what}"))
    });
    wrong.map_or(Ok(()), |why| Err(format!("format error\n{why}")))
}

/// Tells whether a text is an address with the length of its prefix.
fn is_network<A, E>(text: &str, parse: impl Fn(&str) -> Result<A, E>) -> bool {
    text.split_once('/').is_some_and(|(address, prefix)| parse(address).is_ok() && prefix.parse::<u8>().is_ok())
}

/// The names of processors that QEMU brings along.
const PROCESSORS: &str = "486 Broadwell Broadwell-IBRS Broadwell-noTSX Broadwell-noTSX-IBRS Cascadelake-Server \
    Cascadelake-Server-noTSX Conroe Cooperlake EPYC EPYC-Genoa EPYC-IBPB EPYC-Milan EPYC-Rome GraniteRapids Haswell \
    Haswell-IBRS Haswell-noTSX Haswell-noTSX-IBRS Icelake-Client Icelake-Client-noTSX Icelake-Server \
    Icelake-Server-noTSX IvyBridge IvyBridge-IBRS KnightsMill Nehalem Nehalem-IBRS Opteron_G1 Opteron_G2 Opteron_G3 \
    Opteron_G4 Opteron_G5 Penryn SandyBridge SandyBridge-IBRS SapphireRapids Skylake-Client Skylake-Client-IBRS \
    Skylake-Client-noTSX-IBRS Skylake-Server Skylake-Server-IBRS Skylake-Server-noTSX-IBRS Westmere Westmere-IBRS \
    athlon core2duo coreduo host kvm32 kvm64 max pentium pentium2 pentium3 phenom qemu32 qemu64 x86-64-v2 \
    x86-64-v2-AES x86-64-v3 x86-64-v4";

/// The processor of a VM.
pub(crate) fn processor(value: &str) -> Result<(), String> {
    let first = value.split(',').next().unwrap_or_default();
    let name = first.strip_prefix("cputype=").unwrap_or(first);
    let is_known =
        name.starts_with("custom-") || name.contains('=') || PROCESSORS.split_whitespace().any(|known| known == name);
    demanded(is_known, &format!("Built-in cputype '{name}' is not defined (missing 'custom-' prefix?)"))
}

/// Tells whether these are public keys that ssh-keygen takes, one a line, percent-encoded.
pub(crate) fn are_public_keys(value: &str) -> bool {
    let text = percent_decode_str(value).decode_utf8_lossy();
    text.lines().filter(|line| !line.trim().is_empty()).all(|line| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| !word.starts_with("ssh-") && !word.starts_with("ecdsa-") && !word.starts_with("sk-"));
        let (Some(kind), Some(key)) = (words.next(), words.next()) else { return false };
        let bytes = STANDARD.decode(key).or_else(|_| STANDARD_NO_PAD.decode(key)).unwrap_or_default();
        let length = bytes.get(..4).and_then(|length| Some(u32::from_be_bytes(length.try_into().ok()?)));
        length.and_then(|length| bytes.get(4..4 + usize::try_from(length).ok()?)) == Some(kind.as_bytes())
    })
}

/// The models of network cards.
const MODELS: [&str; 14] = [
    "e1000",
    "e1000-82540em",
    "e1000-82544gc",
    "e1000-82545em",
    "e1000e",
    "i82551",
    "i82557b",
    "i82559er",
    "ne2k_isa",
    "ne2k_pci",
    "pcnet",
    "rtl8139",
    "virtio",
    "vmxnet3",
];

/// The other words of a network card.
const CARD_WORDS: [&str; 10] =
    ["model", "macaddr", "bridge", "firewall", "link_down", "mtu", "queues", "rate", "tag", "trunks"];

/// A network card.
pub(crate) fn card(value: &str) -> Result<(), String> {
    let words: Vec<&str> = value.split(',').map(|part| part.split('=').next().unwrap_or_default()).collect();
    let mut errors = Vec::new();
    if !words.iter().any(|word| MODELS.contains(word) || *word == "model") {
        errors.push(format!("{ITSELF}.model: property is missing and it is not optional"));
    }
    for word in words.iter().filter(|word| !MODELS.contains(word) && !CARD_WORDS.contains(word)) {
        errors.push(format!(
            "{ITSELF}.{word}: property is not defined in schema and the schema does not allow additional properties"
        ));
    }
    if errors.is_empty() { Ok(()) } else { Err(format!("format error\n{}", errors.join("\n"))) }
}

/// The size that a disk shall have, or how much it shall grow.
pub(crate) fn size(value: &str) -> Result<(), String> {
    let number = value.strip_prefix('+').unwrap_or(value).trim_end_matches(['K', 'M', 'G', 'T']);
    let fits = number.starts_with(|sign: char| sign.is_ascii_digit()) && number.parse::<f64>().is_ok();
    demanded(fits, "value does not match the regex pattern")
}

/// The address of a file.
pub(crate) fn address(value: &str) -> Result<(), String> {
    let fits = value.starts_with("http://") || value.starts_with("https://");
    demanded(fits, "value does not match the regex pattern")
}

/// The slot of a disk.
pub(crate) fn slot(value: &str) -> Result<(), String> {
    demanded(is_drive(value), &format!("value '{value}' does not have a value in the enumeration"))
}

/// A drive: an import needs a size of 0.
pub(crate) fn drive(value: &str) -> Result<(), String> {
    let imports = value.split(',').any(|part| part.starts_with("import-from="));
    let file = value.split(',').next().unwrap_or_default();
    let why = "'import-from' requires special syntax - use <storage ID>:0,import-from=<source>";
    demanded(!imports || file.ends_with(":0"), why)
}

fn demanded(holds: bool, why: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&str) -> Result<(), String>;

    #[test]
    fn names_and_options_are_judged_in_the_servers_words() {
        let name = "value does not look like a valid DNS name";
        let table: [(Rule, &str, Option<&str>); 16] = [
            (dns_name, "linked1", None),
            (dns_name, "a.b-c", None),
            (dns_name, "bad_name", Some(name)),
            (dns_name, "a..b", Some(name)),
            (dns_name, "-a", Some(name)),
            (node_name, "bad_node!", Some("value does not look like a valid node name")),
            (storage_name, "local-lvm", None),
            (storage_name, "a/b", Some("storage ID 'a/b' contains illegal characters")),
            (config_id, "s1", None),
            (config_id, "1s", Some("invalid configuration ID '1s'")),
            (tags, "lab;glassdome", None),
            (tags, "bad tag!", Some("invalid characters in tag")),
            (memory, "256", None),
            (memory, "8", Some("format error\nmemory.current: value must have a minimum value of 16")),
            (card, "virtio,bridge=vmbr0,tag=100", None),
            (encoded, "ssh-ed25519%20AAAA", None),
        ];
        for (rule, value, expected) in table {
            assert_eq!(rule(value).err().as_deref(), expected, "{value}");
        }
    }
}
