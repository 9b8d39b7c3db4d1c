//! What is measured on: rules, recordings, base events and benign lines.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

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

/// Hands over the records of a recording by the names that Sigma uses; gives how many could not be
/// read.
pub fn read_evtx(bytes: &[u8], sink: &mut dyn FnMut(Map<String, Value>)) -> u64 {
    let mut bad = 0;
    let Ok(mut parser) = evtx::EvtxParser::from_buffer(bytes.to_vec()) else { return 1 };
    let settings = evtx::ParserSettings::default().num_threads(1).indent(false);
    parser = parser.with_configuration(settings);
    for record in parser.records_json_value() {
        match record {
            Ok(record) => sink(flat(record.data)),
            Err(_) => bad += 1,
        }
    }
    bad
}

/// The tree of a record as one row of fields.
fn flat(record: Value) -> Map<String, Value> {
    let mut fields = Map::new();
    let Value::Object(mut record) = record else { return fields };
    let Some(Value::Object(event)) = record.get_mut("Event").map(Value::take) else {
        return fields;
    };
    for (section, content) in event {
        let Value::Object(content) = content else { continue };
        match section.as_str() {
            "System" => system(content, &mut fields),
            "EventData" => data(content, &mut fields),
            "UserData" => {
                for (_, inner) in content {
                    if let Value::Object(inner) = inner {
                        data(inner, &mut fields);
                    }
                }
            }
            _ => {}
        }
    }
    fields
}

fn system(content: Map<String, Value>, fields: &mut Map<String, Value>) {
    for (name, value) in content {
        let attribute = |key: &str| value.get("#attributes").and_then(|of| of.get(key)).cloned();
        match name.as_str() {
            "Provider" => {
                fields.extend(attribute("Name").map(|name| ("Provider_Name".to_owned(), name)));
            }
            "EventID" => {
                let number = value.get("#text").cloned().unwrap_or(value);
                fields.insert(name, number);
            }
            "TimeCreated" => {
                fields.extend(attribute("SystemTime").map(|time| ("TimeCreated".to_owned(), time)));
            }
            "Channel" | "Computer" | "Level" | "Task" | "Opcode" | "Keywords" | "EventRecordID" => {
                fields.insert(name, value);
            }
            _ => {}
        }
    }
}

fn data(content: Map<String, Value>, fields: &mut Map<String, Value>) {
    for (name, value) in content {
        if name == "#attributes" {
            continue;
        }
        let value = match value {
            Value::Object(mut inner) if inner.contains_key("#text") => {
                inner.remove("#text").unwrap_or(Value::Null)
            }
            other => other,
        };
        fields.entry(name).or_insert(value);
    }
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
