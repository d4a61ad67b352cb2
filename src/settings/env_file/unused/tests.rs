//! Lines that are not used.

use crate::settings::env_file::EnvFile;
use crate::settings::keys::Instance;

fn unused(text: &str) -> Vec<String> {
    let file = EnvFile::new(text.as_bytes().to_vec());
    file.unused_lines(&Instance::default(), &|_| None).iter().map(ToString::to_string).collect()
}

#[test]
fn a_line_that_is_not_an_assignment_is_named() {
    for line in [
        "PROXMOX_HOST: 127.0.0.1",
        "PROXMOX_HOST:127.0.0.1",
        "  PROXMOX_HOST : 127.0.0.1",
        "PROXMOX_HOST 127.0.0.1",
        "PROXMOX_HOST",
        "set PROXMOX_HOST=127.0.0.1",
        "SET PROXMOX_HOST=127.0.0.1",
        "setx PROXMOX_HOST 127.0.0.1",
        "setenv PROXMOX_HOST 127.0.0.1",
        "set -gx PROXMOX_HOST 127.0.0.1",
        "$env:PROXMOX_HOST = \"127.0.0.1\"",
        "- PROXMOX_HOST=127.0.0.1",
        "ENV PROXMOX_HOST=127.0.0.1",
        "\"PROXMOX_HOST\": \"127.0.0.1\",",
        "proxmox_host: 127.0.0.1",
        "PROXMOX_HOST='127.0.0.1",
        "let PROXMOX_HOST := 127.0.0.1",
    ] {
        let expected = "line 2: not an assignment; write PROXMOX_HOST=VALUE with nothing before it";
        assert_eq!(unused(&format!("# c\n{line}\nX=1\n")), [expected], "{line}");
    }
}

#[test]
fn names_that_are_not_read_are_named() {
    for (line, why) in [
        ("PROXMOX_HSOT=h", "PROXMOX_HSOT is not a known key; Glassdome reads PROXMOX_HOST"),
        ("proxmox_host=h", "proxmox_host is not a known key; Glassdome reads PROXMOX_HOST"),
        ("PROXMOX_HOST_01=h", "PROXMOX_HOST_01 is not a known key; Glassdome reads PROXMOX_HOST"),
        ("UBUNTU_2204_TEMPLATE=9", "UBUNTU_2204_TEMPLATE is not a known key"),
        (
            "PROXMOX_URL=https://h",
            "PROXMOX_URL is a key of packer and ansible and capmox, not of Glassdome; `glassdome setup --import` imports such values",
        ),
        (
            "PROXMOX_VE_APITOKEN=x",
            "PROXMOX_VE_APITOKEN is a key of terraform-bpg, not of Glassdome; `glassdome setup --import` imports such values",
        ),
        ("PROXMOX_PORT=443", "PROXMOX_PORT=443 is not read by Glassdome; write PROXMOX_HOST=HOST:443"),
        ("PROXMOX_API_KEY=x", "PROXMOX_API_KEY is not a known key"),
        ("PROXMOX_NODE=${NOWHERE}", "PROXMOX_NODE refers to ${NOWHERE}: not set, so that the value is empty"),
        ("PROXMOX_NODE=${A:-}${B}", "PROXMOX_NODE refers to ${A}, ${B}: not set, so that the value is empty"),
        ("PROXMOX_HOST=${A}.${B}:1${A}", "PROXMOX_HOST refers to ${A}, ${B}: not set, so that the value is incomplete"),
    ] {
        assert_eq!(unused(line), [format!("line 1: {why}")], "{line}");
    }
}

#[test]
fn a_reference_to_what_is_set_is_none_to_nothing() {
    for text in [
        "PROXMOX_HOST=${A:-pve.lan}",
        "A=pve.lan\nPROXMOX_HOST=${A}",
        "A=\nPROXMOX_HOST=${A}pve.lan",
        "PROXMOX_HOST=${SET}",
        "PROXMOX_HOST=$A",
        "PROXMOX_HOST=${A}\nPROXMOX_HOST=pve.lan",
        "OTHER=${A}",
        "PROXMOX_02_HOST=${A}",
    ] {
        let file = EnvFile::new(text.as_bytes().to_vec());
        let set = |name: &str| (name == "SET").then(|| "pve.lan".to_owned());
        assert_eq!(file.unused_lines(&Instance::default(), &set), [], "{text}");
    }
    assert_eq!(unused("PROXMOX_HOST=${A}\nA=pve.lan").len(), 1, "what is set behind it does not count");
}

#[test]
fn a_secret_that_goes_on_in_the_next_line_is_noticed() {
    let text = "PROXMOX_TOKEN_VALUE=a1b2c3d4-1234-5678-9a\nbc-def012345678\nPROXMOX_NODE=pve\n";
    let why = "line 2: this line continues the secret of the previous one: write PROXMOX_TOKEN_VALUE on one line";
    assert_eq!(unused(text), [why]);
}

#[test]
fn what_is_used_and_what_is_none_of_our_business_is_passed_over() {
    let text = "# PROXMOX_HSOT=x\nDATABASE_URL=x\nexport PROXMOX_HOST=h\nPROXMOX_02_HOST=h\nPROXMOX_TOKEN_VALUE_02=x\n\
                    PROXMOX_LOGIN_PASSWORD=x\nHOST=$PROXMOX_HOST\necho $PROXMOX_NODE\nUBUNTU_2204_TEMPLATE_ID=9\nbroken: line\n";
    assert_eq!(unused(text), Vec::<String>::new());
}
