//! What a joined audit event means.

use serde_json::{Map, Value};

use super::syscalls::{self, Act};
use super::{AuditEvent, AuditRecord};
use crate::log::ocsf::{
    Event, FAILURE, Object, Os, PROCESS_ID, Product, SUCCESS, class, connection, device_with_os,
    endpoint, file_of_type, process, required_user, user,
};
use crate::log::{Context, Record};

const PRODUCT: Product = Product { name: "auditd", vendor: "Linux" };

/// The record of an event.
pub(crate) fn record(event: &AuditEvent, context: &Context<'_>) -> Record {
    let (node, time_ms, _) = &event.id;
    let host = if node.is_empty() { context.host } else { node.as_str() };
    let view = View { event, time_ms: *time_ms };
    let first_kind = event.records.first().map(|record| record.kind.as_str());
    view.event()
        .with(|body| body.object("device", device_with_os(host, Os::Linux)))
        .metadata(|metadata| {
            metadata
                .text("event_code", first_kind)
                .text("correlation_uid", event.id.2.to_string().as_str())
        })
        .record(host, raw(event))
}

/// The fields of all records in one map. `type` lists the records' types; a field that several
/// records have is a list. The arguments of EXECVE take the names `a0`.. from the system call's
/// own, which are then `syscall_a0`.. .
fn raw(event: &AuditEvent) -> Map<String, Value> {
    let mut raw = Map::with_capacity(48);
    let (node, time_ms, serial) = &event.id;
    if !node.is_empty() {
        raw.insert("node".into(), node.as_str().into());
    }
    raw.insert("time_ms".into(), Value::from(*time_ms));
    raw.insert("serial".into(), Value::from(*serial));
    let has_arguments = event.records.iter().any(|record| record.kind == "EXECVE");
    for record in &event.records {
        add(&mut raw, "type", &record.kind);
        for (key, value) in &record.fields {
            let of_call = record.kind == "SYSCALL" && has_arguments;
            match key.strip_prefix('a') {
                Some("0" | "1" | "2" | "3") if of_call => {
                    add(&mut raw, &format!("syscall_{key}"), value);
                }
                _ => add(&mut raw, key, value),
            }
        }
        if record.kind == "SYSCALL"
            && record.get("SYSCALL").is_none()
            && let Some((name, _)) = call(record)
        {
            add(&mut raw, "SYSCALL", name);
        }
    }
    raw
}

fn add(raw: &mut Map<String, Value>, key: &str, value: &str) {
    match raw.get_mut(key) {
        None => drop(raw.insert(key.to_owned(), value.into())),
        Some(Value::Array(list)) if list.iter().any(|known| known == value) => {}
        Some(Value::Array(list)) => list.push(value.into()),
        Some(first) if first == value => {}
        Some(first) => *first = Value::Array(vec![std::mem::take(first), value.into()]),
    }
}

fn call(record: &AuditRecord) -> Option<(&'static str, Act)> {
    record
        .get("SYSCALL")
        .and_then(syscalls::by_name)
        .or_else(|| syscalls::call(record.get("arch")?, record.get("syscall")?))
}

struct View<'a> {
    event: &'a AuditEvent,
    time_ms: i64,
}

impl<'a> View<'a> {
    fn kind(&self, kind: &str) -> Option<&'a AuditRecord> {
        self.event.records.iter().find(|record| record.kind == kind)
    }

    fn of(&self, class_uid: u32, activity_id: u32) -> Event {
        Event::new(class_uid, activity_id, self.time_ms, PRODUCT)
    }

    fn event(&self) -> Event {
        if let Some(syscall) = self.kind("SYSCALL") {
            let known = call(syscall).and_then(|(_, act)| self.syscall(syscall, act));
            let event = known.unwrap_or_else(|| {
                self.of(class::BASE, 0).with(|body| body.object("actor", self.actor(syscall)))
            });
            let status_id = match syscall.get("success") {
                Some("yes") => Some(SUCCESS),
                Some("no") => Some(FAILURE),
                _ => None,
            };
            return event.with(|body| {
                let exit = syscall.get("exit").filter(|_| status_id == Some(FAILURE));
                body.int("status_id", status_id).text("status_code", exit)
            });
        }
        let program = self.event.records.first().and_then(|record| self.program(record));
        program.unwrap_or_else(|| self.of(class::BASE, 0))
    }

    fn syscall(&self, syscall: &'a AuditRecord, act: Act) -> Option<Event> {
        Some(match act {
            Act::Execute => self.launch(syscall),
            Act::Connect | Act::Accept => self.network(syscall, 1)?,
            Act::Bind => self.network(syscall, 7)?,
            Act::Trace => self.on_process(syscall, 3, "a1"),
            Act::Kill => self.on_process(syscall, 2, "a0"),
            Act::SetUser => {
                let process = self.process(syscall);
                self.of(class::PROCESS, 5).with(|body| {
                    body.object("process", process).object("actor", self.actor(syscall))
                })
            }
            Act::LoadModule | Act::UnloadModule => {
                let name = self.kind("KERN_MODULE").and_then(|record| record.get("name"));
                let file = file_of_type(name.unwrap_or("unknown"), 1);
                let driver = Object::new().object("file", file);
                let activity_id = if act == Act::LoadModule { 1 } else { 2 };
                self.of(class::KERNEL_EXTENSION, activity_id)
                    .with(|body| body.object("driver", driver).object("actor", self.actor(syscall)))
            }
            file => self.on_file(syscall, file)?,
        })
    }

    /// The process that made the call.
    fn process(&self, syscall: &AuditRecord) -> Object {
        let number = |key: &str| syscall.get(key).and_then(|value| value.parse::<i64>().ok());
        let title = self.kind("PROCTITLE").and_then(|record| record.get("proctitle"));
        let parent = process(number("ppid"), None).with_one_of(&PROCESS_ID);
        process(number("pid").unwrap_or(0), syscall.get("exe"))
            .text("cmd_line", title)
            .object("user", uid_user(syscall, "uid", "UID"))
            .object("parent_process", parent)
    }

    fn actor(&self, syscall: &AuditRecord) -> Object {
        // The one who logged in, whatever the process calls itself now.
        let login = uid_user(syscall, "auid", "AUID").or_else(|| uid_user(syscall, "uid", "UID"));
        Object::new().object("process", self.process(syscall)).object("user", login)
    }

    fn launch(&self, syscall: &AuditRecord) -> Event {
        let arguments = self.kind("EXECVE").map(arguments);
        let title = self.kind("PROCTITLE").and_then(|record| record.get("proctitle"));
        let number = |key: &str| syscall.get(key).and_then(|value| value.parse::<i64>().ok());
        let cwd = self.kind("CWD").and_then(|record| record.get("cwd"));
        let parent = process(number("ppid"), None).with_one_of(&PROCESS_ID);
        let started = process(number("pid").unwrap_or(0), syscall.get("exe"))
            .text("cmd_line", arguments.as_deref().or(title))
            .text("working_directory", cwd)
            .object("user", uid_user(syscall, "uid", "UID"))
            .object("parent_process", parent.clone());
        let login = uid_user(syscall, "auid", "AUID").or_else(|| uid_user(syscall, "uid", "UID"));
        let actor = Object::new().object("process", parent).object("user", required_user(login));
        self.of(class::PROCESS, 1)
            .with(|body| body.object("process", started).object("actor", actor))
    }

    fn on_process(&self, syscall: &AuditRecord, activity_id: u32, argument: &str) -> Event {
        // The arguments of a call are in hexadecimal.
        let pid = syscall.get(argument).and_then(|value| i64::from_str_radix(value, 16).ok());
        let object = self.kind("OBJ_PID");
        let pid = object.and_then(|record| record.get("opid")?.parse().ok()).or(pid);
        let name = object.and_then(|record| record.get("ocomm"));
        let target = process(pid.unwrap_or(0), None).text("name", name);
        self.of(class::PROCESS, activity_id)
            .with(|body| body.object("process", target).object("actor", self.actor(syscall)))
    }

    fn network(&self, syscall: &AuditRecord, activity_id: u32) -> Option<Event> {
        let record = self.kind("SOCKADDR")?;
        let (address, port) = socket_address(record)?;
        let inbound = call(syscall).is_some_and(|(_, act)| act == Act::Accept);
        let end = endpoint(address.as_str(), port);
        let (key, direction) = match (inbound, activity_id) {
            (true, _) => ("src_endpoint", 1),
            (false, 7) => ("src_endpoint", 0),
            (false, _) => ("dst_endpoint", 2),
        };
        let event = self.of(class::NETWORK, activity_id);
        Some(event.with(|body| {
            body.object(key, end)
                .object("connection_info", connection(None, direction))
                .object("actor", self.actor(syscall))
        }))
    }

    fn on_file(&self, syscall: &AuditRecord, act: Act) -> Option<Event> {
        let paths: Vec<&AuditRecord> =
            self.event.records.iter().filter(|record| record.kind == "PATH").collect();
        let of_kind = |kind: &str| {
            paths.iter().rev().find(|path| path.get("nametype") == Some(kind)).copied()
        };
        let (made, gone) = (of_kind("CREATE"), of_kind("DELETE"));
        let normal = of_kind("NORMAL").or_else(|| paths.last().copied());
        let (activity_id, target, result) = match act {
            Act::Rename => (5, gone.or(normal)?, made),
            Act::Delete => (4, gone.or(normal)?, None),
            Act::Open if made.is_some() => (1, made?, None),
            Act::Open => (open_activity(syscall), normal?, None),
            Act::Truncate => (3, normal?, None),
            Act::Link | Act::MakeFolder => (1, made.or(normal)?, None),
            Act::Attributes => (6, normal?, None),
            Act::Owner => (7, normal?, None),
            Act::Mount => (12, normal?, None),
            _ => return None,
        };
        let cwd = self.kind("CWD").and_then(|record| record.get("cwd")).unwrap_or_default();
        let object = |record: &AuditRecord| {
            let path = absolute(cwd, record.get("name")?);
            let uid = record.get("OUID").or_else(|| record.get("ouid"));
            let owner = uid.and_then(|uid| user(None, uid, None));
            let folder = record.get("mode").is_some_and(|mode| mode.starts_with("040"));
            let type_id = if folder || act == Act::MakeFolder { 2 } else { 1 };
            Some(file_of_type(path.as_str(), type_id)?.object("owner", owner))
        };
        let event = self.of(class::FILE, activity_id);
        let file = object(target)?;
        Some(event.with(|body| {
            body.object("file", file)
                .object("file_result", result.and_then(object))
                .object("actor", self.actor(syscall))
        }))
    }

    /// What a program said: a login, an account, a service.
    fn program(&self, record: &AuditRecord) -> Option<Event> {
        let good = matches!(record.get("res"), Some("success" | "1" | "yes"));
        let status_id = if good { SUCCESS } else { FAILURE };
        let name = record.get("acct").or_else(|| record.get("id"));
        let account = || required_user(user(name, None, None));
        let number = |key: &str| record.get(key).and_then(|value| value.parse::<i64>().ok());
        let program = process(number("pid").unwrap_or(0), record.get("exe"));
        let by = uid_user(record, "auid", "AUID").or_else(|| uid_user(record, "uid", "UID"));
        let actor = Object::new().object("process", program).object("user", by);
        let (class_uid, activity_id) = match record.kind.as_str() {
            "USER_LOGIN" | "USER_AUTH" | "USER_START" | "USER_ERR" => (class::AUTHENTICATION, 1),
            "USER_LOGOUT" | "USER_END" => (class::AUTHENTICATION, 2),
            "USER_CMD" => (class::AUTHENTICATION, 7),
            "USER_CHAUTHTOK" => (class::ACCOUNT_CHANGE, 3),
            "ADD_USER" => (class::ACCOUNT_CHANGE, 1),
            "DEL_USER" => (class::ACCOUNT_CHANGE, 6),
            "ACCT_LOCK" => (class::ACCOUNT_CHANGE, 9),
            "ACCT_UNLOCK" => (class::ACCOUNT_CHANGE, 12),
            "ADD_GROUP" => (class::GROUP_MANAGEMENT, 6),
            "DEL_GROUP" => (class::GROUP_MANAGEMENT, 5),
            "SERVICE_START" => (class::APPLICATION_LIFECYCLE, 3),
            "SERVICE_STOP" => (class::APPLICATION_LIFECYCLE, 4),
            _ => return None,
        };
        let event = self
            .of(class_uid, activity_id)
            .with(|body| body.int("status_id", status_id).object("actor", actor));
        Some(event.with(|body| match class_uid {
            class::APPLICATION_LIFECYCLE => {
                body.object(
                    "app",
                    Object::new().text("name", record.get("unit").unwrap_or("unknown")),
                )
            }
            class::GROUP_MANAGEMENT => body.object(
                "group",
                Object::new().text("name", record.get("grp").or(name).unwrap_or("unknown")),
            ),
            class::ACCOUNT_CHANGE => body.object("user", account()),
            _ => {
                let service = record.get("exe").map(crate::log::ocsf::base_name);
                let from = record.get("addr").filter(|address| *address != "?");
                body.object("user", account())
                    .object("service", Object::new().text("name", service.unwrap_or("unknown")))
                    .object("src_endpoint", from.and_then(|address| endpoint(address, None)))
                    .flag("is_remote", from.map(|_| true))
            }
        }))
    }
}

/// The user of a numeric id, and the name that the enriched form adds.
fn uid_user(record: &AuditRecord, uid: &str, name: &str) -> Option<Object> {
    // 4294967295 and -1 stand for one who never logged in.
    let uid = record.get(uid).filter(|uid| !matches!(*uid, "4294967295" | "-1" | "unset"));
    user(record.get(name).filter(|name| *name != "unset"), uid, None)
}

/// The arguments of EXECVE as one line; those with spaces are quoted.
fn arguments(record: &AuditRecord) -> String {
    let mut line = String::new();
    for (key, value) in &record.fields {
        let digits = key.strip_prefix('a').map(|rest| rest.split('[').next().unwrap_or(rest));
        if !digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit())) {
            continue;
        }
        // `a1[0]`, `a1[1]`: pieces of one argument.
        let goes_on = key.contains('[') && !key.ends_with("[0]");
        if !line.is_empty() && !goes_on {
            line.push(' ');
        }
        if value.contains(' ') && !value.contains('"') {
            line.push('"');
            line.push_str(value);
            line.push('"');
        } else {
            line.push_str(value);
        }
    }
    line
}

/// Read, update or open, by the flags of `open`.
fn open_activity(syscall: &AuditRecord) -> u32 {
    let argument = match call(syscall) {
        Some(("open", _)) => "a1",
        Some(("creat", _)) => return 3,
        _ => "a2",
    };
    match syscall.get(argument).and_then(|flags| i64::from_str_radix(flags, 16).ok()) {
        // O_WRONLY, O_RDWR
        Some(flags) if flags & 3 != 0 => 3,
        Some(_) => 2,
        None => 14,
    }
}

fn absolute(cwd: &str, name: &str) -> String {
    if name.starts_with('/') || cwd.is_empty() {
        name.to_owned()
    } else {
        format!("{}/{}", cwd.trim_end_matches('/'), name.trim_start_matches("./"))
    }
}

/// The address of SOCKADDR: `saddr` in hexadecimal, or what the enriched form says of it.
fn socket_address(record: &AuditRecord) -> Option<(String, Option<i64>)> {
    let bytes = hex::decode(record.get("saddr")?).ok()?;
    let port = |bytes: &[u8]| {
        let [high, low] = *bytes.get(2..4)?.first_chunk()?;
        Some(i64::from(u16::from_be_bytes([high, low])))
    };
    match bytes.get(..2)? {
        [2, 0] => {
            let address: [u8; 4] = *bytes.get(4..8)?.first_chunk()?;
            Some((std::net::Ipv4Addr::from(address).to_string(), port(&bytes)))
        }
        [10, 0] => {
            let address: [u8; 16] = *bytes.get(8..24)?.first_chunk()?;
            let address = std::net::Ipv6Addr::from(address);
            let address =
                address.to_ipv4_mapped().map_or_else(|| address.to_string(), |v4| v4.to_string());
            Some((address, port(&bytes)))
        }
        _ => None,
    }
}
