//! Who calls: user, token name, secret.

/// To be written.
pub struct TokenId;
/// To be written.
pub struct TokenName;
/// To be written.
pub struct TokenSecret;
/// To be written.
pub struct UserId;
