//! Makes a template from a cloud image, through the API alone.

use std::path::Path;
use std::time::Duration;

use ring::digest::{self, SHA256};
use serde_json::{Value, json};

use crate::bounded;
use crate::cli::{Global, OutputFormat, TemplateCreate};
use crate::commands::connect::{Connected, Context};
use crate::commands::releases::USUAL;
use crate::commands::screens::{Heading, Note};
use crate::commands::template::build::{Build, ImageDisposal};
use crate::commands::template::image::{ImageSpec, is_sha256, sum_in};
use crate::commands::template::plan::{self, TemplatePlan, file};
use crate::commands::token::login::log_in;
use crate::commands::unless_interrupted;
use crate::error::{Error, TemplateError};
use crate::pve::{Pve, text_at};
use crate::session::Session;
use crate::settings::{AmbiguousValues, Change, GroupRights, Key, WritableValue};
use crate::ui::Printable;

/// How much of a file is read at once for its checksum.
const PIECE: usize = 256 * 1024;

/// Makes a template, and lets the settings file point at it.
pub(super) async fn run(session: &Session, global: &Global, arguments: &TemplateCreate) -> Result<Value, Error> {
    let context = Context::load(session, global, &arguments.connection, &[]).await?;
    if !arguments.dry_run {
        context.require_journal(session)?;
    }
    let wanted = ImageSpec::of("--release", arguments.release.as_deref().unwrap_or(USUAL.number), &session.folder)?;
    let text = format!("Template of {} on {}", wanted.title, context.host()?);
    session.ui.borrow_mut().info(&Heading { text, is_sandbox: context.is_sandbox() });
    let connected = Connected::open(session, &context).await?;
    let mut made = make(session, &context, &connected, arguments, &wanted).await?;
    // They have been said already, before anything was sent.
    made.plan.warnings.extend(context.trust_warnings(connected.trusted));
    let plan = &made.plan;
    let is_text = global.output == OutputFormat::Text;
    if arguments.dry_run {
        if is_text {
            session.ui.borrow_mut().result(&Note::plain("dry run: nothing was changed".to_owned()));
        }
        return Ok(document(&made, &wanted, &[]));
    }
    if is_text {
        session.ui.borrow_mut().result(&Note::plain(summary(plan)));
        if let Some(volume) = &made.kept_image {
            session.ui.borrow_mut().result(&Note::plain(format!("the image is kept: {}", Printable(volume))));
        }
    }
    if context.is_sandbox() {
        // The simulated server ends with this run, and the template with it: no file may point at it.
        session.ui.borrow_mut().info(&Note::plain("the sandbox forgets it now".to_owned()));
        return Ok(document(&made, &wanted, &[]));
    }
    let changed = save(session, &context, &wanted, plan)?;
    if connected.pve.vm_config(&plan.node, plan.vmid).await.is_err() {
        let text = format!("{} may not see it: VM.Clone and VM.Audit on /vms/{}", connected.who(), plan.vmid);
        session.ui.borrow_mut().info(&Note::warning(text));
    }
    let text = format!("next: glassdome test-vm --template {}", plan.vmid);
    session.ui.borrow_mut().info(&Note::plain(text));
    Ok(document(&made, &wanted, &changed))
}

/// A template that was made, or would be.
pub(crate) struct Made {
    /// What it is.
    pub(crate) plan: TemplatePlan,
    /// The volume ID of its image, where that is kept.
    kept_image: Option<String>,
    /// The volume IDs of what is left and should not be, or may be somebody else's.
    left_behind: Vec<String>,
}

/// Makes a template, with a log-in where the token may not, and gives what it is; a dry run only says what it would be.
pub(crate) async fn make(
    session: &Session,
    context: &Context,
    connected: &Connected,
    arguments: &TemplateCreate,
    wanted: &ImageSpec,
) -> Result<Made, Error> {
    let sha256 = unless_interrupted(session, checksum(session, context, arguments, wanted)).await?;
    let facts = plan::TargetNode {
        arguments,
        wanted,
        sha256: sha256.as_deref(),
        node: context.settings.node()?.map(|found| found.value),
        node_variable: Key::Node.variable(&context.instance),
    };
    let (pve, mut plan) = who_may(session, context, connected, &facts).await?;
    let would = if arguments.dry_run { "would be made: " } else { "" };
    session.ui.borrow_mut().info(&Note::found(format!("{would}{}", intention(&plan))));
    for warning in &plan.warnings {
        session.ui.borrow_mut().info(&Note::warning(warning.clone()));
    }
    let (mut kept_image, mut left_behind) = (None, Vec::new());
    if !arguments.dry_run {
        let journal = context.journal(session)?;
        let patience = arguments.timeout.unwrap_or(Duration::from_secs(300));
        let build = Build::new(&pve, session, (&plan, wanted, sha256.as_deref()), patience, journal.as_ref());
        let image = if arguments.keep_image { ImageDisposal::Keep } else { ImageDisposal::Remove };
        let made = build.make(image).await?;
        (kept_image, left_behind) = (made.kept_image, made.left_behind);
        plan.vmid = made.vmid;
        plan.disk_size = made.disk_size.unwrap_or(plan.disk_size);
    }
    Ok(Made { plan, kept_image, left_behind })
}

/// Says what was made, and where it is.
fn summary(plan: &TemplatePlan) -> String {
    let (name, storage) = (Printable(plan.name.as_str()), Printable(&plan.disk_storage));
    format!("template {} ({name}) is on {}, its disk on {storage}", plan.vmid, plan.node)
}

fn intention(plan: &TemplatePlan) -> String {
    let size = match plan.disk_size {
        size if size.bytes() == 0 => String::new(),
        size => format!(" of {size}"),
    };
    format!(
        "VM {} ({}) on {}: image {}, disk{size} on {}, bridge {}",
        plan.vmid,
        plan.name,
        plan.node,
        Printable(&plan.volume()),
        Printable(&plan.disk_storage),
        Printable(&plan.bridge)
    )
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

/// Finds out the checksum: what a flag says, that of the file, or what stands in the list beside the image.
async fn checksum(
    session: &Session,
    context: &Context,
    arguments: &TemplateCreate,
    wanted: &ImageSpec,
) -> Result<Option<String>, Error> {
    if let Some(said) = &arguments.checksum {
        return if is_sha256(said) {
            Ok(Some(said.to_ascii_lowercase()))
        } else {
            Err(TemplateError::BadChecksum.into())
        };
    }
    if arguments.no_checksum {
        return Ok(None);
    }
    if let Some(path) = file(wanted) {
        let failed = |source| TemplateError::File { path: path.display().to_string(), source };
        return Ok(sha256_of(path).map(Some).map_err(failed)?);
    }
    if context.is_sandbox() {
        // A rehearsal asks nobody outside: the simulated server only pretends to fetch.
        return Ok(Some("0".repeat(64)));
    }
    let Some(address) = wanted.sums() else { return Ok(None) };
    let failed = |why: String| TemplateError::NoChecksum { file: wanted.file().to_owned(), why };
    let proxies = crate::pve::Proxies::from_variables(&|name| session.variable(name).map(str::to_owned));
    let list = text_at(&address, context.limits(), &proxies).await.map_err(failed)?;
    let found = sum_in(&list, wanted.file());
    found.map(Some).ok_or_else(|| failed(format!("{address} does not list it")).into())
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut file = bounded::open_regular(path)?;
    let mut context = digest::Context::new(&SHA256);
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        context.update(piece.get(..count).unwrap_or_default());
    }
    Ok(context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes the plan with the token; where that lacks something, with a log-in.
async fn who_may(
    session: &Session,
    context: &Context,
    connected: &Connected,
    facts: &plan::TargetNode<'_>,
) -> Result<(Pve, TemplatePlan), Error> {
    let planned = unless_interrupted(session, facts.plan(&connected.pve, &connected.who())).await;
    let why = match planned {
        Ok(plan) => return Ok((connected.pve.clone(), plan)),
        Err(why) => why,
    };
    let login = &facts.arguments.login;
    let is_lack = matches!(
        &why,
        Error::Template(TemplateError::Lacking { .. } | TemplateError::NoImport { .. } | TemplateError::NoDisks { .. })
    );
    if !is_lack || (login.login_user.is_none() && !session.is_attended()) {
        return Err(connected.diagnosed(why).await);
    }
    session.ui.borrow_mut().info(&Note::found(format!("{why}; somebody with more rights can log in")));
    let pve = connected.pve.clone().anonymous();
    let enter = async {
        let realms = pve.domains().await.map_err(|source| Error::reaching(pve.endpoint(), source))?;
        let realms: Vec<String> = realms.into_iter().map(|realm| realm.name.to_string()).collect();
        log_in(session, context, pve, &realms, login).await
    };
    let admin = unless_interrupted(session, enter).await?;
    let plan = unless_interrupted(session, facts.plan(&admin.pve, &admin.user.to_string())).await?;
    Ok((admin.pve, plan))
}

/// Writes the key of the release into the settings file, if it has one.
fn save(session: &Session, context: &Context, wanted: &ImageSpec, plan: &TemplatePlan) -> Result<Vec<String>, Error> {
    let Some(key) = wanted.release.and_then(|release| release.key) else { return Ok(Vec::new()) };
    let loaded = context.store.load()?;
    let changes = [Change::Set(key, WritableValue::Text(plan.vmid.to_string()))];
    let edited = loaded.file.edit(&context.instance, &changes, AmbiguousValues::Withheld, &|_| None)?;
    if edited.changed.is_empty() {
        return Ok(Vec::new());
    }
    let saved = context.store.save(&edited.file, &loaded.stamp, GroupRights::Keep)?;
    let mut ui = session.ui.borrow_mut();
    let name = key.variable(&context.instance);
    ui.info(&Note::found(format!("{} holds {name}={} now", context.store.path().display(), plan.vmid)));
    for warning in edited.warnings.iter().chain(&saved.warnings) {
        ui.info(&Note::warning(warning.to_string()));
    }
    Ok(edited.changed)
}
