//! Builds the OCSF view of a record (OCSF schema 1.x). Only what the source tells goes in: an
//! attribute without a value is left out, and so is an object without attributes.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Record;

/// The version of the schema that the views follow.
pub(crate) const VERSION: &str = "1.9.0-dev";

/// The classes that log sources emit, by `class_uid`.
pub(crate) mod class {
    pub const BASE: u32 = 0;
    pub const FILE: u32 = 1_001;
    pub const KERNEL_EXTENSION: u32 = 1_002;
    pub const MODULE: u32 = 1_005;
    pub const SCHEDULED_JOB: u32 = 1_006;
    pub const PROCESS: u32 = 1_007;
    pub const EVENT_LOG: u32 = 1_008;
    pub const SCRIPT: u32 = 1_009;
    pub const REGISTRY_KEY: u32 = 201_001;
    pub const REGISTRY_VALUE: u32 = 201_002;
    pub const WINDOWS_RESOURCE: u32 = 201_003;
    pub const WINDOWS_SERVICE: u32 = 201_004;
    pub const DETECTION_FINDING: u32 = 2_004;
    pub const ACCOUNT_CHANGE: u32 = 3_001;
    pub const AUTHENTICATION: u32 = 3_002;
    pub const AUTHORIZE_SESSION: u32 = 3_003;
    pub const GROUP_MANAGEMENT: u32 = 3_006;
    pub const NETWORK: u32 = 4_001;
    pub const HTTP: u32 = 4_002;
    pub const DNS: u32 = 4_003;
    pub const DHCP: u32 = 4_004;
    pub const RDP: u32 = 4_005;
    pub const SMB: u32 = 4_006;
    pub const SSH: u32 = 4_007;
    pub const FTP: u32 = 4_008;
    pub const EMAIL: u32 = 4_009;
    pub const APPLICATION_LIFECYCLE: u32 = 6_002;
    pub const API: u32 = 6_003;
}

/// `severity_id`.
pub(crate) mod severity {
    pub const UNKNOWN: i64 = 0;
    pub const INFORMATIONAL: i64 = 1;
    pub const LOW: i64 = 2;
    pub const MEDIUM: i64 = 3;
    pub const HIGH: i64 = 4;
    pub const CRITICAL: i64 = 5;
}

/// `status_id`.
pub(crate) const SUCCESS: i64 = 1;
/// `status_id`.
pub(crate) const FAILURE: i64 = 2;
/// `activity_id` and many others: something that the schema has no word for.
pub(crate) const OTHER: u32 = 99;

/// An object under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object(Map<String, Value>);

impl Object {
    pub fn new() -> Self {
        Self(Map::with_capacity(6))
    }

    /// Text; nothing if it is empty or the dash that stands for nothing.
    #[must_use]
    pub fn text<'a>(mut self, key: &str, value: impl Into<Option<&'a str>>) -> Self {
        if let Some(value) = value.into().filter(|value| !matches!(*value, "" | "-")) {
            self.0.insert(key.to_owned(), Value::String(value.to_owned()));
        }
        self
    }

    /// A number.
    #[must_use]
    pub fn int(mut self, key: &str, value: impl Into<Option<i64>>) -> Self {
        if let Some(value) = value.into() {
            self.0.insert(key.to_owned(), Value::from(value));
        }
        self
    }

    /// Yes or no.
    #[must_use]
    pub fn flag(mut self, key: &str, value: impl Into<Option<bool>>) -> Self {
        if let Some(value) = value.into() {
            self.0.insert(key.to_owned(), Value::Bool(value));
        }
        self
    }

    /// An inner object; nothing if it is empty.
    #[must_use]
    pub fn object(mut self, key: &str, value: impl Into<Option<Self>>) -> Self {
        if let Some(value) = value.into().filter(|value| !value.is_empty()) {
            self.0.insert(key.to_owned(), Value::Object(value.0));
        }
        self
    }

    /// A list of objects; nothing if it is empty.
    #[must_use]
    pub fn objects(mut self, key: &str, values: impl IntoIterator<Item = Self>) -> Self {
        let list: Vec<Value> =
            values.into_iter().filter(|o| !o.is_empty()).map(|o| Value::Object(o.0)).collect();
        if !list.is_empty() {
            self.0.insert(key.to_owned(), Value::Array(list));
        }
        self
    }

    /// A list of text; nothing if it is empty.
    #[must_use]
    pub fn texts<'a>(mut self, key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let list: Vec<Value> = values.into_iter().map(Value::from).collect();
        if !list.is_empty() {
            self.0.insert(key.to_owned(), Value::Array(list));
        }
        self
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object, if it has one of the attributes of which the schema asks for at least one.
    pub fn with_one_of(self, keys: &[&str]) -> Option<Self> {
        keys.iter().any(|key| self.0.contains_key(*key)).then_some(self)
    }
}

/// Who made a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    /// What it is called.
    pub name: &'static str,
    /// Who makes it; may be empty.
    pub vendor: &'static str,
}

/// An event under construction.
#[derive(Debug)]
pub(crate) struct Event {
    time_ms: i64,
    class_uid: u32,
    activity_id: u32,
    severity_id: i64,
    metadata: Object,
    body: Object,
}

impl Event {
    /// An event of a class; the activity is one of the class, or 0 (unknown), or 99 (other).
    pub fn new(class_uid: u32, activity_id: u32, time_ms: i64, product: Product) -> Self {
        let product = Object::new().text("name", product.name).text("vendor_name", product.vendor);
        Self {
            time_ms,
            class_uid,
            activity_id,
            severity_id: severity::INFORMATIONAL,
            metadata: Object::new().text("version", VERSION).object("product", product),
            body: Object(Map::with_capacity(16)),
        }
    }

    /// How bad the source says it is.
    #[must_use]
    pub fn severity(mut self, severity_id: i64) -> Self {
        self.severity_id = severity_id;
        self
    }

    /// How bad the log says it is, if that is more.
    #[must_use]
    pub fn severity_at_least(mut self, severity_id: i64) -> Self {
        self.severity_id = self.severity_id.max(severity_id);
        self
    }

    /// Attributes of `metadata`.
    #[must_use]
    pub fn metadata(mut self, with: impl FnOnce(Object) -> Object) -> Self {
        self.metadata = with(self.metadata);
        self
    }

    /// Attributes of the event.
    #[must_use]
    pub fn with(mut self, with: impl FnOnce(Object) -> Object) -> Self {
        self.body = with(self.body);
        self
    }

    /// The record.
    pub fn record(self, host: &str, raw: Map<String, Value>) -> Record {
        let mut ocsf = self
            .body
            .int("activity_id", i64::from(self.activity_id))
            .int("category_uid", i64::from(self.class_uid % 100_000 / 1_000))
            .int("class_uid", i64::from(self.class_uid))
            .int("type_uid", i64::from(self.class_uid) * 100 + i64::from(self.activity_id))
            .int("severity_id", self.severity_id)
            .int("time", self.time_ms)
            .object("metadata", self.metadata);
        if self.activity_id == OTHER && !ocsf.0.contains_key("activity_name") {
            ocsf = ocsf.text("activity_name", "Other");
        }
        Record {
            time_ms: self.time_ms,
            host: host.to_owned(),
            class_uid: self.class_uid,
            ocsf: ocsf.0,
            raw,
        }
    }
}

/// The last part of a path of Windows or Unix.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// A regular file by its path; `None` if there is no path.
pub(crate) fn file<'a>(path: impl Into<Option<&'a str>>) -> Option<Object> {
    file_of_type(path, 1)
}

/// A file of a `type_id`: 1 regular, 2 folder, 6 named pipe, 0 unknown.
pub(crate) fn file_of_type<'a>(path: impl Into<Option<&'a str>>, type_id: i64) -> Option<Object> {
    let path = path.into().filter(|path| !matches!(*path, "" | "-"))?;
    Some(Object::new().text("name", base_name(path)).text("path", path).int("type_id", type_id))
}

/// A process: its id and the path of its program.
pub(crate) fn process<'a>(pid: impl Into<Option<i64>>, path: impl Into<Option<&'a str>>) -> Object {
    let path = path.into();
    Object::new()
        .int("pid", pid)
        .text("name", path.map(base_name))
        .object("file", path.and_then(file))
}

/// The attributes of which a process needs one.
pub(crate) const PROCESS_ID: [&str; 2] = ["pid", "uid"];

/// A user by name, id and domain; `None` if it has neither name nor id.
pub(crate) fn user<'a>(
    name: impl Into<Option<&'a str>>,
    uid: impl Into<Option<&'a str>>,
    domain: impl Into<Option<&'a str>>,
) -> Option<Object> {
    Object::new()
        .text("name", name)
        .text("uid", uid)
        .with_one_of(&["name", "uid"])
        .map(|user| user.text("domain", domain))
}

/// A user where the schema requires one, also if the source does not name it.
pub(crate) fn required_user(user: Option<Object>) -> Object {
    user.unwrap_or_else(|| Object::new().text("name", "unknown"))
}

/// An end of a connection by its address (or its name, if that is no address) and port.
pub(crate) fn endpoint<'a>(
    address: impl Into<Option<&'a str>>,
    port: impl Into<Option<i64>>,
) -> Option<Object> {
    let address = address.into().filter(|address| !matches!(*address, "" | "-"))?;
    // An address may come with its zone (`fe80::1%4`), which is not part of it.
    let bare = address.split_once('%').map_or(address, |(bare, _)| bare);
    let key = if bare.parse::<IpAddr>().is_ok() { "ip" } else { "hostname" };
    let port = port.into().filter(|port| (0..=65_535).contains(port));
    Some(Object::new().text(key, bare).int("port", port))
}

/// A machine by its name.
pub(crate) fn device(hostname: &str) -> Object {
    let key = if hostname.parse::<IpAddr>().is_ok() { "ip" } else { "hostname" };
    Object::new().int("type_id", 0).text(key, hostname)
}

/// A machine by its name, with its kind of operating system.
pub(crate) fn device_with_os(hostname: &str, os: Os) -> Object {
    device(hostname).object("os", Object::new().text("name", os.name()).int("type_id", os.id()))
}

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Os {
    Windows,
    Linux,
}

impl Os {
    fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::Linux => "Linux",
        }
    }

    fn id(self) -> i64 {
        match self {
            Self::Windows => 100,
            Self::Linux => 200,
        }
    }
}

/// What is known of a connection: protocol and direction.
pub(crate) fn connection<'a>(protocol: impl Into<Option<&'a str>>, direction_id: i64) -> Object {
    let protocol = protocol.into().map(str::to_ascii_lowercase);
    Object::new().text("protocol_name", protocol.as_deref()).int("direction_id", direction_id)
}

/// A finding: its id, its title, and the rule that made it.
pub(crate) fn finding(uid: &str, title: &str, rule: Option<&str>) -> Object {
    let analytic = rule.map(|rule| Object::new().text("name", rule).int("type_id", 1));
    Object::new()
        .text("uid", if uid.is_empty() { title } else { uid })
        .text("title", title)
        .object("analytic", analytic)
}

/// `activity_id` of HTTP Activity by the request's method.
pub(crate) fn http_activity(method: &str) -> u32 {
    match method {
        "CONNECT" => 1,
        "DELETE" => 2,
        "GET" => 3,
        "HEAD" => 4,
        "OPTIONS" => 5,
        "POST" => 6,
        "PUT" => 7,
        "TRACE" => 8,
        "PATCH" => 9,
        "" | "-" => 0,
        _ => OTHER,
    }
}

/// An HTTP request. Methods outside the schema's list stay in `raw` only.
pub(crate) fn http_request<'a>(
    method: &str,
    url: Option<Object>,
    user_agent: impl Into<Option<&'a str>>,
    referrer: impl Into<Option<&'a str>>,
) -> Object {
    let known = (1..OTHER).contains(&http_activity(method));
    Object::new()
        .text("http_method", known.then_some(method))
        .object("url", url)
        .text("user_agent", user_agent)
        .text("referrer", referrer)
}

/// A URL: its path, query, and host where it is known.
pub(crate) fn url(hostname: Option<&str>, target: &str) -> Option<Object> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Object::new()
        .text("path", path)
        .with_one_of(&["path"])
        .map(|url| url.text("query_string", query).text("hostname", hostname))
}

/// A list of hashes, from `SHA1=..,MD5=..`.
pub(crate) fn hashes(text: &str) -> Vec<Object> {
    let one = |part: &str| {
        let (name, value) = part.split_once('=')?;
        let algorithm_id = match name.trim().to_ascii_uppercase().as_str() {
            "MD5" => 1,
            "SHA1" => 2,
            "SHA256" => 3,
            "IMPHASH" => 18,
            _ => i64::from(OTHER),
        };
        let hash = Object::new().int("algorithm_id", algorithm_id).text("value", value.trim());
        hash.with_one_of(&["value"]).map(|hash| {
            let other = algorithm_id == i64::from(OTHER);
            hash.text("algorithm", other.then_some(name))
        })
    };
    text.split(',').filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_source_does_not_tell_is_left_out() {
        let object = Object::new()
            .text("a", "-")
            .text("b", None)
            .object("c", Object::new())
            .objects("d", [Object::new()])
            .texts("e", []);
        assert!(object.is_empty());
        assert!(
            file("-").is_none() && user("", "-", "CORP").is_none() && endpoint("-", 1).is_none()
        );
    }

    #[test]
    fn uids_follow_from_class_and_activity() {
        let product = Product { name: "x", vendor: "" };
        let record = Event::new(class::REGISTRY_VALUE, 2, 7, product).record("h", Map::new());
        assert_eq!(record.ocsf["category_uid"], 1);
        assert_eq!(record.ocsf["type_uid"], 20_100_202);
        assert_eq!(record.ocsf["time"], 7);
    }

    #[test]
    fn names_are_told_from_addresses() {
        assert!(endpoint("fe80::1%4", 80).unwrap().0.contains_key("ip"));
        assert!(endpoint("db.example", 80).unwrap().0.contains_key("hostname"));
        assert!(!endpoint("192.0.2.1", 70_000).unwrap().0.contains_key("port"));
        assert_eq!(base_name(r"C:\Windows\x.exe"), "x.exe");
        assert_eq!(base_name("/usr/bin/x"), "x");
    }
}
