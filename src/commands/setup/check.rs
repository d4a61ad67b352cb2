//! Checks token, privileges, node and templates before anything is written.

use crate::cli::Setup;
use crate::commands::options;
use crate::error::{Doing, Error, Kind, Operation, PlacementError, Report};
use crate::model::{NodeName, PoolName, VmId};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::test_vm::preflight::Preflight;
use crate::ops::ubuntu_releases::keyed;
use crate::ops::{ask, inventory, unless_interrupted};
use crate::pve::{Version, Vm};
use crate::session::Session;
use crate::settings::Key;
use crate::ui::Printable;
use crate::ui::prompt::ChoicePrompt;

use super::template::{CreatedTemplate, MissingTemplate};
use super::{heading, node_and_templates, tell, template};

/// What was found, and will be written.
pub(super) struct VerifiedAccess {
    pub(super) version: Version,
    pub(super) node: NodeName,
    pub(super) templates: Vec<(Key, VmId)>,
    pub(super) pool: Option<PoolName>,
    pub(super) warnings: Vec<String>,
}

/// Whether a person whose token lacks something may take another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenChange {
    /// Nothing speaks against it.
    Offered,
    /// It was made just now, or settled by a flag or a variable.
    No,
}

/// Checks everything that the proof will need; a person may choose again, mend what is missing and look again, or let the
/// template be made that is missing. Gives nothing where another token is to be used.
pub(super) async fn until_good(
    session: &Session,
    context: &mut Context,
    connected: &Connected,
    arguments: &Setup,
    switch: TokenChange,
) -> Result<Option<VerifiedAccess>, Error> {
    context.repeat(session);
    let mut made = None;
    let mut unasked = arguments.create_template.as_ref();
    loop {
        let looked = async {
            match check(session, context, connected, arguments, made.as_ref()).await {
                Ok(checked) => Ok(checked),
                Err(why) => Err(connected.diagnosed(why).await),
            }
        };
        let why = match unless_interrupted(session, looked).await {
            Ok(checked) => return Ok(Some(checked)),
            Err(why) => why,
        };
        let missing = MissingTemplate::of(&why, context, arguments)?;
        let turn = match (&missing, unasked.take()) {
            (Some(_), Some(image)) => RetryChoice::Make(image.clone()),
            _ => turn(session, &why, missing.as_ref(), switch).await?,
        };
        let image = match turn {
            RetryChoice::Make(image) => image,
            RetryChoice::Again => continue,
            RetryChoice::OtherToken => return Ok(None),
            RetryChoice::Leave => return Err(why),
        };
        let Some(missing) = missing else { return Err(why) };
        match missing.make(session, context, connected, arguments, image.as_deref()).await {
            Ok(template) => made = Some(template),
            Err(why) if session.is_attended() && !is_an_end(&why) => tell(session, &why),
            Err(why) => return Err(why),
        }
    }
}

/// How it goes on after a check that failed.
enum RetryChoice {
    /// The template is made, of an image of one's own where one is named.
    Make(Option<String>),
    /// Everything is looked at again.
    Again,
    /// With another token.
    OtherToken,
    /// It ends here.
    Leave,
}

/// Asks how it goes on; if nothing can be done about it, it ends.
async fn turn(
    session: &Session,
    why: &Error,
    missing: Option<&MissingTemplate>,
    switch: TokenChange,
) -> Result<RetryChoice, Error> {
    let kind = Report::of(why).kind;
    if !session.is_attended() || !is_for_a_person(kind) {
        return Ok(RetryChoice::Leave);
    }
    tell(session, why);
    let mut ways = Vec::new();
    if let Some(missing) = missing {
        ways.push((RetryChoice::Make(None), missing.offer()));
        // Which image, is asked where it is chosen.
        ways.push((RetryChoice::Make(Some(String::new())), "make it from an image of your own".to_owned()));
    }
    ways.push((RetryChoice::Again, "retry, or choose a different node or template".to_owned()));
    if kind == Kind::Permission && switch == TokenChange::Offered {
        ways.push((RetryChoice::OtherToken, "use another token, or make one".to_owned()));
    }
    ways.push((RetryChoice::Leave, "quit (nothing was written)".to_owned()));
    let menu = ChoicePrompt::new("What next?", ways.iter().map(|(_, text)| text.clone()).collect());
    let index = ask::choice(session, menu, || ask::only_by("--no-input", "how it goes on")).await?;
    Ok(match ways.into_iter().nth(index) {
        Some((RetryChoice::Make(Some(_)), _)) => RetryChoice::Make(Some(template::image(session).await?)),
        Some((turn, _)) => turn,
        None => RetryChoice::Leave,
    })
}

/// Says whether a person can do something about an error while everything stands still.
const fn is_for_a_person(kind: Kind) -> bool {
    matches!(kind, Kind::Permission | Kind::NotFound | Kind::Configuration)
}

/// Says whether nothing can follow: the user wants to leave, or something was left behind that has to be told last.
fn is_an_end(why: &Error) -> bool {
    matches!(Report::of(why).kind, Kind::Interrupted(_) | Kind::LeftBehind)
}

async fn check(
    session: &Session,
    context: &mut Context,
    connected: &Connected,
    arguments: &Setup,
    made: Option<&CreatedTemplate>,
) -> Result<VerifiedAccess, Error> {
    let who = connected.who();
    // What is asked first does not depend on what will be chosen; what does is asked again where it was guessed wrongly.
    let guess = options::test_vm(context, &arguments.proof)?;
    let scout = Preflight::new(context, connected, &guess);
    let (inventory, vms) = tokio::join!(scout.inventory(), inventory::vms(&connected.pve, |vm| vm.is_template));
    let inventory = inventory?;
    let version = inventory.version.clone();
    say(session, format!("Authenticated as {} on Proxmox VE {version}", Printable(&who)));
    let mut vms = vms.doing(Operation::ReadVms)?;
    if let Some(made) = made.filter(|made| !vms.iter().any(|vm| vm.vmid == made.vm.vmid)) {
        vms.push(made.vm.clone());
    }
    heading(session, context, "Node and templates");
    let asked =
        node_and_templates::choose(session, context, connected, &inventory.nodes, &vms, made.map(|made| made.key))
            .await?;
    let templates = templates(context, &vms)?;
    let unseen = named_but_unseen(context, &vms)?;

    let mut order = options::test_vm(context, &arguments.proof)?;
    let of_2204 = templates.iter().find(|(key, _)| *key == Key::Ubuntu2204Template);
    if let (None, Some((_, vmid))) = (arguments.proof.template, of_2204) {
        order.template = *vmid;
    }
    let preflight = Preflight::new(context, connected, &order);
    let mut warnings = Vec::new();
    let (node, plan) = preflight.node_and_plan(inventory).await?;
    match plan {
        Ok(plan) => {
            say(session, format!("All required privileges present for cloning template {} on {node}", order.template));
            warnings.extend(plan.warnings);
        }
        Err(
            Error::Placement(PlacementError::NoTemplate { .. }) | Error::Placement(PlacementError::NotATemplate { .. }),
        ) if may_be_absent(arguments, made) && !unseen.contains(&order.template) => {
            warnings.push(format!("there is no template {} to clone yet", order.template));
        }
        Err(why) => return Err(why),
    }
    for template in unseen.into_iter().filter(|vmid| *vmid != order.template) {
        // The preflight knows why it is not seen: it does not exist, is none, or may not be looked at.
        let order = TestVmOptions { template, ..order.clone() };
        Preflight::new(context, connected, &order).plan().await?;
    }
    node_and_templates::show(session, &asked, &templates, &vms);
    for warning in &warnings {
        session.warn(warning.clone());
    }
    Ok(VerifiedAccess { version, node, templates, pool: order.pool, warnings })
}

/// Says whether a file may be saved before there is a template: where there is nothing to prove yet, and where a dry
/// run only says how it would be made.
const fn may_be_absent(arguments: &Setup, made: Option<&CreatedTemplate>) -> bool {
    if arguments.dry_run && made.is_some() {
        return true;
    }
    arguments.skip_test_vm && arguments.create_template.is_none()
}

/// Decides on the template of each key: what was said, else the usual number, else the best match by name. No template
/// becomes the default of one release that is another one's.
fn templates(context: &Context, vms: &[Vm]) -> Result<Vec<(Key, VmId)>, Error> {
    let said: Vec<VmId> = keyed().filter_map(|(key, _)| Some(context.settings.template(key)?.value)).collect();
    let node = context.settings.node().map(|node| node.value);
    let mut chosen: Vec<(Key, VmId)> = Vec::new();
    for (key, release) in keyed() {
        let is_open =
            |vm: &&Vm| vm.is_template && !said.contains(&vm.vmid) && chosen.iter().all(|(_, vmid)| *vmid != vm.vmid);
        let open: Vec<&Vm> = vms.iter().filter(is_open).collect();
        let said = context.settings.template(key).map(|said| said.value);
        let best = || release.best_for(node.as_ref(), &open).filter(|_| !context.is_unset(key));
        chosen.extend(said.or_else(best).map(|vmid| (key, vmid)));
    }
    Ok(chosen)
}

/// Lists the templates that a flag or a variable names though the list of the cluster, which is some seconds old and
/// shows only what may be seen, does not have them; where it has none at all, nothing is told by that.
fn named_but_unseen(context: &Context, vms: &[Vm]) -> Result<Vec<VmId>, Error> {
    let is_visible = |vmid: VmId| vms.iter().any(|vm| vm.is_template && vm.vmid == vmid);
    if !vms.iter().any(|vm| vm.is_template) {
        return Ok(Vec::new());
    }
    let mut unseen = Vec::new();
    for (key, _) in keyed() {
        let said = context.settings.template(key);
        unseen.extend(said.filter(|it| it.source.is_settled() && !is_visible(it.value)).map(|it| it.value));
    }
    Ok(unseen)
}

fn say(session: &Session, text: String) {
    session.done(text);
}
