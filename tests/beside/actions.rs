//! What an administrator does on a server while a run of ours is under way.

use glassdome::sandbox::auth::{Entry, Group, Pool, Role, Subject, Token, User};
use glassdome::sandbox::cluster::{Cluster, Vm, Volume};

use crate::relay::Request;
use crate::state::{self, State};

/// What an administrator has to know to get in the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scene {
    /// What there was before the run.
    pub(crate) start: State,
    /// What of that an earlier run had made for this one to work on.
    pub(crate) ours: Vec<String>,
    /// The user whose token is made or used.
    pub(crate) user: &'static str,
    /// The token that is made or used.
    pub(crate) token: &'static str,
    /// Who does it: the subject whose privileges can be taken away.
    pub(crate) actor: &'static str,
    /// The role that is made for the token.
    pub(crate) role: &'static str,
    /// The pool that a token is confined to, or that a VM goes into.
    pub(crate) pool: Option<&'static str>,
    /// The VMID that was asked for.
    pub(crate) vmid: Option<u32>,
    /// A name of an image that can be told beforehand.
    pub(crate) image: Option<&'static str>,
}

/// One thing that an administrator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Makes a VM with the VMID that is used next.
    TakeVmid,
    /// Makes a VM with the name and the marker of ours.
    CopyMarker,
    /// Gives our VM another name.
    RenameVm,
    /// Gives our VM another description.
    DescribeVm,
    /// Puts a disk of his own into our VM.
    AddDisk,
    /// Puts an image under the name of ours, or under the one that it is about to get.
    SameImage,
    /// Puts an image under a name that can be told beforehand.
    LikelyImage,
    /// Makes the user that we are about to make.
    MakeUser,
    /// Changes the comment of the user that we made.
    ChangeUser,
    /// Puts the user that we made into a group that may do everything.
    GroupUser,
    /// Makes another token for our user, and the user if there is none.
    AddToken,
    /// Makes the token that we are about to make.
    MakeToken,
    /// Makes the role that we are about to make, with fewer privileges.
    MakeRole,
    /// Changes the role that we made.
    ChangeRole,
    /// Gives the role that we made to another user.
    UseRole,
    /// Gives our user a role on a single VM.
    GrantUser,
    /// Gives our token a role on a single VM.
    GrantToken,
    /// Makes our user Administrator of everything.
    PromoteUser,
    /// Makes the pool that we are about to make, with a VM in it.
    MakePool,
    /// Puts a VM into our pool.
    FillPool,
    /// Gives another user a role on our pool.
    GrantPool,
    /// Removes the token that is used or was made.
    RevokeToken,
    /// Presents a certificate of another authority.
    ChangeCertificate,
    /// Destroys the template.
    DestroyTemplate,
    /// Takes the privileges away with which all is done.
    TakePrivileges,
}

impl Action {
    pub(crate) const ALL: [Self; 25] = [
        Self::TakeVmid,
        Self::CopyMarker,
        Self::RenameVm,
        Self::DescribeVm,
        Self::AddDisk,
        Self::SameImage,
        Self::LikelyImage,
        Self::MakeUser,
        Self::ChangeUser,
        Self::GroupUser,
        Self::AddToken,
        Self::MakeToken,
        Self::MakeRole,
        Self::ChangeRole,
        Self::UseRole,
        Self::GrantUser,
        Self::GrantToken,
        Self::PromoteUser,
        Self::MakePool,
        Self::FillPool,
        Self::GrantPool,
        Self::RevokeToken,
        Self::ChangeCertificate,
        Self::DestroyTemplate,
        Self::TakePrivileges,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TakeVmid => "take-vmid",
            Self::CopyMarker => "copy-marker",
            Self::RenameVm => "rename-vm",
            Self::DescribeVm => "describe-vm",
            Self::AddDisk => "add-disk",
            Self::SameImage => "same-image",
            Self::LikelyImage => "likely-image",
            Self::MakeUser => "make-user",
            Self::ChangeUser => "change-user",
            Self::GroupUser => "group-user",
            Self::AddToken => "add-token",
            Self::MakeToken => "make-token",
            Self::MakeRole => "make-role",
            Self::ChangeRole => "change-role",
            Self::UseRole => "use-role",
            Self::GrantUser => "grant-user",
            Self::GrantToken => "grant-token",
            Self::PromoteUser => "promote-user",
            Self::MakePool => "make-pool",
            Self::FillPool => "fill-pool",
            Self::GrantPool => "grant-pool",
            Self::RevokeToken => "revoke-token",
            Self::ChangeCertificate => "change-certificate",
            Self::DestroyTemplate => "destroy-template",
            Self::TakePrivileges => "take-privileges",
        }
    }

    /// Tells whether there is anything to do in this state, before this request.
    pub(crate) fn applies(self, scene: &Scene, state: &State, request: &Request) -> bool {
        let has = |key: &str| state.things.contains_key(key);
        let is_ours =
            |key: &str| has(key) && (!scene.start.things.contains_key(key) || scene.ours.iter().any(|it| it == key));
        let our_vm = || ours(scene, state, "vm/").any(|key| !state.things[key].contains("lock="));
        match self {
            Self::TakeVmid | Self::CopyMarker | Self::ChangeCertificate | Self::TakePrivileges => true,
            Self::RenameVm | Self::DescribeVm | Self::AddDisk => our_vm(),
            Self::SameImage => {
                image_of(request).is_some() || ours(scene, state, "volume/").any(|key| key.contains(":import/"))
            }
            Self::LikelyImage => scene.image.is_some_and(|name| !has(&format!("volume/local:import/{name} on pve"))),
            Self::MakeUser => !has(&state::user(scene.user)),
            Self::ChangeUser | Self::GroupUser => is_ours(&state::user(scene.user)),
            Self::AddToken | Self::PromoteUser => true,
            Self::GrantUser => has(&state::user(scene.user)),
            Self::MakeToken => {
                !scene.start.things.contains_key(&state::token(scene.token)) && !has(&state::token(scene.token))
            }
            Self::MakeRole => !has(&format!("role/{}", scene.role)),
            Self::ChangeRole | Self::UseRole => has(&format!("role/{}", scene.role)),
            Self::GrantToken | Self::RevokeToken => has(&state::token(scene.token)),
            Self::MakePool => scene.pool.is_some_and(|pool| !has(&format!("pool/{pool}"))),
            Self::FillPool | Self::GrantPool => scene.pool.is_some_and(|pool| has(&format!("pool/{pool}"))),
            Self::DestroyTemplate => has("vm/9000") && !state.things.keys().any(|key| is_linked(scene, key)),
        }
    }

    /// Does it; tells whether there was anything to do.
    pub(crate) fn apply(self, cluster: &mut Cluster, scene: &Scene, request: &Request) -> bool {
        let state = State::of(cluster);
        if !self.applies(scene, &state, request) {
            return false;
        }
        match self {
            Self::TakeVmid => take_vmid(cluster, scene),
            Self::CopyMarker => copy_marker(cluster, scene, &state),
            Self::RenameVm => return set_on_ours(cluster, scene, &state, "name", "adopted"),
            Self::DescribeVm => return set_on_ours(cluster, scene, &state, "description", "mine from now on"),
            Self::AddDisk => {
                let disk = cluster.add_disk(555, "pve", "local-lvm", "vm-555-disk-9", 1 << 30);
                return set_on_ours(cluster, scene, &state, "scsi7", &format!("{disk},size=1G"));
            }
            Self::SameImage => same_image(cluster, scene, &state, request),
            Self::LikelyImage => put_image(cluster, scene.image.unwrap_or_default()),
            Self::ChangeCertificate => {}
            Self::DestroyTemplate => destroy_template(cluster),
            _ => self.apply_to_identities(cluster, scene),
        }
        true
    }

    fn apply_to_identities(self, cluster: &mut Cluster, scene: &Scene) {
        let access = &mut cluster.access;
        let mut grant = |path: &str, holder: Subject, role: &str| {
            access.acl.set(Entry { path: path.to_owned(), holder, role: role.to_owned(), propagate: true });
        };
        let our_user = || Subject::User(scene.user.to_owned());
        let bob = || Subject::User("bob@pve".to_owned());
        let pool = scene.pool.unwrap_or_default();
        match self {
            Self::UseRole => grant("/vms/101", bob(), scene.role),
            Self::GrantUser => grant("/vms/101", our_user(), "PVEAuditor"),
            Self::GrantToken => grant("/vms/101", Subject::Token(scene.token.to_owned()), "PVEAuditor"),
            Self::GrantPool => grant(&format!("/pool/{pool}"), bob(), "PVEVMUser"),
            Self::PromoteUser => {
                grant("/", our_user(), "Administrator");
                access.users.entry(scene.user.to_owned()).or_default();
            }
            Self::MakeUser => drop(access.users.insert(scene.user.to_owned(), User::with_password("hers"))),
            Self::ChangeUser => {
                if let Some(user) = access.users.get_mut(scene.user) {
                    user.details.insert("comment".to_owned(), "hers from now on".to_owned());
                }
            }
            Self::GroupUser => {
                grant("/", Subject::Group("admins".to_owned()), "Administrator");
                let group: &mut Group = access.groups.entry("admins".to_owned()).or_default();
                group.members.insert(scene.user.to_owned());
            }
            Self::AddToken => add_token(access.users.entry(scene.user.to_owned()).or_default(), "another"),
            Self::MakeToken => {
                let name = scene.token.split('!').nth(1).unwrap_or_default();
                add_token(access.users.entry(scene.user.to_owned()).or_default(), name);
            }
            Self::MakeRole => {
                let privileges = ["VM.Audit".to_owned()].into();
                access.roles.insert(scene.role.to_owned(), Role { privileges, special: false });
            }
            Self::ChangeRole => {
                if let Some(role) = access.roles.get_mut(scene.role) {
                    role.privileges.insert("VM.Backup".to_owned());
                }
            }
            Self::MakePool => {
                let members = Pool { vms: [101].into(), ..Pool::default() };
                access.pools.insert(pool.to_owned(), members);
            }
            Self::FillPool => access.add_vm_to_pool(pool, 101),
            Self::RevokeToken => {
                if let Some((user, name)) = scene.token.split_once('!') {
                    access.remove_token(user, name);
                }
            }
            Self::TakePrivileges => access.acl.forget_holders(|holder| match holder {
                Subject::User(id) | Subject::Token(id) | Subject::Group(id) => id == scene.actor,
            }),
            _ => unreachable!("{self:?} is about machines"),
        }
    }
}

/// Lists what the run made, or an earlier one for it.
fn ours<'a>(scene: &'a Scene, state: &'a State, kind: &'a str) -> impl Iterator<Item = &'a String> {
    let is_ours = |key: &&String| !scene.start.things.contains_key(*key) || scene.ours.contains(key);
    state.things.keys().filter(move |key| key.starts_with(kind)).filter(is_ours)
}

/// Tells whether a thing is a disk that may share the one of the template.
fn is_linked(scene: &Scene, key: &str) -> bool {
    key.starts_with("volume/local-lvm:") && !scene.start.things.contains_key(key)
}

/// Gives the name of the image that a request puts on a storage.
fn image_of(request: &Request) -> Option<String> {
    let makes = request.path.ends_with("/download-url");
    if makes { request.parameter("filename") } else { None }
}

fn take_vmid(cluster: &mut Cluster, scene: &Scene) {
    let is_free = |vmid: &u32| !cluster.vms.contains_key(vmid);
    let vmid = scene.vmid.filter(is_free).or_else(|| (100..).find(is_free)).unwrap_or_default();
    cluster.add_vm(vmid, "of-a-colleague", "pve", "local-lvm");
}

fn our_vmids(scene: &Scene, state: &State) -> Vec<u32> {
    ours(scene, state, "vm/").filter_map(|key| key.strip_prefix("vm/")?.parse().ok()).collect()
}

fn copy_marker(cluster: &mut Cluster, scene: &Scene, state: &State) {
    let model: Option<Vm> = our_vmids(scene, state).first().and_then(|vmid| cluster.vms.get(vmid)).cloned();
    cluster.add_vm(700, "glassdome-test-copied", "pve", "local-lvm");
    let invented = "Test VM of glassdome\nglassdome-nonce: 0123456789abcdef0123456789abcdef\n";
    cluster.set_option(700, "description", invented);
    for option in ["name", "description"] {
        if let Some(value) = model.as_ref().and_then(|model| model.config.get(option)) {
            cluster.set_option(700, option, value);
        }
    }
}

/// Sets an option of a VM of ours on which nothing is at work; tells whether there is one.
fn set_on_ours(cluster: &mut Cluster, scene: &Scene, state: &State, option: &str, value: &str) -> bool {
    let is_going = |vmid: &u32| {
        let of_it = format!(":qmdestroy:{vmid}:");
        cluster.tasks.iter().any(|task| task.ended().is_none() && task.upid.contains(&of_it))
    };
    let is_whole = |vmid: &u32| cluster.vms.get(vmid).is_some_and(|vm| vm.lock().is_none()) && !is_going(vmid);
    let found = our_vmids(scene, state).into_iter().find(is_whole);
    if let Some(vmid) = found {
        cluster.set_option(vmid, option, value);
    }
    found.is_some()
}

fn same_image(cluster: &mut Cluster, scene: &Scene, state: &State, request: &Request) {
    let name = image_of(request).or_else(|| {
        let key = ours(scene, state, "volume/").find(|key| key.contains(":import/"))?;
        Some(key.split_once(":import/")?.1.split(" on ").next()?.to_owned())
    });
    put_image(cluster, &name.unwrap_or_default());
}

/// Puts an image on the storage, in place of one that is there.
fn put_image(cluster: &mut Cluster, name: &str) {
    let volume = Volume {
        vmid: None,
        content: "import".to_owned(),
        format: "qcow2".to_owned(),
        size: 777,
        used: 777,
        created: 1_234_567_890,
        base: None,
    };
    if let Some(place) = cluster.storages.get_mut("local") {
        place.volumes.insert(("pve".to_owned(), format!("import/{name}")), volume);
    }
}

fn destroy_template(cluster: &mut Cluster) {
    cluster.vms.remove(&9000);
    cluster.access.forget_vm(9000);
    if let Some(place) = cluster.storages.get_mut("local-lvm") {
        place.volumes.retain(|_, volume| volume.vmid != Some(9000));
    }
}

fn add_token(user: &mut User, name: &str) {
    let secret = "99999999-8888-7777-6666-555555555555".to_owned();
    let token = Token { secret, privsep: false, expire: 0, comment: Some("of a colleague".to_owned()) };
    user.tokens.insert(name.to_owned(), token);
}
