//! The test VM: clone, check, start, stop, destroy one VM, and leave nothing behind.

pub(crate) mod calls;
pub(crate) mod marked;
pub(crate) mod options;
pub(crate) mod ownership;
pub(crate) mod permission_check;
pub(crate) mod preflight;
pub(crate) mod receipt;
pub(crate) mod remove;
pub(crate) mod run;
pub(crate) mod start_check;
pub(crate) mod step_line;
pub(crate) mod storage_check;
pub(crate) mod task_wait;

use crate::error::{Error, RunError};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::session::Session;

use calls::PlannedCalls;
use options::TestVmOptions;
use preflight::{ClonePlan, Preflight};
use receipt::{Receipt, ReceiptStep, SCHEMA, round};
use run::Run;

/// Runs one test VM, and returns its receipt, filled in as far as the run came.
///
/// # Errors
/// The outer error is one from before the server was called.
pub(crate) async fn run_test_vm(
    session: &Session,
    context: &Context,
    connected: &Connected,
    options: &TestVmOptions,
) -> Result<(Receipt, Result<(), Error>), Error> {
    let journal = context.journal(session)?;
    let began = session.clock.now();
    let mut receipt = Receipt { shows_steps: true, ..blank(connected, options) };
    let preflight = Preflight::new(connected, options);
    let ended = match plan(session, &preflight, options, &mut receipt).await {
        Err(why) => Err(why),
        Ok(plan) => {
            let run = Run::new(&connected.pve, session, options, &plan, journal.as_ref());
            match run.execute(&mut receipt).await {
                Ok(()) => Ok(()),
                Err(why) => Err(preflight.explain(&plan, why).await),
            }
        }
    };
    receipt.seconds = round(session.clock.now().duration_since(began));
    receipt.ok = ended.is_ok();
    Ok((receipt, ended))
}

/// Runs the checks before a test VM and changes nothing: returns the receipt, and the calls that a run would make.
pub(crate) async fn plan_test_vm(
    session: &Session,
    connected: &Connected,
    options: &TestVmOptions,
) -> (Receipt, Result<PlannedCalls, Error>) {
    let began = session.clock.now();
    let mut receipt = blank(connected, options);
    let preflight = Preflight::new(connected, options);
    let planned = plan(session, &preflight, options, &mut receipt).await;
    if let Ok(plan) = &planned {
        receipt.mode = Some(plan.mode);
        receipt.storage = plan.storages.first().map(ToString::to_string);
    }
    receipt.seconds = round(session.clock.now().duration_since(began));
    receipt.ok = planned.is_ok();
    (receipt, planned.map(|plan| PlannedCalls::of(&plan, options)))
}

/// Makes the plan, and notes it in the receipt.
async fn plan(
    session: &Session,
    preflight: &Preflight<'_>,
    options: &TestVmOptions,
    receipt: &mut Receipt,
) -> Result<ClonePlan, Error> {
    let began = session.clock.now();
    let plan = tokio::select! {
        planned = preflight.plan() => planned?,
        signal = session.interrupts.first() => return Err(Error::Run(RunError::Interrupted { signal })),
    };
    receipt.node = plan.target.to_string();
    receipt.warnings.clone_from(&plan.warnings);
    let step = ReceiptStep::new("preflight", session.clock.now().duration_since(began), None);
    receipt.step_done(session, step, &progress_text(options, &plan));
    Ok(plan)
}

pub(crate) fn blank(connected: &Connected, options: &TestVmOptions) -> Receipt {
    Receipt {
        schema: SCHEMA,
        ok: false,
        token: connected.caller_name(),
        node: options.node.as_ref().map(ToString::to_string).unwrap_or_default(),
        template: options.template.number(),
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
        shows_steps: false,
    }
}

/// Says what will be done, and why like that.
pub(crate) fn progress_text(options: &TestVmOptions, plan: &ClonePlan) -> String {
    let mut text = format!("{} {} on {}, {} clone", options.template, plan.template_name, plan.source, plan.mode);
    if let Some(because) = plan.because {
        text.push_str(&format!(" ({because})"));
    }
    text
}
