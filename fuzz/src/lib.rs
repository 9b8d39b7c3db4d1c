//! What the targets share: reading bytes as one format, and a program for those without a fuzzer.

use std::io::Cursor;
use std::ops::ControlFlow;

use detect::Observed;
use detect::sigma::{Pack, Rules};
use serde_json::{Map, json};
use sources::log::{Context, Head, open};
use sources::log_registry;
use vet::bytes::Feed;
use vet::fact::Facts;
use vet::format::Item;
use vet::limits::HEAD_BYTES;
use vet::{policy, registry};

/// Reads bytes as one format, whatever they are, in memory and as a stream, and judges what is
/// found.
pub fn read_as(format: &str, data: &[u8]) {
    let Some(format) = registry::ALL.iter().find(|known| known.name == format) else {
        panic!("there is no format `{format}`");
    };
    let bytes = data.to_vec();
    let head = data.get(..HEAD_BYTES).unwrap_or(data);
    let item = Item { name: "fuzz", bytes: &bytes, head, cut: false };
    let mut facts = Facts::new();
    (format.read)(&item, &mut facts);
    if let Some(stream) = format.stream {
        stream(&mut Feed::of(&bytes), &mut facts);
    }
    policy::judge(&facts);
}

/// Reads bytes as the log source of a target `log_<name>`, whatever they are.
pub fn read_log(target: &str, data: &[u8]) {
    let name = target.strip_prefix("log_").unwrap_or(target);
    let Some(source) = log_registry::ALL.iter().find(|known| known.name == name) else {
        panic!("there is no log source `{name}`");
    };
    let _ = (source.wants)(&Head::new("fuzz", data, true));
    let (mut input, mut records) = (data, 0);
    let counts = (source.read)(&mut input, &Context::default(), &mut |_| {
        records += 1;
        ControlFlow::Continue(())
    });
    if let Ok(counts) = counts {
        assert_eq!(counts.records, records, "every record is counted");
        assert!(counts.bad >= counts.first_bad.len() as u64);
    }
}

/// Reads bytes as a file of logs.
pub fn read_logs(data: &[u8]) {
    let context = Context { file: "fuzz", ..Context::default() };
    open::read_file(Cursor::new(data), &context, &mut |_, _| ControlFlow::Continue(()));
}

/// Compiles bytes as rules, and asks them of an event.
pub fn ask_rules(data: &[u8]) {
    let rules = Rules::new(Pack::from_yaml_files([("fuzz.yml", data)]).pack);
    let raw = json!({
        "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1,
        "Image": "C:\\Windows\\System32\\cmd.exe", "CommandLine": "cmd /c \"who^ami\"",
    });
    let (ocsf, empty) = (Map::new(), Map::new());
    let raw = raw.as_object().unwrap_or(&empty);
    let event =
        Observed { time_ms: 0, host: "", source: "evtx", class_uid: 1_007, ocsf: &ocsf, raw };
    rules.match_event(&event, &mut drop);
}

/// Makes a target of a function of bytes: for the fuzzer where it builds, else a program that reads
/// the files that it is given, so that what was found once is tried again on any compiler.
#[macro_export]
macro_rules! target {
    ($read:expr) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            let read: fn(&[u8]) = $read;
            read(data)
        });

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            let read: fn(&[u8]) = $read;
            for path in std::env::args_os().skip(1) {
                read(&std::fs::read(path)?);
            }
            Ok(())
        }
    };
}
