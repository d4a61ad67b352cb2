//! The date at whose beginning (UTC) a token expires.

use std::fmt;
use std::str::FromStr;

use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// A text that is not a valid expiry date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the date as YYYY-MM-DD, e.g. 2027-01-31; the token expires at 00:00 UTC")]
pub struct InvalidExpiry;

/// The date at whose beginning (UTC) a token expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry(Date);

impl Expiry {
    /// Returns the moment in seconds since 1970; `None` for a day before that.
    #[must_use]
    pub fn seconds(self) -> Option<u64> {
        u64::try_from(self.0.midnight().assume_utc().unix_timestamp()).ok().filter(|seconds| *seconds > 0)
    }

    /// Writes a moment in seconds since 1970 as its day; 0 is never.
    #[must_use]
    pub fn shown(seconds: u64) -> String {
        if seconds == 0 {
            return "never".to_owned();
        }
        let moment = i64::try_from(seconds).ok().and_then(|it| OffsetDateTime::from_unix_timestamp(it).ok());
        moment.map_or_else(|| "in a very distant future".to_owned(), |moment| moment.date().to_string())
    }
}

impl FromStr for Expiry {
    type Err = InvalidExpiry;

    fn from_str(text: &str) -> Result<Self, InvalidExpiry> {
        let date = Date::parse(text.trim(), format_description!("[year]-[month]-[day]")).map_err(|_| InvalidExpiry)?;
        Self(date).seconds().map(|_| Self(date)).ok_or(InvalidExpiry)
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::Expiry;

    #[test]
    fn a_day_is_a_day() {
        assert_eq!("2027-01-31".parse::<Expiry>().ok().and_then(Expiry::seconds), Some(1_801_353_600));
        for text in ["", "2027-02-30", "tomorrow", "2027-1-3", "1969-12-31", "1970-01-01", "31.01.2027"] {
            assert!(text.parse::<Expiry>().is_err(), "{text}");
        }
        assert_eq!((Expiry::shown(0), Expiry::shown(1_801_353_600)), ("never".to_owned(), "2027-01-31".to_owned()));
    }
}
