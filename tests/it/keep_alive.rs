//! Connections are kept where the server keeps them, whatever pair of `Connection` headers it sends: each new one would
//! cost a TLS handshake per step of a task. A newer hyper reads the pairs differently; a job of the workflow tries it.

use std::collections::BTreeSet;

use crate::client::{Pair, pair};
use crate::support::recorded::Recordings;
use crate::support::server::ServerAction;

/// How many requests follow each other.
const REQUESTS: usize = 5;

/// Lists the sets of `Connection` headers that real servers sent, each in their order.
fn recorded_pairs() -> BTreeSet<Vec<String>> {
    let mut pairs = BTreeSet::new();
    for recordings in [Recordings::load(), Recordings::of_two_nodes(), Recordings::of_version_8()] {
        for recording in recordings.0.values() {
            let headers = recording["response"]["headers"].as_array().into_iter().flatten();
            let values = headers.filter(|header| header[0] == "Connection").filter_map(|header| header[1].as_str());
            pairs.insert(values.map(str::to_owned).collect());
        }
    }
    pairs
}

/// Makes an answer with these `Connection` headers.
fn answer(connection: &[String]) -> Vec<u8> {
    let body = r#"{"data":{"version":"9.2.11"}}"#;
    let headers: String = connection.iter().map(|value| format!("Connection: {value}\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Counts the TLS handshakes of requests that follow each other.
async fn handshakes(respond: impl Fn() -> ServerAction + Send + Sync + 'static) -> usize {
    let Pair { server, pve } = pair(move |_| respond());
    for _ in 0..REQUESTS {
        pve.version().await.unwrap();
    }
    assert_eq!(server.asked().len(), REQUESTS);
    server.connections()
}

#[tokio::test]
async fn one_handshake_serves_a_run_with_every_recorded_pair_that_keeps_the_connection() {
    let kept: Vec<_> =
        recorded_pairs().into_iter().filter(|pair| pair.iter().any(|value| value.contains("Keep-Alive"))).collect();
    let contradictory = kept.iter().filter(|pair| pair.iter().any(|value| value.contains("close"))).count();
    assert!(contradictory >= 2, "{kept:?}");
    for pair in kept {
        let bytes = answer(&pair);
        assert_eq!(handshakes(move || ServerAction::Keep(bytes.clone())).await, 1, "{pair:?}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_replaced_at_each_request() {
    let close = vec!["close".to_owned()];
    assert!(recorded_pairs().contains(&close));
    let bytes = answer(&close);
    assert_eq!(handshakes(move || ServerAction::Close(bytes.clone())).await, REQUESTS);
}
