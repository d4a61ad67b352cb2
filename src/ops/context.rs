//! Everything that is known before a server is called: flags, variables and the file.

mod access;
mod answers;
#[cfg(feature = "sandbox")]
mod sandbox;
mod sticky_flags;

use crate::error::{Error, UsageError};
use crate::journal::Journal;
use crate::model::Fingerprint;
use crate::model::endpoint::DEFAULT_PORT;
use crate::ops::blocking;
use crate::ops::ca_file::CaFile;
use crate::ops::connection_flags::{flags, is_stdin};
use crate::ops::options::ConnectionOptions;
use crate::pve;
use crate::session::{Session, Variables};
use crate::settings::{
    ENV_FILE, EnvFile, Flags, Instance, KEYS, Key, Loaded, Secrecy, Settings, SettingsError, Source, Store, TRUST_KEYS,
    UnusedLine, UnusedReason, is_setting,
};
use crate::ui::Note;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The host in the file of the sandbox: a reserved name that cannot be registered (RFC 6761).
const SANDBOX_HOST: &str = "sandbox.invalid";

/// The settings file of a real server, and that of the sandbox.
const FILE: &str = ".env";
const SANDBOX_FILE: &str = ".env.sandbox";

/// How much longer the file may become when settings not known yet are saved.
pub(crate) const SIZE_RESERVE: usize = 4096;

/// Everything that is known before a server is called.
pub(crate) struct Context {
    /// Which of several servers in the file is meant.
    pub(crate) instance: Instance,
    /// The settings file.
    pub(crate) store: Store,
    /// Its content when it was read.
    pub(crate) loaded: Loaded,
    /// What holds, and from which source.
    pub(crate) settings: Settings,
    /// The environment variables that apply; on the sandbox, none of those about a real server.
    variables: Variables,
    /// The simulated server, where one was asked for.
    #[cfg(feature = "sandbox")]
    pub(crate) sandbox: Option<crate::sandbox::Sandbox>,
    connect_timeout: Duration,
    /// The flags and answers of this run.
    flags: Flags,
    /// The settings file that a flag named.
    named_file: Option<PathBuf>,
    /// The file that a flag named for the token's secret.
    secret_file: Option<PathBuf>,
    /// Whether a secret was read from standard input, where no second one can be.
    is_stdin_taken: bool,
    /// Whether the settings file was chosen by name, and is not just the one in the working directory.
    pub(crate) is_file_named: bool,
    /// The CA that flags, variables and the file named at the start, with its path; kept until another one is named.
    authority: Option<CaFile>,
    /// The certificate that was accepted as new in this run; no file holds it yet.
    pub(crate) accepted: Cell<Option<Fingerprint>>,
    /// Whether the warnings about the trust have been shown.
    pub(crate) is_warned: Cell<bool>,
    /// Whether an administrator logs in, so that no secret of a token is needed.
    is_admin_login: bool,
    /// Whether the sandbox's certificate is to be decided on, as that of a new server.
    rehearses_trust: bool,
}

/// What is read before the settings are decided on.
struct Sources {
    variables: Variables,
    store: Store,
    loaded: Loaded,
}

impl Context {
    /// Reads everything, and starts the sandbox where it was asked for. An invalid value is an error.
    pub(crate) async fn load(session: &Session, options: &ConnectionOptions) -> Result<Self, Error> {
        let context = Self::load_for_correction(session, options).await?;
        context.require_valid()?;
        Ok(context)
    }

    /// Reads everything; invalid values are kept for the user to correct.
    pub(crate) async fn load_for_correction(session: &Session, options: &ConnectionOptions) -> Result<Self, Error> {
        let (store, loaded) = load(session, options).await?;
        let sources = Sources { variables: session.variables.clone(), store, loaded: loaded? };
        let context = Self::build(session, options, sources).await?;
        for warning in context.loaded.file.warnings(&context.instance) {
            session.warn(warning.to_string());
        }
        for unused in context.unused_lines() {
            session.warn(format!("{}, {unused}", context.store.path().display()));
        }
        Ok(context)
    }

    /// Lists the lines of the settings file that were meant to set a value that is missing now.
    fn unused_lines(&self) -> Vec<UnusedLine> {
        let is_missing = |key: Key| {
            let is_default = |source: &Source| matches!(source, Source::Default(_));
            self.settings.setting(key).is_none_or(|setting| is_default(&setting.source))
        };
        let has_secret = !is_missing(Key::TokenValue) || !is_missing(Key::Password);
        let is_incomplete = is_missing(Key::Host) || self.settings.user().is_none() || !has_secret;
        let is_of_file = |key: Key| matches!(self.settings.source(key), Some(Source::File { .. }));
        let matters = |line: &UnusedLine| match (line.meant, &line.why) {
            (Some(key), UnusedReason::UndefinedReference { .. }) => is_missing(key) || is_of_file(key),
            (_, UnusedReason::PortApart { port, .. }) => {
                self.settings.host().is_none_or(|host| host.value.port() == DEFAULT_PORT && *port != DEFAULT_PORT)
            }
            (Some(Key::TokenValue | Key::Password), _) => !has_secret,
            (Some(Key::User), _) => self.settings.user().is_none(),
            (Some(key), _) => is_missing(key),
            (None, _) => is_incomplete,
        };
        let mut lines = self.lines_without_effect();
        lines.retain(matters);
        lines
    }

    /// Lists all lines of the settings file that were meant to set something and do not.
    pub(crate) fn lines_without_effect(&self) -> Vec<UnusedLine> {
        let variable = |name: &str| Some(self.variables.get(name)?.to_str()?.to_owned());
        self.loaded.file.unused_lines(&self.instance, &variable)
    }

    /// Reads everything for a diagnosis, which shows what is invalid and why the file cannot be read, and goes on with the
    /// rest.
    pub(crate) async fn load_for_diagnosis(
        session: &Session,
        options: &ConnectionOptions,
    ) -> Result<(Self, Option<Error>), Error> {
        let (store, loaded) = load(session, options).await?;
        let (loaded, unread) = match loaded {
            Ok(loaded) => (loaded, None),
            Err(why) => (Loaded::nothing(), Some(why.into())),
        };
        let sources = Sources { variables: session.variables.clone(), store, loaded };
        Ok((Self::build(session, options, sources).await?, unread))
    }

    /// Refuses invalid settings. The token's secret is not checked here: a command that creates a new one may find a
    /// placeholder.
    pub(crate) fn require_valid(&self) -> Result<(), Error> {
        match self.settings.invalid().find(|invalid| invalid.key != Key::TokenValue) {
            Some(invalid) => Err(SettingsError::from(invalid.clone()).into()),
            None => Ok(()),
        }
    }

    async fn build(session: &Session, options: &ConnectionOptions, sources: Sources) -> Result<Self, Error> {
        let Sources { variables, store, loaded } = sources;
        let instance = match &options.instance {
            None => Instance::default(),
            Some(text) => text.parse().map_err(|why| Error::Usage(UsageError::Instance { why }))?,
        };
        let variables = if options.is_sandbox() { without_settings(&variables) } else { variables };
        let flags = flags(session, options).await?;
        let context = Self {
            settings: Settings::load(&instance, &flags, &variables, store.path(), &loaded.file),
            instance,
            store,
            loaded,
            variables,
            #[cfg(feature = "sandbox")]
            sandbox: None,
            connect_timeout: options.connect_timeout,
            flags,
            named_file: options.env_file.clone(),
            is_file_named: named_file(session, options).is_some(),
            accepted: Cell::default(),
            is_warned: Cell::new(false),
            is_admin_login: false,
            rehearses_trust: false,
            authority: None,
            is_stdin_taken: is_stdin(options.token_value_file.as_deref()) || is_stdin(options.password_file.as_deref()),
            secret_file: options.token_value_file.clone().filter(|path| path != Path::new("-")),
        };
        #[cfg(feature = "sandbox")]
        let context = if options.is_sandbox() { context.for_sandbox()? } else { context };
        let mut context = context;
        if let Some(named) = context.settings.ca_file().filter(|_| !options.is_sandbox()) {
            context.authority = blocking(session, move || CaFile::read(named.value)).await?;
        }
        context.log_sources(session);
        context.repeat_flags(session);
        Ok(context)
    }

    /// Returns whether the server of this run is the one that the settings file names.
    pub(crate) fn is_server_of_file(&self) -> Result<bool, Error> {
        let host = self.host()?;
        Ok(self.saved().host().is_some_and(|in_file| in_file.value.is_same_server(&host)))
    }

    /// Returns whether the server is a simulated one.
    pub(crate) const fn is_sandbox(&self) -> bool {
        #[cfg(feature = "sandbox")]
        return self.sandbox.is_some();
        #[cfg(not(feature = "sandbox"))]
        false
    }

    /// On the sandbox, asks for what a new server would need: the trust in its certificate, and the secret of its
    /// token.
    pub(crate) fn rehearse_first_contact(&mut self) -> Result<(), Error> {
        let is_decided = TRUST_KEYS.iter().any(|key| self.settings.source(*key).is_some_and(Source::is_settled));
        self.rehearses_trust = self.is_sandbox() && !is_decided;
        if self.settings.source(Key::TokenValue) == Some(&Source::Sandbox) {
            self.unset(&[Key::TokenValue])?;
        }
        Ok(())
    }

    /// Returns the limits of a call.
    pub(crate) fn limits(&self) -> pve::Limits {
        pve::Limits { connect: self.connect_timeout, ..pve::Limits::default() }
    }

    /// Returns the proxy that is in the environment; there is none to the sandbox.
    pub(crate) fn proxies(&self, session: &Session) -> pve::Proxies {
        if self.is_sandbox() {
            pve::Proxies::none()
        } else {
            pve::Proxies::from_variables(&|name| session.variable(name).map(str::to_owned))
        }
    }

    /// Returns the journal; the sandbox ends with this process and needs none.
    pub(crate) fn journal(&self, session: &Session) -> Result<Option<Journal>, Error> {
        if self.is_sandbox() { Ok(None) } else { Ok(Some(Journal::new(session.state_folder()?))) }
    }

    /// Checks that the journal can be written, before a question is asked or anything is changed.
    pub(crate) fn require_journal(&self, session: &Session) -> Result<(), Error> {
        Ok(self.journal(session)?.map_or(Ok(()), |journal| journal.check_writable())?)
    }

    /// Finds out whether the settings file could be saved, before a person answers questions for it.
    pub(crate) fn require_savable(&self) -> Result<(), Error> {
        let mut bytes = self.loaded.file.bytes().to_vec();
        bytes.resize(bytes.len() + SIZE_RESERVE, b'#');
        Ok(self.store.check_save(&EnvFile::new(bytes), &self.loaded.stamp)?)
    }

    /// Says with `-v` which source won.
    fn log_sources(&self, session: &Session) {
        for entry in &KEYS {
            let Some(source) = self.settings.source(entry.key) else { continue };
            let name = entry.key.variable(&self.instance);
            let shown = match entry.key.secrecy() {
                Secrecy::Public => self.settings.text(entry.key).unwrap_or_default(),
                Secrecy::Token | Secrecy::Password => "(secret)".to_owned(),
            };
            // The key stands in front already.
            let from = match source {
                Source::File { path, line, name: key } if *key == name => format!("{}:{line}", path.display()),
                Source::Variable(variable) if *variable == name => "the environment".to_owned(),
                other => other.to_string(),
            };
            session.ui.verbose(&Note::plain(format!("{name}={shown}, from {from}")));
        }
    }
}

/// Reads the settings file; the inner error says why it cannot be read.
async fn load(session: &Session, options: &ConnectionOptions) -> Result<(Store, Result<Loaded, SettingsError>), Error> {
    let store = Store::new(file(session, options));
    blocking(session, move || {
        let loaded = store.load();
        (store, loaded)
    })
    .await
}

/// Returns the settings file that a flag or a variable names.
fn named_file(session: &Session, options: &ConnectionOptions) -> Option<PathBuf> {
    let variable = || session.variables.get(ENV_FILE).filter(|it| !it.is_empty()).map(PathBuf::from);
    options.env_file.clone().or_else(variable)
}

/// Decides on the settings file.
fn file(session: &Session, options: &ConnectionOptions) -> PathBuf {
    let said = named_file(session, options);
    let usual = if options.is_sandbox() { SANDBOX_FILE } else { FILE };
    session.folder.join(said.unwrap_or_else(|| PathBuf::from(usual)))
}

/// Leaves out the variables of a real server.
fn without_settings(variables: &Variables) -> Variables {
    variables.iter().filter(|(name, _)| !is_setting(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
