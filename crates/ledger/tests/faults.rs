//! A disk that fails: power cuts at any step, torn writes, failing syncs, a full disk. Nothing
//! acknowledged is lost, nothing refused comes back, nothing is there twice, a start is never
//! refused.
//!
//! `RINGFORT_FAULT_SCHEDULES` asks for more schedules than the default.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use durable::Files;
use ledger::{Ledger, LedgerError, Signer, verify_dir};
use testkit::{FaultFiles, Faults, SeededRng};

const DIR: &str = "/ledger";

fn signer() -> Signer {
    Signer::from_seed("ledger.example/host", &[7; 32]).unwrap()
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
    let schedules =
        std::env::var("RINGFORT_FAULT_SCHEDULES").map_or(300, |text| text.parse().unwrap());
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
