//! From the files of a feed to rows of the store. One record that cannot be read is skipped and
//! counted; too many of them, or none at all, and the snapshot is not taken.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read};
use std::path::Path;

use formats::debian_tracker::TrackerEntry;
use formats::osv::Osv;
use formats::{FormatError, debian_tracker, epss, kev, osv, rustsec, vulnrichment};
use patch::matching::normal_name;
use serde::Serialize;
use store::advisories::{AdvisoryError, CveFactKind, SnapshotWriter};

use super::FeedError;
use super::limits::{
    DOCUMENT_BYTES_MAX, PROGRESS_RECORDS, REASON_CHARS_MAX, REASONS_MAX, TRACKER_PIECE_ENTRIES,
    UNREADABLE_PERCENT_MAX,
};
use super::recognise::{base, is_debian_list, is_rustsec, is_sigma};
use super::stored::{DebianPackage, EpssFact, SIGMA, SigmaFile, StoredAdvisory};
use super::table::{Feed, Kind};

/// What was counted while a feed was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Advisories and facts that were handed on.
    pub records: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    /// What was skipped, by reason; unreadable records among them.
    pub skipped: BTreeMap<String, u64>,
    /// Why the first unreadable record could not be read.
    pub first_unreadable: Option<String>,
    /// The newest date that the feed carries, as it writes it.
    pub published: Option<String>,
}

impl Counts {
    fn skip(&mut self, reason: &str) {
        let full = self.skipped.len() >= REASONS_MAX && !self.skipped.contains_key(reason);
        let reason = if full { "other reasons" } else { reason };
        *self.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    fn unreadable(&mut self, path: &str, error: &FormatError) {
        self.unreadable += 1;
        let first: String = format!("`{path}`: {error}").chars().take(REASON_CHARS_MAX).collect();
        self.first_unreadable.get_or_insert(first);
        self.skip("cannot be read");
    }

    /// Keeps the newer of two dates that are written in the same way (year first). Some databases
    /// write the year 1 where they have no date.
    fn dated(&mut self, date: &str) {
        if !date.is_empty()
            && !date.starts_with("0001")
            && self.published.as_deref().is_none_or(|newest| newest < date)
        {
            self.published = Some(date.chars().take(40).collect());
        }
    }

    /// Whether what was read is enough to take the place of what was there.
    pub fn check(&self, feed: &str) -> Result<(), FeedError> {
        let all = self.records + self.unreadable;
        if self.unreadable * 100 > all * UNREADABLE_PERCENT_MAX {
            let first = self.first_unreadable.clone().unwrap_or_default();
            return Err(FeedError::Unreadable { unreadable: self.unreadable, all, first });
        }
        if self.records == 0 {
            return Err(FeedError::Nothing { feed: feed.to_owned() });
        }
        Ok(())
    }
}

/// Reads the files of one feed into a snapshot.
pub struct Intake<'a, 's> {
    feed: &'a Feed,
    snapshot: &'a mut SnapshotWriter<'s>,
    progress: &'a mut dyn FnMut(&str),
    /// Ids that were handed on: a record that comes twice counts once.
    ids: BTreeSet<String>,
    /// What was counted so far.
    pub counts: Counts,
}

impl<'a, 's> Intake<'a, 's> {
    /// Begins with nothing read.
    pub fn new(
        feed: &'a Feed,
        snapshot: &'a mut SnapshotWriter<'s>,
        progress: &'a mut dyn FnMut(&str),
    ) -> Self {
        Self { feed, snapshot, progress, ids: BTreeSet::new(), counts: Counts::default() }
    }

    /// Takes a file of the feed; one that holds no record of it is passed over.
    pub fn file(
        &mut self,
        source: &Path,
        path: &str,
        content: &mut dyn Read,
    ) -> Result<(), FeedError> {
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
        let single = !path.contains('/');
        match self.feed.kind {
            Kind::Rustsec if is_rustsec(path) => self.rustsec(path, &whole(source, content)?),
            Kind::Osv { ecosystem } if matches!(extension, "json" | "yaml" | "yml") => {
                let bytes = whole(source, content)?;
                let parse = if extension == "json" { osv::parse } else { osv::parse_yaml };
                match parse(&bytes) {
                    Ok(record) => self.osv(ecosystem, record),
                    Err(error) => {
                        self.counts.unreadable(path, &error);
                        Ok(())
                    }
                }
            }
            Kind::Kev if extension == "json" || single => self.kev(&whole(source, content)?),
            Kind::Epss if extension == "csv" || single => self.epss(content),
            Kind::Vulnrichment if extension == "json" || single => {
                self.vulnrichment(source, path, content)
            }
            Kind::Sigma if matches!(extension, "yaml" | "yml") => {
                self.sigma(path, whole(source, content)?)
            }
            Kind::DebianTracker if is_debian_list(path) => {
                self.debian_list(&whole(source, content)?)
            }
            Kind::DebianTracker if extension == "json" || single => self.debian_tracker(content),
            _ => Ok(()),
        }
    }

    /// Hands an advisory on, once.
    fn advisory(
        &mut self,
        (id, modified): (&str, &str),
        affected: &BTreeSet<(String, String)>,
        advisory: &StoredAdvisory,
    ) -> Result<(), FeedError> {
        if affected.is_empty() {
            self.counts.skip("names no package of this feed");
            return Ok(());
        }
        if !self.ids.insert(id.to_owned()) {
            self.counts.skip("comes twice");
            return Ok(());
        }
        let json = json(advisory)?;
        let put = affected.iter().try_for_each(|(ecosystem, package)| {
            self.snapshot.put_advisory(ecosystem, package, id, modified, &json)
        });
        self.counted(put)
    }

    /// Hands a fact about a CVE on.
    fn fact(
        &mut self,
        cve: &str,
        kind: CveFactKind,
        value: &impl Serialize,
    ) -> Result<(), FeedError> {
        if !is_cve_id(cve) {
            self.counts.skip("is about no CVE");
            return Ok(());
        }
        let put = self.snapshot.put_cve_fact(cve, kind, &json(value)?);
        self.counted(put)
    }

    /// Counts a record that was put; one that the store has no room for is skipped.
    fn counted(&mut self, put: Result<(), AdvisoryError>) -> Result<(), FeedError> {
        if let Err(AdvisoryError::TooLarge { what, .. }) = put {
            self.counts.skip(&format!("has too many {what}"));
            return Ok(());
        }
        put?;
        self.counts.records += 1;
        if self.counts.records.is_multiple_of(PROGRESS_RECORDS) {
            (self.progress)(&format!("{}: {} records", self.feed.name, self.counts.records));
        }
        Ok(())
    }

    fn rustsec(&mut self, path: &str, bytes: &[u8]) -> Result<(), FeedError> {
        let mut advisory = match rustsec::parse(bytes) {
            Ok(advisory) => advisory,
            Err(error) => {
                self.counts.unreadable(path, &error);
                return Ok(());
            }
        };
        if advisory.is_placeholder() {
            self.counts.skip("is the template of an advisory");
            return Ok(());
        }
        advisory.collection = rustsec::collection_of(path);
        let ecosystem = match advisory.collection {
            Some(rustsec::Collection::Rust) => "rust",
            _ => "crates.io",
        };
        self.counts.dated(&advisory.date);
        let affected = BTreeSet::from([(ecosystem.to_owned(), advisory.package.clone())]);
        let (id, date) = (advisory.id.clone(), advisory.date.clone());
        self.advisory((&id, &date), &affected, &StoredAdvisory::Rustsec(advisory))
    }

    /// Takes a file of rules. Whether each rule can be matched is told where it is used.
    fn sigma(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), FeedError> {
        let Ok(yaml) = String::from_utf8(bytes) else {
            self.counts.skip("is not UTF-8");
            return Ok(());
        };
        if !is_sigma(&yaml) {
            self.counts.skip("is no rule");
            return Ok(());
        }
        let dates = yaml.lines().filter_map(|line| line.strip_prefix("modified:"));
        dates.for_each(|date| self.counts.dated(date.trim().trim_matches('\'')));
        let affected = BTreeSet::from([(SIGMA.0.to_owned(), SIGMA.1.to_owned())]);
        let file = SigmaFile { path: path.to_owned(), yaml };
        self.advisory((path, ""), &affected, &StoredAdvisory::SigmaRules(file))
    }

    fn osv(&mut self, ecosystem: &str, record: Osv) -> Result<(), FeedError> {
        self.counts.dated(&record.modified);
        self.counts.dated(&record.published);
        if record.withdrawn.is_some() {
            self.counts.skip("was withdrawn");
            return Ok(());
        }
        let packages = record.affected.iter().filter_map(|affected| affected.package.as_ref());
        let affected = packages
            .filter(|package| base(&package.ecosystem) == ecosystem)
            .map(|package| {
                let name = normal_name(&package.ecosystem, &package.name);
                (package.ecosystem.clone(), name)
            })
            .collect();
        let (id, modified) = (record.id.clone(), record.modified.clone());
        self.advisory((&id, &modified), &affected, &StoredAdvisory::Osv(record))
    }

    fn kev(&mut self, bytes: &[u8]) -> Result<(), FeedError> {
        let catalog = kev::parse(bytes)?;
        self.counts.dated(&catalog.date_released);
        for entry in &catalog.vulnerabilities {
            self.fact(&entry.cve, CveFactKind::Kev, entry)?;
        }
        Ok(())
    }

    fn epss(&mut self, content: &mut dyn Read) -> Result<(), FeedError> {
        let header = carry(|stop| {
            epss::read(BufReader::new(content), |score| {
                let value = EpssFact {
                    probability_ppm: score.probability_ppm,
                    percentile_ppm: score.percentile_ppm,
                };
                stop(self.fact(&score.cve, CveFactKind::Epss, &value))
            })
        })?;
        self.counts.dated(&header.score_date);
        Ok(())
    }

    fn vulnrichment(
        &mut self,
        source: &Path,
        path: &str,
        content: &mut dyn Read,
    ) -> Result<(), FeedError> {
        let file = path.rsplit('/').next().unwrap_or(path);
        if file.starts_with("CVE-") {
            return match vulnrichment::parse_cve(&whole(source, content)?) {
                Ok(record) => self.decision_points(&record),
                Err(error) => {
                    self.counts.unreadable(path, &error);
                    Ok(())
                }
            };
        }
        if path.contains('/') {
            // The repository has other JSON beside the records.
            return Ok(());
        }
        carry(|stop| {
            vulnrichment::read_compact(content, |record| stop(self.decision_points(&record)))
        })?;
        Ok(())
    }

    fn decision_points(&mut self, record: &vulnrichment::Vulnrichment) -> Result<(), FeedError> {
        let silent = record.exploitation.is_none()
            && record.automatable.is_none()
            && record.technical_impact.is_none()
            && record.kev_date.is_none()
            && record.cvss.is_none();
        if silent {
            self.counts.skip("says nothing that is used");
            return Ok(());
        }
        self.fact(&record.cve, CveFactKind::Ssvc, record)
    }

    fn debian_list(&mut self, bytes: &[u8]) -> Result<(), FeedError> {
        for advisory in debian_tracker::parse_list(bytes)? {
            self.counts.dated(&year_first(&advisory.date));
            let packages = advisory.fixes.iter().map(|fix| fix.package.clone());
            let affected = packages.map(|package| ("Debian".to_owned(), package)).collect();
            let (id, date) = (advisory.id.clone(), year_first(&advisory.date));
            self.advisory((&id, &date), &affected, &StoredAdvisory::DebianAdvisory(advisory))?;
        }
        Ok(())
    }

    fn debian_tracker(&mut self, content: &mut dyn Read) -> Result<(), FeedError> {
        carry(|stop| {
            debian_tracker::read_tracker(content, |package, entries| {
                stop(self.debian_package(&package, entries))
            })
        })?;
        Ok(())
    }

    fn debian_package(
        &mut self,
        package: &str,
        entries: BTreeMap<String, TrackerEntry>,
    ) -> Result<(), FeedError> {
        let affected = BTreeSet::from([("Debian".to_owned(), package.to_owned())]);
        let mut entries = entries.into_iter().peekable();
        let mut piece = 0_usize;
        while entries.peek().is_some() {
            let entries = entries.by_ref().take(TRACKER_PIECE_ENTRIES).collect();
            let package = package.to_owned();
            let id = format!("debian-tracker:{package}:{piece}");
            let advisory = StoredAdvisory::DebianTracker(DebianPackage { package, entries });
            self.advisory((&id, ""), &affected, &advisory)?;
            piece += 1;
        }
        Ok(())
    }
}

/// Runs a reader whose callback can only return errors of its own kind: an error that is handed to
/// `stop` ends the reading and comes out in the end as what it was.
fn carry<T>(
    read: impl FnOnce(
        &mut dyn FnMut(Result<(), FeedError>) -> Result<(), FormatError>,
    ) -> Result<T, FormatError>,
) -> Result<T, FeedError> {
    let mut kept = None;
    let outcome = read(&mut |result| {
        result.map_err(|error| {
            kept = Some(error);
            FormatError::Malformed { format: "feed", reason: "the reading was ended".to_owned() }
        })
    });
    match kept {
        Some(error) => Err(error),
        None => Ok(outcome?),
    }
}

fn whole(source: &Path, content: &mut dyn Read) -> Result<Vec<u8>, FeedError> {
    let mut bytes = Vec::new();
    content
        .take(DOCUMENT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| FeedError::unpacking(source, &error))?;
    if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(FeedError::limit(source, "bytes in one file", DOCUMENT_BYTES_MAX));
    }
    Ok(bytes)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, FeedError> {
    serde_json::to_vec(value).map_err(|error| {
        FormatError::Malformed { format: "feed", reason: error.to_string() }.into()
    })
}

/// `CVE-YEAR-NUMBER` (CVE numbering rules: at least four digits each).
fn is_cve_id(id: &str) -> bool {
    let digits = |text: &str| {
        (4..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    id.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, number)| year.len() == 4 && digits(year) && digits(number))
}

/// `29 Mar 2026` as `2026-03-29`; empty where it is no date.
fn year_first(date: &str) -> String {
    jiff::civil::Date::strptime("%d %b %Y", date).map_or_else(|_| String::new(), |d| d.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_real_cve_ids_become_facts() {
        for good in ["CVE-1999-0001", "CVE-2026-1234567"] {
            assert!(is_cve_id(good), "{good}");
        }
        for bad in ["CVE-99-0001", "CVE-2026-1", "cve-2026-0001", "CVE-2026-00x1", "", "CVE-2026-"]
        {
            assert!(!is_cve_id(bad), "{bad}");
        }
    }

    #[test]
    fn dates_of_the_lists_can_be_compared() {
        assert_eq!(year_first("29 Mar 2026"), "2026-03-29");
        assert_eq!(year_first("someday"), "");
        let mut counts = Counts::default();
        for date in ["0001-01-01T00:00:00Z", "2026-03-29", "", "2025-12-31"] {
            counts.dated(date);
        }
        assert_eq!(counts.published.as_deref(), Some("2026-03-29"));
        let mut counts = Counts::default();
        counts.dated("0001-01-01T00:00:00Z");
        assert_eq!(counts.published, None);
    }

    #[test]
    fn reasons_stay_few() {
        let mut counts = Counts::default();
        for n in 0..1_000 {
            counts.skip(&format!("reason {n}"));
        }
        assert!(counts.skipped.len() <= REASONS_MAX + 1);
        assert_eq!(counts.skipped.values().sum::<u64>(), 1_000);
    }
}
