//! `glassdome sandbox`.

use std::time::Duration;

use clap::Args;

use crate::cli::options::whole;
use crate::sandbox::KINDS;

/// How the simulated server is started.
const EXAMPLES: &str = "Examples:
  glassdome sandbox
  glassdome sandbox --nodes 3 --task-time 20s -o json
  glassdome sandbox --fault task-stuck --fault clock-ahead";

/// Gives the examples and every failure that can be rehearsed, in the words of the sandbox's own table.
fn long_help() -> String {
    let faults = KINDS.iter().map(|(word, about)| format!("\n  {word}\n      {about}"));
    let heading = "Failures for --fault; requests and responses are counted from 1, over all connections:";
    format!("{EXAMPLES}\n\n{heading}{}", faults.collect::<String>())
}

/// Run a simulated Proxmox VE server, for rehearsals and for testing scripts
///
/// It listens on loopback unless --listen says otherwise, and its passwords are public. Nothing is saved; stop it with Ctrl-C. On start it prints its address, fingerprint and logins; with `-o json` as one
/// line on standard output as soon as it is listening.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub struct Sandbox {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8006", value_parser = socket_address)]
    pub listen: std::net::SocketAddr,
    /// Number of nodes in the simulated cluster
    #[arg(long, value_name = "N", default_value = "1", value_parser = |text: &str| whole(text, 1..=32_u8))]
    pub nodes: u8,
    /// Put the templates on shared storage
    #[arg(long)]
    pub shared_storage: bool,
    /// Version of Proxmox VE to simulate
    #[arg(long, value_name = "VERSION", default_value = "9.2.11")]
    pub pve_version: String,
    /// Delay of every response, e.g. 100ms or 1.5s
    #[arg(long, value_name = "TIME", value_parser = time_span, default_value = "0s")]
    pub latency: Duration,
    /// Duration of a clone task, e.g. 100ms or 1.5s
    #[arg(long, value_name = "TIME", value_parser = time_span, default_value = "400ms")]
    pub task_time: Duration,
    /// Seed for generated IDs and addresses
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    pub seed: u64,
    /// Failure to simulate (repeatable; listed below by --help)
    #[arg(long, value_name = "KIND")]
    pub fault: Vec<String>,
    /// Exit when standard input is closed
    #[arg(long)]
    pub until_stdin_closes: bool,
}

/// Reads an address with its port.
fn socket_address(text: &str) -> Result<std::net::SocketAddr, String> {
    text.trim().parse().map_err(|_| "write ADDRESS:PORT, e.g. 127.0.0.1:8006".to_owned())
}

/// Reads a span of time with its unit, `100ms` or `1.5s`; without one it is seconds.
fn time_span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 0.001),
        (None, Some(number)) => (number, 1.0),
        (None, None) => (text, 1.0),
    };
    let value: f64 = number.trim().parse().map_err(|_| "expected a time such as `100ms` or `1.5s`".to_owned())?;
    if (0.0..=3_600_000.0).contains(&value) {
        Ok(Duration::from_secs_f64(value * unit))
    } else {
        Err("must be from 0 to one hour".to_owned())
    }
}
