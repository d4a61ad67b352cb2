//! A real OpenSSH server on loopback, with keys of its own, and an `ssh` that knows the way to it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::skip::find;
use crate::support::skipped;

/// A server that ends with this value.
pub(crate) struct Sshd {
    folder: TempDir,
    child: Child,
}

/// Where Debian and others keep the server: not on everybody's search path.
const SERVERS: [&str; 3] = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];

impl Sshd {
    /// Starts a server whose `pveum` is this script; nothing, said loudly, where there is no OpenSSH.
    pub(crate) fn start(pveum: Option<&str>) -> Option<Self> {
        let server = SERVERS.into_iter().find(|path| Path::new(path).exists());
        let has_client = Command::new("ssh").arg("-V").stderr(Stdio::null()).status().is_ok();
        let (Some(server), true) = (server, has_client) else {
            skipped("OpenSSH (server and client) is missing");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        for key in ["host", "mine", "other"] {
            let status =
                Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path(key)).status();
            assert!(status.expect("ssh-keygen").success());
        }
        fs::create_dir(path("bin")).expect("a folder");
        if let Some(script) = pveum {
            write(&path("bin/pveum"), script, 0o755);
        }
        fs::copy(path("mine.pub"), path("authorized")).expect("a file");
        // A server that root starts wants this folder.
        let _ = fs::create_dir_all("/run/sshd"); // only root can, and only root must
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             PermitRootLogin yes\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             SetEnv PATH={}:/usr/bin:/bin STAND_IN={}\n",
            path("host").display(),
            path("authorized").display(),
            path("bin").display(),
            folder.path().display()
        );
        write(&path("sshd_config"), &config, 0o600);
        let mut command = Command::new(server);
        command.args(["-D", "-e", "-f"]).arg(path("sshd_config")).stdin(Stdio::null());
        command.stderr(fs::File::create(path("sshd.log")).expect("a file"));
        let child = command.spawn().expect("the server runs");
        let sshd = Self { folder, child };
        sshd.wait_until_it_listens(port);
        sshd.write_client(port);
        Some(sshd)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn wait_until_it_listens(&self, port: u16) {
        let until = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "sshd: {}", fs::read_to_string(self.path("sshd.log")).unwrap_or_default());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes an `ssh` that is the real one with a configuration of our own: the real one finds the person's by the
    /// password file, whatever `HOME` says.
    fn write_client(&self, port: u16) {
        let user = Command::new("id").arg("-un").output().expect("id");
        let user = String::from_utf8_lossy(&user.stdout).trim().to_owned();
        let known = fs::read_to_string(self.path("host.pub")).expect("a key");
        write(&self.path("known"), &format!("[127.0.0.1]:{port} {known}"), 0o600);
        let config = |key: &str, known: &str| {
            format!(
                "Host node\n  HostName 127.0.0.1\n  Port {port}\n  User {user}\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
                 UserKnownHostsFile {}\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n  IdentityAgent none\n",
                self.path(key).display(),
                self.path(known).display()
            )
        };
        let other = fs::read_to_string(self.path("other.pub")).expect("a key");
        write(&self.path("known-wrong"), &format!("[127.0.0.1]:{port} {other}"), 0o600);
        write(&self.path("good"), &config("mine", "known"), 0o600);
        write(&self.path("wrong-host"), &config("mine", "known-wrong"), 0o600);
        write(&self.path("refused-key"), &config("other", "known"), 0o600);
        fs::create_dir(self.path("client")).expect("a folder");
        self.use_config("good");
    }

    /// Lets `ssh` use one of the configurations `good`, `wrong-host` and `refused-key`.
    pub(crate) fn use_config(&self, name: &str) {
        let real = find("ssh").expect("it was there").display().to_string();
        let script = format!(
            "#!/bin/sh\nenv > '{}'\nexec '{real}' -F '{}' \"$@\"\n",
            self.path("environment").display(),
            self.path(name).display()
        );
        write(&self.path("client/ssh"), &script, 0o755);
    }

    /// Gives a search path on which our `ssh` comes first.
    pub(crate) fn search_path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.path("client").display())
    }

    /// Reads something that a stand-in or the client wrote.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait(); // as above
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}
