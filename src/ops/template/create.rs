//! Makes a template: the plan, a login where the token lacks privileges, and the build.

use crate::bounded;
use crate::error::{Error, TemplateError};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::template::build::{Build, BuildInput};
use crate::ops::template::image::{ImageSpec, is_sha256, sum_in};
use crate::ops::template::options::{ChecksumSource, TemplateOptions};
use crate::ops::template::plan::{self, TemplatePlan, file};
use crate::ops::token::login::log_in;
use crate::ops::unless_interrupted;
use crate::pve::{NoText, Pve, text_at};
use crate::session::Session;
use crate::settings::Key;
use crate::ui::Printable;
use std::path::Path;

use ring::digest::{self, SHA256};

/// How much of a file is read at once for its checksum.
const CHUNK_SIZE: usize = 256 * 1024;

/// A template that was made, or would be.
pub(crate) struct Made {
    /// What it is.
    pub(crate) plan: TemplatePlan,
    /// The volume ID of its image, where that is kept.
    pub(crate) kept_image: Option<String>,
    /// The volume IDs of what is left and should not be, or may belong to another user.
    pub(crate) left_behind: Vec<String>,
}

/// Makes a template, with a log-in where the token may not, and returns what it is; a dry run only says what it would
/// be.
pub(crate) async fn make(
    session: &Session,
    context: &Context,
    connected: &Connected,
    options: &TemplateOptions,
    wanted: &ImageSpec,
) -> Result<Made, Error> {
    let sha256 = unless_interrupted(session, checksum(session, context, &options.checksum, wanted)).await?;
    let facts = plan::TargetNode {
        options,
        wanted,
        sha256: sha256.as_deref(),
        node: context.settings.node().map(|found| found.value),
        node_variable: Key::Node.variable(&context.instance),
    };
    let (pve, mut plan) = plan_or_log_in(session, context, connected, &facts).await?;
    let would = if options.is_dry_run { "would be created: " } else { "" };
    session.note(format!("{would}{}", progress_text(&plan)));
    for warning in &plan.warnings {
        session.warn(warning.clone());
    }
    let (mut kept_image, mut left_behind) = (None, Vec::new());
    if !options.is_dry_run {
        let journal = context.journal(session)?;
        let input = BuildInput { plan: &plan, wanted, sha256: sha256.as_deref() };
        let build = Build::new(&pve, session, input, options.timeout, journal.as_ref());
        let made = build.make(options.image).await?;
        (kept_image, left_behind) = (made.kept_image, made.left_behind);
        plan.vmid = made.vmid;
        plan.disk_size = made.disk_size.unwrap_or(plan.disk_size);
    }
    Ok(Made { plan, kept_image, left_behind })
}

fn progress_text(plan: &TemplatePlan) -> String {
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

/// Finds out the checksum: what a flag says, that of the file, or what is in the list beside the image.
async fn checksum(
    session: &Session,
    context: &Context,
    source: &ChecksumSource,
    wanted: &ImageSpec,
) -> Result<Option<String>, Error> {
    match source {
        ChecksumSource::Given(sum) if is_sha256(sum) => return Ok(Some(sum.to_ascii_lowercase())),
        ChecksumSource::Given(_) => return Err(TemplateError::BadChecksum.into()),
        ChecksumSource::Unchecked => return Ok(None),
        ChecksumSource::Published => {}
    }
    if let Some(path) = file(wanted) {
        let failed = |source| TemplateError::File { path: path.display().to_string(), source };
        return Ok(sha256_of(path).map(Some).map_err(failed)?);
    }
    if context.is_sandbox() {
        // A rehearsal calls no other server: the simulated server only pretends to fetch.
        return Ok(Some("0".repeat(64)));
    }
    let Some(address) = wanted.checksums_url() else { return Ok(None) };
    let failed = |why: String| TemplateError::NoChecksum { file: wanted.file().to_owned(), why };
    let proxies = crate::pve::Proxies::from_variables(&|name| session.variable(name).map(str::to_owned));
    let list = text_at(&address, context.limits(), &proxies).await.map_err(|why| match why {
        NoText::Unreachable { host, why } => TemplateError::ChecksumUnreachable { host, why },
        NoText::Unusable(why) => failed(why),
    })?;
    let found = sum_in(&list, wanted.file());
    found.map(Some).ok_or_else(|| failed(format!("{address} does not list it")).into())
}

fn sha256_of(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut file = bounded::open_regular(path)?;
    let mut context = digest::Context::new(&SHA256);
    let mut piece = vec![0; CHUNK_SIZE];
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
async fn plan_or_log_in(
    session: &Session,
    context: &Context,
    connected: &Connected,
    facts: &plan::TargetNode<'_>,
) -> Result<(Pve, TemplatePlan), Error> {
    let planned = unless_interrupted(session, facts.plan(&connected.pve, &connected.caller_name())).await;
    let why = match planned {
        Ok(plan) => return Ok((connected.pve.clone(), plan)),
        Err(why) => why,
    };
    let login = &facts.options.login;
    let lacks_privilege = matches!(
        &why,
        Error::Template(
            TemplateError::MissingPrivileges { .. } | TemplateError::NoImport { .. } | TemplateError::NoDisks { .. }
        )
    );
    if !lacks_privilege || (login.user.is_none() && !session.is_attended()) {
        return Err(connected.diagnosed(why).await);
    }
    session.note(format!("{why}; logging in as an administrator instead"));
    let pve = connected.pve.clone().anonymous();
    let enter = async {
        let realms = pve.domains().await.map_err(|source| Error::connecting(pve.endpoint(), source))?;
        let realms: Vec<String> = realms.into_iter().map(|realm| realm.name.to_string()).collect();
        log_in(session, context, pve, &realms, login).await
    };
    let admin = unless_interrupted(session, enter).await?;
    let plan = unless_interrupted(session, facts.plan(&admin.pve, &admin.user.to_string())).await?;
    Ok((admin.pve, plan))
}
