//! Public knowledge: which vulnerabilities there are, which are exploited, and how likely that is.
//!
//! Feeds come from their official addresses, from the owner's own, or from a folder. Each becomes a
//! snapshot that is kept with its SHA-256 and date; one that cannot be fetched or read leaves the
//! last good one in place, and an old one is a warning, never a failure. A feed informs and
//! ranks; it never authorises (red line RL19).
//!
//! | module | holds |
//! |---|---|
//! | [`table`] | the feeds that are known |
//! | [`fetch`] | fetching one |
//! | [`archive`] | the files inside a folder or an archive |
//! | [`recognise`] | which feed a file is |
//! | [`intake`] | from files to rows of the store |
//! | [`stored`] | the JSON that the store keeps |
//! | [`limits`] | the written limits |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use net::{Client, NetConfig, Timeouts};
use serde::Serialize;
use serde_json::{Map, Value};
use spine::{Clock, Digest};
use store::AdvisoryStore;
use store::advisories::SnapshotMeta;

pub mod archive;
mod error;
pub mod fetch;
mod folder;
pub mod intake;
pub mod limits;
pub mod recognise;
pub mod stored;
pub mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use error::FeedError;

use crate::config::FeedConfig;
use archive::{Flow, each_file};
use fetch::{Download, download};
use intake::Intake;
use table::Feed;

/// Where feeds are taken from.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// From their addresses.
    Addresses,
    /// From the files in a folder, recognised by what they hold.
    Folder(&'a Path),
}

/// What a synchronisation needs to know.
pub struct Options<'a> {
    /// The owner's wishes, by feed.
    pub config: &'a BTreeMap<String, FeedConfig>,
    /// Only these feeds; all that are enabled if empty.
    pub only: &'a [String],
    /// A folder for what is fetched, until it was read.
    pub work_dir: &'a Path,
    /// A proxy, `http://[user:password@]host:port`.
    pub proxy: Option<String>,
    /// Certificate authorities that are trusted beside the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// How it went with one feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// A new snapshot was taken in.
    Updated,
    /// The last snapshot is still the newest.
    NotModified,
    /// Nothing was taken in; the last good snapshot, if there is one, stays.
    Failed {
        /// Why, in one line.
        reason: String,
    },
}

/// How it went with one feed, and what there is of it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeedReport {
    /// The feed.
    pub feed: String,
    /// How it went.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Bytes that were read, packed as they came.
    pub bytes: u64,
    /// What of it was skipped, by reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, u64>,
    /// The live snapshot afterwards.
    pub live: Option<SnapshotMeta>,
    /// Whether that is older than the feed may get, or is not there at all.
    pub stale: bool,
    /// What the owner should know, in plain words.
    pub warnings: Vec<String>,
    /// How long it took, milliseconds.
    pub elapsed_ms: u64,
}

/// How a synchronisation went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    /// One entry a feed, by name.
    pub feeds: Vec<FeedReport>,
    /// Files of the folder that are no known feed, or could not be looked into, and why.
    pub not_recognised: Vec<(String, String)>,
}

/// Takes feeds in. What goes wrong with one feed is in its report and stops no other; an error is
/// returned only for what concerns them all.
pub fn sync(
    source: Source<'_>,
    options: &Options<'_>,
    store: &mut AdvisoryStore,
    progress: &mut dyn FnMut(&str),
) -> Result<SyncReport, FeedError> {
    let feeds = wanted(options)?;
    let mut report = SyncReport::default();
    match source {
        Source::Addresses => {
            for feed in &feeds {
                let mut run = Run { feed, options, store, progress };
                report.feeds.push(run.ask()?);
            }
        }
        Source::Folder(folder) => {
            let found = folder::look_through(folder, &feeds)?;
            report.not_recognised = found.not_recognised;
            for feed in &feeds {
                if let Some(paths) = found.sources.get(&feed.name) {
                    let mut run = Run { feed, options, store, progress };
                    report.feeds.push(run.read(paths)?);
                }
            }
        }
    }
    Ok(report)
}

/// What there is of every feed that is wanted, without fetching anything.
pub fn standing(
    options: &Options<'_>,
    store: &AdvisoryStore,
) -> Result<Vec<(Feed, Option<SnapshotMeta>, bool)>, FeedError> {
    let now_ms = options.clock.now_ms();
    wanted(options)?
        .into_iter()
        .map(|feed| {
            let live = store.snapshot(&feed.name)?;
            let stale = is_stale(&feed, live.as_ref(), now_ms);
            Ok((feed, live, stale))
        })
        .collect()
}

fn wanted(options: &Options<'_>) -> Result<Vec<Feed>, FeedError> {
    let feeds = table::configured(options.config)?;
    if let Some(name) =
        options.only.iter().find(|name| !feeds.iter().any(|feed| feed.name == **name))
    {
        return Err(table::unknown(name, &feeds));
    }
    // A feed that is asked for by name is taken also where the configuration leaves it out.
    let wanted = |feed: &Feed| match options.only {
        [] => feed.enabled,
        only => only.contains(&feed.name),
    };
    Ok(feeds.into_iter().filter(wanted).collect())
}

/// A client that talks to the host of this feed, and to where it may redirect.
fn client(feed: &Feed, options: &Options<'_>) -> Result<Client, FeedError> {
    Ok(Client::new(NetConfig {
        hosts: [net::host_of(&feed.url)?].into(),
        timeouts: Timeouts { whole: limits::FETCH_TIME_MAX, ..Timeouts::default() },
        proxy: options.proxy.clone(),
        ca_file: options.ca_file.clone(),
        ..NetConfig::default()
    })?)
}

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// The last moment at which a snapshot was known to be the newest, milliseconds since the Unix
/// epoch. What came from an address was the newest when that was asked; what came from a file is
/// as old as the date inside.
pub fn as_of_ms(meta: &SnapshotMeta) -> i64 {
    let from_address = meta.origin.contains("://");
    meta.published_ms.filter(|_| !from_address).unwrap_or(meta.fetched_ms)
}

/// Whether a snapshot is older than its feed may get.
pub fn is_stale(feed: &Feed, live: Option<&SnapshotMeta>, now_ms: i64) -> bool {
    let age_max_ms = i64::from(feed.age_days_max) * DAY_MS;
    live.is_none_or(|meta| now_ms.saturating_sub(as_of_ms(meta)) > age_max_ms)
}

/// One feed's turn.
struct Run<'a> {
    feed: &'a Feed,
    options: &'a Options<'a>,
    store: &'a mut AdvisoryStore,
    progress: &'a mut dyn FnMut(&str),
}

/// What is known of a snapshot before it is read.
struct Origin {
    /// The address or the paths.
    place: String,
    sha256: Digest,
    bytes: u64,
    etag: Option<String>,
    last_modified: Option<String>,
    /// When the file last changed, for one that carries no date; milliseconds since the Unix
    /// epoch.
    modified_ms: Option<i64>,
}

/// What came of taking a snapshot in.
struct Taken {
    bytes: u64,
    skipped: BTreeMap<String, u64>,
}

impl Run<'_> {
    /// Takes the feed from its address.
    fn ask(&mut self) -> Result<FeedReport, FeedError> {
        let start_ms = self.options.clock.monotonic_ms();
        let before = self.store.snapshot(&self.feed.name)?;
        (self.progress)(&format!("{}: asking {}", self.feed.name, self.feed.url));
        let fetched = client(self.feed, self.options).and_then(|client| {
            download(&client, self.feed, before.as_ref(), self.options.work_dir, self.progress)
        });
        let outcome = fetched.and_then(|download| match download {
            Download::NotModified => {
                let now_ms = self.options.clock.now_ms();
                let known = self.store.mark_checked(&self.feed.name, now_ms)?;
                let nothing = || FeedError::Nothing { feed: self.feed.name.clone() };
                known.then_some(None).ok_or_else(nothing)
            }
            Download::File { file, received } => {
                let origin = Origin {
                    place: self.feed.url.clone(),
                    sha256: received.sha256,
                    bytes: received.bytes,
                    etag: received.etag,
                    last_modified: received.last_modified,
                    modified_ms: None,
                };
                self.take_in(&[file.path().to_path_buf()], origin).map(Some)
            }
        });
        self.report(outcome, before.as_ref(), start_ms)
    }

    /// Takes the feed from files.
    fn read(&mut self, paths: &[PathBuf]) -> Result<FeedReport, FeedError> {
        let start_ms = self.options.clock.monotonic_ms();
        let before = self.store.snapshot(&self.feed.name)?;
        let outcome = folder::describe(paths).and_then(|described| {
            let origin = Origin {
                place: described.place,
                sha256: described.sha256,
                bytes: described.bytes,
                etag: None,
                last_modified: None,
                modified_ms: Some(described.modified_ms),
            };
            self.take_in(paths, origin).map(Some)
        });
        self.report(outcome, before.as_ref(), start_ms)
    }

    /// Reads sources into a new snapshot and makes it the live one; after an error it is thrown
    /// away.
    fn take_in(&mut self, paths: &[PathBuf], origin: Origin) -> Result<Taken, FeedError> {
        let now_ms = self.options.clock.now_ms();
        let mut snapshot = self.store.begin_snapshot(&self.feed.name)?;
        let mut intake = Intake::new(self.feed, &mut snapshot, self.progress);
        let mut passed_over = 0;
        for source in paths {
            passed_over += each_file(source, &mut |path, content| {
                intake.file(source, path, content).map(|()| Flow::Next)
            })?;
        }
        let mut counts = intake.counts;
        counts.check(&self.feed.name)?;
        if passed_over > 0 {
            counts.skipped.insert("has a path that is not plain".to_owned(), passed_over);
        }
        // A date ahead of the clock says nothing; it must not keep a feed fresh for ever.
        let published_ms = counts.published.as_deref().and_then(date_ms).filter(|ms| *ms <= now_ms);
        snapshot.commit(&SnapshotMeta {
            feed: self.feed.name.clone(),
            sha256: origin.sha256.to_hex(),
            fetched_ms: now_ms,
            published_ms: published_ms.or(origin.modified_ms.map(|ms| ms.min(now_ms))),
            origin: origin.place,
            records: counts.records,
            etag: origin.etag,
            last_modified: origin.last_modified,
            skipped: counts.skipped.values().sum(),
            details: details(origin.bytes, &counts.skipped),
        })?;
        Ok(Taken { bytes: origin.bytes, skipped: counts.skipped })
    }

    /// What became of the feed; `None` where the last snapshot is still the newest.
    fn report(
        &mut self,
        outcome: Result<Option<Taken>, FeedError>,
        before: Option<&SnapshotMeta>,
        start_ms: u64,
    ) -> Result<FeedReport, FeedError> {
        let live = self.store.snapshot(&self.feed.name)?;
        let stale = is_stale(self.feed, live.as_ref(), self.options.clock.now_ms());
        let (outcome, taken) = match outcome {
            Ok(Some(taken)) => (Outcome::Updated, Some(taken)),
            Ok(None) => (Outcome::NotModified, None),
            Err(error) => (Outcome::Failed { reason: error.to_string() }, None),
        };
        let mut warnings = Vec::new();
        if stale {
            warnings.push(match &live {
                Some(_) => format!("it is older than {} days", self.feed.age_days_max),
                None => "there is nothing of it yet".to_owned(),
            });
        }
        if let (Outcome::Updated, Some(before), Some(live)) = (&outcome, before, &live)
            && live.records * 100 < before.records * limits::SHRUNK_PERCENT
        {
            warnings.push(format!(
                "it has {} records where there were {}; look whether it is whole",
                live.records, before.records
            ));
        }
        let elapsed_ms = self.options.clock.monotonic_ms().saturating_sub(start_ms);
        let (bytes, skipped) = taken.map_or_else(Default::default, |t| (t.bytes, t.skipped));
        let feed = self.feed.name.clone();
        Ok(FeedReport { feed, outcome, bytes, skipped, live, stale, warnings, elapsed_ms })
    }
}

/// What is kept beside a snapshot that has no field of its own: its size, and why records were
/// skipped.
fn details(bytes: u64, skipped: &BTreeMap<String, u64>) -> Map<String, Value> {
    let reasons: Map<String, Value> =
        skipped.iter().map(|(reason, count)| (reason.clone(), (*count).into())).collect();
    Map::from_iter([("bytes".to_owned(), bytes.into()), ("skipped".to_owned(), reasons.into())])
}

/// A date as feeds write it: RFC 3339, or a day.
fn date_ms(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let day: jiff::civil::Date = text.parse().ok()?;
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(start.timestamp().as_millisecond())
}
