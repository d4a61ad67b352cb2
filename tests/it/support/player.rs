//! Plays recorded requests against the pretended cluster, and compares the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use glassdome::sandbox::access::{Audience, Caller, Credentials, Refusal, Role, Token};
use glassdome::sandbox::cluster::{Cluster, Now};
use glassdome::sandbox::multipart::{Received, take_apart};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::recorded::Recordings;

/// What a request was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) json: Value,
}

/// One world, and what was played in it.
pub(crate) struct Player<'a> {
    recordings: &'a Recordings,
    cluster: Cluster,
    clock: Duration,
    upids: BTreeMap<String, String>,
    temporary: Option<String>,
    pub(crate) played: BTreeSet<String>,
    pub(crate) differences: Vec<String>,
}

impl<'a> Player<'a> {
    /// Begins in a world.
    pub(crate) fn new(recordings: &'a Recordings, cluster: Cluster) -> Self {
        Self {
            recordings,
            cluster,
            clock: Duration::ZERO,
            upids: BTreeMap::new(),
            temporary: None,
            played: BTreeSet::new(),
            differences: Vec::new(),
        }
    }

    /// Changes the world.
    pub(crate) fn edit(&mut self, change: impl FnOnce(&mut Cluster)) {
        change(&mut self.cluster);
    }

    /// Lets every task come to its end.
    pub(crate) fn finish(&mut self) {
        self.edit(Cluster::hurry);
    }

    /// Lets time go by.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.clock += time;
    }

    /// Plays recordings one after the other, each followed by its task's end where its name begins with a plus.
    pub(crate) fn play(&mut self, names: &str) {
        for word in names.split_whitespace() {
            let name = word.trim_start_matches('+');
            self.play_one(name);
            if word.starts_with('+') {
                self.finish();
            }
        }
    }

    /// Puts a file where a call that was not recorded finds it, under the name that a recording has for it.
    pub(crate) fn send_file(&mut self, recorded: &str, bytes: Vec<u8>) -> String {
        let temporary = self.temporary_in(recorded).expect("a temporary name");
        self.cluster.uploads.insert(temporary.clone(), Received::of(&bytes));
        temporary
    }

    /// Finds the name of a temporary file in what was recorded.
    fn temporary_in(&self, recorded: &str) -> Option<String> {
        let text = self.recordings.0.get(recorded)?["response"]["body"].as_str()?;
        let start = text.find("/var/tmp/pveupload-")?;
        let end = text[start..].find(|it: char| !it.is_ascii_alphanumeric() && !"/-".contains(it))?;
        Some(text[start..start + end].to_owned())
    }

    fn play_one(&mut self, name: &str) {
        self.temporary = self.temporary_in(&format!("{name}-task-log"));
        let recording = self.recordings.0.get(name).unwrap_or_else(|| panic!("no recording {name}"));
        let answer = self.send(&recording["request"], moment(&recording["response"]), &recording["response"]);
        if let Some(upid) = recording["response"]["json"]["data"].as_str().filter(|data| data.starts_with("UPID:")) {
            let ours = answer.json["data"].as_str().unwrap_or_default();
            self.upids.insert(upid.to_owned(), ours.to_owned());
        }
        self.played.insert(name.to_owned());
        let differences = differences(&answer, &recording["response"]);
        self.differences.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    /// Says that a recorded task is the last one that was started here.
    pub(crate) fn is_last_task(&mut self, recorded: &str) {
        let url = self.recordings.0[recorded]["request"]["url"].as_str().unwrap();
        let upid = url.split('/').find(|part| part.starts_with("UPID:")).unwrap().to_owned();
        let ours = self.cluster.tasks.last().unwrap().upid.clone();
        self.upids.insert(upid, ours);
    }

    /// Makes a call that was not recorded.
    pub(crate) fn call(&mut self, subject: &str, method: &str, path: &str, query: &str) {
        let params = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let caller = Caller { subject: subject.to_owned() };
        let now = Now { unix: 1_795_490_000, since_start: self.clock };
        self.cluster.call(method, path, &params, &caller, now).unwrap();
    }

    /// Adds what came to the server later.
    pub(crate) fn add_later(&mut self) {
        let recordings = self.recordings;
        self.edit(|cluster| recordings.add_later(&mut cluster.access));
    }

    /// Gives a token the secret that it has in the recordings.
    pub(crate) fn lend_recorded_secret(&mut self, user: &str, name: &str) {
        let secret = self.recordings.secret(&format!("{user}!{name}"));
        let token = Token { secret, privsep: false, expire: 0, comment: None };
        self.edit(|cluster| {
            cluster.access.users.get_mut(user).unwrap().tokens.insert(name.to_owned(), token);
        });
    }

    /// Gives a user privileges at a path, by a role of their own.
    pub(crate) fn grant_privileges(&mut self, user: &str, path: &str, privileges: &str) {
        self.edit(|cluster| {
            let role = format!("Only{}", cluster.access.roles.len());
            let privileges = privileges.split(',').map(str::to_owned).collect();
            cluster.access.roles.insert(role.clone(), Role { privileges, special: false });
            cluster.access.grant(user, path, &role);
        });
    }

    /// Sends one request; this alone knows how it travels.
    fn send(&mut self, request: &Value, unix: u64, expected: &Value) -> Answer {
        self.clock += Duration::from_millis(1);
        let now = Now { unix, since_start: self.clock };
        let url = request["url"].as_str().unwrap();
        let url = url.strip_prefix("/api2/json").unwrap_or_else(|| panic!("{url} is not below /api2/json"));
        let (path, query) = url.split_once('?').unwrap_or((url, ""));
        let path = percent_encoding::percent_decode_str(path).decode_utf8().unwrap().into_owned();
        let path = self.upids.iter().fold(path, |path, (theirs, ours)| path.replace(theirs, ours));
        let method = request["method"].as_str().unwrap();
        let body = request["body"].as_str().unwrap_or_default();
        let mut params = parameters(query, body);
        if let Some(parts) = request["headers"]["Content-Type"].as_str().and_then(|it| take_apart(it, body.as_bytes()))
        {
            params = parts.fields;
            let temporary = self.temporary.take().unwrap_or_else(|| "/var/tmp/pveupload-0".to_owned());
            self.cluster.uploads.insert(temporary.clone(), parts.file);
            params.insert("tmpfilename".to_owned(), temporary);
        }
        self.sign_parameters(&mut params, now.unix);
        let caller = match self.caller(method, &path, request, now.unix, expected["status"] != 401) {
            Ok(caller) => caller,
            Err(reason) => return Answer { status: 401, reason, json: Value::Null },
        };
        answer(self.cluster.call(method, &path, &params, &caller, now))
    }

    fn caller(&self, method: &str, path: &str, request: &Value, unix: u64, valid: bool) -> Result<Caller, String> {
        let audience = Cluster::knows(method, path).map(|(known, _)| known.audience());
        if audience == Some(Audience::World) {
            return Ok(Caller { subject: String::new() });
        }
        let header = |name: &str| request["headers"][name].as_str().map(str::to_owned);
        let (mut cookie, mut authorization) = (header("Cookie"), header("Authorization"));
        let mut csrf = header("CSRFPreventionToken");
        let signer = &self.cluster.access.signer;
        for place in [&mut cookie, &mut authorization] {
            let user = place.as_deref().and_then(ticket_holder).filter(|_| valid || method != "GET");
            if let Some(user) = user {
                *place = Some(format!("PVEAuthCookie={}", signer.ticket(&user, unix)));
                csrf = if valid { Some(signer.csrf(&user, unix)) } else { csrf.clone() };
            }
        }
        let credentials = Credentials {
            cookie: cookie.as_deref(),
            authorization: authorization.as_deref(),
            csrf: csrf.as_deref(),
            changes: method != "GET",
        };
        self.cluster.access.authenticate(credentials, unix).map_err(|stranger| stranger.reason)
    }

    /// Replaces tickets that were signed with a key that nobody has.
    fn sign_parameters(&self, params: &mut BTreeMap<String, String>, unix: u64) {
        let user = params.get("username").cloned().unwrap_or_default();
        let signer = &self.cluster.access.signer;
        if let Some(challenge) = params.get_mut("tfa-challenge") {
            *challenge = signer.challenge(&user, unix);
        } else if let Some(ticket) = params.get_mut("password").filter(|password| password.starts_with("PVE:")) {
            *ticket = signer.ticket(&user, unix);
        }
    }
}

/// Reads the user out of a ticket in a header.
fn ticket_holder(header: &str) -> Option<String> {
    let header = header.replace("%3A", ":").replace("%40", "@");
    let (_, ticket) = header.split_once("PVEAuthCookie=PVE:")?;
    ticket.split(':').next().filter(|user| user.contains('@')).map(str::to_owned)
}

/// Reads the parameters off the query and the body, a form or a JSON object.
fn parameters(query: &str, body: &str) -> BTreeMap<String, String> {
    let mut params: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    match serde_json::from_str::<Map<String, Value>>(body) {
        Ok(fields) => params.extend(fields.into_iter().map(|(key, value)| (key, plain(&value)))),
        Err(_) if body.starts_with('<') && body.ends_with("bytes>") => {
            params.insert("description".to_owned(), "x".repeat(70_000));
        }
        Err(_) => params.extend(form_urlencoded::parse(body.as_bytes()).into_owned()),
    }
    params
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(on) => u8::from(*on).to_string(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn answer(outcome: Result<glassdome::sandbox::cluster::Reply, Refusal>) -> Answer {
    let refused = |status: u16, message: String, errors: Option<BTreeMap<String, String>>| {
        let mut json = json!({"data": null, "message": format!("{message}\n")});
        if let Some(errors) = errors {
            json["errors"] = json!(errors);
        }
        Answer { status, reason: message, json }
    };
    match outcome {
        Ok(reply) => {
            let mut json = json!({ "data": reply.data });
            if let Some(total) = reply.total {
                json["total"] = json!(total);
            }
            Answer { status: 200, reason: "OK".to_owned(), json }
        }
        Err(Refusal::Forbidden(None)) => refused(403, "Permission check failed".to_owned(), None),
        Err(Refusal::Forbidden(Some(what))) => refused(403, format!("Permission check failed ({what})"), None),
        Err(Refusal::Invalid(errors)) => refused(400, "Parameter verification failed.".to_owned(), Some(errors)),
        Err(Refusal::Failed(why)) => refused(500, why, None),
        Err(Refusal::NotLoggedIn) => refused(401, "authentication failure".to_owned(), None),
        Err(Refusal::Status { status: 595, reason }) => Answer { status: 595, reason, json: Value::Null },
        Err(Refusal::Status { status, reason }) => refused(status, reason, None),
    }
}

/// Lists what is not alike in two answers.
fn differences(ours: &Answer, theirs: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: Value, theirs: Value| {
        if ours != theirs {
            found.push(format!("{what}\n    ours   {ours}\n    theirs {theirs}"));
        }
    };
    compare("status", json!(ours.status), theirs["status"].clone());
    let reason = theirs["reason"].as_str().unwrap_or_default();
    compare("reason", json!(ours.reason.lines().next().unwrap_or_default()), json!(reason));
    compare("errors", ours.json["errors"].clone(), theirs["json"]["errors"].clone());
    compare("exit", ours.json["data"]["exitstatus"].clone(), theirs["json"]["data"]["exitstatus"].clone());
    for key in ["status", "qmpstatus", "hasFeature", "lock", "type", "name", "template"] {
        compare(key, ours.json["data"][key].clone(), theirs["json"]["data"][key].clone());
    }
    compare("last line", last_line(&ours.json), last_line(&theirs["json"]));
    if theirs["status"] == 200 {
        compare("shape", shape(&ours.json), shape(&theirs["json"]));
    }
    found
}

/// Finds the last line of a log that says how a task ended.
fn last_line(json: &Value) -> Value {
    let last = json["data"].as_array().and_then(|lines| lines.last()?["t"].as_str());
    json!(last.filter(|line| line.starts_with("TASK")))
}

/// Puts types in the place of values; a list becomes the set of what is in it.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("text"),
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items.iter().map(|item| shape(item).to_string()).collect();
            json!(shapes)
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| {
                let key = if key.starts_with("tap") { "tap" } else { key };
                (key.to_owned(), shape(field))
            })
            .collect(),
    }
}

/// Reads when a call was made off its answer, for one-time codes hold only then.
fn moment(response: &Value) -> u64 {
    let date = response["headers"].as_array().unwrap().iter().find(|header| header[0] == "Date").unwrap();
    let date = OffsetDateTime::parse(&date[1].as_str().unwrap().replace("GMT", "+0000"), &Rfc2822).unwrap();
    u64::try_from(date.unix_timestamp()).unwrap()
}
