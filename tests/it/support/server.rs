//! A server that answers as it is told and remembers what it was asked; authorities and certificates to run it with.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use glassdome::model::{Endpoint, Fingerprint};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

/// An authority that signs whatever it is asked to.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    leaf: CertificateDer<'static>,
}

/// A certificate with its key.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) pem: String,
    leaf: CertificateDer<'static>,
    /// What is presented beside it.
    others: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::in_years(name, (2020, 2090))
    }

    /// Makes an authority that is itself valid in these years, from the first of January on.
    pub(crate) fn in_years(name: &str, years: (i32, i32)) -> Self {
        let (params, key) = (Self::params(name, years), KeyPair::generate().unwrap());
        let made = params.self_signed(&key).unwrap();
        let (pem, leaf) = (made.pem(), made.der().clone());
        Self { issuer: Issuer::new(params, key), pem, leaf }
    }

    /// Makes an authority below this one.
    pub(crate) fn below(&self, name: &str, years: (i32, i32)) -> Self {
        let (params, key) = (Self::params(name, years), KeyPair::generate().unwrap());
        let made = params.signed_by(&key, &self.issuer).unwrap();
        let (pem, leaf) = (made.pem(), made.der().clone());
        Self { issuer: Issuer::new(params, key), pem, leaf }
    }

    fn params(name: &str, years: (i32, i32)) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        params
    }

    /// Signs a good certificate, and lets it be presented together with this authority's own.
    pub(crate) fn good_with_chain(&self) -> Identity {
        Identity { others: vec![self.leaf.clone()], ..self.good() }
    }

    /// Signs a certificate for these names, valid in these years, from the first of January on.
    pub(crate) fn sign(&self, names: &[&str], years: (i32, i32)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "pve.example");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer).unwrap();
        Identity { pem: leaf.pem(), leaf: leaf.der().clone(), others: Vec::new(), key: key.serialize_der() }
    }

    /// Signs a certificate that is good for every server of these tests.
    pub(crate) fn good(&self) -> Identity {
        self.sign(&["127.0.0.1", "localhost"], (2020, 2090))
    }
}

impl Identity {
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.leaf).as_ref());
        Fingerprint::new(bytes)
    }

    /// Gives the same certificate with a key that is not its own.
    pub(crate) fn with_foreign_key(&self, algorithm: &'static rcgen::SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        Self { key: key.serialize_der(), ..self.clone() }
    }

    pub(crate) fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let provider = rustls::crypto::ring::default_provider();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.clone()));
        let key = provider.key_provider.load_private_key(key).unwrap();
        let chosen = UncheckedIdentity(Arc::new(CertifiedKey::new(
            [vec![self.leaf.clone()], self.others.clone()].concat(),
            key,
        )));
        let config = ServerConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(versions).unwrap();
        Arc::new(config.with_no_client_auth().with_cert_resolver(Arc::new(chosen)))
    }
}

/// Presents a certificate without asking whether the key is its own.
#[derive(Debug)]
struct UncheckedIdentity(Arc<CertifiedKey>);

impl ResolvesServerCert for UncheckedIdentity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
    /// How many requests had come before it, on all connections.
    pub(crate) before: usize,
    /// What the first read gave.
    pub(crate) first_read: String,
    /// The whole, head and body.
    pub(crate) text: String,
}

impl Asked {
    /// Gives the request line.
    pub(crate) fn line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }
}

/// What the server does with a request.
pub(crate) enum ServerAction {
    /// Sends this and keeps the connection.
    Keep(Vec<u8>),
    /// Sends this and closes the connection.
    Close(Vec<u8>),
    /// Sends this and nothing more, and waits until the client has had enough.
    Stall(Vec<u8>),
    /// Sends this, and then one byte again and again at this pace until the client has had enough.
    Trickle(Vec<u8>, Duration),
    /// Sends this, and then the second text again and again as fast as it is taken.
    Flood(Vec<u8>, Vec<u8>),
}

/// Makes a good answer with a JSON body.
pub(crate) fn data(json: &str) -> ServerAction {
    reply(200, "OK", &format!("{{\"data\":{json}}}"))
}

/// Makes an answer that keeps the connection.
pub(crate) fn reply(status: u16, reason: &str, body: &str) -> ServerAction {
    ServerAction::Keep(
        format!("HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes(),
    )
}

/// What a server was asked, and by how many connections.
#[derive(Default)]
struct RequestLog {
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    is_over: AtomicBool,
}

/// A running server; it ends when it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    ledger: Arc<RequestLog>,
}

impl Server {
    /// Starts a server with a certificate, for both versions of TLS.
    pub(crate) fn start(identity: &Identity, answer: impl Fn(&Asked) -> ServerAction + Send + Sync + 'static) -> Self {
        Self::speaking(identity, rustls::ALL_VERSIONS, answer)
    }

    /// Starts a server that speaks only these versions of TLS.
    pub(crate) fn speaking(
        identity: &Identity,
        versions: &[&'static SupportedProtocolVersion],
        answer: impl Fn(&Asked) -> ServerAction + Send + Sync + 'static,
    ) -> Self {
        let config = identity.config(versions);
        Self::serve(move |socket, ledger, number| {
            let Ok(session) = ServerConnection::new(Arc::clone(&config)) else { return };
            let _ = serve_connection(&mut StreamOwned::new(session, socket), ledger, number, &answer);
        })
    }

    /// Starts a server without TLS.
    pub(crate) fn without_tls(answer: impl Fn(&Asked) -> ServerAction + Send + Sync + 'static) -> Self {
        Self::serve(move |mut socket, ledger, number| {
            let _ = serve_connection(&mut socket, ledger, number, &answer);
        })
    }

    /// Starts a server that takes connections and never says a word.
    pub(crate) fn mute() -> Self {
        Self::serve(|mut socket, _, _| wait_for_end(&mut socket))
    }

    /// Starts a server that greets, under TLS, before it is asked anything.
    pub(crate) fn greeting(identity: &Identity, words: &'static str) -> Self {
        let config = identity.config(rustls::ALL_VERSIONS);
        Self::serve(move |socket, _, _| {
            let Ok(session) = ServerConnection::new(Arc::clone(&config)) else { return };
            let mut stream = StreamOwned::new(session, socket);
            if stream.write_all(words.as_bytes()).is_ok() {
                wait_for_end(&mut stream);
            }
        })
    }

    /// Starts a proxy that leads wherever it is told.
    pub(crate) fn proxy() -> Self {
        Self::serve(|mut client, ledger, number| {
            let Ok(Some(asked)) = read_request(&mut client, ledger, number) else { return };
            let target = asked.line().split(' ').nth(1).unwrap_or_default().to_owned();
            let Ok(mut server) = TcpStream::connect(target) else { return };
            if client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").is_err() {
                return;
            }
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let up = thread::spawn(move || {
                let _ = io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            let _ = io::copy(&mut server, &mut client);
            let _ = client.shutdown(Shutdown::Both);
            let _ = up.join();
        })
    }

    fn serve(handle: impl Fn(TcpStream, &RequestLog, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ledger = Arc::new(RequestLog::default());
        let (kept, handle) = (Arc::clone(&ledger), Arc::new(handle));
        thread::spawn(move || {
            for socket in listener.incoming() {
                if ledger.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(socket) = socket else { return };
                let number = ledger.connections.fetch_add(1, Ordering::SeqCst);
                let (ledger, handle) = (Arc::clone(&ledger), Arc::clone(&handle));
                thread::spawn(move || handle(socket, &ledger, number));
            }
        });
        Self { address, ledger: kept }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        self.address.to_string().parse().unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.ledger.asked.lock().unwrap().clone()
    }

    /// Gives the request lines, in the order in which they came.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.line().replace(" HTTP/1.1", "").replace("/api2/json", "")).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.ledger.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ledger.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the thread that waits for connections
    }
}

/// Gives the address of a port that nothing listens on.
pub(crate) fn closed_port() -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string().parse().unwrap()
}

fn serve_connection(
    stream: &mut (impl Read + Write),
    ledger: &RequestLog,
    connection: usize,
    answer: &impl Fn(&Asked) -> ServerAction,
) -> io::Result<()> {
    while let Some(asked) = read_request(stream, ledger, connection)? {
        match answer(&asked) {
            ServerAction::Keep(bytes) => stream.write_all(&bytes)?,
            ServerAction::Close(bytes) => {
                stream.write_all(&bytes)?;
                return stream.flush();
            }
            ServerAction::Stall(bytes) => {
                stream.write_all(&bytes)?;
                stream.flush()?;
                wait_for_end(stream);
                return Ok(());
            }
            ServerAction::Trickle(bytes, pace) => {
                stream.write_all(&bytes)?;
                loop {
                    stream.write_all(b" ")?;
                    stream.flush()?;
                    thread::sleep(pace);
                }
            }
            ServerAction::Flood(bytes, more) => {
                stream.write_all(&bytes)?;
                loop {
                    stream.write_all(&more)?;
                }
            }
        }
        stream.flush()?;
    }
    Ok(())
}

fn wait_for_end(stream: &mut impl Read) {
    let mut rest = [0; 1024];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
}

/// Reads one request and notes it down; nothing where the client has gone.
fn read_request(stream: &mut impl Read, ledger: &RequestLog, connection: usize) -> io::Result<Option<Asked>> {
    let mut buffer = vec![0; 64 * 1024];
    let (mut bytes, mut first) = (Vec::new(), None);
    while !is_whole(&bytes) {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
        first.get_or_insert_with(|| bytes.clone());
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut asked = ledger.asked.lock().unwrap();
    let first_read = text(&first.unwrap_or_default());
    let request = Asked { connection, before: asked.len(), first_read, text: text(&bytes) };
    asked.push(request.clone());
    Ok(Some(request))
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
