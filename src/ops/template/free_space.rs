//! Whether an image and the disk that is made of it fit where they go.

use crate::error::TemplateError;
use crate::model::{DiskSize, NodeName};
use crate::pve::Storage;
use crate::ui::gibibytes;

/// What is about to be put where.
pub(crate) struct SpaceRequirement<'a> {
    /// The node.
    pub(crate) node: &'a NodeName,
    /// The storage of the image.
    pub(crate) image_storage: &'a Storage,
    /// The storage of the disk.
    pub(crate) disk_storage: &'a Storage,
    /// The bytes of the image, where they are known.
    pub(crate) image: Option<u64>,
    /// Whether the image is compressed, so that its disk takes no less than itself.
    pub(crate) is_compressed: bool,
    /// The size of the disk; 0 is the image's own.
    pub(crate) disk: DiskSize,
}

impl SpaceRequirement<'_> {
    /// Refuses if not even the image fits; warns if the disk does not once it is full, which a storage that gives out
    /// room on demand takes all the same.
    pub(crate) fn check(&self) -> Result<Vec<String>, TemplateError> {
        let image = self.image.unwrap_or_default();
        let at_least = if self.is_compressed { image } else { 0 };
        if self.image_storage.name == self.disk_storage.name {
            self.refuse(self.disk_storage, image + at_least)?;
        } else {
            self.refuse(self.image_storage, image)?;
            self.refuse(self.disk_storage, at_least)?;
        }
        let available = self.disk_storage.available.filter(|available| *available < self.disk.bytes());
        Ok(available.into_iter().map(|available| self.warning(available)).collect())
    }

    fn refuse(&self, storage: &Storage, needed: u64) -> Result<(), TemplateError> {
        match storage.available {
            Some(available) if available < needed => {
                let (storage, node) = (storage.name.to_string(), self.node.clone());
                Err(TemplateError::NotEnoughSpace { storage, node, available: shown(available), needed: shown(needed) })
            }
            _ => Ok(()),
        }
    }

    fn warning(&self, available: u64) -> String {
        format!(
            "{} has {} free, less than a full disk of {} needs",
            self.disk_storage.name,
            shown(available),
            self.disk
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is all that is shown")]
fn shown(bytes: u64) -> String {
    match bytes {
        0..0x4000_0000 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        _ => gibibytes(bytes),
    }
}
