//! A POSIX access list (ACL) as Linux stores it: read, tightened, written back.

/// The attribute in which Linux keeps the list of a file.
pub(super) const ACL: &str = "system.posix_acl_access";

/// The only version of the format.
const VERSION: u32 = 2;

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

/// Read, write, execute.
const ALL: u16 = 0o7;

/// Who may do what with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Acl {
    entries: Vec<AclItem>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AclItem {
    tag: u16,
    permissions: u16,
    id: u32,
}

impl Acl {
    /// Reads the stored form; `None` if it is of another version or broken.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<4>()?;
        let (entries, remainder) = rest.as_chunks::<8>();
        if u32::from_le_bytes(*version) != VERSION || !remainder.is_empty() {
            return None;
        }
        let entry = |[tag0, tag1, low, high, id @ ..]: &[u8; 8]| AclItem {
            tag: u16::from_le_bytes([*tag0, *tag1]),
            permissions: u16::from_le_bytes([*low, *high]) & ALL,
            id: u32::from_le_bytes(*id),
        };
        Some(Self { entries: entries.iter().map(entry).collect() })
    }

    /// Returns the stored form.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for entry in &self.entries {
            bytes.extend(entry.tag.to_le_bytes());
            bytes.extend(entry.permissions.to_le_bytes());
            bytes.extend(entry.id.to_le_bytes());
        }
        bytes
    }

    /// Removes the permissions of others.
    pub(super) fn without_others(mut self) -> Self {
        self.entries.iter_mut().filter(|entry| entry.tag == OTHER).for_each(|entry| entry.permissions = 0);
        self
    }

    /// Removes the permissions of the owning group, not those of named groups.
    pub(super) fn without_owning_group(mut self) -> Self {
        self.entries.iter_mut().filter(|entry| entry.tag == OWNING_GROUP).for_each(|entry| entry.permissions = 0);
        self
    }

    /// Returns the mode that the system shows beside this list: the bits of the group are its mask.
    pub(super) fn mode(&self) -> u32 {
        self.bits(self.mask().unwrap_or_else(|| self.permissions(OWNING_GROUP)))
    }

    /// Returns the mode that grants no more than this list does, where the list cannot be kept.
    pub(super) fn mode_alone(&self) -> u32 {
        self.bits(self.effective(self.permissions(OWNING_GROUP)))
    }

    /// Lists every user and group with permissions, other than the owner and others.
    pub(super) fn others(&self) -> Vec<String> {
        let mut names = Vec::new();
        for entry in self.entries.iter().filter(|entry| self.effective(entry.permissions) != 0) {
            match entry.tag {
                USER => names.push(format!("user {}", entry.id)),
                OWNING_GROUP => names.push("its group".to_owned()),
                GROUP => names.push(format!("group {}", entry.id)),
                _ => {}
            }
        }
        names
    }

    fn bits(&self, group: u16) -> u32 {
        u32::from(self.permissions(OWNER)) << 6 | u32::from(group) << 3 | u32::from(self.permissions(OTHER))
    }

    fn effective(&self, permissions: u16) -> u16 {
        permissions & self.mask().unwrap_or(ALL)
    }

    fn mask(&self) -> Option<u16> {
        self.entries.iter().find(|entry| entry.tag == MASK).map(|entry| entry.permissions)
    }

    fn permissions(&self, tag: u16) -> u16 {
        self.entries.iter().find(|entry| entry.tag == tag).map_or(0, |entry| entry.permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Acl, AclItem, GROUP, MASK, OTHER, OWNER, OWNING_GROUP, USER};

    const UNDEFINED_ID: u32 = u32::MAX;

    fn acl(entries: &[(u16, u16, u32)]) -> Acl {
        Acl { entries: entries.iter().map(|&(tag, permissions, id)| AclItem { tag, permissions, id }).collect() }
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let list = acl(&[
            (OWNER, 6, UNDEFINED_ID),
            (USER, 4, 1000),
            (OWNING_GROUP, 0, UNDEFINED_ID),
            (MASK, 4, UNDEFINED_ID),
            (OTHER, 0, UNDEFINED_ID),
        ]);
        assert_eq!(Acl::parse(&list.to_bytes()), Some(list.clone()));
        assert_eq!(list.to_bytes().len(), 4 + 5 * 8);
        let bytes = list.to_bytes();
        for broken in [&bytes[..0], &bytes[..3], &bytes[..11], &[&[9], &bytes[1..]].concat()] {
            assert_eq!(Acl::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn the_mask_is_never_taken_for_the_groups_own_permissions() {
        for (group, mask, other, shown, alone) in [
            (0, 4, 0, 0o640, 0o600),
            (4, 4, 0, 0o640, 0o640),
            (6, 4, 4, 0o644, 0o644),
            (4, 0, 0, 0o600, 0o600),
            (ALL, ALL, 0, 0o670, 0o670),
        ] {
            let list = acl(&[
                (OWNER, 6, UNDEFINED_ID),
                (USER, 4, 1000),
                (OWNING_GROUP, group, UNDEFINED_ID),
                (MASK, mask, UNDEFINED_ID),
                (OTHER, other, UNDEFINED_ID),
            ]);
            assert_eq!((list.mode(), list.mode_alone()), (shown, alone), "{group} {mask} {other}");
            assert_eq!(list.clone().without_others().mode(), shown & 0o770);
            assert_eq!(list.without_owning_group().mode_alone() & 0o070, 0);
        }
    }

    #[test]
    fn those_who_may_use_the_file_are_named() {
        let list = acl(&[
            (OWNER, 6, UNDEFINED_ID),
            (USER, 4, 1000),
            (USER, 0, 1001),
            (OWNING_GROUP, 4, UNDEFINED_ID),
            (GROUP, 2, 50),
            (MASK, 4, UNDEFINED_ID),
            (OTHER, 4, UNDEFINED_ID),
        ]);
        assert_eq!(list.others(), ["user 1000", "its group"]);
    }
}
