//! The Security channel (Windows advanced audit policy).

use super::{Fields, actor, key_and_value, required_process};
use crate::log::ocsf::{
    Event, FAILURE, Object, PROCESS_ID, SUCCESS, class, connection, endpoint, file, process,
    required_user,
};

/// The view of a Security event; `None` if it has no class of its own.
pub(super) fn event(fields: Fields<'_>) -> Option<Event> {
    let event = match fields.event_id() {
        4624 => logon(fields, 1).with(|body| body.int("status_id", SUCCESS)),
        4625 => logon(fields, 1).with(|body| failed(body, fields)),
        4634 | 4647 => logon(fields, 2).with(|body| body.int("status_id", SUCCESS)),
        4648 => explicit(fields),
        4672 => privileges(fields),
        4688 => launch(fields),
        4689 => ended(fields),
        4768 => ticket(fields, 3),
        4769 => ticket(fields, 4),
        4770 => ticket(fields, 5),
        4771 => ticket(fields, 6),
        4776 => ntlm(fields),
        4720 => account(fields, 1),
        4722 => account(fields, 2),
        4723 => account(fields, 3),
        4724 => account(fields, 4),
        4725 => account(fields, 5),
        4726 => account(fields, 6),
        4740 => account(fields, 9),
        4767 => account(fields, 12),
        4738 | 4742 | 4781 => account(fields, 99),
        4728 | 4732 | 4756 => group(fields, 3),
        4729 | 4733 | 4757 => group(fields, 4),
        4727 | 4731 | 4754 => group(fields, 6),
        4730 | 4734 | 4758 => group(fields, 5),
        4735 | 4737 | 4755 => group(fields, 9),
        4697 => service(fields),
        4698 => job(fields, 1),
        4699 => job(fields, 3),
        4700 => job(fields, 4),
        4701 => job(fields, 5),
        4702 => job(fields, 2),
        4656 | 4661 | 4662 | 4663 => object(fields),
        4657 => registry(fields),
        1102 => cleared(fields),
        5140 | 5145 => share(fields),
        5156 => network(fields, 1),
        5157 | 5152 => network(fields, 5),
        5154 | 5158 => network(fields, 7),
        _ => return None,
    };
    Some(event)
}

/// The process of `ProcessId` and `ProcessName`, started by the subject.
fn subject(fields: Fields<'_>) -> Object {
    let process = fields.process("ProcessId", "ProcessName", "");
    actor(process, fields.account("Subject"))
}

fn failed(body: Object, fields: Fields<'_>) -> Object {
    body.int("status_id", FAILURE)
        .text("status_code", fields.text("SubStatus").or_else(|| fields.text("Status")))
        .text("status_detail", fields.text("FailureReason"))
}

fn logon(fields: Fields<'_>, activity_id: u32) -> Event {
    let logon_type = fields.int("LogonType");
    let known = logon_type.map(|kind| if matches!(kind, 2..=5 | 7..=13) { kind } else { 99 });
    let protocol = match fields.text("AuthenticationPackageName").unwrap_or_default() {
        "" => None,
        "NTLM" => Some(1),
        "Kerberos" => Some(2),
        name if name.starts_with("NTLM") || name.starts_with("MICROSOFT_AUTH") => Some(1),
        _ => Some(99),
    };
    let session = Object::new().text("uid", fields.text("TargetLogonId"));
    fields.of(class::AUTHENTICATION, activity_id).with(|body| {
        body.object("user", required_user(fields.account("Target")))
            .object("actor", subject(fields))
            .object("session", session)
            .int("logon_type_id", known)
            .flag("is_remote", logon_type.map(|kind| matches!(kind, 3 | 8 | 10)))
            .int("auth_protocol_id", protocol)
            .text("auth_protocol", fields.text("AuthenticationPackageName"))
            .object("src_endpoint", source(fields))
            .object("dst_endpoint", here(fields))
    })
}

/// Where a logon came from.
fn source(fields: Fields<'_>) -> Option<Object> {
    let port = fields.int("IpPort").or_else(|| fields.int("SourcePort"));
    let address = fields.text("IpAddress").or_else(|| fields.text("ClientAddress"));
    let address = address.map(|address| address.strip_prefix("::ffff:").unwrap_or(address));
    match endpoint(address, port) {
        Some(end) => Some(end.text("name", fields.text("WorkstationName"))),
        None => endpoint(fields.text("WorkstationName"), None),
    }
}

/// This machine, as the end of a logon.
fn here(fields: Fields<'_>) -> Object {
    Object::new().text("hostname", fields.text("Computer").unwrap_or("unknown"))
}

fn explicit(fields: Fields<'_>) -> Event {
    let target = endpoint(fields.text("TargetServerName"), None).unwrap_or_else(|| here(fields));
    fields.of(class::AUTHENTICATION, 1).with(|body| {
        body.object("user", required_user(fields.account("Target")))
            .object("actor", subject(fields))
            .object("src_endpoint", source(fields))
            .object("dst_endpoint", target)
            .int("logon_type_id", 9)
    })
}

fn privileges(fields: Fields<'_>) -> Event {
    let list = fields.text("PrivilegeList").unwrap_or("unknown");
    let session = Object::new().text("uid", fields.text("SubjectLogonId"));
    fields.of(class::AUTHORIZE_SESSION, 1).with(|body| {
        body.object("user", required_user(fields.account("Subject")))
            .texts("privileges", list.split_whitespace())
            .object("session", session)
    })
}

fn launch(fields: Fields<'_>) -> Event {
    let subject = fields.account("Subject");
    let target = fields.account("Target").or_else(|| subject.clone());
    let parent = fields.process("ProcessId", "ParentProcessName", "");
    let started = process(fields.int("NewProcessId"), fields.text("NewProcessName"))
        .text("cmd_line", fields.text("CommandLine"))
        .object("user", target)
        .object("parent_process", parent.clone());
    fields.of(class::PROCESS, 1).with(|body| {
        body.object("process", required_process(started.with_one_of(&PROCESS_ID)))
            .object("actor", actor(parent, subject))
    })
}

fn ended(fields: Fields<'_>) -> Event {
    let process = required_process(fields.process("ProcessId", "ProcessName", ""));
    fields
        .of(class::PROCESS, 2)
        .with(|body| body.object("actor", subject(fields)).object("process", process))
}

/// A ticket of Kerberos that was asked for.
fn ticket(fields: Fields<'_>, activity_id: u32) -> Event {
    let status = fields.text("Status");
    let good = status.map(|status| if status == "0x0" { SUCCESS } else { FAILURE });
    let service = Object::new().text("name", fields.text("ServiceName"));
    fields.of(class::AUTHENTICATION, activity_id).with(|body| {
        body.object("user", required_user(fields.account("Target")))
            .int("auth_protocol_id", 2)
            .object("service", service)
            .object("src_endpoint", source(fields))
            .object("dst_endpoint", here(fields))
            .int("status_id", good)
            .text("status_code", status)
    })
}

fn ntlm(fields: Fields<'_>) -> Event {
    let status = fields.text("Status");
    let good = status.map(|status| if status == "0x0" { SUCCESS } else { FAILURE });
    fields.of(class::AUTHENTICATION, 1).with(|body| {
        body.object("user", required_user(fields.account("Target")))
            .int("auth_protocol_id", 1)
            .object("src_endpoint", endpoint(fields.text("Workstation"), None))
            .object("dst_endpoint", here(fields))
            .int("status_id", good)
            .text("status_code", status)
    })
}

fn account(fields: Fields<'_>, activity_id: u32) -> Event {
    fields.of(class::ACCOUNT_CHANGE, activity_id).with(|body| {
        body.object("user", required_user(fields.account("Target")))
            .object("actor", subject(fields))
    })
}

fn group(fields: Fields<'_>, activity_id: u32) -> Event {
    let group = Object::new()
        .text("name", fields.text("TargetUserName").unwrap_or("unknown"))
        .text("uid", fields.text("TargetSid"))
        .text("domain", fields.text("TargetDomainName"));
    let member = crate::log::ocsf::user(fields.text("MemberName"), fields.text("MemberSid"), None);
    fields.of(class::GROUP_MANAGEMENT, activity_id).with(|body| {
        body.object("group", group).object("user", member).object("actor", subject(fields))
    })
}

fn service(fields: Fields<'_>) -> Event {
    let service = Object::new()
        .text("name", fields.text("ServiceName").unwrap_or("unknown"))
        .text("cmd_line", fields.text("ServiceFileName"))
        .text("service_start_name", fields.text("ServiceAccount"))
        .int("service_start_type_id", 0);
    fields
        .of(class::WINDOWS_SERVICE, 1)
        .with(|body| body.object("win_service", service).object("actor", subject(fields)))
}

fn job(fields: Fields<'_>, activity_id: u32) -> Event {
    let content =
        fields.text("TaskContent").or_else(|| fields.text("TaskContentNew")).unwrap_or_default();
    let job = Object::new()
        .text("name", fields.text("TaskName").unwrap_or("unknown"))
        .int("type_id", 1)
        .text("cmd_line", inner(content, "Command"));
    fields
        .of(class::SCHEDULED_JOB, activity_id)
        .with(|body| body.object("job", job).object("actor", subject(fields)))
}

/// What stands in the first element of this name.
fn inner<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split_once("</").map(|(text, _)| text)
}

/// Access to an object: a file, a registry key, a process, or something else.
fn object(fields: Fields<'_>) -> Event {
    const DELETE: i64 = 0x1_0000;
    const WRITE: i64 = 0x2 | 0x4;
    let mask = fields.int("AccessMask").unwrap_or(0);
    let name = fields.text("ObjectName").unwrap_or("unknown");
    match fields.text("ObjectType").unwrap_or_default() {
        "File" => {
            let activity_id = match mask {
                mask if mask & DELETE != 0 => 4,
                mask if mask & WRITE != 0 => 3,
                mask if mask & 1 != 0 => 2,
                _ => 14,
            };
            fields
                .of(class::FILE, activity_id)
                .with(|body| body.object("file", file(name)).object("actor", subject(fields)))
        }
        "Key" => {
            let activity_id = if mask & (DELETE | WRITE) == 0 { 2 } else { 3 };
            let key = Object::new().text("path", name);
            fields
                .of(class::REGISTRY_KEY, activity_id)
                .with(|body| body.object("reg_key", key).object("actor", subject(fields)))
        }
        "Process" => {
            let opened = process(0, name);
            fields.of(class::PROCESS, 3).with(|body| {
                body.object("process", opened)
                    .object("actor", subject(fields))
                    .int("requested_permissions", mask)
            })
        }
        kind => {
            let resource = Object::new().text("name", name).text("type", kind).int("type_id", 0);
            fields
                .of(class::WINDOWS_RESOURCE, 1)
                .with(|body| body.object("win_resource", resource).object("actor", subject(fields)))
        }
    }
}

fn registry(fields: Fields<'_>) -> Event {
    let path = fields.text("ObjectName").unwrap_or("unknown");
    let name = fields.text("ObjectValueName").unwrap_or_else(|| key_and_value(path).1);
    let activity_id = match fields.text("OperationType").unwrap_or_default() {
        "%%1904" => 2,
        "%%1906" => 4,
        _ => 3,
    };
    let value =
        Object::new().text("path", path).text("name", name).text("data", fields.text("NewValue"));
    fields
        .of(class::REGISTRY_VALUE, activity_id)
        .with(|body| body.object("reg_value", value).object("actor", subject(fields)))
}

fn cleared(fields: Fields<'_>) -> Event {
    fields
        .of(class::EVENT_LOG, 1)
        .with(|body| body.text("log_name", "Security").object("actor", subject(fields)))
}

fn share(fields: Fields<'_>) -> Event {
    let path = fields.text("RelativeTargetName");
    fields.of(class::SMB, 2).with(|body| {
        body.text("share", fields.text("ShareName"))
            .object("file", file(path))
            .object("src_endpoint", source(fields))
            .object("dst_endpoint", here(fields))
            .object("actor", subject(fields))
    })
}

fn network(fields: Fields<'_>, activity_id: u32) -> Event {
    let protocol = match fields.int("Protocol") {
        Some(6) => Some("tcp"),
        Some(17) => Some("udp"),
        Some(1 | 58) => Some("icmp"),
        _ => None,
    };
    // %%14592 is inbound, %%14593 is outbound. The source of an event is always this machine.
    let inbound = fields.text("Direction") == Some("%%14592");
    let direction = if inbound { 1 } else { i64::from(fields.text("Direction").is_some()) * 2 };
    let local = endpoint(fields.text("SourceAddress"), fields.int("SourcePort"));
    let remote = endpoint(fields.text("DestAddress"), fields.int("DestPort"));
    let (source, target) = if inbound { (remote, local) } else { (local, remote) };
    let pid = fields.int("ProcessID").or_else(|| fields.int("ProcessId"));
    let process = process(pid, fields.text("Application")).with_one_of(&PROCESS_ID);
    fields.of(class::NETWORK, activity_id).with(|body| {
        body.object("src_endpoint", source)
            .object("dst_endpoint", target)
            .object("connection_info", connection(protocol, direction))
            .object("actor", actor(process, None))
    })
}
