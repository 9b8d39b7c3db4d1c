//! Fetching one feed into a file that is gone again when it was read.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use net::{Client, Fetch, Fetched, Received};
use store::advisories::SnapshotMeta;

use super::FeedError;
use super::limits::PROGRESS_BYTES;
use super::table::Feed;

/// What fetching gave.
pub enum Download {
    /// The live snapshot is still the newest.
    NotModified,
    /// Something new.
    File {
        /// Where it lies; removed when this is dropped.
        file: Temporary,
        /// What the server said of it.
        received: Received,
    },
}

/// A file that is removed when it is no longer used.
pub struct Temporary(PathBuf);

impl Temporary {
    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a fetched file was not removed");
        }
    }
}

/// Fetches a feed, unless the server says that the live snapshot is still the newest.
pub fn download(
    client: &Client,
    feed: &Feed,
    live: Option<&SnapshotMeta>,
    work_dir: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<Download, FeedError> {
    let path = work_dir.join(format!("{}.part", feed.name));
    let open = || {
        std::fs::create_dir_all(work_dir)?;
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)
    };
    let out = open().map_err(|error| FeedError::io(&path, error))?;
    let file = Temporary(path);
    // What another address said of its copy does not count here.
    let live = live.filter(|meta| meta.origin == feed.url);
    let fetch = Fetch {
        url: feed.url.clone(),
        body_bytes_max: Some(feed.bytes_max),
        etag: live.and_then(|meta| meta.etag.clone()),
        last_modified: live.and_then(|meta| meta.last_modified.clone()),
        accept: None,
        redirect_hosts: feed.redirect_hosts.iter().map(|host| (*host).to_owned()).collect(),
    };
    let mut out = Reporting { out, feed, bytes: 0, progress };
    Ok(match client.get(&fetch, &mut out)? {
        Fetched::NotModified => Download::NotModified,
        Fetched::Body(received) => Download::File { file, received },
    })
}

/// A file that says how far it is.
struct Reporting<'a> {
    out: File,
    feed: &'a Feed,
    bytes: u64,
    progress: &'a mut dyn FnMut(&str),
}

impl Write for Reporting<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.out.write(buffer)?;
        let before = self.bytes / PROGRESS_BYTES;
        self.bytes += count as u64;
        if self.bytes / PROGRESS_BYTES > before {
            (self.progress)(&format!("{}: {} MiB", self.feed.name, self.bytes >> 20));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
