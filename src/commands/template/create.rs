//! Makes a template from a cloud image, through the API alone.

use serde_json::{Value, json};

use crate::cli::{Global, OutputFormat, TemplateCreate};
use crate::commands::options;
use crate::error::{Error, Hint, draw_hints};
use crate::model::VmId;
use crate::ops::ask;
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::port::{PortUse, settle_port};
use crate::ops::template::create::{Made, make};
use crate::ops::template::image::ImageSpec;
use crate::ops::template::plan::TemplatePlan;
use crate::ops::ubuntu_releases::DEFAULT;
use crate::session::Session;
use crate::settings::{AmbiguousValues, Change, GroupRights, Key, Setting};
use crate::ui::prompt::ConfirmPrompt;
use crate::ui::{Draw, Heading, Note, Printable, Screen};
use std::fmt;

/// Makes a template, and lets the settings file point at it.
pub(super) async fn run(session: &Session, global: &Global, arguments: &TemplateCreate) -> Result<Value, Error> {
    let mut context = Context::load(session, &options::connection(global, &arguments.connection)).await?;
    settle_port(session, &mut context, PortUse::Now).await?;
    if !arguments.dry_run {
        context.require_journal(session)?;
    }
    let wanted = ImageSpec::of("--release", arguments.release.as_deref().unwrap_or(DEFAULT.number), &session.folder)?;
    let text = format!("Template of {} on {}", wanted.title, context.host()?);
    session.heading(&Heading { text, is_sandbox: context.is_sandbox() });
    let connected = Connected::open(session, &context).await?;
    let mut made = make(session, &context, &connected, &arguments.into(), &wanted).await?;
    // They have been said already, before anything was sent.
    made.plan.warnings.extend(context.trust_warnings(connected.trusted));
    let plan = &made.plan;
    let is_text = global.output == OutputFormat::Text;
    if arguments.dry_run {
        if is_text {
            session.result(&Note::plain("dry run: nothing was changed".to_owned()));
        }
        return Ok(document(&made, &wanted, &[]));
    }
    if is_text {
        session.result(&Note::plain(summary(plan)));
        if let Some(volume) = &made.kept_image {
            session.result(&Note::plain(format!("image kept: {}", Printable(volume))));
        }
    }
    if context.is_sandbox() {
        // The simulated server ends with this run, and the template with it: no file may point at it.
        session.remark("the sandbox discards it now");
        return Ok(document(&made, &wanted, &[]));
    }
    let changed = save(session, &context, &wanted, plan).await?;
    if connected.pve.vm_config(&plan.node, plan.vmid).await.is_err() {
        let text = format!(
            "{} cannot use it yet: that needs VM.Clone and VM.Audit on /vms/{}",
            connected.caller_name(),
            plan.vmid
        );
        session.warn(text);
    }
    session.info(&NextCommand(Hint::Run(format!("glassdome test-vm --template {}", plan.vmid))));
    Ok(document(&made, &wanted, &changed))
}

/// What to do with the new template.
struct NextCommand(Hint);

impl Draw for NextCommand {
    fn draw(&self, screen: &mut Screen<'_>) -> fmt::Result {
        draw_hints("next: ", std::slice::from_ref(&self.0), screen)
    }
}

/// Says what was made, and where it is.
fn summary(plan: &TemplatePlan) -> String {
    let (name, storage) = (Printable(plan.name.as_str()), Printable(&plan.disk_storage));
    format!("template {} ({name}) is on {}, its disk on {storage}", plan.vmid, plan.node)
}

fn document(made: &Made, wanted: &ImageSpec, changed: &[String]) -> Value {
    let plan = &made.plan;
    json!({
        "node": plan.node.as_str(),
        "vmid": plan.vmid.number(),
        "name": plan.name,
        "image": plan.volume(),
        "kept_image": made.kept_image,
        "left_behind": made.left_behind,
        "storage": plan.disk_storage,
        "disk_size": Some(plan.disk_size).filter(|size| size.bytes() > 0).map(|size| size.to_string()),
        "bridge": plan.bridge,
        "of": wanted.title,
        "changed": changed,
        "warnings": plan.warnings,
    })
}

/// Asks whether the key of a template may change, which holds for other servers too; without a terminal only `--yes`
/// allows it.
async fn may_change_shared(session: &Session, key: Key, standing: VmId, wanted: VmId) -> Result<bool, Error> {
    if !session.is_attended() && !session.confirms_all {
        return Ok(false);
    }
    let name = key.entry().variable;
    let text = format!("{name}={standing} applies to all instances in the settings file. Change it to {wanted}?");
    ask::confirm(session, ConfirmPrompt::new(text).proposing_no(), || ask::answer_only_by("--yes", "whether to change"))
        .await
}

/// Writes the key of the release into the settings file, if it has one.
async fn save(
    session: &Session,
    context: &Context,
    wanted: &ImageSpec,
    plan: &TemplatePlan,
) -> Result<Vec<String>, Error> {
    let Some(key) = wanted.release.and_then(|release| release.key) else { return Ok(Vec::new()) };
    if let Some(standing) = context.shared_template(key, plan.vmid)
        && !may_change_shared(session, key, standing, plan.vmid).await?
    {
        let (name, file) = (key.entry().variable, context.store.path().display());
        session.note(format!("{name}={standing} in {file} applies to all instances and was not changed"));
        return Ok(Vec::new());
    }
    let loaded = context.store.load()?;
    let changes = Setting::template(key, plan.vmid).map(Change::from);
    let edited = loaded.file.edit(&context.instance, changes.as_slice(), AmbiguousValues::Withheld, &|_| None)?;
    if edited.changed.is_empty() {
        return Ok(Vec::new());
    }
    let saved = context.store.save(&edited.file, &loaded.stamp, GroupRights::Keep)?;
    let name = key.variable(&context.instance);
    session.note(format!("{} now has {name}={}", context.store.path().display(), plan.vmid));
    for warning in edited.warnings.iter().chain(&saved.warnings) {
        session.warn(warning.to_string());
    }
    Ok(edited.changed)
}
