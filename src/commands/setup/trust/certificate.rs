//! A certificate that is not trusted, as it is shown: what is wrong with it, and what it contains.

use crate::model::foreign::listed;
use crate::pve::{Leaf, NotValid};
use crate::ui::{Draw, Screen, Tone};
use std::fmt;

/// What is wrong with a certificate, and all that it says of itself.
pub(in crate::commands::setup) struct Certificate {
    pub(super) server: String,
    pub(super) leaf: Leaf,
    pub(super) flaw: Flaw,
}

/// All that a certificate says of itself.
pub(in crate::commands::setup) struct Facts<'a>(pub(in crate::commands::setup) &'a Leaf);

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Flaw {
    UnknownIssuer,
    Expired,
    /// The authority that signed it is not valid now.
    AuthorityNotValid(NotValid),
    WrongName,
    /// It cannot be used for a server, and this is why.
    Unfit(String),
    /// Another one was pinned, or shown a moment ago.
    Changed,
    /// The CA that is stored for this server has not signed it.
    NotFromStoredCa,
}

impl Flaw {
    /// Says what is wrong, and how much it matters.
    pub(super) fn words(&self, server: &str, leaf: &Leaf) -> (Tone, String) {
        let text = match self {
            Self::UnknownIssuer if leaf.is_of_proxmox => {
                return (
                    Tone::Plain,
                    format!(
                        "The certificate of {server} is issued by the cluster's own CA, which this system does not trust. That is the default of Proxmox VE."
                    ),
                );
            }
            Self::UnknownIssuer => format!(
                "The certificate of {server} is signed by an authority that this system does not trust, and it does not look like a certificate of Proxmox VE. Check that this is the server that you mean."
            ),
            Self::Expired => format!("The certificate of {server} has expired, or is not valid yet."),
            Self::AuthorityNotValid(why) => format!("The CA that signed the certificate of {server} {why}."),
            Self::WrongName => format!("The certificate of {server} is for other names."),
            Self::Unfit(why) => format!("The certificate of {server} cannot be used: {why}."),
            Self::Changed => format!(
                "The certificate of {server} is not the one that was pinned. Either it was renewed, or another machine is intercepting the connection."
            ),
            Self::NotFromStoredCa => format!(
                "The certificate of {server} is not signed by the CA that is stored for this server. Either the server has a new CA or another certificate, or someone between here and the server presents one."
            ),
        };
        (Tone::Warning, text)
    }
}

impl Draw for Certificate {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let (server, leaf) = (&self.server, &self.leaf);
        let (tone, text) = self.flaw.words(server, leaf);
        screen.toned(3, tone, &text)?;
        Facts(leaf).draw(screen)?;
        screen.paragraph(
            3,
            "Compare the fingerprint before you trust it: in the web interface, node > System > Certificates; in a shell on the server, `pvenode cert info`, the entry pve-ssl.pem.",
        )
    }
}

impl Draw for Facts<'_> {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        let Self(leaf) = self;
        screen.labelled("     subject      ", Tone::Dim, &leaf.subject.to_string())?;
        screen.labelled("     issuer       ", Tone::Dim, &leaf.issuer.to_string())?;
        screen.labelled("     names        ", Tone::Dim, &listed(&leaf.names))?;
        let valid = format!("{} to {}", leaf.not_before.date(), leaf.not_after.date());
        screen.labelled("     valid        ", Tone::Dim, &valid)?;
        fingerprint(screen, &leaf.fingerprint.to_string())
    }
}

/// Draws a fingerprint, in lines of as many bytes as there is room for.
pub(super) fn fingerprint(screen: &mut Screen<'_>, text: &str) -> fmt::Result {
    let per_line = match screen.style().width {
        None | Some(114..) => 32,
        Some(68..) => 16,
        Some(_) => 8,
    };
    let bytes: Vec<&str> = text.split(':').collect();
    let lines: Vec<String> = bytes.chunks(per_line).map(|line| line.join(":")).collect();
    if per_line == 8 {
        screen.labelled("     fingerprint", Tone::Dim, "")?;
    }
    let mut label = if per_line == 8 { " ".repeat(7) } else { "     fingerprint  ".to_owned() };
    for (place, line) in lines.iter().enumerate() {
        let end = if place + 1 < lines.len() { ":" } else { "" };
        screen.labelled(&label, Tone::Dim, &format!("{line}{end}"))?;
        label = " ".repeat(label.len());
    }
    Ok(())
}
