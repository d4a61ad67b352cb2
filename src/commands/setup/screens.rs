//! What set-up shows at its end.

use std::fmt;
use std::path::PathBuf;

use crate::ops::context::Context;
use crate::ops::test_vm::calls::PlannedCalls;
use crate::ops::test_vm::receipt::Receipt;
use crate::settings::{Access, curl_line};
use crate::ui::{Draw, Printable, Screen, Tone};

/// The end of a run that changed nothing on purpose.
pub(super) struct DryRun {
    /// The calls that the test VM would take, unless there would be none.
    pub(super) calls: Option<PlannedCalls>,
}

impl Draw for DryRun {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.paragraph(0, "dry run: nothing was written or changed")?;
        let Some(calls) = &self.calls else { return screen.paragraph(0, "no test VM would be run") };
        screen.paragraph(0, "the test VM would then take these calls:")?;
        calls.draw(screen)
    }
}

/// The end of a run that showed the plan of a new token and no more: without the token nothing after it can be checked.
pub(super) struct SandboxNote;

impl Draw for SandboxNote {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        screen.paragraph(0, "dry run: nothing was written or changed")?;
        screen.paragraph(0, "node, templates and privileges are checked after the token has been created")
    }
}

/// What came of the test VM in a run that went well.
pub(super) enum TestVmEnd {
    /// It was created and deleted.
    Verified(Box<Receipt>),
    /// It was not wanted.
    Skipped,
    /// No template was chosen to clone.
    NoTemplate,
}

/// The end of a run that went well.
pub(super) struct Next {
    /// What came of the test VM.
    pub(super) test_vm: TestVmEnd,
    /// The settings file.
    pub(super) file: PathBuf,
    /// The full token ID, or the user.
    pub(super) token: String,
    /// The user.
    pub(super) user: String,
    /// The same call with curl.
    pub(super) curl: Option<Curl>,
    /// Whether the server was a simulated one.
    pub(super) is_sandbox: bool,
}

impl Draw for Next {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        if let TestVmEnd::Verified(receipt) = &self.test_vm {
            receipt.draw(screen)?;
            screen.blank_line()?;
        }
        screen.heading("Quick reference")?;
        screen.labelled("  user      ", Tone::Plain, &Printable(&self.user).to_string())?;
        if let Some((_, name)) = self.token.split_once('!') {
            screen.labelled("  token     ", Tone::Plain, &Printable(name).to_string())?;
            screen.labelled("  token ID  ", Tone::Plain, &Printable(&self.token).to_string())?;
        }
        screen.labelled("  secret    ", Tone::Plain, &format!("in {}", self.file.display()))?;
        screen.blank_line()?;
        screen.heading("Next")?;
        let sandbox = if self.is_sandbox { " of the sandbox" } else { "" };
        match self.test_vm {
            TestVmEnd::Verified(_) => {
                screen.paragraph(2, &format!("after changes, verify the settings{sandbox} again:"))?;
                screen.command(4, "glassdome test-vm")?;
            }
            TestVmEnd::Skipped => {
                screen.paragraph(2, "test VM skipped; to confirm that VMs can be created:")?;
                screen.command(4, "glassdome test-vm")?;
            }
            TestVmEnd::NoTemplate => {
                screen.paragraph(2, "no template chosen; to confirm that VMs can be created, name one to clone:")?;
                screen.command(4, "glassdome test-vm --template VMID")?;
            }
        }
        screen.paragraph(2, "if something stops working:")?;
        screen.command(4, "glassdome doctor")?;
        if let Some(curl) = &self.curl {
            screen.paragraph(2, "try the credentials with curl:")?;
            screen.command(4, &curl.before)?;
            screen.command(4, &curl.line)?;
            if let Some(warning) = curl.warning {
                screen.paragraph(4, warning)?;
            }
        }
        Ok(())
    }
}

/// The same call with curl, and what curl cannot do.
pub(super) struct Curl {
    /// What gives a shell the secret.
    before: String,
    line: String,
    warning: Option<&'static str>,
}

impl Curl {
    /// Takes what the settings say, as `env --format curl` does; there is none for a simulated server that is gone then.
    pub(super) fn of(context: &Context) -> Option<Self> {
        if context.is_sandbox() {
            return None;
        }
        let access = Access::of(&context.settings).ok()?;
        let is_pinned = access.fingerprint.is_some() && access.ca_file.is_none();
        let warning = "(curl cannot check a fingerprint: it refuses the certificate unless it knows its authority)";
        let env = context.sticky_flags().append_flags("glassdome env --format sh --reveal").into_owned();
        let before = format!("eval \"$({env})\"");
        Some(Self { before, line: curl_line(&access, &context.instance)?, warning: is_pinned.then_some(warning) })
    }
}
