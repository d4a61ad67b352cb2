//! Which privileges of a test VM are missing, and why.

use crate::error::{Doing, Error, Operation, PermissionError};
use crate::model::Foreign;
use crate::ops::concurrently;
use crate::pve::privileges::{
    AclPath, Caller, GrantScript, LikelyCause, MissingPrivileges, Permissions, PermissionsAt, PlannedClone, Privilege,
    Separation, UserSeen, Zones, missing_privileges, needs, paths, paths_of_script,
};
use crate::pve::{Pve, VmConfig};

/// The zone of the bridges that are no vnets.
const LOCAL_ZONE: &str = "localnetwork";

/// Who asks for privileges, and where.
pub(crate) struct PermissionCheck<'a> {
    /// The server.
    pub(crate) pve: &'a Pve,
    /// Whose they are.
    pub(crate) caller: &'a Caller,
}

/// What the caller lacks.
pub(crate) struct MissingPermissions {
    /// What is missing, path by path.
    pub(crate) missing: Vec<MissingPrivileges>,
    /// What is held, where it was asked.
    pub(crate) held: Permissions,
    /// The server's own words, where it refused.
    pub(crate) said: Option<Foreign>,
}

impl PermissionCheck<'_> {
    /// Says what is missing, and why; `None` if nothing is. Adds the zones of the template's
    /// networks where that matters.
    pub(crate) async fn find_missing(
        &self,
        options: &mut PlannedClone,
        template: Option<&VmConfig>,
    ) -> Result<Option<Error>, Error> {
        let (missing, held) = self.find_missing_privileges(options, template).await?;
        if missing.is_empty() {
            return Ok(None);
        }
        self.explain(options, MissingPermissions { missing, held, said: None }).await.map(Some)
    }

    /// Writes the script that grants what is missing.
    pub(crate) async fn script(
        &self,
        options: &mut PlannedClone,
        template: Option<&VmConfig>,
    ) -> Result<GrantScript, Error> {
        let (missing, mut held) = self.find_missing_privileges(options, template).await?;
        self.ask(paths_of_script(&missing), &mut held, None).await?;
        Ok(GrantScript::new(self.caller, options.template, &missing, &held))
    }

    /// Finds the missing privileges, and those held on the paths asked.
    async fn find_missing_privileges(
        &self,
        options: &mut PlannedClone,
        template: Option<&VmConfig>,
    ) -> Result<(Vec<MissingPrivileges>, Permissions), Error> {
        let mut held = Permissions::default();
        let mut missing = self.missing(options, &mut held).await?;
        let is_network = |entry: &MissingPrivileges| entry.missing.contains(&Privilege::SDN_USE);
        if let (true, Some(config)) = (missing.iter().any(is_network), template) {
            // A bridge may be a vnet, whose ACL path is in its own zone. That matters only if the privilege on the
            // bridge is missing.
            let zones = self.zones(&missing, &mut held).await?;
            if !zones.is_empty() {
                options.hardware = config.hardware(&zones).ok();
                missing = self.missing(options, &mut held).await?;
            }
        }
        Ok((missing, held))
    }

    async fn missing(&self, options: &PlannedClone, held: &mut Permissions) -> Result<Vec<MissingPrivileges>, Error> {
        let needs = needs(options);
        self.ask(paths(&needs), held, None).await?;
        Ok(missing_privileges(&needs, held))
    }

    /// Finds the zones of the vnets: from the list of visible ones, else from the paths on which the caller has
    /// privileges.
    async fn zones(&self, missing: &[MissingPrivileges], held: &mut Permissions) -> Result<Zones, Error> {
        let (listed, everywhere) = tokio::join!(self.pve.vnets(), self.pve.permissions(None, None));
        let everywhere = everywhere.doing(Operation::ReadPrivileges)?;
        held.answer_everywhere(&everywhere);
        let mut zones = Zones::new();
        for entry in missing {
            let path = entry.path.acl_path();
            if let Some((_, bridge)) = zone_and_bridge(path.as_str()) {
                let zone = zone_by_rights(bridge, &everywhere).and_then(|zone| zone.parse().ok());
                zones.extend(bridge.parse().ok().zip(zone));
            }
        }
        // Without SDN, before it, or without a right to look at it there is no list.
        zones.extend(listed.unwrap_or_default());
        Ok(zones)
    }

    /// Makes the error for missing privileges, with the most likely cause.
    pub(crate) async fn explain(&self, options: &PlannedClone, found: MissingPermissions) -> Result<Error, Error> {
        let MissingPermissions { missing, mut held, said } = found;
        let everywhere = self.pve.permissions(None, None).await.doing(Operation::ReadPrivileges)?;
        held.answer_everywhere(&everywhere);
        let caller = self.seen(&missing).await;
        let cause = LikelyCause::of(&caller, &missing, &held);
        let node_drives = options.hardware.as_ref().map(|hardware| hardware.node_drives.clone()).unwrap_or_default();
        Ok(Error::Permission(PermissionError::Privileges {
            caller: Box::new(caller),
            template: options.template,
            missing,
            cause: Box::new(cause),
            node_drives,
            said,
        }))
    }

    /// Looks at the token's user, where that may be seen (Sys.Audit on `/access`).
    async fn seen(&self, missing: &[MissingPrivileges]) -> Caller {
        let Caller::Token(token, _) = self.caller else { return self.caller.clone() };
        let unseen = Caller::Token(token.clone(), None);
        let Ok(is_separated) = self.pve.is_separated(token).await else { return unseen };
        let mut holds = Permissions::default();
        let places = missing.iter().map(|entry| entry.path.acl_path());
        let asked = self.ask(places, &mut holds, Some(&token.user.to_string())).await.is_ok();
        let separation = if is_separated { Separation::On } else { Separation::Off };
        if asked { Caller::Token(token.clone(), Some(UserSeen { holds, separation })) } else { unseen }
    }

    /// Asks for several paths at once.
    async fn ask(
        &self,
        paths: impl IntoIterator<Item = AclPath>,
        held: &mut Permissions,
        user: Option<&str>,
    ) -> Result<(), Error> {
        let paths: Vec<AclPath> = paths.into_iter().collect();
        let asked = concurrently(paths.iter().map(|path| self.pve.permissions(Some(path.as_str()), user))).await;
        for (path, answer) in paths.iter().zip(asked) {
            let answer = answer.doing(Operation::ReadPrivileges)?;
            held.answer(path, &answer);
        }
        Ok(())
    }
}

/// Reads zone and bridge off a path such as `/sdn/zones/lab/vnet1`, or of a VLAN below it.
fn zone_and_bridge(path: &str) -> Option<(&str, &str)> {
    let mut parts = path.strip_prefix("/sdn/zones/")?.split('/');
    Some((parts.next()?, parts.next()?))
}

/// Finds the zone in which the caller may use a network by this name: from a path that names it, else a zone that it
/// may use as a whole. If the guess is wrong, the server refuses the clone and says why.
fn zone_by_rights(bridge: &str, everywhere: &PermissionsAt) -> Option<String> {
    let usable = everywhere.iter().filter(|(_, held)| held.contains_key(Privilege::SDN_USE.as_str()));
    let mut as_a_whole = None;
    for path in usable.map(|(path, _)| path.as_str()) {
        match zone_and_bridge(path) {
            Some((zone, name)) if zone != LOCAL_ZONE && name == bridge => return Some(zone.to_owned()),
            Some(_) => {}
            None => as_a_whole = path.strip_prefix("/sdn/zones/").filter(|zone| *zone != LOCAL_ZONE).or(as_a_whole),
        }
    }
    as_a_whole.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::zone_by_rights;
    use crate::pve::privileges::Privilege;

    #[test]
    fn a_vnet_is_known_by_what_may_be_used_in_its_zone() {
        let may_use = (Privilege::SDN_USE, true);
        for (paths, expected) in [
            (&["/sdn/zones/lab/vnet1"][..], Some("lab")),
            (&["/sdn/zones/lab/vnet1/100"], Some("lab")),
            (&["/sdn/zones/a", "/sdn/zones/lab/vnet1", "/sdn/zones/z"], Some("lab")),
            (&["/sdn/zones/lab", "/sdn/zones/localnetwork"], Some("lab")),
            (&["/sdn/zones/lab/vnet2", "/sdn/zones/localnetwork/vnet1", "/sdn/zones/localnetwork", "/vms"], None),
        ] {
            let everywhere =
                paths.iter().map(|path| (path.parse().unwrap(), BTreeMap::from([may_use.clone()]))).collect();
            assert_eq!(zone_by_rights("vnet1", &everywhere).as_deref(), expected, "{paths:?}");
        }
    }
}
