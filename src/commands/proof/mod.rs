//! The proof: clone, check, start, stop, destroy one VM, and leave nothing behind.

mod account;
pub(crate) mod ids;
pub(crate) mod look;
pub(crate) mod many;
mod nodes;
pub(crate) mod order;
pub(crate) mod preflight;
pub(crate) mod receipt;
pub(crate) mod remove;
pub(crate) mod rights;
mod run;
pub(crate) mod scout;
mod spent;
mod tally;
pub(crate) mod watch;

use crate::commands::connect::{Connected, Ground};
use crate::commands::screens::Note;
use crate::error::Error;
use crate::session::Session;

use order::Order;
use preflight::{Plan, Preflight};
use receipt::{Receipt, SCHEMA, round};
use run::Run;

/// Proves an order on a server, and gives the receipt as far as it came.
///
/// # Errors
/// The outer error is one from before the server was called.
pub(crate) async fn prove(
    session: &Session,
    ground: &Ground,
    connected: &Connected,
    order: &Order,
) -> Result<(Receipt, Result<(), Error>), Error> {
    let journal = ground.journal(session)?;
    let began = session.clock.now();
    let mut receipt = blank(connected, order);
    let preflight = Preflight::new(ground, connected, order);
    let planned = tokio::select! {
        planned = preflight.plan() => planned,
        signal = session.interrupts.first() => Err(Error::Interrupted { signal }),
    };
    let ended = match planned {
        Err(why) => Err(why),
        Ok(plan) => {
            receipt.step("preflight", session.clock.now().duration_since(began), None);
            receipt.node = plan.target.to_string();
            receipt.warnings.clone_from(&plan.warnings);
            session.ui.borrow_mut().info(&Note::found(intention(order, &plan)));
            let run = Run::new(&connected.pve, session, (order, &plan), journal.as_ref());
            match run.prove(&mut receipt).await {
                Ok(()) => Ok(()),
                Err(why) => Err(preflight.explain(&plan, why).await),
            }
        }
    };
    receipt.seconds = round(session.clock.now().duration_since(began));
    receipt.ok = ended.is_ok();
    Ok((receipt, ended))
}

fn blank(connected: &Connected, order: &Order) -> Receipt {
    Receipt {
        schema: SCHEMA,
        ok: false,
        token: connected.who(),
        node: order.node.as_ref().map(ToString::to_string).unwrap_or_default(),
        template: order.template.number(),
        vmid: None,
        name: String::new(),
        mode: None,
        storage: None,
        addresses: Vec::new(),
        steps: Vec::new(),
        seconds: 0.0,
        left_behind: None,
        warnings: Vec::new(),
        times: Vec::new(),
    }
}

/// Says what will be done, and why like that.
fn intention(order: &Order, plan: &Plan) -> String {
    let storages: Vec<String> = plan.storages.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "template {} ({}) on {}, Proxmox VE {}: {} clone",
        order.template, plan.template_name, plan.source, plan.version, plan.mode
    );
    if !storages.is_empty() {
        text.push_str(&format!(" on {}", storages.join(", ")));
    }
    if let Some(because) = plan.because {
        text.push_str(&format!(", because {because}"));
    }
    text
}
