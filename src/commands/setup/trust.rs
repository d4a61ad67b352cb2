//! An untrusted certificate: shown at the terminal, with the choices for it.

mod certificate;
mod choice;

pub(super) use certificate::{Certificate, Facts};
pub(super) use choice::TrustChoice;

use crate::error::{ConnectionError, Error};
use crate::ops::ask;
use crate::ops::ca_file::read_ca;
use crate::ops::connection::TrustSource;
use crate::ops::context::Context;
use crate::pve::{self, Probed, probe};
use crate::session::Session;
use crate::settings::{Key, Setting, Source, TRUST_KEYS};
use crate::ui::prompt::{ChoicePrompt, TextPrompt};
use certificate::Flaw;
use choice::trust_choices;
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
    /// What was decided before holds on.
    Kept,
    /// The run ends here.
    Quit,
}

/// Returns whether a person may change what was decided about the certificate.
pub(super) fn can_be_changed(session: &Session, context: &Context) -> bool {
    let is_settled = |key: Key| context.settings.source(key).is_some_and(Source::is_settled);
    let is_decided = !matches!(context.trust(), Ok((_, TrustSource::System)));
    session.is_attended() && is_decided && !TRUST_KEYS.into_iter().any(is_settled)
}

/// Returns what decides about the certificate now, in a few words.
pub(super) fn present(context: &Context) -> String {
    let word = match context.trust() {
        Ok(_) if context.is_sandbox() => "as answered (not stored for the sandbox)",
        Ok((_, TrustSource::System)) => "the system's CAs",
        Ok((_, TrustSource::Ca)) => "a CA file",
        Ok((_, TrustSource::Pin)) => "as answered",
        Ok((_, TrustSource::Unverified)) => "not verified",
        Err(_) => "",
    };
    word.to_owned()
}

/// Returns what was chosen before, to be proposed again.
pub(super) fn chosen(context: &Context, decision: Option<TrustDecision>) -> Option<TrustChoice> {
    match context.trust().ok()?.1 {
        TrustSource::Pin if decision == Some(TrustDecision::ByCluster) => Some(TrustChoice::Cluster),
        TrustSource::Pin => Some(TrustChoice::Pin),
        TrustSource::Ca => Some(TrustChoice::CaFile(None)),
        TrustSource::Unverified => Some(TrustChoice::Unverified),
        TrustSource::System => None,
    }
}

/// Returns whether a certificate is the matter, and a person may decide about it.
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
        pve::ApiError::CertificateChanged { .. } | pve::ApiError::CertificateNotAsGiven { .. } => Some(Flaw::Changed),
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
    let probed = probed.map_err(|source| Error::connecting(&endpoint, source))?;
    let ways = trust_choices(session, context, &probed.leaf, &flaw, proposed.as_ref())?;
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
        TrustChoice::Keep => return Ok(TrustDecision::Kept),
        TrustChoice::Leave => return Ok(TrustDecision::Quit),
    }
    Ok(TrustDecision::Settled)
}

/// Asks how to trust the certificate; if no CA file is named after all, asks again.
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
            ask::choice(session, menu, || ask::answer_only_by("--fingerprint", "how to trust the certificate")).await?;
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

/// Asks for a CA file that has signed the certificate; returns its path, or nothing for another way.
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
    let said = ask::text(session, question, || context.missing_answer("the CA file", Key::CaFile)).await?;
    Ok(Some(said).filter(|said| !said.is_empty()).map(|said| place(&said)))
}

/// Tells an error and its cause on one line.
fn words(why: &Error) -> String {
    let cause = std::error::Error::source(why).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{why}{cause}")
}

#[cfg(test)]
mod tests;
