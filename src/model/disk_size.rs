//! The size of a disk.

use std::fmt;
use std::str::FromStr;

/// The units, with their bytes, the largest first.
const UNITS: [(char, u64); 4] = [('T', 1 << 40), ('G', 1 << 30), ('M', 1 << 20), ('K', 1 << 10)];

/// Why a text is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a size is a number with a unit (M, G or T), e.g. 32G; or 0")]
pub struct InvalidDiskSize;

/// The size of a disk, written as Proxmox VE writes it: `32G`. Ordered by the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskSize(u64);

impl DiskSize {
    /// The disk of the template that Glassdome's guide makes.
    pub const TEMPLATE_DEFAULT: Self = Self(32 << 30);

    /// Returns the bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Reads a size as a configuration has it, where it may be a fraction (`2.2G`), or bytes without a unit.
    #[must_use]
    pub fn in_config(text: &str) -> Option<Self> {
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(*unit)?, *bytes)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let fraction = format!("0.{fraction}").parse::<f64>().ok()?;
        let whole = whole.parse::<u64>().ok()?.checked_mul(unit)?;
        whole.checked_add(share(fraction, unit)).map(Self)
    }
}

/// Gives the bytes of a fraction of a unit.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a fraction of a power of two is neither negative nor near the limit"
)]
fn share(fraction: f64, unit: u64) -> u64 {
    (fraction * unit as f64) as u64
}

impl FromStr for DiskSize {
    type Err = InvalidDiskSize;

    fn from_str(text: &str) -> Result<Self, InvalidDiskSize> {
        let is_plain = text == "0" || text.ends_with(['M', 'G', 'T']) && !text.contains('.');
        if is_plain { Self::in_config(text).ok_or(InvalidDiskSize) } else { Err(InvalidDiskSize) }
    }
}

impl fmt::Display for DiskSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.iter().find(|(_, bytes)| self.0 >= *bytes && self.0.is_multiple_of(*bytes));
        match whole {
            Some((unit, bytes)) => write!(formatter, "{}{unit}", self.0 / bytes),
            None => write!(formatter, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DiskSize;

    #[test]
    fn a_size_has_its_unit() {
        for (text, bytes) in [("32G", 32 << 30), ("512M", 512 << 20), ("2T", 2_u64 << 40), ("0", 0), ("0G", 0)] {
            assert_eq!(text.parse().map(DiskSize::bytes), Ok(bytes), "{text}");
        }
        for text in ["", "G", "32", "32g", "32GB", "32 G", "+32G", "-1G", "1.5G", "1e3G", "20000000T", "32K", " 32G"] {
            assert!(text.parse::<DiskSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_configuration_may_write_fractions_and_bytes() {
        let table = [("2252M", 2252 << 20), ("2.5G", 2560 << 20), ("528K", 528 << 10), ("7", 7), ("32G", 32 << 30)];
        for (text, bytes) in table {
            assert_eq!(DiskSize::in_config(text).map(DiskSize::bytes), Some(bytes), "{text}");
        }
        for text in ["", "x", "1..5G", ".5G", "5.G", "99999999999999999999T", "1P"] {
            assert_eq!(DiskSize::in_config(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_written_in_the_largest_whole_unit() {
        for text in ["32G", "2252M", "1T", "0", "7", "528K"] {
            assert_eq!(DiskSize::in_config(text).map(|size| size.to_string()).as_deref(), Some(text));
        }
    }
}
