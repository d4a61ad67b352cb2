//! Certificates that only OpenSSL makes, and its server, which presents them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use glassdome::model::Endpoint;

use crate::support::lacks;

/// A folder in which certificates are made.
pub(crate) struct CertificateFolder(tempfile::TempDir);

impl CertificateFolder {
    /// Opens a folder; nothing where there is no OpenSSL, which is counted as skipped.
    pub(crate) fn open() -> Option<Self> {
        (!lacks(&["openssl"])).then(|| Self(tempfile::tempdir().unwrap()))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs openssl in the folder.
    pub(crate) fn openssl(&self, line: &str) {
        let output = Command::new("openssl").args(line.split_whitespace()).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a key, `NAME.key`: an algorithm with its options, `RSA rsa_keygen_bits:2048` for example.
    pub(crate) fn key(&self, name: &str, kind: &str) {
        let (algorithm, options) = kind.split_once(' ').unwrap_or((kind, ""));
        let options: String = options.split_whitespace().map(|option| format!(" -pkeyopt {option}")).collect();
        self.openssl(&format!("genpkey -quiet -algorithm {algorithm}{options} -out {name}.key"));
    }

    /// Makes a self-signed certificate with a key of this kind.
    pub(crate) fn self_signed(&self, name: &str, kind: &str, extensions: &[&str]) {
        self.key(name, kind);
        let extensions: String = extensions.iter().map(|it| format!(" -addext {it}")).collect();
        self.openssl(&format!("req -x509 -new -key {name}.key -out {name}.pem -days 30 -subj /CN={name}{extensions}"));
    }

    /// Makes a certificate that an issuer signs: with no extensions it is of version 1.
    pub(crate) fn signed(&self, name: &str, issuer: &str, (extensions, options): (&[&str], &str)) {
        self.key(name, P256);
        self.openssl(&format!("req -new -key {name}.key -out {name}.csr -subj /CN={name}"));
        fs::write(self.path("extensions"), extensions.join("\n")).unwrap();
        let with = if extensions.is_empty() { "" } else { "-extfile extensions" };
        self.openssl(&format!(
            "x509 -req -in {name}.csr -CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial -days 30 -out {name}.pem {with} {options}"
        ));
    }

    /// Starts a server that presents a certificate.
    pub(crate) fn serve(&self, name: &str, options: &str) -> SServer {
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cipher", "ALL:@SECLEVEL=0"]);
        command.arg("-cert").arg(format!("{name}.pem")).arg("-key").arg(format!("{name}.key"));
        command.args(options.split_whitespace()).current_dir(self.0.path());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl runs");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
        SServer { child, endpoint: address.expect("it listens").parse().unwrap() }
    }
}

/// A key of the usual kind.
pub(crate) const P256: &str = "EC ec_paramgen_curve:P-256";

/// A running `openssl s_server`; it ends when it is dropped.
pub(crate) struct SServer {
    child: Child,
    pub(crate) endpoint: Endpoint,
}

impl Drop for SServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
