//! Settings: the value of each key, and its source.

mod assignment;
mod diff;
mod encoding;
mod env_file;
mod error;
mod export;
mod flags;
mod formats;
mod identity;
mod keys;
mod parsers;
mod quoting;
mod setting;
mod source;
mod store;
mod syntax;
mod trust;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use self::assignment::Assignment;
pub use self::diff::{DiffLine, Sign, masked_diff};
pub use self::encoding::Encoding;
pub use self::env_file::{
    AmbiguousValues, Change, Edited, EnvFile, Located, TokenUse, UnusedLine, UnusedReason, ValueLeft,
};
pub use self::error::{
    FileOperation, InvalidSetting, InvalidValue, SettingFault, SettingsError, TwoTokens, TwoUsers, Warning,
};
pub use self::flags::Flags;
pub use self::formats::{Access, BadImport, Import, Remark, ToolVariables, curl_line, imported, variables_of};
use self::identity::Identity;
pub use self::keys::{
    BadInstance, ENV_FILE, Instance, KEYS, Key, KeySpec, LOGIN_PASSWORD, Secrecy, Section, is_setting,
};
pub use self::parsers::Reader;
pub use self::quoting::Unwritable;
pub use self::setting::{Setting, WritableValue};
pub use self::source::{Source, Sourced};
pub use self::store::{GroupRights, Loaded, SaveOutcome, SaveReport, Stamp, Store};
pub use self::syntax::{Shown, Syntax, sh_word};
use self::trust::folders;
pub use self::trust::{TRUST_KEYS, Verification};
use crate::model::{Secret, TokenId, TokenSecret, UserId};

/// The variables of the process, as far as settings may see them.
pub type Variables = BTreeMap<String, OsString>;

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

/// The values of one instance, each from the source with the highest precedence: flag, variable, file, default.
#[derive(Debug, Clone)]
pub struct Settings {
    instance: Instance,
    folders: Vec<PathBuf>,
    found: BTreeMap<Key, Sourced<Setting>>,
    invalid: BTreeMap<Key, InvalidSetting>,
    identity: Identity,
    /// Whether nothing but the secret of the token is in its place, if anything is.
    is_secret_bare: bool,
}

impl Settings {
    /// Reads flags, variables and the file, for each key from the source with the highest precedence. An empty text
    /// counts as no value. Invalid values are left out, and listed by `invalid`; if a variable is not valid text, the
    /// file is read instead.
    #[must_use]
    pub fn load(instance: &Instance, flags: &Flags, variables: &Variables, path: &Path, file: &EnvFile) -> Self {
        let in_file = file.values(&|name| variables.get(name)?.to_str().map(str::to_owned));
        for (name, located) in &in_file {
            if let Some(text) = &located.text {
                text.notice(name);
            }
        }
        let mut settings = Self {
            instance: instance.clone(),
            folders: folders(path),
            found: BTreeMap::new(),
            invalid: BTreeMap::new(),
            identity: Identity::default(),
            is_secret_bare: true,
        };
        for entry in &KEYS {
            if let Some(given) = flags.get(entry.key) {
                settings.take(given.clone());
                continue;
            }
            let names = if flags.is_unset(entry.key) { Vec::new() } else { names(entry.key, instance) };
            let mut variable = |name: &String| match from_variable(variables, name)? {
                Ok(text) => Some(text),
                Err(source) => {
                    settings.reject(entry.key, source, InvalidValue::NotText);
                    None
                }
            };
            let winner = names.iter().find_map(|name| variable(name).or_else(|| from_file(&in_file, path, name)));
            if let Some(text) = winner.or_else(|| default(entry)) {
                settings.read(entry.key, &text);
            }
        }
        settings.identify();
        settings
    }

    /// Reads what the file alone says.
    #[must_use]
    pub fn of_file(instance: &Instance, path: &Path, file: &EnvFile) -> Self {
        Self::load(instance, &Flags::default(), &Variables::new(), path, file)
    }

    fn take(&mut self, given: Sourced<Setting>) {
        given.value.register();
        self.found.insert(given.value.key(), given);
    }

    fn read(&mut self, key: Key, text: &Sourced<Secret>) {
        text.value.notice(key.entry().variable);
        match Setting::parse(key, &text.value) {
            Ok(value) => {
                if let Setting::TokenValue(pasted) = &value {
                    self.is_secret_bare = pasted.is_all_of(&text.value);
                }
                self.take(Sourced { value, source: text.source.clone() });
            }
            Err(why) => self.reject(key, text.source.clone(), why),
        }
    }

    fn reject(&mut self, key: Key, source: Source, why: InvalidValue) {
        self.invalid.insert(key, InvalidSetting { key, source, why: SettingFault::Value(why) });
    }

    fn identify(&mut self) {
        let user = self.value(Key::User, |it| if let Setting::User(user) = it { Some(user) } else { None });
        let token =
            self.value(Key::TokenName, |it| if let Setting::TokenName(token) = it { Some(token) } else { None });
        let mut identity = Identity::of(user, token.as_ref(), self.pasted_token().as_ref());
        for why in identity.contradictions.drain(..) {
            self.invalid.entry(why.key).or_insert(why);
        }
        self.identity = identity;
    }

    /// Lists what cannot be used, in the order of the keys.
    pub fn invalid(&self) -> impl Iterator<Item = &InvalidSetting> {
        self.invalid.values()
    }

    /// Refuses invalid values of some keys where nothing else says their value; the first one is the error.
    ///
    /// # Errors
    ///
    /// Fails if the value of one of these keys is invalid, and there is no other.
    pub fn require_usable(&self, keys: &[Key]) -> Result<(), SettingsError> {
        let is_needed =
            |invalid: &&InvalidSetting| !self.found.contains_key(&invalid.key) || invalid.is_contradiction();
        match keys.iter().filter_map(|key| self.invalid.get(key)).find(is_needed) {
            Some(invalid) => Err(invalid.clone().into()),
            None => Ok(()),
        }
    }

    /// Says where the value of a key comes from, where there is one, valid or not.
    #[must_use]
    pub fn source(&self, key: Key) -> Option<&Source> {
        let invalid = || self.invalid.get(&key).map(|invalid| &invalid.source);
        self.found.get(&key).map(|found| &found.source).or_else(invalid)
    }

    /// Returns the value of a key with its source.
    #[must_use]
    pub fn setting(&self, key: Key) -> Option<&Sourced<Setting>> {
        self.found.get(&key)
    }

    /// Returns the text of a key that may be shown; `None` for a secret.
    #[must_use]
    pub fn text(&self, key: Key) -> Option<String> {
        self.found.get(&key)?.value.shown()
    }

    /// Returns what to authenticate with, and a warning where a token and a password are both there.
    ///
    /// # Errors
    ///
    /// Fails if user or secret are missing or invalid.
    pub fn credentials(&self) -> Result<(Credentials, Option<Warning>), SettingsError> {
        self.require_usable(&[Key::User, Key::TokenName, Key::TokenValue])?;
        let user = self.user().ok_or_else(|| self.missing(Key::User))?.value;
        let Some(secret) = self.token_secret() else {
            let password = self.password().ok_or_else(|| self.missing(Key::TokenValue))?.value;
            return Ok((Credentials::Password { user, password }, None));
        };
        let name = self.token_name().ok_or_else(|| self.missing(Key::TokenName))?.value;
        let of_both = |password: Sourced<Secret>| Warning::TokenBeatsPassword {
            token: secret.source.clone(),
            password: password.source,
        };
        let is_odd = secret.value.looks_like_placeholder();
        let of_form = is_odd.then(|| Warning::LooksLikePlaceholder { secret: secret.source.clone() });
        let warning = of_form.or_else(|| self.password().map(of_both));
        Ok((Credentials::Token { id: TokenId { user, name }, secret: secret.value }, warning))
    }

    /// Says that a key is missing, naming variable and flag.
    #[must_use]
    pub fn missing(&self, key: Key) -> SettingsError {
        SettingsError::Missing { variable: key.variable(&self.instance), flag: key.entry().flag }
    }
}

/// Lists the variables of a key: the token's name of another instance falls back to that of the first.
fn names(key: Key, instance: &Instance) -> Vec<String> {
    let mut names = vec![key.variable(instance)];
    if key == Key::TokenName && !instance.is_first() {
        names.push(key.variable(&Instance::default()));
    }
    names
}

fn default(entry: &KeySpec) -> Option<Sourced<Secret>> {
    let value = Secret::new(entry.default?.to_owned());
    Some(Sourced { value, source: Source::Default(entry.variable) })
}

/// Reads a variable of the process; the error is the source of what is not text.
fn from_variable(variables: &Variables, name: &str) -> Option<Result<Sourced<Secret>, Source>> {
    let value = variables.get(name).filter(|value| !value.is_empty())?;
    let source = Source::Variable(name.to_owned());
    Some(match value.to_str() {
        Some(text) => Ok(Sourced { value: Secret::new(text.to_owned()), source }),
        None => Err(source),
    })
}

fn from_file(values: &BTreeMap<String, Located>, path: &Path, name: &str) -> Option<Sourced<Secret>> {
    let located = values.get(name)?;
    let value = located.text.clone().filter(|text| !text.is_empty())?;
    let source = Source::File { path: path.to_path_buf(), line: located.line, name: name.to_owned() };
    Some(Sourced { value, source })
}

#[cfg(test)]
mod tests;
