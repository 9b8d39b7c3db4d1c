//! The feeds that are known: what each is, where it officially comes from, how large it may be, and
//! how old it may get.

use std::collections::{BTreeMap, BTreeSet};

use super::FeedError;
use crate::config::FeedConfig;

/// What a feed's files are written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// RustSec advisories, one file each.
    Rustsec,
    /// OSV records of one ecosystem, one file each.
    Osv {
        /// The ecosystem without a release, such as `PyPI`.
        ecosystem: &'static str,
    },
    /// The catalogue of known exploited vulnerabilities, one JSON file.
    Kev,
    /// EPSS scores, one CSV file.
    Epss,
    /// CISA's decision points: CVE records, one file each, or one list.
    Vulnrichment,
    /// Debian's security tracker: its JSON, or the lists of DSAs and DLAs.
    DebianTracker,
    /// Sigma rules, one file each.
    Sigma,
}

/// One feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// Its name in the configuration and in reports.
    pub name: String,
    /// What its files are written in.
    pub kind: Kind,
    /// Where it comes from: the official address, or the owner's.
    pub url: String,
    /// Hosts that the official address may redirect to.
    pub redirect_hosts: &'static [&'static str],
    /// The most bytes that are fetched.
    pub bytes_max: u64,
    /// Older than this it is stale, days.
    pub age_days_max: u32,
    /// Whether it is fetched.
    pub enabled: bool,
}

/// Where GitHub's archives lie.
const GITHUB_ARCHIVES: &[&str] = &["codeload.github.com"];
const MIB: u64 = 1 << 20;

/// A row: name, kind, address, hosts of redirects, MiB, days.
type Row = (&'static str, Kind, &'static str, &'static [&'static str], u64, u32);

fn rows() -> [Row; 6] {
    [
        (
            "rustsec",
            Kind::Rustsec,
            "https://github.com/RustSec/advisory-db/archive/refs/heads/main.tar.gz",
            GITHUB_ARCHIVES,
            64,
            7,
        ),
        (
            "kev",
            Kind::Kev,
            "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
            &[],
            64,
            7,
        ),
        (
            "epss",
            Kind::Epss,
            "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
            &[],
            64,
            7,
        ),
        (
            "vulnrichment",
            Kind::Vulnrichment,
            "https://github.com/cisagov/vulnrichment/archive/refs/heads/develop.tar.gz",
            GITHUB_ARCHIVES,
            1_024,
            7,
        ),
        (
            "debian-tracker",
            Kind::DebianTracker,
            "https://security-tracker.debian.org/tracker/data/json",
            &[],
            256,
            3,
        ),
        (
            "sigma",
            Kind::Sigma,
            "https://github.com/SigmaHQ/sigma/archive/refs/heads/master.tar.gz",
            GITHUB_ARCHIVES,
            256,
            30,
        ),
    ]
}

/// Ecosystems that another feed already speaks of.
const COVERED: [&str; 2] = ["crates.io", "Debian"];

/// Every feed: the fixed ones, and the OSV records of every ecosystem that ringfort reads.
pub fn all() -> Vec<Feed> {
    let mut feeds: Vec<Feed> = rows()
        .into_iter()
        .map(|(name, kind, url, redirect_hosts, mib, age_days_max)| Feed {
            name: name.to_owned(),
            kind,
            url: url.to_owned(),
            redirect_hosts,
            bytes_max: mib * MIB,
            age_days_max,
            enabled: true,
        })
        .collect();
    let ecosystems: BTreeSet<&'static str> =
        sources::registry::ALL.iter().map(|ecosystem| ecosystem.osv).collect();
    feeds.extend(ecosystems.into_iter().filter(|name| !COVERED.contains(name)).map(osv));
    feeds.sort_by(|a, b| a.name.cmp(&b.name));
    feeds
}

/// The OSV feed of an ecosystem (<https://google.github.io/osv.dev/data/>).
fn osv(ecosystem: &'static str) -> Feed {
    let folder = ecosystem.replace(' ', "%20");
    Feed {
        name: format!("osv-{}", ecosystem.to_ascii_lowercase().replace(' ', "-")),
        kind: Kind::Osv { ecosystem },
        url: format!("https://osv-vulnerabilities.storage.googleapis.com/{folder}/all.zip"),
        redirect_hosts: &[],
        bytes_max: 1_024 * MIB,
        age_days_max: 7,
        enabled: true,
    }
}

/// Every feed as the owner wants it. A name in the configuration that is no feed is an error.
pub fn configured(config: &BTreeMap<String, FeedConfig>) -> Result<Vec<Feed>, FeedError> {
    let mut feeds = all();
    for (name, wish) in config {
        let Some(feed) = feeds.iter_mut().find(|feed| feed.name == *name) else {
            return Err(unknown(name, &feeds));
        };
        if let Some(url) = &wish.url {
            feed.url.clone_from(url);
            feed.redirect_hosts = &[];
        }
        feed.enabled = wish.enabled.unwrap_or(feed.enabled);
    }
    Ok(feeds)
}

/// The error for a name that is no feed.
pub fn unknown(name: &str, feeds: &[Feed]) -> FeedError {
    let known = feeds.iter().map(|feed| feed.name.clone()).collect();
    FeedError::UnknownFeed { name: name.chars().take(80).collect(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feed_has_its_own_name_and_an_https_address() {
        let feeds = all();
        let names: BTreeSet<&str> = feeds.iter().map(|feed| feed.name.as_str()).collect();
        assert_eq!(names.len(), feeds.len());
        for feed in &feeds {
            assert!(feed.url.starts_with("https://"), "{}", feed.url);
            assert!(feed.bytes_max > 0 && feed.age_days_max > 0);
        }
        for name in ["rustsec", "osv-pypi", "osv-npm", "osv-go", "kev", "epss", "debian-tracker"] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn the_owner_may_move_a_feed_or_leave_it_out_but_not_invent_one() {
        let wish = |url: Option<&str>, enabled| FeedConfig { url: url.map(str::to_owned), enabled };
        let moved = "https://mirror.example/rustsec.tar.gz";
        let config = BTreeMap::from([
            ("rustsec".to_owned(), wish(Some(moved), None)),
            ("kev".to_owned(), wish(None, Some(false))),
        ]);
        let feeds = configured(&config).unwrap();
        let feed = |name: &str| feeds.iter().find(|feed| feed.name == name).unwrap();
        assert_eq!(feed("rustsec").url, moved);
        assert!(feed("rustsec").redirect_hosts.is_empty(), "the owner's mirror does not redirect");
        assert!(!feed("kev").enabled && feed("epss").enabled);
        let config = BTreeMap::from([("kevv".to_owned(), wish(None, None))]);
        let error = configured(&config).unwrap_err().to_string();
        assert!(error.contains("`kevv`") && error.contains("kev,"), "{error}");
    }
}
