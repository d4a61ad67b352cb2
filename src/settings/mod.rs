//! Settings: which value holds for each key, and which source it comes from.

mod assignment;
mod diff;
mod encoding;
mod env_file;
mod error;
mod formats;
mod keys;
mod parsers;
mod quoting;
mod source;
mod store;
mod syntax;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

pub use self::assignment::Assignment;
pub use self::diff::{DiffLine, Sign, masked_diff};
pub use self::encoding::Encoding;
pub use self::env_file::{AmbiguousValues, Change, Edited, EnvFile, Located, TokenUse};
pub use self::error::{FileOperation, InvalidValue, SettingsError, TwoTokens, TwoUsers, Warning};
pub use self::formats::{Access, BadImport, Import, Remark, curl_line, imported, variables_of};
pub use self::keys::{BadInstance, Instance, KEYS, Key, KeySpec, Secrecy, Section};
pub use self::parsers::Reader;
pub use self::quoting::Unwritable;
pub use self::source::{Source, Sourced};
pub use self::store::{GroupRights, Loaded, SaveOutcome, SaveReport, Stamp, Store};
pub use self::syntax::{Shown, Syntax, sh_word};
pub use self::values::WritableValue;
use crate::model::{
    Endpoint, Fingerprint, NodeName, Pasted, PoolName, Secret, TokenId, TokenName, TokenSecret, UserId, VmId,
};

/// The variables of the process, as far as settings may see them.
pub type Variables = BTreeMap<String, OsString>;

/// What was said for this run alone, by key: by a flag, or by whoever sits at the keyboard.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    said: BTreeMap<Key, Sourced<Secret>>,
    unset: BTreeSet<Key>,
}

impl Flags {
    /// Adds what a flag said; for a secret, what its file held.
    pub fn set(&mut self, key: Key, text: String) {
        self.say(key, Secret::new(text), Source::Flag(key.entry().flag));
    }

    /// Adds what a person or the sandbox said.
    pub fn say(&mut self, key: Key, text: Secret, source: Source) {
        self.unset.remove(&key);
        self.said.insert(key, Sourced { value: text, source });
    }

    /// Lets a key have no value in this run, whatever variables and the file say.
    pub fn unset(&mut self, key: Key) {
        self.said.remove(&key);
        self.unset.insert(key);
    }

    /// Takes back what a person said of a key.
    pub fn retract(&mut self, key: Key) {
        self.unset.remove(&key);
        if self.said.get(&key).is_some_and(|said| said.source == Source::Answer) {
            self.said.remove(&key);
        }
    }

    /// Says whether a key is to have no value.
    #[must_use]
    pub fn is_unset(&self, key: Key) -> bool {
        self.unset.contains(&key)
    }
}

/// Who authenticates, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// With an API token.
    Token {
        /// The token.
        id: TokenId,
        /// Its secret.
        secret: TokenSecret,
    },
    /// With a password.
    Password {
        /// The user.
        user: UserId,
        /// The password.
        password: Secret,
    },
}

/// How the server's certificate is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// By the authorities that the system trusts.
    System,
    /// By what was pinned; where both are set, both must hold.
    Pinned {
        /// A file with the only authority that counts.
        ca_file: Option<Sourced<PathBuf>>,
        /// The fingerprint of the only certificate that counts.
        fingerprint: Option<Sourced<Fingerprint>>,
    },
    /// Not at all.
    Disabled(Source),
}

/// The values of one instance, each from the source that wins: flag, variable, file, default.
#[derive(Debug, Clone)]
pub struct Settings {
    instance: Instance,
    folders: Vec<PathBuf>,
    found: BTreeMap<Key, Sourced<Secret>>,
}

impl Settings {
    /// Collects what flags, variables and the file say; nothing is parsed yet. An empty text counts as nothing.
    ///
    /// # Errors
    ///
    /// Fails where a variable that counts is not text.
    pub fn load(
        instance: &Instance,
        flags: &Flags,
        variables: &Variables,
        path: &Path,
        file: &EnvFile,
    ) -> Result<Self, SettingsError> {
        let in_file = file.values(&|name| variables.get(name)?.to_str().map(str::to_owned));
        for (name, located) in &in_file {
            if let Some(text) = &located.text {
                text.notice(name);
            }
        }
        let folders = folders(path);
        let mut found = BTreeMap::new();
        for entry in &KEYS {
            let mut names = vec![entry.key.variable(instance)];
            if entry.key == Key::TokenName && !instance.is_first() {
                names.push(entry.key.variable(&Instance::default()));
            }
            let mut winner = flags.said.get(&entry.key).filter(|said| !said.value.is_empty()).cloned();
            if flags.unset.contains(&entry.key) {
                names.clear();
            }
            for name in names {
                if winner.is_none() {
                    winner = from_variable(variables, &name)?.or_else(|| from_file(&in_file, path, &name));
                }
            }
            let default = entry
                .default
                .map(|text| Sourced { value: Secret::new(text.to_owned()), source: Source::Default(entry.variable) });
            let winner = winner.or(default).inspect(|winner| winner.value.notice(entry.variable));
            found.extend(winner.map(|winner| (entry.key, winner)));
        }
        Ok(Self { instance: instance.clone(), folders, found })
    }

    /// Says where the value of a key comes from, where there is one.
    #[must_use]
    pub fn source(&self, key: Key) -> Option<&Source> {
        self.found.get(&key).map(|found| &found.source)
    }

    /// Gives the text of a key that may be shown; nothing for a secret.
    #[must_use]
    pub fn text(&self, key: Key) -> Option<&str> {
        self.found.get(&key).filter(|_| key.secrecy() == Secrecy::Public).map(|found| found.value.expose())
    }

    /// Gives the server.
    ///
    /// # Errors
    ///
    /// Fails where the value is no server.
    pub fn host(&self) -> Result<Option<Sourced<Endpoint>>, SettingsError> {
        self.parsed(Key::Host)
    }

    /// Gives the node.
    ///
    /// # Errors
    ///
    /// Fails where the value is no node name.
    pub fn node(&self) -> Result<Option<Sourced<NodeName>>, SettingsError> {
        self.parsed(Key::Node)
    }

    /// Gives the pool.
    ///
    /// # Errors
    ///
    /// Fails where the value is no pool name.
    pub fn pool(&self) -> Result<Option<Sourced<PoolName>>, SettingsError> {
        self.parsed(Key::Pool)
    }

    /// Gives the VMID of a template key.
    ///
    /// # Errors
    ///
    /// Fails where the value is no VMID.
    pub fn template(&self, key: Key) -> Result<Option<Sourced<VmId>>, SettingsError> {
        self.parsed(key)
    }

    /// Gives the secret of the token, in whatever form it was copied.
    ///
    /// # Errors
    ///
    /// Fails where there is no token secret in the value.
    pub fn token_secret(&self) -> Result<Option<Sourced<TokenSecret>>, SettingsError> {
        let pasted = self.pasted_token()?;
        Ok(pasted.map(|pasted| Sourced { value: pasted.value.secret, source: pasted.source }))
    }

    /// Finds the secret in what stands in its place, and whose token it is, where that stands beside it.
    fn pasted_token(&self) -> Result<Option<Sourced<Pasted>>, SettingsError> {
        let Some(found) = self.found.get(&Key::TokenValue) else { return Ok(None) };
        match Pasted::read(&found.value) {
            Ok(value) => {
                // In the text as it was given it may be broken over lines, or have invisible characters in it.
                Secret::from(value.secret.clone()).register();
                Ok(Some(Sourced { value, source: found.source.clone() }))
            }
            Err(why) => Err(SettingsError::Invalid { origin: found.source.clone(), why: why.into() }),
        }
    }

    /// Says whether nothing but the secret of the token stands in its place, if anything does.
    #[must_use]
    pub fn is_secret_bare(&self) -> bool {
        let pasted = self.pasted_token().ok().flatten();
        let found = self.found.get(&Key::TokenValue);
        pasted.zip(found).is_none_or(|(pasted, found)| pasted.value.is_all_of(&found.value))
    }

    /// Gives a part of the token ID that stands beside the secret, with its source.
    fn beside_secret<T>(&self, part: impl Fn(Pasted) -> Option<T>) -> Option<Sourced<T>> {
        let pasted = self.pasted_token().ok()??;
        Some(Sourced { value: part(pasted.value)?, source: pasted.source })
    }

    /// Gives the password.
    #[must_use]
    pub fn password(&self) -> Option<&Sourced<Secret>> {
        self.found.get(&Key::Password)
    }

    /// Gives the user: `PROXMOX_USER`, else the one in a full token ID, in the place of the token's name or beside its
    /// secret.
    ///
    /// # Errors
    ///
    /// Fails where the value is no user ID, or a token ID names another user.
    pub fn user(&self) -> Result<Option<Sourced<UserId>>, SettingsError> {
        let mut user = self.parsed::<UserId>(Key::User)?;
        let of_name = self.full_token_id()?.map(|id| Sourced { value: id.value.user, source: id.source });
        if let (Some(user), Some(of_name)) = (&user, &of_name)
            && user.value != of_name.value
        {
            return Err(two_users(of_name, user));
        }
        user = user.or(of_name);
        let Some(of_secret) = self.beside_secret(|pasted| pasted.user) else { return Ok(user) };
        match user {
            Some(user) if user.value == of_secret.value => Ok(Some(user)),
            Some(user) if !of_secret.source.outranks(&user.source) => Err(two_users(&of_secret, &user)),
            _ => Ok(Some(of_secret)),
        }
    }

    /// Gives the name of the token, also where a full token ID stands in its place or beside its secret.
    ///
    /// # Errors
    ///
    /// Fails where the value is neither, or another token's name stands beside the secret.
    pub fn token_name(&self) -> Result<Option<Sourced<TokenName>>, SettingsError> {
        let name = match self.full_token_id()? {
            Some(id) => Some(Sourced { value: id.value.name, source: id.source }),
            None => self.parsed(Key::TokenName)?,
        };
        let Some(of_secret) = self.beside_secret(|pasted| pasted.name) else { return Ok(name) };
        match name {
            Some(name) if name.value == of_secret.value => Ok(Some(name)),
            Some(name) if !of_secret.source.outranks(&name.source) => {
                Err(SettingsError::TwoTokens(Box::new(TwoTokens {
                    secret: of_secret.source,
                    secret_token: of_secret.value,
                    name: name.source,
                    other_token: name.value,
                })))
            }
            _ => Ok(Some(of_secret)),
        }
    }

    fn full_token_id(&self) -> Result<Option<Sourced<TokenId>>, SettingsError> {
        let is_full = self.text(Key::TokenName).is_some_and(|text| text.contains('!'));
        if is_full { self.parsed(Key::TokenName) } else { Ok(None) }
    }

    /// Gives what to authenticate with, and a warning where a token and a password are both there.
    ///
    /// # Errors
    ///
    /// Fails where user or secret are missing or invalid.
    pub fn credentials(&self) -> Result<(Credentials, Option<Warning>), SettingsError> {
        let user = self.user()?.ok_or_else(|| self.missing(Key::User))?.value;
        let Some(secret) = self.token_secret()? else {
            let password = self.password().ok_or_else(|| self.missing(Key::TokenValue))?.value.clone();
            return Ok((Credentials::Password { user, password }, None));
        };
        let name = self.token_name()?.ok_or_else(|| self.missing(Key::TokenName))?.value;
        let warning = self.password().map(|password| Warning::TokenBeatsPassword {
            token: secret.source.clone(),
            password: password.source.clone(),
        });
        Ok((Credentials::Token { id: TokenId { user, name }, secret: secret.value }, warning))
    }

    /// Says how the server's certificate is to be judged: a CA file or a fingerprint decides over `PROXMOX_VERIFY_SSL`,
    /// and only the flag `--insecure` over what is pinned elsewhere.
    ///
    /// # Errors
    ///
    /// Fails where a value is no boolean or no fingerprint.
    pub fn verification(&self) -> Result<Verification, SettingsError> {
        let fingerprint = self.fingerprint()?;
        let ca_file = self.ca_file();
        let verify = self.verify_ssl()?;
        let is_flag = |source: &Source| matches!(source, Source::Flag(_) | Source::Answer);
        let waived = verify.filter(|verify| !verify.value).map(|verify| verify.source);
        let pinned_by_flag = fingerprint.as_ref().is_some_and(|it| is_flag(&it.source))
            || ca_file.as_ref().is_some_and(|it| is_flag(&it.source));
        let is_pinned = fingerprint.is_some() || ca_file.is_some();
        Ok(match waived {
            Some(source) if !is_pinned || (is_flag(&source) && !pinned_by_flag) => Verification::Disabled(source),
            _ if is_pinned => Verification::Pinned { ca_file, fingerprint },
            _ => Verification::System,
        })
    }

    /// Gives the fingerprint.
    ///
    /// # Errors
    ///
    /// Fails where it is none.
    pub fn fingerprint(&self) -> Result<Option<Sourced<Fingerprint>>, SettingsError> {
        self.parsed(Key::Fingerprint)
    }

    /// Gives what `PROXMOX_VERIFY_SSL` says.
    ///
    /// # Errors
    ///
    /// Fails where it is no boolean.
    pub fn verify_ssl(&self) -> Result<Option<Sourced<bool>>, SettingsError> {
        let Some(found) = self.found.get(&Key::VerifySsl) else { return Ok(None) };
        match values::boolean(found.value.expose()) {
            Some(value) => Ok(Some(Sourced { value, source: found.source.clone() })),
            None => Err(SettingsError::Invalid { origin: found.source.clone(), why: InvalidValue::Boolean }),
        }
    }

    /// Gives the CA file; a flag is relative to the working directory, anything else to the folder of the `.env` file, or,
    /// where there is no such file, to the folder of a link to it.
    #[must_use]
    pub fn ca_file(&self) -> Option<Sourced<PathBuf>> {
        let found = self.found.get(&Key::CaFile)?;
        let text = found.value.expose().trim();
        let is_typed = matches!(found.source, Source::Flag(_) | Source::Answer);
        let value = if is_typed { PathBuf::from(text) } else { self.beside(text) };
        Some(Sourced { value, source: found.source.clone() })
    }

    fn beside(&self, name: &str) -> PathBuf {
        let mut places = self.folders.iter().map(|folder| folder.join(name));
        let first = places.next().unwrap_or_default();
        if first.exists() { first } else { places.find(|place| place.exists()).unwrap_or(first) }
    }

    /// Gives the CA file as it is written into the settings file: what stands there stays; what was said elsewhere is
    /// relative where it lies below the folder of the file itself, else absolute.
    #[must_use]
    pub fn ca_file_text(&self) -> Option<String> {
        let file = self.ca_file()?;
        if let (Source::File { .. }, Some(text)) = (&file.source, self.text(Key::CaFile)) {
            return Some(text.to_owned());
        }
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let path = absolute(&file.value);
        let folder = self.folders.first().map(|folder| absolute(folder)).unwrap_or_default();
        Some(path.strip_prefix(folder).unwrap_or(&path).display().to_string())
    }

    /// Gives the variables that say the same to another run, or to the application: what is in force, nothing else.
    ///
    /// # Errors
    ///
    /// Fails where a value is invalid, or there is nothing to authenticate with.
    pub fn assignments(&self) -> Result<Vec<Assignment>, SettingsError> {
        let (credentials, _) = self.credentials()?;
        let mut assignments = Vec::new();
        for entry in &KEYS {
            let name = entry.key.variable(&self.instance);
            let secret = match (&credentials, entry.key) {
                (Credentials::Token { secret, .. }, Key::TokenValue) => Some(WritableValue::Token(secret.clone())),
                (Credentials::Password { password, .. }, Key::Password) => {
                    Some(WritableValue::Password(password.clone()))
                }
                _ => None,
            };
            if let Some(secret) = secret {
                assignments.push(Assignment::hidden(name, String::new(), secret));
            } else if let Some(text) = self.exported(entry.key, &credentials)? {
                assignments.push(Assignment::public(name, text));
            }
        }
        Ok(assignments)
    }

    /// Gives the text of a key that is no secret, in the form in which `.env` holds it; paths in full.
    fn exported(&self, key: Key, credentials: &Credentials) -> Result<Option<String>, SettingsError> {
        Ok(match key {
            Key::Host => self.host()?.map(|found| found.value.to_string()),
            Key::User => self.user()?.map(|found| found.value.to_string()),
            Key::TokenName => match credentials {
                Credentials::Token { id, .. } => Some(id.name.to_string()),
                Credentials::Password { .. } => None,
            },
            Key::TokenValue | Key::Password => None,
            Key::VerifySsl => self.verify_ssl()?.map(|found| found.value.to_string()),
            Key::CaFile => self.ca_file().map(|found| found.value.display().to_string()),
            Key::Fingerprint => self.fingerprint()?.map(|found| found.value.to_string()),
            Key::Node | Key::Pool | Key::Ubuntu2204Template | Key::Ubuntu2004Template => {
                self.text(key).map(str::to_owned)
            }
        })
    }

    /// Says that a key is missing, naming variable and flag.
    #[must_use]
    pub fn missing(&self, key: Key) -> SettingsError {
        SettingsError::Missing { variable: key.variable(&self.instance), flag: key.entry().flag }
    }

    fn parsed<T>(&self, key: Key) -> Result<Option<Sourced<T>>, SettingsError>
    where
        T: FromStr,
        InvalidValue: From<T::Err>,
    {
        let Some(found) = self.found.get(&key) else { return Ok(None) };
        match found.value.expose().parse() {
            Ok(value) => Ok(Some(Sourced { value, source: found.source.clone() })),
            Err(why) => Err(SettingsError::Invalid { origin: found.source.clone(), why: InvalidValue::from(why) }),
        }
    }
}

/// More links than this in a row are a circle.
const LINKS_AT_MOST: usize = 40;

/// Lists the folders that files beside the settings file are looked for in: its own, then those of the links to it, the
/// one that was named last.
fn folders(path: &Path) -> Vec<PathBuf> {
    let mut path = path.to_path_buf();
    let mut folders = vec![parent(&path)];
    while let (Ok(next), true) = (path.read_link(), folders.len() <= LINKS_AT_MOST) {
        path = parent(&path).join(next);
        folders.push(parent(&path));
    }
    folders.reverse();
    folders.dedup();
    folders
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

fn two_users(token: &Sourced<UserId>, user: &Sourced<UserId>) -> SettingsError {
    SettingsError::TwoUsers(Box::new(TwoUsers {
        token: token.source.clone(),
        token_user: token.value.clone(),
        user: user.source.clone(),
        other_user: user.value.clone(),
    }))
}

fn from_variable(variables: &Variables, name: &str) -> Result<Option<Sourced<Secret>>, SettingsError> {
    let Some(value) = variables.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let source = Source::Variable(name.to_owned());
    match value.to_str() {
        Some(text) => Ok(Some(Sourced { value: Secret::new(text.to_owned()), source })),
        None => Err(SettingsError::Invalid { origin: source, why: InvalidValue::NotText }),
    }
}

fn from_file(values: &BTreeMap<String, Located>, path: &Path, name: &str) -> Option<Sourced<Secret>> {
    let located = values.get(name)?;
    let value = located.text.clone().filter(|text| !text.is_empty())?;
    let source = Source::File { path: path.to_path_buf(), line: located.line, name: name.to_owned() };
    Some(Sourced { value, source })
}

#[cfg(test)]
mod tests;
