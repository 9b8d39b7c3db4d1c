//! An event as every detector sees it.

use serde_json::{Map, Value};

/// One event, borrowed from whoever read it. Detectors take this and nothing else, so that a file
/// of logs, the live stream and a stored event are judged alike.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// When it happened, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The name of the host it happened on; empty where the source does not tell.
    pub host: &'a str,
    /// The registered name of the log source, such as `evtx`.
    pub source: &'a str,
    /// The OCSF `class_uid`.
    pub class_uid: u32,
    /// The OCSF view.
    pub ocsf: &'a Map<String, Value>,
    /// The source's own fields, by the names that the source gives them.
    pub raw: &'a Map<String, Value>,
}
