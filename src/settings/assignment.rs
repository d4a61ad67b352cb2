//! One variable and its value, of which a part may be a secret.

use zeroize::Zeroizing;

use super::setting::WritableValue;
use crate::model::Secret;

/// A variable and its value.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The name of the variable.
    pub name: String,
    /// What of its value may be shown.
    public: String,
    /// What follows, and may not.
    hidden: Option<WritableValue>,
}

impl Assignment {
    /// Makes an assignment that may be shown.
    pub(super) const fn public(name: String, value: String) -> Self {
        Self { name, public: value, hidden: None }
    }

    /// Makes an assignment whose value ends with a secret.
    pub(super) const fn hidden(name: String, before: String, secret: WritableValue) -> Self {
        Self { name, public: before, hidden: Some(secret) }
    }

    /// Returns whether a part of the value may not be shown.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.hidden.is_some()
    }

    /// Returns the value with its secret masked.
    #[must_use]
    pub fn masked(&self) -> String {
        let hidden = self.hidden.as_ref().map(WritableValue::masked).unwrap_or_default();
        format!("{}{hidden}", self.public)
    }

    /// Returns the whole value.
    #[must_use]
    pub fn whole(&self) -> Secret {
        let hidden = self.hidden.as_ref().map(WritableValue::text).unwrap_or_default();
        // Joined in a buffer of the right size, so that no copy of the secret is left behind by its growth.
        let mut whole = Zeroizing::new(String::with_capacity(self.public.len() + hidden.len()));
        whole.push_str(&self.public);
        whole.push_str(hidden);
        Secret::new(std::mem::take(&mut whole))
    }
}
