//! The calls about tasks: lists, status, log, and an end before their time.

use serde_json::{Value, json};

use crate::sandbox::api::nodes::fields;
use crate::sandbox::auth::{Refusal, names};
use crate::sandbox::cluster::tasks::{Task, is_own};
use crate::sandbox::cluster::{Cluster, Reply, Request};

/// How many lines or tasks are told where no number is asked for.
const FEW: u64 = 50;

/// `GET /cluster/tasks`: the newest of every node; without Sys.Audit a token sees none, not even its own.
pub(crate) fn newest(cluster: &Cluster, request: Request<'_>) -> Reply {
    let all = cluster.allows(request, "/", &["Sys.Audit"]);
    let shown = cluster.tasks.iter().rev().filter(|task| all || task.caller.user() == request.caller.subject).take(25);
    let entries = shown.map(|task| {
        let mut reply = fields(summary(task));
        match task.status() {
            Some(_) => ["pid", "pstart"].iter().for_each(|process| drop(reply.remove(*process))),
            None => drop(reply.remove("status")),
        }
        reply.insert("saved".to_owned(), json!(if task.status().is_some() { "1" } else { "0" }));
        Value::Object(reply)
    });
    entries.collect::<Value>().into()
}

/// `GET /nodes/{node}/tasks`: those that are over, those that run, or both.
pub(crate) fn list(cluster: &Cluster, request: Request<'_>) -> Reply {
    let all = cluster.allows(request, &format!("/nodes/{}", request.node()), &["Sys.Audit"]);
    let of_state = |task: &Task| match request.get("source") {
        Some("active") => task.status().is_none(),
        Some("all") => true,
        _ => task.status().is_some(),
    };
    let here = cluster.tasks.iter().rev().filter(|task| task.node == request.node() && of_state(task));
    let shown: Vec<&Task> =
        here.filter(|task| (all || is_own(task, request.caller)) && is_wanted(task, request)).collect();
    let (start, limit) = (request.number("start").unwrap_or(0), request.number("limit").unwrap_or(FEW));
    let page = shown.iter().skip(count(start)).take(count(limit));
    let total = u64::try_from(shown.len()).ok().filter(|total| *total > 0);
    Reply { data: page.map(|task| in_list(task)).collect(), total }
}

fn is_wanted(task: &Task, request: Request<'_>) -> bool {
    let status = task.status().unwrap_or_default();
    let class = match status {
        "OK" => "ok",
        _ if status.starts_with("WARNINGS: ") => "warning",
        "" | "unexpected status" => "unknown",
        _ => "error",
    };
    let classes = request.text("statusfilter");
    let since = request.number("since").is_none_or(|since| task.started >= since);
    let until = request.number("until").is_none_or(|until| task.started <= until);
    since
        && until
        && (!request.is_on("errors") || class != "ok")
        && (classes.is_empty() || names::list(classes).any(|wanted| wanted == class))
        && request.get("vmid").is_none_or(|vmid| task.id == vmid)
        && request.get("typefilter").is_none_or(|kind| task.kind == kind)
        && request.get("userfilter").is_none_or(|user| task.caller.subject.contains(user))
}

fn in_list(task: &Task) -> Value {
    let mut reply = fields(summary(task));
    if task.status().is_none() {
        reply.insert("saved".to_owned(), json!("0"));
        reply.insert("user".to_owned(), json!(task.caller.subject));
        reply.remove("tokenid");
    }
    Value::Object(reply)
}

/// Tells what every list and status says of a task.
fn summary(task: &Task) -> Value {
    let mut reply = fields(json!({
        "upid": task.upid,
        "node": task.node,
        "type": task.kind,
        "id": task.id,
        "user": task.caller.user(),
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": task.started,
        "status": task.status().unwrap_or("RUNNING"),
    }));
    reply.extend(task.ended().map(|ended| ("endtime".to_owned(), json!(ended))));
    reply.extend(task.caller.token().map(|token| ("tokenid".to_owned(), json!(token))));
    Value::Object(reply)
}

/// `GET /nodes/{node}/tasks/{upid}/status`.
pub(crate) fn status(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let task = existing(cluster, request)?;
    may_touch(cluster, request, Some(task), "Sys.Audit")?;
    let mut reply = fields(summary(task));
    reply.remove("endtime");
    let (state, exit) = match task.status() {
        Some(exit) => ("stopped", Some(exit)),
        None => ("running", None),
    };
    reply.insert("status".to_owned(), json!(state));
    reply.extend(exit.map(|exit| ("exitstatus".to_owned(), json!(exit))));
    Ok(Value::Object(reply).into())
}

/// `GET /nodes/{node}/tasks/{upid}/log`: of a task that is unknown it has one line, which says so.
pub(crate) fn log(cluster: &Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    well_formed(request)?;
    if request.is_on("download") && (request.get("start").is_some() || request.get("limit").is_some()) {
        let why = "'download' cannot be used together with 'start' or 'limit' parameters";
        return Err(Refusal::Failed(why.to_owned()));
    }
    let task = cluster.task(request.text("upid"));
    if task.is_some() || !is_named_after(request) {
        may_touch(cluster, request, task, "Sys.Audit")?;
    }
    let lines: Vec<&str> = match task {
        Some(task) => task.log(request.now.since_start).collect(),
        None => vec!["unable to open file - No such file or directory"],
    };
    let (start, limit) = (request.number("start").unwrap_or(0), request.number("limit").unwrap_or(FEW));
    let limit = if limit == 0 { usize::MAX } else { count(limit) };
    let page = lines.iter().zip(1..).skip(count(start)).take(limit);
    let data: Value = page.map(|(line, number): (_, u64)| json!({"n": number, "t": line})).collect();
    let data = match data {
        Value::Array(mut only) if task.is_none() && !cluster.release().lists_unknown_logs() => {
            only.pop().unwrap_or_default()
        }
        data => data,
    };
    Ok(Reply { data, total: u64::try_from(lines.len()).ok() })
}

/// `DELETE /nodes/{node}/tasks/{upid}`: of a task that is over nothing changes.
pub(crate) fn stop(cluster: &mut Cluster, request: Request<'_>) -> Result<Reply, Refusal> {
    let task = existing(cluster, request)?;
    may_touch(cluster, request, Some(task), "Sys.Modify")?;
    cluster.interrupt(request.text("upid"), request.now.since_start);
    Ok(Value::Null.into())
}

fn existing<'a>(cluster: &'a Cluster, request: Request<'_>) -> Result<&'a Task, Refusal> {
    well_formed(request)?;
    cluster.task(request.text("upid")).ok_or_else(|| Refusal::parameter("upid", "no such task"))
}

/// Demands the form of a task's name.
fn well_formed(request: Request<'_>) -> Result<(), Refusal> {
    let parts: Vec<&str> = request.text("upid").split(':').collect();
    let is_number = |part: &str| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = match parts.as_slice() {
        ["UPID", node, pid, pstart, started, kind, _, user, ""] => {
            !node.is_empty()
                && [pid, pstart, started].iter().all(|part| is_number(part))
                && !kind.is_empty()
                && !user.is_empty()
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(Refusal::parameter("upid", "unable to parse worker upid")) }
}

/// Tells whether the name of a task says that the caller asked for it.
fn is_named_after(request: Request<'_>) -> bool {
    let subject = request.text("upid").split(':').nth(7).unwrap_or_default();
    subject == request.caller.subject || names::owner(subject) == request.caller.subject
}

fn may_touch(cluster: &Cluster, request: Request<'_>, task: Option<&Task>, privilege: &str) -> Result<(), Refusal> {
    if task.is_some_and(|task| is_own(task, request.caller)) {
        return Ok(());
    }
    cluster.demand(request, &format!("/nodes/{}", request.node()), &[privilege])
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
