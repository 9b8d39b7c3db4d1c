//! Sysmon (channel `Microsoft-Windows-Sysmon/Operational`).

use serde_json::Value;

use super::{Fields, SYSMON, actor, key_and_value, named_user, required_process};
use crate::log::ocsf::{
    Event, Object, PROCESS_ID, class, connection, endpoint, file, file_of_type, hashes, process,
};
use crate::log::parse_int;

/// The view of a Sysmon event; `None` if it has no class of its own.
pub(super) fn event(fields: Fields<'_>) -> Option<Event> {
    let event = match fields.event_id() {
        1 => launch(fields),
        2 => on_file(fields, 6, 1),
        3 => network(fields),
        5 => ended(fields),
        6 => driver(fields),
        7 => module(fields),
        8 => other_process(fields, 4).with(|body| body.int("injection_type_id", 1)),
        9 => on_device(fields),
        10 => other_process(fields, 3).with(|body| {
            let access = fields.text("GrantedAccess").and_then(parse_int);
            body.int("requested_permissions", access)
        }),
        11 | 15 | 29 => on_file(fields, 1, 1),
        12 | 14 => registry(fields),
        13 => registry_set(fields),
        17 => pipe(fields, 1),
        18 => pipe(fields, 14),
        22 => dns(fields),
        23 | 26 => on_file(fields, 4, 1),
        25 => of(class::PROCESS, 99, fields).with(|body| {
            let process = required_process(own(fields));
            body.object("process", process).text("activity_name", "Tampering")
        }),
        27 | 28 => on_file(fields, 99, 1).with(|body| body.text("activity_name", "Blocked")),
        _ => return None,
    };
    Some(event)
}

fn of(class_uid: u32, activity_id: u32, fields: Fields<'_>) -> Event {
    let event = Event::new(class_uid, activity_id, fields.time_ms, SYSMON);
    let user = named_user(fields.text("User"));
    let actor = actor(own(fields), user);
    if matches!(class_uid, class::PROCESS | class::KERNEL_EXTENSION) {
        event
    } else {
        event.with(|body| body.object("actor", actor))
    }
}

/// The process that did it.
fn own(fields: Fields<'_>) -> Option<Object> {
    fields.process("ProcessId", "Image", "ProcessGuid")
}

fn image(path: Option<&str>, hash: Option<&str>) -> Option<Object> {
    file(path).map(|file| file.objects("hashes", hash.map(hashes).unwrap_or_default()))
}

fn launch(fields: Fields<'_>) -> Event {
    let parent = fields
        .process("ParentProcessId", "ParentImage", "ParentProcessGuid")
        .map(|parent| parent.text("cmd_line", fields.text("ParentCommandLine")));
    let user = named_user(fields.text("User"));
    let started = process(fields.int("ProcessId"), fields.text("Image"))
        .text("uid", fields.text("ProcessGuid"))
        .object("file", image(fields.text("Image"), fields.text("Hashes")))
        .text("cmd_line", fields.text("CommandLine"))
        .text("working_directory", fields.text("CurrentDirectory"))
        .text("integrity", fields.text("IntegrityLevel"))
        .object("user", user.clone())
        .object("parent_process", parent.clone());
    let parent_user = named_user(fields.text("ParentUser")).or(user);
    of(class::PROCESS, 1, fields).with(|body| {
        body.object("process", required_process(started.with_one_of(&PROCESS_ID)))
            .object("actor", actor(parent, parent_user))
    })
}

fn ended(fields: Fields<'_>) -> Event {
    let process = required_process(own(fields));
    of(class::PROCESS, 2, fields).with(|body| {
        let user = named_user(fields.text("User"));
        body.object("actor", actor(Some(process.clone()), user)).object("process", process)
    })
}

/// A process that did something to another one.
fn other_process(fields: Fields<'_>, activity_id: u32) -> Event {
    let either = |id: &str, image: &str, guid: &str, other: &str| {
        fields.process(id, image, guid).or_else(|| fields.process(id, image, other))
    };
    let source = either("SourceProcessId", "SourceImage", "SourceProcessGuid", "SourceProcessGUID");
    let target = either("TargetProcessId", "TargetImage", "TargetProcessGuid", "TargetProcessGUID");
    let user = named_user(fields.text("SourceUser"));
    of(class::PROCESS, activity_id, fields).with(|body| {
        body.object("process", required_process(target)).object("actor", actor(source, user))
    })
}

fn on_file(fields: Fields<'_>, activity_id: u32, type_id: i64) -> Event {
    let hash = fields.text("Hashes").or_else(|| fields.text("Hash"));
    let path = fields.text("TargetFilename").unwrap_or("unknown");
    let file = file_of_type(path, type_id)
        .map(|file| file.objects("hashes", hash.map(hashes).unwrap_or_default()));
    of(class::FILE, activity_id, fields).with(|body| body.object("file", file))
}

fn on_device(fields: Fields<'_>) -> Event {
    let device = file_of_type(fields.text("Device").unwrap_or("unknown"), 4);
    of(class::FILE, 2, fields).with(|body| body.object("file", device))
}

fn pipe(fields: Fields<'_>, activity_id: u32) -> Event {
    let pipe = file_of_type(fields.text("PipeName").unwrap_or("unknown"), 6);
    of(class::FILE, activity_id, fields).with(|body| body.object("file", pipe))
}

fn network(fields: Fields<'_>) -> Event {
    let end = |ip: &str, name: &str, port: &str| {
        endpoint(fields.text(ip), fields.int(port))
            .map(|end| end.text("hostname", fields.text(name)))
    };
    let direction = match fields.raw.get("Initiated") {
        Some(Value::Bool(true)) => 2,
        Some(Value::Bool(false)) => 1,
        Some(Value::String(text)) if text == "true" => 2,
        Some(Value::String(text)) if text == "false" => 1,
        _ => 0,
    };
    of(class::NETWORK, 1, fields).with(|body| {
        body.object("src_endpoint", end("SourceIp", "SourceHostname", "SourcePort"))
            .object("dst_endpoint", end("DestinationIp", "DestinationHostname", "DestinationPort"))
            .object("connection_info", connection(fields.text("Protocol"), direction))
    })
}

fn driver(fields: Fields<'_>) -> Event {
    let loaded = image(fields.text("ImageLoaded"), fields.text("Hashes"))
        .unwrap_or_else(|| Object::new().text("name", "unknown").int("type_id", 0));
    of(class::KERNEL_EXTENSION, 1, fields).with(|body| {
        // Drivers are loaded by the process System, whose id is always 4.
        let system = process(4, None).text("name", "System");
        body.object("driver", Object::new().object("file", loaded))
            .object("actor", actor(Some(system), None))
    })
}

fn module(fields: Fields<'_>) -> Event {
    let loaded = image(fields.text("ImageLoaded"), fields.text("Hashes"));
    let module = Object::new().int("load_type_id", 1).object("file", loaded);
    of(class::MODULE, 1, fields).with(|body| body.object("module", module))
}

/// Keys that were made, taken out or renamed, and values that were taken out.
fn registry(fields: Fields<'_>) -> Event {
    let path = fields.text("TargetObject").unwrap_or("unknown");
    let kind = fields.text("EventType").unwrap_or_default();
    if kind.starts_with("DeleteValue") {
        let (key, name) = key_and_value(path);
        let value = Object::new().text("path", key).text("name", name);
        return of(class::REGISTRY_VALUE, 4, fields).with(|b| b.object("reg_value", value));
    }
    let activity_id = match kind {
        "CreateKey" => 1,
        "DeleteKey" => 4,
        kind if kind.starts_with("Rename") => 5,
        _ => 99,
    };
    let key = Object::new().text("path", path);
    of(class::REGISTRY_KEY, activity_id, fields).with(|body| body.object("reg_key", key))
}

fn registry_set(fields: Fields<'_>) -> Event {
    let (key, name) = key_and_value(fields.text("TargetObject").unwrap_or("unknown"));
    let value = Object::new()
        .text("path", if key.is_empty() { "unknown" } else { key })
        .text("name", if name.is_empty() { "(Default)" } else { name })
        .text("data", fields.text("Details"));
    of(class::REGISTRY_VALUE, 2, fields).with(|body| body.object("reg_value", value))
}

/// The answer to a name lookup: `QueryResults` is `type: 5 cdn.example;::ffff:192.0.2.1;`.
fn dns(fields: Fields<'_>) -> Event {
    let status = fields.text("QueryStatus");
    let results = fields.text("QueryResults").unwrap_or_default();
    let answers = results.split(';').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let data = part.strip_prefix("type:").and_then(|rest| rest.trim().split_once(' '));
        Object::new().text("rdata", data.map_or(part, |(_, data)| data))
    });
    let name = fields.text("QueryName").unwrap_or("unknown");
    of(class::DNS, 2, fields).with(|body| {
        body.object("query", Object::new().text("hostname", name))
            .objects("answers", answers)
            .text("status_code", status)
            .int("status_id", status.map(|status| if status == "0" { 1 } else { 2 }))
    })
}
