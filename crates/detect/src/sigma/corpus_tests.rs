//! What the index must not change, over recordings that stand in a folder beside the repository
//! (`RINGFORT_CORPUS`). Skipped, loudly, where they are not there.

use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use sources::log::Context;
use sources::log::open::read_file;

use super::*;

/// Of the larger sets of recordings one record in so many is asked of all rules.
const EVERY: usize = 8;
const EVERY_OF_MANY: usize = 400;

fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    if root.join("sigma/rules").is_dir() {
        return Some(root);
    }
    eprintln!("SKIPPED: {} is not there; set RINGFORT_CORPUS", root.display());
    None
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
}

/// What is told of the matches of an event.
type Told = Vec<(u32, Seen, Vec<Evidence>)>;

#[test]
fn the_index_leaves_no_match_out_and_adds_none() {
    let Some(root) = corpus() else { return };
    let mut paths = Vec::new();
    for folder in ["rules", "rules-emerging-threats", "rules-threat-hunting"] {
        files(&root.join("sigma").join(folder), ".yml", &mut paths);
    }
    let texts = paths.iter().map(|path| (path.to_string_lossy(), std::fs::read(path).unwrap()));
    let rules = Rules::new(Pack::from_yaml_files(texts).pack);
    let (mut events, mut matches) = (0, 0);
    for (folder, ending, every) in [
        ("sigma/regression_data", ".evtx", 1),
        ("detect/evtx-attack", ".evtx", EVERY),
        ("detect/otrf/datasets/atomic", ".zip", EVERY_OF_MANY),
    ] {
        let mut paths = Vec::new();
        files(&root.join(folder), ending, &mut paths);
        assert!(!paths.is_empty(), "{folder}");
        for path in paths {
            let name = path.to_string_lossy().into_owned();
            let context = Context { file: &name, ..Context::default() };
            let mut seen = 0;
            read_file(File::open(&path).unwrap(), &context, &mut |source, record| {
                seen += 1;
                if seen % every != 0 {
                    return ControlFlow::Continue(());
                }
                let event = Observed {
                    time_ms: record.time_ms,
                    host: &record.host,
                    source: source.name,
                    class_uid: record.class_uid,
                    ocsf: &record.ocsf,
                    raw: &record.raw,
                };
                let (mut by_index, mut plainly): (Told, Told) = Default::default();
                let tell = |found: Match<'_>| (found.place, found.seen, found.evidence);
                rules.match_event(&event, &mut |found| by_index.push(tell(found)));
                rules.match_plainly(&event, &mut |found| plainly.push(tell(found)));
                assert_eq!(by_index, plainly, "{name}: {:#?}", record.raw);
                events += 1;
                matches += plainly.len();
                ControlFlow::Continue(())
            });
        }
    }
    eprintln!("{events} events, {matches} matches");
    assert!(events > 500 && matches > 200, "{events} events, {matches} matches");
}
