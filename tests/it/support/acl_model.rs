//! A second opinion on the rules of access control lists, written from their description alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::support::pveum::Stub;

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

    /// What `pveum` answers, by the name of the question.
    pub(crate) fn answers_of_pveum(&self) -> Vec<(String, serde_json::Value)> {
        let acl: Vec<_> = self.entries.iter().map(|entry| {
            let (kind, name) = match entry.subject.strip_prefix("group:") {
                Some(group) => ("group", group),
                None if entry.subject.contains('!') => ("token", entry.subject.as_str()),
                None => ("user", entry.subject.as_str()),
            };
            json!({ "path": entry.path, "propagate": u8::from(entry.propagates), "roleid": entry.role, "type": kind, "ugid": name })
        }).collect();
        let names: BTreeSet<&String> = self.groups.values().flatten().collect();
        let groups = names.into_iter().map(|group| {
            let members = self.groups.iter().filter(|(_, groups)| groups.contains(group));
            let members: Vec<&str> = members.map(|(user, _)| user.as_str()).collect();
            // A comment may hold whatever a person typed.
            json!({ "comment": "\"}, {\"groupid\": \"g\\", "groupid": group, "users": members.join(",") })
        });
        let roles = self.roles.iter().map(|(role, privileges)| {
            let privileges: Vec<&str> = privileges.iter().map(String::as_str).collect();
            json!({ "privs": privileges.join(","), "roleid": role, "special": 0 })
        });
        let mut answers = vec![
            ("acl-list".to_owned(), acl.into()),
            ("group-list".to_owned(), groups.collect::<Vec<_>>().into()),
            ("role-list".to_owned(), roles.collect::<Vec<_>>().into()),
        ];
        let mut tokens: BTreeMap<&str, Vec<serde_json::Value>> = BTreeMap::new();
        for (token, is_separated) in &self.tokens {
            let (user, name) = token.rsplit_once('!').unwrap();
            let row = json!({ "expire": 0, "privsep": u8::from(*is_separated), "tokenid": name });
            tokens.entry(user).or_default().push(row);
        }
        answers.extend(tokens.into_iter().map(|(user, rows)| (format!("token-{user}"), rows.into())));
        answers
    }

    /// Gives the changes that one of the lines that we print makes here.
    pub(crate) fn changes_of(&self, line: &str) -> Vec<Vec<String>> {
        if line.starts_with("acl_modify ") {
            let calls = Stub::new(self).run(line);
            return calls.into_iter().map(|call| std::iter::once("pveum".to_owned()).chain(call).collect()).collect();
        }
        match line.split_once(" 2>/dev/null || ") {
            None => vec![words(line)],
            Some((attempt, otherwise)) => {
                let attempt = words(attempt);
                vec![if self.roles.contains_key(&attempt[3]) { words(otherwise) } else { attempt }]
            }
        }
    }

    /// Runs one of the lines that we print.
    pub(crate) fn run(&mut self, line: &str) {
        for change in self.changes_of(line) {
            self.change(&change);
        }
    }

    /// Carries out one call of `pveum`.
    pub(crate) fn change(&mut self, words: &[String]) {
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["pveum", "role", "add", role, "--privs", ref privileges @ ..] => {
                let fresh = self.roles.insert(role.to_owned(), split(&privileges.join(" ")));
                assert_eq!(fresh, None, "role {role} exists");
            }
            ["pveum", "role", "modify", role, "--append", "1", "--privs", privileges] => {
                self.roles.get_mut(role).expect("the role").extend(split(privileges));
            }
            [
                "pveum",
                "acl",
                "modify",
                path,
                "--users" | "--tokens",
                subject,
                "--roles",
                roles,
                "--propagate",
                flag,
            ] => {
                for role in roles.split(',') {
                    assert!(self.roles.contains_key(role), "role {role}");
                    self.entries.retain(|it| {
                        (it.path.as_str(), it.subject.as_str(), it.role.as_str()) != (path, subject, role)
                    });
                    let (path, subject, role) = (path.to_owned(), subject.to_owned(), role.to_owned());
                    self.entries.push(Entry { path, subject, role, propagates: flag == "1" });
                }
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
