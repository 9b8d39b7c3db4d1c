//! The other channels: System, PowerShell, Task Scheduler, Terminal Services, Defender, DNS.

use super::{Fields, actor, named_user};
use crate::log::ocsf::{
    Event, Object, PROCESS_ID, class, endpoint, file, finding, process, required_user, severity,
    user,
};

/// The view of an event; `None` if it has no class of its own.
pub(super) fn event(fields: Fields<'_>, channel: &str, provider: &str) -> Option<Event> {
    if provider.contains("PowerShell") || channel.contains("PowerShell") {
        return script(fields);
    }
    match (provider, fields.event_id()) {
        ("Service Control Manager", id) => service(fields, id),
        ("Microsoft-Windows-TaskScheduler", id) => job(fields, id),
        ("Microsoft-Windows-Windows Defender", 1006..=1008 | 1015..=1119) => Some(found(fields)),
        ("Microsoft-Windows-DNS-Client", 3006 | 3008 | 3020) => Some(dns(fields)),
        ("Microsoft-Windows-TerminalServices-LocalSessionManager", id) => session(fields, id),
        ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1149) => Some(rdp(fields)),
        ("Microsoft-Windows-Eventlog", 104) => Some(cleared(fields)),
        ("", id) if channel == "System" => service(fields, id),
        _ => None,
    }
}

/// The process and account under which the provider wrote the event.
fn writer(fields: Fields<'_>) -> Object {
    let pid = fields.int("ExecutionProcessID");
    let process = process(pid, None).with_one_of(&PROCESS_ID);
    let account = user(fields.text("AccountName"), fields.text("UserID"), fields.text("Domain"));
    actor(process, account)
}

/// What PowerShell ran: script blocks (4104), modules (4103), pipelines (800).
fn script(fields: Fields<'_>) -> Option<Event> {
    let content = match fields.event_id() {
        4104 => fields.text("ScriptBlockText"),
        4103 => fields.text("Payload"),
        800 => fields.text("Data").or_else(|| fields.text("param1")),
        _ => return None,
    };
    let content = Object::new().text("value", content.unwrap_or("unknown"));
    let script = Object::new()
        .object("script_content", content)
        .int("type_id", 2)
        .text("uid", fields.text("ScriptBlockId"))
        .object("file", file(fields.text("Path")));
    let event = fields.of(class::SCRIPT, 1);
    Some(event.with(|body| body.object("script", script).object("actor", writer(fields))))
}

fn service(fields: Fields<'_>, id: i64) -> Option<Event> {
    let name = fields.text("ServiceName").or_else(|| fields.text("param1"));
    let activity_id = match id {
        7045 => 1,
        7040 => 2,
        7036 => match fields.text("param2")? {
            "running" => 3,
            "stopped" => 4,
            _ => 99,
        },
        _ => return None,
    };
    let command = fields.text("ImagePath").or_else(|| fields.text("ServiceFileName"));
    let service = Object::new()
        .text("name", name.unwrap_or("unknown"))
        .text("cmd_line", command)
        .text("service_start_name", fields.text("AccountName"))
        .int("service_start_type_id", 0);
    let event = fields.of(class::WINDOWS_SERVICE, activity_id);
    Some(event.with(|body| body.object("win_service", service).object("actor", writer(fields))))
}

fn job(fields: Fields<'_>, id: i64) -> Option<Event> {
    let activity_id = match id {
        106 => 1,
        140 => 2,
        141 => 3,
        142 => 5,
        100 | 110 | 129 | 200 => 6,
        _ => return None,
    };
    let action = fields.text("Path").or_else(|| fields.text("ActionName"));
    let job = Object::new()
        .text("name", fields.text("TaskName").unwrap_or("unknown"))
        .int("type_id", 1)
        .text("cmd_line", action);
    let event = fields.of(class::SCHEDULED_JOB, activity_id);
    Some(event.with(|body| body.object("job", job).object("actor", writer(fields))))
}

/// What the built-in scanner found.
fn found(fields: Fields<'_>) -> Event {
    let title = fields.text("Threat Name").unwrap_or("threat");
    let uid = fields.text("Detection ID").or_else(|| fields.text("Threat ID"));
    fields
        .of(class::DETECTION_FINDING, 1)
        .with(|body| body.object("finding_info", finding(uid.unwrap_or_default(), title, None)))
        .severity(severity::HIGH)
}

fn dns(fields: Fields<'_>) -> Event {
    let name = fields.text("QueryName").unwrap_or("unknown");
    fields.of(class::DNS, 1).with(|body| {
        body.object("query", Object::new().text("hostname", name)).object("actor", writer(fields))
    })
}

/// Sessions of Remote Desktop and of the console.
fn session(fields: Fields<'_>, id: i64) -> Option<Event> {
    let activity_id = match id {
        21 | 25 => 1,
        23 | 24 => 2,
        _ => return None,
    };
    let address = fields.text("Address").filter(|address| *address != "LOCAL");
    let here = Object::new().text("hostname", fields.text("Computer").unwrap_or("unknown"));
    let event = fields.of(class::AUTHENTICATION, activity_id);
    Some(event.with(|body| {
        body.object("user", required_user(named_user(fields.text("User"))))
            .object("src_endpoint", endpoint(address, None))
            .object("dst_endpoint", here)
            .flag("is_remote", address.is_some())
            .object("session", Object::new().text("uid", fields.text("SessionID")))
    }))
}

fn rdp(fields: Fields<'_>) -> Event {
    let account = user(fields.text("Param1"), None, fields.text("Param2"));
    fields.of(class::RDP, 3).with(|body| {
        body.object("src_endpoint", endpoint(fields.text("Param3"), None)).object("user", account)
    })
}

fn cleared(fields: Fields<'_>) -> Event {
    let account = user(fields.text("SubjectUserName"), None, fields.text("SubjectDomainName"));
    fields.of(class::EVENT_LOG, 1).with(|body| {
        // The event's own data names the channel that was cleared under this name, too.
        let name = fields.text("ClearedChannel").or_else(|| fields.text("Channel"));
        body.text("log_name", name.unwrap_or("unknown")).object("actor", actor(None, account))
    })
}
