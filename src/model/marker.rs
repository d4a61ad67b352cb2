//! What a test VM carries so that it can be told from every other: its name, and a nonce in its description.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::model::VmName;

/// What stands in front of the nonce.
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
    /// Makes a marker that nobody had before.
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
        format!(
            "Test VM of glassdome, made {made} by {machine}. It proves that VMs can be created here and may be deleted.\n{NONCE_LABEL}{}\n",
            self.nonce
        )
    }

    /// Says whether a VM's name and description carry exactly this marker.
    #[must_use]
    pub fn is_on(&self, name: Option<&str>, description: Option<&str>) -> bool {
        name == Some(self.name.as_str()) && description.and_then(nonce_in) == Some(self.nonce.as_str())
    }
}

/// Finds the nonce in a description. One that holds several is nobody's.
fn nonce_in(description: &str) -> Option<&str> {
    let mut nonces = description.lines().filter_map(|line| line.trim().strip_prefix(NONCE_LABEL)).map(str::trim);
    let nonce = nonces.next()?;
    nonces.next().is_none().then_some(nonce)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::Marker;

    #[test]
    fn a_marker_is_found_again_only_where_name_and_nonce_are_its_own() {
        let marker = Marker::new(None);
        let other = Marker::new(None);
        let description = marker.description(datetime!(2026-11-24 08:00:00.5 UTC), "desk");
        assert!(marker.is_on(Some(&marker.name), Some(&description)));
        assert!(marker.is_on(Some(&marker.name), Some(description.trim_end())));
        assert!(!marker.is_on(Some(&other.name), Some(&description)));
        assert!(!marker.is_on(Some("Copy-of-VM-glassdome-test"), Some(&description)));
        assert!(!other.is_on(Some(&other.name), Some(&description)));
        assert!(!marker.is_on(Some(&marker.name), None));
        assert!(!marker.is_on(None, Some(&description)));
        let doubled = format!("{description}{description}");
        assert!(!marker.is_on(Some(&marker.name), Some(&doubled)));
    }

    #[test]
    fn the_description_says_what_it_is() {
        let marker = Marker { name: "glassdome-test-abc123".to_owned(), nonce: "abc123".to_owned() };
        assert_eq!(
            marker.description(datetime!(2026-11-24 08:00:00.5 UTC), "desk\n"),
            "Test VM of glassdome, made 2026-11-24T08:00:00Z by desk. It proves that VMs can be created here and may be deleted.\nglassdome-nonce: abc123\n"
        );
    }
}
