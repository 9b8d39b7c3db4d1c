//! Prints how fast log sources are read: records a second of processor time, on one core, from
//! bytes in memory to `Record` (own fields and OCSF view).
//!
//! `cargo run --release -p sources --example bench_logs` reads the recordings below
//! `RINGFORT_CORPUS` (default `../shared/data`), each file alone, unpacked beforehand, and then the
//! fixtures of every source, repeated to some 32 MiB. `-- --line 10` reads a line of 10 GB with
//! every source in its place and prints the largest resident memory.

use std::collections::BTreeMap;
use std::io::{BufReader, Cursor, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sources::log::{Context, Counts, LogSource, open};
use sources::log_registry;

/// What was read by one source.
#[derive(Default)]
struct Sum {
    files: u64,
    bytes: u64,
    took: Duration,
    counts: Counts,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--line") {
        let gigabytes = arguments.get(at + 1).and_then(|text| text.parse().ok()).unwrap_or(10);
        return long_line(gigabytes);
    }
    let corpus = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    for below in ["detect/evtx-attack", "detect/otrf", "detect/zeek-wrccdc"] {
        let mut sums = BTreeMap::new();
        let mut paths = Vec::new();
        walk(&corpus.join(below), &mut paths);
        if paths.is_empty() {
            println!("SKIPPED: {below} is not there; set RINGFORT_CORPUS");
        }
        for path in paths {
            for (name, bytes) in unpacked(&path) {
                measure(&name, &bytes, &mut sums);
            }
        }
        print(below, &sums);
    }
    let mut sums = BTreeMap::new();
    for source in log_registry::ALL {
        for bytes in fixtures(source) {
            measure(source.example, &bytes, &mut sums);
        }
    }
    print("own fixtures, repeated", &sums);
    println!("largest resident memory: {} MB", peak_mb());
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, paths) } else { paths.push(path) }
    }
    paths.sort();
}

/// The members of a zip, the content of a gzip, or the file.
fn unpacked(path: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(bytes) = std::fs::read(path) else { return Vec::new() };
    let name = path.to_string_lossy().into_owned();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut out = Vec::new();
        let _ = flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut out);
        return vec![(name.trim_end_matches(".gz").to_owned(), out)];
    }
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(&bytes)) else {
        return vec![(name, bytes)];
    };
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let Ok(mut member) = archive.by_index(index) else { continue };
        let mut out = Vec::new();
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        if !name.starts_with("__MACOSX") && member.read_to_end(&mut out).is_ok() {
            members.push((name, out));
        }
    }
    members
}

fn measure(name: &str, bytes: &[u8], sums: &mut BTreeMap<&'static str, Sum>) {
    let Some(source) = open::sniff(name, bytes, true) else { return };
    let context = Context { file: name, ..Context::default() };
    let mut fields = 0;
    let started = on_cpu();
    let counts = (source.read)(&mut Cursor::new(bytes), &context, &mut |record| {
        fields += record.raw.len() + record.ocsf.len();
        ControlFlow::Continue(())
    });
    let took = on_cpu().saturating_sub(started);
    let sum = sums.entry(source.name).or_default();
    sum.files += 1;
    sum.bytes += bytes.len() as u64;
    sum.took += took;
    match counts {
        Ok(counts) => sum.counts.add(counts),
        Err(error) => println!("{name}: {error}"),
    }
    std::hint::black_box(fields);
}

/// The fixtures of a source, each repeated so that starting up does not count.
fn fixtures(source: &LogSource) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(source.name);
    let mut paths = Vec::new();
    walk(&folder, &mut paths);
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "in"));
    let mut all = Vec::new();
    for path in paths {
        let Ok(bytes) = std::fs::read(path) else { continue };
        let times = 1 + (32 << 20) / bytes.len();
        all.push(if source.name == "evtx" {
            // One header, then the same chunk again and again.
            let (header, chunks) = bytes.split_at(4_096);
            [header, &chunks.repeat(times)].concat()
        } else {
            bytes.repeat(times)
        });
    }
    all
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn print(title: &str, sums: &BTreeMap<&'static str, Sum>) {
    println!("{title}");
    println!(
        "  {:<18}{:>7}{:>11}{:>6}{:>9}{:>13}{:>9}",
        "source", "files", "records", "bad", "seconds", "records/s", "MB/s"
    );
    for (name, sum) in sums {
        let seconds = sum.took.as_secs_f64();
        println!(
            "  {name:<18}{:>7}{:>11}{:>6}{seconds:>9.2}{:>13.0}{:>9.1}",
            sum.files,
            sum.counts.records,
            sum.counts.bad,
            sum.counts.records as f64 / seconds,
            sum.bytes as f64 / 1e6 / seconds
        );
    }
}

/// A stream of one byte, without a line end.
struct Line(u64);

impl Read for Line {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = usize::try_from(self.0).unwrap_or(usize::MAX).min(buf.len());
        if let Some(part) = buf.get_mut(..count) {
            part.fill(b'x');
        }
        self.0 -= count as u64;
        Ok(count)
    }
}

fn long_line(gigabytes: u64) {
    for source in log_registry::ALL {
        let started = Instant::now();
        let mut input = BufReader::new(Line(gigabytes * 1_000_000_000));
        let mut sink = |_| ControlFlow::Continue(());
        let counts = (source.read)(&mut input, &Context::default(), &mut sink);
        println!(
            "{:<18}{:>7.1} s  {:?}  largest resident memory {} MB",
            source.name,
            started.elapsed().as_secs_f64(),
            counts.map(|counts| (counts.records, counts.bad)).map_err(|error| error.to_string()),
            peak_mb()
        );
    }
}

/// The time that this thread has had on a processor: others on the machine do not count.
fn on_cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// The largest resident memory of this process so far.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1_000
}
