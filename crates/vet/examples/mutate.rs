//! Changes files at random places and reads them: nothing may panic, hang or take all memory.
//!
//! ```text
//! cargo run --release -p vet --example mutate -- FOLDER COUNT [SEED [ROUND]]
//! ```
//!
//! With a round, that mutant alone is written to standard output.
//!
//! Each mutant is one file with a few bytes changed, cut out, doubled, or spliced with another
//! file. It prints how many were read, the slowest, and the most memory; a panic ends it with the
//! seed that made it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::SeededRng;

/// Files longer than this are left out: a mutant of them tells no more and takes longer.
const FILE_BYTES_MAX: usize = 64 << 10;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let folder = args.first().ok_or("usage: mutate FOLDER COUNT [SEED]")?;
    let count: u64 = args.get(1).map_or(Ok(10_000), |count| count.parse())?;
    let seed: u64 = args.get(2).map_or(Ok(1), |seed| seed.parse())?;
    let only: Option<u64> = args.get(3).map(|round| round.parse()).transpose()?;
    let mut paths = Vec::new();
    collect(Path::new(folder), &mut paths)?;
    let mut files: Vec<Vec<u8>> =
        paths.iter().filter_map(|path| std::fs::read(path).ok()).collect();
    files.retain(|file| !file.is_empty() && file.len() <= FILE_BYTES_MAX);
    if files.is_empty() {
        return Err("there is no file to change".into());
    }
    let started = Instant::now();
    let mut slowest = (Duration::ZERO, 0);
    for round in 0..count {
        let own = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ (round + 1).wrapping_mul(0x517c_c1b7_2722_0a95);
        let mutant = mutant(&files, &SeededRng::new(own));
        if only.is_some_and(|only| only != round) {
            continue;
        }
        if only.is_some() {
            std::io::stdout().write_all(&mutant)?;
            return Ok(());
        }
        let one = Instant::now();
        let read = std::panic::catch_unwind(|| vet::vet("mutant", &mutant));
        if read.is_err() {
            std::fs::write("/tmp/mutant.bin", &mutant)?;
            return Err(format!("mutant {round} of seed {seed} panics").into());
        }
        slowest = slowest.max((one.elapsed(), round));
    }
    println!(
        "{count} mutants of {} files in {:.1} s, no panic; slowest {} ms (mutant {}); most memory {} MB",
        files.len(),
        started.elapsed().as_secs_f64(),
        slowest.0.as_millis(),
        slowest.1,
        memory_mb_max(),
    );
    Ok(())
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, out)?;
        } else {
            out.push(path);
        }
    }
    out.sort();
    Ok(())
}

fn mutant(files: &[Vec<u8>], random: &SeededRng) -> Vec<u8> {
    let mut bytes = files[random.index(files.len())].clone();
    for _ in 0..=random.index(4) {
        if bytes.is_empty() {
            break;
        }
        let at = random.index(bytes.len());
        match random.index(7) {
            0 => bytes[at] ^= 1 << random.index(8),
            1 => bytes[at] = u8::try_from(random.index(256)).unwrap_or(0),
            2 => bytes.truncate(at),
            3 => {
                let end = (at + random.index(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let end = (at + random.index(64)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            5 => {
                let other = &files[random.index(files.len())];
                let from = random.index(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                // A length or count somewhere becomes the largest there is.
                for byte in bytes.iter_mut().skip(at).take(4) {
                    *byte = 0xff;
                }
            }
        }
    }
    bytes
}

/// The most memory that this process held, MB of 10^6 bytes.
fn memory_mb_max() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.unwrap_or(0) * 1024 / 1_000_000
}
