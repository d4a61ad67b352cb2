//! The certificate as it is shown.

use time::macros::datetime;

use super::{Certificate, Flaw};
use crate::model::{Fingerprint, Foreign};
use crate::pve::{Leaf, NotValid};
use crate::ui::{Style, render};

const WIDE: Style = Style { color: false, unicode: true, width: Some(80) };

fn certificate(flaw: Flaw) -> Certificate {
    let leaf = Leaf {
        subject: Foreign::new("OU=PVE Cluster Node, O=Proxmox Virtual Environment, CN=pve.a-rather-long-name.example"),
        issuer: Foreign::new("CN=Proxmox Virtual Environment, OU=6c1c2a3e, O=PVE Cluster Manager CA"),
        names: ["127.0.0.1", "localhost", "pve", "pve.a-rather-long-name.example"].map(Foreign::new).to_vec(),
        not_before: datetime!(2026-01-02 03:04:05 UTC),
        not_after: datetime!(2028-01-01 03:04:05 UTC),
        fingerprint: Fingerprint::new([0xAB; 32]),
        is_ca: false,
        is_of_proxmox: true,
        addresses_as_names: Vec::new(),
        is_self_issued: false,
        is_version_1: false,
        is_sha1: false,
    };
    Certificate { server: "192.168.1.50:8006".to_owned(), leaf, flaw }
}

#[test]
fn only_a_certificate_as_proxmox_makes_it_is_called_usual() {
    for flaw in [Flaw::UnknownIssuer, Flaw::Expired, Flaw::WrongName, Flaw::Changed, Flaw::NotFromStoredCa] {
        for is_of_proxmox in [true, false] {
            let mut shown = certificate(flaw.clone());
            shown.leaf.is_of_proxmox = is_of_proxmox;
            let is_usual = render(&shown, WIDE).contains("That is the default of Proxmox VE");
            assert_eq!(is_usual, flaw == Flaw::UnknownIssuer && is_of_proxmox, "{flaw:?} {is_of_proxmox}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "whole screens are compared")]
fn the_certificate_fits_every_terminal() {
    insta::assert_snapshot!(render(&certificate(Flaw::UnknownIssuer), WIDE), @"
    The certificate of 192.168.1.50:8006 is issued by the cluster's own CA, which
    this system does not trust. That is the default of Proxmox VE.
      subject      OU=PVE Cluster Node, O=Proxmox Virtual Environment,
                   CN=pve.a-rather-long-name.example
      issuer       CN=Proxmox Virtual Environment, OU=6c1c2a3e, O=PVE Cluster
                   Manager CA
      names        127.0.0.1, localhost, pve, pve.a-rather-long-name.example
      valid        2026-01-02 to 2028-01-01
      fingerprint  AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:
                   AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
    Compare the fingerprint before you trust it: in the web interface, node >
    System > Certificates; in a shell on the server, `pvenode cert info`, the
    entry pve-ssl.pem.
    ");
    insta::assert_snapshot!(render(&certificate(Flaw::UnknownIssuer), Style { width: Some(40), unicode: false, ..WIDE }), @"
    The certificate of 192.168.1.50:8006
    is issued by the cluster's own CA,
    which this system does not trust.
    That is the default of Proxmox VE.
      subject      OU=PVE Cluster Node,
                   O=Proxmox Virtual
                   Environment,
                   CN=pve.a-rather-long-name.example
      issuer       CN=Proxmox Virtual
                   Environment,
                   OU=6c1c2a3e, O=PVE
                   Cluster Manager CA
      names        127.0.0.1, localhost,
                   pve,
                   pve.a-rather-long-name.example
      valid        2026-01-02 to
                   2028-01-01
      fingerprint
        AB:AB:AB:AB:AB:AB:AB:AB:
        AB:AB:AB:AB:AB:AB:AB:AB:
        AB:AB:AB:AB:AB:AB:AB:AB:
        AB:AB:AB:AB:AB:AB:AB:AB
    Compare the fingerprint before you
    trust it: in the web interface, node
    > System > Certificates; in a shell
    on the server, `pvenode cert info`,
    the entry pve-ssl.pem.
    ");
    insta::assert_snapshot!(render(&certificate(Flaw::Changed), Style { color: true, ..WIDE }), @"
       [35;1mThe certificate of 192.168.1.50:8006 is not the one that was pinned. Either[0m
       [35;1mit was renewed, or another machine is intercepting the connection.[0m
    [2m     subject      [0mOU=PVE Cluster Node, O=Proxmox Virtual Environment,
                      CN=pve.a-rather-long-name.example
    [2m     issuer       [0mCN=Proxmox Virtual Environment, OU=6c1c2a3e, O=PVE Cluster
                      Manager CA
    [2m     names        [0m127.0.0.1, localhost, pve, pve.a-rather-long-name.example
    [2m     valid        [0m2026-01-02 to 2028-01-01
    [2m     fingerprint  [0mAB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:
                      AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB
       Compare the fingerprint before you trust it: in the web interface, node >
       System > Certificates; in a shell on the server, `pvenode cert info`, the
       entry pve-ssl.pem.
    ");
    let whole = render(&certificate(Flaw::Expired), Style { width: None, ..WIDE });
    assert!(whole.contains(&Fingerprint::new([0xAB; 32]).to_string()), "{whole}");
    assert!(whole.contains("has expired, or is not valid yet"), "{whole}");
    let expired = NotValid::Expired(time::macros::date!(2026 - 01 - 01));
    let shown = render(&certificate(Flaw::AuthorityNotValid(expired)), Style { width: None, ..WIDE });
    assert!(
        shown.contains("The CA that signed the certificate of 192.168.1.50:8006 expired on 2026-01-01."),
        "{shown}"
    );
    assert!(render(&certificate(Flaw::WrongName), WIDE).contains("is for other names"));
}
