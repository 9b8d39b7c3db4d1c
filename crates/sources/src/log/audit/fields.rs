//! One line of the audit log: `type=SYSCALL msg=audit(1772352000.123:4711): arch=c000003e ..`.

/// One record of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuditRecord {
    /// The host that sent it, where audisp writes one.
    pub node: String,
    /// `SYSCALL`, `EXECVE`, `PATH`...
    pub kind: String,
    /// Milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The number of the event.
    pub serial: u64,
    /// Its fields, decoded.
    pub fields: Vec<(String, String)>,
}

impl AuditRecord {
    /// A field's value.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Whether a program wrote it and not the kernel: such an event is one record.
    pub fn is_from_program(&self) -> bool {
        const KINDS: [&str; 12] = [
            "USER_", "CRED_", "LOGIN", "ADD_", "DEL_", "GRP_", "ACCT_", "SERVICE_", "SYSTEM_",
            "DAEMON_", "CRYPTO_", "CHUSER_",
        ];
        self.kind != "LOGIN" && KINDS.iter().any(|kind| self.kind.starts_with(kind))
    }
}

/// Parses a line; `None` if it is none of the audit log.
pub(crate) fn parse_line(line: &str) -> Option<AuditRecord> {
    let mut record = AuditRecord::default();
    let mut rest = line.trim_start();
    if let Some(after) = rest.strip_prefix("node=") {
        let (node, after) = after.split_once(' ')?;
        node.clone_into(&mut record.node);
        rest = after;
    }
    let (kind, after) = rest.strip_prefix("type=")?.split_once(" msg=audit(")?;
    let (stamp, fields) = after.split_once("):")?;
    let (time, serial) = stamp.rsplit_once(':')?;
    kind.clone_into(&mut record.kind);
    record.time_ms = super::super::time::epoch_s(time)?;
    record.serial = serial.parse().ok()?;
    let decoded = kind == "EXECVE" || kind == "PROCTITLE";
    add_fields(fields, decoded, &mut record.fields);
    Some(record)
}

/// Fields that hold text of others and are in hexadecimal where it has spaces or quotes.
const ENCODED: [&str; 14] = [
    "name",
    "exe",
    "comm",
    "cwd",
    "proctitle",
    "acct",
    "cmd",
    "path",
    "key",
    "dir",
    "file",
    "data",
    "watch",
    "old-name",
];

fn add_fields(text: &str, arguments: bool, fields: &mut Vec<(String, String)>) {
    let mut rest = text.trim_start_matches([' ', '\u{1d}']);
    while let Some((key, after)) = rest.split_once('=') {
        // What has no `=` before the next field is not a field: the key is the last word.
        let key = key.rsplit(' ').next().unwrap_or(key);
        let (value, quoted, after) = value(after);
        if let ("msg", true) = (key, quoted) {
            // What a program says is one quoted field with fields in it.
            add_fields(value, false, fields);
        } else if fields.len() < crate::limits::COLUMNS_MAX {
            let is_argument = arguments && key.strip_prefix('a').is_some_and(is_number);
            let encoded = !quoted && (is_argument || ENCODED.contains(&key));
            let decoded = if encoded { hex(value) } else { None };
            fields.push((key.to_owned(), decoded.unwrap_or_else(|| value.to_owned())));
        }
        rest = after.trim_start_matches([' ', '\u{1d}']);
    }
}

fn is_number(text: &str) -> bool {
    // Long arguments come in pieces: `a1[0]`.
    let digits = text.split_once('[').map_or(text, |(digits, _)| digits);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A value, whether it was quoted, and what follows.
fn value(text: &str) -> (&str, bool, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote)
            && let Some((value, after)) = inner.split_once(quote)
        {
            return (value, true, after);
        }
    }
    let end = text.find([' ', '\u{1d}']).unwrap_or(text.len());
    let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
    (value, false, after)
}

/// Text in hexadecimal; zero bytes stand between the arguments of a command line.
fn hex(value: &str) -> Option<String> {
    if value.len() < 2 || value.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut bytes = hex::decode(value).ok()?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_hexadecimal_is_decoded_and_numbers_are_not() {
        let record = parse_line(
            "node=web1 type=EXECVE msg=audit(1772352000.123:7): argc=3 a0=\"sh\" \
             a1=2D63 a2=6563686F2022686922",
        )
        .unwrap();
        assert_eq!((record.node.as_str(), record.serial), ("web1", 7));
        assert_eq!(record.time_ms, 1_772_352_000_123);
        assert_eq!(record.get("a1"), Some("-c"));
        assert_eq!(record.get("a2"), Some("echo \"hi\""));
        let syscall = parse_line("type=SYSCALL msg=audit(1.0:1): a0=1000 comm=\"a b\" items=2");
        let syscall = syscall.unwrap();
        assert_eq!(syscall.get("a0"), Some("1000"));
        assert_eq!(syscall.get("comm"), Some("a b"));
        let title = "type=PROCTITLE msg=audit(1.0:1): proctitle=6C73002D6C";
        assert_eq!(parse_line(title).unwrap().get("proctitle"), Some("ls -l"));
    }

    #[test]
    fn what_a_program_says_is_taken_apart() {
        let line = "type=USER_LOGIN msg=audit(1.0:1): pid=8 uid=0 msg='op=login acct=\"ann\" \
                    exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.7 terminal=ssh res=failed'\
                    \u{1d}UID=\"root\"";
        let record = parse_line(line).unwrap();
        assert!(record.is_from_program());
        for (key, value) in
            [("acct", "ann"), ("addr", "192.0.2.7"), ("res", "failed"), ("UID", "root")]
        {
            assert_eq!(record.get(key), Some(value), "{record:?}");
        }
    }

    #[test]
    fn other_text_is_no_record() {
        for line in ["", "type=SYSCALL", "type=A msg=audit(x:1): a=b", "type=A msg=audit(1.0:y):"] {
            assert!(parse_line(line).is_none(), "{line}");
        }
    }
}
