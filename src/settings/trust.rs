//! How the server's certificate is judged, and where the CA file is.

use std::path::{Path, PathBuf};

use super::Settings;
use super::error::SettingsError;
use super::keys::Key;
use super::source::{Source, Sourced};
use crate::model::Fingerprint;

/// The keys whose values decide how certificates are judged.
pub const TRUST_KEYS: [Key; 3] = [Key::Fingerprint, Key::CaFile, Key::VerifySsl];

/// How the server's certificate is to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// By the authorities that the system trusts.
    System,
    /// By a CA file, a fingerprint, or both, which must then both match.
    Pinned {
        /// A file with the only authority that counts.
        ca_file: Option<Sourced<PathBuf>>,
        /// The fingerprint of the only certificate that counts.
        fingerprint: Option<Sourced<Fingerprint>>,
    },
    /// Not at all.
    Disabled(Source),
}

impl Settings {
    /// Says how the server's certificate is to be judged: a CA file or a fingerprint decides over `PROXMOX_VERIFY_SSL`,
    /// and only the flag `--insecure` over what is pinned elsewhere.
    ///
    /// # Errors
    ///
    /// Fails if a value that decides about it is invalid: what remains must not decide alone.
    pub fn verification(&self) -> Result<Verification, SettingsError> {
        self.require_usable(&TRUST_KEYS)?;
        let fingerprint = self.fingerprint();
        let ca_file = self.ca_file();
        let is_flag = |source: &Source| matches!(source, Source::Flag(_) | Source::Answer);
        let waived = self.verify_ssl().filter(|verify| !verify.value).map(|verify| verify.source);
        let pinned_by_flag = fingerprint.as_ref().is_some_and(|it| is_flag(&it.source))
            || ca_file.as_ref().is_some_and(|it| is_flag(&it.source));
        let is_pinned = fingerprint.is_some() || ca_file.is_some();
        Ok(match waived {
            Some(source) if !is_pinned || (is_flag(&source) && !pinned_by_flag) => Verification::Disabled(source),
            _ if is_pinned => Verification::Pinned { ca_file, fingerprint },
            _ => Verification::System,
        })
    }

    /// Returns the CA file; a flag is relative to the working directory, anything else to the folder of the `.env`
    /// file, or, where there is no such file, to the folder of a link to it.
    #[must_use]
    pub fn ca_file(&self) -> Option<Sourced<PathBuf>> {
        let named = self.named_ca_file()?;
        let is_typed = matches!(named.source, Source::Flag(_) | Source::Answer);
        let value = if is_typed { named.value } else { self.beside(&named.value) };
        Some(Sourced { value, source: named.source })
    }

    fn beside(&self, name: &Path) -> PathBuf {
        let mut places = self.folders.iter().map(|folder| folder.join(name));
        let first = places.next().unwrap_or_default();
        if first.exists() { first } else { places.find(|place| place.exists()).unwrap_or(first) }
    }

    /// Returns the CA file as it is written into the settings file: what is there stays; what was said elsewhere is
    /// relative where it lies below the folder of the file itself, else absolute.
    #[must_use]
    pub fn ca_file_to_store(&self) -> Option<PathBuf> {
        let file = self.ca_file()?;
        if let Source::File { .. } = &file.source {
            return self.named_ca_file().map(|named| named.value);
        }
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        let path = absolute(&file.value);
        let folder = self.folders.first().map(|folder| absolute(folder)).unwrap_or_default();
        Some(path.strip_prefix(folder).unwrap_or(&path).to_path_buf())
    }
}

/// More links than this in a row are a circle.
const MAX_LINKS: usize = 40;

/// Lists the folders that files beside the settings file are looked for in: its own, then those of the links to it, the
/// one that was named last.
pub(super) fn folders(path: &Path) -> Vec<PathBuf> {
    let mut path = path.to_path_buf();
    let mut folders = vec![parent(&path)];
    while let (Ok(next), true) = (path.read_link(), folders.len() <= MAX_LINKS) {
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
