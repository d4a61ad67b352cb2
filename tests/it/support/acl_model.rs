//! A second opinion on the rules of access control lists, written from their description alone.

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Privileges = BTreeSet<String>;

/// One entry: its subject is a user, a token (`user!name`) or a group (`group:name`).
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) subject: String,
    pub(crate) role: String,
    pub(crate) propagates: bool,
}

/// Everything that decides about rights.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) entries: Vec<Entry>,
    pub(crate) roles: BTreeMap<String, Privileges>,
    /// Which groups a user is in.
    pub(crate) groups: BTreeMap<String, Vec<String>>,
    /// Which tokens there are, and whether they have privilege separation.
    pub(crate) tokens: BTreeMap<String, bool>,
    /// Which paths are members of a pool, by the pool's path.
    pub(crate) pools: BTreeMap<String, Vec<String>>,
}

impl World {
    /// What a user or token holds on a path, and whether it propagates.
    pub(crate) fn permissions(&self, subject: &str, path: &str) -> BTreeMap<String, bool> {
        let Some((user, _)) = subject.split_once('!') else {
            return self.granted(subject, path);
        };
        let of_user = self.granted(user, path);
        if !self.tokens[subject] {
            return of_user;
        }
        let of_token = self.granted(subject, path);
        let both = of_token.into_iter().filter_map(|(name, flag)| of_user.get(&name).map(|it| (name, *it && flag)));
        both.collect()
    }

    pub(crate) fn holds(&self, subject: &str, path: &str) -> Privileges {
        self.permissions(subject, path).into_keys().collect()
    }

    /// The answer to `/access/permissions` without a path.
    pub(crate) fn everywhere(&self, subject: &str) -> BTreeMap<String, BTreeMap<String, bool>> {
        let mut paths: BTreeSet<String> =
            ["/", "/access", "/nodes", "/pool", "/sdn", "/storage", "/vms"].map(str::to_owned).into();
        for entry in &self.entries {
            let ends = entry.path.match_indices('/').skip(1).map(|(end, _)| entry.path[..end].to_owned());
            paths.extend(ends.chain([entry.path.clone()]));
        }
        paths.extend(self.pools.iter().flat_map(|(pool, members)| members.iter().chain([pool])).cloned());
        let held = paths.into_iter().map(|path| (path.clone(), self.permissions(subject, &path)));
        held.filter(|(_, held)| !held.is_empty()).collect()
    }

    fn granted(&self, subject: &str, path: &str) -> BTreeMap<String, bool> {
        let mut roles = self.roles_on(subject, path);
        if !roles.contains_key("NoAccess") {
            for (pool, _) in self.pools.iter().filter(|(_, members)| members.iter().any(|it| it == path)) {
                let of_pool = self.roles_on(subject, pool);
                if of_pool.contains_key("NoAccess") {
                    return BTreeMap::new();
                }
                for role in of_pool.into_keys() {
                    roles.entry(role).or_insert(false);
                }
            }
        }
        if roles.contains_key("NoAccess") {
            return BTreeMap::new();
        }
        let mut held = BTreeMap::new();
        for (role, propagates) in roles {
            for privilege in &self.roles[&role] {
                *held.entry(privilege.clone()).or_insert(false) |= propagates;
            }
        }
        held
    }

    /// The deepest level with an entry decides; at each level own entries hide those of groups.
    fn roles_on(&self, subject: &str, path: &str) -> BTreeMap<String, bool> {
        let groups = self.groups.get(subject).cloned().unwrap_or_default();
        let mut decided = BTreeMap::new();
        for level in levels(path) {
            let is_last = level == path;
            let at = |who: &dyn Fn(&str) -> bool| -> BTreeMap<String, bool> {
                let mut roles = BTreeMap::new();
                for entry in self.entries.iter().filter(|it| it.path == level && who(&it.subject)) {
                    roles.insert(entry.role.clone(), entry.propagates);
                }
                roles.retain(|_, propagates| is_last || *propagates);
                roles
            };
            let own = at(&|who| who == subject);
            let of_groups =
                at(&|who| who.strip_prefix("group:").is_some_and(|group| groups.iter().any(|it| it == group)));
            if let Some(roles) = [own, of_groups].into_iter().find(|roles| !roles.is_empty()) {
                decided = roles;
            }
        }
        decided
    }

    /// Runs one of the lines that we print.
    pub(crate) fn run(&mut self, line: &str) {
        if let Some((attempt, otherwise)) = line.split_once(" || ") {
            let attempt = words(attempt);
            if self.roles.contains_key(&attempt[3]) {
                return self.pveum(&words(otherwise));
            }
            return self.pveum(&attempt);
        }
        let Some(rest) = line.strip_prefix("held=$(") else {
            return self.pveum(&words(line));
        };
        let (question, rest) = rest.split_once(") && ").expect("a question");
        let question = words(question);
        assert_eq!(question[..3], ["pveum", "user", "permissions"].map(str::to_owned), "{line}");
        let held: Vec<String> = self.holds(&question[3], option(&question, "--path")).into_iter().collect();
        let filter = r#"$(echo "$held" | grep -oE '"[A-Z][A-Za-z.]+"' | tr -d '"')"#;
        assert!(rest.contains(filter), "{line}");
        for command in rest.replace(filter, &held.join(" ")).split(" && ") {
            self.pveum(&words(command));
        }
    }

    fn pveum(&mut self, words: &[String]) {
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["pveum", "role", "add", role, "--privs", ref privileges @ ..] => {
                let fresh = self.roles.insert(role.to_owned(), split(&privileges.join(" ")));
                assert_eq!(fresh, None, "role {role} exists");
            }
            ["pveum", "role", "modify", role, "--append", "1", "--privs", privileges] => {
                self.roles.get_mut(role).expect("the role").extend(split(privileges));
            }
            ["pveum", "acl", "modify", path, "--users" | "--tokens", subject, "--roles", role, "--propagate", flag] => {
                assert!(self.roles.contains_key(role), "role {role}");
                self.entries
                    .retain(|it| (it.path.as_str(), it.subject.as_str(), it.role.as_str()) != (path, subject, role));
                let (path, subject, role) = (path.to_owned(), subject.to_owned(), role.to_owned());
                self.entries.push(Entry { path, subject, role, propagates: flag == "1" });
            }
            ["pveum", "user", "token", "modify", user, token, "--privsep", "0"] => {
                *self.tokens.get_mut(&format!("{user}!{token}")).expect("the token") = false;
            }
            ref other => panic!("not a line of ours: {other:?}"),
        }
    }
}

fn levels(path: &str) -> Vec<&str> {
    let mut levels = vec!["/"];
    levels.extend(path.match_indices('/').skip(1).map(|(end, _)| &path[..end]));
    if path != "/" {
        levels.push(path);
    }
    levels
}

fn split(privileges: &str) -> Privileges {
    privileges.split([',', ' ']).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn option<'a>(words: &'a [String], name: &str) -> &'a str {
    let at = words.iter().position(|word| word == name).expect("the option");
    &words[at + 1]
}

/// Splits a command without substitutions into words, as a shell does.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut started) = (String::new(), None, false);
    let mut letters = command.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.push(letter),
            (None, '\'' | '"') => (quote, started) = (Some(letter), true),
            (None, '\\') => word.extend(letters.next()),
            (None, ' ') if started || !word.is_empty() => {
                words.push(std::mem::take(&mut word));
                started = false;
            }
            (None, ' ') => {}
            (None, _) => {
                assert!(!"$`;&|<>(){}*?~#!".contains(letter), "a bare {letter} in {command}");
                word.push(letter);
            }
        }
    }
    assert_eq!(quote, None, "an open quote in {command}");
    if started || !word.is_empty() {
        words.push(word);
    }
    words
}
