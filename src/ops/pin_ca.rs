//! Replaces a pinned certificate by the cluster's own CA: fetches it, checks it, and trusts it alone from then on.

use crate::bounded::{self, CA_LIMIT};
use crate::error::{ConfigError, Doing, Error, Operation, TokenError};
use crate::model::foreign::listed;
use crate::ops::ask;
use crate::ops::connection::{Connected, FetchedCa, TrustSource};
use crate::ops::context::Context;
use crate::ops::options::PinTarget;
use crate::pve::{self, CaBundle, Pve, Trust};
use crate::session::Session;
use crate::settings;
use crate::ui::Printable;
use crate::ui::prompt::ConfirmPrompt;
use std::path::{Path, PathBuf};

/// A certificate that is about to expire is reported this long before.
const WARN_BEFORE: time::Duration = time::Duration::days(30);

/// Whether a certificate was accepted in this run, or known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CertificateSeen {
    /// It was accepted as it was presented.
    JustAccepted,
    /// Its fingerprint was given.
    Before,
}

/// What is stored for a certificate that was pinned for this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PinPolicy {
    /// The cluster's CA, or nothing.
    Ca,
    /// The cluster's CA where it can be had, else the certificate's own fingerprint.
    CaIfPossible,
    /// The certificate's own fingerprint.
    Leaf,
}

/// A connection that trusts the cluster's CA alone.
pub(crate) struct CaPinned {
    /// The client, with the credentials that it had.
    pub(crate) pve: Pve,
    /// How the certificate is verified now.
    pub(crate) trust: Trust,
    /// What is to be written.
    pub(crate) fetched: FetchedCa,
}

/// Says what shall be stored of the certificate that is trusted; nothing where none is pinned.
pub(crate) const fn pin_policy(
    trust: &Trust,
    is_new: CertificateSeen,
    pin: Option<PinTarget>,
) -> Result<PinPolicy, TokenError> {
    match (trust, pin, is_new) {
        (Trust::Pinned(_), Some(PinTarget::Ca), _) => Ok(PinPolicy::Ca),
        (Trust::Pinned(_), None, CertificateSeen::JustAccepted) => Ok(PinPolicy::CaIfPossible),
        (Trust::Pinned(_), Some(PinTarget::Leaf), _)
        | (Trust::Ca(_) | Trust::CaAndPinned(..), Some(PinTarget::Ca), _)
        | (_, None, _) => Ok(PinPolicy::Leaf),
        (_, Some(_), _) => Err(TokenError::NothingToPin),
    }
}

/// Reconnects with the cluster's CA in place of the pin, if the policy asks for that and the CA can be fetched.
pub(crate) async fn pin_and_reconnect(
    session: &Session,
    context: &Context,
    connected: Connected,
    pin_policy: PinPolicy,
) -> Result<Connected, Error> {
    match pin_cluster_ca(session, context, &connected.pve, pin_policy).await {
        Ok(None) => Ok(connected),
        Ok(Some(CaPinned { pve, trust, fetched })) => {
            Ok(Connected { pve, trust, trusted: TrustSource::Ca, fetched: Some(fetched), ..connected })
        }
        // Without a terminal this is the first call with the credentials.
        Err(why) => Err(connected.diagnosed(why).await),
    }
}

/// Fetches the cluster's CA with an authenticated client, and makes it the only trust; `None` if the pin stays.
pub(crate) async fn pin_cluster_ca(
    session: &Session,
    context: &Context,
    pve: &Pve,
    pin_policy: PinPolicy,
) -> Result<Option<CaPinned>, Error> {
    if pin_policy == PinPolicy::Leaf {
        return Ok(None);
    }
    let (bundle, pem) = match fetch(pve).await? {
        Ok(found) => found,
        Err(why) => return keep_pin(session, pve, pin_policy, why),
    };
    let fetched = choose_ca_file(session, context, pem).await?;
    let trust = Trust::Ca(bundle);
    let again = pve.reconnected(&trust, context.limits(), &context.proxies(session));
    let reach = |source| Error::connecting(pve.endpoint(), source);
    let pve = again.map_err(reach)?;
    pve.version().await.map_err(reach)?;
    // The sandbox's CA is not saved.
    let file = if context.is_sandbox() { String::new() } else { format!(" ({})", fetched.name) };
    let text = format!("Cluster CA fetched{file}; it replaces the pinned certificate");
    session.done(text);
    Ok(Some(CaPinned { pve, trust, fetched }))
}

/// Asks the server for the cluster's CA, and checks that it signed the certificate presented under this name; the inner
/// error says why there is none to use.
async fn fetch(pve: &Pve) -> Result<Result<(CaBundle, String), String>, Error> {
    let nodes = pve.nodes().await.doing(Operation::ReadNodes)?;
    let Some(node) =
        nodes.iter().find(|node| node.is_online()).or_else(|| nodes.iter().find(|node| !node.is_offline()))
    else {
        return Ok(Err("no node is online".to_owned()));
    };
    let found = pve.cluster_ca(&node.name).await.doing(Operation::ReadCertificates)?;
    let Some(text) = found else {
        return Ok(Err("the server does not list a CA of its own".to_owned()));
    };
    let pem = pve::certificates_in(&text);
    let bundle = match CaBundle::authorities_from_pem(pem.as_bytes()) {
        Ok(bundle) => bundle,
        Err(why) => return Ok(Err(format!("the CA certificate that the server sent cannot be used: {why}"))),
    };
    Ok(match pve.check_signed_by(&bundle) {
        Ok(()) => Ok((bundle, pem)),
        Err(pve::ApiError::CertificateWrongName { leaf, .. }) => Err(format!(
            "the certificate is not for `{}`; to trust the CA, pass --host with one of its names: {}",
            pve.endpoint().host(),
            listed(&leaf.names)
        )),
        Err(pve::ApiError::CertificateUntrusted { leaf, .. }) => {
            Err(format!("the cluster CA did not sign it: it is a custom or ACME certificate issued by {}", leaf.issuer))
        }
        Err(why) => Err(why.to_string()),
    })
}

fn keep_pin(session: &Session, pve: &Pve, pin_policy: PinPolicy, why: String) -> Result<Option<CaPinned>, Error> {
    let why = Printable(&why).to_string();
    if pin_policy == PinPolicy::Ca {
        return Err(TokenError::NoCa { server: pve.endpoint().authority(), why }.into());
    }
    session.note(why);
    session.note("the certificate itself was pinned instead");
    Ok(None)
}

/// Chooses the file for the CA; one that contains another CA is not replaced without consent.
async fn choose_ca_file(session: &Session, context: &Context, pem: String) -> Result<FetchedCa, Error> {
    let name = context.instance.ca_file_name();
    let path = context.store.folder().join(&name);
    // The sandbox's CA is a new one in each run, and is not written.
    if context.is_sandbox() {
        return Ok(FetchedCa { name, path, pem });
    }
    let is_other = match bounded::read_regular(&path, CA_LIMIT) {
        Ok(found) if found.as_slice() == pem.as_bytes() => return Ok(FetchedCa { name, path, pem }),
        Ok(_) => true,
        Err(why) if why.is_missing() => false,
        Err(why) => return Err(Error::Config(ConfigError::CaFileUnreadable { path, source: why.into() })),
    };
    let path = unlinked(session, path).await?;
    if is_other {
        let question =
            ConfirmPrompt::new(format!("{} contains another certificate. Replace it?", path.display())).proposing_no();
        let otherwise = || TokenError::OtherCaFile { path: path.clone() }.into();
        if !ask::confirm(session, question, otherwise).await? {
            return Err(TokenError::OtherCaFile { path }.into());
        }
    }
    Ok(FetchedCa { name, path, pem })
}

/// Asks before following a link in place of the file: its target may belong to something else.
async fn unlinked(session: &Session, path: PathBuf) -> Result<PathBuf, Error> {
    let Ok(target) = path.read_link() else { return Ok(path) };
    let is_link = |path: &Path| Error::from(settings::SettingsError::IsLink { path: path.to_path_buf() });
    if session.confirms_all {
        return Err(is_link(&path));
    }
    let text =
        format!("{} is a symbolic link to {}. Write the CA certificate there?", path.display(), target.display());
    if !ask::confirm_despite_yes(session, ConfirmPrompt::new(text).proposing_no(), || is_link(&path)).await? {
        return Err(is_link(&path));
    }
    path.canonicalize().map_err(|_| settings::SettingsError::DanglingLink { path }.into())
}

/// Warns that the current certificate has expired or soon will; `None` if there is time.
pub(crate) fn expiry(session: &Session, pve: &Pve, trust: &Trust) -> Option<String> {
    let leaf = pve.leaf()?;
    let now = session.clock.utc();
    if now + WARN_BEFORE < leaf.not_after {
        return None;
    }
    let when = leaf.not_after.date();
    let what = if leaf.not_after < now { format!("expired on {when}") } else { format!("expires on {when}") };
    let then = match trust {
        Trust::Pinned(_) | Trust::CaAndPinned(..) => {
            "its replacement will not match the pin; to trust the cluster CA instead: `glassdome setup --pin ca`"
        }
        Trust::System | Trust::Ca(_) | Trust::Unverified => {
            "Proxmox VE renews its own certificates two weeks before they expire; see `pvenode cert info`"
        }
    };
    Some(format!("the certificate {what}; {then}"))
}
