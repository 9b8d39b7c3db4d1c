//! What each log source calls the fields that rules name.
//!
//! A row is the source's name, with dots between the names of nested objects, Sigma's name, and
//! where the values differ too, how they are turned. What has no row goes by its own name.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Turns a value of a source into the one that rules are written for.
pub(super) type Convert = fn(&str) -> Cow<'_, str>;

/// The source's name for a field, Sigma's name, and how values are turned.
type Row = (&'static str, &'static str, Option<Convert>);

/// Sigma's names, and values that were made for them.
type Made = Vec<(&'static str, String)>;

/// The fields of one log source.
pub(super) struct Mapping {
    pub name: &'static str,
    pub fields: &'static [Row],
    /// Fields that are made of several.
    pub made: fn(&Map<String, Value>) -> Made,
}

pub(super) const SECURITY_4688: &str = "Security 4688";
pub(super) const SECURITY_4689: &str = "Security 4689";
pub(super) const SECURITY_4657: &str = "Security 4657";
pub(super) const SECURITY_5156: &str = "Security 5156";
pub(super) const DEFENDER: &str = "Defender";
pub(super) const KERNEL_FILE: &str = "Kernel-File";
pub(super) const AUDITD: &str = "auditd";
pub(super) const OSQUERY: &str = "osquery";
pub(super) const FALCO: &str = "Falco";
pub(super) const ECS: &str = "ECS";
pub(super) const OCSF: &str = "OCSF";
pub(super) const ZEEK_CONN: &str = "Zeek conn";
pub(super) const ZEEK_DNS: &str = "Zeek dns";
pub(super) const ZEEK_HTTP: &str = "Zeek http";
pub(super) const SURICATA: &str = "Suricata";
pub(super) const WEB: &str = "web server";

/// All mappings. The first has no rows: most sources go by their own names.
pub(super) const MAPPINGS: &[Mapping] = &[
    Mapping { name: "", fields: &[], made: nothing },
    Mapping {
        name: SECURITY_4688,
        fields: &[
            ("NewProcessName", "Image", None),
            ("ParentProcessName", "ParentImage", None),
            ("NewProcessId", "ProcessId", None),
            ("ProcessId", "ParentProcessId", None),
            ("SubjectUserName", "User", None),
            ("SubjectLogonId", "LogonId", None),
            ("MandatoryLabel", "IntegrityLevel", Some(integrity)),
        ],
        made: nothing,
    },
    Mapping {
        name: SECURITY_4689,
        fields: &[("ProcessName", "Image", None), ("SubjectUserName", "User", None)],
        made: nothing,
    },
    Mapping {
        name: SECURITY_4657,
        fields: &[
            ("ProcessName", "Image", None),
            ("NewValue", "Details", None),
            ("SubjectUserName", "User", None),
        ],
        made: registry_value,
    },
    Mapping {
        name: SECURITY_5156,
        fields: &[
            ("Application", "Image", None),
            ("SourceAddress", "SourceIp", None),
            ("DestAddress", "DestinationIp", None),
            ("DestPort", "DestinationPort", None),
            ("Direction", "Initiated", Some(initiated)),
        ],
        made: nothing,
    },
    Mapping {
        name: DEFENDER,
        fields: &[
            ("Threat Name", "Signature", None),
            ("Path", "Filename", None),
            ("Process Name", "Image", None),
            ("Detection User", "User", None),
            ("Action Name", "Action", None),
        ],
        made: nothing,
    },
    Mapping {
        name: KERNEL_FILE,
        fields: &[("FileName", "TargetFilename", None), ("FilePath", "TargetFilename", None)],
        made: nothing,
    },
    Mapping {
        name: AUDITD,
        fields: &[
            ("exe", "Image", None),
            ("cwd", "CurrentDirectory", None),
            ("ppid", "ParentProcessId", None),
            ("pid", "ProcessId", None),
            ("auid", "LogonId", None),
            ("uid", "User", None),
            ("name", "TargetFilename", None),
            ("addr", "DestinationIp", None),
            ("port", "DestinationPort", None),
            ("SYSCALL", "syscall", None),
            ("UID", "User", None),
        ],
        made: arguments,
    },
    Mapping {
        name: OSQUERY,
        fields: &[
            ("columns.path", "Image", None),
            ("columns.cmdline", "CommandLine", None),
            ("columns.cwd", "CurrentDirectory", None),
            ("columns.parent_path", "ParentImage", None),
            ("columns.parent_cmdline", "ParentCommandLine", None),
            ("columns.username", "User", None),
            ("columns.uid", "User", None),
            ("columns.pid", "ProcessId", None),
            ("columns.parent", "ParentProcessId", None),
            ("columns.target_path", "TargetFilename", None),
            ("columns.remote_address", "DestinationIp", None),
            ("columns.remote_port", "DestinationPort", None),
        ],
        made: nothing,
    },
    Mapping {
        name: FALCO,
        fields: &[
            ("output_fields.proc.exepath", "Image", None),
            ("output_fields.proc.cmdline", "CommandLine", None),
            ("output_fields.proc.cwd", "CurrentDirectory", None),
            ("output_fields.proc.pexepath", "ParentImage", None),
            ("output_fields.proc.pcmdline", "ParentCommandLine", None),
            ("output_fields.user.name", "User", None),
            ("output_fields.fd.name", "TargetFilename", None),
            ("output_fields.proc.pid", "ProcessId", None),
            ("output_fields.proc.ppid", "ParentProcessId", None),
        ],
        made: nothing,
    },
    Mapping { name: ECS, fields: ECS_FIELDS, made: nothing },
    Mapping {
        name: OCSF,
        fields: &[
            ("process.file.path", "Image", None),
            ("process.cmd_line", "CommandLine", None),
            ("process.pid", "ProcessId", None),
            ("process.working_directory", "CurrentDirectory", None),
            ("process.integrity", "IntegrityLevel", None),
            ("process.user.name", "User", None),
            ("process.parent_process.file.path", "ParentImage", None),
            ("process.parent_process.cmd_line", "ParentCommandLine", None),
            ("actor.process.file.path", "ParentImage", None),
            ("actor.process.cmd_line", "ParentCommandLine", None),
            ("actor.user.name", "User", None),
            ("file.path", "TargetFilename", None),
            ("src_endpoint.ip", "SourceIp", None),
            ("dst_endpoint.ip", "DestinationIp", None),
            ("dst_endpoint.port", "DestinationPort", None),
            ("dst_endpoint.hostname", "DestinationHostname", None),
            ("query.hostname", "query", None),
            ("query.type", "record_type", None),
        ],
        made: nothing,
    },
    Mapping {
        name: ZEEK_CONN,
        fields: &[
            ("id.orig_h", "src_ip", None),
            ("id.orig_p", "src_port", None),
            ("id.resp_h", "dst_ip", None),
            ("id.resp_p", "dst_port", None),
        ],
        made: nothing,
    },
    Mapping {
        name: ZEEK_DNS,
        fields: &[("answers", "answer", None), ("qtype_name", "record_type", None)],
        made: nothing,
    },
    Mapping {
        name: ZEEK_HTTP,
        fields: &[
            ("uri", "c-uri", None),
            ("host", "cs-host", None),
            ("host", "r-dns", None),
            ("method", "cs-method", None),
            ("user_agent", "c-useragent", None),
            ("referrer", "cs-referrer", None),
            ("status_code", "sc-status", None),
            ("id.resp_h", "dst_ip", None),
        ],
        made: nothing,
    },
    Mapping {
        name: SURICATA,
        fields: &[
            ("src_ip", "src_ip", None),
            ("dest_ip", "dst_ip", None),
            ("dest_port", "dst_port", None),
            ("dns.rrname", "query", None),
            ("dns.rrtype", "record_type", None),
            ("dns.answers.rdata", "answer", None),
            ("http.url", "c-uri", None),
            ("http.hostname", "cs-host", None),
            ("http.hostname", "r-dns", None),
            ("http.http_method", "cs-method", None),
            ("http.http_user_agent", "c-useragent", None),
            ("http.http_refer", "cs-referrer", None),
            ("http.status", "sc-status", None),
        ],
        made: nothing,
    },
    Mapping {
        name: WEB,
        fields: &[
            // The reader gives the names of the W3C extended form already.
            ("c-uri", "cs-uri", None),
        ],
        made: query_of_target,
    },
];

/// Elastic Common Schema, with what Winlogbeat keeps of Windows events.
const ECS_FIELDS: &[Row] = &[
    ("process.executable", "Image", None),
    ("process.command_line", "CommandLine", None),
    ("process.pid", "ProcessId", None),
    ("process.working_directory", "CurrentDirectory", None),
    ("process.pe.original_file_name", "OriginalFileName", None),
    ("process.parent.executable", "ParentImage", None),
    ("process.parent.command_line", "ParentCommandLine", None),
    ("process.parent.pid", "ParentProcessId", None),
    ("user.name", "User", None),
    ("file.path", "TargetFilename", None),
    ("dll.path", "ImageLoaded", None),
    ("registry.path", "TargetObject", None),
    ("registry.data.strings", "Details", None),
    ("dns.question.name", "QueryName", None),
    ("source.ip", "SourceIp", None),
    ("source.port", "SourcePort", None),
    ("destination.ip", "DestinationIp", None),
    ("destination.port", "DestinationPort", None),
    ("destination.domain", "DestinationHostname", None),
    ("powershell.file.script_block_text", "ScriptBlockText", None),
    ("winlog.channel", "Channel", None),
    ("winlog.event_id", "EventID", None),
    ("winlog.provider_name", "Provider_Name", None),
];

/// The place of a mapping in [`MAPPINGS`].
pub(super) fn place(name: &str) -> usize {
    MAPPINGS.iter().position(|mapping| mapping.name == name).unwrap_or_default()
}

fn nothing(_: &Map<String, Value>) -> Made {
    Vec::new()
}

/// The name of a mandatory label.
fn integrity(label: &str) -> Cow<'_, str> {
    Cow::Borrowed(match label {
        "S-1-16-0" => "Untrusted",
        "S-1-16-4096" => "Low",
        "S-1-16-8192" => "Medium",
        "S-1-16-8448" => "Medium Plus",
        "S-1-16-12288" => "High",
        "S-1-16-16384" => "System",
        "S-1-16-20480" => "Protected",
        other => other,
    })
}

/// Whether this machine began a connection, by the number of the message about its direction.
fn initiated(direction: &str) -> Cow<'_, str> {
    Cow::Borrowed(match direction {
        "%%14593" | "Outbound" => "true",
        "%%14592" | "Inbound" => "false",
        other => other,
    })
}

/// Sysmon's form of a registry value from that of the security log.
fn registry_value(raw: &Map<String, Value>) -> Made {
    const HIVES: &[(&str, &str)] = &[("\\REGISTRY\\MACHINE", "HKLM"), ("\\REGISTRY\\USER", "HKU")];
    let text = |key: &str| raw.get(key).and_then(Value::as_str);
    let Some(key) = text("ObjectName") else { return Vec::new() };
    let hive = HIVES.iter().find_map(|(long, short)| Some((key.strip_prefix(long)?, short)));
    let key = hive.map_or_else(|| key.to_owned(), |(rest, short)| format!("{short}{rest}"));
    let target = match text("ObjectValueName") {
        Some(value) => format!("{key}\\{value}"),
        None => key,
    };
    vec![("TargetObject", target)]
}

/// The command line of an audit record with its arguments apart.
fn arguments(raw: &Map<String, Value>) -> Made {
    const ARGUMENTS_MAX: usize = 512;
    if raw.contains_key("CommandLine") {
        return Vec::new();
    }
    // In an event without a start `a0` to `a3` are the registers of the call, not arguments.
    let of_start = |kind: &Value| kind == "EXECVE";
    let is_start = match raw.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(of_start),
        Some(kind) => of_start(kind),
        None => false,
    };
    if !is_start {
        return Vec::new();
    }
    let words: Vec<&str> = (0..ARGUMENTS_MAX)
        .map_while(|place| raw.get(&format!("a{place}")).and_then(Value::as_str))
        .collect();
    if words.is_empty() { Vec::new() } else { vec![("CommandLine", words.join(" "))] }
}

/// Rules look for the query with the path before it, too.
fn query_of_target(raw: &Map<String, Value>) -> Made {
    match raw.get("c-uri").and_then(Value::as_str) {
        Some(target) => vec![("cs-uri-query", target.to_owned())],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn audit_arguments_make_a_command_line() {
        let raw =
            json!({"type": ["SYSCALL", "EXECVE"], "argc": "2", "a0": "cat", "a1": "/etc/shadow"});
        let made = arguments(raw.as_object().unwrap());
        assert_eq!(made, [("CommandLine", "cat /etc/shadow".to_owned())]);
        let registers = json!({"type": "SYSCALL", "a0": "7ffd", "a1": "0"});
        assert!(arguments(registers.as_object().unwrap()).is_empty());
    }

    #[test]
    fn registry_values_of_the_security_log_look_like_sysmons() {
        let raw = json!({"ObjectName": "\\REGISTRY\\MACHINE\\SOFTWARE\\A", "ObjectValueName": "b"});
        let made = registry_value(raw.as_object().unwrap());
        assert_eq!(made, [("TargetObject", "HKLM\\SOFTWARE\\A\\b".to_owned())]);
    }

    #[test]
    fn every_mapping_has_its_own_name() {
        for mapping in MAPPINGS {
            assert_eq!(MAPPINGS.iter().filter(|other| other.name == mapping.name).count(), 1);
        }
    }
}
