//! VMs on the server that carry the marker of a test VM, created by any machine: listed, and deleted only if named.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, Operation};
use crate::model::{Foreign, Marker, NodeName, Provenance, VmId, VmName};
use crate::ops::concurrently;
use crate::pve::{Pve, Vm};

/// How the name of a test VM begins, unless `--name` chose another.
pub(crate) const DEFAULT_NAME_PREFIX: &str = "glassdome-test-";

/// How many VMs are inspected at most: more marked VMs than this were kept on purpose.
const MAX_INSPECTED: usize = 100;

/// A VM that carries a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MarkedVm {
    /// Its number.
    pub(crate) vmid: VmId,
    /// Where it is.
    pub(crate) node: NodeName,
    /// Its name.
    pub(crate) name: Foreign,
    /// What its description says of where it comes from; `None` if that may not be read.
    pub(crate) origin: Option<Provenance>,
    /// Its lock.
    pub(crate) lock: Option<Foreign>,
}

impl MarkedVm {
    /// Returns the marker that it carries.
    pub(crate) fn marker(&self) -> Option<Marker> {
        let name: VmName = self.name.parse().ok()?;
        self.origin.as_ref().map(|origin| Marker { name: name.to_string(), nonce: origin.nonce.clone() })
    }

    /// Tells what is known of it, in a line.
    pub(crate) fn describe(&self, now: OffsetDateTime) -> String {
        let from = match &self.origin {
            None => "its description is not readable".to_owned(),
            Some(origin) => {
                let age = origin.made.map_or_else(|| "at an unknown time".to_owned(), |made| ago(now - made));
                let machine =
                    origin.machine.as_ref().map_or_else(|| "an unknown host".to_owned(), |name| format!("host {name}"));
                format!("created {age} on {machine}")
            }
        };
        let lock = self.lock.as_ref().map(|lock| format!(", locked ({lock})")).unwrap_or_default();
        format!("VM {} ({}) on {}, {from}{lock}", self.vmid, self.name, self.node)
    }

    /// Returns the JSON object for scripts.
    pub(crate) fn document(&self) -> Value {
        let made = self.origin.as_ref().and_then(|origin| origin.made).and_then(|made| made.format(&Rfc3339).ok());
        let machine = self.origin.as_ref().and_then(|origin| origin.machine.clone());
        json!({"vmid": self.vmid.number(), "node": self.node.to_string(), "name": self.name, "made": made, "machine": machine})
    }
}

/// Returns whether a VM is worth a look: its name is that of a test VM.
pub(crate) fn may_be_marked(vm: &Vm) -> bool {
    vm.name.starts_with(DEFAULT_NAME_PREFIX) && !vm.is_template
}

/// Finds the VMs that carry a marker, among those that may.
pub(crate) async fn marked(pve: &Pve, vms: &[Vm]) -> Vec<MarkedVm> {
    let candidates = vms.iter().filter(|vm| may_be_marked(vm)).take(MAX_INSPECTED);
    let looked = concurrently(candidates.map(|vm| inspect(pve, vm))).await;
    // One that is gone since the list was made is left out.
    looked.into_iter().filter_map(Result::ok).flatten().collect()
}

/// Looks at one VM; `None` if it carries no marker.
pub(crate) async fn inspect(pve: &Pve, vm: &Vm) -> Result<Option<MarkedVm>, Error> {
    let (vmid, node) = (vm.vmid, vm.node.clone());
    match pve.vm_config(&node, vmid).await {
        Ok(config) if config.is_template() => Ok(None),
        Ok(config) => Ok(config.description().and_then(|text| text.parse().ok()).map(|origin| MarkedVm {
            vmid,
            node,
            name: config.name().unwrap_or_default(),
            origin: Some(origin),
            lock: config.lock(),
        })),
        Err(why) if why.is_forbidden() => {
            Ok(Some(MarkedVm { vmid, node, name: vm.name.clone(), origin: None, lock: None }))
        }
        Err(source) => Err(Error::server(Operation::ReadVm(vmid), source)),
    }
}

/// Writes how long ago something was.
fn ago(age: time::Duration) -> String {
    match age.whole_minutes() {
        ..=-1 => "in the future".to_owned(),
        0 => "less than a minute ago".to_owned(),
        minutes @ 1..=119 => format!("{minutes} min ago"),
        minutes @ 120..=2_879 => format!("{} h ago", minutes / 60),
        minutes => format!("{} days ago", minutes / 1_440),
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::ago;

    #[test]
    fn an_age_is_reported_in_its_largest_unit() {
        for (seconds, describe) in [
            (-60, "in the future"),
            (59, "less than a minute ago"),
            (60, "1 min ago"),
            (7_199, "119 min ago"),
            (7_200, "2 h ago"),
            (172_800, "2 days ago"),
        ] {
            assert_eq!(ago(Duration::seconds(seconds)), describe, "{seconds}");
        }
    }
}
