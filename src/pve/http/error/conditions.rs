//! What the callers of the client ask about an error.

use super::ApiError;
use crate::pve::http::refusal_reason::RefusalReason;
use crate::pve::http::reply::Refusal;

impl ApiError {
    /// Returns whether the server refused a call for this reason.
    #[must_use]
    pub fn is_for(&self, reason: RefusalReason) -> bool {
        self.reason() == Some(reason)
    }

    /// Returns whether the server refused a call because of missing privileges.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == 403)
    }

    /// Returns whether the server did not accept the credentials.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == 401)
    }

    /// Returns whether a VM has no configuration on the node that was asked.
    #[must_use]
    pub fn is_missing_config(&self) -> bool {
        self.is_for(RefusalReason::NoSuchVm)
    }

    /// Returns whether the server failed and nothing says why: servers before Proxmox VE 8.4 put their words into the
    /// reason phrase alone, which some proxies replace (Go's among them: Traefik, Caddy).
    #[must_use]
    pub fn is_wordless(&self) -> bool {
        self.refusal().is_some_and(Refusal::is_wordless)
    }

    /// Returns whether the node that a call was for cannot be reached, though the server can: its status is 595 or
    /// above then.
    #[must_use]
    pub fn is_about_one_node(&self) -> bool {
        self.is_for(RefusalReason::NodeUnreachable)
    }

    /// Returns whether the guest agent does not answer yet, or the VM is not up yet.
    #[must_use]
    pub fn is_agent_down(&self) -> bool {
        matches!(self.reason(), Some(RefusalReason::AgentDown | RefusalReason::VmNotRunning | RefusalReason::Timeout))
    }

    /// Returns whether a request that changes something may have been carried out though its answer was lost.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::OutcomeUnknown { .. })
    }

    /// Returns whether the way to the server failed, which may be over in a moment.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::UnknownName { .. }
                | Self::NoRoute { .. }
                | Self::Refused { .. }
                | Self::ConnectTimeout { .. }
                | Self::Proxy { .. }
                | Self::BrokenOff { .. }
                | Self::NoAnswer { .. }
                | Self::Stalled { .. }
        )
    }

    /// Returns whether the server, or something in front of it, is in trouble that may be over in a moment: an answer
    /// of a reverse proxy, or of a node that cannot reach another one.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::OutcomeUnknown { .. } => false,
            // The file system of the cluster is being restarted, as on every upgrade.
            other => {
                other.is_unreachable()
                    || other.reason().is_some_and(|reason| {
                        matches!(
                            reason,
                            RefusalReason::RateLimited
                                | RefusalReason::ProxyTrouble
                                | RefusalReason::NodeUnreachable
                                | RefusalReason::ClusterFilesystemDown
                        )
                    })
            }
        }
    }

    /// Returns whether the handshake failed, or the certificate is not accepted.
    #[must_use]
    pub const fn is_of_tls(&self) -> bool {
        matches!(
            self,
            Self::NotTls { .. }
                | Self::Handshake { .. }
                | Self::CertificateUntrusted { .. }
                | Self::CertificateUnfit { .. }
                | Self::CertificateExpired { .. }
                | Self::AuthorityNotValid { .. }
                | Self::CertificateWrongName { .. }
                | Self::CertificateChanged { .. }
                | Self::CertificateNotAsGiven { .. }
                | Self::CertificateKeyMismatch { .. }
                | Self::CertificateBroken { .. }
        )
    }
}
