//! Makes a template step by step; where a step fails, or somebody interrupts, what was made is removed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::format_description::well_known::Rfc3339;

use crate::commands::proof::look::Search;
use crate::commands::proof::receipt::Receipt;
use crate::commands::proof::remove::Remover;
use crate::commands::proof::watch::{Heed, MAY_ROLL_BACK, Watcher, abort, uninterrupted, until_stopped};
use crate::commands::screens::Note;
use crate::commands::template::image::{Origin, Wanted};
use crate::commands::template::plan::Plan;
use crate::error::{Doing, Error, TemplateError};
use crate::journal::{Entry, Journal, Record};
use crate::model::{DiskSize, Marker, Upid};
use crate::pve::task::Attention;
use crate::pve::{FetchRequest, Pve, Upload};
use crate::session::Session;
use crate::ui::Progress;

/// The disk of the VM.
const DISK: &str = "scsi0";

/// How often the progress of an upload is shown anew.
const REDRAWN_EVERY: Duration = Duration::from_millis(100);

/// One template in the making.
pub(super) struct Build<'a> {
    pve: &'a Pve,
    session: &'a Session,
    plan: &'a Plan,
    wanted: &'a Wanted,
    sha256: Option<&'a str>,
    patience: Duration,
    journal: Option<&'a Journal>,
    marker: Marker,
    trace: Trace,
}

/// What was asked of the server so far: all that clean-up needs to know.
#[derive(Default)]
struct Trace {
    entry: Option<Entry>,
    task: Option<Upid>,
    image: bool,
    vm: bool,
}

impl<'a> Build<'a> {
    /// Prepares the making.
    pub(super) fn new(
        pve: &'a Pve,
        session: &'a Session,
        (plan, wanted, sha256): (&'a Plan, &'a Wanted, Option<&'a str>),
        patience: Duration,
        journal: Option<&'a Journal>,
    ) -> Self {
        let nonce = Marker::new(None).nonce;
        let marker = Marker { name: plan.name.clone(), nonce };
        Self { pve, session, plan, wanted, sha256, patience, journal, marker, trace: Trace::default() }
    }

    /// Makes it, and gives the size of its disk. The image is removed at the end, unless it is to stay. Whoever is in a
    /// hurry leaves at once, and is told what may be left.
    pub(super) async fn make(mut self, image: Afterwards) -> Result<Option<DiskSize>, Error> {
        let interrupts = self.session.interrupts.clone();
        let ended = tokio::select! {
            ended = self.make_or_clear(image) => Ok(ended),
            signal = interrupts.second() => Err(signal),
        };
        ended.unwrap_or_else(|signal| Err(self.left(Error::Abandoned { signal, left: None })))
    }

    async fn make_or_clear(&mut self, image: Afterwards) -> Result<Option<DiskSize>, Error> {
        let made = self.steps().await;
        let cleared = match &made {
            Ok(_) => self.clear_image(image).await,
            Err(_) => self.clear(image).await,
        };
        match (made, cleared) {
            (Ok(size), Ok(())) => Ok(size),
            (Ok(size), Err(why)) => {
                let text = format!("the image {} is still there: {why}", self.plan.volume());
                self.session.ui.borrow_mut().say(&Note::warning(text));
                Ok(size)
            }
            (Err(why), Ok(())) => Err(why),
            (Err(why), Err(_)) => Err(self.left(why)),
        }
    }

    async fn steps(&mut self) -> Result<Option<DiskSize>, Error> {
        if self.plan.is_there {
            self.say(format!("{} is there already", self.plan.volume()));
        } else {
            match &self.wanted.origin {
                Origin::Address(url) => self.fetch(url).await?,
                Origin::File(path) => self.send(path).await?,
            }
            self.say(format!("{} is on the server", self.plan.volume()));
        }
        self.create().await?;
        self.say(format!("VM {} ({}) has its disk on {}", self.plan.vmid, self.plan.name, self.plan.disk_storage));
        self.grow().await?;
        let size = self.convert().await?;
        self.say(format!("VM {} is a template", self.plan.vmid));
        if let Some(entry) = self.trace.entry.take() {
            entry.close()?;
        }
        Ok(size)
    }

    async fn fetch(&mut self, url: &str) -> Result<(), Error> {
        uninterrupted(self.session)?;
        let doing = Doing::FetchImage(self.plan.image.clone());
        let request = FetchRequest {
            url: url.to_owned(),
            filename: self.plan.image.clone(),
            sha256: self.sha256.map(str::to_owned),
        };
        self.trace.image = true;
        let asked = self.pve.fetch_image(&self.plan.node, &self.plan.image_storage, &request).await;
        let upid = asked.map_err(|source| Error::server(doing.clone(), source))?;
        self.watch(upid, &doing).await
    }

    async fn send(&mut self, path: &Path) -> Result<(), Error> {
        uninterrupted(self.session)?;
        let doing = Doing::SendImage(self.plan.image.clone());
        self.trace.image = true;
        let sent = Arc::new(AtomicU64::new(0));
        let upload = Upload { path, filename: &self.plan.image, sha256: self.sha256, sent: Arc::clone(&sent) };
        let whole = std::fs::metadata(path).map_or(0, |file| file.len()).max(1);
        let (session, began) = (self.session, self.session.clock.now());
        let what = doing.to_string();
        let sending = self.pve.upload_image(&self.plan.node, &self.plan.image_storage, &upload);
        tokio::pin!(sending);
        let asked = loop {
            tokio::select! {
                asked = &mut sending => break asked,
                signal = session.interrupts.first() => return Err(Error::Interrupted { signal }),
                () = session.clock.sleep(REDRAWN_EVERY) => {
                    let seconds = session.clock.now().duration_since(began).as_secs_f64();
                    let percent = Some(share(sent.load(Ordering::Relaxed), whole));
                    let progress = Progress { what: what.clone(), seconds, percent, detail: String::new() };
                    session.ui.borrow_mut().progress(&progress);
                }
            }
        };
        session.ui.borrow_mut().clear_progress();
        let upid = asked.map_err(|source| Error::server(doing.clone(), source))?;
        self.watch(upid, &doing).await
    }

    async fn create(&mut self) -> Result<(), Error> {
        uninterrupted(self.session)?;
        self.trace.entry = self.journal.map(|journal| journal.open(self.record())).transpose()?;
        self.trace.vm = true;
        let doing = Doing::CreateVm(self.plan.vmid);
        let asked = self.pve.create_vm(&self.plan.node, self.plan.vmid, &self.entries()).await;
        let upid = asked.map_err(|source| Error::server(doing.clone(), source))?;
        self.watch(upid, &doing).await
    }

    fn entries(&self) -> Vec<(&'static str, String)> {
        let plan = self.plan;
        let description = self.marker.description(self.session.clock.utc(), &self.session.machine);
        vec![
            ("name", plan.name.clone()),
            ("description", description),
            ("ostype", "l26".to_owned()),
            ("cores", "2".to_owned()),
            ("memory", "2048".to_owned()),
            ("scsihw", "virtio-scsi-pci".to_owned()),
            (DISK, format!("{}:0,import-from={}", plan.disk_storage, plan.volume())),
            ("ide2", format!("{}:cloudinit", plan.disk_storage)),
            ("boot", format!("order={DISK}")),
            ("serial0", "socket".to_owned()),
            ("vga", "serial0".to_owned()),
            ("agent", "1".to_owned()),
            ("net0", format!("virtio,bridge={}", plan.bridge)),
        ]
    }

    /// Grows the disk to the size that it shall have; one that is larger stays, and a server would refuse to shrink it.
    async fn grow(&mut self) -> Result<(), Error> {
        let (node, vmid, wanted) = (&self.plan.node, self.plan.vmid, self.plan.disk_size);
        if wanted.bytes() == 0 {
            return Ok(());
        }
        uninterrupted(self.session)?;
        let doing = Doing::Resize(vmid);
        let failed = |source| Error::server(doing.clone(), source);
        let config = self.pve.vm_config(node, vmid).await.map_err(failed)?;
        let Some(size) = config.size_of(DISK) else {
            let why = "the server does not tell the size of its disk";
            return Err(TemplateError::NotAsOrdered { vmid, why }.into());
        };
        if size >= wanted {
            self.say(format!("its disk has {size} already"));
            return Ok(());
        }
        if let Some(upid) = self.pve.resize(node, vmid, DISK, wanted).await.map_err(failed)? {
            self.watch(upid, &doing).await?;
        }
        self.say(format!("its disk has grown from {size} to {wanted}"));
        Ok(())
    }

    /// Takes the marker off, which says that the VM may be deleted; makes a template of it, looks at it, and gives the
    /// size of its disk.
    async fn convert(&mut self) -> Result<Option<DiskSize>, Error> {
        uninterrupted(self.session)?;
        let (node, vmid) = (&self.plan.node, self.plan.vmid);
        let doing = Doing::Convert(vmid);
        let failed = |source| Error::server(doing.clone(), source);
        let upid = self.pve.convert(node, vmid).await.map_err(failed)?;
        self.watch(upid, &doing).await?;
        let config = self.pve.vm_config(node, vmid).await.map_err(failed)?;
        let wrong = |why| Error::from(TemplateError::NotAsOrdered { vmid, why });
        if !self.marker.is_on(config.name(), config.description()) {
            return Err(wrong("it does not carry the name and the marker that it was given"));
        }
        if !config.is_template() {
            return Err(wrong("it is no template"));
        }
        if config.disks().next().is_none() || !config.has_cloud_init() || !config.agent_enabled() {
            return Err(wrong("its disk, its drive for cloud-init or its guest agent is missing"));
        }
        let size = config.size_of(DISK);
        if size.is_some_and(|size| size < self.plan.disk_size) {
            return Err(wrong("its disk has not grown"));
        }
        let made = self.session.clock.utc().replace_nanosecond(0).ok().and_then(|at| at.format(&Rfc3339).ok());
        let text = format!("{}, made a template by glassdome {}", self.wanted.title, made.unwrap_or_default());
        self.pve.configure(node, vmid, &[("description", text)]).await.map_err(failed)?;
        Ok(size)
    }

    fn record(&self) -> Record {
        Record {
            server: self.plan.server.clone(),
            node: self.plan.node.to_string(),
            target: self.plan.node.to_string(),
            template: self.plan.vmid.number(),
            vmids: vec![self.plan.vmid.number()],
            upid: None,
            name: self.marker.name.clone(),
            nonce: self.marker.nonce.clone(),
            made: self.session.clock.utc().format(&Rfc3339).unwrap_or_default(),
        }
    }

    async fn watch(&mut self, upid: Upid, doing: &Doing) -> Result<(), Error> {
        self.trace.task = Some(upid.clone());
        let watched = self.watcher(Heed::Signals).wait(&upid, doing).await;
        if watched.as_ref().err().is_none_or(Error::is_task_over) {
            self.trace.task = None;
        }
        watched.map(drop)
    }

    /// Removes everything that this run made.
    async fn clear(&mut self, image: Afterwards) -> Result<(), Error> {
        match self.trace.task.take() {
            // Half a change is worse than a whole one, and it takes no time.
            Some(upid) if matches!(upid.kind(), "qmtemplate" | "resize") => {
                until_stopped(self.pve, self.session, &upid, &Doing::ReadTasks).await?
            }
            Some(upid) => abort(self.pve, self.session, &upid).await?,
            // Where an answer was lost, a task may run of which only the list of tasks knows.
            None => self.wait_for_unanswered().await?,
        }
        if self.trace.vm {
            let search = self.search();
            search.look_for_unanswered(self.plan.vmid, MAY_ROLL_BACK).await?;
            let remover = Remover { search, patience: self.patience, attention: Attention::Usual };
            remover.remove(self.plan.vmid, &mut Receipt::default()).await?;
            self.trace.vm = false;
            if let Some(entry) = self.trace.entry.take() {
                entry.close()?;
            }
        }
        self.clear_image(image).await
    }

    /// Removes the image, if this run put it there and nobody wants to keep it.
    async fn clear_image(&mut self, image: Afterwards) -> Result<(), Error> {
        if !self.trace.image || image == Afterwards::Keep {
            return Ok(());
        }
        let (node, storage, volume) = (&self.plan.node, &self.plan.image_storage, self.plan.volume());
        let doing = Doing::RemoveImage(volume.clone());
        let failed = |source| Error::server(doing.clone(), source);
        let there = self.pve.images(node, storage).await.map_err(failed)?;
        if there.iter().any(|image| image.volume == volume) {
            let upid = self.pve.remove_image(node, storage, &volume).await.map_err(failed)?;
            self.watcher(Heed::Nothing).wait(&upid, &doing).await?;
        }
        self.trace.image = false;
        Ok(())
    }

    /// Waits for tasks that make our VM or fetch our image: whose they are is told by what they make, once they end.
    async fn wait_for_unanswered(&self) -> Result<(), Error> {
        let failed = |source| Error::server(Doing::ReadTasks, source);
        let vmid = self.plan.vmid.to_string();
        for task in self.pve.active_tasks(&self.plan.node).await.map_err(failed)? {
            let is_ours = match task.kind.as_str() {
                "qmcreate" | "resize" => self.trace.vm && task.upid.id() == vmid,
                "download" => self.trace.image && task.upid.id() == self.plan.image,
                "imgcopy" => self.trace.image,
                _ => false,
            };
            if is_ours {
                until_stopped(self.pve, self.session, &task.upid, &Doing::ReadTasks).await?;
            }
        }
        Ok(())
    }

    /// Names what could not be removed.
    fn left(&self, why: Error) -> Error {
        let (mut left, mut lines) = (Vec::new(), Vec::new());
        if self.trace.vm {
            left.push(format!("VM {} ({}) may still be there", self.plan.vmid, self.plan.name));
            // What the journal knows is removed by whoever looks twice whose it is.
            let line = || format!("qm destroy {}", self.plan.vmid);
            lines.push(self.trace.entry.as_ref().map_or_else(line, |_| "glassdome cleanup".to_owned()));
        }
        if self.trace.image {
            left.push(format!("the image {} may still be there", self.plan.volume()));
            lines.push(format!("pvesm free {}", self.plan.volume()));
        }
        TemplateError::Left { why: Box::new(why), left, lines }.into()
    }

    const fn search(&self) -> Search<'_> {
        Search {
            pve: self.pve,
            session: self.session,
            source: &self.plan.node,
            target: &self.plan.node,
            marker: &self.marker,
        }
    }

    const fn watcher(&self, heed: Heed) -> Watcher<'_> {
        let (patience, attention) = (self.patience, Attention::Usual);
        Watcher { pve: self.pve, session: self.session, patience, heed, attention }
    }

    fn say(&self, text: String) {
        self.session.ui.borrow_mut().say(&Note::found(text));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share of a hundred is all that is shown")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64 * 100.0
}

/// Whether the image stays on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// It is removed.
    Remove,
    /// It stays.
    Keep,
}
