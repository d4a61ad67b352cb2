//! From a request to what becomes of it: who calls, what the cluster says, and which fault is rehearsed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sandbox::api::routes::{Audience, find};
use crate::sandbox::auth::{Credentials, Refusal};
use crate::sandbox::cluster::packed;
use crate::sandbox::cluster::{Cluster, Now, Reply};
use crate::sandbox::faults::Fault;
use crate::sandbox::faults::cluster_faults;
use crate::sandbox::faults::wire_faults::{self, Distortion};
use crate::sandbox::server::answer::Answer;
use crate::sandbox::server::multipart::Parts;
use crate::sandbox::server::proxied_calls;
use crate::sandbox::server::request::{Head, Parameters};
use crate::sandbox::server::shared::{Seen, Shared};

/// Parameters that are never shown.
const SECRETS: [&str; 4] = ["password", "tfa-challenge", "otp", "confirmation-password"];

/// What becomes of a request.
pub(crate) enum Outcome {
    /// It is answered.
    Answer(Answer),
    /// It is answered, and the answer goes wrong on its way.
    Distorted(Answer, Distortion),
    /// Nothing is answered, and the connection stays.
    Hold,
    /// Its connection is reset.
    Reset,
}

/// Processes a request.
pub(crate) async fn process(shared: &Arc<Shared>, head: &Head, body: &[u8], connection: u64) -> Outcome {
    let parameters = parameters(&mut shared.cluster(), head, body);
    let known = parameters.as_ref().map_or_else(|_| BTreeMap::new(), shown);
    let path = head.path.strip_prefix("/api2/json").unwrap_or(&head.path).to_owned();
    let seen =
        Seen { method: head.method.clone(), path: path.clone(), query_and_body: known, connection, status: None };
    let number = shared.note(seen);
    let decided = before(shared, number, &path);
    shared.decided();
    if let Some(outcome) = decided {
        return outcome;
    }
    let answer = match parameters {
        Err(answer) => answer,
        Ok(parameters) => {
            shared.before_call(&head.method, &path);
            cluster_faults::before_call(shared, &head.method, &path, &parameters);
            let answer = answer(shared, head, &parameters).await;
            let is_lost = cluster_faults::way(shared, parameters.get("newid")) == Some(cluster_faults::Way::Unanswered);
            if is_lost && head.method == "POST" {
                shared.answered(number, answer.status);
                return Outcome::Reset;
            }
            answer
        }
    };
    shared.answered(number, answer.status);
    after(shared, number, &path, answer)
}

/// Reads the parameters of a request; a file that was sent is put where its call finds it.
pub(crate) fn parameters(cluster: &mut Cluster, head: &Head, body: &[u8]) -> Parameters {
    match head.upload(body) {
        Some(parts) => Ok(received(cluster, parts)),
        None => head.parameters(body),
    }
}

fn received(cluster: &mut Cluster, parts: Parts) -> BTreeMap<String, String> {
    let temporary = format!("/var/tmp/pveupload-{}", cluster.rng.uuid().replace('-', ""));
    cluster.uploads.insert(temporary.clone(), parts.file);
    let mut parameters = parts.fields;
    parameters.insert("tmpfilename".to_owned(), temporary);
    parameters
}

/// Masks secrets.
fn shown(parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mask = |(name, value): (&String, &String)| {
        let value = if SECRETS.contains(&name.as_str()) { "****".to_owned() } else { packed::shown(value) };
        (name.clone(), value)
    };
    parameters.iter().map(mask).collect()
}

/// Rehearses what happens to a request before it is processed.
fn before(shared: &Shared, number: usize, path: &str) -> Option<Outcome> {
    if path.contains("/tasks/") && path.contains(":qmclone:") {
        if shared.has(|fault| *fault == Fault::GoneInClone) {
            shared.shut_down();
            return Some(Outcome::Hold);
        }
        shared.away(|fault| matches!(fault, Fault::RestartInClone | Fault::NodeLost));
    }
    if shared.is_away(Fault::RestartInClone) {
        return Some(Outcome::Reset);
    }
    if shared.is_away(Fault::NodeLost) && path.starts_with("/nodes/") {
        return Some(Outcome::Answer(Answer::bare(595, "No route to host")));
    }
    let is_polling = path.contains("/tasks/") && path.ends_with("/status");
    shared.find(|fault| match fault {
        Fault::HoldBefore(from) if number >= *from => Some(Outcome::Hold),
        Fault::ResetBefore(at) if number == *at => Some(Outcome::Reset),
        Fault::UnauthenticatedFrom(from) if number >= *from => {
            Some(Outcome::Answer(Answer::bare(401, "Authentication failed!")))
        }
        Fault::ForbiddenPolling if is_polling => {
            Some(Outcome::Answer(Answer::refusal(&Refusal::Forbidden(Some("/nodes/pve, Sys.Audit".to_owned())))))
        }
        Fault::Gateway(status) => Some(Outcome::Answer(gateway_error(*status))),
        Fault::Redirect => Some(Outcome::Answer(Answer::moved(301, "https://elsewhere.invalid/"))),
        Fault::NotProxmox => {
            Some(Outcome::Answer(Answer::page(404, "Not Found", "<html><center>nginx</center></html>")))
        }
        _ => None,
    })
}

fn gateway_error(status: u16) -> Answer {
    let reason = match status {
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Gateway Timeout",
    };
    Answer::page(status, reason, &format!("<html><head><title>{status} {reason}</title></head></html>"))
}

/// Rehearses what happens to the answer.
fn after(shared: &Shared, number: usize, path: &str, answer: Answer) -> Outcome {
    let kept = shared.find(|fault| match fault {
        Fault::HoldAfter(from) if number >= *from => Some(Outcome::Hold),
        Fault::ResetAfter(at) if number == *at => Some(Outcome::Reset),
        _ => None,
    });
    if let Some(kept) = kept {
        return kept;
    }
    let has = |wanted: Fault| shared.has(|fault| *fault == wanted);
    let mut answer = answer;
    if has(Fault::ManyVms) && path == "/cluster/resources" {
        answer = wire_faults::crowded(answer);
    }
    if has(Fault::LogShrinks) && path.contains("/tasks/") && path.ends_with("/log") {
        answer = answer.with_data(|_| serde_json::json!([{"n": 1, "t": "the log begins here"}]));
    }
    if has(Fault::StandardPhrases) && answer.status == 500 {
        answer = answer.with_reason(|_| "Internal Server Error".to_owned());
    }
    if has(Fault::Escapes) {
        answer = wire_faults::escaped(answer);
    }
    let how = shared.find(|fault| match fault {
        Fault::StallBody => Some(Distortion::StallBody),
        Fault::Distorted(how, at) if number == *at => Some(*how),
        _ => None,
    });
    match how {
        Some(how) => Outcome::Distorted(how.of_content(answer), how),
        None => Outcome::Answer(answer),
    }
}

/// Answers as the API does, some refusals later than the rest.
async fn answer(shared: &Arc<Shared>, head: &Head, parameters: &BTreeMap<String, String>) -> Answer {
    let now = shared.now();
    let Reaction { answer, clone } = react(&mut shared.cluster(), head, parameters, now);
    if let Some(upid) = clone {
        let (shared, newid) = (Arc::clone(shared), parameters.get("newid").cloned());
        tokio::spawn(async move { cluster_faults::disturb(&shared, &upid, newid.as_ref()).await });
    }
    if answer.is_held_back() {
        shared.sleep(shared.options.auth_delay).await;
    }
    if answer.status == 595 {
        shared.sleep(shared.options.unreachable_delay).await;
    }
    if answer.reason.ends_with("error: no quorum!") {
        shared.sleep(shared.options.lock_delay).await;
    }
    answer
}

/// What a request brings about.
pub(crate) struct Reaction {
    /// Its answer.
    pub(crate) answer: Answer,
    /// The task of the clone that it began.
    clone: Option<String>,
}

impl From<Answer> for Reaction {
    fn from(answer: Answer) -> Self {
        Self { answer, clone: None }
    }
}

/// Answers as the API does at this moment.
pub(crate) fn react(cluster: &mut Cluster, head: &Head, parameters: &BTreeMap<String, String>, now: Now) -> Reaction {
    let (path, is_web) = match (head.path.strip_prefix("/api2/json"), head.path.strip_prefix("/api2/extjs")) {
        (Some(path), _) => (path, false),
        (None, Some(path)) => (path, true),
        (None, None) if head.path == "/" => {
            let page = "<!DOCTYPE html><html><head><title>pve - Proxmox Virtual Environment</title></head></html>";
            return Answer::page(200, "OK", page).into();
        }
        (None, None) => {
            return unformatted(head).into();
        }
    };
    let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
    let (answer, clone) = match call(cluster, head, path, parameters, now) {
        Ok(reply) => {
            let clone = reply.data.as_str().filter(|text| text.contains(":qmclone:")).map(str::to_owned);
            (Answer::data(reply), clone)
        }
        // Who may send a file is asked together with who it is, before the file is read.
        Err(refused) if refused.status == 403 && head.is_upload() => (refused.without_body(), None),
        Err(refused) => (refused, None),
    };
    let answer = match is_web {
        true => answer.for_web_interface(),
        false if cluster.release().repeats_errors_in_the_body() => answer,
        false => answer.without_message(),
    };
    let answer = if proxied_calls::answers(&head.method, path) { answer.of_daemon() } else { answer };
    Reaction { answer, clone }
}

/// Refuses what is no path of the API, or of a form that it does not have.
fn unformatted(head: &Head) -> Answer {
    match head.path.strip_prefix("/api2/").and_then(|rest| rest.split_once('/')) {
        Some((format, path)) => Answer::text(501, &format!("no formatter for uri /{path}, {format}")),
        None => {
            let why = format!("no handler defined for method '{}' and path '{}'", head.method, head.path);
            Answer::bare(501, why)
        }
    }
}

/// Makes the call for the caller that its headers name.
fn call(
    cluster: &mut Cluster,
    head: &Head,
    path: &str,
    parameters: &BTreeMap<String, String>,
    now: Now,
) -> Result<Reply, Answer> {
    let known = find(&head.method, path).map(|(route, _)| route.audience);
    let credentials = Credentials {
        cookie: head.header("cookie"),
        authorization: head.header("authorization"),
        csrf: head.header("csrfpreventiontoken"),
        changes: head.method != "GET",
    };
    let caller = match cluster.access.authenticate(credentials, now.unix) {
        Ok(caller) => caller,
        Err(_) if known.is_some_and(Audience::is_open) => crate::sandbox::auth::Caller { subject: String::new() },
        Err(stranger) => return Err(Answer::bare(401, stranger.reason)),
    };
    let Some(audience) = known else {
        let reason = format!("Method '{} {path}' not implemented", head.method);
        return Err(Answer::refusal(&Refusal::Status { status: 501, reason }));
    };
    if audience.excludes_tokens() && caller.token().is_some() {
        let what = format!("URI '{path}' not available with API token, need proper ticket.");
        return Err(Answer::without_bracket(&what));
    }
    cluster.call(&head.method, path, parameters, &caller, now).map_err(|refusal| Answer::refusal(&refusal))
}
