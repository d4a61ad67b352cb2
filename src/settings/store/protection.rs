//! Who may use a file: what the old one allows, tightened, is what the new one gets.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::attributes::{AccessList, remove_acl, set_acl};
use super::target::{Target, TargetState};
use super::temp_file::{Ownership, TempFile};
use super::{GroupRights, PRIVATE, set_mode, system};
use crate::settings::error::{FileOperation, SettingsError, Warning};

/// The permission bits of a mode.
const BITS: u32 = 0o7777;

/// What the group and those on an access list keep of their permissions.
const OWNER_AND_GROUP: u32 = 0o770;
const OWNER_ALONE: u32 = 0o700;

/// Gives the new file the owner, the attributes and the permissions of the old one, and returns its mode.
pub(super) fn copy_protection(
    new: &TempFile,
    target: &Target,
    found: &TargetState,
    group: GroupRights,
    warnings: &mut Vec<Warning>,
) -> Result<u32, SettingsError> {
    let path = &target.path;
    let ownership = new.copy_owner(&found.metadata)?;
    warnings.extend(ownership.warnings(path, &found.metadata));
    let lost = found.attributes.copy_to(new.file());
    if !lost.is_empty() {
        warnings.push(Warning::AttributesLost { path: path.clone(), names: lost });
    }
    remove_list(path, new.file())?;
    let mode = set_permissions(new, path, found, group, &ownership, warnings)?;
    warn_of_mode(path, found, mode, warnings);
    Ok(mode)
}

/// Returns the copy of the old file the same owner and attributes; only the owner may use it.
pub(super) fn make_private(copy: &TempFile, target: &Target, found: &TargetState) -> Result<(), SettingsError> {
    copy.copy_owner(&found.metadata)?;
    let _ = found.attributes.copy_to(copy.file()); // what is lost is reported for the file itself
    protect(&target.path, copy.file(), PRIVATE)
}

/// Sets a mode that counts alone: a list that a new file has from its folder would let others in.
pub(super) fn protect(path: &Path, file: &File, mode: u32) -> Result<(), SettingsError> {
    remove_list(path, file)?;
    set_mode(path, file, mode)
}

/// Tightens a file whose text stays as it is, and returns its mode.
pub(super) fn tighten(
    target: &Target,
    found: &TargetState,
    group: GroupRights,
    warnings: &mut Vec<Warning>,
) -> Result<u32, SettingsError> {
    let before = found.metadata.mode() & BITS;
    let mode = match group {
        GroupRights::Keep => before & OWNER_AND_GROUP,
        GroupRights::Drop => before & OWNER_ALONE,
    };
    if group == GroupRights::Drop {
        remove_list(&target.path, &found.file)?;
    }
    if mode != before {
        set_mode(&target.path, &found.file, mode)?;
    }
    warn_of_mode(&target.path, found, mode, warnings);
    if group == GroupRights::Keep {
        warn_of_list(&target.path, found, warnings);
    }
    Ok(mode)
}

fn set_permissions(
    new: &TempFile,
    path: &Path,
    found: &TargetState,
    group: GroupRights,
    ownership: &Ownership,
    warnings: &mut Vec<Warning>,
) -> Result<u32, SettingsError> {
    let before = found.metadata.mode() & BITS;
    let alone = |mode: u32| set_mode(path, new.file(), mode).map(|()| mode);
    match (&found.attributes.acl, group) {
        (_, GroupRights::Drop) => alone(before & OWNER_ALONE),
        (AccessList::None, GroupRights::Keep) if !ownership.group_kept => alone(before & OWNER_ALONE),
        (AccessList::None, GroupRights::Keep) => alone(before & OWNER_AND_GROUP),
        (AccessList::Unreadable, GroupRights::Keep) => {
            let mode = alone(before & OWNER_ALONE)?;
            warnings.push(Warning::AccessListLost { path: path.to_path_buf(), mode, names: Vec::new() });
            Ok(mode)
        }
        (AccessList::Some(acl), GroupRights::Keep) => {
            let acl = acl.clone().without_others();
            let acl = if ownership.group_kept { acl } else { acl.without_owning_group() };
            if set_acl(new.file(), &acl).is_ok() {
                warn_of_list(path, found, warnings);
                return Ok(acl.mode());
            }
            let mode = alone(acl.mode_alone())?;
            warnings.push(Warning::AccessListLost { path: path.to_path_buf(), mode, names: acl.others() });
            Ok(mode)
        }
    }
}

fn remove_list(path: &Path, file: &File) -> Result<(), SettingsError> {
    remove_acl(file).map_err(|why| system(FileOperation::Protect, path, why.into()))
}

fn warn_of_mode(path: &Path, found: &TargetState, after: u32, warnings: &mut Vec<Warning>) {
    let before = found.metadata.mode() & BITS;
    let path = path.to_path_buf();
    if before & 0o007 != 0 {
        warnings.push(Warning::Tightened { path: path.clone(), before, after });
    }
    // Beside an access list these bits are its mask, and say nothing of the group.
    if after & 0o070 != 0 && matches!(found.attributes.acl, AccessList::None) {
        warnings.push(Warning::GroupMayRead { path, mode: after });
    }
}

fn warn_of_list(path: &Path, found: &TargetState, warnings: &mut Vec<Warning>) {
    let names = found.attributes.acl.others();
    if !names.is_empty() {
        warnings.push(Warning::AccessListKept { path: path.to_path_buf(), names });
    }
}
