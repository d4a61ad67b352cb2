//! From the flags of the command line to the options that `ops` takes.

use std::time::Duration;

use crate::cli::{Connection, Global, Login, NewToken, Pin, Rights, TemplateCreate, TestVmFlags};
use crate::error::Error;
use crate::model::VmId;
use crate::ops::context::Context;
use crate::ops::options::{
    ConnectionOptions, ExistingToken, LoginOptions, NewTokenOptions, PinTarget, RequestedRights, ServerKind,
};
use crate::ops::template::options::{ChecksumSource, ImageDisposal, TemplateOptions};
use crate::ops::test_vm::options::{CloneMode, Disposal, Start, TestVmOptions};
use crate::ops::ubuntu_releases::{DEFAULT, keyed};
use crate::settings::{Key, Settings};

/// How long a task may make no progress unless said otherwise.
pub(super) const TASK_TIMEOUT: Duration = Duration::from_secs(300);

/// Returns the server, the login and the settings file that the flags name.
pub(super) fn connection(global: &Global, flags: &Connection) -> ConnectionOptions {
    let defaults = ConnectionOptions::default();
    ConnectionOptions {
        env_file: global.env_file.clone(),
        instance: global.instance.clone(),
        host: flags.host.clone(),
        user: flags.user.clone(),
        token_name: flags.token_name.clone(),
        token_value_file: flags.token_value_file.clone(),
        password_file: flags.password_file.clone(),
        node: flags.node.clone(),
        fingerprint: flags.fingerprint,
        ca_file: flags.ca_file.clone(),
        is_insecure: flags.insecure,
        connect_timeout: flags.connect_timeout.unwrap_or(defaults.connect_timeout),
        server: if flags.is_sandbox() { ServerKind::Sandbox } else { ServerKind::Real },
        templates: Vec::new(),
    }
}

impl From<&Login> for LoginOptions {
    fn from(flags: &Login) -> Self {
        Self {
            user: flags.login_user.clone(),
            password_file: flags.login_password_file.clone(),
            totp: flags.totp.clone(),
            is_asked_again: false,
        }
    }
}

impl From<&NewToken> for NewTokenOptions {
    fn from(flags: &NewToken) -> Self {
        Self {
            rights: flags.rights.map(RequestedRights::from),
            existing: if flags.regenerate { ExistingToken::Regenerate } else { ExistingToken::Keep },
            expire: flags.expire,
        }
    }
}

impl From<Rights> for RequestedRights {
    fn from(flag: Rights) -> Self {
        match flag {
            Rights::Needed => Self::Needed,
            Rights::User => Self::OfUser,
        }
    }
}

impl From<Pin> for PinTarget {
    fn from(flag: Pin) -> Self {
        match flag {
            Pin::Ca => Self::Ca,
            Pin::Leaf => Self::Leaf,
        }
    }
}

impl From<&TemplateCreate> for TemplateOptions {
    fn from(flags: &TemplateCreate) -> Self {
        Self {
            login: (&flags.login).into(),
            vmid: flags.id,
            name: flags.name.clone(),
            storage: flags.storage.clone(),
            image_storage: flags.image_storage.clone(),
            disk_size: flags.disk_size,
            bridge: flags.bridge.clone(),
            checksum: match (&flags.checksum, flags.no_checksum) {
                (Some(checksum), _) => ChecksumSource::Given(checksum.clone()),
                (None, true) => ChecksumSource::Unchecked,
                (None, false) => ChecksumSource::Published,
            },
            image: if flags.keep_image { ImageDisposal::Keep } else { ImageDisposal::Remove },
            is_dry_run: flags.dry_run,
            timeout: flags.timeout.unwrap_or(TASK_TIMEOUT),
        }
    }
}

/// Chooses the options of the test VM: a flag, else the settings, else the default.
pub(super) fn test_vm(context: &Context, flags: &TestVmFlags) -> Result<TestVmOptions, Error> {
    let settings = &context.settings;
    settings.require_usable(&[Key::Node, Key::Pool, Key::Ubuntu2204Template])?;
    let template = match flags.template {
        Some(template) => template,
        None => configured_template(settings)?.unwrap_or(DEFAULT.vmid),
    };
    let pool = match &flags.pool {
        Some(pool) => Some(pool.clone()),
        None => settings.pool().map(|found| found.value),
    };
    let clone_mode = if flags.linked {
        CloneMode::Linked
    } else if flags.full || flags.storage.is_some() {
        CloneMode::Full(flags.storage.clone())
    } else {
        CloneMode::Whichever
    };
    Ok(TestVmOptions {
        node: settings.node().map(|found| found.value),
        target: flags.target.clone(),
        node_variable: Key::Node.variable(&context.instance),
        template,
        vmid: flags.vmid,
        name: flags.name.clone(),
        clone_mode,
        pool,
        start: start(flags),
        afterwards: if flags.keep { Disposal::Keep } else { Disposal::Destroy },
        timeout: task_timeout(flags),
    })
}

/// Returns the template of the first release for which the settings name one.
fn configured_template(settings: &Settings) -> Result<Option<VmId>, Error> {
    for (key, _) in keyed() {
        settings.require_usable(&[key])?;
        if let Some(found) = settings.template(key) {
            return Ok(Some(found.value));
        }
    }
    Ok(None)
}

/// Returns how long a task may make no progress.
pub(super) fn task_timeout(flags: &TestVmFlags) -> Duration {
    flags.timeout.unwrap_or(TASK_TIMEOUT)
}

const fn start(flags: &TestVmFlags) -> Start {
    match (flags.no_start, flags.no_network, flags.wait_ip) {
        (true, ..) => Start::No,
        (false, true, _) => Start::LinksDown,
        (false, false, Some(within)) => Start::AndWaitForAddress(within),
        (false, false, None) => Start::Yes,
    }
}
