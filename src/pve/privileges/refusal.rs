//! What the server's own "Permission check failed" says.

use crate::pve::privileges::{AclPath, CloneOrder, Gap, Need, Place, Privilege, Privileges, Purpose, needs};

/// A refusal for want of rights, as its text tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A privilege is missing on a path; where there are several, each one alone would do.
    Lacks {
        /// Where.
        path: AclPath,
        /// Which.
        any_of: Privileges,
    },
    /// The pool does not exist, or the caller may not know that it does.
    NoPool(String),
    /// The call wants a log-in, and a token made it.
    NeedsLogIn,
    /// Several ways would have led there, and the server does not name them.
    Unspecified,
}

impl Refusal {
    /// Reads the reason phrase or the message of an answer; nothing where it speaks of something else.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix("Permission check failed")?.trim();
        let Some(detail) = rest.strip_prefix('(') else {
            return rest.is_empty().then_some(Self::Unspecified);
        };
        // The refusal of a token's call lacks its closing parenthesis.
        let detail = detail.strip_suffix(')').unwrap_or(detail);
        if detail.contains("need proper ticket") {
            return Some(Self::NeedsLogIn);
        }
        if let Some(pool) = detail.strip_prefix("pool '").and_then(|it| it.strip_suffix("' does not exist")) {
            return Some(Self::NoPool(pool.to_owned()));
        }
        Some(read_lack(detail).unwrap_or(Self::Unspecified))
    }
}

fn read_lack(detail: &str) -> Option<Refusal> {
    let (path, privileges) = detail.split_once(", ")?;
    let any_of = privileges.split('|').map(str::parse::<Privilege>).collect::<Result<_, _>>().ok()?;
    Some(Refusal::Lacks { path: path.parse().ok()?, any_of })
}

/// Makes of a refused step of the proof the gap that the preflight would have shown; none where a grant is no answer.
#[must_use]
pub fn gap_of_refusal(refusal: &Refusal, order: &CloneOrder) -> Option<Gap> {
    let (path, any_of) = match refusal {
        Refusal::NoPool(_) | Refusal::NeedsLogIn => return None,
        // The one either-or check among the calls of the proof: VM.Allocate on the new VM or on its pool.
        Refusal::Unspecified => (AclPath::vm(order.new), Privileges::from([Privilege::VM_ALLOCATE])),
        Refusal::Lacks { path, any_of } => (path.clone(), any_of.clone()),
    };
    let is_there = |place: &Place| place.path() == path;
    let is_asked = |need: &Need| {
        any_of.contains(&need.privilege)
            && (is_there(&need.place) || need.instead.iter().any(|(place, _)| is_there(place)))
    };
    if let Some(need) = needs(order).into_iter().find(is_asked) {
        return Some(one(need.place, need.privilege, Some(need.purpose)));
    }
    any_of.into_iter().next().map(|privilege| one(Place::At(path), privilege, None))
}

fn one(place: Place, privilege: Privilege, purpose: Option<Purpose>) -> Gap {
    Gap { place, missing: Privileges::from([privilege]), purposes: purpose.into_iter().collect() }
}
