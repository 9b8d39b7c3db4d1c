//! The figures of the Sigma part: `cargo run --release -p detect --example bench_sigma`.
//!
//! Regression tests of the public rules, rules refused, speed on one core, memory, and how many
//! matches single edits of the command line lose, each against its goal.

mod corpus;
mod evasion;
mod lucene;
mod operators;
mod operators_a;
mod operators_b;
mod operators_c;
mod regression;

use std::time::Instant;

use detect::Observed;
use detect::sigma::{Pack, Rules};
use serde_json::{Map, Value};

/// One line of the report.
fn row(name: &str, value: &str, goal: &str, met: bool) {
    println!(
        "{:<52} {:>22}   goal {:<16} {}",
        name,
        value,
        goal,
        if met { "met" } else { "MISSED" }
    );
}

fn main() {
    let Some(root) = corpus::folder() else { return };
    let before_kib = memory_kib("VmRSS:");
    let started = Instant::now();
    let loaded = Pack::from_yaml_files(corpus::rule_files(&root));
    let load_s = started.elapsed().as_secs_f64();
    let after_kib = memory_kib("VmRSS:");
    let peak_kib = memory_kib("VmHWM:");
    for refused in loaded.refused.iter().take(20) {
        println!("refused: {} {}: {}", refused.file, refused.title, refused.reason);
    }
    for waiting in &loaded.waiting {
        println!("waiting: {}: {}", waiting.title, waiting.reason);
    }
    let rules = Rules::new(loaded.pack);
    println!("{} rules in {load_s:.1} s; {}", rules.pack().len(), rules.pack().shape());
    row("rules refused", &loaded.refused.len().to_string(), "0", loaded.refused.is_empty());
    let mib = |kib: u64| kib / 1024;
    row(
        "memory with all rules, RSS (before, peak)",
        &format!("{} ({}, {}) MiB", mib(after_kib), mib(before_kib), mib(peak_kib)),
        "<= 120 MB",
        after_kib * 1024 <= 120_000_000,
    );
    let (passed, all) = regression::score(&root, &rules);
    row("regression tests of the rules", &format!("{passed}/{all}"), "202/202", passed == 202);
    speed(&root, &rules);
    row(
        "memory after all of this, RSS",
        &format!("{} MiB", mib(memory_kib("VmRSS:"))),
        "(for information)",
        true,
    );
    evasion::table(&root, &rules);
}

/// How often everything is done again, so that what is done once does not count.
const PASSES: u32 = 5;

/// The time for which this thread had a processor: other work on the machine does not count, but
/// for what it takes of memory and caches.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}

/// What one pass of something took.
struct Took {
    cpu_s: f64,
    wall_s: f64,
}

/// Does something several times, and says what it took each time.
fn time(passes: u32, mut work: impl FnMut()) -> Took {
    let (started, clock) = (cpu_s(), Instant::now());
    (0..passes).for_each(|_| work());
    let each = f64::from(passes);
    Took { cpu_s: (cpu_s() - started) / each, wall_s: clock.elapsed().as_secs_f64() / each }
}

/// From the bytes of recordings to verdicts, on this one thread.
fn speed(root: &std::path::Path, rules: &Rules) {
    let mut files = corpus::files(&root.join("detect/evtx-attack"), ".evtx");
    files.extend(corpus::files(&root.join("sigma/regression_data"), ".evtx"));
    let bytes: Vec<Vec<u8>> = files.iter().filter_map(|path| std::fs::read(path).ok()).collect();
    let (mut events, mut matches, mut weaker, mut bad) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut raws = Vec::new();
    let mut only_view = std::collections::BTreeMap::new();
    let first = time(1, || {
        for file in &bytes {
            bad += corpus::read_evtx(file, &mut |record| {
                events += 1;
                match_raw(rules, "evtx", &record.raw, &mut |found| {
                    matches += 1;
                    if found.seen == detect::sigma::Seen::Canonical {
                        weaker += 1;
                        *only_view.entry(found.title()).or_insert(0_u64) += 1;
                    }
                });
                raws.push(record.raw);
            });
        }
    });
    let whole = time(PASSES, || {
        for file in &bytes {
            corpus::read_evtx(file, &mut |record| {
                match_raw(rules, "evtx", &record.raw, &mut |_| {});
            });
        }
    });
    let reading = time(PASSES, || {
        for file in &bytes {
            corpus::read_evtx(file, &mut |record| drop(std::hint::black_box(record)));
        }
    });
    let matching = time(PASSES, || {
        for raw in &raws {
            match_raw(rules, "evtx", raw, &mut |_| {});
        }
    });
    println!(
        "{events} events of {} recordings ({bad} records unreadable), {matches} matches, {weaker} of \
         them only in the canonical view",
        bytes.len()
    );
    let mut only_view: Vec<(u64, &str)> =
        only_view.into_iter().map(|(title, count)| (count, title)).collect();
    only_view.sort_unstable();
    for (count, title) in only_view.iter().rev().take(12) {
        println!("  only in the view: {count} x {title}");
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine: {}", load.trim());
    #[expect(clippy::cast_precision_loss, reason = "a few hundred thousand")]
    let show = |name: &str, took: &Took, goal: Option<f64>| {
        let rate = events as f64 / took.cpu_s;
        let value = format!("{rate:.0} events/s ({:.0} by the clock)", events as f64 / took.wall_s);
        let text = goal.map_or("(for information)".into(), |goal| format!(">= {goal:.0}"));
        row(name, &value, &text, goal.is_none_or(|goal| rate >= goal));
    };
    show("EVTX to verdict, one core, all rules", &whole, Some(25_000.0));
    show("the first time, expressions compiled on the way", &first, None);
    show("reading alone, with the OCSF view", &reading, None);
    show("matching alone", &matching, None);
}

/// Matches one event by its source's fields.
fn match_raw<'r>(
    rules: &'r Rules,
    source: &str,
    raw: &Map<String, Value>,
    sink: &mut impl FnMut(detect::sigma::Match<'r>),
) {
    let ocsf = Map::new();
    let event = Observed { time_ms: 0, host: "", source, class_uid: 0, ocsf: &ocsf, raw };
    rules.match_event(&event, sink);
}

/// A row of this process's status.
fn memory_kib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
