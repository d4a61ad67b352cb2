//! The table, forwards and backwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Access, BadImport, Remark, ToolVariables, curl_line, imported};
use crate::model::{Secret, Tool};
use crate::settings::{Credentials, EnvFile, Instance, Variables};

const SECRET: &str = "12345678-abcd-ef12-3456-7890abcdef12";

fn with_token(host: &str) -> Access {
    Access {
        endpoint: Some(host.parse().unwrap()),
        credentials: Some(Credentials::Token {
            id: "apex@pve!glassdome-token".parse().unwrap(),
            secret: SECRET.parse().unwrap(),
        }),
        is_verified: Some(true),
        ca_file: None,
        fingerprint: None,
    }
}

fn with_password(host: &str) -> Access {
    let user = "apex@pve".parse().unwrap();
    let password = Secret::new("it's $a secret=!".to_owned());
    Access { credentials: Some(Credentials::Password { user, password }), ..with_token(host) }
}

fn variables(tool: Tool, access: &Access) -> Variables {
    let assignments = tool.assignments(access).unwrap();
    assignments.iter().map(|it| (it.name.clone(), it.whole().expose().to_owned().into())).collect()
}

fn texts(tool: Tool, access: &Access) -> BTreeMap<String, String> {
    variables(tool, access).into_iter().map(|(name, value)| (name, value.into_string().unwrap())).collect()
}

fn set(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

fn given(variables: &Variables) -> ToolVariables {
    ToolVariables::new(variables, Path::new(".env"), &EnvFile::default())
}

#[test]
fn each_tool_gets_its_own_variables() {
    let token = format!("apex@pve!glassdome-token={SECRET}");
    for (tool, expected) in [
        (
            Tool::TerraformBpg,
            &[
                ("PROXMOX_VE_ENDPOINT", "https://pve.lan:8006/"),
                ("PROXMOX_VE_API_TOKEN", &token),
                ("PROXMOX_VE_INSECURE", "false"),
            ][..],
        ),
        (
            Tool::TerraformTelmate,
            &[
                ("PM_API_URL", "https://pve.lan:8006/api2/json"),
                ("PM_API_TOKEN_ID", "apex@pve!glassdome-token"),
                ("PM_API_TOKEN_SECRET", SECRET),
                ("PM_TLS_INSECURE", "false"),
            ],
        ),
        (
            Tool::Packer,
            &[
                ("PROXMOX_URL", "https://pve.lan:8006/api2/json"),
                ("PROXMOX_USERNAME", "apex@pve!glassdome-token"),
                ("PROXMOX_TOKEN", SECRET),
            ],
        ),
        (
            Tool::Ansible,
            &[
                ("PROXMOX_HOST", "pve.lan"),
                ("PROXMOX_PORT", "8006"),
                ("PROXMOX_URL", "https://pve.lan:8006"),
                ("PROXMOX_USER", "apex@pve"),
                ("PROXMOX_TOKEN_ID", "glassdome-token"),
                ("PROXMOX_TOKEN_SECRET", SECRET),
                ("PROXMOX_VALIDATE_CERTS", "true"),
            ],
        ),
        (
            Tool::Capmox,
            &[
                ("PROXMOX_URL", "https://pve.lan:8006"),
                ("PROXMOX_TOKEN", "apex@pve!glassdome-token"),
                ("PROXMOX_SECRET", SECRET),
                ("PROXMOX_INSECURE", "false"),
            ],
        ),
        (
            Tool::Exporter,
            &[
                ("PVE_USER", "apex@pve"),
                ("PVE_TOKEN_NAME", "glassdome-token"),
                ("PVE_TOKEN_VALUE", SECRET),
                ("PVE_VERIFY_SSL", "true"),
            ],
        ),
    ] {
        assert_eq!(variables(tool, &with_token("pve.lan")), set(expected), "{tool}");
    }
}

#[test]
fn not_verifying_is_said_the_way_round_that_the_tool_wants() {
    let access = Access { is_verified: Some(false), ..with_token("pve.lan") };
    for (tool, variable, value) in [
        (Tool::TerraformBpg, "PROXMOX_VE_INSECURE", "true"),
        (Tool::TerraformTelmate, "PM_TLS_INSECURE", "true"),
        (Tool::Ansible, "PROXMOX_VALIDATE_CERTS", "false"),
        (Tool::Capmox, "PROXMOX_INSECURE", "true"),
        (Tool::Exporter, "PVE_VERIFY_SSL", "false"),
    ] {
        assert_eq!(texts(tool, &access)[variable], value);
    }
    assert!(Tool::Packer.remarks(&access).iter().any(|it| matches!(it, Remark::NoVerification { .. })));
}

#[test]
fn what_was_exported_is_imported_again() {
    for host in ["pve.lan", "pve.lan:8443", "pve.lan:443", "192.168.1.50", "[fd00::50]:8006"] {
        for access in [with_token(host), with_password(host)] {
            for is_verified in [true, false] {
                let access = Access { is_verified: Some(is_verified), ..access.clone() };
                for tool in Tool::ALL {
                    if tool.assignments(&access).is_none() {
                        continue;
                    }
                    // What a tool has no variable for is not carried.
                    let mut carried = access.clone();
                    match tool {
                        Tool::Packer => carried.is_verified = None,
                        Tool::Exporter => carried.endpoint = None,
                        _ => {}
                    }
                    let import = imported(&given(&variables(tool, &access)), Some(tool)).unwrap();
                    assert_eq!(import.access, carried, "{tool}");
                }
            }
        }
    }
    let access = Access { ca_file: Some(PathBuf::from("/etc/ca.pem")), ..with_token("pve.lan") };
    let import = imported(&given(&variables(Tool::Ansible, &access)), Some(Tool::Ansible)).unwrap();
    assert_eq!(import.access, access);
}

#[test]
fn whose_variables_are_there_is_found_out() {
    for tool in Tool::ALL {
        let import = imported(&given(&variables(tool, &with_token("pve.lan"))), None).unwrap();
        assert_eq!(import.tool, tool);
    }
    // Two tools of one shell that agree are one answer; what one does not know is the other's.
    let mut both = variables(Tool::Exporter, &with_token("pve.lan"));
    both.extend(variables(Tool::TerraformBpg, &with_token("pve.lan")));
    assert_eq!(imported(&given(&both), None).unwrap().access, with_token("pve.lan"));
    both.insert("PROXMOX_VE_ENDPOINT".to_owned(), "https://other.lan:8006/".into());
    both.extend(variables(Tool::TerraformTelmate, &with_token("pve.lan")));
    assert!(matches!(imported(&given(&both), None), Err(BadImport::TwoTools { .. })));
    assert!(imported(&given(&both), Some(Tool::Exporter)).is_ok());
    assert!(matches!(imported(&ToolVariables::default(), None), Err(BadImport::Nothing { .. })));
    // Our own password is no import from Ansible.
    let own = set(&[("PROXMOX_HOST", "pve.lan"), ("PROXMOX_USER", "apex@pve"), ("PROXMOX_PASSWORD", "x")]);
    assert!(matches!(imported(&given(&own), None), Err(BadImport::Nothing { .. })));
}

#[test]
fn wrong_and_missing_variables_are_named() {
    let whole = format!("apex@pve!t1={SECRET}");
    for (pairs, tool, why) in [
        (
            &[("PROXMOX_VE_API_TOKEN", &*whole)][..],
            Tool::TerraformBpg,
            "PROXMOX_VE_ENDPOINT is not set, but terraform-bpg requires it",
        ),
        (
            &[("PROXMOX_VE_ENDPOINT", "https://pve.lan:8006/"), ("PROXMOX_VE_API_TOKEN", "apex@pve!t1=123")],
            Tool::TerraformBpg,
            "the variable PROXMOX_VE_API_TOKEN: too short: 3 of 36 characters",
        ),
        (
            &[("PROXMOX_URL", "https://pve.lan:8006"), ("PROXMOX_TOKEN", SECRET), ("PROXMOX_SECRET", SECRET)],
            Tool::Capmox,
            "the variable PROXMOX_TOKEN: ",
        ),
        (
            &[
                ("PROXMOX_VE_ENDPOINT", "https://pve.lan:8006/"),
                ("PROXMOX_VE_API_TOKEN", &*whole),
                ("PROXMOX_VE_INSECURE", "perhaps"),
            ],
            Tool::TerraformBpg,
            "the variable PROXMOX_VE_INSECURE: not a boolean",
        ),
    ] {
        let refused = imported(&given(&set(pairs)), Some(tool)).unwrap_err().to_string();
        assert!(refused.starts_with(why), "{refused}");
        assert!(!refused.contains(SECRET), "{refused}");
    }
}

#[test]
fn an_address_without_a_port_means_https() {
    let whole = format!("apex@pve!t1={SECRET}");
    for (address, port) in [("https://pve.lan/", 443), ("https://pve.lan:8006/", 8006), ("https://pve.lan:8006", 8006)]
    {
        let variables = set(&[("PROXMOX_VE_ENDPOINT", address), ("PROXMOX_VE_API_TOKEN", &whole)]);
        assert_eq!(imported(&given(&variables), None).unwrap().access.endpoint.unwrap().port(), port, "{address}");
    }
}

#[test]
fn what_a_tool_cannot_express_is_said() {
    let pinned = Access { fingerprint: Some("AB".repeat(32).parse().unwrap()), ..with_token("pve.lan") };
    let authority = Access { ca_file: Some(PathBuf::from("/etc/ca.pem")), ..with_token("pve.lan") };
    for tool in Tool::ALL {
        assert!(tool.remarks(&pinned).iter().any(|it| matches!(it, Remark::NoFingerprint { .. })), "{tool}");
        // Verification is never given up because a tool cannot do it in our way.
        assert!(texts(tool, &pinned).iter().all(|(name, value)| !name.contains("INSECURE") || value == "false"));
        let is_said = tool.remarks(&authority).iter().any(|it| matches!(it, Remark::NoCaFile { .. }));
        assert_eq!(is_said, tool != Tool::Ansible, "{tool}");
    }
    let said: Vec<String> = Tool::Packer.remarks(&with_token("pve.lan")).iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "PROXMOX_TOKEN is the secret of the token for packer, but the ID of the token for capmox: do not set both in one shell"
        ]
    );
    assert!(Tool::Capmox.assignments(&with_password("pve.lan")).is_none(), "it takes tokens alone");
    let apart = Tool::Ansible.remarks(&with_token("pve.lan:443"));
    assert!(matches!(apart[..], [Remark::PortApart { port: 443, .. }]), "{apart:?}");
}

#[test]
fn the_line_for_curl_has_the_trust_and_no_secret() {
    let first = Instance::default();
    let access = Access { ca_file: Some(PathBuf::from("/it's/ca.pem")), ..with_token("pve.lan") };
    assert_eq!(
        curl_line(&access, &first).unwrap(),
        "printf 'Authorization: PVEAPIToken=%s=%s' 'apex@pve!glassdome-token' \"$PROXMOX_TOKEN_VALUE\" | \
         curl --cacert '/it'\\''s/ca.pem' --header @- 'https://pve.lan:8006/api2/json/version'"
    );
    // As the server decodes the header: one character a byte, and cut at a semicolon.
    for (user, shown) in
        [("jürgen@pve", Some("'j%FCrgen@pve!t1'")), ("a;%41@pve", Some("'a%3B%2541@pve!t1'")), ("łukasz@pve", None)]
    {
        let mut access = with_token("pve.lan");
        if let Some(Credentials::Token { id, .. }) = &mut access.credentials {
            *id = format!("{user}!t1").parse().unwrap();
        }
        let line = curl_line(&access, &first);
        assert_eq!(line.is_some(), shown.is_some(), "{user}: {line:?}");
        assert!(line.unwrap_or_default().contains(shown.unwrap_or_default()), "{user}");
    }
    let access = Access { is_verified: Some(false), ..with_password("pve.lan:443") };
    assert_eq!(
        curl_line(&access, &"02".parse().unwrap()).unwrap(),
        "printf %s \"$PROXMOX_02_PASSWORD\" | curl --insecure --data-urlencode 'username=apex@pve' \
         --data-urlencode password@- 'https://pve.lan:443/api2/json/access/ticket'"
    );
}
