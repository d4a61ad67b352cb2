//! Everything that is known before a server is called: flags, variables and the file.

use crate::error::{ConfigError, Error, MissingAnswer, UsageError};
use crate::journal::Journal;
use crate::model::endpoint::DEFAULT_PORT;
use crate::model::{Endpoint, Secret, TokenId, Tool, UserId, VmId};
use crate::ops::blocking;
use crate::ops::ca_file::{Authority, read_ca};
use crate::ops::connection::TrustSource;
use crate::ops::connection_flags::{flags, is_stdin, read_password};
use crate::ops::options::ConnectionOptions;
use crate::pve::{self, CaBundle, Trust};
use crate::session::{Session, Variables};
use crate::settings::{
    Credentials, ENV_FILE, EnvFile, Flags, Instance, KEYS, Key, Loaded, Secrecy, Setting, Settings, SettingsError,
    Source, Store, TRUST_KEYS, ToolVariables, UnusedLine, UnusedReason, Verification, imported, is_setting, sh_word,
};
use crate::ui::{Note, StickyFlags};
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The host in the file of the sandbox: a reserved name that cannot be registered (RFC 6761).
const SANDBOX_HOST: &str = "sandbox.invalid";

/// The settings file of a real server, and that of the sandbox.
const FILE: &str = ".env";
const SANDBOX_FILE: &str = ".env.sandbox";

/// How much longer the file may become by what is not known yet.
pub(crate) const RESERVE: usize = 4096;

/// Everything that is known before a server is called.
pub(crate) struct Context {
    /// Which of several servers in the file is meant.
    pub(crate) instance: Instance,
    /// The settings file.
    pub(crate) store: Store,
    /// What it said when it was read.
    pub(crate) loaded: Loaded,
    /// What holds, and from which source.
    pub(crate) settings: Settings,
    /// The variables that count: none of a real server's on the sandbox.
    variables: Variables,
    /// The simulated server, where one was asked for.
    #[cfg(feature = "sandbox")]
    pub(crate) sandbox: Option<crate::sandbox::Sandbox>,
    connect_timeout: Duration,
    /// What was said for this run alone.
    flags: Flags,
    /// The settings file that a flag named.
    named_file: Option<PathBuf>,
    /// The file that a flag named for the token's secret.
    secret_file: Option<PathBuf>,
    /// Whether a secret was read from standard input, where no second one can be.
    is_stdin_taken: bool,
    /// Whether the settings file was chosen by name, and is not just the one in the working directory.
    pub(crate) is_file_named: bool,
    /// The CA that flags, variables and the file named at first, and its file: kept until
    /// something else is said.
    authority: Option<Authority>,
    /// Whether it has been said what should be known of the trust.
    pub(crate) is_warned: Cell<bool>,
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

    /// Reads everything, where a person can correct what is invalid.
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

    /// Lists the lines of the settings file that were meant to set something which is missing now.
    fn unused_lines(&self) -> Vec<UnusedLine> {
        let is_missing = |key: Key| {
            let is_default = |source: &Source| matches!(source, Source::Default(_));
            self.settings.setting(key).is_none_or(|setting| is_default(&setting.source))
        };
        let has_secret = !is_missing(Key::TokenValue) || !is_missing(Key::Password);
        let is_incomplete = is_missing(Key::Host) || self.settings.user().is_none() || !has_secret;
        let matters = |line: &UnusedLine| match (line.meant, &line.why) {
            (_, UnusedReason::PortApart { port, .. }) => {
                self.settings.host().is_none_or(|host| host.value.port() == DEFAULT_PORT && *port != DEFAULT_PORT)
            }
            (Some(Key::TokenValue | Key::Password), _) => !has_secret,
            (Some(Key::User), _) => self.settings.user().is_none(),
            (Some(key), _) => is_missing(key),
            (None, _) => is_incomplete,
        };
        let mut lines = self.loaded.file.unused_lines(&self.instance);
        lines.retain(matters);
        lines
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

    /// Refuses what is invalid. The secret of the token is judged where it is used: a command that makes a new one may find
    /// a placeholder in its place.
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
            is_warned: Cell::new(false),
            rehearses_trust: false,
            authority: None,
            is_stdin_taken: is_stdin(options.token_value_file.as_deref()) || is_stdin(options.password_file.as_deref()),
            secret_file: options.token_value_file.clone().filter(|path| path != Path::new("-")),
        };
        #[cfg(feature = "sandbox")]
        let context = if options.is_sandbox() { context.on_the_sandbox()? } else { context };
        let mut context = context;
        if let Some(named) = context.settings.ca_file().filter(|_| !options.is_sandbox()) {
            context.authority = blocking(session, move || Authority::read(named.value)).await?;
        }
        context.tell_sources(session);
        context.repeat(session);
        Ok(context)
    }

    /// Starts the sandbox and takes the settings that are missing from it.
    #[cfg(feature = "sandbox")]
    fn on_the_sandbox(mut self) -> Result<Self, Error> {
        use crate::sandbox::{Options, Sandbox};
        if self.settings.host().is_some_and(|host| host.value.host().to_string() != SANDBOX_HOST) {
            return Err(Error::Config(ConfigError::NotSandboxFile { path: self.store.path().to_owned() }));
        }
        let sandbox = Sandbox::start(Options::default())
            .map_err(|source| Error::Run(crate::error::RunError::Sandbox { source }))?;
        let (user, name, secret) = sandbox.default_token();
        let has_password = self.settings.password().is_some();
        for (key, text) in
            [(Key::User, user), (Key::TokenName, name), (Key::TokenValue, secret), (Key::Host, SANDBOX_HOST)]
        {
            let is_said = self.settings.source(key).is_some_and(|source| !matches!(source, Source::Default(_)));
            let is_wanted = key != Key::TokenValue || !has_password;
            if !is_said && is_wanted {
                let setting = Setting::parse(key, &Secret::new(text.to_owned()));
                let setting = setting.map_err(|why| SettingsError::Invalid { origin: Source::Sandbox, why })?;
                self.flags.give(setting, Source::Sandbox);
            }
        }
        self.reload();
        if let Ok((Credentials::Token { id, secret }, _)) = self.saved().credentials() {
            // A token that an earlier rehearsal made and stored: its server is gone, and the file is still there.
            sandbox.remember(&id.user.to_string(), &id.name.to_string(), secret.expose());
        }
        self.sandbox = Some(sandbox);
        Ok(self)
    }

    /// Takes an answer that was typed; it counts more than variables and the file.
    pub(crate) fn answer(&mut self, setting: Setting) -> Result<(), Error> {
        self.flags.give(setting, Source::Answer);
        self.reload();
        self.require_valid()
    }

    /// Takes the VMID that a person chose for the key of a template.
    pub(crate) fn answer_template(&mut self, key: Key, vmid: VmId) -> Result<(), Error> {
        Setting::template(key, vmid).map_or(Ok(()), |setting| self.answer(setting))
    }

    /// Lets keys have no value in this run, whatever the file says.
    pub(crate) fn unset(&mut self, keys: &[Key]) -> Result<(), Error> {
        for key in keys {
            self.flags.unset(*key);
        }
        self.reload();
        self.require_valid()
    }

    /// Takes back what was typed for some keys.
    pub(crate) fn retract(&mut self, keys: &[Key]) -> Result<(), Error> {
        for key in keys {
            self.flags.retract(*key);
        }
        self.reload();
        self.require_valid()
    }

    /// Says whether a key was decided to have no value.
    pub(crate) fn is_unset(&self, key: Key) -> bool {
        self.flags.is_unset(key)
    }

    /// Says whether a person may be asked for a key: there is a terminal, and neither a flag nor a variable sets it.
    pub(crate) fn is_open(&self, session: &Session, key: Key) -> bool {
        let of_token = self.settings.user().filter(|_| key == Key::User).map(|user| user.source);
        let source = of_token.as_ref().or_else(|| self.settings.source(key));
        session.is_attended() && !source.is_some_and(Source::is_settled)
    }

    /// Takes what another tool's variables say, in the environment or in the settings file; a flag counts more, our own
    /// variables and the keys of the file count less.
    pub(crate) fn import(&mut self, session: &Session, tool: Option<Tool>) -> Result<Tool, Error> {
        let variables = ToolVariables::new(&session.variables, self.store.path(), &self.loaded.file);
        let import = imported(&variables, tool).map_err(|why| Error::Config(ConfigError::Import { why }))?;
        for answer in import.answers(&variables, &session.folder) {
            if !matches!(self.settings.source(answer.value.key()), Some(Source::Flag(_))) {
                self.flags.give(answer.value, answer.source);
            }
        }
        self.reload();
        Ok(import.tool)
    }

    fn reload(&mut self) {
        self.authority.take_if(|authority| authority.can_be_read_again());
        self.settings =
            Settings::load(&self.instance, &self.flags, &self.variables, self.store.path(), &self.loaded.file);
    }

    /// Reads again what was saved, with no flag and no variable: what is proven then is what was written.
    pub(crate) fn read_saved(&mut self) -> Result<(), Error> {
        self.authority.take_if(|authority| authority.can_be_read_again());
        self.loaded = self.store.load()?;
        self.rehearses_trust = false;
        self.settings = self.saved();
        self.require_valid()
    }

    /// Gives what the file alone says.
    pub(crate) fn saved(&self) -> Settings {
        Settings::of_file(&self.instance, self.store.path(), &self.loaded.file)
    }

    /// Says whether the server of this run is the one that the settings file names.
    pub(crate) fn is_server_of_file(&self) -> Result<bool, Error> {
        let in_file = self.saved().host().map(|host| host.value);
        Ok(in_file == Some(self.host()?))
    }

    /// Says whether the server is a simulated one.
    pub(crate) const fn is_sandbox(&self) -> bool {
        #[cfg(feature = "sandbox")]
        return self.sandbox.is_some();
        #[cfg(not(feature = "sandbox"))]
        false
    }

    /// Gives the server as a person knows it, and as `PROXMOX_HOST` names it.
    pub(crate) fn host(&self) -> Result<Endpoint, Error> {
        self.settings.require_usable(&[Key::Host])?;
        let host = self.settings.host().ok_or_else(|| self.unanswered("the server", Key::Host))?.value;
        if !self.is_sandbox() && host.host().to_string() == SANDBOX_HOST {
            return Err(Error::Config(ConfigError::SandboxOnly));
        }
        Ok(host)
    }

    /// Gives the address that is connected to.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        let host = self.host()?;
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = &self.sandbox {
            let address = sandbox.address();
            let host = match address.ip() {
                std::net::IpAddr::V4(ip) => crate::model::Host::V4(ip),
                std::net::IpAddr::V6(ip) => crate::model::Host::V6(ip),
            };
            return Ok(Endpoint::new(host, address.port()));
        }
        Ok(host)
    }

    /// Gives the one trust of this run, and its word.
    pub(crate) fn trust(&self) -> Result<(Trust, TrustSource), Error> {
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = &self.sandbox {
            if self.rehearses_trust {
                return Ok(self.rehearsed_trust());
            }
            return Ok((
                Trust::Ca(CaBundle::from_pem(sandbox.ca_pem().as_bytes()).map_err(|source| {
                    Error::Config(ConfigError::CaFile { path: PathBuf::from("the sandbox"), source })
                })?),
                TrustSource::Ca,
            ));
        }
        match self.settings.verification()? {
            Verification::System => Ok((Trust::System, TrustSource::System)),
            Verification::Disabled(_) => Ok((Trust::Unverified, TrustSource::Unverified)),
            Verification::Pinned { ca_file, fingerprint } => {
                let bundle = ca_file.map(|it| self.authority_in(&it.value)).transpose()?;
                match (bundle, fingerprint.map(|it| it.value)) {
                    (Some(bundle), Some(pin)) => Ok((Trust::CaAndPinned(bundle, pin), TrustSource::Ca)),
                    (Some(bundle), None) => Ok((Trust::Ca(bundle), TrustSource::Ca)),
                    (None, Some(pin)) => Ok((Trust::Pinned(pin), TrustSource::Pin)),
                    (None, None) => Ok((Trust::System, TrustSource::System)),
                }
            }
        }
    }

    /// Gives the trust that a person decided on in a rehearsal: a file of the sandbox, whose certificate is a new one in
    /// each run, does not decide about it.
    #[cfg(feature = "sandbox")]
    fn rehearsed_trust(&self) -> (Trust, TrustSource) {
        let is_answered = |key: Key| self.settings.source(key) == Some(&Source::Answer);
        match self.settings.setting(Key::Fingerprint).map(|said| &said.value) {
            Some(Setting::Fingerprint(pin)) if is_answered(Key::Fingerprint) => (Trust::Pinned(*pin), TrustSource::Pin),
            _ if is_answered(Key::VerifySsl) => (Trust::Unverified, TrustSource::Unverified),
            _ => (Trust::System, TrustSource::System),
        }
    }

    /// Lets a person answer on the sandbox what a new server would take: the certificate is to be decided on, and the
    /// secret of its token is to be got in one of the ways there are.
    pub(crate) fn rehearse_first_contact(&mut self) -> Result<(), Error> {
        let is_decided = TRUST_KEYS.iter().any(|key| self.settings.source(*key).is_some_and(Source::is_settled));
        self.rehearses_trust = self.is_sandbox() && !is_decided;
        if self.settings.source(Key::TokenValue) == Some(&Source::Sandbox) {
            self.unset(&[Key::TokenValue])?;
        }
        Ok(())
    }

    fn authority_in(&self, path: &Path) -> Result<CaBundle, Error> {
        match self.authority.as_ref().and_then(|authority| authority.at(path)) {
            Some(known) => known.map_err(|source| Error::Config(ConfigError::CaFile { path: path.to_owned(), source })),
            None => read_ca(path),
        }
    }

    /// Refuses a CA that came through a pipe, where its file is to be written into the settings.
    pub(crate) fn require_lasting_ca(&self) -> Result<(), Error> {
        match &self.authority {
            Some(authority) if !authority.can_be_read_again() => Err(authority.not_lasting()),
            _ => Ok(()),
        }
    }

    /// Gives what to authenticate with.
    pub(crate) fn credentials(&self, session: &Session) -> Result<Credentials, Error> {
        self.settings.require_usable(&[Key::User, Key::TokenName, Key::TokenValue])?;
        if self.settings.user().is_none() {
            return Err(self.unanswered("the user", Key::User));
        }
        if self.settings.source(Key::TokenValue).is_none() && self.settings.password().is_none() {
            return Err(self.unanswered("the token's secret", Key::TokenValue));
        }
        let (credentials, warning) = self.settings.credentials()?;
        if let Some(warning) = warning {
            session.warn(warning.to_string());
        }
        Ok(credentials)
    }

    /// Reads the password of a log-in from a file, or from standard input, unless a secret came from there already.
    pub(crate) async fn login_password(
        &self,
        session: &Session,
        path: &Path,
        flag: &'static str,
    ) -> Result<Secret, Error> {
        if self.is_stdin_taken && is_stdin(Some(path)) {
            return Err(Error::Usage(UsageError::StandardInputTwice));
        }
        read_password(session, path, flag).await
    }

    /// Gives a secret that stands in a variable which is no setting; there are none of a real server's on the sandbox.
    pub(crate) fn secret_variable(&self, name: &str) -> Option<Secret> {
        let text = self.variables.get(name)?.to_str().filter(|text| !text.is_empty())?;
        Some(Secret::new(text.to_owned()))
    }

    /// Gives the administrator's log-in of the sandbox, so that a rehearsal needs no answers.
    pub(crate) fn rehearsed_login(&self) -> Option<(UserId, Secret)> {
        #[cfg(feature = "sandbox")]
        if let Some(card) = self.sandbox.as_ref().and_then(|sandbox| sandbox.users().into_iter().next()) {
            return Some((card.userid.parse().ok()?, Secret::new(card.password.to_owned())));
        }
        None
    }

    /// Lets commands to paste from here on be about the same settings, and the same server where that is known from
    /// flags and answers alone.
    pub(crate) fn repeat(&self, session: &Session) {
        session.ui.repeat(self.repeated());
    }

    /// Gives the flags that lead to the same settings and the same server.
    pub(crate) fn repeated(&self) -> StickyFlags {
        let mut repeat = StickyFlags::default();
        if let Some(path) = &self.named_file {
            repeat.of_settings("--env-file", word(&path.display().to_string()));
        }
        if !self.instance.is_first() {
            repeat.of_settings("--instance", self.instance.to_string());
        }
        if self.is_sandbox() {
            repeat.of_server("--sandbox", String::new());
        }
        let said = |key: Key| matches!(self.settings.source(key), Some(Source::Flag(_) | Source::Answer));
        let is_of_sandbox = |key: Key| self.is_sandbox() && (key == Key::Host || TRUST_KEYS.contains(&key));
        for key in [Key::Host, Key::User, Key::TokenName, Key::Fingerprint, Key::CaFile] {
            if let (true, Some(text)) = (said(key) && !is_of_sandbox(key), self.settings.text(key)) {
                repeat.of_server(key.entry().flag, word(&text));
            }
        }
        if let (true, Some(path)) = (said(Key::TokenValue), &self.secret_file) {
            repeat.of_server(Key::TokenValue.entry().flag, word(&path.display().to_string()));
        }
        if said(Key::VerifySsl)
            && !self.is_sandbox()
            && matches!(self.settings.verification(), Ok(Verification::Disabled(_)))
        {
            repeat.of_server("--insecure", String::new());
        }
        repeat
    }

    /// Gives the token that the settings name.
    pub(crate) fn token_id(&self) -> Result<TokenId, Error> {
        let settings = &self.settings;
        let user = settings.user().ok_or_else(|| self.unanswered("the user", Key::User))?.value;
        let name = settings.token_name().ok_or_else(|| self.unanswered("the token's name", Key::TokenName))?.value;
        Ok(TokenId { user, name })
    }

    /// Lists what is missing of server, user and secret beside a key that is.
    fn missing_beside(&self, key: Key) -> Vec<MissingAnswer> {
        let settings = &self.settings;
        let has_secret = settings.source(Key::TokenValue).is_some() || settings.password().is_some();
        let all = [
            ("the server", Key::Host, settings.source(Key::Host).is_some()),
            ("the user", Key::User, settings.source(Key::User).is_some()),
            ("the token's secret", Key::TokenValue, has_secret),
        ];
        if !all.iter().any(|(_, one, _)| *one == key) {
            return Vec::new();
        }
        let missing = all.into_iter().filter(|(_, one, is_there)| *one != key && !is_there);
        let answer = |(what, key, _): (&'static str, Key, bool)| MissingAnswer {
            what,
            flag: key.entry().flag,
            variable: key.variable(&self.instance),
        };
        missing.map(answer).collect()
    }

    /// Reports a missing answer that cannot be asked for without a terminal.
    pub(crate) fn unanswered(&self, what: &'static str, key: Key) -> Error {
        Error::Usage(UsageError::Unanswered {
            what,
            flag: Some(key.entry().flag),
            key: Some((key.variable(&self.instance), Some(self.store.path().to_owned()))),
            further: self.missing_beside(key),
            rehearsal: None,
        })
    }

    /// Gives the limits of a options.
    pub(crate) fn limits(&self) -> pve::Limits {
        pve::Limits { connect: self.connect_timeout, ..pve::Limits::default() }
    }

    /// Gives the proxy that stands in the environment; there is none to the sandbox.
    pub(crate) fn proxies(&self, session: &Session) -> pve::Proxies {
        if self.is_sandbox() {
            pve::Proxies::none()
        } else {
            pve::Proxies::from_variables(&|name| session.variable(name).map(str::to_owned))
        }
    }

    /// Gives the journal; the sandbox ends with this process and needs none.
    pub(crate) fn journal(&self, session: &Session) -> Result<Option<Journal>, Error> {
        if self.is_sandbox() { Ok(None) } else { Ok(Some(Journal::new(session.state_folder()?))) }
    }

    /// Makes sure that what will be made on the server can be noted, before anybody is asked and anything is changed.
    pub(crate) fn require_journal(&self, session: &Session) -> Result<(), Error> {
        Ok(self.journal(session)?.map_or(Ok(()), |journal| journal.try_out())?)
    }

    /// Finds out whether the settings file could be saved, before a person answers questions for it.
    pub(crate) fn require_savable(&self) -> Result<(), Error> {
        let mut bytes = self.loaded.file.bytes().to_vec();
        bytes.resize(bytes.len() + RESERVE, b'#');
        Ok(self.store.check_save(&EnvFile::new(bytes), &self.loaded.stamp)?)
    }

    /// Says with `-v` which source won.
    fn tell_sources(&self, session: &Session) {
        for entry in &KEYS {
            let Some(source) = self.settings.source(entry.key) else { continue };
            let name = entry.key.variable(&self.instance);
            let shown = match entry.key.secrecy() {
                Secrecy::Public => self.settings.text(entry.key).unwrap_or_default(),
                Secrecy::Token | Secrecy::Password => "(secret)".to_owned(),
            };
            session.ui.verbose(&Note::plain(format!("{name}={shown}, from {source}")));
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

/// Gives the settings file that a flag or a variable names.
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

/// Writes a word for a shell, as it is where it may stand so.
fn word(text: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:@+=,".contains(it);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { sh_word(text) }
}

/// Leaves out the variables of a real server.
fn without_settings(variables: &Variables) -> Variables {
    variables.iter().filter(|(name, _)| !is_setting(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}
