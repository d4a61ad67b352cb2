//! `glassdome test-vm`: the proof alone.

use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::cli::{Global, OutputFormat, Proof, TestVm};
use crate::commands::CommandFailure;
use crate::commands::connect::{Connected, Context};
use crate::commands::releases::USUAL;
use crate::commands::screens::{Heading, Note};
use crate::commands::test_vm_run::batch::{BatchOptions, Placement, run_batch};
use crate::commands::test_vm_run::options::{CloneMode, Disposal, Start, TestVmOptions};
use crate::commands::test_vm_run::run_test_vm;
use crate::error::{Error, Report};
use crate::session::Session;
use crate::settings::Key;
use crate::ui::Draw;

/// How many proofs are made at once, as many as the server's own bulk actions begin with.
const USUALLY_AT_ONCE: usize = 4;

/// Proves with the settings that hold.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &TestVm) -> Result<ExitCode, CommandFailure> {
    let context = Context::load(session, global, &arguments.connection, &[]).await?;
    let host = context.host()?;
    let order = order(&context, &arguments.proof)?;
    context.require_journal(session)?;
    session.ui.borrow_mut().info(&Heading { text: format!("Proof on {host}"), is_sandbox: context.is_sandbox() });
    let connected = Connected::open(session, &context).await?;
    let of_trust = context.trust_warnings(connected.trusted);
    if let Some(crowd) = batch_options(arguments) {
        let (summary, ended) = run_batch(session, &context, &connected, &order, crowd).await?;
        let told = TestVmOutput { receipt: &summary, warnings: &summary.warnings, of_trust, is_worth_showing: true };
        return tell(session, global, &told, ended);
    }
    let (receipt, ended) = run_test_vm(session, &context, &connected, &order).await?;
    let ended = match ended {
        Err(why) => Err(connected.diagnosed(why).await),
        Ok(()) => Ok(()),
    };
    let told = TestVmOutput {
        receipt: &receipt,
        warnings: &receipt.warnings,
        of_trust,
        is_worth_showing: !receipt.steps.is_empty(),
    };
    tell(session, global, &told, ended)
}

/// A receipt that is to be printed.
struct TestVmOutput<'a, R> {
    receipt: &'a R,
    warnings: &'a [String],
    /// What has been said of the trust, before anything was sent.
    of_trust: Vec<String>,
    /// Whether it says something though the proof failed.
    is_worth_showing: bool,
}

/// Prints the receipt, and what went wrong.
fn tell<R: Draw + Serialize>(
    session: &Session,
    global: &Global,
    told: &TestVmOutput<'_, R>,
    ended: Result<(), Error>,
) -> Result<ExitCode, CommandFailure> {
    let wants_json = global.output == OutputFormat::Json;
    if wants_json {
        let mut document = document(told.receipt, ended.as_ref().err());
        if let Some(all) = document.get_mut("warnings").and_then(serde_json::Value::as_array_mut) {
            all.extend(told.of_trust.iter().cloned().map(serde_json::Value::from));
        }
        session.ui.borrow_mut().json(&document);
    } else if ended.is_ok() {
        session.ui.borrow_mut().result(told.receipt);
    } else if told.is_worth_showing {
        session.ui.borrow_mut().info(told.receipt);
    }
    for warning in told.warnings.iter().filter(|_| wants_json) {
        session.ui.borrow_mut().info(&Note::warning(warning.clone()));
    }
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(CommandFailure { error, is_told: wants_json }),
    }
}

/// Gives the JSON document: the receipt, and the error where there is one.
pub(crate) fn document(receipt: &impl Serialize, error: Option<&Error>) -> serde_json::Value {
    let mut document = serde_json::to_value(receipt).unwrap_or_default();
    if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
        map.insert("error".to_owned(), Report::of(error).as_json());
    }
    document
}

/// Says how many proofs are wanted, and where; nothing where it is one.
fn batch_options(arguments: &TestVm) -> Option<BatchOptions> {
    if arguments.count.is_none() && arguments.parallel.is_none() && !arguments.all_nodes {
        return None;
    }
    Some(BatchOptions {
        count: arguments.count.map_or(1, |count| usize::try_from(count).unwrap_or(usize::MAX)),
        parallel: arguments.parallel.map_or(USUALLY_AT_ONCE, usize::from),
        spread: if arguments.all_nodes { Placement::EveryNode } else { Placement::OneNode },
    })
}

/// Settles the options: a flag, else what the settings say, else what is usual.
pub(crate) fn order(context: &Context, proof: &Proof) -> Result<TestVmOptions, Error> {
    let settings = &context.settings;
    let template = match proof.template {
        Some(template) => template,
        None => match settings.template(Key::Ubuntu2204Template)? {
            Some(found) => found.value,
            None => USUAL.vmid,
        },
    };
    let pool = match &proof.pool {
        Some(pool) => Some(pool.clone()),
        None => settings.pool()?.map(|found| found.value),
    };
    let wish = if proof.linked {
        CloneMode::Linked
    } else if proof.full || proof.storage.is_some() {
        CloneMode::Full(proof.storage.clone())
    } else {
        CloneMode::Whichever
    };
    Ok(TestVmOptions {
        node: settings.node()?.map(|found| found.value),
        target: proof.target.clone(),
        template,
        vmid: proof.vmid,
        name: proof.name.clone(),
        wish,
        pool,
        start: start(proof),
        afterwards: if proof.keep { Disposal::Keep } else { Disposal::Destroy },
        patience: proof.timeout.unwrap_or(Duration::from_secs(300)),
    })
}

const fn start(proof: &Proof) -> Start {
    match (proof.no_start, proof.no_network, proof.wait_ip) {
        (true, ..) => Start::No,
        (false, true, _) => Start::LinksDown,
        (false, false, Some(within)) => Start::AndWaitForAddress(within),
        (false, false, None) => Start::Yes,
    }
}
