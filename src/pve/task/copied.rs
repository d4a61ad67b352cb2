//! How much of an image a task has copied, as its log says it.

use crate::model::Validated;
use std::str::FromStr;

/// What a line of a log says of a copy: how much of how much, in units of its own, and in percent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Copied {
    pub(super) amount: String,
    pub(super) percent: f64,
}

impl Validated for Copied {}

impl FromStr for Copied {
    type Err = ();

    /// Reads `transferred 96.0 MiB of 1.0 GiB (9.38%)`, and what wget writes, ` 32768K ........ ........ 21%  945M 0s`.
    fn from_str(line: &str) -> Result<Self, ()> {
        let copied = by_wget(line.trim()).or_else(|| by_qemu(line.trim())).ok_or(())?;
        if (0.0..=100.0).contains(&copied.percent) { Ok(copied) } else { Err(()) }
    }
}

fn by_wget(line: &str) -> Option<Copied> {
    let (amount, dots) = line.split_once("K ")?;
    let amount: u64 = amount.parse().ok()?;
    let percent = dots.split_whitespace().find_map(|word| word.strip_suffix('%'))?.parse().ok()?;
    Some(Copied { amount: format!("{amount} KiB"), percent })
}

fn by_qemu(line: &str) -> Option<Copied> {
    let (amount, rest) = line.strip_prefix("transferred ")?.split_once(" (")?;
    let is_amount = |byte: u8| byte.is_ascii_alphanumeric() || b". ".contains(&byte);
    let percent = rest.strip_suffix("%)")?.trim().parse().ok()?;
    amount.bytes().all(is_amount).then(|| Copied { amount: amount.to_owned(), percent })
}
