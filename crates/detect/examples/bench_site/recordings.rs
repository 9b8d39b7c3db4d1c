//! Recordings of attacks, and how one is put into a simulated site.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use aho_corasick::{AhoCorasick, MatchKind};
use serde_json::Value;
use sources::Record;
use sources::log::Context;
use sources::log::open::read_file;
use testkit::site::{DAY_MS, HOUR_MS, Role, START_MS, Site};

use crate::common::Seeded;

/// Families that are held out from tuning: whole tactics, so that nothing alike is on both sides.
const HELD_OUT: [&str; 5] =
    ["lateral_movement", "persistence", "discovery", "collection", "command_and_control"];

/// One recording.
pub struct Recording {
    pub path: PathBuf,
    /// The file's name.
    pub name: String,
    /// The technique that its metadata or its name tells; the recording's own name otherwise.
    pub technique: String,
    pub held_out: bool,
}

/// All recordings, in the order of their paths.
pub fn list(root: &Path) -> Vec<Recording> {
    let detect = root.join("detect");
    let told = techniques(&detect.join("otrf/datasets/atomic/_metadata"));
    let mut all = Vec::new();
    for (folder, ending) in [("evtx-attack", ".evtx"), ("otrf", ".zip")] {
        for path in crate::corpus::files(&detect.join(folder), ending) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folders: Vec<String> = path
                .iter()
                .map(|part| part.to_string_lossy().to_lowercase().replace(' ', "_"))
                .collect();
            // `evtx-attack/<tactic>/file`, `otrf/datasets/atomic/<system>/<tactic>/host/file`.
            let after = |name: &str, steps: usize| {
                let at = folders.iter().position(|part| part == name)?;
                folders.get(at + steps).cloned()
            };
            let tactic = after("evtx-attack", 1).or_else(|| after("otrf", 4)).unwrap_or_default();
            let technique = told.get(&name).cloned().or_else(|| in_name(&name));
            let technique = technique.unwrap_or_else(|| name.clone());
            let held_out = HELD_OUT.contains(&tactic.as_str());
            all.push(Recording { path, name, technique, held_out });
        }
    }
    all
}

/// `T1003.001` by the name of the file that a metadata file links.
fn techniques(folder: &Path) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    for path in crate::corpus::files(folder, ".yaml") {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let Ok(about) = serde_saphyr::from_str::<Value>(&text) else { continue };
        let Some(mapping) = about.pointer("/attack_mappings/0") else { continue };
        let text = |key: &str| mapping.get(key).and_then(Value::as_str).unwrap_or_default();
        let technique = match text("sub-technique") {
            "" => text("technique").to_owned(),
            sub => format!("{}.{sub}", text("technique")),
        };
        for file in about.get("files").and_then(Value::as_array).into_iter().flatten() {
            let link = file.get("link").and_then(Value::as_str).unwrap_or_default();
            if let Some((_, name)) = link.rsplit_once('/') {
                told.insert(name.to_owned(), technique.clone());
            }
        }
    }
    told
}

/// A technique that a file's name tells.
fn in_name(name: &str) -> Option<String> {
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    let is_one = |part: &&str| {
        part.strip_prefix(['T', 't'])
            .is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    parts.into_iter().find(is_one).map(str::to_ascii_uppercase)
}

/// The records of a recording, in the order of time. Every Windows record is told as one of `evtx`:
/// how it was shipped is not what is to be found.
pub fn read(recording: &Recording) -> Vec<(&'static str, Record)> {
    let Ok(bytes) = std::fs::read(&recording.path) else { return Vec::new() };
    let mut records = Vec::new();
    let context = Context { file: &recording.name, ..Context::default() };
    read_file(Cursor::new(bytes), &context, &mut |source, record| {
        let source = if source.name == "windows_json" { "evtx" } else { source.name };
        records.push((source, record));
        ControlFlow::Continue(())
    });
    records.sort_by_key(|(_, record)| record.time_ms);
    records
}

/// A record in its place on the site.
pub struct Grafted {
    pub time_ms: i64,
    /// The machine's place on the site.
    pub machine: usize,
    pub source: &'static str,
    pub record: Record,
}

/// Longer pauses in a recording are cut to this.
const PAUSE_MS_MAX: i64 = 10 * 60_000;

/// Puts a recording into a day of a site: its machines and its user become the site's, its time a
/// random hour's. `rename` changes its appearance as well.
pub fn graft(
    records: Vec<(&'static str, Record)>,
    site: &Site,
    day: u32,
    random: &mut Seeded,
    rename: bool,
) -> Vec<Grafted> {
    let mut hosts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, record) in &records {
        *hosts.entry(record.host.clone()).or_default() += 1;
    }
    let machines = site.machines();
    let mut by_count: Vec<_> = hosts.into_iter().collect();
    by_count.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let is_linux = records.first().is_some_and(|(source, _)| *source != "evtx");
    for (name, _) in &by_count {
        let lower = name.to_lowercase();
        let short = lower.split('.').next().unwrap_or_default();
        let wanted: &[Role] = if is_linux {
            &[Role::Web, Role::Backup]
        } else if short.contains("dc") {
            &[Role::Directory]
        } else {
            &[Role::Workstation]
        };
        let fits: Vec<usize> = (0..machines.len())
            .filter(|at| wanted.contains(&machines[*at].role) && machines[*at].since_day <= day)
            .collect();
        let free: Vec<usize> =
            fits.iter().copied().filter(|at| !places.values().any(|used| used == at)).collect();
        let from = if free.is_empty() { &fits } else { &free };
        places.insert(name.clone(), from[random.below(from.len())]);
    }
    let names = Names::of(&records, &by_count, &places, site, rename, random);
    let hour = i64::try_from(random.below(24)).unwrap_or(0);
    let within = i64::try_from(random.below(1_800_000)).unwrap_or(0);
    let mut at_ms = START_MS + i64::from(day) * DAY_MS + hour * HOUR_MS + within;
    let mut before = records.first().map_or(0, |(_, record)| record.time_ms);
    records
        .into_iter()
        .map(|(source, record)| {
            at_ms += (record.time_ms - before).clamp(0, PAUSE_MS_MAX);
            before = record.time_ms;
            let machine = places.get(&record.host).copied().unwrap_or(0);
            let mut record = names.renamed(record);
            record.time_ms = at_ms;
            record.host.clone_from(&machines[machine].name);
            Grafted { time_ms: at_ms, machine, source, record }
        })
        .collect()
}

/// Names that are replaced, in any case.
struct Names {
    search: Option<AhoCorasick>,
    by: Vec<String>,
}

impl Names {
    fn of(
        records: &[(&'static str, Record)],
        hosts: &[(String, usize)],
        places: &BTreeMap<String, usize>,
        site: &Site,
        rename: bool,
        random: &mut Seeded,
    ) -> Self {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, _) in hosts.iter().filter(|(name, _)| !name.is_empty()) {
            let machine = &site.machines()[places[name]];
            pairs.push((name.clone(), machine.name.clone()));
            if let Some((short, domain)) = name.split_once('.') {
                let own = machine.name.split('.').next().unwrap_or_default();
                pairs.push((short.to_owned(), own.to_uppercase()));
                pairs.push((domain.to_owned(), "yard.example".into()));
            }
        }
        let lead = hosts.first().and_then(|(name, _)| places.get(name)).copied().unwrap_or(0);
        for user in users(records) {
            pairs.push((user, site.machines()[lead].user.clone()));
        }
        if rename {
            pairs.extend(appearances(records, random));
        }
        pairs.retain(|(from, _)| from.len() >= 3);
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(pairs.iter().map(|(from, _)| from))
            .ok()
            .filter(|_| !pairs.is_empty());
        Self { search, by: pairs.into_iter().map(|(_, to)| to).collect() }
    }

    fn renamed(&self, record: Record) -> Record {
        let Some(search) = &self.search else { return record };
        let Ok(text) = serde_json::to_string(&record) else { return record };
        serde_json::from_str(&search.replace_all(&text, &self.by)).unwrap_or(record)
    }
}

/// The people of a recording: whoever is named as the user of something, without the system's own.
fn users(records: &[(&'static str, Record)]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let own =
        ["system", "local service", "network service", "anonymous logon", "administrator", "-"];
    for (_, record) in records {
        for key in ["User", "SubjectUserName", "TargetUserName", "AccountName"] {
            let Some(name) = record.raw.get(key).and_then(Value::as_str) else { continue };
            let name = name.rsplit('\\').next().unwrap_or(name);
            let lower = name.to_lowercase();
            let is_person = !own.contains(&lower.as_str())
                && !lower.ends_with('$')
                && !lower.starts_with("dwm-")
                && !lower.starts_with("umfd-")
                && lower.len() >= 3
                && !lower.contains(' ');
            if is_person {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
    counts.into_iter().take(2).map(|(name, _)| name).collect()
}

/// Another appearance: every hash another one, and another name for each file that is not one of
/// the system's own.
fn appearances(records: &[(&'static str, Record)], random: &mut Seeded) -> Vec<(String, String)> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (_, record) in records {
        for (key, value) in &record.raw {
            let Some(text) = value.as_str() else { continue };
            if key == "Hashes" || key == "Hash" {
                for hash in text.split(',').filter_map(|part| part.rsplit('=').next()) {
                    if hash.len() >= 32 && hash.bytes().all(|b| b.is_ascii_hexdigit()) {
                        let other: String = (0..hash.len())
                            .map(|_| char::from(b"0123456789ABCDEF"[random.below(16)]))
                            .collect();
                        names.insert(hash.to_uppercase(), other);
                    }
                }
            } else {
                for path in text.split(['"', ' ', ',', '|']).filter(|part| part.contains('\\')) {
                    if let Some(name) = own_file(path) {
                        let letters = |n: usize, random: &mut Seeded| -> String {
                            (0..n).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
                        };
                        let (_, ending) = name.rsplit_once('.').unwrap_or_default();
                        let fresh = format!("{}.{ending}", letters(7, random));
                        names.entry(name.to_lowercase()).or_insert(fresh);
                    }
                }
            }
        }
    }
    names.into_iter().collect()
}

/// The name of a file that does not belong to Windows or to installed programs.
fn own_file(path: &str) -> Option<String> {
    let lower = path.to_lowercase();
    let system = [
        "\\windows\\system32\\",
        "\\windows\\syswow64\\",
        "\\winsxs\\",
        "\\program files",
        "\\microsoft.net\\",
    ];
    if system.iter().any(|folder| lower.contains(folder))
        || lower.contains("\\windows\\explorer.exe")
    {
        return None;
    }
    let name = path.rsplit('\\').next()?;
    let (stem, ending) = name.rsplit_once('.')?;
    let kinds = [
        "exe", "dll", "ps1", "vbs", "bat", "cmd", "hta", "sct", "js", "xsl", "txt", "dat", "tmp",
        "zip", "sys",
    ];
    let plain =
        stem.len() >= 3 && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    (plain && kinds.contains(&ending.to_lowercase().as_str())).then(|| name.to_owned())
}
