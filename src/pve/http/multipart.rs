//! A file in a form, read piece by piece while it is sent.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

/// How much of the file is in memory at a time.
const CHUNK_SIZE: usize = 64 * 1024;

/// The body of a form whose last field is a file.
pub(in crate::pve) struct Form {
    boundary: String,
    before: Option<Bytes>,
    file: File,
    left: u64,
    after: Option<Bytes>,
    sent: Arc<AtomicU64>,
}

/// The file of a form.
pub(in crate::pve) struct FormFile<'a> {
    /// Its name on the server.
    pub(in crate::pve) name: &'a str,
    /// The open file.
    pub(in crate::pve) file: File,
    /// How many bytes are sent of it.
    pub(in crate::pve) length: u64,
}

impl Form {
    /// Puts fields in front of a file of so many bytes: the server stops reading fields where the file begins.
    pub(in crate::pve) fn new(fields: &[(&str, &str)], upload: FormFile<'_>, sent: Arc<AtomicU64>) -> Self {
        let FormFile { name, file, length } = upload;
        let boundary = format!("----glassdome{}", uuid::Uuid::new_v4().simple());
        let mut before = String::new();
        for (field, value) in fields {
            before.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            ));
        }
        before.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        ));
        let after = format!("\r\n--{boundary}--\r\n");
        Self { boundary, before: Some(before.into()), file, left: length, after: Some(after.into()), sent }
    }

    /// Returns the type of the content, which names the boundary.
    pub(in crate::pve) fn kind(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Returns how many bytes it is in all.
    pub(in crate::pve) fn length(&self) -> u64 {
        let edge = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        edge(&self.before) + self.left + edge(&self.after)
    }

    fn piece(&mut self) -> io::Result<Bytes> {
        let most = usize::try_from(self.left).unwrap_or(CHUNK_SIZE).min(CHUNK_SIZE);
        let mut piece = vec![0; most];
        // The length was announced: a file that became shorter meanwhile must not end the body early.
        self.file.read_exact(&mut piece)?;
        self.left -= most as u64;
        self.sent.fetch_add(most as u64, Ordering::Relaxed);
        Ok(piece.into())
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let next = if let Some(before) = self.before.take() {
            Ok(before)
        } else if self.left > 0 {
            self.piece()
        } else if let Some(after) = self.after.take() {
            Ok(after)
        } else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(next.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}
