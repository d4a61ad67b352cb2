//! The privileges that a clone needs.

use super::ServerReads;
use crate::commands::doctor::check::Check;
use crate::error::Error;
use crate::ops::connection::Connected;
use crate::ops::test_vm::options::{Start, TestVmOptions};
use crate::ops::test_vm::permission_check::PermissionCheck;
use crate::pve::VmConfig;
use crate::pve::privileges::{PlannedClone, Zones, needs, paths};

pub(super) async fn privileges(
    connected: &Connected,
    options: &TestVmOptions,
    inside: &ServerReads,
    config: Option<&VmConfig>,
) -> Check {
    let version = match &inside.version {
        Ok(version) => version,
        Err(why) => {
            return Check::failed("privileges", &Error::connecting(connected.pve.endpoint(), why.clone()));
        }
    };
    let vmid = match inside.next_id {
        Ok(vmid) => vmid,
        Err(_) => return Check::skipped("privileges", "no free VMID was found"),
    };
    let mut rights = PlannedClone {
        major: version.major(),
        template: options.template,
        new: vmid,
        pool: options.pool.clone(),
        storage: None,
        hardware: config.and_then(|config| config.hardware(&Zones::new()).ok()),
        start: options.start != Start::No,
        links_down: false,
        wait_ip: false,
    };
    let asked = PermissionCheck { pve: &connected.pve, caller: &connected.caller };
    match asked.find_missing(&mut rights, config).await {
        Ok(None) => {
            let needs = needs(&rights);
            let all = format!("all {} required privileges", needs.len());
            Check::ok("privileges", format!("{all} present"))
                .with_short_text(all)
                .with_detail(format!("on {}", joined(&paths(&needs))))
        }
        Ok(Some(problem)) => Check::failed("privileges", &problem),
        Err(why) => Check::failed("privileges", &why),
    }
}

fn joined(paths: &std::collections::BTreeSet<crate::pve::privileges::AclPath>) -> String {
    paths.iter().map(crate::pve::privileges::AclPath::as_str).collect::<Vec<_>>().join(", ")
}
