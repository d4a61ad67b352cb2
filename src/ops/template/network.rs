//! The bridge of a new VM, and the zone that it is in.

use crate::model::NodeName;
use crate::model::foreign::listed;
use crate::pve::{Interface, Pve};

/// The bridge that every installation begins with.
const DEFAULT_BRIDGE: &str = "vmbr0";

/// The zone of the bridges that are no vnets.
const LOCAL_ZONE: &str = "localnetwork";

/// Where the network card is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateNetwork {
    /// The bridge or vnet.
    pub(crate) bridge: String,
    zone: String,
    /// What speaks against it.
    pub(crate) warning: Option<String>,
}

impl TemplateNetwork {
    /// Chooses the bridge: the one named, else the usual one, else any that exists. If the list cannot be read, the
    /// usual one is tried.
    pub(crate) async fn find(pve: &Pve, node: &NodeName, named: Option<&str>) -> Self {
        let Some(named) = named else {
            let seen = pve.bridges(node).await.unwrap_or_default();
            return Self { bridge: usual(&seen), zone: LOCAL_ZONE.to_owned(), warning: None };
        };
        let (seen, vnets) = tokio::join!(pve.bridges(node), pve.vnets());
        let (seen, vnets) = (seen.unwrap_or_default(), vnets.unwrap_or_default());
        let is_there =
            seen.is_empty() || seen.iter().any(|it| it.name == *named) || vnets.keys().any(|it| *it == *named);
        let warning = (!is_there).then(|| {
            let known = listed(seen.iter().map(|it| &it.name));
            format!("{node} has no visible bridge {named} (visible: {known}): a VM cannot start without its bridge")
        });
        let zone =
            vnets.iter().find(|(vnet, _)| **vnet == *named).map_or(LOCAL_ZONE, |(_, zone)| zone.as_str()).to_owned();
        Self { bridge: named.to_owned(), zone, warning }
    }

    /// Returns its path for the access control.
    pub(crate) fn path(&self) -> String {
        format!("/sdn/zones/{}/{}", self.zone, self.bridge)
    }
}

/// Chooses the usual bridge where it is seen, or where nothing is; else one that is up, by its name.
fn usual(seen: &[Interface]) -> String {
    if seen.iter().any(|it| it.name == *DEFAULT_BRIDGE) {
        return DEFAULT_BRIDGE.to_owned();
    }
    let first = seen.iter().min_by_key(|it| (!it.is_active, it.name.as_str()));
    first.map_or(DEFAULT_BRIDGE, |it| it.name.as_str()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::usual;
    use crate::pve::Interface;

    #[test]
    fn the_usual_bridge_is_taken_where_it_is_there() {
        let up = |name: &str| Interface { name: name.parse().unwrap(), is_active: true };
        let down = |name: &str| Interface { is_active: false, ..up(name) };
        for (seen, expected) in [
            (vec![], "vmbr0"),
            (vec![up("lab"), up("vmbr0")], "vmbr0"),
            (vec![up("vmbr2"), up("vmbr1"), down("br0")], "vmbr1"),
            (vec![down("vmbr2"), down("vmbr1")], "vmbr1"),
        ] {
            assert_eq!(usual(&seen), expected, "{seen:?}");
        }
    }
}
