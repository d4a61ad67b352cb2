//! How an assignment is written for a program that reads it: three shells, `.env` files, JSON.

use zeroize::Zeroizing;

use super::assignment::Assignment;
use super::error::SettingsError;
use super::parsers::python::Quotes;
use super::quoting::{Unwritable, quoted, refusal};
use crate::model::Secret;

/// What is read by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Lines of a `.env` file.
    Dotenv,
    /// Lines for `docker run --env-file`, to which quotes are a part of the value.
    Docker,
    /// A POSIX shell.
    Sh,
    /// The shell fish.
    Fish,
    /// PowerShell.
    PowerShell,
}

/// Whether secrets are written, or masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Their first characters at most, in a comment: they are not set by mistake.
    Masked,
    /// Whole.
    Whole,
}

impl Syntax {
    /// Writes an assignment as one statement.
    ///
    /// # Errors
    ///
    /// Fails if no form of the value is read alike by every reader of `.env` files.
    pub fn line(self, assignment: &Assignment, shown: Shown) -> Result<Secret, SettingsError> {
        let is_masked = assignment.is_secret() && shown == Shown::Masked;
        if is_masked {
            let value = Secret::new(assignment.masked());
            return Ok(self.statement(&assignment.name, &value, "# "));
        }
        let value = assignment.whole();
        if let Some(why) = self.refusal(value.expose()) {
            return Err(SettingsError::Unwritable { name: assignment.name.clone(), why });
        }
        Ok(self.statement(&assignment.name, &value, ""))
    }

    /// Says why a value cannot be written, where it cannot.
    fn refusal(self, value: &str) -> Option<Unwritable> {
        match self {
            Self::Dotenv => refusal(value),
            // It takes a value as it is up to the end of the line.
            Self::Docker => refusal(value).filter(|why| why.is_final()),
            Self::Sh | Self::Fish | Self::PowerShell => None,
        }
    }

    /// Returns whether a value is written in quotes though its reader may take them for a part of it, as docker does.
    #[must_use]
    pub fn adds_quotes(self, assignment: &Assignment) -> bool {
        let whole = assignment.whole();
        let value = whole.expose();
        self == Self::Dotenv && *Zeroizing::new(self.literal(value)) != value
    }

    fn statement(self, name: &str, value: &Secret, before: &str) -> Secret {
        let value = Zeroizing::new(self.literal(value.expose()));
        Secret::new(match self {
            Self::Dotenv | Self::Docker => format!("{before}{name}={}", *value),
            Self::Sh => format!("{before}export {name}={}", *value),
            Self::Fish => format!("{before}set -gx {name} {}", *value),
            Self::PowerShell => format!("{before}$env:{name} = {}", *value),
        })
    }

    /// Quotes a value so that its reader takes every character for itself.
    fn literal(self, value: &str) -> String {
        match self {
            Self::Dotenv => quoted(value, Quotes::None),
            Self::Docker => value.to_owned(),
            Self::Sh => sh_word(value),
            Self::Fish => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
            Self::PowerShell => {
                let mut literal = String::from("'");
                for character in value.chars() {
                    // PowerShell takes the typographic quotes for single quotes, too.
                    if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
                        literal.push(character);
                    }
                    literal.push(character);
                }
                literal.push('\'');
                literal
            }
        }
    }
}

/// Quotes a word for a POSIX shell.
#[must_use]
pub fn sh_word(value: &str) -> String {
    format!("'{}'", value.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::{Shown, Syntax};
    use crate::model::Secret;
    use crate::settings::WritableValue;
    use crate::settings::assignment::Assignment;

    fn line(syntax: Syntax, value: &str) -> String {
        let assignment =
            Assignment::hidden("K".to_owned(), String::new(), WritableValue::Password(Secret::new(value.to_owned())));
        syntax.line(&assignment, Shown::Whole).unwrap().expose().to_owned()
    }

    #[test]
    fn every_shell_gets_its_own_quotes() {
        for value in ["plain", "it's", " a $b `c` \"d\" ", "a\\b\\", "${X}", "#x", ""] {
            assert_eq!(line(Syntax::Docker, value), format!("K={value}"));
        }
        for (value, sh, fish, powershell) in [
            ("plain", "export K='plain'", "set -gx K 'plain'", "$env:K = 'plain'"),
            ("it's", "export K='it'\\''s'", "set -gx K 'it\\'s'", "$env:K = 'it''s'"),
            (
                "$HOME `id` $(id)",
                "export K='$HOME `id` $(id)'",
                "set -gx K '$HOME `id` $(id)'",
                "$env:K = '$HOME `id` $(id)'",
            ),
            ("a\\b\\", "export K='a\\b\\'", "set -gx K 'a\\\\b\\\\'", "$env:K = 'a\\b\\'"),
            ("\u{2019}", "export K='\u{2019}'", "set -gx K '\u{2019}'", "$env:K = '\u{2019}\u{2019}'"),
            ("", "export K=''", "set -gx K ''", "$env:K = ''"),
        ] {
            assert_eq!(line(Syntax::Sh, value), sh);
            assert_eq!(line(Syntax::Fish, value), fish);
            assert_eq!(line(Syntax::PowerShell, value), powershell);
        }
    }

    #[test]
    fn a_masked_secret_is_a_comment_that_sets_nothing() {
        let password = WritableValue::Password(Secret::new("canary".to_owned()));
        let assignment = Assignment::hidden("K".to_owned(), "a=".to_owned(), password);
        for (syntax, masked) in [
            (Syntax::Dotenv, "# K='a=••••'"),
            (Syntax::Docker, "# K=a=••••"),
            (Syntax::Sh, "# export K='a=••••'"),
            (Syntax::Fish, "# set -gx K 'a=••••'"),
            (Syntax::PowerShell, "# $env:K = 'a=••••'"),
        ] {
            assert_eq!(syntax.line(&assignment, Shown::Masked).unwrap().expose(), masked);
        }
    }

    #[test]
    fn a_value_that_readers_of_dotenv_files_disagree_on_is_refused() {
        let password = WritableValue::Password(Secret::new("a${B}".to_owned()));
        let assignment = Assignment::hidden("K".to_owned(), String::new(), password);
        assert!(Syntax::Dotenv.line(&assignment, Shown::Whole).is_err());
        assert!(Syntax::Dotenv.line(&assignment, Shown::Masked).is_ok());
        assert!(Syntax::Sh.line(&assignment, Shown::Whole).is_ok());
        assert!(Syntax::Docker.line(&assignment, Shown::Whole).is_ok());
    }
}
