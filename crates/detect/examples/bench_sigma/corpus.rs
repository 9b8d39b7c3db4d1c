//! What is measured on: rules, recordings, base events and benign lines.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sources::Record;
use sources::log::Context;
use sources::log_registry::evtx;

/// The folder of data, if it is there.
pub fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if root.join("sigma/rules").is_dir() {
        return Some(root);
    }
    println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", root.display());
    None
}

/// All files below a folder whose name ends so, sorted.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The files of the three folders of rules, read one after the other.
pub fn rule_files(root: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    let folders = ["rules", "rules-emerging-threats", "rules-threat-hunting"];
    let paths: Vec<PathBuf> =
        folders.iter().flat_map(|folder| files(&root.join("sigma").join(folder), ".yml")).collect();
    paths
        .into_iter()
        .filter_map(|path| Some((path.display().to_string(), std::fs::read(&path).ok()?)))
}

/// Hands over the records of a recording, as the product reads them: with the source's own fields
/// and the OCSF view; gives how many could not be read.
pub fn read_evtx(mut bytes: &[u8], sink: &mut dyn FnMut(Record)) -> u64 {
    let context = Context { file: "recording.evtx", ..Context::default() };
    let counts = (evtx::SOURCE.read)(&mut bytes, &context, &mut |record| {
        sink(record);
        ControlFlow::Continue(())
    });
    counts.map_or(1, |counts| counts.bad + u64::from(counts.ended_early.is_some()))
}

/// A base event of a rule: by ECS names, as the data set has it.
pub struct Base {
    /// The rule whose own matching event it is.
    pub rule: String,
    pub event: Map<String, Value>,
}

/// The base events of process creations.
pub fn bases(root: &Path) -> Vec<Base> {
    let folder = root.join("duel/amides/sigma/events/windows/process_creation");
    files(&folder, ".json")
        .iter()
        .filter(|path| path.to_string_lossy().contains("_Match_"))
        .filter_map(|path| {
            let rule = path.parent()?.file_name()?.to_string_lossy().into_owned();
            match serde_json::from_slice(&std::fs::read(path).ok()?) {
                Ok(Value::Object(event)) => Some(Base { rule, event }),
                _ => None,
            }
        })
        .collect()
}

/// The benign command lines, as process creations; the program is the first word.
pub fn benign(root: &Path) -> Vec<Map<String, Value>> {
    let path = root.join("duel/amides/socbed/process_creation/all");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let line: String = serde_json::from_str(line).ok()?;
            let image = match line.strip_prefix('"') {
                Some(rest) => rest.split('"').next().unwrap_or_default(),
                None => line.split(' ').next().unwrap_or_default(),
            };
            let event = json!({
                "winlog": {"channel": "Microsoft-Windows-Sysmon/Operational", "event_id": 1},
                "process": {"executable": image, "command_line": line},
            });
            event.as_object().cloned()
        })
        .collect()
}

/// The command line of a base event.
pub fn command_line(event: &Map<String, Value>) -> Option<&str> {
    event.get("process")?.get("command_line")?.as_str()
}

/// The event with another command line.
pub fn with_command_line(event: &Map<String, Value>, line: &str) -> Map<String, Value> {
    let mut event = event.clone();
    if let Some(Value::Object(process)) = event.get_mut("process") {
        process.insert("command_line".to_owned(), Value::from(line));
    }
    event
}
