//! The calls about resource mappings: devices and directories of nodes that VMs are given by name.

use serde::Deserialize;
use serde_json::Value;

use crate::model::{Foreign, NodeName};
use crate::pve::lenient::{as_text, lenient};
use crate::pve::{ApiError, Pve};

/// A resource mapping, as one node has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceMapping {
    /// Its name.
    pub id: Foreign,
    /// Whether it names something on the node.
    pub is_on_node: bool,
    /// What the server says is wrong with it there: the device is gone, or another one.
    pub fault: Option<Foreign>,
}

impl Pve {
    /// Lists the mappings of a kind (`pci`, `usb`, `dir`) that may be seen (Mapping.Use or Mapping.Audit), as a node has
    /// them.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses the call, or answers with something unexpected.
    pub async fn mappings(&self, kind: &str, node: &NodeName) -> Result<Vec<ResourceMapping>, ApiError> {
        let query = [("check-node", node.as_str())];
        let data = self.transport.get(&["cluster", "mapping", kind], &query).await?;
        let rows: Vec<MappingRow> = self.named(data, "the list of resource mappings", "id")?;
        Ok(rows.iter().map(|row| row.on(node)).collect())
    }
}

/// A mapping, as the server lists it.
#[derive(Debug, Deserialize)]
struct MappingRow {
    #[serde(default, deserialize_with = "lenient")]
    id: Foreign,
    #[serde(default)]
    map: Value,
    #[serde(default)]
    checks: Value,
    /// What USB mappings have where the other kinds have `checks`.
    #[serde(default)]
    errors: Value,
}

impl MappingRow {
    /// Reads it for one node.
    fn on(&self, node: &NodeName) -> ResourceMapping {
        let of_node = format!("node={node}");
        let entries = self.map.as_array().into_iter().flatten().filter_map(as_text);
        let is_on_node = entries.into_iter().any(|entry| entry.split(&[',']).iter().any(|part| *part == *of_node));
        let found = [&self.checks, &self.errors].into_iter().filter_map(Value::as_array).flatten();
        let mut faults = found.filter(|found| found.get("severity").and_then(Value::as_str) == Some("error"));
        let fault = faults.find_map(|fault| as_text(fault.get("message")?));
        ResourceMapping { id: self.id.clone(), is_on_node, fault }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::MappingRow;
    use crate::model::Foreign;

    #[test]
    fn a_mapping_is_read_for_one_node() {
        let error = json!([{"severity": "error", "message": "Invalid configuration: pci device 'x' not found\n"}]);
        let warning = json!([{"severity": "warning", "message": "No mapping for node pve2."}]);
        for (map, key, found, is_on_node, is_broken) in [
            (json!(["id=8086:1234,iommugroup=1,node=pve,path=0000:7f:1f.7"]), "checks", &json!([]), true, false),
            (json!(["id=8086:1234,node=pve,path=0000:7f:1f.7"]), "checks", &error, true, true),
            (json!(["id=1234:5678,node=pve"]), "errors", &error, true, true),
            (json!(["id=1234:5678,node=pve2", "node=pve"]), "errors", &json!([]), true, false),
            (json!(["id=1234:5678,node=pve2"]), "checks", &warning, false, false),
            (json!([]), "checks", &json!([]), false, false),
            (json!("node=pve"), "checks", &json!("x"), false, false),
        ] {
            let entry = json!({"id": "gpu", "map": map, key: found});
            let read = serde_json::from_value::<MappingRow>(entry.clone()).unwrap().on(&"pve".parse().unwrap());
            assert_eq!(
                (read.id, read.is_on_node, read.fault.is_some()),
                (Foreign::new("gpu"), is_on_node, is_broken),
                "{entry}"
            );
        }
    }
}
