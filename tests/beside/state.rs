//! What there is on a server, as root sees it: one line for each thing that could be taken away or changed.

use std::collections::BTreeMap;

use glassdome::sandbox::auth::{Access, Entry, Group, Pool, Release, Role, Subject, Token, User};
use glassdome::sandbox::cluster::Cluster;

/// Everything, by what it is: `vm/101`, `token/apex@pve!tt`, `acl/user:apex@pve/Administrator on /`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) things: BTreeMap<String, String>,
}

/// How the things of one kind are named.
pub(crate) fn vm(vmid: u32) -> String {
    format!("vm/{vmid}")
}

/// As above.
pub(crate) fn user(id: &str) -> String {
    format!("user/{id}")
}

/// As above.
pub(crate) fn token(id: &str) -> String {
    format!("token/{id}")
}

impl State {
    /// Looks at a cluster.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let mut state = Self::default();
        state.add_machines(cluster);
        state.add_identities(&cluster.access);
        state
    }

    fn add(&mut self, key: String, value: impl Into<String>) {
        self.things.insert(key, value.into());
    }

    fn add_machines(&mut self, cluster: &Cluster) {
        for (vmid, it) in &cluster.vms {
            let options: String = it.config.options().map(|(key, value)| format!("{key}={value};")).collect();
            let snapshots: Vec<&String> = it.snapshots.keys().collect();
            self.add(vm(*vmid), format!("{} {options} {snapshots:?}", it.node));
        }
        for (storage, place) in &cluster.storages {
            for ((node, name), it) in &place.volumes {
                let value = format!("{} bytes of {} for {:?}, made at {}", it.size, it.content, it.vmid, it.created);
                self.add(format!("volume/{storage}:{name} on {node}"), value);
            }
        }
    }

    fn add_identities(&mut self, access: &Access) {
        for (id, it) in &access.users {
            let value = format!("enabled {} until {} {:?} {:?}", it.enabled, it.expire, it.password, it.details);
            self.add(user(id), value);
            for (name, it) in &it.tokens {
                let value = format!("{} {} {} {:?}", it.privsep, it.secret, it.expire, it.comment);
                self.add(token(&format!("{id}!{name}")), value);
            }
        }
        for (name, it) in &access.groups {
            self.add(format!("group/{name}"), "");
            for member in &it.members {
                self.add(format!("member/{member} of {name}"), "");
            }
        }
        for (name, it) in &access.roles {
            let privileges: Vec<&str> = it.privileges.iter().map(String::as_str).collect();
            self.add(format!("role/{name}"), privileges.join(","));
        }
        for (name, it) in &access.pools {
            self.add(format!("pool/{name}"), "");
            for vmid in &it.vms {
                self.add(format!("pool-vm/{vmid} in {name}"), "");
            }
            for storage in &it.storages {
                self.add(format!("pool-storage/{storage} in {name}"), "");
            }
        }
        for it in access.acl.entries() {
            let holder = match &it.holder {
                Subject::User(id) => format!("user:{id}"),
                Subject::Group(id) => format!("group:{id}"),
                Subject::Token(id) => format!("token:{id}"),
            };
            self.add(format!("acl/{holder}/{} on {}", it.role, it.path), u8::from(it.propagate).to_string());
        }
    }

    /// Does to this state what an administrator did who found one state and left another.
    pub(crate) fn follow(&mut self, found: &Self, left: &Self) {
        for (key, value) in &left.things {
            if found.things.get(key) != Some(value) {
                self.things.insert(key.clone(), value.clone());
            }
        }
        self.things.retain(|key, _| left.things.contains_key(key) || !found.things.contains_key(key));
    }

    /// Makes the identities of this state, without passwords and secrets.
    pub(crate) fn access(&self, release: Release) -> Access {
        let mut access = Access::new(release);
        access.acl = Default::default();
        for (key, value) in &self.things {
            let Some((kind, name)) = key.split_once('/') else { continue };
            match kind {
                "user" => drop(access.users.entry(name.to_owned()).or_default()),
                "token" => {
                    let Some((user, name)) = name.split_once('!') else { continue };
                    let privsep = value.starts_with("true");
                    let token = Token { secret: String::new(), privsep, expire: 0, comment: None };
                    let user: &mut User = access.users.entry(user.to_owned()).or_default();
                    user.tokens.insert(name.to_owned(), token);
                }
                "member" => {
                    let Some((user, group)) = name.split_once(" of ") else { continue };
                    let group: &mut Group = access.groups.entry(group.to_owned()).or_default();
                    group.members.insert(user.to_owned());
                }
                "role" => {
                    let privileges = value.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
                    access.roles.insert(name.to_owned(), Role { privileges, special: false });
                }
                "pool-vm" => {
                    let Some((vmid, pool)) = name.split_once(" in ") else { continue };
                    let pool: &mut Pool = access.pools.entry(pool.to_owned()).or_default();
                    pool.vms.extend(vmid.parse::<u32>());
                }
                "acl" => access.acl.set(entry(name, value)),
                _ => {}
            }
        }
        access
    }
}

/// Reads an entry of the access control list as it is named here.
fn entry(name: &str, value: &str) -> Entry {
    let (subject, path) = name.split_once(" on ").expect("a path");
    let (holder, role) = subject.rsplit_once('/').expect("a role");
    let (kind, id) = holder.split_once(':').expect("a holder");
    let holder = match kind {
        "user" => Subject::User(id.to_owned()),
        "group" => Subject::Group(id.to_owned()),
        _ => Subject::Token(id.to_owned()),
    };
    Entry { path: path.to_owned(), holder, role: role.to_owned(), propagate: value == "1" }
}
