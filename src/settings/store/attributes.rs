//! What a file carries besides its mode: extended attributes, and the access list among them.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use rustix::buffer::spare_capacity;
use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;

use super::acl::{ACL, Acl};

/// The largest list of names, and the largest value, that Linux keeps.
const MAX_LENGTH: usize = 64 << 10;

/// Attributes that the system derives from the content of a file: a copy on other content would be wrong.
const SYSTEM_ATTRIBUTES: [&str; 3] = ["security.ima", "security.evm", "com.apple.provenance"];

/// The extended attributes of a file.
#[derive(Debug)]
pub(super) struct Attributes {
    /// Its access list.
    pub(super) acl: AccessList,
    values: Vec<(OsString, Vec<u8>)>,
    unread: Vec<String>,
}

/// The access list of a file.
#[derive(Debug)]
pub(super) enum AccessList {
    /// There is none: the mode alone counts.
    None,
    /// There is one.
    Some(Acl),
    /// There is one, and it cannot be read.
    Unreadable,
}

impl AccessList {
    /// Names everybody besides the owner who may do anything by it.
    pub(super) fn others(&self) -> Vec<String> {
        match self {
            Self::None | Self::Unreadable => Vec::new(),
            Self::Some(acl) => acl.others(),
        }
    }
}

impl Attributes {
    /// Reads everything that the file system shows.
    pub(super) fn of(file: &File) -> Self {
        let acl = match value(file, OsStr::new(ACL)) {
            Ok(bytes) => Acl::parse(&bytes).map_or(AccessList::Unreadable, AccessList::Some),
            Err(_) if !names(file).iter().any(|name| name == ACL) => AccessList::None,
            Err(_) => AccessList::Unreadable,
        };
        let mut attributes = Self { acl, values: Vec::new(), unread: Vec::new() };
        for name in names(file) {
            if name == ACL || SYSTEM_ATTRIBUTES.iter().any(|own| name == *own) {
                continue;
            }
            match value(file, &name) {
                Ok(bytes) => attributes.values.push((name, bytes)),
                Err(_) => attributes.unread.push(name.to_string_lossy().into_owned()),
            }
        }
        attributes
    }

    /// Returns another file the same attributes, the access list excepted; tells the names of those that it did not
    /// take.
    pub(super) fn copy_to(&self, other: &File) -> Vec<String> {
        let mut lost = self.unread.clone();
        for (name, bytes) in &self.values {
            let has_it = value(other, name).is_ok_and(|found| found == *bytes);
            if !has_it && fsetxattr(other, name.as_os_str(), bytes, XattrFlags::empty()).is_err() {
                lost.push(name.to_string_lossy().into_owned());
            }
        }
        lost
    }
}

/// Returns a file an access list.
pub(super) fn set_acl(file: &File, acl: &Acl) -> Result<(), Errno> {
    fsetxattr(file, ACL, &acl.to_bytes(), XattrFlags::empty())
}

/// Takes the access list from a file, also the one that a new file has from its folder; the mode alone counts then.
pub(super) fn remove_acl(file: &File) -> Result<(), Errno> {
    match fremovexattr(file, ACL) {
        Err(why) if value(file, OsStr::new(ACL)).is_ok() => Err(why),
        _ => Ok(()),
    }
}

fn names(file: &File) -> Vec<OsString> {
    let mut list = Vec::with_capacity(MAX_LENGTH);
    // A file system without attributes has none.
    let _ = flistxattr(file, spare_capacity(&mut list));
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| OsStr::from_bytes(name).to_os_string()).collect()
}

fn value(file: &File, name: &OsStr) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::with_capacity(MAX_LENGTH);
    fgetxattr(file, name, spare_capacity(&mut bytes))?;
    Ok(bytes)
}
