//! Checks token, privileges, node and templates before anything is written.

use crate::cli::Setup;
use crate::commands::options;
use crate::error::{Doing, Error, Kind, Operation, PlacementError, Report};
use crate::model::{NodeName, PoolName, VmId};
use crate::ops::connection::Connected;
use crate::ops::context::Context;
use crate::ops::test_vm::calls::PlannedCalls;
use crate::ops::test_vm::options::TestVmOptions;
use crate::ops::test_vm::preflight::Preflight;
use crate::ops::{ask, inventory, unless_interrupted};
use crate::pve::{Version, Vm};
use crate::session::Session;
use crate::settings::{Key, Source};
use crate::ui::Printable;
use crate::ui::prompt::ChoicePrompt;

use super::answers::{Answer, Pending, StepEnd, go_back};
use super::chosen_templates;
use super::node_and_templates::{self, Available};
use super::retry::is_final;
use super::template::{CreatedTemplate, MissingTemplate};
use super::{heading, show_error, template};

/// What a person reads who has declined every template.
const NOTHING_TO_CLONE: &str =
    "no template chosen: the privileges to clone one were not checked, and no test VM is run";

/// What was found, and will be written.
pub(super) struct VerifiedAccess {
    pub(super) version: Version,
    pub(super) node: NodeName,
    pub(super) templates: Vec<(Key, VmId)>,
    pub(super) pool: Option<PoolName>,
    pub(super) warnings: Vec<String>,
    /// The template that the test VM is cloned from; `None` if a person has declined every one.
    pub(super) template: Option<VmId>,
    /// The calls that the test VM will take, if there is one.
    pub(super) calls: Option<PlannedCalls>,
}

/// The step that checks what the token may do, and chooses node and templates.
pub(super) struct CheckStep<'a> {
    pub(super) session: &'a Session,
    pub(super) arguments: &'a Setup,
    pub(super) connected: &'a Connected,
    /// What was said already.
    said: ShownSoFar,
    /// The template that was made in this step.
    made: Option<CreatedTemplate>,
    /// The template that was checked last for a clone.
    tested: Option<VmId>,
}

/// How much of the step is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShownSoFar {
    /// Nothing.
    Nothing,
    /// Who is authenticated.
    Caller,
    /// That, and the heading.
    Heading,
}

/// What to do after a check that failed.
enum RetryChoice {
    /// The template is made, of an image of one's own where one is named.
    Make(Option<String>),
    /// Everything is looked at again.
    Again,
    /// Node and templates are chosen again.
    Choose,
    /// Another token is used, perhaps of another user.
    OtherToken,
    /// An earlier step is chosen.
    GoBack,
    /// It ends here.
    Leave,
}

impl<'a> CheckStep<'a> {
    /// Prepares the checks of a connection.
    pub(super) const fn new(
        session: &'a Session,
        arguments: &'a Setup,
        connected: &'a Connected,
        said: ShownSoFar,
    ) -> Self {
        Self { session, arguments, connected, said, made: None, tested: None }
    }

    /// Checks everything that the test VM will need. At a terminal, a failure offers to choose again, retry, create the
    /// missing template, or go back.
    pub(super) async fn check_until_passed(
        &mut self,
        context: &mut Context,
        pending: &mut Pending,
    ) -> Result<StepEnd<VerifiedAccess>, Error> {
        context.repeat_flags(self.session);
        let mut unasked = self.arguments.create_template.as_ref();
        loop {
            let (session, connected) = (self.session, self.connected);
            let looked = async {
                match self.check(context, pending).await {
                    Ok(checked) => Ok(checked),
                    Err(why) => Err(connected.diagnosed(why).await),
                }
            };
            let why = match unless_interrupted(session, looked).await {
                Ok(end) => return Ok(end),
                Err(why) => why,
            };
            let missing = MissingTemplate::of(&why, context, self.arguments)?;
            let choice = match (&missing, unasked.take()) {
                (Some(_), Some(image)) => RetryChoice::Make(image.clone()),
                _ => self.ask_after_failure(context, &why, missing.as_ref()).await?,
            };
            let image = match choice {
                RetryChoice::Make(image) => image,
                RetryChoice::Again => continue,
                RetryChoice::Choose => {
                    self.choose_again(context, pending);
                    continue;
                }
                RetryChoice::OtherToken => {
                    pending.ask(Answer::User);
                    return Ok(StepEnd::Back(Answer::Token));
                }
                RetryChoice::GoBack => match go_back(self.session, context, Answer::Node).await? {
                    Some(answer) => return Ok(StepEnd::Back(answer)),
                    None => continue,
                },
                RetryChoice::Leave => return Err(why),
            };
            let Some(missing) = missing else { return Err(why) };
            let made = missing.make(self.session, context, self.connected, self.arguments, image.as_deref()).await;
            match made {
                Ok(template) => {
                    pending.take(Answer::Template(template.key));
                    self.made = Some(template);
                }
                Err(why) if self.session.is_attended() && !is_final(&why) => show_error(self.session, &why),
                Err(why) => return Err(why),
            }
        }
    }

    /// Lets everything in this step be asked for again that is open.
    fn choose_again(&self, context: &Context, pending: &mut Pending) {
        let made = self.made.as_ref().map(|made| Answer::Template(made.key));
        let open = Answer::changeable(self.session, context).into_iter();
        open.filter(|answer| *answer >= Answer::Node && Some(*answer) != made).for_each(|answer| pending.ask(answer));
    }

    /// Asks what to do; if nothing can be done about it, it ends.
    async fn ask_after_failure(
        &self,
        context: &Context,
        why: &Error,
        missing: Option<&MissingTemplate>,
    ) -> Result<RetryChoice, Error> {
        if !self.session.is_attended() || is_final(why) || is_settled(context, why) {
            return Ok(RetryChoice::Leave);
        }
        node_and_templates::mark_failed(self.session, context, why, self.tested);
        show_error(self.session, why);
        let mut choices = Vec::new();
        if let Some(missing) = missing {
            choices.push((RetryChoice::Make(None), missing.offer()));
            // Which image, is asked where it is chosen.
            choices.push((RetryChoice::Make(Some(String::new())), "Create it from an image of your own".to_owned()));
        }
        let again = (RetryChoice::Again, "Try again".to_owned());
        let changeable = Answer::changeable(self.session, context);
        let choose = changeable.iter().any(|answer| *answer >= Answer::Node);
        let choose = choose.then(|| (RetryChoice::Choose, "Choose a different node or template".to_owned()));
        let change = (RetryChoice::OtherToken, "Use another token, or create one".to_owned());
        let change = Some(change).filter(|_| changeable.contains(&Answer::Token));
        if Report::of(why).kind == Kind::Permission {
            choices.extend([Some(again), change, choose].into_iter().flatten());
        } else {
            choices.extend([choose, Some(again), change].into_iter().flatten());
        }
        if !Answer::Node.before(self.session, context).is_empty() {
            choices.push((RetryChoice::GoBack, "Go back to an earlier step".to_owned()));
        }
        choices.push((RetryChoice::Leave, "Quit (nothing was written)".to_owned()));
        let menu = ChoicePrompt::new("What next?", choices.iter().map(|(_, text)| text.clone()).collect());
        let menu = menu.answered_as("Next", choices.iter().map(|(_, text)| super::retry::as_answer(text)).collect());
        let index = ask::choice(self.session, menu, || ask::answer_only_by("--no-input", "what to do next")).await?;
        Ok(match choices.into_iter().nth(index) {
            Some((RetryChoice::Make(Some(_)), _)) => RetryChoice::Make(Some(template::image(self.session).await?)),
            Some((choice, _)) => choice,
            None => RetryChoice::Leave,
        })
    }

    async fn check(&mut self, context: &mut Context, pending: &mut Pending) -> Result<StepEnd<VerifiedAccess>, Error> {
        // What is asked first does not depend on what will be chosen; what does is asked again where it was guessed wrongly.
        let guess = options::test_vm(context, &self.arguments.test_vm)?;
        let preflight = Preflight::new(self.connected, &guess);
        let pve = &self.connected.pve;
        let (inventory, vms) = tokio::join!(preflight.inventory(), inventory::vms(pve, &|vm: &Vm| vm.is_template));
        let inventory = inventory?;
        let version = inventory.version.clone();
        self.show_heading(context, &version);
        let mut vms = vms.doing(Operation::ReadVms)?;
        if let Some(made) = self.made.as_ref().filter(|made| !vms.iter().any(|vm| vm.vmid == made.vm.vmid)) {
            vms.push(made.vm.clone());
        }
        let available = Available { nodes: &inventory.nodes, vms: &vms };
        let asked = match node_and_templates::choose(self.session, context, self.connected, &available, pending).await?
        {
            StepEnd::Done(asked) => asked,
            StepEnd::Back(answer) => return Ok(StepEnd::Back(answer)),
        };
        let mut templates = chosen_templates::of_keys(context, &vms)?;
        let gone = if self.may_be_absent() { Vec::new() } else { chosen_templates::gone(pve, context, &vms).await? };
        let unseen = chosen_templates::named_but_unseen(context, &vms)?;

        let mut options = options::test_vm(context, &self.arguments.test_vm)?;
        let template = chosen_templates::of_test_vm(context, self.arguments, &templates, options.template);
        leave_out(context, &mut templates, &gone, template)?;
        node_and_templates::show(self.session, context, &asked, &templates, &vms, &gone);
        options.template = template.unwrap_or(options.template);
        self.tested = template;
        let preflight = Preflight::new(self.connected, &options);
        let mut warnings = Vec::new();
        let (node, plan) = preflight.node_and_plan(inventory).await?;
        let calls = match plan {
            _ if template.is_none() => {
                self.session.note(NOTHING_TO_CLONE);
                None
            }
            Ok(plan) => {
                let text =
                    format!("All required privileges present for cloning template {} on {node}", options.template);
                self.session.done(text);
                let calls = PlannedCalls::of(&plan, &options);
                warnings.extend(plan.warnings);
                Some(calls)
            }
            Err(Error::Placement(PlacementError::NoTemplate { .. } | PlacementError::NotATemplate { .. }))
                if self.may_be_absent() && !unseen.contains(&options.template) =>
            {
                warnings.push(format!("there is no template {} to clone yet", options.template));
                Some(PlannedCalls::of_future_template(&node, options.template, &options))
            }
            Err(why) => return Err(why),
        };
        for template in unseen.into_iter().filter(|vmid| *vmid != options.template) {
            // The preflight knows why it is not seen: it does not exist, is none, or may not be looked at.
            let options = TestVmOptions { template, ..options.clone() };
            Preflight::new(self.connected, &options).plan().await?;
        }
        for warning in &warnings {
            self.session.warn(warning.clone());
        }
        Ok(StepEnd::Done(VerifiedAccess { version, node, templates, pool: options.pool, warnings, template, calls }))
    }

    /// Says who is authenticated, once for a connection, and heads the step, once each time that it is entered.
    fn show_heading(&mut self, context: &Context, version: &Version) {
        if self.said == ShownSoFar::Nothing {
            let who = self.connected.caller_name();
            self.session.done(format!("Authenticated as {} on Proxmox VE {version}", Printable(&who)));
        }
        if self.said != ShownSoFar::Heading {
            heading(self.session, context, "Node and templates");
        }
        self.said = ShownSoFar::Heading;
    }

    /// Returns whether a file may be saved before there is a template: where there is nothing to test yet, and where a
    /// dry run only says how it would be made.
    const fn may_be_absent(&self) -> bool {
        if self.arguments.dry_run && self.made.is_some() {
            return true;
        }
        self.arguments.skip_test_vm && self.arguments.create_template.is_none()
    }
}

/// Returns whether a flag or a variable names what is wrong: that is an error, and no question.
fn is_settled(context: &Context, why: &Error) -> bool {
    let is_settled = |key: Key| context.settings.source(key).is_some_and(Source::is_settled);
    match why {
        Error::Placement(PlacementError::UnknownNode { .. }) => is_settled(Key::Node),
        Error::Placement(PlacementError::UnknownPool { .. }) => is_settled(Key::Pool),
        _ => false,
    }
}

/// Leaves keys out of the file whose templates do not exist, but for the one that is tested; those that other instances
/// use too stay there.
fn leave_out(
    context: &mut Context,
    templates: &mut Vec<(Key, VmId)>,
    gone: &[(Key, VmId)],
    tested: Option<VmId>,
) -> Result<(), Error> {
    templates.retain(|chosen| !gone.contains(chosen));
    let keys: Vec<Key> = gone.iter().filter(|(_, vmid)| Some(*vmid) != tested).map(|(key, _)| *key).collect();
    if context.instance.is_first() { context.unset(&keys) } else { Ok(()) }
}
