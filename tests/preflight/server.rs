//! Clone, start, stop and removal as the API has them, without any look beforehand.

use serde_json::Value;

use crate::scenario::{Request, Scenario, TEMPLATE};
use crate::support::admin::exchange;

/// A VMID that is free.
const FREE: &str = "105";

/// The calls of a token.
pub(crate) struct Caller<'a> {
    scenario: &'a Scenario,
}

/// What was asked for in the end, and what became of it.
pub(crate) type Answer = Result<(), String>;

impl<'a> Caller<'a> {
    pub(crate) fn of(scenario: &'a Scenario) -> Self {
        Self { scenario }
    }

    /// Makes a call; gives its data, or the reason phrase.
    fn call(&self, method: &str, path: &str, form: &str) -> Result<Value, String> {
        let (user, name, secret) = &self.scenario.token;
        let request = format!(
            "{method} /api2/json{path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\
             Authorization: PVEAPIToken={user}!{name}={secret}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let answer = exchange(&self.scenario.sandbox, request.as_bytes());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let line = head.lines().next().unwrap_or_default();
        match line.split(' ').nth(1) {
            Some("200") => Ok(serde_json::from_str::<Value>(body).map_err(|why| why.to_string())?["data"].take()),
            _ => Err(format!("{method} {path} {form}: {line} {body}")),
        }
    }

    /// Makes a call that starts a task, and waits for its end.
    fn task(&self, method: &str, path: &str, form: &str) -> Answer {
        let upid = self.call(method, path, form)?;
        let upid = upid.as_str().unwrap_or_default();
        let node = upid.split(':').nth(1).unwrap_or_default();
        // Tasks take no time here: the next call sees the end.
        for _ in 0..1000 {
            let status = self.call("GET", &format!("/nodes/{node}/tasks/{upid}/status"), "")?;
            match status["exitstatus"].as_str() {
                Some("OK") => return Ok(()),
                Some(other) => return Err(format!("{method} {path} {form}: task {other}")),
                None => {}
            }
        }
        Err(format!("{method} {path} {form}: the task does not end"))
    }

    /// Makes the calls that a dry run names, `POST   /nodes/…/clone newid=… full=0`, to the last one.
    pub(crate) fn carry_out(&self, calls: &[&str]) -> Answer {
        for call in calls {
            let call = call.replace("NEWID", FREE);
            let mut words = call.split_whitespace();
            let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let form = words.collect::<Vec<_>>().join("&");
            if method == "DELETE" {
                self.unprotect(path)?;
            }
            self.task(method, path, &form)?;
        }
        Ok(())
    }

    /// Takes off a VM's protection, which a clone inherits.
    fn unprotect(&self, path: &str) -> Answer {
        let config = self.call("GET", &format!("{path}/config"), "")?;
        if config["protection"] == 1 {
            self.call("PUT", &format!("{path}/config"), "protection=0")?;
        }
        Ok(())
    }

    /// Clones and starts as the options ask for it.
    pub(crate) fn clone_and_start(&self, request: &Request) -> Answer {
        let source = self.scenario.sandbox.edit(|cluster| cluster.vms.get(&TEMPLATE).map(|vm| vm.node.clone()));
        let source = source.unwrap_or_default();
        let can_link = || {
            let path = format!("/nodes/{source}/qemu/{TEMPLATE}/feature?feature=clone");
            Ok::<bool, String>(self.call("GET", &path, "")?["hasFeature"] == 1)
        };
        let full = match request.full {
            Some(full) => full,
            None => !can_link()?,
        };
        let vmid = request.vmid.map_or_else(|| FREE.to_owned(), |vmid| vmid.to_string());
        let mut form = format!("newid={vmid}&full={}", u8::from(full));
        let target = request.target.as_ref().unwrap_or(&request.node);
        if *target != source {
            form.push_str(&format!("&target={target}"));
        }
        for (name, value) in [("storage", &request.storage), ("pool", &request.pool)] {
            if let Some(value) = value {
                form.push_str(&format!("&{name}={value}"));
            }
        }
        self.task("POST", &format!("/nodes/{source}/qemu/{TEMPLATE}/clone"), &form)?;
        let vm = format!("/nodes/{target}/qemu/{vmid}");
        if request.starts {
            self.task("POST", &format!("{vm}/status/start"), "")?;
            self.task("POST", &format!("{vm}/status/stop"), "")?;
        }
        self.unprotect(&vm)?;
        self.task("DELETE", &vm, "")
    }
}
