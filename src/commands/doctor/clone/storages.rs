//! The storages of the template: whether they are there, and have space for a clone.

use super::template::TemplateFound;
use crate::commands::doctor::check::Check;
use crate::error::{Error, Operation, PreflightError, StorageState};
use crate::model::NodeName;
use crate::model::foreign::listed;
use crate::ops::connection::Connected;
use crate::ops::inventory::SourceTemplate;
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::test_vm::receipt::CloneType;
use crate::ops::test_vm::storage_check::StorageCheck;
use crate::pve::{CloneFeature, Storage};

/// What is known of the storages of the template.
pub(super) struct Storages {
    /// The template with them, or why they could not be read.
    template: Result<SourceTemplate, Error>,
    /// Why it cannot be cloned on the node.
    pub(super) immovable: Option<Error>,
    /// What a clone there lacks, and what should be known.
    problem: Option<Error>,
    warnings: Vec<String>,
}

impl Storages {
    pub(super) async fn read(
        connected: &Connected,
        options: &TestVmOptions,
        node: &NodeName,
        found: &TemplateFound,
    ) -> Self {
        let storages = found.reading.storages.clone();
        let storages = storages.map_err(|why| Error::server(Operation::ReadStorages(found.node.clone()), why));
        let feature = found.reading.feature.clone();
        let mut read = Self { template: Ok(blank(found)), immovable: None, problem: None, warnings: Vec::new() };
        match (storages, feature) {
            (Err(why), _) => read.template = Err(why),
            (Ok(storages), feature) => {
                let feature = feature.unwrap_or(CloneFeature { can_link: false, nodes: None });
                let template = SourceTemplate { storages, feature, ..blank(found) };
                read.examine(connected, options, node, &template).await;
                read.template = Ok(template);
            }
        }
        read
    }

    async fn examine(
        &mut self,
        connected: &Connected,
        options: &TestVmOptions,
        node: &NodeName,
        template: &SourceTemplate,
    ) {
        match StorageCheck::new(&connected.pve, template, node).await {
            Err(why) => self.problem = Some(why),
            Ok(mut check) => {
                self.immovable = check.require_movable(options).err();
                let mode = if template.feature.can_link { CloneType::Linked } else { CloneType::Full };
                self.problem = check.require_usable(mode, None, options.start).err();
                self.warnings = check.warnings;
            }
        }
    }

    pub(super) fn check(&self, found: &TemplateFound, node: &NodeName, may_use: bool) -> Check {
        let template = match &self.template {
            Ok(template) => template,
            Err(why) => return Check::failed("storage", why),
        };
        let names = found.config.disk_storages();
        let free: Vec<String> = template
            .storages
            .iter()
            .filter(|storage| names.iter().any(|name| *name == *storage.name.as_str()))
            .map(free)
            .collect();
        match &self.problem {
            Some(Error::Preflight(PreflightError::StorageUnavailable {
                storage, why: StorageState::Absent, ..
            })) if !may_use => {
                Check::unknown("storage", format!("{storage} is not visible (Datastore.Audit), or not on {node}"))
            }
            Some(why) => Check::failed("storage", why).with_details(free),
            None if names.is_empty() => {
                Check::warning("storage", "the template has no disk: its clones do not test any storage")
            }
            None if !self.warnings.is_empty() => Check::warning("storage", self.warnings.join("; ")).with_details(free),
            None => {
                let storages = listed(&names);
                Check::ok("storage", format!("{storages} has enough space for a clone"))
                    .with_details(free)
                    .with_short_text(format!("storage {storages}"))
            }
        }
    }
}

fn blank(found: &TemplateFound) -> SourceTemplate {
    SourceTemplate {
        node: found.node.clone(),
        config: found.config.clone(),
        feature: CloneFeature { can_link: false, nodes: None },
        storages: Vec::new(),
    }
}

pub(super) fn free(storage: &Storage) -> String {
    let free =
        storage.available.map_or_else(|| "free space unknown".to_owned(), |free| format!("{} free", bytes(free)));
    format!("{}: {free}", storage.name)
}

/// Writes a size in GiB, as the web interface does.
fn bytes(count: u64) -> String {
    let tenths = u128::from(count) * 10 / (1 << 30);
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}
