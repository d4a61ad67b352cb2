//! Shows what the program is waiting for, if it takes long enough to be noticed.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};
use crate::session::Session;
use crate::ui::Progress;

/// A wait that is shorter than this is not shown.
const SHOW_AFTER: Duration = Duration::from_millis(250);
const REDRAW_INTERVAL: Duration = Duration::from_millis(250);

/// Waits for a future, and shows what for and for how long.
pub(crate) async fn with_spinner<T>(session: &Session, what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let began = session.clock.now();
    let mut pause = SHOW_AFTER;
    loop {
        tokio::select! {
            biased;
            output = &mut future => {
                session.ui.end_progress(what);
                return output;
            }
            () = session.clock.sleep(pause) => {}
        }
        pause = REDRAW_INTERVAL;
        let seconds = session.clock.now().duration_since(began).as_secs_f64();
        let progress =
            Progress { task: what.to_owned(), what: what.to_owned(), seconds, percent: None, detail: String::new() };
        session.ui.progress(&progress);
    }
}

/// How often the spinners turn.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// Runs a command; on a terminal its spinners turn, and no wait for the server is without one.
pub(crate) async fn with_spinners<T>(session: &Session, command: impl Future<Output = T>) -> T {
    if !session.ui.is_live() {
        return command.await;
    }
    let mut command = pin!(command);
    loop {
        tokio::select! {
            biased;
            output = &mut command => {
                session.ui.clear_progress();
                return output;
            }
            () = SystemClock.sleep(FRAME_INTERVAL) => session.ui.tick(),
        }
    }
}
