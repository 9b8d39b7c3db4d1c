//! Disks that tear writes, lose what was not synced, fail and fill up: nothing acknowledged is
//! lost, nothing refused is there, and the next start is never refused.
//!
//! `RINGFORT_TEST_ROUNDS` asks for more seeds than the default.

use std::path::Path;
use std::sync::Arc;

use durable::Files;
use ledger::{Ledger, LedgerError, Signer, verify_dir};
use testkit::{FaultFiles, Faults, SeededRng};

const SEEDS_DEFAULT: u64 = 150;
const DIR: &str = "/ledger";

fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("RINGFORT_TEST_ROUNDS").map_or(SEEDS_DEFAULT, |n| n.parse().unwrap())
}

fn signer() -> Signer {
    Signer::from_seed("ledger.example/faults", &[5; 32]).unwrap()
}

fn open(disk: &FaultFiles) -> Result<Ledger, LedgerError> {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    Ledger::open(files, Path::new(DIR), signer()).map(|(ledger, _)| ledger)
}

fn all_of(ledger: &Ledger) -> Vec<Vec<u8>> {
    ledger.leaves(0..ledger.size()).map(|entry| entry.unwrap().1).collect()
}

/// What the ledger promised so far.
#[derive(Default)]
struct Promised {
    /// Entries that were acknowledged, or that a checkpoint speaks of, in order.
    acked: Vec<Vec<u8>>,
    /// Entries that a start found after them, and of which nobody was told that they are durable.
    found: Vec<Vec<u8>>,
    /// Batches of which the ledger said that it does not know ([`LedgerError::Broken`]).
    unsure: Vec<Vec<Vec<u8>>>,
    /// The last checkpoint that was seen.
    checkpoint: Option<String>,
    /// Makes entries different.
    names: u64,
}

impl Promised {
    fn new_leaves(&mut self, rng: &SeededRng) -> Vec<Vec<u8>> {
        let count = if rng.chance(100) { 300 } else { 1 + rng.index(5) };
        let leaf = |_| {
            self.names += 1;
            format!("{} {}", self.names, "z".repeat(rng.index(200))).into_bytes()
        };
        (0..count).map(leaf).collect()
    }

    /// One thing that a user of the ledger does.
    fn step(&mut self, ledger: &mut Ledger, rng: &SeededRng) {
        let before = ledger.size();
        if rng.chance(150) {
            match ledger.health() {
                Ok(()) => self.all_is_durable(),
                Err(error) => assert!(!error.is_tampering(), "nobody tampered: {error}"),
            }
            assert_eq!(ledger.size(), before);
        } else {
            let leaves = self.new_leaves(rng);
            let after = before + leaves.len() as u64;
            let result = if let [leaf] = &leaves[..] {
                ledger.append_from_reserve(leaf).map(|index| index..index + 1)
            } else {
                ledger.append_batch(&leaves)
            };
            match result {
                Ok(range) => {
                    assert_eq!((range, ledger.size()), (before..after, after));
                    self.all_is_durable();
                    self.acked.extend(leaves);
                }
                Err(error) => {
                    assert!(!error.is_tampering(), "nobody tampered: {error}");
                    assert_eq!(ledger.size(), before);
                    if matches!(error, LedgerError::Broken) {
                        self.unsure.push(leaves);
                    }
                }
            }
        }
        self.see(ledger);
    }

    /// The ledger took something, so it knows all again.
    fn all_is_durable(&mut self) {
        self.acked.append(&mut self.found);
        self.unsure.clear();
    }

    /// A checkpoint is a promise too.
    fn see(&mut self, ledger: &Ledger) {
        let checkpoint = ledger.checkpoint();
        let size: usize = checkpoint.lines().nth(1).unwrap().parse().unwrap();
        if size > self.acked.len() {
            self.acked.append(&mut self.found);
        }
        assert!(size <= self.acked.len());
        assert_eq!(ledger.size(), (self.acked.len() + self.found.len()) as u64);
        self.checkpoint = Some(checkpoint);
    }

    /// Compares what a start found with what was promised.
    fn compare(&mut self, ledger: &Ledger) {
        let mut there = all_of(ledger);
        assert!(there.starts_with(&self.acked), "something acknowledged was lost");
        let new = there.split_off(self.acked.len());
        let rest = new.strip_prefix(&self.found[..]);
        let known = new.is_empty()
            || rest.is_some_and(|rest| rest.is_empty() || self.unsure.iter().any(|u| u == rest));
        assert!(known, "{} entries that nobody appended, or half a batch", new.len());
        self.found = new;
        self.unsure.clear();
        self.see(ledger);
    }

    /// A start on a disk without faults: all is there, proven, and goes on.
    fn check(&mut self, disk: &FaultFiles) {
        let before = self.checkpoint.clone();
        let mut ledger = open(disk).unwrap_or_else(|error| panic!("start refused: {error}"));
        self.compare(&ledger);
        assert!(self.found.is_empty(), "found, but not published on a good disk");
        let files: Arc<dyn Files> = Arc::new(disk.clone());
        let key = signer().verifier().clone();
        let report = verify_dir(&files, Path::new(DIR), &key, before.as_deref()).unwrap();
        assert!(report.is_good(), "{report}");
        assert_eq!((report.size, report.unpublished), (self.acked.len() as u64, 0));
        ledger.health().unwrap();
        let leaf = self.new_leaves(&SeededRng::new(0)).remove(0);
        assert_eq!(ledger.append(&leaf).unwrap(), self.acked.len() as u64);
        self.acked.push(leaf);
        self.see(&ledger);
    }

    /// Works on a disk with faults, starting again now and then as a service manager would.
    fn work(&mut self, disk: &FaultFiles, faults: &Faults, rng: &SeededRng) {
        let mut running = None;
        for _ in 0..40 {
            if running.is_none() || rng.chance(50) {
                drop(running.take());
                match open(disk) {
                    Ok(ledger) if !disk.is_off() => {
                        disk.set_faults(Faults::none(0)); // for looking
                        self.compare(&ledger);
                        disk.set_faults(faults.clone());
                        running = Some(ledger);
                    }
                    Ok(_) => {}
                    Err(error) => assert!(!error.is_tampering(), "start refused: {error}"),
                }
            }
            if let Some(ledger) = &mut running {
                self.step(ledger, rng);
            }
            if disk.is_off() {
                return;
            }
        }
    }
}

/// What goes wrong with the disk in one of its lives.
fn faults(rng: &SeededRng, used: u64) -> Faults {
    let mut faults = Faults::none(rng.next_u64());
    let rate = [10, 50, 200][rng.index(3)];
    match rng.index(7) {
        0 => {}
        1 => faults.torn_write = rate,
        2 => faults.eio_write = rate,
        3 => faults.eio_sync = rate,
        4 => faults.eio_read = rate,
        5 => faults.capacity = Some(used + rng.below(1 << 18)),
        _ => {
            faults.torn_write = 10;
            faults.eio_write = 10;
            faults.eio_sync = 10;
            faults.eio_read = 5;
        }
    }
    if rng.chance(700) {
        faults.power_off_at = Some(1 + rng.below(400));
    }
    faults
}

#[test]
fn no_schedule_of_faults_loses_what_was_acknowledged() {
    let mut acked = 0;
    for seed in seeds() {
        let result = std::panic::catch_unwind(|| {
            let rng = SeededRng::new(seed);
            let mut promised = Promised::default();
            let mut disk = FaultFiles::new(Faults::none(seed));
            for _ in 0..3 {
                let faults = faults(&rng, disk.used());
                disk = disk.crash(faults.clone());
                promised.work(&disk, &faults, &rng);
                disk = disk.crash(Faults::none(rng.next_u64()));
                promised.check(&disk);
            }
            promised.acked.len()
        });
        acked += result.unwrap_or_else(|_| panic!("seed {seed}"));
    }
    println!("{} seeds, {acked} entries acknowledged and there", seeds().end);
}

#[test]
fn on_a_full_disk_no_intent_is_taken_but_the_outcome_of_a_taken_one_is() {
    for room in [0, 1, 10, 100, 1_000, 5_000] {
        let disk = FaultFiles::new(Faults::none(room));
        let mut ledger = open(&disk).unwrap();
        ledger.append(b"intent").unwrap();
        ledger.health().unwrap();
        disk.set_faults(Faults { capacity: Some(disk.used() + room), ..Faults::none(0) });

        let error = ledger.health().unwrap_err();
        assert!(error.is_disk_full(), "{error}");
        assert!(ledger.append(&[7; 6_000]).unwrap_err().is_disk_full());
        assert_eq!((ledger.size(), ledger.read(1).is_err()), (1, true));
        assert_eq!(ledger.append_from_reserve(b"outcome").unwrap(), 1);

        // The machine is started again before anybody made room.
        drop(ledger);
        let disk = disk.crash(Faults { capacity: Some(disk.used()), ..Faults::none(1) });
        let ledger = open(&disk).unwrap();
        assert_eq!(all_of(&ledger), [b"intent".to_vec(), b"outcome".to_vec()]);
        drop(ledger);

        disk.set_faults(Faults::none(2));
        let mut ledger = open(&disk).unwrap();
        ledger.health().unwrap();
        assert_eq!(ledger.append(b"intent 2").unwrap(), 2);
    }
}

#[test]
fn a_disk_that_became_read_only_takes_nothing_and_loses_nothing() {
    let disk = FaultFiles::new(Faults::none(0));
    let mut ledger = open(&disk).unwrap();
    ledger.append(b"one").unwrap();
    disk.set_faults(Faults { read_only: true, ..Faults::none(0) });
    ledger.health().unwrap_err();
    ledger.append(b"two").unwrap_err();
    ledger.append_from_reserve(b"three").unwrap_err();
    assert_eq!(all_of(&ledger), [b"one"]);
    disk.set_faults(Faults::none(0));
    ledger.health().unwrap();
    assert_eq!(ledger.append(b"four").unwrap(), 1);
    drop(ledger);
    let ledger = open(&disk.crash(Faults::none(3))).unwrap();
    assert_eq!(all_of(&ledger), [b"one".to_vec(), b"four".to_vec()]);
}
