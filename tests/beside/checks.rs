//! What must hold whatever an administrator did meanwhile.

use std::collections::BTreeSet;

use glassdome::sandbox::auth::{Access, Release};

use crate::actions::{Action, Scene};
use crate::relay::{Acted, Ending, Request};
use crate::run::Case;
use crate::scenarios::PreparedScenario;
use crate::state::{State, token};
use crate::support::test_env::Outcome;

/// Paths at which everybody's privileges are compared, besides those that entries stand at.
const PATHS: [&str; 13] = [
    "/",
    "/access",
    "/vms",
    "/vms/100",
    "/vms/101",
    "/vms/9000",
    "/vms/9100",
    "/storage/local",
    "/storage/local-lvm",
    "/nodes/pve",
    "/sdn/zones/localnetwork/vmbr0",
    "/pool/lab",
    "/pool/fresh",
];

/// Everything there is to know after a combination.
pub(crate) struct FinalState<'a> {
    pub(crate) case: &'a Case,
    pub(crate) setting: &'a PreparedScenario,
    pub(crate) acted: &'a Acted,
    pub(crate) runs: &'a [Outcome],
    /// What the run asked for.
    pub(crate) requests: &'a [Request],
    /// What was asked for after it, where something cleaned up.
    pub(crate) later: &'a [Request],
    pub(crate) leaks: &'a [String],
    /// The settings file when the run had ended, before anything cleaned up.
    pub(crate) settings_then: Option<&'a str>,
    pub(crate) state: State,
    /// What is noted in the state folder.
    pub(crate) journal: String,
}

/// Lists the promises that were broken.
pub(crate) fn check(after: &FinalState<'_>) -> Vec<String> {
    let expected = after.expected();
    let mut broken = after.foreign(&expected);
    broken.extend(after.privileges(&expected));
    broken.extend(after.rotated());
    broken.extend(after.unnamed(&expected));
    broken.extend(after.settings());
    broken.extend(after.leaks.iter().map(|it| format!("credentials went to the other certificate: {it}")));
    broken.extend(after.runs.iter().filter_map(unexpected_end));
    broken
}

fn unexpected_end(run: &Outcome) -> Option<String> {
    let text = format!("{}{}", run.results, run.stderr);
    match run.code {
        -9 | 0 | 2..=10 if !text.contains("panicked at") => None,
        -6 => Some("it hangs".to_owned()),
        code => Some(format!("exit {code}")),
    }
}

impl FinalState<'_> {
    fn scene(&self) -> &Scene {
        &self.setting.scene
    }

    /// Gives what there would be without us.
    fn expected(&self) -> State {
        let mut expected = self.scene().start.clone();
        expected.things.retain(|key, _| !self.case.scenario.may_change(self.scene(), key));
        expected.follow(&self.acted.found, &self.acted.left);
        // A token that is to be rotated or revoked takes what it was granted with it, no matter who granted it.
        let goes = self.scene().ours.contains(&token(self.scene().token));
        let of_it = format!("acl/token:{}/", self.scene().token);
        expected.things.retain(|key, _| !(goes && key.starts_with(&of_it)));
        expected
    }

    /// Lists foreign things that are not as they were left.
    fn foreign(&self, expected: &State) -> Vec<String> {
        let mut broken = Vec::new();
        for (key, value) in &expected.things {
            let now = self.state.things.get(key);
            if now == Some(value) || self.was_at_the_last_moment(key) || self.was_never_seen(key) {
                continue;
            }
            broken.push(match now {
                None => format!("foreign and gone: {key}"),
                Some(now) => format!("foreign and changed: {key}\n      was {value}\n      is  {now}"),
            });
        }
        broken
    }

    /// Tells whether the administrator put his hand on a thing of ours right before the very request that removes or
    /// replaces it: between the two nothing can be read.
    fn was_at_the_last_moment(&self, key: &str) -> bool {
        let Some(request) = self.next_request(key) else { return false };
        let Some((kind, name)) = key.split_once('/') else { return false };
        let is_touched = self.acted.found.things.get(key) != self.acted.left.things.get(key);
        let is_new = !self.scene().start.things.contains_key(key) || self.scene().ours.iter().any(|it| it == key);
        let removes = request.method == "DELETE";
        let path = &request.path;
        match kind {
            "vm" => is_touched && is_new && request.changes() && holds_word(path, &format!("qemu/{name}")),
            "volume" => {
                let vmid = self.touched_vm();
                is_new
                    && removes
                    && (path.contains("/content/") || vmid.is_some_and(|it| path.ends_with(&format!("/qemu/{it}"))))
            }
            "user" | "token" | "member" => is_new && removes && path.contains("/access/users/"),
            "role" => is_new && removes && path.contains("/access/roles/"),
            "acl" => removes && (path.contains("/access/") || path.starts_with("/pools")),
            "pool" | "pool-vm" => is_new && removes && path.starts_with("/pools"),
            _ => false,
        }
    }

    /// Tells whether an image of ours was replaced before we could look at it for the first time.
    fn was_never_seen(&self, key: &str) -> bool {
        let (found, left) = (self.acted.found.things.get(key), self.acted.left.things.get(key));
        let is_replaced = key.contains(":import/") && found.is_some() && found != left;
        let before = self.requests.iter().take(self.acted.number - 1);
        let after = self.requests.iter().skip(self.acted.number - 1);
        let looks = |request: &&Request| request.method == "GET" && request.path.contains("/content?");
        let since_made = before.rev().take_while(|request| !request.changes());
        is_replaced && since_made.filter(looks).count() == 0 && after.filter(looks).count() > 0
    }

    /// Gives the request that came right after the administrator; where several VMs are worked on at once, the one for
    /// his.
    fn next_request(&self, key: &str) -> Option<&Request> {
        let mut requests = self.requests.iter().skip(self.acted.number - 1);
        match (self.case.scenario.name, key.strip_prefix("vm/").or(self.touched_vm())) {
            ("test-vm-count", Some(vmid)) => {
                requests.find(|request| holds_word(&request.path, &format!("qemu/{vmid}")))
            }
            _ => requests.next(),
        }
    }

    fn touched_vm(&self) -> Option<&str> {
        let is_touched = |key: &&String| self.acted.found.things.get(*key) != self.acted.left.things.get(*key);
        self.acted.left.things.keys().filter(is_touched).find_map(|key| key.strip_prefix("vm/"))
    }

    /// Lists who has fewer privileges than without us.
    fn privileges(&self, expected: &State) -> Vec<String> {
        let requests = self.requests.iter().skip(self.acted.number - 1).chain(if self.case.ending.is_kill() {
            self.later
        } else {
            &[]
        });
        if !requests.into_iter().any(Request::reads_rights) {
            return Vec::new(); // he came when all was done
        }
        let (without, with) = (expected.access(self.release()), self.state.access(self.release()));
        let paths = paths(&without, &with);
        let mut broken = Vec::new();
        for subject in subjects(&without) {
            for path in &paths {
                let (had, has) = (without.effective(&subject, path), with.effective(&subject, path));
                let lost: Vec<&String> = had.keys().filter(|privilege| !has.contains_key(*privilege)).collect();
                if !lost.is_empty()
                    && self
                        .state
                        .things
                        .contains_key(&format!("user/{}", subject.split('!').next().unwrap_or_default()))
                {
                    broken.push(format!("{subject} lost {} of {} privileges on {path}", lost.len(), had.len()));
                }
            }
        }
        broken.truncate(3);
        broken
    }

    /// Lists what a token that took the place of another one may less or more than that one.
    fn rotated(&self) -> Vec<String> {
        let (old, new) = (self.scene().token, format!("{}-2", self.scene().token));
        let is_too_late = self.requests.get(self.acted.number - 1).is_some_and(|it| it.method == "DELETE");
        let is_rotated = !is_too_late
            && self.case.scenario.name == "token-rotate"
            && self.state.things.contains_key(&token(&new))
            && !self.state.things.contains_key(&token(old));
        let mut all = self.scene().start.clone();
        all.follow(&self.acted.found, &self.acted.left);
        if !is_rotated || !all.things.contains_key(&token(old)) || !self.reads_rights_later() {
            return Vec::new();
        }
        let (without, with) = (all.access(self.release()), self.state.access(self.release()));
        let differs = |path: &String| without.effective(old, path) != with.effective(&new, path);
        let paths = paths(&without, &with).into_iter().filter(differs);
        paths.take(1).map(|path| format!("{new} may not the same as {old} on {path}")).collect()
    }

    fn reads_rights_later(&self) -> bool {
        let later = if self.case.ending.is_kill() { self.later } else { &[] };
        self.requests.iter().skip(self.acted.number - 1).chain(later).any(Request::reads_rights)
    }

    fn release(&self) -> Release {
        self.setting.relay.sandbox().edit(|cluster| cluster.release())
    }

    /// Lists what was made by us, is there, and is named nowhere.
    fn unnamed(&self, expected: &State) -> Vec<String> {
        let text: String = self.runs.iter().map(|run| format!("{}\n{}\n", run.results, run.stderr)).collect();
        let text = text + &self.journal;
        let is_of_others = |key: &String| {
            let (found, left) = (self.acted.found.things.get(key), self.acted.left.things.get(key));
            expected.things.contains_key(key)
                || self.scene().start.things.contains_key(key)
                || (found.is_none() && left.is_some())
        };
        let is_new = |key: &&String| !is_of_others(key);
        let ours = self.state.things.keys().filter(is_new);
        ours.filter(|key| !is_named(key, &text, self.scene())).map(|key| format!("left and unnamed: {key}")).collect()
    }

    /// Sees that the settings file is whole, and that what it holds works.
    fn settings(&self) -> Vec<String> {
        let path = self.setting.stage.path(".env");
        let now = std::fs::read_to_string(path).ok();
        let mut broken = Vec::new();
        for (when, text) in [("after the run", self.settings_then), ("at the end", now.as_deref())] {
            let Some(text) = text else {
                if self.setting.settings.is_some() {
                    broken.push(format!("{when}: the settings file is gone"));
                }
                continue;
            };
            broken.extend(not_whole(text, self.setting.settings.as_deref()).map(|why| format!("{when}: {why}")));
        }
        if let Some(text) = now {
            broken.extend(self.dead(&text));
        }
        broken
    }

    /// Tells whether the token of the settings file does not work, though no other user took it away.
    fn dead(&self, text: &str) -> Option<String> {
        let get = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        let (user, name, secret) = (get("PROXMOX_USER")?, get("PROXMOX_TOKEN_NAME")?, get("PROXMOX_TOKEN_VALUE")?);
        let is_revoked = self.case.scenario.name == "token-revoke" || self.case.action == Action::RevokeToken;
        let held = self.state.things.get(&token(&format!("{user}!{name}")));
        let works = held.is_some_and(|it| it.contains(secret));
        // A run that does not get the answer cannot know the secret, and says so; the next run makes another.
        let request = self.requests.get(self.acted.number - 1);
        let is_lost = self.case.ending == Ending::Cut && request.is_some_and(|it| it.body.contains("regenerate=1"));
        (!works && !is_revoked && !is_lost).then(|| format!("the settings file holds a dead secret of {user}!{name}"))
    }
}

fn paths(one: &Access, other: &Access) -> BTreeSet<String> {
    let entries = one.acl.entries().chain(other.acl.entries()).map(|it| it.path);
    entries.chain(PATHS.map(str::to_owned)).collect()
}

fn subjects(access: &Access) -> Vec<String> {
    let tokens = access.users.iter().flat_map(|(user, it)| it.tokens.keys().map(move |name| format!("{user}!{name}")));
    access.users.keys().cloned().chain(tokens).collect()
}

/// Tells what is wrong with a settings file that was written.
fn not_whole(text: &str, before: Option<&str>) -> Option<String> {
    if !text.ends_with('\n') {
        return Some("the settings file breaks off".to_owned());
    }
    let keys = ["PROXMOX_HOST=", "PROXMOX_USER=", "PROXMOX_TOKEN_NAME=", "PROXMOX_TOKEN_VALUE="];
    if let Some(key) = keys.into_iter().find(|key| !text.lines().any(|line| line.starts_with(key))) {
        return Some(format!("the settings file has no {key}"));
    }
    let kept = before.is_none_or(|_| text.contains("# of this machine\nOTHER=kept\n"));
    (!kept).then(|| "the settings file lost what others wrote".to_owned())
}

/// Tells whether something that we left is named in a text.
fn is_named(key: &str, text: &str, scene: &Scene) -> bool {
    let Some((kind, name)) = key.split_once('/') else { return false };
    let has = |word: &str| holds_word(text, word);
    match kind {
        "volume" => {
            let volume = name.split(" on ").next().unwrap_or_default();
            let number = volume.split(['-', '/', ':']).find_map(|part| part.parse::<u32>().ok());
            let of_vm = !volume.contains("import/") && number.is_some_and(|vmid| has(&vmid.to_string()));
            text.contains(volume) || of_vm
        }
        "token" => name.split_once('!').is_some_and(|(user, token)| has(name) || (has(user) && has(token))),
        "acl" => {
            let Some((subject, path)) = name.split_once(" on ") else { return false };
            let role = subject.rsplit_once('/').map_or("", |(_, role)| role);
            has(path) && has(role)
        }
        "pool-vm" => name.split_once(" in ").is_some_and(|(vmid, _)| has(vmid)),
        "member" | "group" => scene.user.is_empty(),
        _ => has(name),
    }
}

/// Tells whether a word stands in a text, and not only as a part of a longer one.
fn holds_word(text: &str, word: &str) -> bool {
    let is_part = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric());
    text.match_indices(word)
        .any(|(at, _)| !is_part(text[..at].chars().next_back()) && !is_part(text[at + word.len()..].chars().next()))
}
