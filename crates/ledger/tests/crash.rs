//! What a crash leaves: nothing acknowledged is lost, nothing is there twice, a start is never
//! refused.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use durable::{Files, StdFiles};
use ledger::{Ledger, LedgerError, Signer, verify_dir};
use testkit::killer::{self, Killer};
use testkit::{FaultFiles, Faults, SeededRng};

const DIR: &str = "/ledger";

fn signer() -> Signer {
    Signer::from_seed("ledger.example/host", &[7; 32]).unwrap()
}

/// How many rounds or schedules; the default keeps the test short.
fn count(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What a test knows of the log on a faulty disk.
#[derive(Default)]
struct Model {
    /// In the log for sure.
    log: Vec<Vec<u8>>,
    /// A batch of which it is not known whether it is in.
    perhaps: Option<Vec<Vec<u8>>>,
    /// The last checkpoint that was given out.
    checkpoint: Option<String>,
    made: u64,
    survived: u64,
    lost: u64,
}

impl Model {
    fn batch(&mut self, rng: &SeededRng) -> Vec<Vec<u8>> {
        let len = if rng.chance(80) { 200 + rng.below(120) } else { 1 + rng.below(3) };
        let pad = if rng.chance(100) { 3_000 } else { 10 };
        (0..len)
            .map(|_| {
                self.made += 1;
                format!("{:>width$}", self.made, width = rng.index(pad)).into_bytes()
            })
            .collect()
    }

    /// Compares with what a start on a good disk finds.
    fn check(&mut self, files: &FaultFiles, seed: u64) {
        let shared: Arc<dyn Files> = Arc::new(files.clone());
        let opened = Ledger::open(Arc::clone(&shared), Path::new(DIR), signer());
        let (mut ledger, report) = opened.unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(report.warnings.is_empty(), "seed {seed}: {report:?}");
        let found: Vec<Vec<u8>> =
            ledger.leaves(0..ledger.size()).map(|leaf| leaf.unwrap().1).collect();
        assert!(found.starts_with(&self.log), "seed {seed}: acknowledged entries are lost");
        let more = &found[self.log.len()..];
        let perhaps = self.perhaps.take();
        if more.is_empty() {
            self.lost += u64::from(perhaps.is_some());
        } else {
            assert_eq!(Some(more), perhaps.as_deref(), "seed {seed}: something never acknowledged");
            self.survived += 1;
        }
        self.log = found;
        let distinct: BTreeSet<_> = self.log.iter().collect();
        assert_eq!(distinct.len(), self.log.len(), "seed {seed}: a duplicate");
        let against = self.checkpoint.as_deref();
        let verified = verify_dir(&shared, Path::new(DIR), signer().verifier(), against).unwrap();
        assert!(verified.is_good(), "seed {seed}: {verified}");
        assert_eq!(verified.size, self.log.len() as u64, "seed {seed}");
        ledger.health().unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        self.checkpoint = Some(ledger.checkpoint());
    }
}

fn some_faults(rng: &SeededRng, files: &FaultFiles) -> Faults {
    let mut faults = Faults::none(rng.next_u64());
    match rng.below(5) {
        0 | 1 => faults.power_off_at = Some(files.steps() + 1 + rng.below(120)),
        2 => {
            faults.torn_write = 60;
            faults.eio_write = 40;
            faults.eio_sync = 60;
        }
        3 => faults.capacity = Some(files.used() + rng.below(8_000)),
        _ => {
            faults.eio_read = 30;
            faults.eio_sync = 150;
            faults.power_off_at = Some(files.steps() + 1 + rng.below(300));
        }
    }
    faults
}

/// One life of a writer on a disk with faults.
fn session(model: &mut Model, files: &FaultFiles, rng: &SeededRng, seed: u64) {
    let opened = Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer());
    let mut ledger = match opened {
        Ok((ledger, _)) => ledger,
        Err(error) => {
            assert!(!error.is_tampering(), "seed {seed}: {error}");
            return;
        }
    };
    assert!(ledger.size() >= model.log.len() as u64, "seed {seed}");
    assert!(model.perhaps.is_none(), "seed {seed}");
    for _ in 0..rng.below(12) {
        let batch = model.batch(rng);
        match ledger.append_batch(&batch) {
            Ok(range) => {
                assert_eq!(range.start, model.log.len() as u64, "seed {seed}");
                model.log.extend(batch);
            }
            Err(LedgerError::Broken) => {
                model.perhaps = Some(batch);
                break;
            }
            // Not appended: must not be there after the next start.
            Err(error) => assert!(!error.is_tampering(), "seed {seed}: {error}"),
        }
        if rng.chance(100) {
            let _ = ledger.health();
        }
        model.checkpoint = Some(ledger.checkpoint());
    }
}

#[test]
fn hundreds_of_seeded_fault_schedules_lose_nothing_acknowledged() {
    let (mut crashes, mut survived, mut lost, mut entries) = (0, 0, 0, 0);
    let schedules = count("RINGFORT_FAULT_SCHEDULES", 300);
    for seed in 0..schedules {
        let rng = SeededRng::new(seed);
        let mut files = FaultFiles::new(Faults::none(seed));
        let mut model = Model::default();
        for _ in 0..4 {
            files.set_faults(some_faults(&rng, &files));
            session(&mut model, &files, &rng, seed);
            if files.is_off() || rng.chance(500) {
                crashes += 1;
                files = files.crash(Faults::none(rng.next_u64()));
            } else {
                // Only the process died: the page cache is still there.
                files.set_faults(Faults::none(rng.next_u64()));
            }
            model.check(&files, seed);
        }
        survived += model.survived;
        lost += model.lost;
        entries += model.log.len();
    }
    println!(
        "{schedules} schedules, {crashes} power cuts, {entries} entries; of the batches with \
         unknown end {survived} survived whole and {lost} were gone"
    );
    assert!(schedules < 100 || (crashes > schedules && survived > 0 && lost > 0));
}

#[test]
fn power_cut_at_every_single_step_of_a_run() {
    let run = |files: &FaultFiles, model: &mut Model| {
        let opened = Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer());
        let Ok((mut ledger, _)) = opened else { return };
        for round in 0..4_u64 {
            let len = if round == 2 { 255 } else { 1 };
            let batch: Vec<Vec<u8>> =
                (0..len).map(|i| format!("{round} {i}").into_bytes()).collect();
            match ledger.append_batch(&batch) {
                Ok(_) => model.log.extend(batch),
                Err(LedgerError::Broken) => return model.perhaps = Some(batch),
                Err(_) => return,
            }
            model.checkpoint = Some(ledger.checkpoint());
        }
    };
    let whole = FaultFiles::new(Faults::none(0));
    run(&whole, &mut Model::default());
    assert!(whole.steps() > 100, "{}", whole.steps());
    for step in 1..=whole.steps() {
        for seed in 0..3 {
            let mut model = Model::default();
            let faults = Faults { power_off_at: Some(step), ..Faults::none(step * 7 + seed) };
            let files = FaultFiles::new(faults);
            run(&files, &mut model);
            model.check(&files.crash(Faults::none(seed)), step);
        }
    }
}

#[test]
fn kill_9_at_random_moments_loses_nothing_and_never_refuses_a_start() {
    let std_files: Arc<dyn Files> = Arc::new(StdFiles);
    if let Some(dir) = killer::child_dir() {
        let (mut ledger, _) = Ledger::open(std_files, &dir, signer()).unwrap();
        loop {
            // Batches of 1 to 40, so that bundles fill up often.
            let first = ledger.size();
            let batch: Vec<Vec<u8>> = (first..first + 1 + first * 7 % 40)
                .map(|index| format!("receipt {index} of {}", std::process::id()).into_bytes())
                .collect();
            let range = ledger.append_batch(&batch).unwrap();
            let last = String::from_utf8_lossy(batch.last().unwrap());
            killer::ack(&format!("{} {last}", range.end - 1));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let rounds = count("RINGFORT_KILL_ROUNDS", 40);
    let mut killer =
        Killer::new("kill_9_at_random_moments_loses_nothing_and_never_refuses_a_start", 11);
    let (mut acked, mut recovered, mut cut, mut checkpoint) = (0, 0, 0, None::<String>);
    let mut size_before = 0;
    for round in 0..rounds {
        let done = killer.round(dir.path()).unwrap();
        assert!(done.killed);
        let opened = Ledger::open(Arc::clone(&std_files), dir.path(), signer());
        let (ledger, report) = opened.unwrap_or_else(|e| panic!("round {round}: {e}"));
        assert!(report.warnings.is_empty(), "{report:?}");
        assert!(report.size >= size_before);
        recovered += report.recovered;
        cut += report.tail_bytes_cut;
        for line in &done.acked {
            let (index, leaf) = line.split_once(' ').unwrap();
            assert_eq!(ledger.read(index.parse().unwrap()).unwrap(), leaf.as_bytes());
        }
        acked += done.acked.len();
        let verified =
            verify_dir(&std_files, dir.path(), signer().verifier(), checkpoint.as_deref()).unwrap();
        assert!(verified.is_good(), "round {round}: {verified}");
        checkpoint = Some(ledger.checkpoint());
        size_before = report.size;
    }
    let (ledger, _) = Ledger::open(std_files, dir.path(), signer()).unwrap();
    for (index, leaf) in ledger.leaves(0..ledger.size()).map(Result::unwrap) {
        let leaf = String::from_utf8(leaf).unwrap();
        assert!(leaf.starts_with(&format!("receipt {index} of ")), "no duplicate, no gap: {leaf}");
    }
    println!(
        "{rounds} kills, {acked} acknowledged batches, {size_before} entries, {recovered} entries \
         taken from the write-ahead file, {cut} bytes of torn tails cut"
    );
}
