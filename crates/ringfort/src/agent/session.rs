//! One scan end to end: refreshed metadata, what is installed, what is in use, changelogs, cases,
//! and all of it kept in the state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use patch::ssvc::CveIntel;
use serde_json::json;
use spine::{Case, Clock as _, HostId};
use store::{CaseFilter, HostRecord, SqliteState, State as _};

use super::advisories;
use super::changelogs::{Candidate, ChangelogJob, Changes};
use super::executor::{self, Refreshed};
use super::inventory::Upgrade;
use super::scan::{self, Scan, ScanLine, ScanOptions};
use super::worker;
use crate::client::Client;
use crate::context::Context;
use crate::failure::{Failure, OrHint as _};
use crate::host;
use crate::rim::SystemClock;
use crate::spawn::UNPRIVILEGED_ID;

/// How many packages are fetched for their changelogs in one action.
const FETCH_BATCH: usize = 8;
/// How long a changelog that could not be read is left alone, milliseconds.
const DOUBT_MS: i64 = 24 * 3_600 * 1_000;

/// A scan of one root in progress.
pub struct Session<'a> {
    context: &'a Context,
    /// The root.
    pub root: PathBuf,
    /// The id under which the root is kept.
    pub host: HostId,
    /// When it began, milliseconds since the Unix epoch.
    pub started_ms: i64,
    state: SqliteState,
    refreshed: Option<Refreshed>,
    /// What was found.
    pub scan: Scan,
    /// What the changelogs of candidates say, by source package.
    pub changes: BTreeMap<String, Changes>,
}

/// Where the agent keeps what it knows; it belongs to the unprivileged user.
pub fn agent_dir(data_dir: &Path) -> std::io::Result<PathBuf> {
    let dir = data_dir.join("agent");
    std::fs::create_dir_all(&dir)?;
    give_to_agent(&dir)?;
    Ok(dir)
}

/// Where `ringfort up` leaves what it saw of processes and sockets.
pub fn live_file(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/live.json")
}

/// The store of advisories.
pub fn feeds_db(data_dir: &Path) -> PathBuf {
    data_dir.join("agent/feeds.db")
}

/// Hands a file or folder to the unprivileged user, if this process is root.
pub fn give_to_agent(path: &Path) -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() && path.exists() {
        std::os::unix::fs::chown(path, Some(UNPRIVILEGED_ID), Some(UNPRIVILEGED_ID))?;
    }
    Ok(())
}

/// Opens the state.
pub fn open_state(data_dir: &Path) -> Result<SqliteState, Failure> {
    let help = "check the disk and the folder's permissions";
    let dir = agent_dir(data_dir).or_hint("the data folder cannot be made", help)?;
    let path = dir.join("state.db");
    let state = SqliteState::open(&path).or_hint("the state does not open", help)?;
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        give_to_agent(&dir.join(name)).or_hint("the state cannot be handed to the agent", help)?;
    }
    Ok(state)
}

/// What a session looks at.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Projects beside or in place of the distribution's packages.
    pub paths: Vec<PathBuf>,
    /// Whether the distribution's packages are scanned.
    pub distribution: bool,
    /// Whether nothing is fetched.
    pub offline: bool,
}

impl<'a> Session<'a> {
    /// Refreshes what is stale (as root, unless offline) and scans.
    pub fn run(context: &'a Context, root: &Path, wanted: &Wanted) -> Result<Self, Failure> {
        let root = canonical_root(root)?;
        let host = host::root_id(&root);
        let state = open_state(&context.config.data_dir)?;
        let mut session = Self {
            context,
            root,
            host,
            started_ms: SystemClock.now_ms(),
            state,
            refreshed: None,
            scan: Scan::default(),
            changes: BTreeMap::new(),
        };
        if wanted.distribution && !wanted.offline {
            session.refresh()?;
        }
        session.scan = scan::scan(&session.options(wanted)?)?;
        session.add_own_doubts();
        Ok(session)
    }

    fn options(&self, wanted: &Wanted) -> Result<ScanOptions, Failure> {
        let dir = agent_dir(&self.context.config.data_dir)
            .or_hint("the data folder cannot be made", "check its permissions")?;
        let cache_dir = dir.join("cache").join(self.host.0.to_hex());
        std::fs::create_dir_all(&cache_dir)
            .and_then(|()| give_to_agent(&cache_dir))
            .or_hint("the cache folder cannot be made", "check its permissions")?;
        Ok(ScanOptions {
            root: self.root.clone(),
            paths: wanted.paths.clone(),
            distribution: wanted.distribution,
            lists_dir: self.lists_dir(),
            cache_dir: Some(cache_dir),
            feeds_db: feeds_db(&self.context.config.data_dir),
            live: (wanted.distribution && scan::is_this_machine(&self.root))
                .then(|| live_file(&self.context.config.data_dir)),
        })
    }

    /// The refreshed metadata: of this run, or of an earlier one.
    fn lists_dir(&self) -> Option<PathBuf> {
        if let Some(dir) = self.refreshed.as_ref().and_then(|refreshed| refreshed.lists_dir.clone())
        {
            return Some(dir);
        }
        let known = self.state.get_doc("apt.lists", &self.host.0.to_hex()).ok()??;
        known["dir"].as_str().map(PathBuf::from).filter(|dir| dir.is_dir())
    }

    fn refresh(&mut self) -> Result<(), Failure> {
        let key = self.host.0.to_hex();
        let known = self.state.get_doc("apt.lists", &key).ok().flatten().unwrap_or_default();
        let age_ms = SystemClock.now_ms() - known["time_ms"].as_i64().unwrap_or(0);
        let max_ms =
            i64::try_from(self.context.config.metadata_age_max_s * 1_000).unwrap_or(i64::MAX);
        if (0..max_ms).contains(&age_ms) && self.lists_dir().is_some() {
            self.refreshed = Some(Refreshed {
                lists_dir: self.lists_dir(),
                security_suite_missing: known["security_suite_missing"].as_bool().unwrap_or(false),
            });
            return Ok(());
        }
        let context = self.context;
        let Ok(mut client) = Client::connect(context) else {
            context.warn(
                "without root the package metadata is not refreshed; the machine's own is used",
            );
            return Ok(());
        };
        context.progress("refreshing the package metadata");
        let executor = client.standing()?.host;
        let mut say = |text: &str| context.progress(text);
        match executor::refresh(&mut client, executor, &self.root, &mut say) {
            Ok(refreshed) => {
                let doc = json!({
                    "dir": refreshed.lists_dir, "time_ms": SystemClock.now_ms(),
                    "security_suite_missing": refreshed.security_suite_missing,
                });
                self.state
                    .put_doc("apt.lists", &key, &doc)
                    .or_hint("the state cannot be written", "check the disk")?;
                self.refreshed = Some(refreshed);
            }
            // The last good metadata is still there; what it misses is said below.
            Err(failure) => self.context.warn(format!("stale metadata: {}", failure.message)),
        }
        Ok(())
    }

    fn add_own_doubts(&mut self) {
        let missing = self.refreshed.as_ref().is_some_and(|r| r.security_suite_missing);
        let inventory = &self.scan.inventory;
        if !missing && !inventory.suites.is_empty() && !inventory.has_security_suite() {
            let text =
                "no suite of security fixes is known for this root: waiting fixes are unknown";
            self.scan.unknown.push(text.to_owned());
        }
    }

    /// Whether the root's own sources lack the suite of security fixes.
    pub fn security_suite_missing(&self) -> bool {
        self.refreshed.as_ref().is_some_and(|refreshed| refreshed.security_suite_missing)
    }

    /// The lines to show.
    pub fn lines(&self, all: bool) -> Vec<ScanLine> {
        self.scan.lines(&self.changes, all)
    }

    /// Reads the changelogs of candidates that are not known yet, a few at a time; `each` is told
    /// after every few.
    pub fn read_changelogs(&mut self, each: &mut dyn FnMut(&Self)) -> Result<(), Failure> {
        let mut missing: Vec<Upgrade> = Vec::new();
        let mut seen = BTreeSet::new();
        for upgrade in &self.scan.inventory.upgrades {
            if !seen.insert(upgrade.source.clone()) {
                continue;
            }
            match self.known_changes(upgrade) {
                Some(changes) => drop(self.changes.insert(upgrade.source.clone(), changes)),
                None => missing.push(upgrade.clone()),
            }
        }
        each(self);
        if missing.is_empty() {
            return Ok(());
        }
        let mut client = Client::connect(self.context)?;
        let executor = client.standing()?.host;
        for batch in missing.chunks(FETCH_BATCH) {
            self.read_batch(&mut client, executor, batch)?;
            each(self);
        }
        Ok(())
    }

    /// Takes what earlier scans read of the changelogs.
    pub fn recall_changelogs(&mut self) {
        let upgrades = &self.scan.inventory.upgrades;
        let known: Vec<_> = upgrades
            .iter()
            .filter_map(|upgrade| Some((upgrade.source.clone(), self.known_changes(upgrade)?)))
            .collect();
        self.changes.extend(known);
    }

    /// What an earlier scan read. A doubt is looked at again after a day.
    fn known_changes(&self, upgrade: &Upgrade) -> Option<Changes> {
        let doc = self.state.get_doc("changelog", &changelog_key(upgrade)).ok()??;
        let changes: Changes = serde_json::from_value(doc["changes"].clone()).ok()?;
        let age_ms = SystemClock.now_ms() - doc["read_ms"].as_i64()?;
        (changes.unknown.is_none() || (0..DOUBT_MS).contains(&age_ms)).then_some(changes)
    }

    fn read_batch(
        &mut self,
        client: &mut Client,
        executor: HostId,
        batch: &[Upgrade],
    ) -> Result<(), Failure> {
        let context = self.context;
        let names: Vec<&str> = batch.iter().map(|upgrade| upgrade.source.as_str()).collect();
        context.progress(format!("reading the changelogs of {}", names.join(", ")));
        let mut result = self.fetch_and_read(client, executor, batch)?;
        // A package may carry its changelog in another one of the same source.
        let elsewhere: Vec<Upgrade> = batch
            .iter()
            .filter_map(|upgrade| result.get(&upgrade.source)?.in_package.as_ref())
            .filter_map(|name| {
                self.scan.inventory.upgrades.iter().find(|upgrade| upgrade.name == *name)
            })
            .cloned()
            .collect();
        if !elsewhere.is_empty() {
            result.extend(self.fetch_and_read(client, executor, &elsewhere)?);
        }
        for upgrade in batch {
            let Some(changes) = result.remove(&upgrade.source) else { continue };
            let doc = json!({ "changes": changes, "read_ms": SystemClock.now_ms() });
            self.state
                .put_doc("changelog", &changelog_key(upgrade), &doc)
                .or_hint("the state cannot be written", "check the disk")?;
            self.changes.insert(upgrade.source.clone(), changes);
        }
        Ok(())
    }

    fn fetch_and_read(
        &self,
        client: &mut Client,
        executor: HostId,
        batch: &[Upgrade],
    ) -> Result<BTreeMap<String, Changes>, Failure> {
        let context = self.context;
        let wanted: Vec<&Upgrade> = batch.iter().collect();
        let mut say = |text: &str| context.progress(text);
        let files = match executor::fetch(client, executor, &self.root, &wanted, &mut say) {
            Ok(files) => files,
            // One package that cannot be had does not hide what the others fix.
            Err(_) if batch.len() > 1 => {
                let mut each = BTreeMap::new();
                for upgrade in batch {
                    let one = std::slice::from_ref(upgrade);
                    each.extend(self.fetch_and_read(client, executor, one)?);
                }
                return Ok(each);
            }
            Err(failure) => {
                let reason = format!("the update could not be fetched: {}", failure.message);
                context.warn(&reason);
                let changes = Changes { unknown: Some(reason), ..Changes::default() };
                return Ok(batch.iter().map(|u| (u.source.clone(), changes.clone())).collect());
            }
        };
        let packages = batch.iter().zip(files).map(|(upgrade, deb)| Candidate {
            source: upgrade.source.clone(),
            package: upgrade.name.clone(),
            deb,
            installed: upgrade.source_from.clone(),
            offered: upgrade.source_to.clone(),
        });
        let result = worker::changelogs(ChangelogJob { packages: packages.collect() })?;
        Ok(result.sources)
    }

    /// Makes cases of what was found, carrying over where earlier ones stand, and keeps it all.
    pub fn keep(&self) -> Result<Vec<Case>, Failure> {
        let now_ms = SystemClock.now_ms();
        let help = "check the disk; run the scan again";
        let inventory = &self.scan.inventory;
        let packages: Vec<_> =
            inventory.packages.iter().map(|found| found.package.clone()).collect();
        let record = HostRecord {
            host: self.host,
            name: host_name(&self.root),
            root: self.root.display().to_string(),
            os: inventory.os.clone(),
            last_seen_ms: now_ms,
            coverage: json!({
                "packages": packages.len(),
                "suites": inventory.suites.iter().map(|s| s.codename.clone()).collect::<Vec<_>>(),
                "processes": self.scan.live.as_ref().map(|live| live.processes),
                "closed": self.scan.live.as_ref().map(|live| live.closed),
                "kernel": self.scan.live.as_ref().and_then(|live| live.kernel.as_ref()),
                "unknown": self.scan.unknown,
            }),
        };
        let filter = CaseFilter { host: Some(self.host), ..CaseFilter::default() };
        let before = self.state.cases(&filter).or_hint("the cases do not read", help)?;
        let (findings, cases) = super::cases::of_session(self, &before, now_ms)?;
        self.state
            .transaction(&mut |state| {
                state.put_host(&record)?;
                state.replace_inventory(self.host, &packages, now_ms)?;
                state.replace_findings(self.host, "patch", &findings)?;
                cases.iter().try_for_each(|case| state.put_case(case))?;
                let live = serde_json::to_value(&self.scan.live).unwrap_or_default();
                state.put_doc("live", &self.host.0.to_hex(), &live)
            })
            .or_hint("the scan cannot be kept", help)?;
        Ok(cases)
    }

    /// What the owner says of the site.
    pub fn site(&self) -> &spine::SiteConfig {
        &self.context.config.site
    }

    /// What the feeds say of vulnerabilities; an id that no feed knows comes without facts.
    pub fn cve_intel(&self, ids: &[String]) -> Vec<CveIntel> {
        advisories::cve_intel(&feeds_db(&self.context.config.data_dir), ids)
    }

    /// The state, for what comes after a scan.
    pub fn state(&self) -> &SqliteState {
        &self.state
    }
}

fn changelog_key(upgrade: &Upgrade) -> String {
    format!("{} {} {}", upgrade.source, upgrade.source_from, upgrade.source_to)
}

fn host_name(root: &Path) -> String {
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let own = Path::new("/proc/sys/kernel/hostname").to_path_buf();
    let path = if scan::is_this_machine(root) { own } else { root.join("etc/hostname") };
    let name = read(path).unwrap_or_default();
    let name = name.lines().next().unwrap_or_default().trim();
    if name.is_empty() { root.display().to_string() } else { name.to_owned() }
}

/// The root as an absolute path without links.
pub fn canonical_root(root: &Path) -> Result<PathBuf, Failure> {
    let help = "name the folder of a root file system, such as `/` or `/srv/machine`";
    let path =
        root.canonicalize().or_hint(format!("`{}` cannot be opened", root.display()), help)?;
    if path.is_dir() { Ok(path) } else { Err(Failure::usage("the root is not a folder", help)) }
}
