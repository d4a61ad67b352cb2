//! The call that a person can make by hand: a line for a shell, with the verification of this run.

use super::Access;
use crate::settings::syntax::sh_word;
use crate::settings::{Credentials, Instance, Key};

/// Returns a line for `sh` that calls the server with curl. The secret comes from the variable and reaches curl through
/// a pipe, so it is not in the arguments of any process. `None` for a user that cannot be sent in a header.
#[must_use]
pub fn curl_line(access: &Access, instance: &Instance) -> Option<String> {
    let url = access.endpoint.as_ref()?.url();
    let trust = trust(access);
    let (variable, before, after) = match access.credentials.as_ref()? {
        Credentials::Token { id, .. } => (
            Key::TokenValue.variable(instance),
            format!("printf 'Authorization: PVEAPIToken=%s=%s' {} ", sh_word(&id.header_text().ok()?)),
            format!(" | curl{trust} --header @- {}", sh_word(&format!("{url}/api2/json/version"))),
        ),
        Credentials::Password { user, .. } => (
            Key::Password.variable(instance),
            "printf %s ".to_owned(),
            format!(
                " | curl{trust} --data-urlencode {} --data-urlencode password@- {}",
                sh_word(&format!("username={user}")),
                sh_word(&format!("{url}/api2/json/access/ticket"))
            ),
        ),
    };
    Some(format!("{before}\"${variable}\"{after}"))
}

/// Returns curl's options for the trust; a fingerprint of the certificate it cannot check.
fn trust(access: &Access) -> String {
    match (&access.ca_file, access.is_verified) {
        (Some(path), _) => format!(" --cacert {}", sh_word(&path.display().to_string())),
        (None, Some(false)) => " --insecure".to_owned(),
        (None, _) => String::new(),
    }
}
