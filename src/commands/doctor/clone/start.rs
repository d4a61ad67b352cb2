//! What the node has for the start of a clone: bridges and mapped devices.

use super::ServerReads;
use super::template::TemplateFound;
use crate::commands::doctor::check::{Check, CheckStatus};
use crate::error::{Error, PreflightError};
use crate::model::NodeName;
use crate::model::foreign::listed;
use crate::ops::connection::Connected;
use crate::ops::test_vm::start_check::StartCheck;
use crate::pve::VmConfig;
use crate::pve::privileges::Zones;

/// The devices of the clone's node, and whether the caller may use them.
pub(super) struct StartReads<'a> {
    pub(super) check: &'a StartCheck<'a>,
    pub(super) may_use: bool,
}

/// Reads what the start of a clone needs; `None` if the template or the version is not known.
pub(super) async fn start_check<'a>(
    connected: &'a Connected,
    inside: &ServerReads,
    node: &'a NodeName,
    config: Option<&VmConfig>,
) -> Option<StartCheck<'a>> {
    let (config, version) = (config?, inside.version.as_ref().ok()?);
    let hardware = config.hardware(&Zones::new()).ok();
    Some(StartCheck::read(&connected.pve, version.major(), node, hardware.as_ref()).await)
}

impl Check {
    /// Adds the state of mapped devices, which the server lists only to callers who may use them.
    pub(super) fn with_devices(self, found: &TemplateFound, start: Option<&StartReads<'_>>) -> Self {
        match start {
            Some(start) if start.may_use && self.status == CheckStatus::Ok => {
                match start.check.require_devices(&found.config) {
                    Ok(warnings) => self.with_details(warnings),
                    Err(why) => Self::failed("template", &why),
                }
            }
            _ => self,
        }
    }
}

pub(super) async fn bridge(found: &TemplateFound, start: Option<&StartReads<'_>>) -> Check {
    let bridges = found.config.bridges();
    if bridges.is_empty() {
        return Check::warning("bridge", "the template has no network card on a bridge");
    }
    let Some(start) = start else { return Check::skipped("bridge", "the version of the server is not known") };
    match start.check.require_bridges(&found.config).await {
        Ok(warnings) if warnings.is_empty() => Check::ok("bridge", format!("{} exists", listed(&bridges)))
            .with_short_text(format!("bridge {}", listed(&bridges))),
        Ok(warnings) => Check::warning("bridge", warnings.join("; ")),
        Err(Error::Preflight(PreflightError::BridgeUnseen { bridge, node, .. })) if !start.may_use => {
            Check::unknown("bridge", format!("{bridge} is not visible (SDN.Use), or not on {node}"))
        }
        Err(why) => Check::failed("bridge", &why),
    }
}
