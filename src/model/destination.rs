//! Where ssh goes: a host, with a user if there is one.

use std::fmt;
use std::str::FromStr;

/// Why a text is no destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a destination is `user@host` or `host`, without spaces or a leading hyphen")]
pub struct InvalidDestination;

/// An ssh destination, `root@pve.lan` or a name from the user's ssh configuration. It never looks like an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination(String);

impl Destination {
    /// Returns the destination as ssh takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Destination {
    type Err = InvalidDestination;

    fn from_str(text: &str) -> Result<Self, InvalidDestination> {
        let text = text.trim();
        let is_part =
            |part: &str| !part.is_empty() && !part.starts_with('-') && part.bytes().all(|byte| byte.is_ascii_graphic());
        let is_good =
            text.rsplit_once('@').map_or_else(|| is_part(text), |(user, host)| is_part(user) && is_part(host));
        if is_good { Ok(Self(text.to_owned())) } else { Err(InvalidDestination) }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Destination;

    #[test]
    fn nothing_that_looks_like_an_option_is_a_destination() {
        for (text, good) in [
            ("root@pve.lan", true),
            ("pve", true),
            ("me@corp@jump", true),
            ("root@fe80::1%eth0", true),
            ("", false),
            ("-oProxyCommand=id", false),
            ("root@-oProxyCommand=id", false),
            ("-x@host", false),
            ("root@", false),
            ("@host", false),
            ("root@a b", false),
            ("root@a\nb", false),
        ] {
            assert_eq!(text.parse::<Destination>().is_ok(), good, "{text}");
        }
    }
}
