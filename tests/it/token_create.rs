//! `glassdome token create`: every way to a token, and no user who loses anything by it.

use std::collections::{BTreeMap, BTreeSet};

use glassdome::sandbox::auth::{Access, Group, one_time_code};
use glassdome::sandbox::{Fault, Sandbox};
use rustix::process::Signal;

use crate::support::admin::Admin;
use crate::support::test_env::{Outcome, TestEnv, quick, signal};

/// A stage whose file leads to the sandbox, and on which `root@pam` may log in.
fn stage(sandbox: &Sandbox) -> TestEnv {
    let mut stage = TestEnv::new();
    stage.point_at(sandbox);
    stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
    stage
}

fn create(stage: &TestEnv, more: &str) -> Outcome {
    stage.glassdome(&format!("token create --no-input --yes -o json {more}"))
}

/// What everybody holds everywhere.
fn everything(access: &Access) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut paths: BTreeSet<String> = access.acl.entries().map(|entry| entry.path).collect();
    paths.extend(["/", "/vms", "/vms/101", "/vms/9000", "/vms/777", "/storage/local", "/nodes/pve"].map(str::to_owned));
    paths.extend(["/storage/local-lvm", "/sdn/zones/localnetwork/vmbr0", "/pool/lab", "/access"].map(str::to_owned));
    let tokens = access.users.iter().flat_map(|(user, it)| it.tokens.keys().map(move |name| format!("{user}!{name}")));
    let subjects: Vec<String> = access.users.keys().cloned().chain(tokens).collect();
    let mut held = BTreeMap::new();
    for subject in &subjects {
        for path in &paths {
            let rights = access.effective(subject, path).into_keys().collect();
            held.insert((subject.clone(), path.clone()), rights);
        }
    }
    held
}

/// Checks that no user or token holds less than before.
#[track_caller]
fn no_subject_lost(before: &BTreeMap<(String, String), BTreeSet<String>>, sandbox: &Sandbox) {
    let after = sandbox.edit(|cluster| everything(&cluster.access));
    for (place, held) in before {
        let now = after.get(place).unwrap_or_else(|| panic!("{place:?} is gone"));
        assert!(held.is_subset(now), "{place:?} lost {:?}", held - now);
    }
}

/// Everything that a token could have changed.
fn identities(access: &Access) -> String {
    let entries: Vec<_> = access.acl.entries().collect();
    let (users, pools, roles) = (&access.users, &access.pools, &access.roles);
    format!("{users:?} {pools:?} {:?} {entries:?}", roles.keys().collect::<Vec<_>>())
}

#[test]
fn a_token_for_a_new_user_can_do_all_of_the_test_vm_and_nothing_else() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let before = sandbox.edit(|cluster| everything(&cluster.access));
    let outcome = create(&stage, "--login-user root@pam --user svc@pve --token-name tt").expect(0);
    assert_eq!(outcome.json()["token"], serde_json::json!({ "id": "svc@pve!tt", "created": true }));
    no_subject_lost(&before, &sandbox);
    for more in ["", "--full", "--no-network", "--no-start", "--full --storage local-lvm"] {
        stage.glassdome(&format!("test-vm {more}")).expect(0);
    }
    sandbox.edit(|cluster| {
        for path in ["/", "/access", "/pool/lab", "/storage/local"] {
            assert!(cluster.access.effective("svc@pve!tt", path).is_empty(), "{path}");
        }
        assert!(cluster.access.users["svc@pve"].tokens["tt"].privsep);
    });
}

#[test]
fn a_token_in_a_pool_cannot_touch_what_is_outside() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let before = sandbox.edit(|cluster| everything(&cluster.access));
    create(&stage, "--login-user root@pam --user svc@pve --token-name tt --pool lab")
        .expect(0)
        .says("pveum pool add lab");
    no_subject_lost(&before, &sandbox);
    assert!(stage.read(".env").contains("PROXMOX_POOL=lab\n"));
    stage.glassdome("test-vm").expect(0);
    sandbox.edit(|cluster| {
        assert!(cluster.access.effective("svc@pve!tt", "/vms/101").is_empty());
        assert!(cluster.access.effective("svc@pve!tt", "/vms/777").is_empty());
    });
    // Without the pool there is nothing that it may do.
    stage.write(".env", &stage.read(".env").replace("PROXMOX_POOL=lab\n", ""));
    stage.glassdome("test-vm").expect(7);
}

#[test]
fn a_token_with_the_rights_of_its_user_has_them() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    create(&stage, "--login-user apex@pve --token-name tt --rights user --expire 2050-01-31").expect(0);
    sandbox.edit(|cluster| {
        let token = &cluster.access.users["apex@pve"].tokens["tt"];
        assert_eq!((token.privsep, token.expire), (false, 2_527_200_000));
        assert_eq!(token.comment.as_deref(), Some("API token for Glassdome"));
    });
    create(&stage, "--login-user apex@pve --token-name t2 --expire 2020-01-31").expect(2).says("--expire");
}

#[test]
fn administrators_by_group_and_by_own_entry_stay_what_they_are() {
    let sandbox = Sandbox::start(quick()).unwrap();
    sandbox.edit(|cluster| {
        let members = ["lead@pve", "mixed@pve"].map(str::to_owned).into();
        cluster.access.groups.insert("admins".to_owned(), Group { members, comment: None });
    });
    let admin = Admin::of(&sandbox);
    for user in ["lead@pve", "mixed@pve", "own@pve", "weak@pve"] {
        admin.call("POST", "/access/users", &format!("userid={user}"));
        admin.token(user, "full", false);
        admin.token(user, "sep", true);
    }
    for user in ["lead@pve", "mixed@pve"] {
        admin.call("PUT", &format!("/access/users/{user}"), "groups=admins");
    }
    admin.call("PUT", "/access/acl", "path=/&roles=Administrator&groups=admins");
    admin.grant("/", "own@pve", "Administrator");
    admin.grant("/vms/9000", "mixed@pve", "PVEAuditor");
    admin.grant("/storage", "weak@pve", "PVEDatastoreAdmin");
    admin.grant("/vms", "weak@pve", "PVEVMUser");
    for user in ["lead@pve", "mixed@pve", "own@pve", "weak@pve", "root@pam"] {
        let stage = stage(&sandbox);
        let before = sandbox.edit(|cluster| everything(&cluster.access));
        create(&stage, &format!("--login-user root@pam --user {user} --token-name made")).expect(0);
        no_subject_lost(&before, &sandbox);
        stage.glassdome("test-vm").expect(0);
    }
    // A subject that was denied access on purpose stays denied.
    admin.call("POST", "/access/users", "userid=out@pve");
    admin.grant("/vms", "out@pve", "NoAccess");
    let before = sandbox.edit(|cluster| identities(&cluster.access));
    create(&stage(&sandbox), "--login-user root@pam --user out@pve --token-name made").expect(7).says("NoAccess");
    assert_eq!(sandbox.edit(|cluster| identities(&cluster.access)), before);
}

#[test]
fn an_existing_token_is_never_replaced_unasked() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let before = sandbox.edit(|cluster| everything(&cluster.access));
    let file = stage.read(".env");
    create(&stage, "--login-user root@pam").expect(3).says("--regenerate").says("--token-name");
    assert_eq!(stage.read(".env"), file);
    create(&stage, "--login-user root@pam --regenerate").expect(0).says("keeps all privileges of its user");
    no_subject_lost(&before, &sandbox);
    assert_ne!(stage.read(".env"), file);
    stage.glassdome("test-vm").expect(0);
    stage.write(".env", &file);
    stage.glassdome("test-vm").expect(6);
    let powerless = "--login-user root@pam --token-name powerless --regenerate";
    create(&stage, powerless).expect(0);
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn a_second_factor_is_answered_and_a_wrong_one_refused() {
    let sandbox = Sandbox::start(quick()).unwrap();
    Admin::of(&sandbox).grant("/", "totp@pve", "Administrator");
    let stage = stage(&sandbox);
    let line = "--login-user totp@pve --user svc@pve --token-name tt";
    create(&stage, line).expect(2).says("--totp");
    create(&stage, &format!("{line} --totp 000000")).expect(6);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let code = one_time_code("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", now).unwrap();
    create(&stage, &format!("{line} --totp {code}")).expect(0);
    create(&stage, "--login-user nowhere@ldap").expect(6).says("no realm `ldap`");
    create(&stage, "--login-user root@pam --user svc@nosuch").expect(6).says("no realm `nosuch`");
    create(&stage, "").expect(2).says("--login-user");
}

#[test]
fn who_may_not_grant_gets_the_lines_for_an_administrator() {
    let sandbox = Sandbox::start(quick()).unwrap();
    Admin::of(&sandbox).grant("/", "nobody@pve", "PVEVMAdmin");
    let before = sandbox.edit(|cluster| identities(&cluster.access));
    let stage = stage(&sandbox);
    let outcome = create(&stage, "--login-user nobody@pve --user nobody@pve --token-name tt").expect(7);
    assert_eq!(outcome.json()["error"]["kind"], "permission");
    assert_eq!(sandbox.edit(|cluster| identities(&cluster.access)), before);
    // A log-in that may make its own token and needs nothing granted makes it.
    let admin = Admin::of(&sandbox);
    for role in ["PVEDatastoreAdmin", "PVESDNUser", "PVEAuditor"] {
        admin.grant("/", "nobody@pve", role);
    }
    let outcome = create(&stage, "--login-user nobody@pve --user nobody@pve --token-name tt").expect(7);
    let hints = outcome.json()["error"]["hints"].to_string();
    assert!(
        hints.contains("pveum acl modify /vms --tokens 'nobody@pve!tt'") && hints.contains("--rights user"),
        "{hints}"
    );
    assert!(hints.contains("pveum user token add 'nobody@pve' tt --privsep 1"), "{hints}");
    create(&stage, "--login-user nobody@pve --user nobody@pve --token-name tt --rights user").expect(0);
    stage.glassdome("test-vm").expect(0);
}

#[test]
fn a_rehearsal_changes_nothing() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let file = stage.read(".env");
    create(&stage, "--login-user root@pam --user svc@pve --token-name tt --dry-run").expect(0).says("pveum user add");
    assert_eq!(stage.read(".env"), file);
    let changes: Vec<_> =
        sandbox.seen().into_iter().filter(|seen| seen.method != "GET").map(|seen| seen.path).collect();
    assert_eq!(changes, ["/access/ticket"]);
}

/// Sees that everything that a run left of `svc@pve` is named in its document.
#[track_caller]
fn left_is_named(sandbox: &Sandbox, outcome: &Outcome) {
    let document = outcome.json();
    let named: Vec<&str> =
        document["left_on_server"].as_array().unwrap().iter().filter_map(|it| it["kept"].as_str()).collect();
    let mut objects = sandbox.edit(|cluster| {
        let access = &cluster.access;
        let tokens = access.users.get("svc@pve").into_iter().flat_map(|user| user.tokens.keys());
        let mut objects: Vec<String> = tokens.map(|name| format!("token svc@pve!{name}")).collect();
        objects.extend(access.users.contains_key("svc@pve").then(|| "user svc@pve".to_owned()));
        objects.extend(access.pools.keys().map(|name| format!("pool {name}")));
        let roles = access.roles.keys().filter(|name| name.starts_with("Glassdome"));
        objects.extend(roles.map(|name| format!("role {name}")));
        objects
    });
    let entries = sandbox.edit(|cluster| cluster.access.acl.entries().filter(|it| it.path != "/").collect::<Vec<_>>());
    objects.extend(entries.iter().map(|entry| {
        let who = format!("{:?}", entry.holder);
        let who = who.split('"').nth(1).unwrap_or_default();
        format!("permission of {who} on {} ({})", entry.path, entry.role)
    }));
    assert!(!objects.is_empty());
    for object in objects {
        assert!(named.contains(&object.as_str()), "{object} is not named: {outcome:?}");
    }
}

#[test]
fn whatever_fails_in_between_everything_before_it_is_undone() {
    let changes: Vec<usize> = {
        let sandbox = Sandbox::start(quick()).unwrap();
        create(&stage(&sandbox), "--login-user root@pam --user svc@pve --token-name tt --pool lab").expect(0);
        let seen = sandbox.seen();
        (1..=seen.len()).filter(|number| seen[number - 1].method != "GET").collect()
    };
    assert!(changes.len() > 9, "{changes:?}");
    for number in changes {
        for fault in [Fault::ResetBefore(number), Fault::ResetAfter(number)] {
            let sandbox = Sandbox::start(quick()).unwrap();
            let stage = stage(&sandbox);
            let (before, file) = (sandbox.edit(|cluster| identities(&cluster.access)), stage.read(".env"));
            sandbox.add_fault(fault);
            let outcome = create(&stage, "--login-user root@pam --user svc@pve --token-name tt --pool lab");
            if outcome.code == 0 {
                stage.glassdome("test-vm").expect(0);
                continue;
            }
            assert_eq!(stage.read(".env"), file, "{fault:?}");
            if sandbox.edit(|cluster| identities(&cluster.access)) != before {
                // The server did it, and its answer was lost: then it is not deleted, but named.
                assert!(matches!(fault, Fault::ResetAfter(_)), "{fault:?} {outcome:?}");
                left_is_named(&sandbox, &outcome);
            }
        }
    }
}

/// Ends the creation of a token by a signal at every ninth request, from one of the first on.
fn interrupt_from(first: usize) {
    let options = || glassdome::sandbox::Options { latency: std::time::Duration::from_millis(30), ..quick() };
    let line = "token create --no-input --yes --login-user root@pam --user svc@pve --token-name tt";
    let count = {
        let sandbox = Sandbox::start(options()).unwrap();
        stage(&sandbox).glassdome(line).expect(0);
        sandbox.seen().len()
    };
    for number in (first..=count).step_by(9) {
        let sandbox = Sandbox::start(options()).unwrap();
        let stage = stage(&sandbox);
        let (before, file) = (sandbox.edit(|cluster| identities(&cluster.access)), stage.read(".env"));
        let child = stage.spawn(line);
        assert!(sandbox.wait_until_seen(number, std::time::Duration::from_secs(60)));
        signal(&child, Signal::TERM);
        let outcome = Outcome::of(&child.wait_with_output().unwrap());
        if outcome.code == 0 {
            continue;
        }
        assert_eq!(outcome.code, 143, "{outcome:?}");
        assert_eq!(sandbox.edit(|cluster| identities(&cluster.access)), before, "{number} {outcome:?}");
        assert_eq!(stage.read(".env"), file, "{number}");
    }
}

#[test]
fn a_signal_in_between_leaves_nothing_behind_1() {
    interrupt_from(4);
}

#[test]
fn a_signal_in_between_leaves_nothing_behind_2() {
    interrupt_from(7);
}

#[test]
fn a_signal_in_between_leaves_nothing_behind_3() {
    interrupt_from(10);
}

#[test]
fn a_second_signal_leaves_at_once_with_the_lines_that_undo() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    let file = stage.read(".env");
    let line = "token create --no-input --yes --login-user root@pam --user svc@pve --token-name tt";
    // The user is made, the role is asked for, and from then on no server answers.
    let number = {
        let sandbox = Sandbox::start(quick()).unwrap();
        self::stage(&sandbox).glassdome(line).expect(0);
        sandbox.seen().iter().position(|seen| seen.method == "POST" && seen.path == "/access/roles").unwrap() + 1
    };
    sandbox.add_fault(Fault::HoldAfter(number));
    let child = stage.spawn(line);
    assert!(sandbox.wait_until_seen(number, std::time::Duration::from_secs(60)));
    signal(&child, Signal::INT);
    signal(&child, Signal::TERM);
    let outcome = Outcome::of(&child.wait_with_output().unwrap());
    assert!([130, 143].contains(&outcome.code), "{outcome:?}");
    let role = "role GlassdomeProvisioner: it may or may not have been created";
    for words in ["some changes remain on the server", "pveum user delete 'svc@pve'", role] {
        assert!(outcome.stderr.contains(words), "{words}: {}", outcome.stderr);
    }
    assert_eq!(stage.read(".env"), file);
}

#[test]
fn a_new_secret_is_saved_even_if_the_check_that_follows_fails() {
    let line = "--login-user root@pam --user svc@pve --token-name tt";
    let scene = || {
        let sandbox = Sandbox::start(quick()).unwrap();
        let stage = stage(&sandbox);
        create(&stage, line).expect(0);
        (sandbox, stage)
    };
    let number = {
        let (sandbox, stage) = scene();
        create(&stage, &format!("{line} --regenerate")).expect(0);
        sandbox.seen().iter().position(|it| it.query_and_body.contains_key("regenerate")).unwrap() + 1
    };
    let (sandbox, stage) = scene();
    let before = stage.read(".env");
    sandbox.add_fault(Fault::UnauthenticatedFrom(number + 1));
    let outcome = create(&stage, &format!("{line} --regenerate")).says("now has svc@pve!tt");
    assert!(outcome.code != 0 && !outcome.stderr.contains("was not saved"), "{outcome:?}");
    sandbox.clear_faults();
    assert_ne!(stage.read(".env"), before);
    stage.glassdome("test-vm --no-start").expect(0);
}

#[test]
fn a_token_is_made_for_any_user_that_calls_can_name_and_for_no_other() {
    // A list of the server's parts names at `;`, so that nothing can be granted to such a user.
    for user in ["jürgen@pve", "50%@pve", "o'brien+x@corp.example@pve", "Big#1@pve"] {
        let sandbox = Sandbox::start(quick()).unwrap();
        let mut stage = stage(&sandbox);
        stage.set("PROXMOX_USER", user);
        stage.set("PROXMOX_TOKEN_NAME", "t1");
        create(&stage, "--login-user root@pam").expect(0);
        assert!(sandbox.edit(|cluster| cluster.access.users.contains_key(user)), "{user}");
    }
    for (user, found) in [("foo!bar@pve", "`!`"), ("zoë€@pve", "`€`")] {
        let sandbox = Sandbox::start(quick()).unwrap();
        let mut stage = stage(&sandbox);
        let before = sandbox.edit(|cluster| identities(&cluster.access));
        stage.set("PROXMOX_USER", user);
        stage.set("PROXMOX_TOKEN_NAME", "t1");
        create(&stage, "--login-user root@pam").expect(3).says("cannot be used in an API call").says(found);
        assert_eq!(sandbox.edit(|cluster| identities(&cluster.access)), before, "{user}");
        assert!(sandbox.seen().iter().all(|seen| seen.path != "/access/ticket"), "{user}: {:?}", sandbox.seen());
    }
}

#[test]
fn the_mappings_of_the_devices_of_the_template_are_granted() {
    let sandbox = Sandbox::start(quick()).unwrap();
    for (key, value) in [("hostpci0", "mapping=gpu,pcie=1"), ("usb3", "mapping=dongle")] {
        sandbox.edit(|cluster| cluster.set_option(9000, key, value));
    }
    let stage = stage(&sandbox);
    let line = "--login-user root@pam --user glassdome@pve --token-name tt --dry-run";
    for line in [line.to_owned(), format!("{line} --pool lab")] {
        let plan = create(&stage, &line).expect(0);
        plan.says("pveum acl modify /mapping/pci/gpu --tokens 'glassdome@pve!tt' --roles PVEMappingUser")
            .says("pveum acl modify /mapping/usb/dongle --users 'glassdome@pve' --roles PVEMappingUser");
    }
}

#[test]
fn before_9_the_right_to_run_commands_in_guests_is_granted_only_for_wait_ip() {
    let sandbox = Sandbox::start(glassdome::sandbox::Options { pve_version: "8.4.14".to_owned(), ..quick() }).unwrap();
    let stage = stage(&sandbox);
    let line = "--login-user root@pam --user glassdome@pve --token-name tt --dry-run";
    assert!(!create(&stage, line).expect(0).says("GlassdomeProvisioner").stderr.contains("VM.Monitor"));
    let plan = create(&stage, &format!("{line} --wait-ip")).expect(0);
    plan.says("VM.Monitor").says("also allows running commands in guests");
}

#[test]
fn the_options_are_those_that_decide_on_privileges() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let stage = stage(&sandbox);
    for option in ["--keep", "--vmid 800", "--name foo", "--no-start", "--no-network", "--timeout 5"] {
        stage.glassdome(&format!("token create --token-name tt --yes {option}")).expect(2);
    }
    let help = stage.glassdome("token create --help").expect(0).results;
    assert!(help.contains("Privileges for:") && !help.contains("Test VM:"), "{help}");
}

#[test]
fn the_token_that_is_replaced_in_the_file_is_named_with_the_line_that_removes_it() {
    let sandbox = Sandbox::start(quick()).unwrap();
    let login = "--login-user root@pam";
    let told = "apex@pve!glassdome-token still exists on the server";
    for line in ["token create", "setup --create-token --skip-test-vm"] {
        let stage = stage(&sandbox);
        let name = line.split(' ').next().unwrap();
        let outcome = stage.glassdome(&format!("{line} --no-input --yes --token-name {name} {login}")).expect(0);
        let revoke = outcome.says(told).stderr;
        let (_, revoke) = revoke.split_once("`glassdome ").unwrap();
        let (revoke, _) = revoke.split_once('`').unwrap();
        stage.glassdome(&format!("{revoke} {login} --dry-run")).expect(0);
        stage.glassdome("test-vm --no-start").expect(0);
    }
}
