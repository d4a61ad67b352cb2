//! Answers of a server: whatever it says, the client has data or an error with words, and never a panic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use glassdome::model::{NodeName, TokenId, Upid, VmId};
use glassdome::pve::{ApiError, Limits, Proxies, Pve, Sizes, Trust};
use tokio::runtime::Runtime;

use crate::server::{Authority, Server, ServerAction};

pub(crate) const EXAMPLES: [&str; 9] = [
    r#"{"data":{"version":"9.2.11","release":"9.2","repoid":"5a4ef0e1b5d5e2c8"}}"#,
    r#"{"data":[{"node":"pve","status":"online","ssl_fingerprint":"AB:CD","maxcpu":4}]}"#,
    r#"{"data":[{"vmid":9000,"node":"pve","type":"qemu","name":"ubuntu","template":1,"maxdisk":34359738368}]}"#,
    r#"{"data":{"name":"x","scsi0":"local-lvm:base-9000-disk-0,size=32G","net0":"virtio,bridge=vmbr0","template":1}}"#,
    r#"{"data":{"/vms/9000":{"VM.Clone":1,"VM.Audit":1},"/":{}}}"#,
    r#"{"data":[{"storage":"local-lvm","content":"images,rootdir","active":1,"shared":0,"avail":1099511627776}]}"#,
    r#"{"data":{"status":"stopped","exitstatus":"WARNINGS: 1","upid":"UPID:pve:1:2:3:qmclone:9000:a@b:"}}"#,
    r#"{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"VM 9000 already exists"}}"#,
    r#"{"data":[{"n":1,"t":"transferred 96.0 MiB of 1.0 GiB (9.38%)"}],"total":1}"#,
];

pub(crate) const WORDS: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e999",
    "99999999999999999999",
    "\\u0000",
    "\\ud800",
    "\"data\"",
    "\u{0}",
    "<html>",
    "\u{1b}[2J",
    "[[[[[[[[",
    "\"vmid\":\"x\"",
];

/// Statuses that are not tried again: each would take seconds.
const STATUSES: [u16; 10] = [200, 200, 200, 200, 204, 301, 400, 401, 403, 500];

/// A server that answers whatever comes next, and a client of it.
pub(crate) struct Replies {
    next: Arc<Mutex<(u16, Vec<u8>)>>,
    _server: Server,
    runtime: Runtime,
    pve: Pve,
    count: usize,
}

impl Replies {
    pub(crate) fn new() -> Self {
        let next = Arc::new(Mutex::new((200, Vec::new())));
        let given = Arc::clone(&next);
        let identity = Authority::new("the authority").good();
        let server = Server::start(&identity, move |_| {
            let (status, body) = given.lock().expect("it is whole").clone();
            let head = format!("HTTP/1.1 {status} Words\r\nContent-Length: {}\r\n\r\n", body.len());
            ServerAction::Keep([head.as_bytes(), &body].concat())
        });
        let minute = Duration::from_secs(60);
        let limits =
            Limits { connect: minute, answer: minute, outcome: minute, quiet: minute, size: Sizes::all(1 << 20) };
        let trust = Trust::Pinned(identity.fingerprint().into());
        let pve = Pve::new(server.endpoint(), &trust, limits, &Proxies::none()).expect("a client");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { next, _server: server, runtime, pve, count: 0 }
    }

    /// Lets the server answer this, and asks one question after the other, input by input.
    pub(crate) fn throw(&mut self, body: &[u8]) {
        self.count += 1;
        let status = STATUSES[self.count % STATUSES.len()];
        let body = if status == 204 { Vec::new() } else { body.to_vec() };
        *self.next.lock().expect("it is whole") = (status, body);
        let asked = self.runtime.block_on(ask(&self.pve, self.count));
        if let Err(why) = asked {
            assert!(!why.to_string().trim().is_empty(), "{why:?} has no words");
        }
    }
}

async fn ask(pve: &Pve, number: usize) -> Result<(), ApiError> {
    let node: NodeName = "pve".parse().expect("a node");
    let vmid = VmId::new(9000).expect("a VMID");
    let upid: Upid = "UPID:pve:00000132:0002DDB7:6B04F200:qmclone:9000:apex@pve:".parse().expect("a UPID");
    let token: TokenId = "apex@pve!tok".parse().expect("a token");
    match number % 19 {
        0 => pve.version().await.map(drop),
        1 => pve.nodes().await.map(drop),
        2 => pve.vms_where(&|_| true).await.map(drop),
        3 => pve.vms_on(&node).await.map(drop),
        4 => pve.vm_config(&node, vmid).await.map(drop),
        5 => pve.permissions(None, None).await.map(drop),
        6 => pve.storages(&node).await.map(drop),
        7 => pve.task_status(&upid).await.map(drop),
        8 => pve.task_log(&upid, 0, 50).await.map(drop),
        9 => pve.next_id().await.map(drop),
        10 => pve.domains().await.map(drop),
        11 => pve.bridges(&node).await.map(drop),
        12 => pve.token_entry(&token).await.map(drop),
        13 => pve.images(&node, "local").await.map(drop),
        14 => pve.active_tasks(&node).await.map(drop),
        15 => pve.pool_members().await.map(drop),
        16 => pve.start(&node, vmid).await.map(drop),
        17 => pve.quorum().await.map(drop),
        _ => pve.agent_addresses(&node, vmid).await.map(drop),
    }
}
