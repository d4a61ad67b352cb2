//! The steps of set-up, in their order.

mod git;

use std::process::ExitCode;

use crate::cli::{Global, Setup};
use crate::commands::Failure;
use crate::session::Session;

/// Sets up.
pub(crate) async fn run(session: &Session, global: &Global, arguments: &Setup) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
