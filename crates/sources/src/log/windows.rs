//! Events of Windows, whatever way they came: `raw` holds them flat, under the names that Sigma
//! rules use, and this makes the OCSF view.

pub(crate) mod direct;
pub(crate) mod flat;
mod security;
mod sysmon;
mod system;

use serde_json::{Map, Value};

use super::ocsf::{
    Event, Object, Os, PROCESS_ID, Product, class, device_with_os, process, severity, user,
};
use super::{Record, int, text, value_int};

/// The four fields that tell an event apart. Nothing of an event's own data takes their names.
pub(crate) const IDENTITY: [&str; 4] = ["EventID", "Channel", "Provider_Name", "Computer"];

const PRODUCT: Product = Product { name: "Windows", vendor: "Microsoft" };
const SYSMON: Product = Product { name: "Sysmon", vendor: "Microsoft" };

/// Makes the record of a flat event.
pub(crate) fn record(raw: Map<String, Value>, time_ms: i64, context_host: &str) -> Record {
    let fields = Fields { raw: &raw, time_ms };
    let event = fields.event();
    let host = fields.text("Computer").unwrap_or(context_host);
    let event = event
        .with(|body| body.object("device", device_with_os(host, Os::Windows)))
        .metadata(|metadata| {
            metadata
                .text("event_code", fields.event_id().to_string().as_str())
                .text("log_name", fields.text("Channel"))
                .text("log_provider", fields.text("Provider_Name"))
        });
    let host = host.to_owned();
    event.record(&host, raw)
}

/// A flat event, for those who make its view.
#[derive(Clone, Copy)]
struct Fields<'a> {
    raw: &'a Map<String, Value>,
    time_ms: i64,
}

impl<'a> Fields<'a> {
    fn text(self, key: &str) -> Option<&'a str> {
        text(self.raw, key)
    }

    fn int(self, key: &str) -> Option<i64> {
        int(self.raw, key)
    }

    fn event_id(self) -> i64 {
        self.raw.get("EventID").and_then(value_int).unwrap_or(0)
    }

    fn event(self) -> Event {
        let provider = self.text("Provider_Name").unwrap_or_default();
        let channel = self.text("Channel").unwrap_or_default();
        let known = if provider == "Microsoft-Windows-Sysmon" || channel.contains("Sysmon") {
            sysmon::event(self)
        } else if channel == "Security" || provider == "Microsoft-Windows-Security-Auditing" {
            security::event(self)
        } else {
            system::event(self, channel, provider)
        };
        known.unwrap_or_else(|| self.of(class::BASE, 0)).severity_at_least(self.severity())
    }

    /// An event of a class.
    fn of(self, class_uid: u32, activity_id: u32) -> Event {
        Event::new(class_uid, activity_id, self.time_ms, PRODUCT)
    }

    /// The level of the event: 1 critical, 2 error, 3 warning, 4 and 0 information.
    fn severity(self) -> i64 {
        match self.int("Level") {
            Some(1) => severity::CRITICAL,
            Some(2) => severity::MEDIUM,
            Some(3) => severity::LOW,
            _ => severity::INFORMATIONAL,
        }
    }

    /// The process of the fields with these names, with its user.
    fn process(self, pid: &str, image: &str, guid: &str) -> Option<Object> {
        process(self.int(pid), self.text(image))
            .text("uid", self.text(guid))
            .with_one_of(&PROCESS_ID)
    }

    /// The account of the fields that begin so: `SubjectUserName`, `SubjectUserSid`...
    fn account(self, prefix: &str) -> Option<Object> {
        let field = |name: &str| self.text(&format!("{prefix}{name}"));
        let sid = field("UserSid").or_else(|| field("Sid"));
        user(field("UserName"), sid, field("DomainName"))
    }
}

/// An actor of these; the schema wants it not to be empty.
fn actor(process: Option<Object>, user: Option<Object>) -> Object {
    let actor = Object::new().object("process", process).object("user", user);
    if actor.is_empty() { actor.text("app_name", "Windows") } else { actor }
}

/// The account of a text such as `CORP\ann`.
fn named_user(name: Option<&str>) -> Option<Object> {
    let name = name?;
    match name.split_once('\\') {
        Some((domain, name)) => user(name, None, domain),
        None => user(name, None, None),
    }
}

/// A process that the schema requires, also where the source does not tell which it was.
fn required_process(process: Option<Object>) -> Object {
    process.unwrap_or_else(|| Object::new().int("pid", 0))
}

/// A registry path as a key and the name of a value.
fn key_and_value(path: &str) -> (&str, &str) {
    path.rsplit_once('\\').unwrap_or(("", path))
}
