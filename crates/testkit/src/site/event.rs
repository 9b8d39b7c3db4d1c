//! One log record, in the form in which its source writes it.

use std::fmt::Write as _;

/// What writes a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A Windows event as flat JSON, one line.
    Windows,
    /// Lines of the Linux audit log.
    Audit,
    /// A line of syslog.
    Syslog,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened, milliseconds since the Unix epoch. The text does not tell it again.
    pub time_ms: i64,
    /// The machine's place in [`super::Site::machines`].
    pub machine: usize,
    /// What wrote it.
    pub form: Form,
    /// The fields of a Windows event.
    fields: Vec<(&'static str, String)>,
    /// The text of a Linux record, without its time.
    text: String,
}

impl Event {
    /// A Windows event.
    pub(crate) fn windows(
        time_ms: i64,
        machine: usize,
        channel: &'static str,
        id: u32,
        fields: Vec<(&'static str, String)>,
    ) -> Self {
        let mut all = vec![("Channel", channel.to_owned()), ("EventID", id.to_string())];
        all.extend(fields);
        Self { time_ms, machine, form: Form::Windows, fields: all, text: String::new() }
    }

    /// A Linux record.
    pub(crate) fn text(time_ms: i64, machine: usize, form: Form, text: String) -> Self {
        Self { time_ms, machine, form, fields: Vec::new(), text }
    }

    /// The record as its source writes it, with the name of its machine.
    pub fn line(&self, host: &str) -> String {
        let (seconds, rest) = (self.time_ms / 1_000, self.time_ms % 1_000);
        match self.form {
            Form::Windows => self.json(host),
            Form::Audit => {
                let serial = self.time_ms % 10_000_000;
                let stamp = format!("msg=audit({seconds}.{rest:03}:{serial}):");
                self.text.replace("msg=", &stamp)
            }
            Form::Syslog => format!("{} {host} {}", iso(self.time_ms), self.text),
        }
    }

    fn json(&self, host: &str) -> String {
        let mut out = format!("{{\"@timestamp\":\"{}\",\"Computer\":\"{host}\"", iso(self.time_ms));
        for (name, value) in &self.fields {
            let is_number = *name == "EventID";
            // Writing into a string cannot fail.
            if is_number {
                _ = write!(out, ",\"{name}\":{value}");
            } else {
                _ = write!(out, ",\"{name}\":\"{}\"", escaped(value));
            }
        }
        out.push('}');
        out
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A time of the 21st century as RFC 3339, by the civil calendar of H. Hinnant ("chrono-compatible
/// low-level date algorithms").
fn iso(time_ms: i64) -> String {
    let (days, in_day) = (time_ms.div_euclid(86_400_000), time_ms.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, ms) = (in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_civil() {
        assert_eq!(iso(super::super::START_MS), "2026-03-02T00:00:00.000Z");
        assert_eq!(iso(1_709_210_096_789), "2024-02-29T12:34:56.789Z");
    }

    #[test]
    fn a_windows_event_is_one_line_of_json() {
        let event =
            Event::windows(0, 0, "Security", 4688, vec![("CommandLine", "a \"b\\c\"".into())]);
        assert_eq!(
            event.line("pc1"),
            r#"{"@timestamp":"1970-01-01T00:00:00.000Z","Computer":"pc1","Channel":"Security","EventID":4688,"CommandLine":"a \"b\\c\""}"#
        );
    }
}
