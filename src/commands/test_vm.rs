//! `glassdome test-vm`: the proof alone.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::{Global, Output, Proof, TestVm};
use crate::commands::Failure;
use crate::commands::connect::{Connected, Ground};
use crate::commands::proof::order::{Afterwards, Order, Start, Wish};
use crate::commands::proof::prove;
use crate::commands::proof::receipt::Receipt;
use crate::commands::screens::{Heading, Note};
use crate::error::{Error, Report};
use crate::model::VmId;
use crate::session::Session;
use crate::settings::Key;

/// The template that the guide tells everybody to make.
const USUAL_TEMPLATE: u64 = 9000;

/// Proves with the settings that hold.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &TestVm) -> Result<ExitCode, Failure> {
    let ground = Ground::survey(session, global, &arguments.connection, &[])?;
    let host = ground.host()?;
    let order = order(&ground, &arguments.proof)?;
    session.ui.borrow_mut().say(&Heading { text: format!("Proof on {host}"), is_sandbox: ground.is_sandbox() });
    let connected = Connected::open(session, &ground).await?;
    let (receipt, ended) = prove(session, &ground, &connected, &order).await?;
    let ended = match ended {
        Err(why) => Err(connected.diagnosed(why).await),
        Ok(()) => Ok(()),
    };
    tell(session, global, &receipt, ended)
}

/// Prints the receipt, and what went wrong.
fn tell(session: &Session, global: &Global, receipt: &Receipt, ended: Result<(), Error>) -> Result<ExitCode, Failure> {
    let wants_json = global.output == Output::Json;
    if wants_json {
        session.ui.borrow_mut().json(&document(receipt, ended.as_ref().err()));
    } else if ended.is_ok() {
        session.ui.borrow_mut().result(receipt);
    } else if !receipt.steps.is_empty() {
        session.ui.borrow_mut().say(receipt);
    }
    for warning in receipt.warnings.iter().filter(|_| wants_json) {
        session.ui.borrow_mut().say(&Note::warning(warning.clone()));
    }
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(Failure { error, is_told: wants_json }),
    }
}

/// Gives the JSON document: the receipt, and the error where there is one.
pub(crate) fn document(receipt: &Receipt, error: Option<&Error>) -> serde_json::Value {
    let mut document = serde_json::to_value(receipt).unwrap_or_default();
    if let (Some(error), Some(map)) = (error, document.as_object_mut()) {
        map.insert("error".to_owned(), Report::of(error).as_json());
    }
    document
}

/// Settles the options: a flag, else what the settings say, else what is usual.
pub(crate) fn order(ground: &Ground, proof: &Proof) -> Result<Order, Error> {
    let settings = &ground.settings;
    let template = match proof.template {
        Some(template) => template,
        None => match settings.template(Key::Ubuntu2204Template)? {
            Some(found) => found.value,
            None => VmId::new(USUAL_TEMPLATE).ok_or(Error::NoFreeId { tries: 0 })?,
        },
    };
    let pool = match &proof.pool {
        Some(pool) => Some(pool.clone()),
        None => settings.pool()?.map(|found| found.value),
    };
    let wish = if proof.linked {
        Wish::Linked
    } else if proof.full || proof.storage.is_some() {
        Wish::Full(proof.storage.clone())
    } else {
        Wish::Whichever
    };
    Ok(Order {
        node: settings.node()?.map(|found| found.value),
        target: proof.target.clone(),
        template,
        vmid: proof.vmid,
        name: proof.name.clone(),
        wish,
        pool,
        start: start(proof),
        afterwards: if proof.keep { Afterwards::Keep } else { Afterwards::Destroy },
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
