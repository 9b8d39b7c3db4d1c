//! Messages of Unix programs, whatever way they came: syslog, the journal. The text tells what
//! happened; what has no class of its own is a Base Event with its message.

mod accounts;
mod logins;

use serde_json::{Map, Value};

use super::Record;
use super::ocsf::{
    Event, Object, Os, Product, class, connection, device_with_os, endpoint, process, severity,
    user,
};

/// One message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message<'a> {
    pub time_ms: i64,
    pub host: &'a str,
    /// The program's name.
    pub program: &'a str,
    pub pid: Option<i64>,
    pub text: &'a str,
    /// 0 (emergency) to 7 (debug), as in RFC 5424.
    pub severity: Option<i64>,
}

impl Message<'_> {
    /// The record of the message.
    pub fn record(&self, product: Product, raw: Map<String, Value>) -> Record {
        let event = self.event(product).unwrap_or_else(|| {
            self.of(class::BASE, 0, product)
                .with(|body| body.text("message", self.text).object("actor", self.writer(None)))
        });
        let severity = match self.severity {
            Some(0..=2) => severity::CRITICAL,
            Some(3) => severity::MEDIUM,
            Some(4) => severity::LOW,
            _ => severity::INFORMATIONAL,
        };
        event
            .severity_at_least(severity)
            .with(|body| body.object("device", device_with_os(self.host, Os::Linux)))
            .metadata(|metadata| metadata.text("log_provider", self.program))
            .record(self.host, raw)
    }

    fn of(&self, class_uid: u32, activity_id: u32, product: Product) -> Event {
        Event::new(class_uid, activity_id, self.time_ms, product)
    }

    /// The program that wrote it.
    fn process(&self) -> Object {
        process(self.pid, None).text("name", self.program)
    }

    /// The program as the one that did it.
    fn writer(&self, by: Option<Object>) -> Object {
        let process = self.pid.map(|_| self.process());
        let actor = Object::new().object("process", process).object("user", by);
        if actor.is_empty() { actor.text("app_name", self.program) } else { actor }
    }

    fn event(&self, product: Product) -> Option<Event> {
        logins::event(self, product).or_else(|| accounts::event(self, product)).or_else(|| {
            match self.program {
                "CRON" | "cron" | "crond" | "CROND" | "anacron" => self.job(product),
                "systemd" => self.unit(product),
                "kernel" => self.packet(product),
                "dnsmasq" => self.query(product),
                _ => None,
            }
        })
    }

    /// `(root) CMD (run-parts /etc/cron.hourly)`.
    fn job(&self, product: Product) -> Option<Event> {
        let (name, command) = self.text.strip_prefix('(')?.split_once(") CMD (")?;
        let command = command.strip_suffix(')').unwrap_or(command).trim();
        let job = Object::new()
            .text("name", command)
            .text("cmd_line", command)
            .int("type_id", 2)
            .object("user", user(name, None, None));
        let event = self.of(class::SCHEDULED_JOB, 6, product);
        Some(event.with(|body| {
            body.object("job", job).object("actor", self.writer(user(name, None, None)))
        }))
    }

    /// `Started nginx.service - A web server.`
    fn unit(&self, product: Product) -> Option<Event> {
        let (verb, name) = self.text.split_once(' ')?;
        let activity_id = match verb {
            "Started" => 3,
            "Stopped" => 4,
            _ => return None,
        };
        let app = Object::new().text("name", name.trim_end_matches('.'));
        let event = self.of(class::APPLICATION_LIFECYCLE, activity_id, product);
        Some(event.with(|body| body.object("app", app).text("message", self.text)))
    }

    /// What the kernel's packet filter logs: `[UFW BLOCK] IN=eth0 OUT= SRC=.. DST=.. PROTO=TCP`.
    fn packet(&self, product: Product) -> Option<Event> {
        let field = |key: &str| {
            self.text.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let (source, target) = (field("SRC")?, field("DST")?);
        let port = |key: &str| field(key).and_then(|port| port.parse().ok());
        let refused = ["BLOCK", "DROP", "REJECT", "DENY"].iter().any(|w| self.text.contains(w));
        let direction = match (field("IN"), field("OUT")) {
            (Some("") | None, Some(_)) => 2,
            (Some(_), Some("") | None) => 1,
            _ => 0,
        };
        let event = self.of(class::NETWORK, if refused { 5 } else { 6 }, product);
        Some(event.with(|body| {
            body.object("src_endpoint", endpoint(source, port("SPT")))
                .object("dst_endpoint", endpoint(target, port("DPT")))
                .object("connection_info", connection(field("PROTO"), direction))
        }))
    }

    /// `query[A] example.org from 192.0.2.7`.
    fn query(&self, product: Product) -> Option<Event> {
        let (kind, rest) = self.text.strip_prefix("query[")?.split_once("] ")?;
        let (name, client) = rest.split_once(" from ")?;
        let query = Object::new().text("hostname", name).text("type", kind);
        let event = self.of(class::DNS, 1, product);
        Some(event.with(|body| {
            body.object("query", query).object("src_endpoint", endpoint(client.trim(), None))
        }))
    }
}

/// The word after `key` in a text such as `rhost=192.0.2.7  user=ann`.
fn value_after<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.split_whitespace().find_map(|word| word.strip_prefix(key)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCT: Product = Product { name: "syslog", vendor: "" };

    fn record(program: &str, text: &str) -> Record {
        let message = Message { program, text, pid: Some(7), host: "h", ..Message::default() };
        message.record(PRODUCT, Map::new())
    }

    #[test]
    fn messages_find_their_class_and_activity() {
        for (program, text, class_uid, activity) in [
            (
                "sshd",
                "Accepted publickey for ann from 192.0.2.7 port 50122 ssh2: ED25519 x",
                3_002,
                1,
            ),
            (
                "sshd-session",
                "Failed password for invalid user bob from 192.0.2.9 port 4 ssh2",
                3_002,
                1,
            ),
            (
                "sshd",
                "pam_unix(sshd:session): session opened for user ann(uid=1000) by ann(uid=0)",
                3_002,
                1,
            ),
            ("sshd", "pam_unix(sshd:session): session closed for user ann", 3_002, 2),
            (
                "sudo",
                "ann : TTY=pts/0 ; PWD=/home/ann ; USER=root ; COMMAND=/usr/bin/id -u",
                3_002,
                7,
            ),
            ("su", "(to root) ann on pts/0", 3_002, 7),
            (
                "useradd",
                "new user: name=eve, UID=1001, GID=1001, home=/home/eve, shell=/bin/sh",
                3_001,
                1,
            ),
            ("usermod", "add 'eve' to group 'sudo'", 3_006, 3),
            ("CRON", "(root) CMD (run-parts /etc/cron.hourly)", 1_006, 6),
            ("systemd", "Started nginx.service - A web server.", 6_002, 3),
            (
                "kernel",
                "[UFW BLOCK] IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 PROTO=TCP SPT=1 DPT=22",
                4_001,
                5,
            ),
            ("dnsmasq", "query[A] example.org from 192.0.2.7", 4_003, 1),
            ("nginx", "something else", 0, 0),
        ] {
            let record = record(program, text);
            assert_eq!(record.class_uid, class_uid, "{text}");
            assert_eq!(record.ocsf["activity_id"], activity, "{text}");
        }
    }

    #[test]
    fn a_failed_login_says_who_and_from_where() {
        let record =
            record("sshd", "Failed password for invalid user bob from 192.0.2.9 port 4 ssh2");
        assert_eq!(record.ocsf["user"]["name"], "bob");
        assert_eq!(record.ocsf["src_endpoint"]["ip"], "192.0.2.9");
        assert_eq!(record.ocsf["src_endpoint"]["port"], 4);
        assert_eq!(record.ocsf["status_id"], 2);
    }
}
