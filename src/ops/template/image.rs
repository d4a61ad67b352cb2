//! Which image a template is made of: where it is, its checksum, the name that it gets on the server.

use std::path::{Path, PathBuf};

use crate::error::{Error, TemplateError};
use crate::model::VmId;
use crate::ops::ubuntu_releases::{DEFAULT, RELEASES, Release};

/// Where Ubuntu keeps the images of its releases.
const UBUNTU: &str = "https://cloud-images.ubuntu.com/releases";

/// The length of a SHA-256 checksum in hexadecimal digits.
const DIGITS: usize = 64;

/// How much of the file's own name is kept in the name on the server, which may have 255 characters.
const STEM_AT_MOST: usize = 100;

/// The ending of an image that says nothing else.
pub(crate) const QCOW2: &str = ".qcow2";

/// The endings of images that a server imports as they are.
const ENDINGS: [&str; 3] = [QCOW2, ".raw", ".vmdk"];

/// What a template is called whose image is of an unknown release.
const NAMELESS: &str = "cloudinit-template";

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageSource {
    /// The server fetches it.
    Address(String),
    /// It is sent from here.
    File(PathBuf),
}

/// An image as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageSpec {
    /// Where it comes from.
    pub(crate) origin: ImageSource,
    /// What it is, in words.
    pub(crate) title: String,
    /// The release that it is of, as far as its name tells.
    pub(crate) release: Option<Release>,
}

impl ImageSpec {
    /// Reads what a flag says: `22.04`, an address, or the path of a file.
    pub(crate) fn of(flag: &'static str, text: &str, folder: &Path) -> Result<Self, Error> {
        if let Some(release) = RELEASES.into_iter().find(|release| release.number == text) {
            return Ok(Self::release(release));
        }
        Self::image(text, folder).ok_or_else(|| {
            let known = RELEASES.iter().map(|release| release.number.to_owned()).collect();
            TemplateError::UnknownRelease { flag, release: text.to_owned(), known }.into()
        })
    }

    /// Takes Ubuntu's own image of a release.
    pub(crate) fn release(release: Release) -> Self {
        let number = release.number;
        let file = format!("ubuntu-{number}-server-cloudimg-amd64.img");
        Self {
            origin: ImageSource::Address(format!("{UBUNTU}/{number}/release/{file}")),
            title: format!("Ubuntu {number} cloud image"),
            release: Some(release),
        }
    }

    /// Reads an address, or the path of a file that is there.
    pub(crate) fn image(text: &str, folder: &Path) -> Option<Self> {
        let is_address = text.starts_with("https://") || text.starts_with("http://");
        let path = folder.join(text);
        if !is_address && !path.is_file() {
            return None;
        }
        let origin = if is_address { ImageSource::Address(text.to_owned()) } else { ImageSource::File(path) };
        let is_named = |release: &Release| text.contains(&format!("ubuntu-{}", release.number));
        Some(Self { origin, title: text.to_owned(), release: RELEASES.into_iter().find(is_named) })
    }

    /// Uses this release if the image's name does not say one.
    pub(crate) fn with_default_release(self, release: Release) -> Self {
        Self { release: self.release.or(Some(release)), ..self }
    }

    /// Returns the usual name of its template.
    pub(crate) fn template(&self) -> &'static str {
        self.release.map_or(NAMELESS, |release| release.template)
    }

    /// Returns the usual number of its template.
    pub(crate) fn usual_id(&self) -> VmId {
        self.release.unwrap_or(DEFAULT).vmid
    }

    /// Returns the last part of its address or path.
    pub(crate) fn file(&self) -> &str {
        let whole = match &self.origin {
            ImageSource::Address(url) => url.split(['?', '#']).next().unwrap_or_default(),
            ImageSource::File(path) => path.to_str().unwrap_or_default(),
        };
        whole.rsplit('/').next().unwrap_or_default()
    }

    /// Returns the address of the list of checksums beside it, for an image that the server fetches.
    pub(crate) fn checksums_url(&self) -> Option<String> {
        let ImageSource::Address(url) = &self.origin else { return None };
        let (folder, _) = url.rsplit_once('/')?;
        Some(format!("{folder}/SHA256SUMS"))
    }

    /// Returns the name that the image gets on the server: with a nonce, so that no other image can be taken for it.
    /// The server takes no `.img` to import from, which Ubuntu's images end in though they are qcow2.
    pub(crate) fn name_on_server(&self, nonce: &str) -> String {
        let file = self.file();
        let stem = ENDINGS.into_iter().chain([".img"]).find_map(|ending| file.strip_suffix(ending)).unwrap_or(file);
        let allowed = |it: char| if it.is_ascii_alphanumeric() || "-_.".contains(it) { it } else { '-' };
        let stem: String = stem.chars().take(STEM_AT_MOST).map(allowed).collect();
        format!("glassdome-{stem}-{nonce}{}", self.ending())
    }

    /// Returns the ending of that name, which says what the image is.
    pub(crate) fn ending(&self) -> &'static str {
        ENDINGS.into_iter().find(|ending| self.file().ends_with(ending)).unwrap_or(QCOW2)
    }
}

/// Returns whether a text is a SHA-256 checksum.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Finds the checksum of a file in a list as `sha256sum` writes it.
pub(crate) fn sum_in(list: &str, file: &str) -> Option<String> {
    list.lines().find_map(|line| {
        let (sum, name) = line.trim().split_once(char::is_whitespace)?;
        let is_meant = name.trim_start().trim_start_matches('*') == file;
        (is_meant && is_sha256(sum)).then(|| sum.to_ascii_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{ImageSource, ImageSpec, sum_in};

    #[test]
    fn a_release_is_an_address_with_its_checksums_beside_it() {
        let wanted = ImageSpec::of("--release", "22.04", Path::new("/")).unwrap();
        let folder = "https://cloud-images.ubuntu.com/releases/22.04/release";
        let address = format!("{folder}/ubuntu-22.04-server-cloudimg-amd64.img");
        assert_eq!(wanted.origin, ImageSource::Address(address));
        assert_eq!(wanted.checksums_url().unwrap(), format!("{folder}/SHA256SUMS"));
        assert_eq!(wanted.name_on_server("0a1b2c"), "glassdome-ubuntu-22.04-server-cloudimg-amd64-0a1b2c.qcow2");
        assert!(ImageSpec::of("--release", "21.10", Path::new("/")).is_err());
    }

    #[test]
    fn an_address_of_ones_own_keeps_its_kind() {
        for (address, name) in [
            ("https://mirror.lan/a/disk.qcow2?x=1", "glassdome-disk-0a1b2c.qcow2"),
            ("http://mirror.lan/my disk.raw", "glassdome-my-disk-0a1b2c.raw"),
            ("http://mirror.lan/disk.vmdk", "glassdome-disk-0a1b2c.vmdk"),
            ("http://mirror.lan/disk.img", "glassdome-disk-0a1b2c.qcow2"),
            ("http://mirror.lan/disk", "glassdome-disk-0a1b2c.qcow2"),
            ("http://mirror.lan/", "glassdome--0a1b2c.qcow2"),
        ] {
            assert_eq!(ImageSpec::of("--release", address, Path::new("/")).unwrap().name_on_server("0a1b2c"), name);
        }
        let long = format!("http://mirror.lan/{}.raw", "x".repeat(400));
        let name = ImageSpec::of("--release", &long, Path::new("/")).unwrap().name_on_server("0a1b2c");
        assert!(name.len() < 255 && name.ends_with("-0a1b2c.raw"), "{name}");
    }

    #[test]
    fn a_checksum_is_found_by_the_whole_name() {
        let sum = "AB".repeat(32);
        let list = format!("{} *other.img\n{sum} *x.img\nnonsense x.img\n", "00".repeat(32));
        assert_eq!(sum_in(&list, "x.img"), Some("ab".repeat(32)));
        assert_eq!(sum_in(&list, "y.img"), None);
        assert_eq!(sum_in(&format!("{sum}  x.img"), "x.img"), Some("ab".repeat(32)));
    }
}
