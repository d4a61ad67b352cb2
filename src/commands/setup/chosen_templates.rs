//! Which templates the settings will name, and which one the test VM is cloned from.

use crate::cli::Setup;
use crate::error::{Doing, Error, Operation};
use crate::model::VmId;
use crate::ops::context::Context;
use crate::ops::ubuntu_releases::{DEFAULT, keyed};
use crate::pve::{Pve, Vm};
use crate::settings::{Key, Source};

/// Decides on the template of each key: what was said, else the usual number, else the best match by name. No template
/// becomes the default of one release that is another one's.
pub(super) fn of_keys(context: &Context, vms: &[Vm]) -> Result<Vec<(Key, VmId)>, Error> {
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
/// shows only what may be seen, does not have them; where it has none at all, that says nothing.
pub(super) fn named_but_unseen(context: &Context, vms: &[Vm]) -> Result<Vec<VmId>, Error> {
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

/// Lists the templates that only the settings file names and that are on no node: their VMIDs are free.
pub(super) async fn gone(pve: &Pve, context: &Context, vms: &[Vm]) -> Result<Vec<(Key, VmId)>, Error> {
    let mut gone = Vec::new();
    for (key, _) in keyed() {
        let Some(said) = context.settings.template(key) else { continue };
        let is_visible = vms.iter().any(|vm| vm.vmid == said.value);
        if matches!(said.source, Source::File { .. })
            && !is_visible
            && pve.is_free(said.value).await.doing(Operation::FindId)?
        {
            gone.push((key, said.value));
        }
    }
    Ok(gone)
}

/// Decides on the template of the test VM: a flag, else that of 22.04; where a person has declined one for 22.04,
/// another one that was chosen, or none.
pub(super) fn of_test_vm(
    context: &Context,
    arguments: &Setup,
    chosen: &[(Key, VmId)],
    configured: VmId,
) -> Option<VmId> {
    let of_2204 = chosen.iter().find(|(key, _)| *key == Key::Ubuntu2204Template);
    match (arguments.test_vm.template, of_2204) {
        (Some(template), _) => Some(template),
        (None, Some((_, template))) => Some(*template),
        (None, None) if context.is_unset(Key::Ubuntu2204Template) => chosen.first().map(|(_, template)| *template),
        (None, None) if arguments.create_template.is_some() => Some(DEFAULT.vmid),
        (None, None) => Some(configured),
    }
}
