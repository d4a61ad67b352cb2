//! A certificate that is not trusted: shown to a person, who says what is to be done about it.

use crate::error::{ConnectionError, Error};
use crate::model::foreign::listed;
use crate::model::{Endpoint, Host};
use crate::ops::ask;
use crate::ops::ca_file::read_ca;
use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::pve::{self, Leaf, NotValid, Probed, probe};
use crate::session::Session;
use crate::settings::{Key, Setting, Source, TRUST_KEYS};
use crate::ui::prompt::{ChoicePrompt, TextPrompt};
use crate::ui::{Draw, Screen, Tone};
use std::fmt;
use std::path::PathBuf;

/// What a person decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrustDecision {
    /// The certificate is judged by what was chosen.
    Settled,
    /// It is pinned for this run, until the cluster's own CA can be had.
    ByCluster,
    /// Another server is meant.
    OtherServer,
    /// The run ends here.
    Quit,
}

/// What can be done about a certificate.
#[derive(Clone)]
pub(super) enum TrustChoice {
    Cluster,
    Pin,
    /// Trust the CA in a file; which one is asked once this is chosen.
    CaFile(Option<PathBuf>),
    /// Call the server by a name that the certificate is for.
    Name(Endpoint),
    Unverified,
    OtherServer,
    Leave,
}

impl TrustChoice {
    /// Gives the line of an answer.
    fn short(&self) -> String {
        match self {
            Self::Cluster => "cluster CA".to_owned(),
            Self::Pin => "this certificate only".to_owned(),
            Self::CaFile(_) => "CA file".to_owned(),
            Self::Name(endpoint) => format!("connect to {endpoint}"),
            Self::Unverified => "not verified".to_owned(),
            Self::OtherServer => "go back".to_owned(),
            Self::Leave => "quit".to_owned(),
        }
    }
}

/// What is wrong with a certificate, and all that it says of itself.
pub(super) struct Certificate {
    server: String,
    leaf: Leaf,
    flaw: Flaw,
}

/// All that a certificate says of itself.
pub(super) struct Facts<'a>(pub(super) &'a Leaf);

/// Why a certificate is not trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Flaw {
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

/// Says whether a person may change what was decided about the certificate.
pub(super) fn can_be_changed(session: &Session, context: &Context) -> bool {
    let is_settled = |key: Key| context.settings.source(key).is_some_and(Source::is_settled);
    let is_decided = !matches!(context.trust(), Ok((_, TrustSource::System)));
    session.is_attended() && is_decided && !TRUST_KEYS.into_iter().any(is_settled)
}

/// Gives what decides about the certificate now, in a few words.
pub(super) fn present(context: &Context) -> String {
    let word = match context.trust() {
        Ok(_) if context.is_sandbox() => "as answered (not stored for the sandbox)",
        Ok((_, TrustSource::System)) => "the system's CAs",
        Ok((_, TrustSource::Ca)) => "a CA file",
        Ok((_, TrustSource::Pin)) => "trusted as shown",
        Ok((_, TrustSource::Unverified)) => "not verified",
        Err(_) => "",
    };
    word.to_owned()
}

/// Gives what was chosen before, to be proposed again.
pub(super) fn chosen(context: &Context, decision: Option<TrustDecision>) -> Option<TrustChoice> {
    match context.trust().ok()?.1 {
        TrustSource::Pin if decision == Some(TrustDecision::ByCluster) => Some(TrustChoice::Cluster),
        TrustSource::Pin => Some(TrustChoice::Pin),
        TrustSource::Ca => Some(TrustChoice::CaFile(None)),
        TrustSource::Unverified => Some(TrustChoice::Unverified),
        TrustSource::System => None,
    }
}

/// Says whether a certificate is the matter, and a person may decide about it.
pub(super) fn is_open(session: &Session, context: &Context, why: &Error) -> bool {
    let is_settled = |key: Key| context.settings.source(key).is_some_and(Source::is_settled);
    session.is_attended() && flaw(why).is_some() && !TRUST_KEYS.into_iter().any(is_settled)
}

fn flaw(why: &Error) -> Option<Flaw> {
    if let Error::Connection(ConnectionError::NotFromStoredCa { .. }) = why {
        return Some(Flaw::NotFromStoredCa);
    }
    let (Error::Connection(ConnectionError::Untrusted { source, .. }) | Error::Server { source, .. }) = why else {
        return None;
    };
    match source {
        pve::ApiError::CertificateUntrusted { .. } => Some(Flaw::UnknownIssuer),
        pve::ApiError::CertificateUnfit { why, .. } => Some(Flaw::Unfit(why.clone())),
        pve::ApiError::CertificateExpired { .. } => Some(Flaw::Expired),
        pve::ApiError::AuthorityNotValid { why, .. } => Some(Flaw::AuthorityNotValid(*why)),
        pve::ApiError::CertificateWrongName { .. } => Some(Flaw::WrongName),
        pve::ApiError::CertificateChanged { .. } => Some(Flaw::Changed),
        _ => None,
    }
}

/// Shows the certificate that is presented now, and lets a person decide. What is chosen holds for exactly the certificate
/// that was shown: another one later is noticed.
/// `proposed` is what was chosen before.
pub(super) async fn decide_trust(
    session: &Session,
    context: &mut Context,
    why: &Error,
    proposed: Option<TrustChoice>,
) -> Result<TrustDecision, Error> {
    let Some(flaw) = flaw(why) else { return Ok(TrustDecision::Quit) };
    let endpoint = context.endpoint()?;
    let probed = probe(&endpoint, context.limits(), &context.proxies(session)).await;
    let probed = probed.map_err(|source| Error::reaching(&endpoint, source))?;
    let ways = ways(session, context, &probed.leaf, &flaw)?;
    let server = if context.is_sandbox() { context.host()?.to_string() } else { endpoint.authority() };
    session.info(&Certificate { server, leaf: probed.leaf.clone(), flaw });
    let is_proposed = |(choice, _): &(TrustChoice, String)| {
        proposed.as_ref().is_some_and(|it| std::mem::discriminant(it) == std::mem::discriminant(choice))
    };
    let place = ways.iter().position(is_proposed).unwrap_or_default();
    let way = chosen_way(session, context, &probed, &ways, place).await?;
    match way {
        TrustChoice::Cluster | TrustChoice::Pin => {
            context.unset(&[Key::CaFile, Key::VerifySsl])?;
            context.answer(Setting::Fingerprint(probed.leaf.fingerprint))?;
            if matches!(way, TrustChoice::Cluster) {
                return Ok(TrustDecision::ByCluster);
            }
        }
        TrustChoice::CaFile(path) => {
            context.unset(&[Key::Fingerprint, Key::VerifySsl])?;
            context.answer(Setting::CaFile(path.unwrap_or_default()))?;
        }
        TrustChoice::Name(endpoint) => context.answer(Setting::Host(endpoint))?,
        TrustChoice::Unverified => {
            context.unset(&[Key::Fingerprint, Key::CaFile])?;
            context.answer(Setting::VerifySsl(false))?;
        }
        TrustChoice::OtherServer => return Ok(TrustDecision::OtherServer),
        TrustChoice::Leave => return Ok(TrustDecision::Quit),
    }
    Ok(TrustDecision::Settled)
}

/// Asks what to do about the certificate; who has no CA file after all comes back to this question.
async fn chosen_way(
    session: &Session,
    context: &Context,
    probed: &Probed,
    ways: &[(TrustChoice, String)],
    place: usize,
) -> Result<TrustChoice, Error> {
    let items: Vec<String> = ways.iter().map(|(_, text)| text.clone()).collect();
    let short: Vec<String> = ways.iter().map(|(choice, _)| choice.short()).collect();
    loop {
        let menu = ChoicePrompt::new("Do you trust this certificate?", items.clone());
        let menu = menu.answered_as("Trust", short.clone()).proposing(place);
        let index =
            ask::choice(session, menu, || ask::only_by("--fingerprint", "how to trust the certificate")).await?;
        match ways.get(index) {
            None => return Ok(TrustChoice::Leave),
            Some((TrustChoice::CaFile(_), _)) => {
                if let Some(path) = ca_file(session, context, probed.clone()).await? {
                    return Ok(TrustChoice::CaFile(Some(path)));
                }
            }
            Some((way, _)) => return Ok(way.clone()),
        }
    }
}

/// Lists what can be done. Where a certificate has changed, to leave is what is proposed; where it does not look like one of
/// Proxmox VE, to name another server.
fn ways(session: &Session, context: &Context, leaf: &Leaf, flaw: &Flaw) -> Result<Vec<(TrustChoice, String)>, Error> {
    let mut ways = Vec::new();
    if context.is_open(session, Key::Host) && *flaw == Flaw::WrongName {
        let port = context.host()?.port();
        let names = leaf.names.iter().filter_map(|name| name.parse::<Host>().ok()).filter(is_reachable);
        ways.extend(names.map(|host| {
            let endpoint = Endpoint::new(host, port);
            let text = format!("Connect to {endpoint} instead, a name in the certificate");
            (TrustChoice::Name(endpoint), text)
        }));
    }
    let is_unknown_issuer = *flaw == Flaw::UnknownIssuer && !leaf.is_of_proxmox;
    let other = (TrustChoice::OtherServer, "Go back and enter a different server".to_owned());
    let is_host_open = context.is_open(session, Key::Host);
    if is_unknown_issuer && is_host_open {
        ways.push(other.clone());
    }
    let recommended = if is_unknown_issuer { "" } else { " (recommended)" };
    ways.push((TrustChoice::Cluster, format!("Yes, and trust the cluster's CA from now on{recommended}")));
    ways.push((TrustChoice::Pin, "Yes, only this certificate".to_owned()));
    if !context.is_sandbox() {
        ways.push((TrustChoice::CaFile(None), "I have the CA in a file".to_owned()));
    }
    ways.push((TrustChoice::Unverified, "Do not verify: anyone on the network path can read the secret".to_owned()));
    if !is_unknown_issuer && is_host_open {
        ways.push(other);
    }
    let leave = (TrustChoice::Leave, "Quit (nothing was written)".to_owned());
    if matches!(flaw, Flaw::Changed | Flaw::NotFromStoredCa) || (is_unknown_issuer && !is_host_open) {
        ways.insert(0, leave);
    } else {
        ways.push(leave);
    }
    Ok(ways)
}

/// Says whether a name leads from here to the server, and not to this machine.
fn is_reachable(host: &Host) -> bool {
    match host.address() {
        Some(address) => !address.is_loopback(),
        None => host.to_string() != "localhost",
    }
}

/// Asks for a CA file that has signed the certificate; gives its path, or nothing for another way.
async fn ca_file(session: &Session, context: &Context, probed: Probed) -> Result<Option<PathBuf>, Error> {
    let home = session.variable("HOME").map(PathBuf::from);
    let folder = session.folder.clone();
    let place = move |text: &str| match (text.strip_prefix("~/"), &home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => folder.join(text),
    };
    let check = place.clone();
    let question =
        TextPrompt::new("CA file").hinting("a copy of /etc/pve/pve-root-ca.pem; empty: go back").checked(move |text| {
            if text.is_empty() {
                return Ok(());
            }
            let bundle = read_ca(&check(text)).map_err(|why| words(&why))?;
            probed.is_signed_by(&bundle).map_err(|why| format!("this CA cannot be used: {why}"))
        });
    let said = ask::text(session, question, || context.unanswered("the CA file", Key::CaFile)).await?;
    Ok(Some(said).filter(|said| !said.is_empty()).map(|said| place(&said)))
}

/// Tells an error and its cause on one line.
fn words(why: &Error) -> String {
    let cause = std::error::Error::source(why).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{why}{cause}")
}

/// Draws a fingerprint, in lines of as many bytes as there is room for.
fn fingerprint(screen: &mut Screen<'_>, text: &str) -> fmt::Result {
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

impl Flaw {
    /// Says what is wrong, and how much it matters.
    fn words(&self, server: &str, leaf: &Leaf) -> (Tone, String) {
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

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{Certificate, Flaw};
    use crate::model::{Fingerprint, Foreign};
    use crate::pve::{Leaf, NotValid};
    use crate::ui::{Style, render};

    const WIDE: Style = Style { color: false, unicode: true, width: Some(80) };

    fn certificate(flaw: Flaw) -> Certificate {
        let leaf = Leaf {
            subject: Foreign::new(
                "OU=PVE Cluster Node, O=Proxmox Virtual Environment, CN=pve.a-rather-long-name.example",
            ),
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
}
