//! Finds the server, and decides how its certificate is judged.

mod first_contact;

use crate::cli::Setup;
use crate::error::{AuthError, ConfigError, ConnectionError, Error};
use crate::model::Endpoint;
use crate::model::foreign::listed;
use crate::ops::connection::{Connected, TrustSource, TrustedServer};
use crate::ops::context::Context;
use crate::ops::options::PinTarget;
use crate::ops::pin_ca::{CertificateSeen, PinPolicy};
use crate::ops::port::{PortUse, settle_port};
use crate::ops::{ask, pin_ca, with_spinner};
use crate::pve::{Leaf, Pve, Trust};
use crate::session::Session;
use crate::settings::{Credentials, Key, Setting, Source, TRUST_KEYS, Verification};
use crate::ui::prompt::{ConfirmPrompt, TextPrompt};
use crate::ui::{Note, Printable};
use first_contact::connect;

use super::answers::{Answer, Pending};
use super::trust::{self, TrustDecision};
use super::{heading, show_error};

/// The question for the server.
const HOST_QUESTION: &str = "Proxmox VE host";

/// What it means not to verify.
const RISK: &str = "anyone on the network path can read the secret";

/// The way to a server that was found to be Proxmox VE.
#[derive(Clone)]
pub(super) struct Server {
    /// The server, called without credentials; its connection is kept.
    pve: Pve,
    endpoint: Endpoint,
    trust: Trust,
    trusted: TrustSource,
    /// The certificate that was looked at, where it was accepted as new.
    accepted: Option<Leaf>,
    /// Whether the cluster's CA may take the place of the pin.
    is_new: CertificateSeen,
    realms: Vec<String>,
}

impl Server {
    /// Returns the names of the realms.
    pub(super) fn realms(&self) -> &[String] {
        &self.realms
    }

    /// Gives a client without credentials.
    pub(super) fn client(&self) -> Pve {
        self.pve.clone()
    }

    /// Says what shall be stored of the certificate.
    pub(super) fn pin_policy(&self, arguments: &Setup) -> Result<PinPolicy, Error> {
        Ok(pin_ca::pin_policy(&self.trust, self.is_new, arguments.pin.map(PinTarget::from))?)
    }

    /// Goes on over the connection that found the server.
    pub(super) async fn connected(self, credentials: Credentials) -> Result<Connected, Error> {
        Connected::authenticate(self.pve.clone(), self.trusted_server(), credentials).await
    }

    /// Returns the server, and how its certificates are judged.
    pub(super) fn trusted_server(self) -> TrustedServer {
        TrustedServer { endpoint: self.endpoint, trust: self.trust, trusted: self.trusted }
    }
}

/// The first two steps: which server, and how its certificate is trusted.
#[derive(Default)]
pub(super) struct ServerStep {
    /// What a person decided on about the certificate.
    decision: Option<TrustDecision>,
    /// Whether the part about the certificate has its heading.
    is_headed: bool,
}

impl ServerStep {
    /// Finds the server, and decides how its certificate is trusted. At a terminal, asks for what is pending, and again
    /// after a wrong answer; without one, an untrusted certificate is an error, unless `--accept-new-certificate` was
    /// given.
    pub(super) async fn find(
        &mut self,
        session: &Session,
        context: &mut Context,
        pending: &mut Pending,
        arguments: &Setup,
    ) -> Result<Server, Error> {
        context.require_permanent_ca()?;
        self.is_headed = false;
        let mut has_heading = false;
        let mut wants_host = pending.take(Answer::Server);
        let (mut proposed, given) = (None, context.given());
        if pending.take(Answer::Trust) {
            proposed = trust::chosen(context, self.decision);
            context.unset(&TRUST_KEYS)?;
        }
        loop {
            if std::mem::take(&mut wants_host) {
                if !has_heading || std::mem::take(&mut self.is_headed) {
                    heading(session, context, "Server");
                    has_heading = true;
                }
                self.host(session, context).await?;
            }
            let server = context.host()?;
            let why =
                match with_spinner(session, &format!("Connecting to {server}"), connect(session, context, arguments))
                    .await
                {
                    Ok(pve_server) => return Ok(self.accepted(session, context, pve_server)),
                    Err(why) => why,
                };
            let why = if trust::is_open(session, context, &why) {
                if !context.is_open(session, Key::Host) && !self.is_headed {
                    session.info(&Note::answered(HOST_QUESTION, server.to_string()));
                }
                self.show_heading(session, context);
                match trust::decide_trust(session, context, &why, proposed.take()).await {
                    Ok(TrustDecision::Quit) => return Err(why),
                    Ok(TrustDecision::Kept) => {
                        context.put_back(given.clone())?;
                        continue;
                    }
                    Ok(decision) => {
                        wants_host = decision == TrustDecision::OtherServer;
                        self.decision = Some(decision);
                        continue;
                    }
                    Err(why) => why,
                }
            } else {
                why
            };
            wants_host = key_to_correct(session, context, why)? == Key::Host;
        }
    }

    /// Asks for the server, and settles what follows from it.
    async fn host(&mut self, session: &Session, context: &mut Context) -> Result<(), Error> {
        let before = context.settings.host().map(|host| host.value);
        host(session, context).await?;
        if context.settings.host().map(|host| host.value) != before {
            self.decision = None;
        }
        settle_port(session, context, PortUse::Stored).await?;
        context.forget_pin_of_another_server()?;
        ask_to_skip_verification(session, context).await
    }

    fn show_heading(&mut self, session: &Session, context: &Context) {
        if !std::mem::replace(&mut self.is_headed, true) {
            heading(session, context, "Certificate");
        }
    }

    /// Says that the server was found, and how its certificate is trusted.
    fn accepted(&mut self, session: &Session, context: &Context, mut pve_server: Server) -> Server {
        let server = context.settings.text(Key::Host).unwrap_or_default();
        let realms: Vec<String> = pve_server.realms.iter().map(|realm| Printable(realm).to_string()).collect();
        session.done(format!("{server} is Proxmox VE (realms: {})", realms.join(", ")));
        self.show_heading(session, context);
        if self.decision == Some(TrustDecision::ByCluster) {
            pve_server.is_new = CertificateSeen::JustAccepted;
        }
        match pve_server.trusted {
            TrustSource::Unverified => session.note(trusted_how(&pve_server)),
            TrustSource::System | TrustSource::Ca | TrustSource::Pin => session.done(trusted_how(&pve_server)),
        }
        context.warn_of_trust(session, pve_server.trusted);
        if let Some(leaf) = &pve_server.accepted {
            session.info(&trust::Facts(leaf));
            session.note("compare the fingerprint with `pvenode cert info` on the server, entry pve-ssl.pem");
        }
        pve_server
    }
}

/// Shows what is wrong if a person can correct it, and returns the key that it is about; any other error ends the step.
fn key_to_correct(session: &Session, context: &mut Context, why: Error) -> Result<Key, Error> {
    if is_of_ca_file(&why) && context.is_open(session, Key::CaFile) {
        show_error(session, &why);
        context.unset(&[Key::CaFile, Key::VerifySsl])?;
        return Ok(Key::CaFile);
    }
    if is_of_host(&why) && context.is_open(session, Key::Host) {
        session.mark_failed(HOST_QUESTION);
        show_error(session, &why);
        return Ok(Key::Host);
    }
    Err(why)
}

/// Returns whether the file of a CA is the trouble.
const fn is_of_ca_file(why: &Error) -> bool {
    matches!(why, Error::Config(ConfigError::CaFile { .. } | ConfigError::CaFileUnreadable { .. }))
}

/// Asks for the server; what was said of another one's certificate does not hold for it.
async fn host(session: &Session, context: &mut Context) -> Result<(), Error> {
    if !context.is_open(session, Key::Host) {
        return Ok(());
    }
    let before = context.settings.host().map(|host| host.value);
    let default = before.as_ref().map(ToString::to_string);
    let mut question =
        TextPrompt::new(HOST_QUESTION).hinting("name, IP address or URL").or(default).read_as::<Endpoint>();
    if let (true, Some(only)) = (context.is_sandbox(), before.clone()) {
        question = question.checked(move |text| match text.parse::<Endpoint>() {
            Ok(host) if host == only => Ok(()),
            Ok(_) => Err(format!("the sandbox reaches only {only}; for a real server, run setup without --sandbox")),
            Err(why) => Err(why.to_string()),
        });
    }
    let otherwise = || context.missing_answer("the server", Key::Host);
    let host: Endpoint = ask::text(session, question, otherwise).await?.parse().map_err(|_| otherwise())?;
    if before.as_ref() != Some(&host) {
        context.retract(&TRUST_KEYS)?;
    }
    context.answer(Setting::Host(host))
}

/// Asks whether a file that says not to verify is to be heeded, as every file of the older scripts says.
async fn ask_to_skip_verification(session: &Session, context: &mut Context) -> Result<(), Error> {
    let Verification::Disabled(Source::File { .. }) = context.settings.verification()? else { return Ok(()) };
    if !session.is_attended() || context.is_sandbox() {
        return Ok(());
    }
    let question = "The file disables certificate verification. Keep it disabled?";
    let otherwise = || ask::answer_only_by("--insecure", "whether to verify");
    if !ask::confirm(session, ConfirmPrompt::new(question).hinting(RISK).proposing_yes(), otherwise).await? {
        context.unset(&[Key::VerifySsl])?;
    }
    Ok(())
}

/// Returns whether another server could be the remedy.
fn is_of_host(why: &Error) -> bool {
    matches!(
        why,
        Error::Server { .. }
            | Error::Connection(ConnectionError::NotProxmox { .. })
            | Error::Connection(ConnectionError::Untrusted { .. })
            | Error::Connection(ConnectionError::NotFromStoredCa { .. })
            | Error::Config(ConfigError::SandboxOnly)
    )
}

/// Lists what a certificate says of itself.
fn certificate_details(leaf: &Leaf) -> Vec<String> {
    vec![
        format!("subject      {}", leaf.subject),
        format!("issuer       {}", leaf.issuer),
        format!("names        {}", listed(&leaf.names)),
        format!("valid        {} to {}", leaf.not_before.date(), leaf.not_after.date()),
        format!("fingerprint  {}", leaf.fingerprint),
    ]
}

/// Says how certificates are judged from here on.
fn trusted_how(pve_server: &Server) -> String {
    let text = match pve_server.trusted {
        _ if pve_server.accepted.is_some() => "Certificate accepted as presented, and pinned for this run",
        TrustSource::System => "Certificate verified with the system's CAs",
        TrustSource::Ca => "Certificate verified with the cluster CA",
        TrustSource::Pin if pve_server.is_new == CertificateSeen::JustAccepted => {
            "Certificate trusted (pinned for now; the cluster CA will replace it)"
        }
        TrustSource::Pin => "Certificate trusted: it is the pinned one",
        TrustSource::Unverified => "Certificate NOT verified: anyone on the network path can read the secret",
    };
    text.to_owned()
}

/// Checks that the user's realm exists: the server itself only says "Authentication failed!".
pub(super) fn know_realm(pve_server: &Server, credentials: &Credentials) -> Result<(), Error> {
    let user = match credentials {
        Credentials::Token { id, .. } => &id.user,
        Credentials::Password { user, .. } => user,
    };
    if pve_server.realms.iter().any(|realm| realm == user.realm()) {
        return Ok(());
    }
    Err(Error::Auth(AuthError::UnknownRealm { user: user.clone(), realms: pve_server.realms.clone() }))
}
