//! The access control list, and the walk along a path that finds a subject's roles.

use std::collections::{BTreeMap, BTreeSet};

/// Roles by name, each with whether it reaches the paths below.
pub(crate) type Roles = BTreeMap<String, bool>;

/// Who an entry is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A user, as `name@realm`.
    User(String),
    /// A group, by its name.
    Group(String),
    /// A token, as `name@realm!token`.
    Token(String),
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path in its one form.
    pub path: String,
    /// Who it is for.
    pub holder: Subject,
    /// The role it gives.
    pub role: String,
    /// Whether it reaches the paths below.
    pub propagate: bool,
}

/// The list, by path and holder.
#[derive(Debug, Clone, Default)]
pub struct Acl {
    nodes: BTreeMap<String, BTreeMap<Subject, Roles>>,
}

impl Acl {
    /// Adds an entry, or changes whether it reaches the paths below.
    pub fn set(&mut self, entry: Entry) {
        let node = self.nodes.entry(entry.path).or_default();
        node.entry(entry.holder).or_default().insert(entry.role, entry.propagate);
    }

    /// Takes an entry away, if it is there.
    pub fn remove(&mut self, path: &str, holder: &Subject, role: &str) {
        if let Some(roles) = self.nodes.get_mut(path).and_then(|node| node.get_mut(holder)) {
            roles.remove(role);
        }
        self.drop_empty();
    }

    /// Forgets a path whose object is gone.
    pub fn forget_path(&mut self, path: &str) {
        self.nodes.remove(path);
    }

    /// Forgets everything that these holders were given.
    pub fn forget_holders(&mut self, gone: impl Fn(&Subject) -> bool) {
        for node in self.nodes.values_mut() {
            node.retain(|holder, _| !gone(holder));
        }
        self.drop_empty();
    }

    /// Forgets a role wherever it was given.
    pub fn forget_role(&mut self, role: &str) {
        for roles in self.nodes.values_mut().flat_map(BTreeMap::values_mut) {
            roles.remove(role);
        }
        self.drop_empty();
    }

    /// Lists every entry, path by path.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.nodes.iter().flat_map(|(path, node)| {
            node.iter().flat_map(move |(holder, roles)| {
                roles.iter().map(move |(role, propagate)| Entry {
                    path: path.clone(),
                    holder: holder.clone(),
                    role: role.clone(),
                    propagate: *propagate,
                })
            })
        })
    }

    /// Lists every path that an entry is at, with all the paths above it.
    pub fn paths(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for path in self.nodes.keys() {
            paths.extend(path.match_indices('/').skip(1).filter_map(|(end, _)| path.get(..end)).map(str::to_owned));
            paths.insert(path.clone());
        }
        paths
    }

    /// Walks down a path and gives the roles that hold at its end.
    ///
    /// `claims` lists who the subject is, the most personal first; the groups come last and count as one. On each level
    /// the first claim that has an entry replaces what was found above.
    pub(crate) fn walk(&self, path: &str, claims: &[Vec<Subject>]) -> Roles {
        let mut roles = Roles::new();
        let levels = levels(path);
        for level in &levels {
            let Some(node) = self.nodes.get(level) else { continue };
            let last = levels.last() == Some(level);
            for holders in claims {
                let found: Roles = holders
                    .iter()
                    .filter_map(|holder| node.get(holder))
                    .flatten()
                    .filter(|(_, propagate)| last || **propagate)
                    .map(|(role, propagate)| (role.clone(), *propagate))
                    .collect();
                if !found.is_empty() {
                    roles = found;
                    break;
                }
            }
        }
        match roles.get("NoAccess") {
            Some(propagate) => Roles::from([("NoAccess".to_owned(), *propagate)]),
            None => roles,
        }
    }

    fn drop_empty(&mut self) {
        self.nodes.retain(|_, node| {
            node.retain(|_, roles| !roles.is_empty());
            !node.is_empty()
        });
    }
}

/// Lists the levels of a path from the root down; a path that does not begin at the root has none there.
fn levels(path: &str) -> Vec<String> {
    let mut levels = Vec::new();
    if path.starts_with('/') {
        levels.push("/".to_owned());
    }
    let mut level = String::new();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        level.push('/');
        level.push_str(name);
        levels.push(level.clone());
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(lines: &[&str]) -> Acl {
        let mut acl = Acl::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let holder = match words[1].strip_prefix('@') {
                Some(group) => Subject::Group(group.into()),
                None => Subject::User(words[1].into()),
            };
            acl.set(Entry {
                path: words[0].into(),
                holder,
                role: words[2].into(),
                propagate: words.get(3) != Some(&"-"),
            });
        }
        acl
    }

    fn walk(acl: &Acl, path: &str) -> String {
        let claims =
            [vec![Subject::User("u@pve".into())], vec![Subject::Group("g".into()), Subject::Group("h".into())]];
        let roles = acl.walk(path, &claims);
        let words: Vec<String> = roles.iter().map(|(role, down)| format!("{role}{}", u8::from(*down))).collect();
        words.join(" ")
    }

    #[test]
    fn the_deepest_level_decides() {
        let acl = acl(&["/ u@pve Administrator", "/vms u@pve A", "/vms u@pve B -"]);
        assert_eq!(walk(&acl, "/"), "Administrator1");
        assert_eq!(walk(&acl, "/vms"), "A1 B0");
        assert_eq!(walk(&acl, "/vms/100"), "A1");
        assert_eq!(walk(&acl, "/storage"), "Administrator1");
    }

    #[test]
    fn an_own_entry_hides_the_groups_on_its_level_only() {
        let acl = acl(&["/ @g A", "/ @h B", "/vms u@pve C", "/vms @g D", "/vms/100 @g E"]);
        assert_eq!(walk(&acl, "/"), "A1 B1");
        assert_eq!(walk(&acl, "/vms"), "C1");
        assert_eq!(walk(&acl, "/vms/100"), "E1");
    }

    #[test]
    fn an_own_entry_that_stops_above_hides_nothing_below() {
        let acl = acl(&["/vms u@pve C -", "/vms @g D"]);
        assert_eq!(walk(&acl, "/vms"), "C0");
        assert_eq!(walk(&acl, "/vms/100"), "D1");
    }

    #[test]
    fn no_access_beats_every_role_on_its_level_and_gives_way_to_a_deeper_one() {
        let acl = acl(&["/vms u@pve NoAccess", "/vms u@pve A", "/vms/100 u@pve A"]);
        assert_eq!(walk(&acl, "/vms/200"), "NoAccess1");
        assert_eq!(walk(&acl, "/vms/100"), "A1");
    }

    #[test]
    fn a_path_without_a_leading_slash_misses_the_root() {
        let acl = acl(&["/ u@pve A"]);
        assert_eq!(walk(&acl, "vms/100"), "");
        assert_eq!(walk(&acl, "/vms/100/"), "A1");
    }

    #[test]
    fn paths_include_those_above() {
        let acl = acl(&["/sdn/zones/localnetwork u@pve A", "/ u@pve A"]);
        let paths: Vec<String> = acl.paths().into_iter().collect();
        assert_eq!(paths, ["/", "/sdn", "/sdn/zones", "/sdn/zones/localnetwork"]);
    }
}
