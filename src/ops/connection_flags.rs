//! What the flags of a connection say, with the secrets read from the files that they name.

use crate::bounded::{self, SECRET_LIMIT};
use crate::error::{ConfigError, Error, UsageError};
use crate::model::{Pasted, Secret, decode};
use crate::ops::options::ConnectionOptions;
use crate::ops::{ask, blocking};
use crate::session::Session;
use crate::settings::{Flags, Key, Setting, SettingsError, Source};
use crate::ui::prompt::HiddenPrompt;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use zeroize::Zeroizing;

/// The names of standard input.
const STANDARD_INPUT: [&str; 3] = ["-", "/dev/stdin", "/dev/fd/0"];

/// Collects what flags say; secrets are read from the files that they name.
pub(crate) async fn flags(session: &Session, options: &ConnectionOptions) -> Result<Flags, Error> {
    let mut flags = Flags::default();
    options.settings().into_iter().for_each(|setting| flags.set(setting));
    if is_stdin(options.token_value_file.as_deref()) && is_stdin(options.password_file.as_deref()) {
        return Err(Error::Usage(UsageError::StandardInputTwice));
    }
    if let Some(path) = &options.token_value_file {
        let flag = Key::TokenValue.entry().flag;
        let whole = |said: &Secret| Pasted::read(said).map(drop).map_err(|why| why.to_string());
        let question = HiddenPrompt::new("Token secret, or everything you copied").hinting(format!("{flag}; hidden"));
        let said = read_secret(session, path, flag, question.checked(whole)).await?;
        let invalid = |why| SettingsError::Invalid { origin: Source::Flag(flag), why };
        flags.set(Setting::parse(Key::TokenValue, &said).map_err(invalid)?);
    }
    if let Some(path) = &options.password_file {
        let password = read_password(session, path, Key::Password.entry().flag).await?;
        flags.set(Setting::Password(password));
    }
    Ok(flags)
}

/// Returns whether a path of a flag names standard input.
pub(crate) fn is_stdin(path: Option<&Path>) -> bool {
    path.and_then(Path::to_str).is_some_and(|path| STANDARD_INPUT.contains(&path))
}

/// Reads a password from a file, or from standard input; at a terminal it is asked for.
pub(crate) async fn read_password(session: &Session, path: &Path, flag: &'static str) -> Result<Secret, Error> {
    let is_there = |said: &Secret| if said.is_empty() { Err("the password is empty".to_owned()) } else { Ok(()) };
    let question = HiddenPrompt::new("Password").hinting(format!("{flag}; hidden")).checked(is_there);
    Ok(read_secret(session, path, flag, question).await?.without_line_end())
}

/// The source of a secret: bytes that were read, or a terminal.
enum Stored {
    /// Bytes.
    Bytes(Zeroizing<Vec<u8>>),
    /// A terminal, where typed text would be visible.
    Terminal,
}

/// Reads a secret from a file, or from standard input; at a terminal this question is put, and nothing is shown.
async fn read_secret(
    session: &Session,
    path: &Path,
    flag: &'static str,
    question: HiddenPrompt,
) -> Result<Secret, Error> {
    let is_stdin = path == Path::new("-");
    let place = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let failed = |source: io::Error| Error::Config(ConfigError::SecretFile { flag, place: place.clone(), source });
    let path = session.folder.join(path);
    let found = blocking(session, move || if is_stdin { take(io::stdin()) } else { take(open(&path)?) }).await?;
    let secret = match found.map_err(&failed)? {
        Stored::Terminal => {
            return ask::hidden(session, question, || Error::Usage(UsageError::SecretAtTerminal { flag })).await;
        }
        Stored::Bytes(bytes) => {
            let mut text = decode(&bytes).map_err(|why| failed(io::Error::new(io::ErrorKind::InvalidData, why)))?;
            Secret::new(std::mem::take(&mut *text))
        }
    };
    if secret.is_blank() {
        return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "it is empty")));
    }
    Ok(secret)
}

/// Opens a file; a terminal does not become the controlling one.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

/// Reads all that comes, unless it is typed at a terminal.
fn take(source: impl Read + IsTerminal) -> io::Result<Stored> {
    if source.is_terminal() {
        return Ok(Stored::Terminal);
    }
    Ok(Stored::Bytes(bounded::read_stream(source, SECRET_LIMIT)?))
}
