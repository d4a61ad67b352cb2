//! The calls that a test VM takes, for a dry run.

use std::fmt;

use crate::model::{NodeName, VmId};
use crate::ops::test_vm::options::{Disposal, Start, TestVmOptions};
use crate::ops::test_vm::preflight::ClonePlan;
use crate::ops::test_vm::receipt::CloneType;
use crate::ui::{Draw, Screen};

/// The calls that would be made, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedCalls(Vec<String>);

impl PlannedCalls {
    /// Lists the calls of a plan.
    pub(crate) fn of(plan: &ClonePlan, options: &TestVmOptions) -> Self {
        let vmid = options.vmid.map_or_else(|| "NEWID".to_owned(), |vmid| vmid.to_string());
        let full = u8::from(plan.mode == CloneType::Full);
        let storage = plan.storage.as_ref().map(|storage| format!("storage={storage}"));
        let pool = options.pool.as_ref().map(|pool| format!("pool={pool}"));
        let target = (plan.source != plan.target).then(|| format!("target={}", plan.target));
        let parameters = [Some(format!("newid={vmid} full={full}")), storage, pool, target];
        let parameters = parameters.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let clone = format!("POST   /nodes/{}/qemu/{}/clone {parameters}", plan.source, options.template);
        Self::behind(clone, &format!("/nodes/{}/qemu/{vmid}", plan.target), options)
    }

    /// Lists the calls for a template that does not exist yet, on the node that it will be on.
    pub(crate) fn of_future_template(node: &NodeName, template: VmId, options: &TestVmOptions) -> Self {
        let clone = format!("POST   /nodes/{node}/qemu/{template}/clone newid=NEWID");
        Self::behind(clone, &format!("/nodes/{node}/qemu/NEWID"), options)
    }

    fn behind(clone: String, vm: &str, options: &TestVmOptions) -> Self {
        let mut calls = vec![clone];
        calls.extend((options.start == Start::LinksDown).then(|| format!("PUT    {vm}/config (its links set down)")));
        calls.extend((options.start != Start::No).then(|| format!("POST   {vm}/status/start")));
        if options.afterwards == Disposal::Destroy {
            calls.extend((options.start != Start::No).then(|| format!("POST   {vm}/status/stop")));
            calls.push(format!("DELETE {vm}"));
        }
        Self(calls)
    }

    /// Returns them, one a line.
    pub(crate) fn lines(&self) -> &[String] {
        &self.0
    }
}

impl Draw for PlannedCalls {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|call| screen.line(&format!("  {call}")))
    }
}
