//! `glassdome test-vm`: the test VM alone.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Global, OutputFormat, TestVm};
use crate::commands::{CommandFailure, options};
use crate::error::Error;
use crate::ops::batch::{BatchOptions, Placement, run_batch};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::port::{PortUse, settle_port};
use crate::ops::test_vm::calls::PlannedCalls;
use crate::ops::test_vm::receipt::{self, Receipt};
use crate::ops::test_vm::{plan_test_vm, run_test_vm};
use crate::session::Session;
use crate::ui::{Draw, Heading, Note};

/// How many test VMs are created at once, as many as the server's own bulk actions begin with.
const DEFAULT_PARALLEL: usize = 4;

/// Proves with the settings that hold.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &TestVm) -> Result<ExitCode, CommandFailure> {
    let mut context = Context::load(session, &options::connection(global, &arguments.connection)).await?;
    settle_port(session, &mut context, PortUse::Now).await?;
    let host = context.host()?;
    let order = options::test_vm(&context, &arguments.test_vm)?;
    if !arguments.dry_run {
        context.require_journal(session)?;
    }
    session.heading(&Heading { text: format!("Test VM on {host}"), is_sandbox: context.is_sandbox() });
    let connected = Connected::open(session, &context).await?;
    let of_trust = context.trust_warnings(connected.trusted);
    if arguments.dry_run {
        let (receipt, planned) = plan_test_vm(session, &connected, &order).await;
        let planned = match planned {
            Err(why) => Err(connected.diagnosed(why).await),
            Ok(calls) => Ok(calls),
        };
        return print_plan(session, global, receipt, planned, of_trust);
    }
    if let Some(batch) = batch_options(arguments) {
        let (summary, ended) = run_batch(session, &context, &connected, &order, batch).await?;
        let output = TestVmOutput { receipt: &summary, warnings: &summary.warnings, of_trust, is_worth_showing: true };
        return print_result(session, global, &output, ended);
    }
    let (receipt, ended) = run_test_vm(session, &context, &connected, &order).await?;
    let ended = match ended {
        Err(why) => Err(connected.diagnosed(why).await),
        Ok(()) => Ok(()),
    };
    if ended.is_ok() && global.output == OutputFormat::Text {
        session.blank_line();
    }
    let output = TestVmOutput {
        receipt: &receipt,
        warnings: &receipt.warnings,
        of_trust,
        is_worth_showing: !receipt.steps.is_empty(),
    };
    print_result(session, global, &output, ended)
}

/// Prints what a run would do, or why it would fail.
fn print_plan(
    session: &Session,
    global: &Global,
    mut receipt: Receipt,
    planned: Result<PlannedCalls, Error>,
    of_trust: Vec<String>,
) -> Result<ExitCode, CommandFailure> {
    let wants_json = global.output == OutputFormat::Json;
    for warning in &receipt.warnings {
        session.warn(warning.clone());
    }
    if wants_json {
        receipt.warnings.extend(of_trust);
        let calls = planned.as_ref().map(|calls| calls.lines().to_vec()).unwrap_or_default();
        let mut document = receipt::document(&receipt, planned.as_ref().err());
        if let Some(map) = document.as_object_mut() {
            map.insert("dry_run".to_owned(), true.into());
            map.insert("calls".to_owned(), calls.into());
        }
        session.json(&document);
    }
    let calls = planned.map_err(|error| CommandFailure { error, is_reported: wants_json })?;
    if !wants_json {
        session.result(&Note::plain("dry run: nothing was changed; a run would make these calls:".to_owned()));
        session.result(&calls);
    }
    Ok(ExitCode::SUCCESS)
}

/// A receipt that is to be printed.
struct TestVmOutput<'a, R> {
    receipt: &'a R,
    warnings: &'a [String],
    /// The warnings about the trust, already shown before anything was sent.
    of_trust: Vec<String>,
    /// Whether the receipt is shown even if the test VM failed.
    is_worth_showing: bool,
}

/// Prints the receipt, and what went wrong.
fn print_result<R: Draw + Serialize>(
    session: &Session,
    global: &Global,
    output: &TestVmOutput<'_, R>,
    ended: Result<(), Error>,
) -> Result<ExitCode, CommandFailure> {
    let wants_json = global.output == OutputFormat::Json;
    if wants_json {
        let mut document = receipt::document(output.receipt, ended.as_ref().err());
        if let Some(all) = document.get_mut("warnings").and_then(serde_json::Value::as_array_mut) {
            all.extend(output.of_trust.iter().cloned().map(serde_json::Value::from));
        }
        session.json(&document);
    } else if ended.is_ok() {
        session.result(output.receipt);
    } else if output.is_worth_showing {
        session.info(output.receipt);
    }
    for warning in output.warnings.iter().filter(|_| wants_json) {
        session.warn(warning.clone());
    }
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(CommandFailure { error, is_reported: wants_json }),
    }
}

/// Says how many test VMs are wanted, and where; `None` if it is one.
fn batch_options(arguments: &TestVm) -> Option<BatchOptions> {
    if arguments.count.is_none() && arguments.parallel.is_none() && !arguments.all_nodes {
        return None;
    }
    Some(BatchOptions {
        count: arguments.count.map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        parallel: arguments.parallel.map_or(DEFAULT_PARALLEL, usize::from),
        placement: if arguments.all_nodes { Placement::EveryNode } else { Placement::OneNode },
    })
}
