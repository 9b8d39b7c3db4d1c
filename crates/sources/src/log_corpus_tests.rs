//! Reads recordings of others, which stand in a folder beside the repository (`RINGFORT_CORPUS`).
//! Skipped, loudly, where they are not there.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::log::open::{FileReport, read_file};
use crate::log::{Context, Counts, Record};
use crate::ocsf_schema_tests::Schema;

fn corpus(below: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let folder = root.join(below);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there; set RINGFORT_CORPUS", folder.display());
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

/// Reads every file; one record in `every` is held against the schema.
fn read_all(below: &str, suffixes: &[&str], every: u64) -> Option<(Counts, Vec<FileReport>)> {
    let mut paths = Vec::new();
    files(&corpus(below)?, &mut paths);
    let schema = Schema::load()?;
    let (mut total, mut reports, mut without_time, mut classed) = (Counts::default(), vec![], 0, 0);
    for path in paths {
        let name = path.to_string_lossy().into_owned();
        if !suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            continue;
        }
        let context = Context { file: &name, ..Context::default() };
        let mut seen = 0_u64;
        let mut sink = |_: &'static crate::LogSource, record: Record| {
            seen += 1;
            without_time += u64::from(record.time_ms == 0);
            classed += u64::from(record.class_uid != 0);
            if seen % every == 1 {
                let problems = schema.problems(&record.ocsf);
                assert!(problems.is_empty(), "{name}: {problems:#?}\n{:#?}", record.raw);
            }
            ControlFlow::Continue(())
        };
        for report in read_file(File::open(&path).unwrap(), &context, &mut sink) {
            total.add(report.counts.clone());
            reports.push(report);
        }
    }
    let sources: std::collections::BTreeSet<_> =
        reports.iter().filter_map(|report| report.source.as_deref()).collect();
    eprintln!(
        "{below}: {} files by {sources:?}; {} records, {} with a class of their own, {} bad, {} lossy",
        reports.len(),
        total.records,
        classed,
        total.bad,
        total.lossy
    );
    for bad in &total.first_bad {
        eprintln!("  bad: {}: {}", bad.place, bad.reason);
    }
    for report in reports.iter().filter(|r| r.source.is_none() || r.error.is_some()) {
        eprintln!("  not read: {}: {:?}", report.name, report.error);
    }
    assert_eq!(without_time, 0, "every record has a time");
    Some((total, reports))
}

#[test]
fn every_event_log_of_recorded_attacks_is_read() {
    let Some((total, reports)) = read_all("detect/evtx-attack", &[".evtx"], 7) else { return };
    assert_eq!(reports.len(), 191);
    assert!(reports.iter().all(|report| report.source.as_deref() == Some("evtx")), "{reports:?}");
    // As many as the library's own tool prints.
    assert!(total.records == 4_846 && total.bad == 0, "{total:?}");
}

#[test]
fn every_zeek_log_is_read() {
    let Some((total, reports)) = read_all("detect/zeek-wrccdc", &[".log.gz"], 101) else { return };
    assert!(reports.iter().all(|report| report.source.as_deref() == Some("zeek_tsv")));
    assert!(total.records > 150_000 && total.bad == 0, "{total:?}");
}

/// Part of the OTRF recordings: all of them take minutes with the checks that tests are built
/// with. The example `bench_logs` reads them all.
#[test]
fn recordings_of_the_threat_hunter_project_are_read() {
    for (below, least) in [
        ("detect/otrf/datasets/atomic/linux", 1),
        ("detect/otrf/datasets/atomic/windows/privilege_escalation", 400),
    ] {
        let Some((total, reports)) = read_all(below, &[".zip"], 53) else { return };
        assert!(reports.iter().all(|report| report.source.is_some()), "{reports:?}");
        assert!(total.records >= least && total.bad == 0, "{total:?}");
    }
}
