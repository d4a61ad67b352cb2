//! What set-up shows at its end.

use std::fmt;
use std::path::PathBuf;

use crate::commands::connect::{Connected, Ground, Trusted};
use crate::commands::proof::receipt::Receipt;
use crate::model::VmId;
use crate::settings::Credentials;
use crate::ui::{Draw, Printable, Screen, Tone};

/// The end of a run that changed nothing on purpose.
pub(super) struct Plan {
    /// Whether there would be no proof.
    pub(super) skips_proof: bool,
    /// The template that would be cloned.
    pub(super) template: VmId,
}

impl Draw for Plan {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.paragraph(0, "dry run: nothing was written, nothing was changed on the server")?;
        if self.skips_proof {
            return screen.paragraph(0, "the proof would be left out");
        }
        screen.paragraph(0, "the proof would then call:")?;
        for call in [
            format!("POST   /nodes/NODE/qemu/{}/clone", self.template),
            "POST   /nodes/NODE/qemu/NEWID/status/start".to_owned(),
            "POST   /nodes/NODE/qemu/NEWID/status/stop".to_owned(),
            "DELETE /nodes/NODE/qemu/NEWID".to_owned(),
        ] {
            screen.line(&format!("  {call}"))?;
        }
        Ok(())
    }
}

/// The end of a run that showed the plan of a new token and no more: without the token nothing after it can be checked.
pub(super) struct Rehearsed;

impl Draw for Rehearsed {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.paragraph(0, "dry run: nothing was written, nothing was changed on the server")?;
        screen.paragraph(0, "what comes after the token is checked once it is there")
    }
}

/// The end of a run that went well.
pub(super) struct Next {
    /// The receipt, unless the proof was left out.
    pub(super) receipt: Option<Receipt>,
    /// The settings file.
    pub(super) file: PathBuf,
    /// The full token ID, or the user.
    pub(super) token: String,
    /// The user.
    pub(super) user: String,
    /// The same call with curl.
    pub(super) curl: Option<String>,
    /// Whether the server was a simulated one.
    pub(super) is_sandbox: bool,
}

impl Draw for Next {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        if let Some(receipt) = &self.receipt {
            receipt.draw(screen)?;
            screen.gap()?;
        }
        screen.heading("Quick reference")?;
        screen.labelled("  user      ", Tone::Plain, &Printable(&self.user).to_string())?;
        if let Some((_, name)) = self.token.split_once('!') {
            screen.labelled("  token     ", Tone::Plain, &Printable(name).to_string())?;
            screen.labelled("  token ID  ", Tone::Plain, &Printable(&self.token).to_string())?;
        }
        screen.labelled("  secret    ", Tone::Plain, &format!("in {}", self.file.display()))?;
        screen.gap()?;
        screen.heading("Next")?;
        let (again, sandbox) = if self.is_sandbox {
            ("glassdome test-vm --sandbox", " of the sandbox")
        } else {
            ("glassdome test-vm", "")
        };
        screen.paragraph(2, &format!("after changes, prove the settings{sandbox} again:"))?;
        screen.command(4, again)?;
        screen.paragraph(2, "if something does not work any more, find out what:")?;
        screen.command(4, if self.is_sandbox { "glassdome doctor --sandbox" } else { "glassdome doctor" })?;
        if self.receipt.is_none() {
            screen.paragraph(2, "the proof was left out: nobody has seen yet that a VM can be created")?;
        }
        if let Some(curl) = &self.curl {
            screen.paragraph(2, "the same credentials with curl:")?;
            screen.command(4, curl)?;
        }
        Ok(())
    }
}

/// Writes the curl line with the trust in force; the secret stays in its variable.
pub(super) fn curl(ground: &Ground, connected: &Connected) -> Option<String> {
    let (Credentials::Token { id, .. }, false) = (&connected.credentials, ground.is_sandbox()) else { return None };
    let trust = match connected.trusted {
        Trusted::System => String::new(),
        Trusted::Ca => {
            let fetched = connected.fetched.as_ref().map(|fetched| fetched.path.clone());
            let path = fetched.or_else(|| ground.settings.ca_file().map(|file| file.value))?;
            format!("--cacert {} ", quoted(&path.display().to_string()))
        }
        // curl knows no fingerprint of a certificate.
        Trusted::Pin | Trusted::Unverified => "-k ".to_owned(),
    };
    let url = ground.endpoint().ok()?.url();
    let header = quoted(&format!("Authorization: PVEAPIToken={id}="));
    Some(format!("curl {trust}-H {header}\"$PROXMOX_TOKEN_VALUE\" {url}/api2/json/version"))
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
