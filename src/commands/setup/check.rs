//! Checks token, privileges, node and templates before anything is written.

use crate::cli::Setup;
use crate::commands::ask;
use crate::commands::connect::{Connected, Ground};
use crate::commands::proof::preflight::Preflight;
use crate::commands::screens::Note;
use crate::commands::test_vm::order;
use crate::error::{Doing, Error, Kind, Report};
use crate::model::{NodeName, PoolName, VmId};
use crate::pve::{Version, Vm};
use crate::session::Session;
use crate::settings::{Key, Source};
use crate::ui::Printable;
use crate::ui::prompt::Choice;

use super::{heading, menus, tell};

/// The templates that the application knows, with the number that the guide gives them and the words that name them.
pub(super) const TEMPLATES: [(Key, u64, [&str; 3]); 2] = [
    (Key::Ubuntu2204Template, 9000, ["2204", "22.04", "jammy"]),
    (Key::Ubuntu2004Template, 9001, ["2004", "20.04", "focal"]),
];

/// What was found, and will be written.
pub(super) struct Checked {
    pub(super) version: Version,
    pub(super) node: NodeName,
    pub(super) templates: Vec<(Key, VmId)>,
    pub(super) pool: Option<PoolName>,
    pub(super) warnings: Vec<String>,
}

/// Checks everything that the proof will need; a person may choose again, or mend what is missing and look again.
pub(super) async fn until_good(
    session: &Session,
    ground: &mut Ground,
    connected: &Connected,
    arguments: &Setup,
) -> Result<Checked, Error> {
    heading(session, ground, "4. Check");
    loop {
        let why = match check(session, ground, connected, arguments).await {
            Ok(checked) => return Ok(checked),
            Err(why) => connected.diagnosed(why).await,
        };
        if !session.is_attended()
            || !matches!(Report::of(&why).kind, Kind::Permission | Kind::NotFound | Kind::Configuration)
        {
            return Err(why);
        }
        tell(session, &why);
        let items = ["check again, and choose again".to_owned(), "leave; nothing was written".to_owned()];
        let menu = Choice::new("How does it go on?", items.to_vec());
        if ask::choice(session, menu, || ask::only_by("--no-input", "how it goes on")).await? > 0 {
            return Err(why);
        }
    }
}

async fn check(
    session: &Session,
    ground: &mut Ground,
    connected: &Connected,
    arguments: &Setup,
) -> Result<Checked, Error> {
    let who = connected.who();
    // What is asked first does not depend on what will be chosen; what does is asked again where it was guessed wrongly.
    let guess = order(ground, &arguments.proof)?;
    let scout = Preflight::new(ground, connected, &guess);
    let (survey, vms) = tokio::join!(scout.survey(), connected.pve.vms());
    let survey = survey?;
    let version = survey.version.clone();
    say(
        session,
        format!("Proxmox VE {version} knows {} (which proves who it is, not what it may do)", Printable(&who)),
    );
    let vms = vms.map_err(|source| Error::server(Doing::ReadVms, source))?;
    heading(session, ground, "5. Node and templates");
    if session.is_attended() {
        menus::choose(session, ground, connected, &vms).await?;
    }
    let templates = templates(ground, &vms)?;

    let mut order = order(ground, &arguments.proof)?;
    let of_2204 = templates.iter().find(|(key, _)| *key == Key::Ubuntu2204Template);
    if let (None, Some((_, vmid))) = (arguments.proof.template, of_2204) {
        order.template = *vmid;
    }
    let preflight = Preflight::new(ground, connected, &order);
    let mut warnings = Vec::new();
    let (node, plan) = preflight.node_and_plan(survey).await?;
    match plan {
        Ok(plan) => {
            say(session, format!("node {node}: template {} can be cloned, no privilege is missing", order.template));
            warnings.extend(plan.warnings);
        }
        // Somebody who says that there is nothing to prove yet may save before there is a template.
        Err(Error::NoTemplate { .. } | Error::NotATemplate { .. }) if arguments.skip_test_vm => {
            warnings.push(format!("there is no template {} to clone yet", order.template));
        }
        Err(why) => return Err(why),
    }
    for (key, vmid) in &templates {
        let name = vms.iter().find(|vm| vm.vmid == *vmid).map(|vm| vm.name.clone()).unwrap_or_default();
        say(session, format!("{}={vmid} ({})", key.entry().variable, Printable(&name)));
    }
    for warning in &warnings {
        session.ui.borrow_mut().say(&Note::warning(warning.clone()));
    }
    Ok(Checked { version, node, templates, pool: order.pool, warnings })
}

/// Decides on the template of each key: what was said, else the usual number, else the best match by name.
fn templates(ground: &Ground, vms: &[Vm]) -> Result<Vec<(Key, VmId)>, Error> {
    let visible: Vec<&Vm> = vms.iter().filter(|vm| vm.is_template).collect();
    let mut chosen = Vec::new();
    for (key, usual, words) in TEMPLATES {
        let said = ground.settings.template(key)?;
        let is_flag = said.as_ref().is_some_and(|said| matches!(said.source, Source::Flag(_) | Source::Variable(_)));
        if let (Some(said), true) = (&said, is_flag)
            && !visible.is_empty()
            && !visible.iter().any(|vm| vm.vmid == said.value)
        {
            let known = visible.iter().map(|vm| format!("{} {} on {}", vm.vmid, vm.name, vm.node)).collect();
            return Err(Error::NoTemplate { template: said.value, known });
        }
        let found =
            said.map(|said| said.value).or_else(|| best(&visible, usual, &words).filter(|_| !ground.is_unset(key)));
        chosen.extend(found.map(|vmid| (key, vmid)));
    }
    Ok(chosen)
}

pub(super) fn best(visible: &[&Vm], usual: u64, words: &[&str]) -> Option<VmId> {
    let by_number = visible.iter().find(|vm| u64::from(vm.vmid.number()) == usual);
    let is_named = |vm: &&&Vm| words.iter().any(|word| vm.name.to_ascii_lowercase().contains(word));
    by_number.or_else(|| visible.iter().find(is_named)).map(|vm| vm.vmid)
}

fn say(session: &Session, text: String) {
    session.ui.borrow_mut().say(&Note::found(text));
}

#[cfg(test)]
mod tests {
    use super::best;
    use crate::pve::Vm;

    fn vm(vmid: u64, name: &str) -> Vm {
        Vm {
            vmid: crate::model::VmId::new(vmid).unwrap(),
            node: "pve".parse().unwrap(),
            name: name.to_owned(),
            is_template: true,
            disk: 0,
        }
    }

    #[test]
    fn the_usual_number_comes_before_the_name() {
        let (first, second) = (vm(8000, "ubuntu-Jammy-server"), vm(9000, "something"));
        let words = ["2204", "22.04", "jammy"];
        assert_eq!(best(&[&first, &second], 9000, &words).map(|it| it.number()), Some(9000));
        assert_eq!(best(&[&first], 9000, &words).map(|it| it.number()), Some(8000));
        assert_eq!(best(&[&second], 9001, &["focal"]), None);
    }
}
