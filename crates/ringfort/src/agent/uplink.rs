//! The way to the hub: one connection, kept up; scans and the record first, events after them; and
//! the records of other machines back to this machine's executor.
//!
//! What the hub acknowledged is durable there. What it did not is sent again after the connection
//! broke, and has its effect once. A hub that is away for long costs disk, within the budget of the
//! event log, and nothing else: this machine scans, explains and acts as before.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hub::machines::authority::make_request;
use hub::machines::limits::{BEAT, RECEIPTS_MAX};
use hub::machines::link::{Link, LinkError};
use hub::machines::wire::{Answer, Ask, Fleet, Have, Hello, Part};
use spine::{Clock, Rng, rng::random_bytes};

use super::join::Joined;
use super::spool::{self, InARow, Spool};
use crate::failure::{Failure, OrHint as _};

/// The first pause after a connection that did not come about, and the longest one.
const PAUSE_MS: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 60_000;
/// The pause after a refusal: somebody must do something first.
const REFUSED_MS: u64 = 10 * 60_000;
/// How often it is looked for something new to tell, on a quiet connection.
const LOOK: Duration = Duration::from_secs(2);

/// The record of this machine, and those of the others, as the executor keeps them.
pub trait Record {
    /// A signed head with the size and the checkpoint that belong to it; `None` without an
    /// executor.
    fn head(&mut self) -> Option<Head>;
    /// Receipts from a number on.
    fn receipts(&mut self, from: u64) -> Option<Vec<String>>;
    /// Hands over what the hub said of the others; returns how far they are known.
    fn others(&mut self, fleet: Option<&Fleet>, parts: &[Part]) -> Vec<Have>;
}

/// How long the record is.
pub struct Head {
    /// Signed, with the time.
    pub note: String,
    /// Receipts.
    pub size: u64,
    /// The checkpoint.
    pub checkpoint: String,
}

/// What the way to the hub needs of this machine.
pub struct Uplink {
    /// Where the event log is.
    pub events_dir: PathBuf,
    /// The last number of the event log that a crash cannot take back.
    pub durable: Arc<AtomicU64>,
    /// Where the last scan waits.
    pub scan_file: PathBuf,
    /// Where it is kept which hub was joined.
    pub joined_file: PathBuf,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
}

/// How far the hub has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Events.
    pub events: u64,
    /// Scans.
    pub scans: u64,
    /// Receipts.
    pub records: u64,
    /// When the record was last shown to be there, monotonic milliseconds.
    head_ms: Option<u64>,
}

/// Why a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// It broke: try again soon.
    Broke(String),
    /// The hub refuses: somebody must do something.
    Refused(String),
    /// The hub takes nothing any more.
    Revoked(String),
}

impl From<LinkError> for Ended {
    fn from(error: LinkError) -> Self {
        Self::Broke(error.to_string())
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Broke(failure.message)
    }
}

/// What says who is here.
pub fn hello(joined: &Joined, epoch: &str, now_ms: i64) -> Ask {
    Ask::Hello(Hello {
        host: joined.host,
        epoch: epoch.to_owned(),
        now_ms,
        program: env!("CARGO_PKG_VERSION").into(),
    })
}

/// A connection that is up.
pub struct Up<'a> {
    uplink: &'a Uplink,
    joined: Joined,
    link: Link,
    spool: Spool,
    /// How far the hub has come.
    pub told: Told,
    have: Vec<Have>,
}

fn ended(answer: Answer) -> Ended {
    match answer {
        Answer::Revoked { reason } => Ended::Revoked(reason),
        Answer::Refused { code, reason } => Ended::Refused(format!("{reason} ({code})")),
        Answer::Failed { reason } => Ended::Broke(reason),
        _ => Ended::Broke("the hub gave an answer to another question".into()),
    }
}

impl Uplink {
    /// Connects and says who is here. `None`: this machine joined no hub, or one that ended it.
    pub fn connect(&self) -> Result<Option<Up<'_>>, Ended> {
        let joined = Joined::read(&self.joined_file)?.filter(|joined| joined.ended.is_none());
        let Some(joined) = joined else { return Ok(None) };
        let spool = Spool::open(&self.events_dir, &*self.rng)?;
        let link = joined.connect(Arc::clone(&self.clock))?;
        let told = Told::default();
        let mut up = Up { uplink: self, joined, link, spool, told, have: Vec::new() };
        up.greet()?;
        if up.told.events > self.durable.load(Ordering::SeqCst) {
            // The log went back behind what the hub has: these numbers mean other events now.
            up.spool.begin_anew(&*self.rng)?;
            up.greet()?;
        }
        Ok(Some(up))
    }

    /// Keeps a connection up until `goes_on` says no, in a thread of its own.
    pub fn run(&self, record: &mut dyn Record, say: &dyn Fn(&str), goes_on: &dyn Fn() -> bool) {
        let mut pause_ms = PAUSE_MS;
        while goes_on() {
            let ended = match self.connect() {
                Ok(None) => {
                    std::thread::sleep(LOOK);
                    continue;
                }
                Ok(Some(mut up)) => {
                    pause_ms = PAUSE_MS;
                    up.keep_up(record, goes_on)
                }
                Err(ended) => ended,
            };
            match ended {
                Ended::Broke(reason) => {
                    tracing::info!(reason, "the hub is away");
                    self.pause(pause_ms, goes_on);
                    pause_ms = (pause_ms * 2).min(PAUSE_MS_MAX);
                }
                Ended::Refused(reason) => {
                    say(&format!("the hub refuses this machine: {reason}"));
                    self.pause(REFUSED_MS, goes_on);
                }
                Ended::Revoked(reason) => {
                    say(&format!("the hub takes nothing from this machine any more: {reason}"));
                    if let Err(failure) = self.end(&reason) {
                        say(&failure.message);
                        self.pause(REFUSED_MS, goes_on);
                    }
                }
            }
        }
    }

    /// Waits, a little more or less each time, so that machines do not all come back at once.
    fn pause(&self, ms: u64, goes_on: &dyn Fn() -> bool) {
        let [chance] = random_bytes::<1>(&*self.rng);
        let mut left_ms = ms / 2 + ms * u64::from(chance) / 256;
        while left_ms > 0 && goes_on() {
            let step_ms = left_ms.min(200);
            std::thread::sleep(Duration::from_millis(step_ms));
            left_ms -= step_ms;
        }
    }

    fn end(&self, reason: &str) -> Result<(), Failure> {
        let Some(mut joined) = Joined::read(&self.joined_file)? else { return Ok(()) };
        joined.ended = Some(reason.chars().take(300).collect());
        joined.write(&self.joined_file)
    }
}

impl Up<'_> {
    fn greet(&mut self) -> Result<(), Ended> {
        let now_ms = self.uplink.clock.now_ms();
        let hello = hello(&self.joined, self.spool.epoch(), now_ms);
        match self.link.ask(&hello)? {
            Answer::Welcome(welcome) => {
                self.told = Told {
                    events: welcome.events_to,
                    scans: welcome.scan_to,
                    records: welcome.records_to,
                    head_ms: None,
                };
                self.joined.renew_ms = welcome.renew_ms;
                Ok(())
            }
            other => Err(ended(other)),
        }
    }

    fn keep_up(&mut self, record: &mut dyn Record, goes_on: &dyn Fn() -> bool) -> Ended {
        let mut beat_ms = None;
        while goes_on() {
            match self.turn(record) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(ended) => return ended,
            }
            let now_ms = self.uplink.clock.monotonic_ms();
            let due = |then_ms: u64| u128::from(now_ms.saturating_sub(then_ms)) >= BEAT.as_millis();
            if beat_ms.is_none_or(due) {
                beat_ms = Some(now_ms);
                if let Err(ended) = self.beat(record) {
                    return ended;
                }
            }
            match self.link.wait(LOOK) {
                Ok(None) => {}
                Ok(Some(answer)) => return ended(answer),
                Err(error) => return error.into(),
            }
        }
        Ended::Broke("this machine ends its connection".into())
    }

    /// Tells one thing, the most important that waits. Returns whether there may be more.
    pub fn turn(&mut self, record: &mut dyn Record) -> Result<bool, Ended> {
        if self.uplink.clock.now_ms() >= self.joined.renew_ms {
            self.renew()?;
            // The new certificate counts from the next connection on.
            return Err(Ended::Broke("with a new certificate one connects anew".into()));
        }
        if let Some((seq, scan)) = spool::scan_after(&self.uplink.scan_file, self.told.scans) {
            let epoch = self.spool.epoch().to_owned();
            self.told.scans = self.tell(&Ask::Scan { epoch, seq, scan: Box::new(scan) })?;
            return Ok(true);
        }
        if self.tell_record(record)? {
            return Ok(true);
        }
        let durable = self.uplink.durable.load(Ordering::SeqCst);
        let Some(row) = self.spool.events_after(self.told.events, durable)? else {
            return Ok(false);
        };
        let InARow { first_seq, events } = row;
        let epoch = self.spool.epoch().to_owned();
        self.told.events = self.tell(&Ask::Events { epoch, first_seq, events })?;
        Ok(true)
    }

    fn tell(&mut self, ask: &Ask) -> Result<u64, Ended> {
        match self.link.ask(ask)? {
            Answer::Taken { up_to } => Ok(up_to),
            other => Err(ended(other)),
        }
    }

    /// Tells a part of the record; every [`BEAT`] also that nothing is new, which shows that it is
    /// there.
    fn tell_record(&mut self, record: &mut dyn Record) -> Result<bool, Ended> {
        let now_ms = self.uplink.clock.monotonic_ms();
        let fresh = |then_ms: u64| u128::from(now_ms.saturating_sub(then_ms)) < BEAT.as_millis();
        if self.told.head_ms.is_some_and(fresh) {
            return Ok(false);
        }
        let Some(head) = record.head() else { return Ok(false) };
        let from = self.told.records;
        let mut leaves = Vec::new();
        if head.size > from {
            let Some(more) = record.receipts(from) else { return Ok(false) };
            leaves = more;
            let most = usize::try_from(head.size - from).unwrap_or(usize::MAX).min(RECEIPTS_MAX);
            leaves.truncate(most);
        }
        let (checkpoint, note) = (head.checkpoint, head.note);
        self.told.records = self.tell(&Ask::Records { from, leaves, checkpoint, head: note })?;
        if self.told.records >= head.size {
            self.told.head_ms = Some(now_ms);
            return Ok(false);
        }
        Ok(true)
    }

    /// Says that this machine is there, and hands on what the hub has of the others.
    pub fn beat(&mut self, record: &mut dyn Record) -> Result<(), Ended> {
        if self.have.is_empty() {
            self.have = record.others(None, &[]);
        }
        // A hub that always has more would hold up this machine's own reports.
        for _ in 0..64 {
            match self.link.ask(&Ask::Beat { have: self.have.clone() })? {
                Answer::Peers { fleet, parts } => {
                    let more = parts.iter().any(|part| !part.leaves.is_empty());
                    let have = record.others(fleet.as_deref(), &parts);
                    let further = have != self.have;
                    self.have = have;
                    if !more || !further {
                        return Ok(());
                    }
                }
                other => return Err(ended(other)),
            }
        }
        Ok(())
    }

    /// Asks for a certificate for a new key, and keeps both together.
    fn renew(&mut self) -> Result<(), Ended> {
        let made = make_request().or_hint("no key can be made", "report this as a defect");
        let (key, request, _) = made?;
        match self.link.ask(&Ask::Renew { request: hex::encode(request) })? {
            Answer::Certificate { certificate, renew_ms } => {
                let mut joined = self.joined.clone();
                (joined.certificate, joined.key, joined.renew_ms) = (certificate, key, renew_ms);
                joined.write(&self.uplink.joined_file)?;
                self.joined = joined;
                Ok(())
            }
            other => Err(ended(other)),
        }
    }
}
