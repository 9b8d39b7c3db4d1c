//! Events of the Linux audit system: records of one serial, joined, and what they mean.

mod fields;
mod syscalls;
mod view;

pub(crate) use fields::{AuditRecord, parse_line};
pub(crate) use view::record;

use std::collections::VecDeque;

use crate::limits::{AUDIT_BYTES_MAX, AUDIT_JOINED_MAX, AUDIT_OPEN_MAX};

/// The records of one event.
#[derive(Debug, Default)]
pub(crate) struct AuditEvent {
    /// Host, time and serial: what makes records one event.
    pub id: (String, i64, u64),
    /// Bytes of its lines.
    bytes: usize,
    /// The records, in the order in which they came.
    pub records: Vec<AuditRecord>,
}

/// Joins records of one event. Records of several events may be mixed, as several processors write
/// them; an event is handed out when its end is seen, or when too many others have begun.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    open: VecDeque<AuditEvent>,
    /// Bytes of their lines.
    bytes: usize,
}

impl Joiner {
    /// Takes a record; an event that is now complete, or the oldest where too many are open.
    pub fn push(&mut self, record: AuditRecord, bytes: usize) -> Option<AuditEvent> {
        let id = (record.node.clone(), record.time_ms, record.serial);
        // Programs' own messages are whole events of one record; the kernel's end with EOE, or
        // with PROCTITLE where EOE is not kept.
        let alone = record.is_from_program();
        let ends = matches!(record.kind.as_str(), "EOE" | "PROCTITLE") || alone;
        let at = match self.open.iter().position(|event| event.id == id) {
            Some(at) => at,
            None if record.kind == "EOE" => return None,
            None => {
                self.open.push_back(AuditEvent { id, bytes: 0, records: Vec::new() });
                self.open.len() - 1
            }
        };
        if let Some(event) = self.open.get_mut(at)
            && record.kind != "EOE"
            && event.records.len() < AUDIT_JOINED_MAX
        {
            event.records.push(record);
            event.bytes += bytes;
            self.bytes += bytes;
        }
        let at = if ends {
            at
        } else if self.open.len() > AUDIT_OPEN_MAX || self.bytes > AUDIT_BYTES_MAX {
            0
        } else {
            return None;
        };
        let event = self.open.remove(at)?;
        self.bytes -= event.bytes;
        Some(event)
    }

    /// What is still open at the end of the file, the oldest first.
    pub fn rest(self) -> impl Iterator<Item = AuditEvent> {
        self.open.into_iter()
    }
}
