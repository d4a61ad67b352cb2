//! Forty random worlds of access control lists, answered as the real server answered them.

use std::collections::BTreeMap;

use glassdome::sandbox::auth::{Access, Entry, Group, Pool, Release, Rights, Role, Subject, Token, User};
use serde_json::Value;

use crate::support::recorded::AclWorlds;

const WITHOUT_PATH: &str = "(no path)";
const SUBJECTS: [&str; 3] = ["rvu@pve", "rvu@pve!sep", "rvu@pve!full"];

#[test]
fn every_world_gives_the_recorded_rights() {
    let AclWorlds { roles, worlds } = AclWorlds::load();
    assert_eq!(worlds.len(), 40);
    let mut answers = 0;
    for (number, world) in worlds.iter().enumerate() {
        let access = access(&roles, &world["acl"]);
        for subject in SUBJECTS {
            for (path, expected) in world["permissions"][subject].as_object().unwrap() {
                let given = match path.as_str() {
                    WITHOUT_PATH => serde_json::to_value(everywhere(&access, subject)).unwrap(),
                    path => serde_json::to_value(flags(access.effective(subject, path))).unwrap(),
                };
                assert_eq!(&given, expected, "world {number}, {subject} at {path}");
                answers += 1;
            }
        }
    }
    assert_eq!(answers, 40 * 3 * 8);
}

fn everywhere(access: &Access, subject: &str) -> BTreeMap<String, BTreeMap<String, u8>> {
    access.effective_everywhere(subject).into_iter().map(|(path, rights)| (path, flags(rights))).collect()
}

fn flags(rights: Rights) -> BTreeMap<String, u8> {
    rights.into_iter().map(|(privilege, propagate)| (privilege, u8::from(propagate))).collect()
}

/// Builds one world; what the recordings' other user holds on the same server is in it too.
fn access(roles: &Value, acl: &Value) -> Access {
    let mut access = Access::new(Release { major: 9, minor: 2, patch: 11 });
    for (role, privileges) in roles.as_object().unwrap() {
        let privileges = privileges.as_str().unwrap().split(',').filter(|word| !word.is_empty());
        let privileges = privileges.map(str::to_owned).collect();
        let special = access.roles.get(role).is_some_and(|role| role.special);
        let known = access.roles.insert(role.clone(), Role { privileges, special });
        assert!(known.is_none_or(|known| Some(&known) == access.roles.get(role)), "{role}");
    }
    let token = |privsep| Token { secret: String::new(), privsep, expire: 0, comment: None };
    let mut user = User::default();
    user.tokens.insert("sep".into(), token(true));
    user.tokens.insert("full".into(), token(false));
    access.users.insert("rvu@pve".into(), user);
    access.groups.insert("rvg".into(), Group { members: ["rvu@pve".into()].into(), comment: None });
    access.pools.insert("rvpool".into(), Pool { vms: [102].into(), ..Pool::default() });
    access.users.insert("min@pve".into(), User::default());
    for path in ["/vms/9000", "/pool/labpool", "/storage/local", "/sdn/zones/localnetwork/vmbr0"] {
        access.grant("min@pve", path, "RvClone");
    }
    for entry in acl.as_array().unwrap() {
        access.acl.set(parsed(entry));
    }
    access
}

fn parsed(entry: &Value) -> Entry {
    let text = |key: &str| entry[key].as_str().unwrap().to_owned();
    let holder = match entry["type"].as_str().unwrap() {
        "user" => Subject::User(text("ugid")),
        "group" => Subject::Group(text("ugid")),
        "token" => Subject::Token(text("ugid")),
        other => panic!("unknown kind of entry {other}"),
    };
    Entry { path: text("path"), holder, role: text("roleid"), propagate: entry["propagate"] == 1 }
}
