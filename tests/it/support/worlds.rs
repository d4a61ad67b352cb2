//! Worlds of users, tokens and entries, and what the preflight makes of them.

use std::collections::BTreeMap;

use glassdome::model::{TokenId, UserId};
use glassdome::pve::privileges::{
    AclPath, Caller, GrantScript, Hardware, MissingPrivileges, Permissions, PermissionsAt, PlannedClone, Zones,
    missing_privileges, needs, paths, paths_of_script,
};
use glassdome::sandbox::auth::{Access, Pool, Release};
use proptest::prelude::{Just, Strategy, prop_oneof};

use crate::support::acl_model::{Entry, Privileges, World};
use crate::support::tcp_proxy::call;

pub(crate) const SUBJECTS: [&str; 6] = ["u@pve", "u@pve!sep", "u@pve!full", "v@pve", "v@pve!sep", "group:g"];

/// Where entries are made.
pub(crate) const PATHS: [&str; 16] = [
    "/",
    "/vms",
    "/vms/9000",
    "/vms/101",
    "/vms/105",
    "/storage",
    "/storage/local",
    "/storage/fast",
    "/pool",
    "/pool/lab",
    "/sdn",
    "/sdn/zones",
    "/sdn/zones/localnetwork",
    "/sdn/zones/localnetwork/vmbr0",
    "/sdn/zones/localnetwork/vmbr0/100",
    "/sdn/zones/localnetwork/vmbr1",
];

/// Where there are no entries, and rights come from above.
pub(crate) const OTHER_PATHS: [&str; 7] = [
    "/vms/777",
    "/storage/other",
    "/pool/other",
    "/nodes/pve",
    "/sdn/zones/localnetwork/vmbr0/200",
    "/sdn/zones/localnetwork/vmbr1/5",
    "/sdn/zones/localnetwork/vmbr2/5",
];

pub(crate) const ROLES: [(&str, &str); 11] = [
    (
        "All",
        "VM.Clone,VM.Audit,VM.Allocate,VM.PowerMgmt,VM.Config.Options,Datastore.AllocateSpace,Datastore.Audit,SDN.Use,SDN.Audit,Sys.Audit",
    ),
    ("Guest", "VM.Allocate,VM.Audit,VM.PowerMgmt"),
    ("Options", "VM.Config.Options"),
    ("Disk", "VM.Config.Disk,VM.Migrate"),
    ("Space", "Datastore.AllocateSpace,SDN.Use"),
    ("Pools", "Pool.Audit"),
    ("PVETemplateUser", "VM.Audit,VM.Clone"),
    ("PVEDatastoreUser", "Datastore.AllocateSpace,Datastore.Audit"),
    ("PVESDNUser", "SDN.Audit,SDN.Use"),
    ("PVEAuditor", "Datastore.Audit,Mapping.Audit,Pool.Audit,SDN.Audit,Sys.Audit,VM.Audit,VM.GuestAgent.Audit"),
    ("NoAccess", ""),
];

pub(crate) fn entry(roles: usize) -> impl Strategy<Value = (usize, usize, usize, bool)> {
    (0..PATHS.len(), 0..SUBJECTS.len(), 0..roles, prop_oneof![3 => Just(true), 1 => Just(false)])
}

pub(crate) fn world(entries: &[(usize, usize, usize, bool)]) -> World {
    let mut world = World {
        groups: BTreeMap::from([
            ("u@pve".to_owned(), vec!["g".to_owned()]),
            ("v@pve".to_owned(), vec!["g".to_owned()]),
        ]),
        tokens: [("u@pve!sep", true), ("u@pve!full", false), ("v@pve!sep", true)]
            .map(|(id, it)| (id.to_owned(), it))
            .into(),
        pools: BTreeMap::from([("/pool/lab".to_owned(), vec!["/vms/101".to_owned(), "/storage/fast".to_owned()])]),
        ..World::default()
    };
    for (role, privileges) in ROLES {
        let privileges = privileges.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        world.roles.insert(role.to_owned(), privileges);
    }
    for (path, subject, role, propagates) in entries.iter().copied() {
        let (path, subject, role) = (PATHS[path].to_owned(), SUBJECTS[subject].to_owned(), ROLES[role].0.to_owned());
        // The server keeps one entry for each path, subject and role.
        world.entries.retain(|it| (&it.path, &it.subject, &it.role) != (&path, &subject, &role));
        world.entries.push(Entry { path, subject, role, propagates });
    }
    world
}

/// What every user and token holds everywhere.
pub(crate) fn everything(world: &World) -> BTreeMap<(&'static str, &'static str), Privileges> {
    let subjects = SUBJECTS.into_iter().filter(|it| !it.starts_with("group:"));
    subjects
        .flat_map(|subject| PATHS.into_iter().chain(OTHER_PATHS).map(move |path| (subject, path)))
        .map(|(subject, path)| ((subject, path), world.holds(subject, path)))
        .collect()
}

pub(crate) fn ask(world: &World, subject: &str, holdings: &mut Permissions, paths: impl IntoIterator<Item = AclPath>) {
    for path in paths {
        let answer = read_answer([(path.to_string(), world.permissions(subject, path.as_str()))]);
        holdings.answer(&path, &answer);
    }
}

/// Reads what the model answers as the program reads it.
pub(crate) fn read_answer(answer: impl IntoIterator<Item = (String, BTreeMap<String, bool>)>) -> PermissionsAt {
    let read = |held: BTreeMap<String, bool>| held.iter().map(|(name, it)| (name.parse().unwrap(), *it)).collect();
    answer.into_iter().map(|(path, held)| (path.parse().unwrap(), read(held))).collect()
}

/// The clone that the tests plan, of a template whose configuration can be read.
pub(crate) fn planned_clone(in_pool: bool) -> PlannedClone {
    let config = [
        ("scsi0", "local:9000/base-9000-disk-0.qcow2,size=1G"),
        ("net0", "virtio,bridge=vmbr0"),
        ("net1", "virtio,bridge=vmbr0,tag=100"),
        ("protection", "1"),
    ];
    PlannedClone {
        major: 9,
        template: "9000".parse().unwrap(),
        new: "105".parse().unwrap(),
        pool: in_pool.then(|| "lab".parse().unwrap()),
        storage: None,
        hardware: Some(Hardware::of(config, &Zones::new()).unwrap()),
        start: true,
        links_down: false,
        wait_ip: false,
    }
}

/// The same clone as its caller knows it: the hardware only if the template can be read.
pub(crate) fn clone_planned_by(world: &World, subject: &str, in_pool: bool) -> PlannedClone {
    let planned = planned_clone(in_pool);
    let is_readable = world.holds(subject, "/vms/9000").contains("VM.Audit");
    PlannedClone { hardware: planned.hardware.filter(|_| is_readable), ..planned }
}

pub(crate) fn missing(world: &World, subject: &str, in_pool: bool) -> (Vec<MissingPrivileges>, Permissions) {
    let needs = needs(&clone_planned_by(world, subject, in_pool));
    let mut held = Permissions::default();
    ask(world, subject, &mut held, paths(&needs));
    (missing_privileges(&needs, &held), held)
}

/// The script that grants what a subject lacks.
pub(crate) fn script(world: &World, subject: &str, in_pool: bool) -> GrantScript {
    let (missing, mut held) = missing(world, subject, in_pool);
    ask(world, subject, &mut held, paths_of_script(&missing));
    let caller = match subject.parse::<TokenId>() {
        Err(_) => Caller::User(subject.parse::<UserId>().unwrap()),
        Ok(token) => Caller::Token(token, None),
    };
    GrantScript::new(&caller, "9000".parse().unwrap(), &missing, &held)
}

/// Its lines.
pub(crate) fn lines(world: &World, subject: &str, in_pool: bool) -> Vec<String> {
    script(world, subject, in_pool).blocks.into_iter().flat_map(|block| block.lines).collect()
}

fn fields(fields: &[(&str, &str)]) -> BTreeMap<String, String> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The same world on the sandbox.
pub(crate) fn on_the_sandbox(world: &World) -> Access {
    let mut access = Access::standard(Release { major: 9, minor: 2, patch: 11 });
    let mut as_root = |method: &str, path: &str, params: &[(&str, &str)]| {
        call(&mut access, "root@pam", method, path, fields(params)).unwrap();
    };
    as_root("POST", "/access/groups", &[("groupid", "g")]);
    for user in ["u@pve", "v@pve"] {
        as_root("POST", "/access/users", &[("userid", user), ("groups", "g")]);
    }
    for (token, separated) in &world.tokens {
        let (user, name) = token.split_once('!').unwrap();
        let privsep = if *separated { "1" } else { "0" };
        as_root("POST", &format!("/access/users/{user}/token/{name}"), &[("privsep", privsep)]);
    }
    for (role, privileges) in ROLES.into_iter().filter(|(role, _)| !role.starts_with("PVE") && *role != "NoAccess") {
        as_root("POST", "/access/roles", &[("roleid", role), ("privs", privileges)]);
    }
    for entry in &world.entries {
        let (holder, name) = match entry.subject.strip_prefix("group:") {
            Some(group) => ("groups", group),
            None if entry.subject.contains('!') => ("tokens", entry.subject.as_str()),
            None => ("users", entry.subject.as_str()),
        };
        let flag = if entry.propagates { "1" } else { "0" };
        let entry = [("path", entry.path.as_str()), ("roles", &entry.role), (holder, name), ("propagate", flag)];
        as_root("PUT", "/access/acl", &entry);
    }
    let members = Pool { vms: [101].into(), storages: ["fast".to_owned()].into(), ..Pool::default() };
    access.pools.insert("lab".to_owned(), members);
    access
}
