//! Which environment variables a child process gets: an allow list. Everything else is withheld, because no deny list
//! could name all variables that hold a secret.

use std::ffi::OsString;

use crate::session::Variables;

/// A kind of child process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildKind {
    /// git, asked about files.
    Git,
    /// The person's ssh, with the person's keys and configuration.
    Ssh,
    /// The program that opens an address in the person's browser.
    Browser,
}

/// What every program needs: where programs and the home are, how text is written, where temporary files go. Variables
/// of the locale are named one by one, because ssh is often set up to pass on others that begin with `LC_`.
const PASSED_TO_ALL: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TMPDIR",
    "TERM",
    "TZ",
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "XDG_CONFIG_HOME",
];

/// Where git finds its configuration and its own programs, and how far up it looks for a repository. Not among them:
/// `GIT_DIR` and its like, which in a hook name another repository than that of the file, and `GIT_CONFIG_KEY_0` and its
/// like, whose values may be headers with a secret.
const GIT: &[&str] = &[
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_EXEC_PATH",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
];

/// The agent, the program that asks for a passphrase and the screen that it asks on, hardware keys, Kerberos tickets.
const SSH: &[&str] = &[
    "SSH_AUTH_SOCK",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_SK_PROVIDER",
    "SSH_SK_HELPER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "GPG_TTY",
    "GNUPGHOME",
    "KRB5CCNAME",
    "KRB5_CONFIG",
];

/// The screen and the session that a browser runs in, which kind of desktop that is, and which browser is preferred.
const BROWSER: &[&str] = &[
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_RUNTIME_DIR",
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_TYPE",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "XDG_CONFIG_DIRS",
    "DBUS_SESSION_BUS_ADDRESS",
    "DESKTOP_SESSION",
    "KDE_FULL_SESSION",
    "KDE_SESSION_VERSION",
    "BROWSER",
];

impl ChildKind {
    /// Chooses from the variables of this process those that the child gets.
    pub(crate) fn environment(self, variables: &Variables) -> impl Iterator<Item = (&str, &OsString)> {
        let own = match self {
            Self::Git => GIT,
            Self::Ssh => SSH,
            Self::Browser => BROWSER,
        };
        let names = PASSED_TO_ALL.iter().chain(own);
        names.filter_map(|name| variables.get_key_value(*name)).map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{BROWSER, ChildKind, GIT, PASSED_TO_ALL, SSH};
    use crate::session::Variables;

    fn given(child: ChildKind, names: &[&str]) -> Vec<String> {
        let variables: Variables = names.iter().map(|name| ((*name).to_owned(), "canary".into())).collect();
        child.environment(&variables).map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn a_child_gets_what_it_needs() {
        for name in ["PATH", "HOME", "LANG", "LC_ALL"] {
            assert_eq!(given(ChildKind::Git, &[name]), [name]);
            assert_eq!(given(ChildKind::Ssh, &[name]), [name]);
        }
        assert_eq!(given(ChildKind::Ssh, &["SSH_AUTH_SOCK"]), ["SSH_AUTH_SOCK"]);
        assert!(given(ChildKind::Git, &["SSH_AUTH_SOCK"]).is_empty());
        assert!(given(ChildKind::Ssh, &["GIT_CONFIG_GLOBAL"]).is_empty());
    }

    #[test]
    fn what_may_hold_a_secret_or_leads_elsewhere_stays_here() {
        for name in [
            "API_KEY",
            "HTTPS_PROXY",
            "http_proxy",
            "PROXMOX_TOKEN_VALUE",
            "PGPASSWORD",
            "DATABASE_URL",
            "LC_SECRET",
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_INDEX_FILE",
            "GIT_ASKPASS",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG_KEY_0",
            "GIT_CONFIG_VALUE_0",
            "GIT_CONFIG_PARAMETERS",
            "SSH_PASSWORD",
            "SSH_ORIGINAL_COMMAND",
            "XDG_SECRET",
            "BASH_ENV",
            "BASH_FUNC_x%%",
        ] {
            for child in [ChildKind::Git, ChildKind::Ssh, ChildKind::Browser] {
                assert!(given(child, &[name]).is_empty(), "{child:?} {name}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_reaches_a_child_that_is_not_on_its_list(name in "(LC_|GIT_|SSH_|XDG_|KRB5_|)[A-Z0-9_]{1,12}") {
            let is_listed = |own: &[&str]| PASSED_TO_ALL.contains(&name.as_str()) || own.contains(&name.as_str());
            prop_assert!(given(ChildKind::Git, &[&name]).is_empty() || is_listed(GIT));
            prop_assert!(given(ChildKind::Ssh, &[&name]).is_empty() || is_listed(SSH));
            prop_assert!(given(ChildKind::Browser, &[&name]).is_empty() || is_listed(BROWSER));
        }
    }
}
