//! The marker of a test VM, which distinguishes it from every other VM: its name, and a nonce in its description.

use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::model::{Foreign, Validated, VmName};

/// What is in front of the time, and behind the machine.
const CREATED_LABEL: &str = "Test VM of glassdome, made ";
const PURPOSE_TEXT: &str = ". It proves that VMs can be created here and may be deleted.";

/// What is in front of the nonce.
const NONCE_LABEL: &str = "glassdome-nonce: ";

/// The name and the nonce of one test VM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Its name, `glassdome-test-XXXXXX` unless the person said otherwise.
    pub name: String,
    /// A random text that no other VM has.
    pub nonce: String,
}

impl Marker {
    /// Makes a unique marker.
    #[must_use]
    pub fn new(name: Option<&VmName>) -> Self {
        let nonce = Uuid::new_v4().simple().to_string();
        let suffix: String = nonce.chars().take(6).collect();
        let name = name.map_or_else(|| format!("glassdome-test-{suffix}"), ToString::to_string);
        Self { name, nonce }
    }

    /// Writes the description of the VM: what it is, when and by which machine it was made, that it may be deleted.
    #[must_use]
    pub fn description(&self, made: OffsetDateTime, machine: &str) -> String {
        let made = made.replace_nanosecond(0).unwrap_or(made).format(&Rfc3339).unwrap_or_default();
        let machine: String = machine.chars().filter(|it| !it.is_control()).take(64).collect();
        format!("{CREATED_LABEL}{made} by {machine}{PURPOSE_TEXT}\n{NONCE_LABEL}{}\n", self.nonce)
    }

    /// Returns whether a VM's name and description carry exactly this marker.
    #[must_use]
    pub fn is_on(&self, name: Option<&Foreign>, description: Option<&Foreign>) -> bool {
        let origin = description.and_then(|text| text.parse::<Provenance>().ok());
        name.is_some_and(|name| *name == *self.name) && origin.is_some_and(|origin| origin.nonce == self.nonce)
    }
}

/// What a description says of where a test VM comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The random text that no other VM has.
    pub nonce: String,
    /// When it was made.
    pub made: Option<OffsetDateTime>,
    /// The machine that made it.
    pub machine: Option<Foreign>,
}

/// Why a description is not that of a test VM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the description of a test VM")]
pub struct NotAMarker;

impl Validated for Provenance {}

impl FromStr for Provenance {
    type Err = NotAMarker;

    fn from_str(description: &str) -> Result<Self, NotAMarker> {
        let nonce = nonce_in(description).ok_or(NotAMarker)?.to_owned();
        let said = description.lines().find_map(|line| line.trim().strip_prefix(CREATED_LABEL));
        let (made, rest) = said.and_then(|said| said.split_once(" by ")).unzip();
        let machine = rest.and_then(|rest| rest.split_once(PURPOSE_TEXT)).map(|(machine, _)| Foreign::new(machine));
        let made = made.and_then(|made| OffsetDateTime::parse(made, &Rfc3339).ok());
        Ok(Self { nonce, made, machine })
    }
}

/// Finds the nonce in a description, which has letters and digits. One that holds several proves no ownership.
fn nonce_in(description: &str) -> Option<&str> {
    let mut nonces = description.lines().filter_map(|line| line.trim().strip_prefix(NONCE_LABEL)).map(str::trim);
    let nonce = nonces.next()?;
    let is_nonce = !nonce.is_empty() && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (nonces.next().is_none() && is_nonce).then_some(nonce)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::{Marker, Provenance};
    use crate::model::Foreign;

    #[test]
    fn a_marker_is_found_again_only_where_name_and_nonce_are_its_own() {
        let marker = Marker::new(None);
        let other = Marker::new(None);
        let description = marker.description(datetime!(2026-11-24 08:00:00.5 UTC), "desk");
        let is_on = |marker: &Marker, name: &str, description: &str| {
            marker.is_on(Some(&Foreign::new(name)), Some(&Foreign::new(description)))
        };
        assert!(is_on(&marker, &marker.name, &description));
        assert!(is_on(&marker, &marker.name, description.trim_end()));
        assert!(!is_on(&marker, &other.name, &description));
        assert!(!is_on(&marker, "Copy-of-VM-glassdome-test", &description));
        assert!(!is_on(&other, &other.name, &description));
        assert!(!marker.is_on(Some(&Foreign::new(marker.name.as_str())), None));
        assert!(!marker.is_on(None, Some(&Foreign::new(description.as_str()))));
        assert!(!is_on(&marker, &marker.name, &format!("{description}{description}")));
    }

    #[test]
    fn the_description_says_what_it_is() {
        let marker = Marker { name: "glassdome-test-abc123".to_owned(), nonce: "abc123".to_owned() };
        assert_eq!(
            marker.description(datetime!(2026-11-24 08:00:00.5 UTC), "desk\n"),
            "Test VM of glassdome, made 2026-11-24T08:00:00Z by desk. It proves that VMs can be created here and may be deleted.\nglassdome-nonce: abc123\n"
        );
    }

    #[test]
    fn a_description_tells_where_its_vm_comes_from() {
        let (marker, made) = (Marker::new(None), datetime!(2026-11-24 08:00:00 UTC));
        let origin = Foreign::new(marker.description(made, "desk. by me")).parse::<Provenance>().unwrap();
        assert_eq!(
            (origin.nonce, origin.made, origin.machine),
            (marker.nonce, Some(made), Some(Foreign::new("desk. by me")))
        );
        let bare = "glassdome-nonce: abc".parse::<Provenance>().unwrap();
        assert_eq!((bare.made, bare.machine), (None, None));
        for other in ["", "my VM", "glassdome-nonce: a\u{1b}c", "Test VM of glassdome, made yesterday by me"] {
            assert!(other.parse::<Provenance>().is_err(), "{other}");
        }
    }
}
