//! What an append costs on this machine's disk. Prints figures; run it with
//! `cargo test -p ledger --release --test latency -- --ignored --nocapture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use durable::StdFiles;
use ledger::{Ledger, Signer};

/// A receipt of usual length, bytes.
const LEAF_BYTES: usize = 700;

fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    sorted[(sorted.len() - 1) * per_mille / 1_000]
}

#[test]
#[ignore = "measures, and asserts nothing that could fail"]
fn append_latency_and_throughput() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let signer = Signer::from_seed("ledger.example/host", &[7; 32]).unwrap();
    let (mut ledger, _) = Ledger::open(Arc::new(StdFiles), dir.path(), signer).unwrap();
    for (batch, rounds) in [(1, 1_200), (16, 200), (256, 100), (4_096, 10)] {
        let mut times = Vec::with_capacity(rounds);
        let all = Instant::now();
        for round in 0..rounds {
            let leaves: Vec<Vec<u8>> = (0..batch)
                .map(|i| format!("{round:>10} {i:>width$}", width = LEAF_BYTES - 11).into_bytes())
                .collect();
            let start = Instant::now();
            ledger.append_batch(&leaves).unwrap();
            times.push(start.elapsed());
        }
        let rate = f64::from(u32::try_from(batch * rounds).unwrap()) / all.elapsed().as_secs_f64();
        times.sort_unstable();
        println!(
            "batch of {batch:>4}: p50 {:>9.2?}, p99 {:>9.2?}, most {:>9.2?}; {rate:>8.0} entries/s",
            percentile(&times, 500),
            percentile(&times, 990),
            percentile(&times, 1_000),
        );
    }
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let start = Instant::now();
            ledger.health().unwrap();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    println!("health: p50 {:.2?}, p99 {:.2?}", percentile(&times, 500), percentile(&times, 990));
}
