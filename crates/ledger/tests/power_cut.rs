//! Power is cut at every single step of a run, in the middle of a write too: nothing acknowledged
//! is lost, nothing refused comes back, and the next start is never refused.

use std::path::Path;
use std::sync::Arc;

use durable::Files;
use ledger::{Ledger, LedgerError, Signer, verify_dir};
use testkit::{FaultFiles, Faults};

const DIR: &str = "/ledger";

/// What the writer was told, and gave out, before the power went.
#[derive(Default)]
struct Told {
    log: Vec<Vec<u8>>,
    /// A batch of which the ledger said that it does not know.
    perhaps: Option<Vec<Vec<u8>>>,
    checkpoint: Option<String>,
}

fn signer() -> Signer {
    Signer::from_seed("ledger.example/host", &[7; 32]).unwrap()
}

/// Single entries and a batch that fills the first bundle.
fn run(files: &FaultFiles) -> Told {
    let mut told = Told::default();
    let opened = Ledger::open(Arc::new(files.clone()), Path::new(DIR), signer());
    let Ok((mut ledger, _)) = opened else { return told };
    for round in 0..4_u64 {
        let len = if round == 2 { 255 } else { 1 };
        let batch: Vec<Vec<u8>> = (0..len).map(|i| format!("{round} {i}").into_bytes()).collect();
        match ledger.append_batch(&batch) {
            Ok(_) => told.log.extend(batch),
            Err(LedgerError::Broken) => {
                told.perhaps = Some(batch);
                break;
            }
            Err(_) => break,
        }
        told.checkpoint = Some(ledger.checkpoint());
    }
    told
}

fn check(files: &FaultFiles, told: &Told) {
    let shared: Arc<dyn Files> = Arc::new(files.clone());
    let (mut ledger, report) = Ledger::open(Arc::clone(&shared), Path::new(DIR), signer()).unwrap();
    assert!(report.warnings.is_empty(), "{report:?}");
    let found: Vec<Vec<u8>> = ledger.leaves(0..ledger.size()).map(|leaf| leaf.unwrap().1).collect();
    let more = found.strip_prefix(told.log.as_slice()).expect("what was acknowledged is there");
    assert!(more.is_empty() || Some(more) == told.perhaps.as_deref(), "half a batch, or a refused");
    let key = signer().verifier().clone();
    let verified = verify_dir(&shared, Path::new(DIR), &key, told.checkpoint.as_deref()).unwrap();
    assert!(verified.is_good(), "{verified}");
    assert_eq!(verified.size, found.len() as u64);
    ledger.health().unwrap();
}

#[test]
fn power_cut_at_every_single_step_of_a_run() {
    let whole = FaultFiles::new(Faults::none(0));
    assert_eq!(run(&whole).log.len(), 258);
    assert!(whole.steps() > 100, "{}", whole.steps());
    for step in 1..=whole.steps() {
        for seed in 0..3 {
            let faults = Faults { power_off_at: Some(step), ..Faults::none(step * 7 + seed) };
            let files = FaultFiles::new(faults);
            let told = run(&files);
            check(&files.crash(Faults::none(seed)), &told);
        }
    }
    println!("power cut at each of {} steps, with 3 seeds each", whole.steps());
}
