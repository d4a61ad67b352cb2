//! One case: what the dry run says, and what the server does.

use crate::scenario::Scenario;
use crate::server::Caller;
use crate::support::test_env::TestEnv;

/// What came of a case.
pub(crate) struct Comparison {
    /// What the two disagree about.
    pub(crate) difference: Option<String>,
    /// What both say, in a word.
    pub(crate) kind: String,
    pub(crate) story: String,
}

/// Compares the two.
pub(crate) fn compare(seed: u64) -> Comparison {
    let scenario = Scenario::random(seed);
    let stage = TestEnv::new();
    let (user, name, secret) = &scenario.token;
    stage.point_with(&scenario.sandbox, user, name, secret);
    let outcome = stage.glassdome(&format!("{} --dry-run --no-input -o json", scenario.request.flags()));
    let mut story = scenario.story.clone();
    let said = serde_json::from_str::<serde_json::Value>(&outcome.results).unwrap_or_default();
    story.push_str(&format!("    exit {}: {}\n", outcome.code, said["error"]["message"]));
    let caller = Caller::of(&scenario);
    let changes = scenario.sandbox.seen().iter().filter(|seen| seen.method != "GET").count();
    let answer = if outcome.code == 0 {
        let calls: Vec<&str> =
            said["calls"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
        let is_whole =
            !calls.is_empty() && calls.iter().any(|call| call.ends_with("/start")) == scenario.request.starts;
        if is_whole { caller.carry_out(&calls) } else { Err(format!("the calls are not whole: {calls:?}")) }
    } else {
        caller.clone_and_start(&scenario.request)
    };
    story.push_str(&format!("    server: {answer:?}\n"));
    let difference = match (outcome.code, &answer) {
        // The two logins of the scenario itself, and what it makes, are all that may have been sent.
        _ if changes > scenario.changes => Some("the dry run changed something".to_owned()),
        (0, Ok(())) => None,
        // Whether a node has such a device cannot be asked.
        (0, Err(why)) if why.contains("no such serial device") => {
            let is_warned = said["warnings"]
                .as_array()
                .is_some_and(|all| all.iter().any(|it| it.as_str().is_some_and(|it| it.starts_with("serial1 "))));
            (!is_warned).then(|| "nothing warns of the serial device".to_owned())
        }
        // Without Pool.Audit a pool that does not exist cannot be told from one that may not be seen.
        (0, Err(why)) if why.contains("pool 'nosuch' does not exist") && user == "u@pve" => None,
        (0, Err(why)) => Some(format!("the dry run is green, and the server says: {why}")),
        (code, Ok(())) => {
            Some(format!("the dry run ends with {code} ({}), and the server does it", said["error"]["message"]))
        }
        (3 | 7 | 8 | 9, Err(_)) => None,
        (code, Err(why)) => Some(format!("exit {code} for a refusal: {why}: {}", outcome.stderr)),
    };
    let kind = said["error"]["kind"].as_str().unwrap_or("done").to_owned();
    Comparison { difference, kind, story }
}
