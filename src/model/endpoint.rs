//! Where a server listens.

/// To be written.
pub struct Endpoint;
/// To be written.
pub struct Host;
