//! What the flags of a connection say, with the secrets read from the files that they name.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::cli::Connection;
use crate::error::Error;
use crate::model::Secret;
use crate::settings::{Flags, Key};

/// A secret is a line; a file that is longer holds something else.
const SECRET_AT_MOST: u64 = 64 * 1024;

/// Collects what flags say; secrets are read from the files that they name.
pub(super) fn flags(connection: &Connection) -> Result<Flags, Error> {
    let mut flags = Flags::default();
    let mut set = |key, text: Option<String>| {
        if let Some(text) = text {
            flags.set(key, text);
        }
    };
    set(Key::Host, connection.host.as_ref().map(ToString::to_string));
    set(Key::User, connection.user.as_ref().map(ToString::to_string));
    set(Key::TokenName, connection.token_name.as_ref().map(ToString::to_string));
    set(Key::Node, connection.node.as_ref().map(ToString::to_string));
    set(Key::Fingerprint, connection.fingerprint.as_ref().map(ToString::to_string));
    set(Key::CaFile, connection.ca_file.as_ref().map(|path| path.to_string_lossy().into_owned()));
    set(Key::VerifySsl, connection.insecure.then(|| "false".to_owned()));
    let stdin = Some(Path::new("-"));
    if connection.token_value_file.as_deref() == stdin && connection.password_file.as_deref() == stdin {
        return Err(Error::StandardInputTwice);
    }
    if let Some(path) = &connection.token_value_file {
        set(Key::TokenValue, Some(read_secret(path, Key::TokenValue.entry().flag)?));
    }
    if let Some(path) = &connection.password_file {
        let text = read_secret(path, Key::Password.entry().flag)?;
        set(Key::Password, Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    Ok(flags)
}

/// Reads a password from a file, or from standard input.
pub(crate) fn read_password(path: &Path, flag: &'static str) -> Result<Secret, Error> {
    let text = read_secret(path, flag)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads a secret from a file, or from standard input.
fn read_secret(path: &Path, flag: &'static str) -> Result<String, Error> {
    let is_stdin = path == Path::new("-");
    let place = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let read = || -> io::Result<String> {
        let mut text = String::new();
        let source: Box<dyn Read> = if is_stdin { Box::new(io::stdin()) } else { Box::new(fs::File::open(path)?) };
        source.take(SECRET_AT_MOST).read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().map_err(|source| Error::SecretFile { flag, place: place.clone(), source })?;
    if text.trim().is_empty() {
        let source = io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty");
        return Err(Error::SecretFile { flag, place, source });
    }
    Ok(text)
}
