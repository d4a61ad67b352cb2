//! Connections: accepted, read, answered, kept alive or closed as the real server does.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::sandbox::faults::Fault;
use crate::sandbox::faults::wire_faults::Bytes;
use crate::sandbox::server::answer::{Answer, Ending};
use crate::sandbox::server::certificate::{Authority, Flaw, Leaf};
use crate::sandbox::server::dispatch::{Outcome, process};
use crate::sandbox::server::request::{HEADER_AT_MOST, Head, Parsed};
use crate::sandbox::server::shared::Shared;

/// A connection is closed when nothing has come for so long.
const IDLE_AT_MOST: Duration = Duration::from_secs(5);

/// With a ticket, a body that comes later than its header may be dropped. Many clients write the two one right after the
/// other, which mostly goes well.
const LATE_AT_MOST: Duration = Duration::from_secs(1);

/// How long accepting rests when the system gives nothing for another connection.
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// An answer without an end has so many bytes, all the same.
const FLOOD: usize = 1 << 30;

/// A connection is closed after so many requests.
const REQUESTS_AT_MOST: usize = 100;

/// The server: its certificates, and what its connections share.
pub(crate) struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) leaf: Arc<Mutex<Leaf>>,
    /// The flawed certificate that it presents from the start, where one was asked for.
    pub(crate) flawed: Option<(Flaw, Arc<ServerConfig>)>,
}

impl Fault {
    /// Returns what is wrong with the certificate from the first connection on.
    pub(crate) const fn flaw(&self) -> Option<Flaw> {
        match self {
            Self::ExpiredCertificate => Some(Flaw::Expired),
            Self::FutureCertificate => Some(Flaw::Future),
            Self::WrongName => Some(Flaw::WrongName),
            _ => None,
        }
    }
}

impl Server {
    /// Accepts connections until it is told to stop.
    pub(crate) async fn serve(self, listener: std::net::TcpListener, mut stopped: watch::Receiver<bool>) {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.changed() => return,
                () = self.shared.is_shut_down() => return,
            };
            let socket = match accepted {
                Ok((socket, _)) => socket,
                // A connection that the client gave up before it was accepted needs no answer.
                Err(why) if is_of_connection(&why) => continue,
                // No descriptors or no memory: the connection waits in the queue, and so does this loop.
                Err(_) => {
                    self.shared.sleep(BETWEEN_TRIES).await;
                    continue;
                }
            };
            let Ok(acceptor) = self.acceptor() else { return };
            let shared = Arc::clone(&self.shared);
            tokio::spawn(async move {
                let _ = welcome(socket, acceptor, shared).await; // a client that leaves early is no failure
            });
        }
    }

    /// Chooses the certificate for the next connection.
    fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let flaw = self.shared.find(|fault| match fault {
            Fault::ChangedCertificate(from) if self.shared.count() + 1 >= *from => Some(Flaw::None),
            other => other.flaw(),
        });
        let config = match (flaw, &self.flawed) {
            (None, _) => Arc::clone(&self.leaf.lock().unwrap_or_else(PoisonError::into_inner).config),
            // The one whose fingerprint was announced.
            (Some(flaw), Some((announced, config))) if *announced == flaw => Arc::clone(config),
            (Some(flaw), _) => self.authority.leaf(&self.shared.cluster().local, flaw)?.config,
        };
        Ok(TlsAcceptor::from(config))
    }
}

/// Returns whether an error of `accept` is that of the one connection (accept(2)), and not of the whole process.
fn is_of_connection(why: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(why.kind(), Kind::ConnectionAborted | Kind::ConnectionReset | Kind::Interrupted | Kind::PermissionDenied)
}

/// Serves one connection from its first byte.
async fn welcome(socket: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    if shared.is_away(Fault::RestartInClone) {
        return set_socket_linger(&socket, Some(Duration::ZERO)).map_err(io::Error::from);
    }
    if shared.has(|fault| *fault == Fault::Stall) {
        return std::future::pending().await;
    }
    let mut first = [0; 1];
    let is_plain = match timeout(IDLE_AT_MOST, socket.peek(&mut first)).await {
        Ok(Ok(1)) => first[0] != 0x16,
        _ => return Ok(()),
    };
    if is_plain || shared.has(|fault| *fault == Fault::PlainHttp) {
        return plain(socket, &shared).await;
    }
    let stream = timeout(IDLE_AT_MOST, acceptor.accept(socket)).await??;
    let number = shared.handshake();
    Connection { stream, shared, number, buffer: Vec::new() }.serve().await
}

/// Answers plain HTTP as the real server does on its one port: it leads to https, and the connection stays.
async fn plain(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; HEADER_AT_MOST];
    loop {
        let count = match timeout(IDLE_AT_MOST, socket.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => count,
            _ => return socket.shutdown().await,
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        let (answer, ending) = match Head::parse(bytes) {
            _ if shared.has(|fault| *fault == Fault::PlainHttp) => {
                (Answer::page(400, "Bad Request", "<html>plain HTTP</html>"), Ending::Closes)
            }
            Parsed::Whole(head) => {
                let location = format!("https://{}{}", head.header("host").unwrap_or("localhost"), head.path);
                let status = if head.method == "GET" { 301 } else { 308 };
                (Answer::moved(status, &location), if head.wants_close() { Ending::Closes } else { Ending::Stays })
            }
            Parsed::Partial | Parsed::Garbage | Parsed::TooLarge => (Answer::text(400, "bad request"), Ending::Closes),
        };
        socket.write_all(&answer.bytes(ending, shared.date())).await?;
        if ending == Ending::Closes {
            return socket.shutdown().await;
        }
    }
}

/// One connection over TLS.
struct Connection {
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    shared: Arc<Shared>,
    number: u64,
    buffer: Vec<u8>,
}

impl Connection {
    async fn serve(mut self) -> io::Result<()> {
        for count in 1..=REQUESTS_AT_MOST {
            let Some(head) = self.head().await? else { return Ok(()) };
            let is_late = self.buffer.len() < head.length + head.body_length();
            let has_ticket = head.header("cookie").is_some_and(|cookie| cookie.contains("PVEAuthCookie"));
            let refused = head.refuse(self.shared.cluster().release());
            let body = match refused {
                Some(_) => Vec::new(),
                None if is_late && has_ticket => match timeout(LATE_AT_MOST, self.body(&head)).await {
                    Ok(body) => body?,
                    Err(_) => return Ok(()),
                },
                None => self.body(&head).await?,
            };
            let then = match refused {
                Some(answer) => Outcome::Answer(answer),
                None => process(&self.shared, &head, &body, self.number).await,
            };
            let (answer, how) = match then {
                Outcome::Answer(answer) => (answer, None),
                Outcome::Distorted(answer, how) => (answer, Some(how)),
                Outcome::Hold => return std::future::pending().await,
                Outcome::Reset => return self.reset(),
            };
            self.shared.sleep(self.shared.options.latency).await;
            let ending = if head.is_old {
                Ending::ClosesOld
            } else if answer.closes() || head.wants_close() || count == REQUESTS_AT_MOST {
                Ending::Closes
            } else {
                Ending::Stays
            };
            let bytes = answer.bytes(ending, self.shared.date());
            match how.map_or_else(|| Bytes::Whole(bytes.clone()), |how| how.of_bytes(bytes.clone())) {
                Bytes::Whole(bytes) => self.send(&bytes).await?,
                other => return self.send_with_faults(other).await,
            }
            if ending != Ending::Stays {
                return self.close().await;
            }
        }
        Ok(())
    }

    /// Ends the connection; servers before 8.4 do not tell the other side so in TLS.
    async fn close(mut self) -> io::Result<()> {
        if self.shared.cluster().release().ends_tls_properly() {
            return self.stream.shutdown().await;
        }
        self.stream.flush().await?;
        self.stream.get_mut().0.shutdown().await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends what goes wrong on its way; the connection is of no use behind it.
    async fn send_with_faults(mut self, bytes: Bytes) -> io::Result<()> {
        match bytes {
            Bytes::Whole(bytes) => self.send(&bytes).await,
            Bytes::ThenReset(bytes) => {
                self.send(&bytes).await?;
                self.reset()
            }
            Bytes::ThenStall(bytes) => {
                self.send(&bytes).await?;
                std::future::pending().await
            }
            Bytes::Slowly(first, others) => {
                self.send(&first).await?;
                for byte in others {
                    self.shared.sleep(Duration::from_secs(1)).await;
                    self.send(&[byte]).await?;
                }
                self.stream.shutdown().await
            }
            Bytes::Flood(first, others) => {
                self.send(&first).await?;
                let mut sent = 0;
                while sent < FLOOD {
                    self.send(&others).await?;
                    sent += others.len();
                }
                self.stream.shutdown().await
            }
        }
    }

    fn reset(self) -> io::Result<()> {
        set_socket_linger(self.stream.get_ref().0, Some(Duration::ZERO)).map_err(io::Error::from)
    }

    /// Reads up to the end of a header; `None` if none comes, or one that is too long.
    async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            match Head::parse(&self.buffer) {
                Parsed::Whole(head) => return Ok(Some(*head)),
                Parsed::Garbage if !self.buffer.is_empty() => {
                    self.stream
                        .write_all(&Answer::text(400, "bad request").bytes(Ending::ClosesOld, self.shared.date()))
                        .await?;
                    return Ok(None);
                }
                Parsed::TooLarge => {
                    self.shared.sleep(IDLE_AT_MOST).await;
                    return Ok(None);
                }
                Parsed::Partial | Parsed::Garbage => {}
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// Reads the body, and takes the request out of the buffer.
    async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let end = head.length + head.body_length();
        while self.buffer.len() < end {
            if !self.more().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.buffer.split_off(end);
        let mut request = std::mem::replace(&mut self.buffer, rest);
        Ok(request.split_off(head.length))
    }

    /// Reads what has come; says whether anything did.
    async fn more(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; 16 * 1024];
        match timeout(IDLE_AT_MOST, self.stream.read(&mut chunk)).await {
            Err(_) | Ok(Ok(0)) => Ok(false),
            Ok(Ok(count)) => {
                self.buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
                Ok(true)
            }
            Ok(Err(why)) => Err(why),
        }
    }
}
