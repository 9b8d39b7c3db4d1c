//! The Linux audit system: `/var/log/audit/audit.log`.
//!
//! Records of one event are joined by their serial number: the system call, its arguments, the
//! paths, the working folder. Raw and enriched form, with or without `node=`. `raw` has the fields
//! of all records; `type` lists the records' types, a field that several records have is a list,
//! and `a0`, `a1`, .. are the arguments of the program where one was started (the system call's own
//! are then `syscall_a0`, ..). Text that the kernel writes in hexadecimal is decoded.

use std::io::BufRead;
use std::ops::ControlFlow;

use crate::limits::AUDIT_LINE_BYTES_MAX;
use crate::log::audit::{Joiner, parse_line, record};
use crate::log::lines::{Line, Lines, TOO_LONG, cut_short, lossy};
use crate::log::{Context, Counts, Head, LogError, LogSource, Sink};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "auditd",
    title: "Linux audit log",
    example: "var/log/audit/audit.log",
    standard: "https://github.com/linux-audit/audit-documentation/wiki",
    wants,
    read,
};

fn wants(head: &Head<'_>) -> bool {
    head.most_lines(|line| parse_line(line).is_some())
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    let mut counts = Counts::default();
    let mut lines = Lines::new(input);
    let mut joiner = Joiner::default();
    let mut error = None;
    loop {
        let (parsed, was_lossy, bytes) = match lines.next() {
            Ok(None) => break,
            Err(broken) => {
                error = Some(broken);
                break;
            }
            Ok(Some(Line::TooLong)) => (Err(TOO_LONG), false, 0),
            Ok(Some(Line::Bytes(bytes))) if bytes.len() > AUDIT_LINE_BYTES_MAX => {
                (Err("over the limit of 64 KiB for one line"), false, 0)
            }
            Ok(Some(Line::Bytes(bytes))) if bytes.trim_ascii().is_empty() => continue,
            Ok(Some(Line::Bytes(bytes))) => {
                let (text, was_lossy) = lossy(bytes);
                (parse_line(&text).ok_or("it is no audit record"), was_lossy, bytes.len())
            }
        };
        let number = lines.number();
        counts.lossy += u64::from(was_lossy);
        match parsed {
            Err(reason) => counts.bad(|| format!("line {number}"), reason),
            Ok(parsed) => {
                if let Some(event) = joiner.push(parsed, bytes)
                    && let ControlFlow::Break(()) = counts.record(record(&event, context), sink)
                {
                    return Ok(counts);
                }
            }
        }
    }
    for event in joiner.rest() {
        if let ControlFlow::Break(()) = counts.record(record(&event, context), sink) {
            return Ok(counts);
        }
    }
    match error {
        None => Ok(counts),
        Some(error) => cut_short(counts, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Record;

    fn read_all(text: &str) -> Vec<Record> {
        let mut records = Vec::new();
        let mut sink = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        let counts = read(&mut text.as_bytes(), &Context::default(), &mut sink).unwrap();
        assert_eq!(counts.bad, 0, "{counts:?}");
        records
    }

    const HEAD: &str = "type=SYSCALL msg=audit(1.000:1): arch=c000003e success=yes exit=0 pid=7 \
                        ppid=6 auid=1000 uid=0 exe=\"/usr/bin/mv\"";

    #[test]
    fn a_rename_says_from_where_to_where_and_by_which_process() {
        let text = format!(
            "{HEAD} syscall=82\ntype=CWD msg=audit(1.000:1): cwd=\"/srv/share\"\n\
             type=PATH msg=audit(1.000:1): item=0 name=\"/srv/share\" nametype=PARENT\n\
             type=PATH msg=audit(1.000:1): item=2 name=\"plan.odt\" nametype=DELETE\n\
             type=PATH msg=audit(1.000:1): item=3 name=\"plan.odt.locked\" nametype=CREATE\n"
        );
        let records = read_all(&text);
        let ocsf = &records[0].ocsf;
        assert_eq!((records.len(), records[0].class_uid), (1, 1_001));
        assert_eq!(ocsf["activity_id"], 5);
        assert_eq!(ocsf["file"]["path"], "/srv/share/plan.odt");
        assert_eq!(ocsf["file_result"]["path"], "/srv/share/plan.odt.locked");
        assert_eq!(ocsf["actor"]["process"]["pid"], 7);
        assert_eq!(ocsf["actor"]["user"]["uid"], "1000");
    }

    #[test]
    fn events_that_are_mixed_are_joined_by_their_serial() {
        let other = HEAD.replace(":1)", ":2)");
        let text = format!(
            "{HEAD} syscall=59 a0=55d0\n{other} syscall=87 a0=7ffc\n\
             type=EXECVE msg=audit(1.000:1): argc=2 a0=\"ls\" a1=2F746D702F6120622F\n\
             type=PATH msg=audit(1.000:2): name=\"/tmp/x\" nametype=DELETE\n\
             type=EOE msg=audit(1.000:2): \ntype=EOE msg=audit(1.000:1): \n"
        );
        let records = read_all(&text);
        let classes: Vec<_> = records.iter().map(|record| record.class_uid).collect();
        assert_eq!(classes, [1_001, 1_007]);
        assert_eq!(records[1].raw["a0"], "ls");
        assert_eq!(records[1].raw["syscall_a0"], "55d0");
        assert_eq!(records[1].raw["type"], serde_json::json!(["SYSCALL", "EXECVE"]));
        assert_eq!(records[1].ocsf["process"]["cmd_line"], "ls \"/tmp/a b/\"");
        assert_eq!(records[0].raw["a0"], "7ffc");
    }

    #[test]
    fn a_connection_says_where_to() {
        let text = format!(
            "{HEAD} syscall=42\ntype=SOCKADDR msg=audit(1.000:1): saddr=020001BBC00002070000000000000000\n"
        );
        let record = &read_all(&text)[0];
        assert_eq!(record.class_uid, 4_001);
        assert_eq!(
            record.ocsf["dst_endpoint"],
            serde_json::json!({"ip": "192.0.2.7", "port": 443})
        );
    }

    #[test]
    fn events_without_end_do_not_pile_up() {
        let line = |n| HEAD.replace(":1)", &format!(":{n})"));
        let text = (0..1_000).map(line).collect::<Vec<_>>().join("\n") + "\n";
        assert_eq!(read_all(&text).len(), 1_000);
    }
}
