//! Creates the template that is missing from a cloud image, during setup.

use crate::cli::Setup;
use crate::commands::options;
use crate::error::{Error, PlacementError, TemplateError};
use crate::model::{DiskSize, Foreign, VmId};
use crate::ops::ask;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::template::create;
use crate::ops::template::image::ImageSpec;
use crate::ops::template::options::{ChecksumSource, ImageDisposal, TemplateOptions};
use crate::ops::token::consent::require_yes;
use crate::ops::ubuntu_releases::{DEFAULT, Release};
use crate::pve::Vm;
use crate::session::Session;
use crate::settings::{Key, Source};
use crate::ui::prompt::TextPrompt;

/// The flag that makes it without a question.
const FLAG: &str = "--create-template";

/// A template that is nowhere, and can be made.
pub(super) struct MissingTemplate {
    /// The key that will point at it.
    key: Key,
    /// The VMID that was asked for.
    id: Option<VmId>,
}

/// A template that was made, or would be in a dry run.
pub(super) struct CreatedTemplate {
    /// The key that points at it.
    pub(super) key: Key,
    /// What it is: the list of the whole cluster may not have it for some seconds.
    pub(super) vm: Vm,
}

impl MissingTemplate {
    /// Finds out whether it is a template that was missed; a VM of that number which is none is in the way only where
    /// there is not a template at all.
    pub(super) fn of(why: &Error, context: &Context, arguments: &Setup) -> Result<Option<Self>, Error> {
        let (template, is_taken) = match why {
            Error::Placement(PlacementError::NoTemplate { template, .. }) => (*template, false),
            Error::Placement(PlacementError::NotATemplate { vmid, known, .. }) if known.is_empty() => (*vmid, true),
            _ => return Ok(None),
        };
        let said = |key| context.settings.template(key).map(|said| said.value);
        let (usual, other) = (Key::Ubuntu2204Template, Key::Ubuntu2004Template);
        let key = if said(other) == Some(template) && said(usual) != Some(template) { other } else { usual };
        let is_said = said(key) == Some(template) || arguments.test_vm.template == Some(template);
        let is_settled =
            arguments.test_vm.template.is_some() || context.settings.source(key).is_some_and(Source::is_settled);
        if is_taken && is_settled {
            return Ok(None);
        }
        Ok(Some(Self { key, id: Some(template).filter(|_| is_said && !is_taken) }))
    }

    /// Says what can be made, as an entry of a menu.
    pub(super) fn offer(&self) -> String {
        let release = self.release();
        let number = self.id.unwrap_or(release.vmid);
        format!("Create template {number} from Ubuntu's cloud image ({}), on the server", release.number)
    }

    /// Makes it, and lets the settings point at it; `image` is an image of one's own.
    pub(super) async fn make(
        &self,
        session: &Session,
        context: &mut Context,
        connected: &Connected,
        arguments: &Setup,
        image: Option<&str>,
    ) -> Result<CreatedTemplate, Error> {
        self.require_yes_for_shared_key(session, context)?;
        let release = image.unwrap_or(self.release().number);
        let wanted = self.wanted(session, release)?;
        let plan = create::make(session, context, connected, &self.options(arguments), &wanted).await?.plan;
        if context.settings.template(self.key).map(|said| said.value) != Some(plan.vmid) {
            context.answer_template(self.key, plan.vmid)?;
        }
        let vm = Vm {
            vmid: plan.vmid,
            node: plan.node,
            name: Foreign::new(plan.name),
            is_template: true,
            is_known: true,
            disk: 0,
        };
        Ok(CreatedTemplate { key: self.key, vm })
    }

    /// Ends the run without a terminal if the template would get another VMID than the key has, which holds for all
    /// instances.
    fn require_yes_for_shared_key(&self, session: &Session, context: &Context) -> Result<(), Error> {
        let standing = context.saved().template(self.key);
        let (None, Some(standing), false) = (self.id, standing, context.instance.is_first()) else { return Ok(()) };
        require_yes(session, || {
            let (name, standing) = (self.key.entry().variable, standing.value);
            format!("{name}={standing}, which applies to all instances, would be set to the VMID of a new template")
        })
    }

    /// Returns the release that the key stands for.
    fn release(&self) -> Release {
        Release::of_key(self.key).unwrap_or(DEFAULT)
    }

    /// Reads what it is to be made of: the release of the key, or an image of one's own.
    fn wanted(&self, session: &Session, release: &str) -> Result<ImageSpec, Error> {
        let usual = self.release();
        if release == usual.number {
            return Ok(ImageSpec::release(usual));
        }
        // An image of an unknown release gets the name and the number of what it will stand for.
        ImageSpec::image(release, &session.folder).map(|image| image.with_default_release(usual)).ok_or_else(|| {
            let known = vec![usual.number.to_owned()];
            TemplateError::UnknownRelease { flag: FLAG, release: release.to_owned(), known }.into()
        })
    }

    fn options(&self, arguments: &Setup) -> TemplateOptions {
        TemplateOptions {
            login: (&arguments.login).into(),
            vmid: self.id,
            name: None,
            storage: None,
            image_storage: None,
            disk_size: DiskSize::TEMPLATE_DEFAULT,
            bridge: None,
            checksum: ChecksumSource::Published,
            image: ImageDisposal::Remove,
            is_dry_run: arguments.dry_run,
            timeout: options::task_timeout(&arguments.test_vm),
        }
    }
}

/// Asks for an image of one's own.
pub(super) async fn image(session: &Session) -> Result<String, Error> {
    let folder = session.folder.clone();
    let question = TextPrompt::new("Image").hinting("a file here, or a URL that the server downloads it from");
    let question = question.checked(move |text| {
        let why = "this file does not exist, and it is not a URL (http:// or https://)";
        ImageSpec::image(text, &folder).map(drop).ok_or_else(|| why.to_owned())
    });
    ask::text(session, question, || ask::answer_only_by(FLAG, "the image of the template")).await
}
