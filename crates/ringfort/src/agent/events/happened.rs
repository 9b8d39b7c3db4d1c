//! The things that happen, and their form as OCSF events.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use spine::{Clock, Event, EventClass, EventId, HostId, Rng};

use crate::agent::live::Listener;
use crate::rim::time_text;

/// The version of OCSF whose fields are used.
const OCSF_VERSION: &str = "1.5.0";

/// Something that happened. It is kept whole in the event's own fields, so that it can be read
/// back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// A package came, went or changed.
    Package {
        /// Its name and architecture.
        key: String,
        /// The version before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The version now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// Whether this is the first look, so that it did not just come.
        first: bool,
    },
    /// A socket takes connections, or does so no longer.
    Listener {
        /// Whether it does.
        open: bool,
        /// The socket.
        listener: Listener,
    },
    /// Another kernel runs.
    Kernel {
        /// The one before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The one now.
        to: String,
    },
    /// ringfort started.
    Started {
        /// When it was last alive, milliseconds since the Unix epoch; nothing at the first start.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<i64>,
        /// Whether it had ended by itself.
        clean: bool,
    },
    /// ringfort ended by itself.
    Stopped,
    /// For a while nothing was looked at.
    Gap {
        /// From when, milliseconds since the Unix epoch.
        from_ms: i64,
        /// To when.
        to_ms: i64,
    },
    /// Something else that concerns the record of events.
    Note {
        /// In plain words.
        text: String,
    },
}

/// The parts of an OCSF event that differ.
struct Form {
    source: &'static str,
    class: EventClass,
    activity: u32,
    message: String,
    fields: Value,
}

impl What {
    /// What an event of the log says, if it is one of these.
    pub fn of(event: &Event) -> Option<Self> {
        serde_json::from_value(Value::Object(event.raw.clone())).ok()
    }

    /// The event.
    pub fn event(&self, host: HostId, time_ms: i64, (clock, rng): (&dyn Clock, &dyn Rng)) -> Event {
        let form = self.form();
        let class = form.class.uid();
        let mut ocsf = json!({
            "class_uid": class,
            "category_uid": class / 1_000,
            "activity_id": form.activity,
            "type_uid": class * 100 + form.activity,
            "severity_id": 1,
            "time": time_ms,
            "message": form.message,
            "metadata": {
                "version": OCSF_VERSION,
                "product": {
                    "name": "ringfort", "vendor_name": "ringfort",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            },
            "device": { "uid": host.to_string(), "type_id": 0 },
        });
        if let (Some(all), Value::Object(fields)) = (ocsf.as_object_mut(), form.fields) {
            all.extend(fields);
        }
        let object = |value| match value {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Event {
            id: EventId::new(clock, rng),
            time_ms,
            host,
            source: form.source.to_owned(),
            class_uid: form.class,
            ocsf: object(ocsf),
            raw: object(serde_json::to_value(self).unwrap_or_default()),
        }
    }

    fn form(&self) -> Form {
        match self {
            Self::Package { key, from, to, first } => {
                package(key, from.as_ref(), to.as_ref(), *first)
            }
            Self::Listener { open, listener } => socket(*open, listener),
            Self::Kernel { from, to } => Form {
                source: "kernel",
                class: EventClass::DeviceInventory,
                activity: 2,
                message: match from {
                    Some(from) => format!("the kernel that runs is {to}; before it was {from}"),
                    None => format!("the kernel that runs is {to}"),
                },
                fields: json!({ "device": { "type_id": 0, "os": {
                    "name": "Linux", "type_id": 200, "kernel_release": to,
                } } }),
            },
            Self::Started { after_ms, clean } => own(
                3,
                match (after_ms, clean) {
                    (None, _) => "ringfort started for the first time".to_owned(),
                    (Some(_), true) => "ringfort started again after it had ended".to_owned(),
                    (Some(after_ms), false) => {
                        let after = time_text(*after_ms);
                        format!(
                            "ringfort started again; it had not ended by itself (last seen {after})"
                        )
                    }
                },
            ),
            Self::Stopped => own(4, "ringfort ended".to_owned()),
            Self::Gap { from_ms, to_ms } => {
                let (from, to) = (time_text(*from_ms), time_text(*to_ms));
                own(99, format!("nothing was looked at from {from} to {to}"))
            }
            Self::Note { text } => own(99, text.clone()),
        }
    }
}

/// OCSF 5020 (Software Inventory Info, Collect) for the first look, 6002 (Application Lifecycle:
/// Install, Remove, Update) for changes.
fn package(key: &str, from: Option<&String>, to: Option<&String>, first: bool) -> Form {
    let version = to.or(from).cloned().unwrap_or_default();
    let (name, arch) = key.rsplit_once(':').unwrap_or((key, ""));
    if first {
        return Form {
            source: "packages",
            class: EventClass::SoftwareInventory,
            activity: 2,
            message: format!("{key} {version} is installed"),
            fields: json!({ "package": {
                "name": name, "version": version, "architecture": arch, "type_id": 2,
            } }),
        };
    }
    let (activity, message) = match (from, to) {
        (None, _) => (1, format!("{key} {version} was installed")),
        (Some(_), None) => (2, format!("{key} {version} was removed")),
        (Some(from), Some(to)) => (8, format!("{key} was updated from {from} to {to}")),
    };
    Form {
        source: "packages",
        class: EventClass::ApplicationLifecycle,
        activity,
        message,
        fields: json!({ "app": { "name": name, "version": version, "vendor_name": "dpkg" } }),
    }
}

/// OCSF 4001 (Network Activity: Listen, Close).
fn socket(open: bool, listener: &Listener) -> Form {
    let who = listener.program.as_deref().unwrap_or("a program that could not be told");
    let verb = if open { "listens" } else { "no longer listens" };
    let (protocol, address) = (&listener.protocol, listener.address);
    let at = std::net::SocketAddr::new(address, listener.port);
    let version = if address.is_ipv6() { 6 } else { 4 };
    Form {
        source: "listeners",
        class: EventClass::NetworkActivity,
        activity: if open { 7 } else { 2 },
        message: format!("{who} {verb} on {protocol} {at}"),
        fields: json!({
            "dst_endpoint": { "ip": address.to_string(), "port": listener.port },
            "connection_info": {
                "protocol_name": protocol, "protocol_ver_id": version, "direction_id": 1,
            },
            "app_name": listener.program,
        }),
    }
}

/// OCSF 6002 of ringfort itself.
fn own(activity: u32, message: String) -> Form {
    let app = json!({ "name": "ringfort", "vendor_name": "ringfort",
        "version": env!("CARGO_PKG_VERSION") });
    Form {
        source: "ringfort",
        class: EventClass::ApplicationLifecycle,
        activity,
        message,
        fields: json!({ "app": app }),
    }
}
