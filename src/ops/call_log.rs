//! Logs the calls to the server: with `-vv` every response, with `-v` every retry, and without either a problem that
//! lasts.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::pve::{CallEvent, Pve};
use crate::session::Session;
use crate::ui::{Note, Printable};

/// The first attempt that is reported without `-v`: by then more than a second has passed.
const FIRST_REPORTED_ATTEMPT: usize = 3;

/// Makes a client report its calls.
pub(crate) fn log_calls(pve: Pve, session: &Session) -> Pve {
    let ui = session.ui.clone();
    // Calls that are made at once meet the same trouble at once.
    let last = RefCell::new(String::new());
    let is_unheard = Cell::new(false);
    let (calls, server) = (session.ui.open_calls(), pve.endpoint().authority());
    pve.observed_by(Rc::new(move |event| {
        // A call may be dropped while something is drawn.
        match event {
            CallEvent::Started => return calls.begin(&server),
            CallEvent::Finished => return calls.end(),
            _ => {}
        }
        match event {
            CallEvent::Started | CallEvent::Finished => {}
            CallEvent::Answered { method, path, status, took } => {
                if *status < 400 && is_unheard.replace(false) {
                    ui.info(&Note::found("the server is responding again".to_owned()));
                }
                let path = path.strip_prefix("/api2/json").unwrap_or(path);
                ui.debug(&Note::plain(format!("{method} {} {status}, {} ms", Printable(path), took.as_millis())));
            }
            CallEvent::PollingFailed(trouble) => {
                if !is_unheard.replace(true) {
                    let (seconds, why) = (trouble.lasting.as_secs_f64(), Printable(&trouble.why));
                    let text = format!("no response from the server for {seconds:.0} s ({why}); retrying");
                    ui.warn(text);
                }
            }
            CallEvent::EntrySkipped { what, name } => {
                let text = format!("ignoring an entry of {what} with an invalid name: {name}");
                if last.replace(text.clone()) != text {
                    ui.warn(text);
                }
            }
            CallEvent::Retry { why, pause, number } => {
                let why = why.to_string();
                let text = format!("{}; attempt {number} in {:.1} s", Printable(&why), pause.as_secs_f64());
                if last.replace(text.clone()) == text {
                    return;
                }
                if *number >= FIRST_REPORTED_ATTEMPT {
                    ui.warn(text);
                } else {
                    ui.verbose(&Note::plain(text));
                }
            }
        }
    }))
}
