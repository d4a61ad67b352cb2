//! A simulated Proxmox VE API on a real TLS socket; it runs on a thread of its own, keeps nothing, and stops on drop.

mod api;
pub mod auth;
pub mod cluster;
mod faults;
pub mod server;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;

use auth::Release;
use cluster::Cluster;
use server::certificate::{Authority, Leaf};
use server::connection;
use server::shared::Shared;

pub use faults::{Distortion, Fault, KINDS, UnknownFault};
pub use server::certificate::Flaw;
pub use server::shared::Seen;

/// The token that is offered as a default, and its secret.
const DEFAULT_TOKEN: (&str, &str, &str) = ("apex@pve", "glassdome-token", "00000000-1111-2222-3333-444444444444");

/// How the simulated server behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 is a free one.
    pub listen: SocketAddr,
    /// How many nodes the cluster has.
    pub nodes: u8,
    /// Whether the templates are on a storage that all nodes share.
    pub shared_storage: bool,
    /// The version that it says it is, `9.2.11` for example.
    pub pve_version: String,
    /// How much later every answer comes.
    pub latency: Duration,
    /// How long a clone takes; other tasks take their share of it.
    pub task_time: Duration,
    /// What numbers and addresses are drawn from.
    pub seed: u64,
    /// How long a 401 is held back.
    pub auth_delay: Duration,
    /// How long a node is waited for that does not answer.
    pub unreachable_delay: Duration,
    /// How long a lock of the cluster is waited for that cannot be had without a quorum.
    pub lock_delay: Duration,
    /// Whether the server's own `qm cleanup` runs late after the end of a VM, so that it holds the lock of a VM that has
    /// been started under the same number meanwhile.
    pub late_cleanup: bool,
    /// How often the nodes report to the cluster's lists; without it lists are always up to date.
    pub report_every: Option<Duration>,
    /// Failures to rehearse.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            nodes: 1,
            shared_storage: false,
            pve_version: "9.2.11".to_owned(),
            latency: Duration::ZERO,
            task_time: Duration::from_millis(400),
            seed: 0,
            auth_delay: Duration::from_secs(3),
            unreachable_delay: Duration::from_secs(3),
            lock_delay: Duration::from_secs(10),
            late_cleanup: true,
            report_every: Some(Duration::from_secs(10)),
            faults: Vec::new(),
        }
    }
}

/// A user who may log in, for the announcement.
#[derive(Debug, Clone, Serialize)]
pub struct UserRecord {
    /// The user.
    pub userid: &'static str,
    /// Its password.
    pub password: &'static str,
    /// The secret of its second factor, where it needs one.
    pub totp: Option<&'static str>,
}

/// A token, for the announcement.
#[derive(Debug, Clone, Serialize)]
pub struct TokenRecord {
    /// The full token ID.
    pub tokenid: &'static str,
    /// Its secret.
    pub secret: &'static str,
    /// Whether it has privilege separation.
    pub privsep: bool,
}

/// A simulated server that listens.
pub struct Sandbox {
    address: SocketAddr,
    fingerprint: [u8; 32],
    ca_pem: String,
    shared: Arc<Shared>,
    authority: Arc<Authority>,
    leaf: Arc<Mutex<Leaf>>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a server; it listens when this returns.
    ///
    /// # Errors
    /// If it cannot listen there, or is to pretend a version that is none.
    pub fn start(options: Options) -> io::Result<Self> {
        let release = release(&options.pve_version)?;
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut cluster = Cluster::standard(release, options.nodes, options.task_time, options.seed);
        if options.shared_storage {
            cluster.share_templates();
        }
        cluster.late_cleanup = options.late_cleanup.then(|| options.task_time * 2);
        cluster.report_every = options.report_every;
        let authority = Authority::new("6c1c2a3e-0000-4000-8000-5a11dba55000")?;
        let leaf = authority.leaf(&cluster.local, Flaw::None)?;
        cluster.certificates = serde_json::json!([authority.card(), leaf.card()]);
        let local = cluster.local.clone();
        if let Some(node) = cluster.nodes.get_mut(&local) {
            node.fingerprint = leaf.fingerprint;
        }
        let ca_pem = authority.pem().to_owned();
        let flaw = options.faults.iter().find_map(|fault| fault.flaw());
        let flawed = flaw.map(|flaw| Ok::<_, io::Error>((flaw, authority.leaf(&local, flaw)?))).transpose()?;
        let fingerprint = flawed.as_ref().map_or(leaf.fingerprint, |(_, leaf)| leaf.fingerprint);
        let shared = Arc::new(Shared::new(options, cluster));
        let (stop, stopped) = watch::channel(false);
        let (authority, leaf) = (Arc::new(authority), Arc::new(Mutex::new(leaf)));
        let worker = connection::Server {
            shared: Arc::clone(&shared),
            authority: Arc::clone(&authority),
            leaf: Arc::clone(&leaf),
            flawed: flawed.map(|(flaw, leaf)| (flaw, leaf.config)),
        };
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            // Without a runtime there is no server, and its clients see that.
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(worker.serve(listener, stopped));
            }
        })?;
        Ok(Self { address, fingerprint, ca_pem, shared, authority, leaf, stop, thread: Some(thread) })
    }

    /// Returns where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of its web interface.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Returns the SHA-256 fingerprint of its certificate.
    #[must_use]
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Renews its certificate, as a node does two weeks before the end, or puts a strange one in its place; returns the
    /// new fingerprint.
    ///
    /// # Errors
    /// If no certificate can be made.
    pub fn renew_certificate(&self, flaw: Flaw) -> io::Result<[u8; 32]> {
        let local = self.edit(|cluster| cluster.local.clone());
        let leaf = match flaw {
            Flaw::Foreign => Authority::new("custom")?.leaf(&local, flaw)?,
            _ => self.authority.leaf(&local, flaw)?,
        };
        let fingerprint = leaf.fingerprint;
        self.edit(|cluster| {
            cluster.certificates = serde_json::json!([self.authority.card(), leaf.card()]);
            if let Some(node) = cluster.nodes.get_mut(&local) {
                node.fingerprint = fingerprint;
            }
        });
        *self.leaf.lock().unwrap_or_else(PoisonError::into_inner) = leaf;
        Ok(fingerprint)
    }

    /// Returns the certificate of its authority as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Lists who may log in.
    #[must_use]
    pub fn users(&self) -> Vec<UserRecord> {
        let user = |userid, totp| UserRecord { userid, password: "sandbox", totp };
        vec![
            user("root@pam", None),
            user("apex@pve", None),
            user("totp@pve", Some("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")),
            user("nobody@pve", None),
        ]
    }

    /// Lists the tokens.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenRecord> {
        vec![
            TokenRecord { tokenid: "apex@pve!glassdome-token", secret: DEFAULT_TOKEN.2, privsep: false },
            TokenRecord {
                tokenid: "apex@pve!powerless",
                secret: "00000000-1111-2222-3333-555555555555",
                privsep: true,
            },
        ]
    }

    /// Returns the user, the name and the secret of the token that is offered as a default.
    #[must_use]
    pub const fn default_token(&self) -> (&'static str, &'static str, &'static str) {
        DEFAULT_TOKEN
    }

    /// Knows a token that an earlier sandbox made.
    pub fn remember(&self, user: &str, name: &str, secret: &str) {
        self.edit(|cluster| cluster.access.remember(user, name, secret));
    }

    /// Lists the requests so far, in the order in which they were read.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen()
    }

    /// Counts the TLS handshakes so far.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.shared.handshakes()
    }

    /// Looks at the cluster, or changes it.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        change(&mut self.shared.cluster())
    }

    /// Changes the cluster right before each call is carried out, of which the verb and the path are
    /// given.
    pub fn before_call(&self, act: impl FnMut(&str, &str, &mut Cluster) + Send + 'static) {
        self.shared.set_before_call(Box::new(act));
    }

    /// Adds a failure to rehearse.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.add_fault(fault);
    }

    /// Ends all failures.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Waits until so many requests were read; says whether they were in time.
    #[must_use]
    pub fn wait_until_seen(&self, count: usize, within: Duration) -> bool {
        self.shared.wait_until_seen(count, within)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.stop.send(true); // a server that is gone already has no receiver
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has been printed there
        }
    }
}

fn release(text: &str) -> io::Result<Release> {
    let bad = || {
        io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}` is no version of Proxmox VE, as 9.2.11 is one"))
    };
    let numbers: Vec<u32> = text.split(['.', '-']).map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
    match numbers.as_slice() {
        [major @ 6..=99] => Ok(Release { major: *major, minor: 0, patch: 0 }),
        [major @ 6..=99, minor] => Ok(Release { major: *major, minor: *minor, patch: 0 }),
        [major @ 6..=99, minor, patch] => Ok(Release { major: *major, minor: *minor, patch: *patch }),
        _ => Err(bad()),
    }
}
