//! Answers given during a run, and the settings that follow from them.

use super::Context;
use crate::error::{ConfigError, Error};
use crate::model::{Tool, VmId};
use crate::session::Session;
use crate::settings::{Flags, Key, Setting, Settings, Source, ToolVariables, imported};

impl Context {
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

    /// Returns what the file says of a template, where this run is for another instance than the first and would change
    /// it: the key holds for all instances.
    pub(crate) fn shared_template(&self, key: Key, wanted: VmId) -> Option<VmId> {
        let standing = self.saved().template(key)?.value;
        (!self.instance.is_first() && standing != wanted).then_some(standing)
    }

    /// Removes the values of keys for this run, whatever the file says.
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

    /// Returns what was given for this run, so that it can be put back.
    pub(crate) fn given(&self) -> Flags {
        self.flags.clone()
    }

    /// Puts back what was given.
    pub(crate) fn put_back(&mut self, given: Flags) -> Result<(), Error> {
        self.flags = given;
        self.reload();
        self.require_valid()
    }

    /// Returns whether a key was decided to have no value.
    pub(crate) fn is_unset(&self, key: Key) -> bool {
        self.flags.is_unset(key)
    }

    /// Returns whether a person may be asked for a key: there is a terminal, and neither a flag nor a variable sets it.
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

    pub(super) fn reload(&mut self) {
        self.authority.take_if(|authority| authority.can_be_read_again());
        self.settings =
            Settings::load(&self.instance, &self.flags, &self.variables, self.store.path(), &self.loaded.file);
    }

    /// Reads the saved file again, without flags and variables, so that what was written is what is verified.
    pub(crate) fn read_saved(&mut self) -> Result<(), Error> {
        self.authority.take_if(|authority| authority.can_be_read_again());
        self.accepted.set(None);
        self.loaded = self.store.load()?;
        self.rehearses_trust = false;
        self.settings = self.saved();
        self.require_valid()
    }

    /// Returns what the file alone says.
    pub(crate) fn saved(&self) -> Settings {
        Settings::of_file(&self.instance, self.store.path(), &self.loaded.file)
    }
}
