//! Whether the node of a clone has what its start needs: bridges and mapped devices.

use std::collections::BTreeSet;

use crate::error::{Doing, Error, Operation, PreflightError};
use crate::model::NodeName;
use crate::ops::concurrently;
use crate::pve::privileges::{AclPath, Hardware};
use crate::pve::{ApiError, Interface, Pve, ResourceMapping, VmConfig};

/// What the node of a clone has.
pub(crate) struct StartCheck<'a> {
    pve: &'a Pve,
    node: &'a NodeName,
    /// The major version of the server.
    major: u32,
    bridges: Result<Vec<Interface>, ApiError>,
    mappings: Vec<(AclPath, Result<Vec<ResourceMapping>, ApiError>)>,
}

impl<'a> StartCheck<'a> {
    /// Reads the bridges of the node, and the kinds of mappings that the template uses.
    pub(crate) async fn read(pve: &'a Pve, major: u32, node: &'a NodeName, hardware: Option<&Hardware>) -> Self {
        let paths: Vec<AclPath> = hardware.into_iter().flat_map(|hardware| hardware.mappings.iter().cloned()).collect();
        let kinds: BTreeSet<&str> = paths.iter().filter_map(kind_and_name).map(|(kind, _)| kind).collect();
        let lists = concurrently(kinds.iter().map(|kind| pve.mappings(kind, node)));
        let (bridges, lists) = tokio::join!(pve.bridges(node), lists);
        let list_of = |path: &AclPath| {
            let (wanted, _) = kind_and_name(path)?;
            kinds.iter().zip(&lists).find(|(kind, _)| **kind == wanted).map(|(_, list)| list.clone())
        };
        let mappings = paths.iter().filter_map(|path| Some((path.clone(), list_of(path)?))).collect();
        Self { pve, node, major, bridges, mappings }
    }

    /// Refuses a clone that could not be started on the node, as far as that is visible. Called once no privilege is
    /// missing, because the lists show only what the caller may use. Returns warnings.
    pub(crate) async fn require(&self, config: &VmConfig) -> Result<Vec<String>, Error> {
        let mut warnings = self.require_bridges(config).await?;
        warnings.extend(self.require_devices(config)?);
        Ok(warnings)
    }

    /// Refuses resource mappings that cannot be used there, and names the devices of the node that a clone needs.
    pub(crate) fn require_devices(&self, config: &VmConfig) -> Result<Vec<String>, Error> {
        let mut warnings = Vec::new();
        for (path, list) in &self.mappings {
            match list {
                Ok(list) => self.require_mapping(path, list)?,
                Err(why) => warnings.push(format!("whether {path} can be used on {} is not known: {why}", self.node)),
            }
        }
        let devices = config.node_devices();
        warnings.extend(devices.into_iter().map(|(entry, device)| {
            format!("{entry} of the template is the device {device} of the node: where {} has none, no clone can be started", self.node)
        }));
        Ok(warnings)
    }

    /// Refuses network cards on bridges that the node lacks, and names the bridges that are down or not known.
    pub(crate) async fn require_bridges(&self, config: &VmConfig) -> Result<Vec<String>, Error> {
        let attached = config.attached_bridges();
        let there = match &self.bridges {
            Ok(there) => there,
            Err(why) => {
                let of = |(device, bridge)| {
                    format!("whether {} has {bridge}, the bridge of {device}, is not known: {why}", self.node)
                };
                return Ok(attached.into_iter().map(of).collect());
            }
        };
        let mut warnings = Vec::new();
        for (device, bridge) in attached {
            match there.iter().find(|it| bridge == *it.name.as_str()) {
                Some(found) if found.is_active => {}
                Some(_) => warnings.push(format!("{bridge}, the bridge of {device}, is down on {}", self.node)),
                None if !self.sees_all_networks().await? => {
                    return Err(PreflightError::BridgeUnseen { device, bridge, node: self.node.clone() }.into());
                }
                None => {
                    let known = there.iter().map(|it| it.name.to_string()).collect();
                    return Err(PreflightError::BridgeMissing { device, bridge, node: self.node.clone(), known }.into());
                }
            }
        }
        Ok(warnings)
    }

    /// Returns whether a vnet that is not listed does not exist: from version 8 on the list shows only what may be
    /// used.
    async fn sees_all_networks(&self) -> Result<bool, Error> {
        if self.major < 8 {
            return Ok(true);
        }
        let path = AclPath::networks();
        let held = self.pve.permissions(Some(path.as_str()), None).await.doing(Operation::ReadPrivileges)?;
        let reaches_all = |name: &str| held.get(path.as_str()).is_some_and(|held| held.get(name) == Some(&true));
        Ok(reaches_all("SDN.Use") || reaches_all("SDN.Audit"))
    }

    fn require_mapping(&self, path: &AclPath, list: &[ResourceMapping]) -> Result<(), Error> {
        let Some((_, name)) = kind_and_name(path) else { return Ok(()) };
        let found = list.iter().find(|mapping| mapping.id == *name);
        let unusable =
            |fault| PreflightError::MappingUnusable { mapping: path.clone(), node: self.node.clone(), fault };
        match found {
            Some(ResourceMapping { is_on_node: true, fault: None, .. }) => Ok(()),
            Some(ResourceMapping { is_on_node: true, fault, .. }) => Err(unusable(fault.clone()).into()),
            Some(_) | None => Err(unusable(None).into()),
        }
    }
}

/// Reads kind and name off the path of a mapping.
fn kind_and_name(path: &AclPath) -> Option<(&str, &str)> {
    path.as_str().strip_prefix("/mapping/")?.split_once('/')
}
