//! systemd's journal as JSON: `journalctl -o json`.
//!
//! One entry a line (or a list, or pretty-printed). `raw` keeps the journal's own field names;
//! logins, `sudo`, accounts, cron and services get a class of their own, as for syslog.

use std::io::BufRead;

use crate::log::json::read_json;
use crate::log::{Context, Counts, Head, LogError, LogSource, Sink, journal};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "journald_json",
    title: "systemd journal (JSON)",
    example: "journal.json",
    standard: "https://systemd.io/JOURNAL_EXPORT_FORMATS/",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["__REALTIME_TIMESTAMP"])
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, journal::record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Record;
    use std::ops::ControlFlow;

    #[test]
    fn a_message_of_bytes_is_read_as_text() {
        // "Invalid user", a byte that is no text, " from 192.0.2.4".
        let line = br#"{"__REALTIME_TIMESTAMP":"1772352000000000","SYSLOG_IDENTIFIER":"sshd",
            "MESSAGE":[73,110,118,97,108,105,100,32,117,115,101,114,32,255,32,102,114,111,109,32,
            49,57,50,46,48,46,50,46,52]}"#;
        let mut found = None;
        let mut sink = |record: Record| {
            found = Some(record);
            ControlFlow::Continue(())
        };
        read(&mut &line[..], &Context { host: "web1", ..Context::default() }, &mut sink).unwrap();
        let record = found.unwrap();
        assert_eq!((record.time_ms, record.class_uid), (1_772_352_000_000, 3_002));
        assert_eq!(record.ocsf["user"]["name"], "\u{fffd}");
        assert_eq!(record.host, "web1");
    }
}
