//! Sends a request that creates something, and repeats it if the server could not start a worker for it.

use std::time::Duration;

use crate::error::Error;
use crate::model::Upid;
use crate::pve::{ApiError, RefusalReason};
use crate::session::Session;
use crate::ui::Note;

/// The pauses before the second and the third request: the server was busy ending another worker.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Asks for a task that creates something. Where the server could start no worker for it, nothing was created as a rule:
/// once a look has shown that, it is asked again. Where something is there all the same, the outcome is unknown.
pub(crate) async fn create_once(
    session: &Session,
    ask: impl AsyncFn() -> Result<Upid, ApiError>,
    is_absent: impl AsyncFn() -> Result<bool, Error>,
) -> Result<Upid, ApiError> {
    for pause in PAUSES {
        let why = match ask().await {
            Err(why) if why.is_for(RefusalReason::NoWorker) => why,
            asked => return asked,
        };
        session.clock.sleep(pause).await;
        if !matches!(is_absent().await, Ok(true)) {
            return Err(ApiError::OutcomeUnknown { source: Box::new(why) });
        }
        session.ui.verbose(&Note::plain(format!("{why}; nothing was created, trying again")));
    }
    ask().await
}
