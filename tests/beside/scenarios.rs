//! Every command that changes a server, and the server that it meets.

use std::sync::OnceLock;
use std::time::Duration;

use glassdome::sandbox::cluster::Cluster;
use glassdome::sandbox::{Options, Sandbox};
use serde_json::json;

use crate::actions::{Action, Scene};
use crate::relay::{Before, Ending, Identities, Plan, Relay};
use crate::run::finish;
use crate::state::{State, token, vm};
use crate::support::test_env::TestEnv;

/// The checksum that the image is to have.
const SUM: &str = "abababababababababababababababababababababababababababababababab";

/// A command, with what there is before it.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What is run.
    pub(crate) line: &'static str,
    /// What is run after it was killed, besides `cleanup`.
    pub(crate) recovery: Option<&'static str>,
    /// What there is beforehand.
    ground: StartingPoint,
    /// What an administrator has to know.
    pub(crate) scene: fn() -> Scene,
    /// What he does.
    pub(crate) actions: &'static [Action],
}

/// What a command begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StartingPoint {
    /// A settings file with the token of `apex@pve`.
    Settings,
    /// The same, with a template that is protected, and a pool.
    Protected,
    /// A server, and no settings file.
    Bare,
    /// The same, and no template.
    NoTemplate,
    /// A settings file with a token that an earlier run made for `svc@pve`.
    OwnToken,
    /// A test VM that a killed run left.
    LeftBehind,
    /// A test VM that was kept.
    Kept,
}

/// A scenario that is set up.
pub(crate) struct PreparedScenario {
    pub(crate) relay: Relay,
    pub(crate) stage: TestEnv,
    pub(crate) scene: Scene,
    pub(crate) settings: Option<String>,
}

use Action as A;

const OF_VMS: &[Action] = &[
    A::TakeVmid,
    A::CopyMarker,
    A::RenameVm,
    A::DescribeVm,
    A::AddDisk,
    A::FillPool,
    A::RevokeToken,
    A::ChangeCertificate,
    A::DestroyTemplate,
    A::TakePrivileges,
    A::AddToken,
    A::GrantToken,
];

/// Of a VM that is named by its VMID it is not known with which drives it was made.
const OF_NAMED_VMS: &[Action] =
    &[A::TakeVmid, A::CopyMarker, A::RenameVm, A::DescribeVm, A::RevokeToken, A::ChangeCertificate, A::TakePrivileges];

const OF_TEMPLATES: &[Action] = &[
    A::TakeVmid,
    A::CopyMarker,
    A::RenameVm,
    A::DescribeVm,
    A::AddDisk,
    A::SameImage,
    A::LikelyImage,
    A::RevokeToken,
    A::ChangeCertificate,
    A::TakePrivileges,
];

const OF_TOKENS: &[Action] = &[
    A::MakeUser,
    A::ChangeUser,
    A::GroupUser,
    A::AddToken,
    A::MakeToken,
    A::MakeRole,
    A::ChangeRole,
    A::UseRole,
    A::GrantUser,
    A::GrantToken,
    A::PromoteUser,
    A::RevokeToken,
    A::ChangeCertificate,
    A::TakePrivileges,
];

const OF_POOLS: &[Action] = &[
    A::MakePool,
    A::FillPool,
    A::GrantPool,
    A::MakeUser,
    A::AddToken,
    A::MakeRole,
    A::UseRole,
    A::PromoteUser,
    A::ChangeCertificate,
    A::GrantUser,
];

const OF_SETUP: &[Action] = &[
    A::TakeVmid,
    A::CopyMarker,
    A::RenameVm,
    A::MakeUser,
    A::AddToken,
    A::MakeToken,
    A::UseRole,
    A::GrantUser,
    A::PromoteUser,
    A::RevokeToken,
    A::ChangeCertificate,
    A::SameImage,
    A::LikelyImage,
];

fn of_apex() -> Scene {
    Scene {
        user: "apex@pve",
        token: "apex@pve!glassdome-token",
        actor: "apex@pve",
        role: "GlassdomeProvisioner",
        ..Scene::default()
    }
}

fn of_apex_in_pool() -> Scene {
    Scene { pool: Some("lab"), ..of_apex() }
}

fn of_template() -> Scene {
    let image = Some("ubuntu-22.04-server-cloudimg-amd64-abababababab.qcow2");
    Scene { vmid: Some(9100), image, ..of_apex() }
}

fn of_file() -> Scene {
    Scene { vmid: Some(9100), image: Some("jammy-unverified.qcow2"), ..of_apex() }
}

fn of_missing_template() -> Scene {
    Scene { vmid: Some(9000), image: Some("jammy-unverified.qcow2"), ..of_apex() }
}

fn of_svc() -> Scene {
    Scene { user: "svc@pve", token: "svc@pve!tt", actor: "apex@pve", role: "GlassdomeProvisioner", ..Scene::default() }
}

fn of_svc_in_pool() -> Scene {
    Scene { pool: Some("fresh"), role: "GlassdomeGuest", ..of_svc() }
}

fn of_apex_by_itself() -> Scene {
    Scene { token: "apex@pve!tt", ..of_apex() }
}

fn of_own_token() -> Scene {
    Scene { actor: "svc@pve", ..of_svc() }
}

/// All of them.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "test-vm",
        line: "test-vm",
        recovery: None,
        ground: StartingPoint::Settings,
        scene: of_apex,
        actions: OF_VMS,
    },
    Scenario {
        name: "test-vm-full-in-pool",
        line: "test-vm --full --pool lab",
        recovery: None,
        ground: StartingPoint::Protected,
        scene: of_apex_in_pool,
        actions: OF_VMS,
    },
    Scenario {
        name: "test-vm-keep",
        line: "test-vm --keep --no-start",
        recovery: None,
        ground: StartingPoint::Settings,
        scene: of_apex,
        actions: OF_VMS,
    },
    Scenario {
        name: "test-vm-count",
        line: "test-vm --count 3 --parallel 2 --no-start",
        recovery: None,
        ground: StartingPoint::Settings,
        scene: of_apex,
        actions: OF_VMS,
    },
    Scenario {
        name: "template-address",
        line: "template create --id 9100 --checksum {sum}",
        recovery: Some("template create --id 9101 --checksum {sum}"),
        ground: StartingPoint::Settings,
        scene: of_template,
        actions: OF_TEMPLATES,
    },
    Scenario {
        name: "template-file",
        line: "template create --id 9100 --release jammy.img",
        recovery: Some("template create --id 9101 --release jammy.img"),
        ground: StartingPoint::Settings,
        scene: of_file,
        actions: OF_TEMPLATES,
    },
    Scenario {
        name: "template-keep-image",
        line: "template create --id 9100 --checksum {sum} --keep-image",
        recovery: Some("template create --id 9101 --checksum {sum}"),
        ground: StartingPoint::Settings,
        scene: of_template,
        actions: OF_TEMPLATES,
    },
    Scenario {
        name: "token-create",
        line: "token create --yes --login-user apex@pve --user svc@pve --token-name tt",
        recovery: Some("token create --yes --login-user apex@pve --user svc@pve --token-name tt"),
        ground: StartingPoint::Settings,
        scene: of_svc,
        actions: OF_TOKENS,
    },
    Scenario {
        name: "token-create-of-user",
        line: "token create --yes --login-user apex@pve --user apex@pve --token-name tt --rights user",
        recovery: Some("token create --yes --login-user apex@pve --user apex@pve --token-name tt --rights user"),
        ground: StartingPoint::Settings,
        scene: of_apex_by_itself,
        actions: OF_TOKENS,
    },
    Scenario {
        name: "token-create-in-pool",
        line: "token create --yes --login-user root@pam --user svc@pve --token-name tt --pool fresh",
        recovery: Some("token create --yes --login-user root@pam --user svc@pve --token-name tt --pool fresh"),
        ground: StartingPoint::Settings,
        scene: of_svc_in_pool,
        actions: OF_POOLS,
    },
    Scenario {
        name: "token-regenerate",
        line: "token create --yes --login-user root@pam --user svc@pve --token-name tt --regenerate",
        recovery: Some("token create --yes --login-user root@pam --user svc@pve --token-name tt --regenerate"),
        ground: StartingPoint::OwnToken,
        scene: of_own_token,
        actions: OF_TOKENS,
    },
    Scenario {
        name: "token-rotate",
        line: "token rotate --yes --login-user root@pam",
        recovery: Some("token rotate --yes --login-user root@pam"),
        ground: StartingPoint::OwnToken,
        scene: of_own_token,
        actions: OF_TOKENS,
    },
    Scenario {
        name: "token-rotate-in-place",
        line: "token rotate --in-place --yes --login-user root@pam",
        recovery: Some("token rotate --in-place --yes --login-user root@pam"),
        ground: StartingPoint::OwnToken,
        scene: of_own_token,
        actions: OF_TOKENS,
    },
    Scenario {
        name: "token-revoke",
        line: "token revoke --yes --login-user root@pam",
        recovery: Some("token revoke --yes --login-user root@pam"),
        ground: StartingPoint::OwnToken,
        scene: of_own_token,
        actions: OF_TOKENS,
    },
    Scenario {
        name: "cleanup",
        line: "cleanup --yes",
        recovery: None,
        ground: StartingPoint::LeftBehind,
        scene: of_apex,
        actions: OF_VMS,
    },
    Scenario {
        name: "cleanup-vmid",
        line: "cleanup --vmid 100 --yes",
        recovery: None,
        ground: StartingPoint::Kept,
        scene: of_apex,
        actions: OF_NAMED_VMS,
    },
    Scenario {
        name: "setup",
        line: "setup --yes --accept-new-certificate --host {host} --user apex@pve --token-name glassdome-token --token-value-file secret.txt",
        recovery: Some(
            "setup --yes --skip-test-vm --host {host} --user apex@pve --token-name glassdome-token --token-value-file secret.txt --ca-file proxmox-ca.pem",
        ),
        ground: StartingPoint::Bare,
        scene: of_apex,
        actions: OF_VMS,
    },
    Scenario {
        name: "setup-create-token",
        line: "setup --yes --ca-file ca.pem --host {host} --create-token --login-user root@pam --user svc@pve --token-name tt --no-start",
        recovery: Some(
            "setup --yes --ca-file ca.pem --host {host} --create-token --login-user root@pam --user svc@pve --token-name tt --skip-test-vm",
        ),
        ground: StartingPoint::Bare,
        scene: of_svc,
        actions: OF_SETUP,
    },
    Scenario {
        name: "setup-create-token-of-user",
        line: "setup --yes --accept-new-certificate --host {host} --create-token --login-user apex@pve --user apex@pve --token-name tt --rights user --no-start",
        recovery: Some(
            "setup --yes --ca-file ca.pem --host {host} --create-token --login-user apex@pve --user apex@pve --token-name tt --rights user --skip-test-vm",
        ),
        ground: StartingPoint::Bare,
        scene: of_apex_by_itself,
        actions: OF_SETUP,
    },
    Scenario {
        name: "setup-create-token-in-pool",
        line: "setup --yes --ca-file ca.pem --host {host} --create-token --login-user root@pam --user svc@pve --token-name tt --pool fresh --no-start",
        recovery: Some(
            "setup --yes --ca-file ca.pem --host {host} --create-token --login-user root@pam --user svc@pve --token-name tt --pool fresh --skip-test-vm",
        ),
        ground: StartingPoint::Bare,
        scene: of_svc_in_pool,
        actions: OF_POOLS,
    },
    Scenario {
        name: "setup-regenerate",
        line: "setup --yes --create-token --regenerate --login-user root@pam --user svc@pve --token-name tt --no-start",
        recovery: Some(
            "setup --yes --create-token --regenerate --login-user root@pam --user svc@pve --token-name tt --skip-test-vm",
        ),
        ground: StartingPoint::OwnToken,
        scene: of_own_token,
        actions: OF_SETUP,
    },
    Scenario {
        name: "setup-over-ssh",
        line: "setup --yes --ca-file ca.pem --host {host} --over-ssh node --user apex@pve --token-name tt --no-start",
        recovery: Some(
            "setup --yes --ca-file ca.pem --host {host} --over-ssh node --user apex@pve --token-name tt --skip-test-vm",
        ),
        ground: StartingPoint::Bare,
        scene: of_apex_by_itself,
        actions: OF_SETUP,
    },
    Scenario {
        name: "setup-create-template",
        line: "setup --yes --ca-file ca.pem --host {host} --user apex@pve --token-name glassdome-token --token-value-file secret.txt --create-template jammy.img --no-start",
        recovery: Some(
            "setup --yes --ca-file ca.pem --host {host} --user apex@pve --token-name glassdome-token --token-value-file secret.txt --skip-test-vm --create-template jammy.img",
        ),
        ground: StartingPoint::NoTemplate,
        scene: of_missing_template,
        actions: OF_SETUP,
    },
];

impl Scenario {
    /// Sets everything up, as it is before the command.
    pub(crate) fn set_up(&self) -> PreparedScenario {
        static IDENTITIES: OnceLock<Identities> = OnceLock::new();
        let identities = IDENTITIES.get_or_init(Identities::new);
        let options = Options {
            task_time: Duration::from_millis(4),
            auth_delay: Duration::ZERO,
            late_cleanup: false,
            report_every: None,
            ..Options::default()
        };
        let sandbox = Sandbox::start(options).expect("a sandbox");
        sandbox.edit(|cluster| self.prepare(cluster, identities));
        let relay = Relay::start(sandbox, identities);
        let mut stage = TestEnv::new();
        stage.set("PROXMOX_LOGIN_PASSWORD", "sandbox");
        stage.write("ca.pem", &identities.authority.pem);
        stage.write("secret.txt", relay.sandbox().default_token().2);
        let image = [b"QFI\xfb".to_vec(), vec![7; 64 * 1024]].concat();
        std::fs::write(stage.path("jammy.img"), image).expect("a file");
        add_ssh(&mut stage, &relay);
        if !matches!(self.ground, StartingPoint::Bare | StartingPoint::NoTemplate) {
            let (user, name, secret) = relay.sandbox().default_token();
            let text = format!(
                "# of this machine\nOTHER=kept\nPROXMOX_HOST={}\nPROXMOX_USER={user}\nPROXMOX_TOKEN_NAME={name}\nPROXMOX_TOKEN_VALUE={secret}\n\
                 PROXMOX_VERIFY_SSL=false\nPROXMOX_CA_FILE=ca.pem\nPROXMOX_NODE=pve\nUBUNTU_2204_TEMPLATE_ID=9000\n",
                relay.address
            );
            stage.write(".env", &text);
        }
        let mut scene = (self.scene)();
        scene.ours = self.begin(&relay, &stage);
        scene.start = relay.sandbox().edit(|cluster| State::of(cluster));
        let settings = std::fs::read_to_string(stage.path(".env")).ok();
        PreparedScenario { relay, stage, scene, settings }
    }

    fn prepare(&self, cluster: &mut Cluster, identities: &Identities) {
        cluster.access.users.insert("bob@pve".to_owned(), Default::default());
        cluster.certificates = json!([
            { "filename": "pve-root-ca.pem", "pem": identities.authority.pem },
            { "filename": "pve-ssl.pem", "pem": identities.trusted.pem },
        ]);
        // An orphan of the number that a clone gets, and an image of another user.
        cluster.add_disk(100, "pve", "local-lvm", "vm-100-disk-7", 1 << 30);
        match self.ground {
            StartingPoint::Protected => {
                cluster.set_option(9000, "protection", "1");
                cluster.access.pools.insert("lab".to_owned(), Default::default());
            }
            StartingPoint::NoTemplate => drop(cluster.drop_templates()),
            StartingPoint::Settings
            | StartingPoint::Bare
            | StartingPoint::OwnToken
            | StartingPoint::LeftBehind
            | StartingPoint::Kept => {}
        }
    }

    /// Lets an earlier run do what this one begins with; lists what of it this one may remove or replace.
    fn begin(&self, relay: &Relay, stage: &TestEnv) -> Vec<String> {
        match self.ground {
            StartingPoint::OwnToken => {
                let line = "token create --no-input --yes --login-user root@pam --user svc@pve --token-name tt";
                let outcome = stage.glassdome(line).expect(0);
                assert!(outcome.stderr.contains("svc@pve!tt"));
                let before = relay.sandbox().edit(|cluster| State::of(cluster));
                let is_of_token =
                    |key: &&String| key.starts_with("acl/token:svc@pve!tt/") || **key == token("svc@pve!tt");
                before.things.keys().filter(is_of_token).cloned().collect()
            }
            StartingPoint::LeftBehind => {
                let before = Before::First(|request| request.path.ends_with("/status/start"));
                relay.plan(Some(Plan { before, action: None, ending: Ending::KillBefore }));
                let killed = finish(relay, stage, "test-vm");
                assert!(killed.code < 0, "{killed:?}");
                relay.sandbox().edit(Cluster::fast_forward);
                of_100(relay)
            }
            StartingPoint::Kept => {
                stage.glassdome("test-vm --keep --no-start").expect(0);
                of_100(relay)
            }
            StartingPoint::Settings | StartingPoint::Protected | StartingPoint::Bare | StartingPoint::NoTemplate => {
                Vec::new()
            }
        }
    }

    /// Tells whether this command may take a thing away, or replace it, that was there before it.
    pub(crate) fn may_change(&self, scene: &Scene, key: &str) -> bool {
        scene.ours.iter().any(|it| it == key)
    }

    /// Writes out a line of this scenario.
    pub(crate) fn line(&self, line: &str, setting: &PreparedScenario) -> String {
        line.replace("{host}", &setting.relay.address.to_string()).replace("{sum}", SUM) + " --no-input"
    }
}

/// Lists what belongs to VM 100, a test VM.
fn of_100(relay: &Relay) -> Vec<String> {
    let now = relay.sandbox().edit(|cluster| State::of(cluster));
    let is_of_100 = |key: &&String| {
        **key == vm(100) || (key.starts_with("volume/") && key.contains("vm-100-") && !key.contains("disk-7"))
    };
    now.things.keys().filter(is_of_100).cloned().collect()
}

/// An `ssh` that does on the sandbox what `pveum` does on a node, as root.
fn add_ssh(stage: &mut TestEnv, relay: &Relay) {
    let folder = stage.path("bin");
    std::fs::create_dir(&folder).expect("a folder");
    let script = format!(
        "#!/bin/sh\nexec python3 '{}/tests/beside/ssh.py' {} \"$@\"\n",
        env!("CARGO_MANIFEST_DIR"),
        relay.address
    );
    let path = folder.join("ssh");
    std::fs::write(&path, script).expect("a file");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its mode");
    let rest = std::env::var("PATH").unwrap_or_default();
    stage.set("PATH", &format!("{}:{rest}", folder.display()));
}
