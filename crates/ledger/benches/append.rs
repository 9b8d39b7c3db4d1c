//! Times durable appends, beside the least that durability costs on the same disk in the same run:
//! the same bytes written to the end of a plain file, then `fdatasync`. The two take turns.
//!
//! `cargo bench -p ledger` prints p50 and p99 of one append in microseconds, entries a second, and
//! the ratio to the peer. The disk is the one of the build folder.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use durable::{Files, StdFiles};
use ledger::{Ledger, Signer};

/// Bytes of one entry: about a receipt.
const ENTRY_BYTES: usize = 700;

/// Times of single calls, microseconds.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn of(&mut self, call: impl FnOnce()) {
        let start = Instant::now();
        call();
        self.0.push(start.elapsed().as_secs_f64() * 1e6);
    }

    /// The time that this many of 100 calls do not exceed.
    fn at(&mut self, percent: usize) -> f64 {
        self.0.sort_by(f64::total_cmp);
        self.0[(self.0.len() - 1) * percent / 100]
    }

    fn total_s(&self) -> f64 {
        self.0.iter().sum::<f64>() / 1e6
    }
}

/// Appends `rounds` batches of `entries`, and prints a line.
fn compare(dir: &Path, rounds: u32, entries: u32) {
    let files: Arc<dyn Files> = Arc::new(StdFiles);
    let signer = Signer::from_seed("ledger.example/bench", &[1; 32]).expect("a good name");
    let log = dir.join(format!("log-{entries}"));
    let mut ledger = Ledger::open(files, &log, signer).expect("an empty folder").0;
    let mut plain = File::create_new(dir.join(format!("plain-{entries}"))).expect("a new file");
    let (mut ours, mut peer) = (Times::default(), Times::default());
    for round in 0..rounds {
        let entry = |i| format!("{round:>8} {i:>8} {}", "r".repeat(ENTRY_BYTES - 18)).into_bytes();
        let batch: Vec<Vec<u8>> = (0..entries).map(entry).collect();
        ours.of(|| {
            ledger.append_batch(&batch).expect("the disk takes it");
        });
        let bytes = batch.concat();
        peer.of(|| {
            plain.write_all(&bytes).expect("the disk takes it");
            plain.sync_data().expect("the disk takes it");
        });
    }
    assert_eq!(ledger.size(), u64::from(rounds * entries));
    let a_second = |times: &Times| f64::from(rounds * entries) / times.total_s();
    println!(
        "{entries:>7} {:>8.0} {:>8.0} {:>11.0} {:>9.0} {:>9.0} {:>11.0} {:>9.1} {:>12.2}",
        ours.at(50),
        ours.at(99),
        a_second(&ours),
        peer.at(50),
        peer.at(99),
        a_second(&peer),
        ours.at(50) / peer.at(50),
        a_second(&ours) / a_second(&peer),
    );
}

fn main() {
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder on the disk");
    println!(
        "entries   p50 us   p99 us   entries/s  peer p50  peer p99      peer/s  x of p50    x of rate"
    );
    for (rounds, entries) in [(1_000, 1), (500, 16), (200, 256), (50, 4_096)] {
        compare(temp.path(), rounds, entries);
    }
}
