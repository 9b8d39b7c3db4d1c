//! SIGKILL at random moments: nothing acknowledged is lost, nothing is there twice, and the next
//! start is never refused.
//!
//! `RINGFORT_KILL_ROUNDS` asks for more rounds than the default.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use durable::{Files, StdFiles};
use ledger::{Ledger, Signer, verify_dir};
use testkit::killer::{self, Killer};

const ROUNDS_DEFAULT: u64 = 25;
/// The child appends single entries, small batches, and some that fill several tiles.
const BATCHES: [usize; 8] = [1, 1, 3, 1, 20, 1, 1, LARGEST_BATCH];
const LARGEST_BATCH: usize = 600;

fn signer() -> Signer {
    Signer::from_seed("ledger.example/crash", &[3; 32]).unwrap()
}

fn files() -> Arc<dyn Files> {
    Arc::new(StdFiles)
}

/// Appends until it is killed, and acknowledges each batch with its place and its name, from
/// which the entries follow.
fn child(dir: &Path) -> ! {
    let round = fs::read_to_string(dir.join("round")).unwrap();
    let (mut ledger, _) = Ledger::open(files(), &dir.join("log"), signer()).unwrap();
    for n in 0_u64.. {
        let batch = format!("{round}.{n}");
        let leaves = leaves_of(&batch, BATCHES[(n % 8) as usize]);
        let range = ledger.append_batch(&leaves).unwrap();
        killer::ack(&format!("{} {} {batch}", range.start, range.end));
    }
    unreachable!("the numbers do not end before the kill");
}

fn leaves_of(batch: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{batch}.{i} {}", "y".repeat(i % 40))).collect()
}

/// What the child acknowledged: entries with their indices.
fn acknowledged(acks: &[String]) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for ack in acks {
        let [start, end, batch] = ack.split(' ').collect::<Vec<_>>()[..] else {
            panic!("`{ack}` is not an acknowledgement")
        };
        let (start, end): (u64, u64) = (start.parse().unwrap(), end.parse().unwrap());
        let leaves = leaves_of(batch, usize::try_from(end - start).unwrap());
        all.extend((start..end).zip(leaves));
    }
    all
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_is_there_twice() {
    if let Some(dir) = killer::child_dir() {
        child(&dir);
    }
    let rounds = std::env::var("RINGFORT_KILL_ROUNDS").map(|n| n.parse().unwrap());
    let rounds = rounds.unwrap_or(ROUNDS_DEFAULT);
    let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dir = temp.path().join("log");
    let mut killer = Killer::new("nothing_acknowledged_is_lost_and_nothing_is_there_twice", 42);
    let (mut checkpoint, mut seen) = (None::<String>, Vec::<String>::new());
    let (mut acked_all, mut kills, mut recovered, mut cut) = (0, 0, 0, 0);
    let (mut acked, mut in_flight) = (Vec::new(), 0);
    for round in 0..rounds {
        fs::write(temp.path().join("round"), round.to_string()).unwrap();
        let done = killer.round(temp.path()).unwrap();
        kills += u64::from(done.killed);

        // A third party finds a good log, whatever the moment.
        if dir.join("checkpoint").exists() {
            let key = signer().verifier().clone();
            let report = verify_dir(&files(), &dir, &key, checkpoint.as_deref()).unwrap();
            assert!(report.is_good(), "round {round}: {report}");
        }
        acked.extend(acknowledged(&done.acked));
        in_flight += LARGEST_BATCH;
        if round % 3 != 2 && round + 1 < rounds {
            continue; // the next child recovers, and may be killed while it does
        }
        let (ledger, report) = Ledger::open(files(), &dir, signer())
            .unwrap_or_else(|error| panic!("round {round}: the restart was refused: {error}"));
        assert_eq!(report.warnings, Vec::<String>::new());
        recovered += report.recovered;
        cut += u64::from(report.tail_bytes_cut > 0);

        // What was there before is there now, and then what the children did.
        let entries: Vec<String> = ledger
            .leaves(0..ledger.size())
            .map(|entry| String::from_utf8(entry.unwrap().1).unwrap())
            .collect();
        assert_eq!(entries[..seen.len()], seen, "round {round}");
        for (index, leaf) in &acked {
            assert_eq!(entries.get(usize::try_from(*index).unwrap()), Some(leaf), "round {round}");
        }
        let not_acked = entries.len() - seen.len() - acked.len();
        assert!(not_acked <= in_flight, "round {round}: {not_acked} that nobody appended");
        let distinct: HashSet<&String> = entries.iter().collect();
        assert_eq!(distinct.len(), entries.len(), "round {round}: something is there twice");
        checkpoint = Some(ledger.checkpoint());
        seen = entries;
        acked_all += acked.len();
        (acked, in_flight) = (Vec::new(), 0);
    }
    println!(
        "{rounds} rounds, {kills} killed, {acked_all} entries acknowledged and there, \
         {} in all, {recovered} recovered before publishing, {cut} torn tails cut",
        seen.len()
    );
    assert_eq!(kills, rounds);
    assert!(acked_all > 0, "the kills came before anything was done");
}
