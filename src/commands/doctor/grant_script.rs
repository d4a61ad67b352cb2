//! `glassdome doctor --grant-script`: the script for root that grants what is missing, and nothing else on standard
//! output.

use std::fmt;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::{Doctor, Global, OutputFormat, TestVmFlags};
use crate::commands::options;
use crate::error::Error;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::inventory::{Inventory, choose_node};
use crate::ops::port::{PortUse, settle_port};
use crate::ops::test_vm::options::{CloneMode, TestVmOptions};
use crate::ops::test_vm::permission_check::PermissionCheck;
use crate::pve::privileges::{GrantScript, PlannedClone, Zones};
use crate::session::Session;
use crate::settings::Key;
use crate::ui::{Draw, Screen};

impl Draw for GrantScript {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        self.to_string().lines().try_for_each(|line| screen.line(line))
    }
}

/// Prints the script. The missing privileges are read from the server each time, so the script is never outdated.
pub(super) async fn print(session: &Session, global: &Global, arguments: &Doctor) -> Result<ExitCode, Error> {
    let mut context = Context::load(session, &options::connection(global, &arguments.connection)).await?;
    settle_port(session, &mut context, PortUse::Now).await?;
    let options = options::test_vm(&context, &TestVmFlags::default())?;
    let connected = Connected::open(session, &context).await?;
    let script = match write(&context, &connected, &options).await {
        Ok(script) => script,
        Err(why) => return Err(connected.diagnosed(why).await),
    };
    match global.output {
        OutputFormat::Json => {
            session.json(&json!({ "schema": "glassdome.doctor/1", "ok": true, "script": script.to_string() }));
        }
        OutputFormat::Text => session.result(&script),
    }
    Ok(ExitCode::SUCCESS)
}

async fn write(context: &Context, connected: &Connected, options: &TestVmOptions) -> Result<GrantScript, Error> {
    let pve = &connected.pve;
    let mut inventory = Inventory::of(pve, options).await?;
    let node = choose_node(&inventory.nodes, options.node.as_ref(), &Key::Node.variable(&context.instance))?;
    let template = inventory.template(pve, &node, &node, options.template).await?;
    let config = template.as_ref().map(|template| &template.config);
    let major = inventory.version.major();
    let mut rights = PlannedClone {
        major,
        template: options.template,
        new: inventory.vmid,
        pool: options.pool.clone(),
        storage: match &options.clone_mode {
            CloneMode::Full(storage) => storage.clone(),
            CloneMode::Whichever | CloneMode::Linked => None,
        },
        hardware: config.and_then(|config| config.hardware(&Zones::new()).ok()),
        start: true,
        links_down: true,
        // Before 9 it takes VM.Monitor, which also allows running commands in guests.
        wait_ip: major >= 9,
    };
    PermissionCheck { pve, caller: &connected.caller }.script(&mut rights, config).await
}
