//! Plays recorded requests against the pretended cluster, and compares the answers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use glassdome::sandbox::auth::{Caller, Role, Token};
use glassdome::sandbox::cluster::Received;
use glassdome::sandbox::cluster::{Cluster, Now};
use glassdome::sandbox::server::exchange::exchange;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::recorded::Recordings;

/// What a request was answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordedAnswer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) json: Value,
    pub(crate) text: String,
    pub(crate) has_length: bool,
}

/// One world, and what was played in it.
pub(crate) struct Replay<'a> {
    pub(crate) recordings: &'a Recordings,
    pub(crate) cluster: Cluster,
    clock: Duration,
    upids: BTreeMap<String, String>,
    pub(crate) played: BTreeSet<String>,
    pub(crate) differences: Vec<String>,
}

impl<'a> Replay<'a> {
    /// Begins in a world.
    pub(crate) fn new(recordings: &'a Recordings, cluster: Cluster) -> Self {
        Self {
            recordings,
            cluster,
            clock: Duration::ZERO,
            upids: BTreeMap::new(),
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
        self.edit(Cluster::fast_forward);
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

    /// Plays everything whose name begins with one of these words, in the order in which it was recorded; a task comes
    /// to its end where the end is what was asked for next.
    pub(crate) fn play_all(&mut self, prefixes: &str) {
        let recordings = self.recordings;
        let mut names: Vec<(u64, &Value, &str)> = recordings
            .0
            .iter()
            .filter(|(name, _)| prefixes.split_whitespace().any(|prefix| name.starts_with(prefix)))
            .filter(|(name, _)| !self.played.contains(*name))
            .map(|(name, recording)| (moment(&recording["response"]), &recording["seq"], name.as_str()))
            .collect();
        names.sort_by_key(|(moment, seq, _)| (*moment, seq.as_u64()));
        for (_, _, name) in names {
            self.play_one(name);
            if recordings.0.contains_key(&format!("{name}-task-status")) {
                self.finish();
            }
        }
    }

    /// Notes what is not played, so that `play_all` passes it over.
    pub(crate) fn leave_out(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.played.extend(names.into_iter().map(str::to_owned));
    }

    /// Puts a file where a call that was not recorded finds it; gives its name.
    pub(crate) fn send_file(&mut self, bytes: &[u8]) -> String {
        let temporary = "/var/tmp/pveupload-0".to_owned();
        self.cluster.uploads.insert(temporary.clone(), Received::of(bytes));
        temporary
    }

    fn play_one(&mut self, name: &str) {
        let answer = self.answer_to(name);
        self.played.insert(name.to_owned());
        let differences = differences(&answer, &self.recordings.0[name]["response"]);
        self.differences.extend(differences.into_iter().map(|difference| format!("{name}: {difference}")));
    }

    /// Sends what was recorded; remembers the task that it begins, and gives a token that it makes its recorded secret.
    pub(crate) fn answer_to(&mut self, name: &str) -> RecordedAnswer {
        let recording = self.recordings.0.get(name).unwrap_or_else(|| panic!("no recording {name}"));
        if let Some(asked) = recording["asked"].as_str() {
            asked.split(' ').next().unwrap().clone_into(&mut self.cluster.local);
        }
        let answer = self.send(&recording["request"], &recording["response"]);
        if let Some(upid) = recording["response"]["json"]["data"].as_str().filter(|data| data.starts_with("UPID:")) {
            let ours = answer.json["data"].as_str().unwrap_or_default();
            self.upids.insert(upid.to_owned(), ours.to_owned());
        }
        let made = &recording["response"]["json"]["data"];
        if let (Some(id), Some(secret)) = (made["full-tokenid"].as_str(), made["value"].as_str()) {
            let (user, name) = id.split_once('!').unwrap();
            let user = self.cluster.access.users.get_mut(user).unwrap();
            user.tokens.get_mut(name).unwrap().secret = secret.to_owned();
        }
        answer
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
        let now = Now { unix: 1_767_669_200, since_start: self.clock };
        self.cluster.call(method, path, &params, &caller, now).unwrap();
    }

    /// Adds what came to the server later.
    pub(crate) fn add_later(&mut self) {
        let recordings = self.recordings;
        self.edit(|cluster| recordings.add_later(&mut cluster.access));
    }

    /// Gives a token the secret that it has in the recordings.
    pub(crate) fn add_recorded_token(&mut self, user: &str, name: &str) {
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

    /// Sends one request, with the names of our own tasks and tickets of our own.
    fn send(&mut self, request: &Value, expected: &Value) -> RecordedAnswer {
        self.clock += Duration::from_millis(1);
        let now = Now { unix: moment(expected), since_start: self.clock };
        let bytes = self.bytes(request, now.unix, expected["status"] != 401);
        let answer = exchange(&mut self.cluster, &bytes, now).expect("a whole request");
        let json = serde_json::from_str(&answer.body).unwrap_or_default();
        let (text, has_length) = (answer.body, answer.has_length);
        RecordedAnswer { status: answer.status, reason: answer.reason, json, text, has_length }
    }

    /// Writes a request as it goes over the wire.
    fn bytes(&self, request: &Value, unix: u64, valid: bool) -> Vec<u8> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (method, mut url) = (text(&request["method"]), text(&request["url"]));
        for (theirs, ours) in &self.upids {
            let encoded = theirs.replace(':', "%3A");
            let throughout = encoded.replace('@', "%40").replace('!', "%21");
            url = url.replace(theirs, ours).replace(&encoded, ours).replace(&throughout, ours);
        }
        let body = self.signed(&text(&request["body"]), unix);
        let mut head = format!("{method} {url} HTTP/1.1\r\n");
        let mut signed_for = None;
        for (name, value) in request["headers"].as_object().unwrap() {
            let holder = ticket_holder(&text(value)).filter(|_| valid || method != "GET");
            let value = match (name.as_str(), &holder) {
                ("Content-Length", _) => body.len().to_string(),
                ("Cookie" | "Authorization", Some(user)) => {
                    format!("PVEAuthCookie={}", self.cluster.access.signer.ticket(user, unix))
                }
                _ => text(value),
            };
            signed_for = holder.or(signed_for);
            if name != "CSRFPreventionToken" || !valid {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if let Some(user) = signed_for.filter(|_| valid) {
            head.push_str(&format!("CSRFPreventionToken: {}\r\n", self.cluster.access.signer.csrf(&user, unix)));
        }
        format!("{head}\r\n{body}").into_bytes()
    }

    /// Replaces the tickets of a form, which were signed with a key that is not known.
    fn signed(&self, body: &str, unix: u64) -> String {
        let user = body.split('&').find_map(|field| field.strip_prefix("username=")).unwrap_or_default();
        let (user, signer) = (user.replace("%40", "@"), &self.cluster.access.signer);
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let field = |field: &str| match field.split_once('=') {
            Some((name @ "tfa-challenge", _)) => format!("{name}={}", encoded(&signer.challenge(&user, unix))),
            Some((name @ "password", old)) if old.starts_with("PVE%3A") => {
                format!("{name}={}", encoded(&signer.ticket(&user, unix)))
            }
            _ => field.to_owned(),
        };
        body.split('&').map(field).collect::<Vec<_>>().join("&")
    }
}

/// Reads the user out of a ticket in a header.
fn ticket_holder(header: &str) -> Option<String> {
    let header = header.replace("%3A", ":").replace("%40", "@");
    let (_, ticket) = header.split_once("PVEAuthCookie=PVE:")?;
    ticket.split(':').next().filter(|user| user.contains('@')).map(str::to_owned)
}

/// Lists what is not alike in two answers.
fn differences(ours: &RecordedAnswer, theirs: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: &str, ours: Value, theirs: Value| {
        if without_chance(&ours) != without_chance(&theirs) {
            found.push(format!("{what}\n    ours   {ours}\n    theirs {theirs}"));
        }
    };
    compare("status", json!(ours.status), theirs["status"].clone());
    let reason = theirs["reason"].as_str().unwrap_or_default();
    compare("reason", json!(ours.reason.lines().next().unwrap_or_default()), json!(reason));
    compare("message", ours.json["message"].clone(), theirs["json"]["message"].clone());
    compare("body", json!(ours.json.is_null()), json!(theirs["json"].is_null()));
    compare("length", json!(ours.has_length), json!(has_length(theirs)));
    if theirs["json"].is_null() {
        compare("text", json!(ours.text), theirs["body"].clone());
    }
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

fn has_length(response: &Value) -> bool {
    response["headers"].as_array().unwrap().iter().any(|header| header[0] == "Content-Length")
}

/// Takes the name of a temporary file out of what is said of it.
fn without_chance(value: &Value) -> String {
    let text = value.to_string();
    for made_up in ["/var/tmp/pveupload-", ".conf.tmp."] {
        if let Some((before, after)) = text.split_once(made_up) {
            return format!("{before}{}", after.trim_start_matches(|sign: char| sign.is_ascii_hexdigit()));
        }
    }
    text
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
pub(crate) fn moment(response: &Value) -> u64 {
    let date = response["headers"].as_array().unwrap().iter().find(|header| header[0] == "Date").unwrap();
    let date = OffsetDateTime::parse(&date[1].as_str().unwrap().replace("GMT", "+0000"), &Rfc2822).unwrap();
    u64::try_from(date.unix_timestamp()).unwrap()
}
