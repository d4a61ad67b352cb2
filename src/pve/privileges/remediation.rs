//! The ways to close the gaps, as blocks of lines for root on a node.

use std::collections::BTreeSet;

use crate::model::{TokenId, UserId};
use crate::pve::privileges::plan::{Propagation, Visibility, plan};
use crate::pve::privileges::pveum_lines::{Grantee, grant, grant_unseen, unseparate};
use crate::pve::privileges::{AclPath, MissingPrivileges, Permissions, Privileges, RequirementPath};

/// Whether a token has rights of its own, cut down to those of its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separation {
    /// Privilege separation is on.
    On,
    /// The token has the rights of its user.
    Off,
}

/// What a log-in or Sys.Audit lets us see of a token's user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSeen {
    /// What the user holds itself.
    pub holds: Permissions,
    /// Whether the token has privilege separation.
    pub separation: Separation,
}

/// Who lacks something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A user that logged in.
    User(UserId),
    /// A token, and its user where that can be seen; usually it cannot.
    Token(TokenId, Option<UserSeen>),
}

/// What a block of lines does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FixKind {
    /// Switches privilege separation off, in place of granting the token.
    Unseparate,
    /// Grants the token.
    GrantToken,
    /// Grants the user, needed as well where the user lacks something itself.
    GrantUser,
    /// Has no lines: says why there can be none.
    ByHand,
}

/// Lines for the shell of root on a node, and what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixScript {
    /// What the lines do.
    pub remedy: FixKind,
    /// The sentence above them.
    pub heading: String,
    /// The lines, to be run in this order.
    pub lines: Vec<String>,
}

/// A path whose answer is needed before a line may be written: a role that does not repeat what is held there would
/// take it away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("what is held on {0} was not asked")]
pub struct MissingPath(pub String);

/// Lists the paths that must be asked for before the gaps can be mended, after the answer without a path was taken in.
/// The same ones are asked for the user where it can be seen.
#[must_use]
pub fn questions(gaps: &[MissingPrivileges], held: &Permissions) -> BTreeSet<AclPath> {
    let mut paths = BTreeSet::new();
    for gap in gaps {
        paths.insert(gap.place.path());
        let parent = match &gap.place {
            RequirementPath::At(_) => continue,
            RequirementPath::NewVm(_) => AclPath::vms(),
            RequirementPath::Below(parent) => parent.clone(),
        };
        let bridges = held.by_path.keys().filter(|path| path.is_below(&parent) && path.is_bridge());
        paths.extend(bridges.map(AclPath::fresh_child));
        paths.insert(parent.fresh_child());
        paths.insert(parent);
    }
    paths
}

/// Writes the lines that close the gaps of a caller that holds `held`, without taking a right from anybody. An entry
/// NoAccess on the same path still beats them; it cannot be seen from here.
///
/// # Errors
/// Where an answer is missing that `questions` names.
pub fn fix_scripts(
    caller: &Caller,
    gaps: &[MissingPrivileges],
    held: &Permissions,
) -> Result<Vec<FixScript>, MissingPath> {
    if gaps.is_empty() {
        return Ok(Vec::new());
    }
    let user = match caller {
        Caller::User(user) => user,
        Caller::Token(token, _) => &token.user,
    };
    if let Some(block) = by_hand(user) {
        return Ok(vec![block]);
    }
    all_asked(gaps, held)?;
    match caller {
        Caller::User(user) => Ok(vec![grant_user(user, gaps, held)]),
        Caller::Token(token, None) => {
            must_be_everywhere(held)?;
            Ok(mend_unseen(token, gaps, held))
        }
        Caller::Token(token, Some(seen)) => {
            all_asked(gaps, &seen.holds)?;
            if seen.separation == Separation::On {
                must_be_everywhere(held)?;
            }
            Ok(mend_seen(token, seen, gaps, held))
        }
    }
}

fn all_asked(gaps: &[MissingPrivileges], held: &Permissions) -> Result<(), MissingPath> {
    let unasked = questions(gaps, held).into_iter().find(|path| !held.by_path.contains_key(path));
    unasked.map_or(Ok(()), |path| Err(MissingPath(path.to_string())))
}

fn must_be_everywhere(held: &Permissions) -> Result<(), MissingPath> {
    if held.everywhere { Ok(()) } else { Err(MissingPath("all paths together".to_owned())) }
}

/// The command line takes a list of users, parted by commas or semicolons, where such a name would be two users.
fn by_hand(user: &UserId) -> Option<FixScript> {
    let name = user.to_string();
    name.contains([',', ';', '\0']).then(|| FixScript {
        remedy: FixKind::ByHand,
        heading: format!(
            "pveum cannot name {name}: grant what is missing in the web interface (Datacenter > Permissions)"
        ),
        lines: Vec::new(),
    })
}

fn mend_unseen(token: &TokenId, gaps: &[MissingPrivileges], held: &Permissions) -> Vec<FixScript> {
    let unseparated = if held.is_empty() {
        format!(
            "the usual cause of no right at all is privilege separation: without it {token} has all that {} has",
            token.user
        )
    } else {
        format!("the usual cause is privilege separation: without it {token} has all that {} has", token.user)
    };
    let mut blocks = vec![switch_off(token, unseparated), grant_token(token, gaps, held)];
    // root@pam may do everything and takes no entries.
    if !is_root(&token.user) {
        let user = &token.user;
        let later = if gaps.iter().any(|gap| is_open(&gap.place)) {
            "; for storage and bridge run this again once the template can be read"
        } else {
            ""
        };
        blocks.push(FixScript {
            remedy: FixKind::GrantUser,
            heading: format!(
                "and its user {user}, unless it has the same; what it holds is kept (VM 999999999 stands for any new one){later}"
            ),
            lines: lines_unseen(user, gaps),
        });
    }
    blocks
}

fn mend_seen(token: &TokenId, seen: &UserSeen, gaps: &[MissingPrivileges], held: &Permissions) -> Vec<FixScript> {
    let mut blocks = Vec::new();
    if seen.separation == Separation::On {
        let why = format!("{token} has privilege separation: without it, it has all that {} has", token.user);
        blocks.push(switch_off(token, why));
        blocks.push(grant_token(token, gaps, held));
    }
    let of_user: Vec<MissingPrivileges> = gaps.iter().filter_map(|gap| still_missing(gap, &seen.holds)).collect();
    if !of_user.is_empty() && !is_root(&token.user) {
        blocks.push(grant_user(&token.user, &of_user, &seen.holds));
    }
    blocks
}

fn still_missing(gap: &MissingPrivileges, held: &Permissions) -> Option<MissingPrivileges> {
    let missing: Privileges = &gap.missing - &held.on(&gap.place.path());
    (!missing.is_empty()).then(|| MissingPrivileges { missing, ..gap.clone() })
}

pub(super) fn is_root(user: &UserId) -> bool {
    user.name() == "root" && user.realm() == "pam"
}

fn switch_off(token: &TokenId, heading: String) -> FixScript {
    FixScript { remedy: FixKind::Unseparate, heading, lines: vec![unseparate(token)] }
}

fn grant_token(token: &TokenId, gaps: &[MissingPrivileges], held: &Permissions) -> FixScript {
    FixScript {
        remedy: FixKind::GrantToken,
        heading: format!("grant {token} what it lacks"),
        lines: grant(Grantee::Token(token), &plan(gaps, held, Visibility::Cut)),
    }
}

fn grant_user(user: &UserId, gaps: &[MissingPrivileges], held: &Permissions) -> FixScript {
    FixScript {
        remedy: FixKind::GrantUser,
        heading: format!("grant {user} what it lacks"),
        lines: grant(Grantee::User(user), &plan(gaps, held, Visibility::Whole)),
    }
}

/// Says whether a place comes to light only when the template can be read: what its user lacks is told then.
fn is_open(place: &RequirementPath) -> bool {
    matches!(place, RequirementPath::Below(parent) if !parent.is_bridge())
}

/// In the order of the plan: exact paths first, so that a propagating entry never hides what was held on its own path.
fn lines_unseen(user: &UserId, gaps: &[MissingPrivileges]) -> Vec<String> {
    let mut here: Vec<(AclPath, &Privileges)> = Vec::new();
    let mut below: Vec<(AclPath, &Privileges)> = Vec::new();
    for gap in gaps {
        match &gap.place {
            RequirementPath::At(path) => here.push((path.clone(), &gap.missing)),
            RequirementPath::NewVm(_) => below.push((AclPath::vms(), &gap.missing)),
            place if is_open(place) => {}
            RequirementPath::Below(parent) => below.push((parent.clone(), &gap.missing)),
        }
    }
    here.extend(below.iter().cloned());
    let here = here.into_iter().map(|(path, missing)| (path, missing, Propagation::Here));
    let below = below.into_iter().map(|(path, missing)| (path, missing, Propagation::Below));
    here.chain(below).flat_map(|(path, missing, reach)| grant_unseen(user, &path, missing, reach)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Caller, FixKind, FixScript, MissingPath, Separation, UserSeen, fix_scripts, questions};
    use crate::pve::privileges::{MissingPrivileges, Permissions, PermissionsAt, Privileges, RequirementPath};

    fn gap(place: RequirementPath, missing: &[&str]) -> MissingPrivileges {
        MissingPrivileges { place, missing: privileges(missing), purposes: std::collections::BTreeSet::new() }
    }

    fn privileges(names: &[&str]) -> Privileges {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn at(path: &str) -> RequirementPath {
        RequirementPath::At(path.parse().unwrap())
    }

    fn holdings(gaps: &[MissingPrivileges], everywhere: &[(&str, &str)]) -> Permissions {
        let held = |text: &str| text.split_whitespace().map(|name| (name.parse().unwrap(), true)).collect();
        let answer: PermissionsAt =
            everywhere.iter().map(|(path, names)| (path.parse().unwrap(), held(names))).collect();
        let mut holdings = Permissions::default();
        holdings.answer_everywhere(&answer);
        for path in questions(gaps, &holdings) {
            holdings.answer(&path, &answer);
        }
        holdings
    }

    fn token() -> Caller {
        Caller::Token("apex@pve!tok".parse().unwrap(), None)
    }

    fn shown(blocks: &[FixScript]) -> String {
        blocks.iter().map(|block| format!("# {}\n{}\n", block.heading, block.lines.join("\n"))).collect()
    }

    #[test]
    fn a_token_without_any_right_gets_both_ways_out() {
        let gaps = [
            gap(at("/vms/9000"), &["VM.Clone", "VM.Audit"]),
            gap(RequirementPath::NewVm("105".parse().unwrap()), &["VM.Allocate"]),
        ];
        let blocks = fix_scripts(&token(), &gaps, &holdings(&gaps, &[])).unwrap();
        insta::assert_snapshot!(shown(&blocks), @r##"
        # the usual cause of no right at all is privilege separation: without it apex@pve!tok has all that apex@pve has
        pveum user token modify 'apex@pve' tok --privsep 0
        # grant apex@pve!tok what it lacks
        pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles PVETemplateUser --propagate 0
        pveum role add Glassdome-92a6661f --privs 'VM.Allocate' || pveum role modify Glassdome-92a6661f --append 1 --privs 'VM.Allocate'
        pveum acl modify /vms --tokens 'apex@pve!tok' --roles Glassdome-92a6661f --propagate 1
        # and its user apex@pve, unless it has the same; what it holds is kept (VM 999999999 stands for any new one)
        pveum role add Glassdome-5ad019c8 --privs 'VM.Audit,VM.Clone' || pveum role modify Glassdome-5ad019c8 --append 1 --privs 'VM.Audit,VM.Clone'
        held=$(pveum user permissions 'apex@pve' --path /vms/9000 --output-format json) && pveum role modify Glassdome-5ad019c8 --append 1 --privs "VM.Audit VM.Clone $(echo "$held" | grep -oE '"[A-Z][A-Za-z.]+"' | tr -d '"')" && pveum acl modify /vms/9000 --users 'apex@pve' --roles Glassdome-5ad019c8 --propagate 0
        pveum role add Glassdome-4c82187f --privs 'VM.Allocate' || pveum role modify Glassdome-4c82187f --append 1 --privs 'VM.Allocate'
        held=$(pveum user permissions 'apex@pve' --path /vms --output-format json) && pveum role modify Glassdome-4c82187f --append 1 --privs "VM.Allocate $(echo "$held" | grep -oE '"[A-Z][A-Za-z.]+"' | tr -d '"')" && pveum acl modify /vms --users 'apex@pve' --roles Glassdome-4c82187f --propagate 0
        pveum role add Glassdome-a0c6d9a5 --privs 'VM.Allocate' || pveum role modify Glassdome-a0c6d9a5 --append 1 --privs 'VM.Allocate'
        held=$(pveum user permissions 'apex@pve' --path /vms/999999999 --output-format json) && pveum role modify Glassdome-a0c6d9a5 --append 1 --privs "VM.Allocate $(echo "$held" | grep -oE '"[A-Z][A-Za-z.]+"' | tr -d '"')" && pveum acl modify /vms --users 'apex@pve' --roles Glassdome-a0c6d9a5 --propagate 1
        "##);
    }

    #[test]
    fn what_the_token_holds_is_repeated_in_its_role() {
        let gaps = [
            gap(at("/vms/9000"), &["VM.Clone"]),
            gap(at("/storage/local"), &["Datastore.AllocateSpace"]),
            gap(RequirementPath::NewVm("105".parse().unwrap()), &["VM.Allocate"]),
        ];
        let held = [
            ("/vms/9000", "VM.Audit VM.Backup"),
            ("/vms", "VM.Audit"),
            ("/vms/999999999", "VM.Audit"),
            ("/vms/105", "VM.Audit"),
            ("/vms/101", "VM.Console"),
        ];
        let blocks = fix_scripts(&token(), &gaps, &holdings(&gaps, &held)).unwrap();
        let of_token: Vec<FixScript> = blocks.into_iter().filter(|block| block.remedy == FixKind::GrantToken).collect();
        insta::assert_snapshot!(shown(&of_token), @r##"
        # grant apex@pve!tok what it lacks
        pveum acl modify /storage/local --tokens 'apex@pve!tok' --roles PVEDatastoreUser --propagate 0
        pveum role add Glassdome-a5564df6 --privs 'VM.Console' || pveum role modify Glassdome-a5564df6 --append 1 --privs 'VM.Console'
        pveum acl modify /vms/101 --tokens 'apex@pve!tok' --roles Glassdome-a5564df6 --propagate 0
        pveum role add Glassdome-d6402f04 --privs 'VM.Audit,VM.Backup,VM.Clone' || pveum role modify Glassdome-d6402f04 --append 1 --privs 'VM.Audit,VM.Backup,VM.Clone'
        pveum acl modify /vms/9000 --tokens 'apex@pve!tok' --roles Glassdome-d6402f04 --propagate 0
        pveum role add Glassdome-64dac2c1 --privs 'VM.Allocate,VM.Audit' || pveum role modify Glassdome-64dac2c1 --append 1 --privs 'VM.Allocate,VM.Audit'
        pveum acl modify /vms --tokens 'apex@pve!tok' --roles Glassdome-64dac2c1 --propagate 1
        "##);
    }

    #[test]
    fn a_user_that_can_be_seen_is_granted_only_what_it_lacks() {
        let gaps = [gap(at("/vms/9000"), &["VM.Clone"]), gap(at("/storage/local"), &["Datastore.AllocateSpace"])];
        let held = holdings(&gaps, &[]);
        let of_user = [("/vms/9000", "VM.Clone VM.Audit")];
        for (separation, expected) in [
            (Separation::On, &[FixKind::Unseparate, FixKind::GrantToken, FixKind::GrantUser][..]),
            (Separation::Off, &[FixKind::GrantUser]),
        ] {
            let seen = UserSeen { holds: holdings(&gaps, &of_user), separation };
            let caller = Caller::Token("apex@pve!tok".parse().unwrap(), Some(seen));
            let blocks = fix_scripts(&caller, &gaps, &held).unwrap();
            assert_eq!(blocks.iter().map(|block| block.remedy).collect::<Vec<_>>(), expected);
            let of_user = blocks.last().map(|block| block.lines.clone()).unwrap_or_default();
            let line = "pveum acl modify /storage/local --users 'apex@pve' --roles PVEDatastoreUser --propagate 0";
            assert_eq!(of_user, [line]);
        }
    }

    #[test]
    fn no_line_is_written_before_everything_was_asked() {
        let gaps = [gap(RequirementPath::NewVm("105".parse().unwrap()), &["VM.Allocate"])];
        let mut held = Permissions::default();
        assert_eq!(fix_scripts(&token(), &gaps, &held), Err(MissingPath("/vms".to_owned())));
        for path in questions(&gaps, &held) {
            held.answer(&path, &PermissionsAt::new());
        }
        assert_eq!(fix_scripts(&token(), &gaps, &held), Err(MissingPath("all paths together".to_owned())));
        held.answer_everywhere(&PermissionsAt::new());
        assert!(fix_scripts(&token(), &gaps, &held).is_ok());
        assert_eq!(fix_scripts(&token(), &[], &Permissions::default()), Ok(Vec::new()));
    }

    #[test]
    fn a_name_that_would_be_two_users_is_left_to_the_web_interface() {
        let gaps = [gap(at("/vms/9000"), &["VM.Clone"])];
        for user in ["x@pve,root@pam", "x@pve;root@pam"] {
            let caller = Caller::User(user.parse().unwrap());
            let blocks = fix_scripts(&caller, &gaps, &holdings(&gaps, &[])).unwrap();
            assert!(matches!(&blocks[..], [FixScript { remedy: FixKind::ByHand, lines, .. }] if lines.is_empty()));
        }
    }

    #[test]
    fn root_is_never_granted_anything_but_its_tokens_are() {
        let gaps = [gap(at("/vms/9000"), &["VM.Clone"])];
        let caller = Caller::Token("root@pam!tok".parse().unwrap(), None);
        let blocks = fix_scripts(&caller, &gaps, &holdings(&gaps, &[])).unwrap();
        let remedies: Vec<FixKind> = blocks.iter().map(|block| block.remedy).collect();
        assert_eq!(remedies, [FixKind::Unseparate, FixKind::GrantToken]);
    }
}
