//! The live stream of this host: log files that grow and the systemd journal, through rules and
//! learned behaviour, with baselines that survive restarts.
//!
//! Runs in a process that may read logs and write into one folder of its own, and nothing else: no
//! network, no other programs. What it finds it says on standard output, one JSON object a line.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use detect::{Engine, EngineConfig, Prior};
use durable::{Files as _, StdFiles};
use learn::hash::SiteKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use sources::Record;
use sources::log::Context;
use spine::Clock;

use super::tail::{Place, Tail};
use super::{Pipeline, RulesReport, rules};

/// The pause between two looks at files.
const PAUSE: Duration = Duration::from_millis(1_000);
/// The pause between two looks for files.
const LOOK_PAUSE: Duration = Duration::from_secs(60);
/// The pause between two snapshots of the baselines.
const KEEP_PAUSE: Duration = Duration::from_secs(300);
/// The pause before the first one.
const FIRST_KEEP_PAUSE: Duration = Duration::from_secs(20);
/// Records of the journal that wait at most; more hold the journal back.
const WAITING_MAX: usize = 1_024;
/// The source of the journal in its export form.
const JOURNAL: &str = "journald_export";
/// Sources that the journal carries too.
const IN_JOURNAL: [&str; 1] = ["syslog"];

/// What to follow.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LiveJob {
    /// Folders of logs.
    pub folders: Vec<PathBuf>,
    /// Whether the journal comes on standard input, in its export form.
    pub journal: bool,
    /// The name of this host.
    pub host: String,
    /// Files, folders and archives of Sigma rules.
    pub rules: Vec<PathBuf>,
    /// The folder for baselines.
    pub dir: PathBuf,
    /// The folder in which the agent writes down what people said of cases.
    pub verdicts: PathBuf,
}

/// What people said of cases, by the case's id: a file that the agent writes.
pub type Verdicts = BTreeMap<String, Judged>;

/// The name of that file.
pub const VERDICTS: &str = "verdicts.json";

/// What a person said of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judged {
    /// It was an attack, or would have been.
    True,
    /// It was nothing.
    False,
    /// It was meant to be, and will come again.
    Expected,
}

impl From<Judged> for detect::Verdict {
    fn from(said: Judged) -> Self {
        match said {
            Judged::True => Self::True,
            Judged::False => Self::False,
            Judged::Expected => Self::Expected,
        }
    }
}

/// What it says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// It follows these sources with these rules.
    Follows {
        /// Names of sources.
        sources: Vec<String>,
        /// The rules.
        rules: RulesReport,
        /// Why the baselines of earlier runs are not used, if they are not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        forgot: Option<String>,
    },
    /// What was learned and how the budget was spent.
    View(serde_json::Value),
    /// A case that is new or has grown, as `detect::DetectedCase` serialises.
    Case(serde_json::Value),
}

/// What outlives a restart, beside the baselines: written after them, and good only with them.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// SHA-256 of the snapshot that belongs to these places.
    snapshot: String,
    /// How far each file was read.
    places: BTreeMap<PathBuf, Place>,
    /// How far the journal was read.
    cursor: Option<String>,
}

/// The files of a folder of baselines.
struct Dir<'a>(&'a Path);

impl Dir<'_> {
    fn snapshot(&self) -> PathBuf {
        self.0.join("baselines")
    }

    fn kept(&self) -> PathBuf {
        self.0.join("places.json")
    }
}

/// How far the journal was read in earlier runs, for who starts it.
pub fn cursor(dir: &Path) -> Option<String> {
    let kept: Kept = serde_json::from_slice(&std::fs::read(Dir(dir).kept()).ok()?).ok()?;
    // It goes onto a command line.
    kept.cursor.filter(|cursor| cursor.len() < 512 && cursor.is_ascii() && !cursor.starts_with('-'))
}

/// The secret of a site's pseudonyms, made at the first run.
pub fn site_key(dir: &Path) -> io::Result<SiteKey> {
    let path = dir.join("key");
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(key) = bytes.try_into()
    {
        return Ok(SiteKey::new(key));
    }
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    StdFiles.write_atomic(&path, &key)?;
    Ok(SiteKey::new(key))
}

/// Follows the logs until standard output is closed.
pub fn follow(job: &LiveJob, key: SiteKey, clock: &dyn Clock) -> io::Result<()> {
    let (rules, report) = rules::read(&job.rules);
    let dir = Dir(&job.dir);
    let (engine, kept, forgot) = recall(&dir, key);
    let mut live = Live {
        pipeline: Pipeline::with_engine(engine, rules),
        tail: Tail::resume(kept.places),
        cursor: kept.cursor,
        dir,
        job,
        heard: BTreeMap::new(),
    };
    live.tail.look(&job.folders, live.left_out());
    let sources = live.sources();
    say(&Said::Follows { sources, rules: report, forgot })?;
    let journal = job.journal.then(read_journal);
    let (mut looked, mut kept_at) = (Instant::now(), Instant::now());
    let mut keep_pause = FIRST_KEEP_PAUSE;
    loop {
        live.step(journal.as_ref(), clock)?;
        if looked.elapsed() > LOOK_PAUSE {
            looked = Instant::now();
            live.hear();
            live.tail.look(&job.folders, live.left_out());
        }
        if kept_at.elapsed() > keep_pause {
            (kept_at, keep_pause) = (Instant::now(), KEEP_PAUSE);
            live.keep()?;
            say(&Said::View(live.pipeline.view()))?;
        }
    }
}

struct Live<'a> {
    pipeline: Pipeline,
    tail: Tail,
    cursor: Option<String>,
    dir: Dir<'a>,
    job: &'a LiveJob,
    /// What people said so far, by case.
    heard: Verdicts,
}

impl Live<'_> {
    fn left_out(&self) -> &'static [&'static str] {
        if self.job.journal { &IN_JOURNAL } else { &[] }
    }

    fn sources(&self) -> Vec<String> {
        let journal = self.job.journal.then_some(JOURNAL);
        self.tail.sources().into_iter().chain(journal).map(str::to_owned).collect()
    }

    /// Takes what is new, then says what came of it; waits a little if nothing was new.
    fn step(&mut self, journal: Option<&Receiver<Record>>, clock: &dyn Clock) -> io::Result<()> {
        let pipeline = &mut self.pipeline;
        let any = self.tail.poll(&self.job.host, &mut |source, record| {
            pipeline.take(source, &record);
            Ok(())
        })?;
        let pause = if any { Duration::ZERO } else { PAUSE };
        self.take_journal(journal, pause);
        self.pipeline.advance(clock.now_ms());
        for case in self.pipeline.take_cases() {
            say(&Said::Case(serde_json::to_value(case).map_err(io::Error::other)?))?;
        }
        Ok(())
    }

    /// Takes records of the journal for as long as the pause lasts.
    fn take_journal(&mut self, journal: Option<&Receiver<Record>>, pause: Duration) {
        let Some(journal) = journal else {
            let (_keep, never) = sync_channel::<()>(0);
            let _ = never.recv_timeout(pause); // Waits: nothing is ever sent.
            return;
        };
        let begun = Instant::now();
        for _ in 0..WAITING_MAX {
            match journal.recv_timeout(pause.saturating_sub(begun.elapsed())) {
                Ok(record) => {
                    let cursor = record.raw.get("__CURSOR").and_then(|cursor| cursor.as_str());
                    self.cursor = cursor.map(str::to_owned).or_else(|| self.cursor.take());
                    self.pipeline.take(JOURNAL, &record);
                }
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => {
                    let left = pause.saturating_sub(begun.elapsed());
                    let (_keep, never) = sync_channel::<()>(0);
                    let _ = never.recv_timeout(left); // Waits: nothing is ever sent.
                    return;
                }
            }
        }
    }

    /// Takes what people said of cases since the last time.
    fn hear(&mut self) {
        let said = std::fs::read(self.job.verdicts.join(VERDICTS)).ok();
        let said: Option<Verdicts> = said.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        for (id, verdict) in said.unwrap_or_default() {
            if self.heard.get(&id) != Some(&verdict) {
                self.pipeline.verdict(&id, verdict.into());
                self.heard.insert(id, verdict);
            }
        }
    }

    /// Writes baselines and places down, in this order.
    fn keep(&self) -> io::Result<()> {
        let snapshot = self.pipeline.snapshot();
        StdFiles.write_atomic(&self.dir.snapshot(), &snapshot)?;
        let kept = Kept {
            snapshot: digest(&snapshot),
            places: self.tail.places().clone(),
            cursor: self.cursor.clone(),
        };
        let bytes = serde_json::to_vec(&kept).map_err(io::Error::other)?;
        StdFiles.write_atomic(&self.dir.kept(), &bytes)
    }
}

/// The engine and places of earlier runs. Where they do not fit together the places are still
/// good: lines that were learned once are not read twice, at worst some are learned never.
fn recall(dir: &Dir<'_>, key: SiteKey) -> (Engine, Kept, Option<String>) {
    let config = || EngineConfig::new("local", key);
    let prior = Prior::shipped();
    let kept: Kept = std::fs::read(dir.kept())
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let Ok(snapshot) = std::fs::read(dir.snapshot()) else {
        return (Engine::with_prior(config(), &prior), kept, None);
    };
    match Engine::restore(config(), &prior, &snapshot) {
        Ok(engine) => {
            let fits = kept.snapshot == digest(&snapshot);
            let forgot = (!fits).then(|| "the last run ended while it wrote them down".to_owned());
            (engine, kept, forgot)
        }
        Err(error) => (Engine::with_prior(config(), &prior), kept, Some(error.to_string())),
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Reads the journal on standard input in a thread of its own.
fn read_journal() -> Receiver<Record> {
    let (sender, receiver) = sync_channel(WAITING_MAX);
    std::thread::spawn(move || pump(&mut BufReader::new(io::stdin()), &sender));
    receiver
}

fn pump(input: &mut BufReader<io::Stdin>, sender: &SyncSender<Record>) {
    let mut sources = sources::log_registry::ALL.iter();
    let Some(source) = sources.find(|source| source.name == JOURNAL) else { return };
    let mut wanted = true;
    while wanted && input.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let mut sink = |record: Record| {
            wanted = sender.send(record).is_ok();
            if wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        // Records that cannot be read are passed over; the next entry begins after an empty line.
        if (source.read)(input, &Context::default(), &mut sink).is_err() {
            return;
        }
    }
}

fn say(said: &Said) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(said).map_err(io::Error::other)?;
    bytes.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()
}
