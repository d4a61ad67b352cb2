//! A server in front of the sandbox that passes one request after the other, and stops before one of them: there the
//! administrator acts, and there a run is let go on, refused, cut off or killed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use glassdome::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::actions::{Action, Scene};
use crate::state::State;
use crate::support::admin;
use crate::support::server::{Authority, Identity};

/// What becomes of the request before which the administrator acted, and of the run that sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is answered, and the run goes on.
    GoOn,
    /// It is refused unread, with 500.
    Refuse,
    /// It is carried out, and its connection ends without an answer.
    Cut,
    /// The run is killed, and the request is not carried out.
    KillBefore,
    /// It is carried out, and the run is killed before it has the answer.
    KillAfter,
}

impl Ending {
    pub(crate) const ALL: [Self; 5] = [Self::GoOn, Self::Refuse, Self::Cut, Self::KillBefore, Self::KillAfter];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GoOn => "go-on",
            Self::Refuse => "refuse",
            Self::Cut => "cut",
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
        }
    }

    pub(crate) fn is_kill(self) -> bool {
        matches!(self, Self::KillBefore | Self::KillAfter)
    }
}

/// Which request is meant.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Before {
    /// This one, counted from 1.
    Number(usize),
    /// The first one of this kind.
    First(fn(&Request) -> bool),
}

/// What is to happen, and before which request.
pub(crate) struct Plan {
    pub(crate) before: Before,
    pub(crate) action: Option<(Action, Scene)>,
    pub(crate) ending: Ending,
}

/// A request on its way.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path below `/api2/json`, decoded, with the query.
    pub(crate) path: String,
    /// Its body, as far as it is text.
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn changes(&self) -> bool {
        self.method != "GET" && self.path != "/access/ticket"
    }

    /// Tells whether it reads entries of the access control list, or what they amount to.
    pub(crate) fn reads_rights(&self) -> bool {
        self.method == "GET" && (self.path.starts_with("/access/permissions") || self.path.starts_with("/access/acl"))
    }

    /// Gives a parameter of its body, whatever form the body has.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let form = form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name);
        let part = || {
            let rest = self.body.split_once(&format!("name=\"{name}\""))?.1;
            Some(rest.split_once("\r\n\r\n")?.1.lines().next()?.to_owned())
        };
        let file = || {
            let rest = self.body.split_once("filename=\"")?.1;
            Some(rest.split('"').next()?.to_owned())
        };
        form.map(|(_, value)| value.into_owned())
            .or_else(part)
            .or_else(|| if name == "filename" { file() } else { None })
    }

    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(16 * 1024)).unwrap_or_default()).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut words = head.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let path = target.strip_prefix("/api2/json").unwrap_or(target);
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
        Self { method, path, body: body.to_owned() }
    }
}

/// What the administrator found and left.
pub(crate) struct Acted {
    pub(crate) found: State,
    pub(crate) left: State,
    /// Which request it was that he came before, counted from 1.
    pub(crate) number: usize,
}

#[derive(Default)]
struct Gate {
    upstream: Option<Upstream>,
    plan: Option<Plan>,
    requests: Vec<Request>,
    /// What there was before each request, while a run is recorded.
    states: Option<Vec<State>>,
    acted: Option<Acted>,
    leaks: Vec<String>,
}

struct Inner {
    sandbox: Sandbox,
    gate: Mutex<Gate>,
    trusted: Arc<ServerConfig>,
    other: Arc<ServerConfig>,
    is_changed: AtomicBool,
    is_over: AtomicBool,
    child: Mutex<Option<Pid>>,
    started: Condvar,
}

/// The certificates of a relay: the one that is trusted, and the one that another authority signed.
pub(crate) struct Identities {
    pub(crate) authority: Authority,
    pub(crate) trusted: Identity,
    other: Identity,
}

impl Identities {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("Proxmox Virtual Environment");
        let trusted = authority.good();
        let other = Authority::new("A machine in between").good();
        Self { authority, trusted, other }
    }
}

/// A relay in front of a sandbox; both end when it is dropped.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    inner: Arc<Inner>,
}

impl Relay {
    pub(crate) fn start(sandbox: Sandbox, identities: &Identities) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let versions = rustls::ALL_VERSIONS;
        let inner = Arc::new(Inner {
            sandbox,
            gate: Mutex::default(),
            trusted: identities.trusted.config(versions),
            other: identities.other.config(versions),
            is_changed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            child: Mutex::default(),
            started: Condvar::new(),
        });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for socket in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(socket), shared) = (socket, Arc::clone(&shared)) else { return };
                thread::spawn(move || {
                    let _ = shared.serve(socket); // a client that leaves early is no failure
                });
            }
        });
        Self { address, inner }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.inner.sandbox
    }

    /// Begins to count anew, with another plan.
    pub(crate) fn plan(&self, plan: Option<Plan>) {
        let mut gate = self.inner.gate();
        *self.inner.child.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let upstream = gate.upstream.take();
        *gate = Gate { upstream, plan, ..Gate::default() };
    }

    /// Begins to count anew, and keeps what there is before each request.
    pub(crate) fn record(&self) {
        self.plan(None);
        self.inner.gate().states = Some(Vec::new());
    }

    /// Learns which process is to be killed.
    pub(crate) fn knows(&self, child: Pid) {
        *self.inner.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        self.inner.started.notify_all();
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.inner.gate().requests.clone()
    }

    pub(crate) fn states(&self) -> Vec<State> {
        self.inner.gate().states.take().unwrap_or_default()
    }

    pub(crate) fn acted(&self) -> Option<Acted> {
        self.inner.gate().acted.take()
    }

    /// Lists what was sent to a certificate that was not to be trusted.
    pub(crate) fn leaks(&self) -> Vec<String> {
        self.inner.gate().leaks.clone()
    }

    /// Presents the trusted certificate again.
    pub(crate) fn restore_certificate(&self) {
        self.inner.is_changed.store(false, Ordering::SeqCst);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.inner.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the thread that waits for connections
    }
}

/// What becomes of a request.
enum RequestOutcome {
    /// These bytes are sent, and the connection stays.
    Answer(Vec<u8>),
    /// These bytes are sent, and the connection ends.
    Last(Vec<u8>),
    /// The connection ends.
    End,
}

impl Inner {
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let is_other = self.is_changed.load(Ordering::SeqCst);
        let config = if is_other { &self.other } else { &self.trusted };
        let session = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(session, socket);
        while let Some(bytes) = read_message(&mut stream, Kind::Request)? {
            match self.pass(&bytes, is_other) {
                RequestOutcome::Answer(answer) => stream.write_all(&answer)?,
                RequestOutcome::Last(answer) => {
                    stream.write_all(&answer)?;
                    break;
                }
                RequestOutcome::End => break,
            }
            stream.flush()?;
        }
        stream.conn.send_close_notify();
        stream.flush()
    }

    /// Passes a request on, or does what the plan says.
    fn pass(&self, bytes: &[u8], is_other: bool) -> RequestOutcome {
        let request = Request::of(bytes);
        let mut gate = self.gate();
        if is_other && carries_credentials(bytes) {
            gate.leaks.push(format!("{} {}", request.method, request.path));
        }
        if is_other != self.is_changed.load(Ordering::SeqCst) {
            return RequestOutcome::End;
        }
        if gate.states.is_some() {
            let state = self.sandbox.edit(|cluster| State::of(cluster));
            gate.states.get_or_insert_default().push(state);
        }
        gate.requests.push(request.clone());
        let number = gate.requests.len();
        let is_now = gate.plan.as_ref().is_some_and(|plan| match plan.before {
            Before::Number(at) => at == number,
            Before::First(test) => test(&request),
        });
        let Some(plan) = (if is_now { gate.plan.take() } else { None }) else {
            return forward(&mut gate, &self.sandbox, bytes);
        };
        if let Some((action, scene)) = &plan.action {
            gate.acted = self.act(*action, scene, &request, number);
        }
        let cut =
            |then: RequestOutcome| if self.is_changed.load(Ordering::SeqCst) { RequestOutcome::End } else { then };
        match plan.ending {
            Ending::GoOn if self.is_changed.load(Ordering::SeqCst) => RequestOutcome::End,
            Ending::GoOn => forward(&mut gate, &self.sandbox, bytes),
            Ending::Refuse => cut(RequestOutcome::Answer(refusal())),
            Ending::Cut => {
                forward(&mut gate, &self.sandbox, bytes);
                RequestOutcome::End
            }
            Ending::KillBefore => {
                self.kill();
                RequestOutcome::End
            }
            Ending::KillAfter => {
                forward(&mut gate, &self.sandbox, bytes);
                self.kill();
                RequestOutcome::End
            }
        }
    }

    fn act(&self, action: Action, scene: &Scene, request: &Request, number: usize) -> Option<Acted> {
        if action == Action::ChangeCertificate {
            self.is_changed.store(true, Ordering::SeqCst);
        }
        self.sandbox.edit(|cluster| {
            let found = State::of(cluster);
            let has_acted = action.apply(cluster, scene, request);
            has_acted.then(|| Acted { found, left: State::of(cluster), number })
        })
    }

    fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let child = self.started.wait_while(child, |child| child.is_none()).unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *child {
            let _ = kill_process(pid, Signal::KILL); // it may have ended by itself
        }
    }
}

fn refusal() -> Vec<u8> {
    let body = "{\"data\":null,\"message\":\"refused for this once\\n\"}";
    let head = format!("HTTP/1.1 500 refused for this once\r\nContent-Length: {}\r\n\r\n", body.len());
    (head + body).into_bytes()
}

fn carries_credentials(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    ["\r\nauthorization:", "\r\ncookie:", "password="].into_iter().any(|it| text.contains(it))
}

type Upstream = StreamOwned<rustls::ClientConnection, TcpStream>;

/// Sends a request to the sandbox and gives its answer.
fn forward(gate: &mut Gate, sandbox: &Sandbox, bytes: &[u8]) -> RequestOutcome {
    for _ in 0..2 {
        let mut upstream = gate.upstream.take().unwrap_or_else(|| admin::connect(sandbox));
        let sent = upstream.write_all(bytes).and_then(|()| upstream.flush());
        // A connection that had ended meanwhile is of no use, and the request was not read.
        let Ok(Some(answer)) = sent.and_then(|()| read_message(&mut upstream, Kind::Answer)) else { continue };
        let head = header(&answer).to_ascii_lowercase();
        if !head.contains("\r\ncontent-length:") {
            return RequestOutcome::Last(answer);
        }
        if !head.contains("\r\nconnection: close") {
            gate.upstream = Some(upstream);
        }
        return RequestOutcome::Answer(answer);
    }
    RequestOutcome::End
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Request,
    Answer,
}

fn header(bytes: &[u8]) -> String {
    let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").map_or(0, |at| at + 4);
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Reads a whole request or answer; nothing where the other side has gone.
fn read_message(stream: &mut impl Read, kind: Kind) -> io::Result<Option<Vec<u8>>> {
    let (mut buffer, mut bytes) = (vec![0; 64 * 1024], Vec::new());
    let mut end = None;
    loop {
        if end.is_some_and(|end| bytes.len() >= end) {
            return Ok(Some(bytes));
        }
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(why) if why.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(why) => return Err(why),
        };
        if count == 0 {
            return Ok((kind == Kind::Answer && !header(&bytes).is_empty()).then_some(bytes));
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if end.is_none() {
            let head = header(&bytes);
            if !head.is_empty() {
                let lower = head.to_ascii_lowercase();
                let length =
                    lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                end = match (length, kind) {
                    (Some(length), _) => Some(head.len() + length),
                    (None, Kind::Request) => Some(head.len()),
                    (None, Kind::Answer) => None,
                };
            }
        }
    }
}
