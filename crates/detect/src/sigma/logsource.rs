//! Which rules an event is for: the log sources of Sigma, by what the event says of itself.
//!
//! A rule names a product, a category, a service, or several of them. An event is of one *kind*: a
//! row of the tables below, which says all products, categories and services that it belongs to.
//! Sources: the taxonomy of the Sigma specification, Microsoft's lists of channels and events, and
//! Sysmon's list of events.

use serde_json::{Map, Value};

use crate::Observed;

use super::fields::Known;
use super::mapping;

/// What a rule says of its log source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct LogSource {
    pub product: Option<String>,
    pub category: Option<String>,
    pub service: Option<String>,
}

/// What events of one kind belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub product: &'static str,
    pub categories: &'static [&'static str],
    pub services: &'static [&'static str],
    pub mapping: &'static str,
}

const fn kind(
    product: &'static str,
    categories: &'static [&'static str],
    services: &'static [&'static str],
    mapping: &'static str,
) -> Kind {
    Kind { product, categories, services, mapping }
}

/// Windows channels in lower case, and the service that Sigma calls each.
const CHANNELS: &[(&str, &[&str])] = &[
    ("security", &["security"]),
    ("system", &["system"]),
    ("application", &["application"]),
    ("microsoft-windows-sysmon/operational", &["sysmon"]),
    ("microsoft-windows-powershell/operational", &["powershell"]),
    ("powershellcore/operational", &["powershell"]),
    ("windows powershell", &["powershell-classic"]),
    ("microsoft-windows-wmi-activity/operational", &["wmi"]),
    ("dns server", &["dns-server"]),
    ("microsoft-windows-dnsserver/audit", &["dns-server-audit"]),
    ("microsoft-windows-dns-server/analytical", &["dns-server-analytic"]),
    ("microsoft-windows-dns-client/operational", &["dns-client"]),
    ("microsoft-windows-dns client events/operational", &["dns-client"]),
    ("microsoft-windows-driverframeworks-usermode/operational", &["driver-framework"]),
    ("microsoft-windows-windows defender/operational", &["windefend"]),
    ("microsoft-windows-ntlm/operational", &["ntlm"]),
    ("microsoft-windows-dhcp-server/operational", &["dhcp"]),
    ("microsoft-windows-applocker/exe and dll", &["applocker"]),
    ("microsoft-windows-applocker/msi and script", &["applocker"]),
    ("microsoft-windows-applocker/packaged app-deployment", &["applocker"]),
    ("microsoft-windows-applocker/packaged app-execution", &["applocker"]),
    ("msexchange management", &["msexchange-management"]),
    ("microsoft-windows-printservice/admin", &["printservice-admin"]),
    ("microsoft-windows-printservice/operational", &["printservice-operational"]),
    (
        "microsoft-windows-terminalservices-localsessionmanager/operational",
        &["terminalservices-localsessionmanager"],
    ),
    ("microsoft-windows-codeintegrity/operational", &["codeintegrity-operational"]),
    ("microsoft-windows-smbclient/security", &["smbclient-security"]),
    ("microsoft-windows-smbclient/connectivity", &["smbclient-connectivity"]),
    ("microsoft-windows-smbserver/connectivity", &["smbserver-connectivity"]),
    ("microsoft-windows-windows firewall with advanced security/firewall", &["firewall-as"]),
    ("microsoft-windows-bits-client/operational", &["bits-client"]),
    ("microsoft-windows-security-mitigations/kernel mode", &["security-mitigations"]),
    ("microsoft-windows-security-mitigations/user mode", &["security-mitigations"]),
    ("microsoft-windows-security-mitigations/kernelmode", &["security-mitigations"]),
    ("microsoft-windows-security-mitigations/usermode", &["security-mitigations"]),
    ("microsoft-windows-diagnosis-scripted/operational", &["diagnosis-scripted"]),
    ("microsoft-windows-shell-core/operational", &["shell-core"]),
    ("openssh/operational", &["openssh"]),
    ("microsoft-windows-ldap-client/debug", &["ldap", "ldap_debug"]),
    ("microsoft-windows-vhdmp-operational", &["vhdmp"]),
    ("microsoft-windows-vhdmp/operational", &["vhdmp"]),
    ("microsoft-windows-appxdeploymentserver/operational", &["appxdeployment-server"]),
    ("microsoft-windows-appxpackagingom/microsoft-windows-appxpackaging", &["appxpackaging-om"]),
    ("microsoft-windows-appxpackaging/operational", &["appxpackaging-om"]),
    ("microsoft-windows-appmodel-runtime/admin", &["appmodel-runtime"]),
    ("microsoft-windows-lsa/operational", &["lsa-server"]),
    ("microsoft-windows-capi2/operational", &["capi2"]),
    (
        "microsoft-windows-certificateservicesclient-lifecycle-system/operational",
        &["certificateservicesclient-lifecycle-system"],
    ),
    ("microsoft-iis-configuration/operational", &["iis-configuration"]),
    ("microsoft-windows-kernel-eventtracing/admin", &["kernel-event-tracing"]),
    ("microsoft-windows-hyper-v-worker-admin", &["hyper-v-worker"]),
    ("microsoft-windows-kernel-shimengine/operational", &["kernel-shimengine"]),
    ("microsoft-windows-taskscheduler/operational", &["taskscheduler"]),
    ("microsoft-servicebus-client", &["microsoft-servicebus-client"]),
    ("microsoft-servicebus-client/operational", &["microsoft-servicebus-client"]),
    ("microsoft-windows-ntfs/operational", &["ntfs"]),
    ("microsoft-windows-sense/operational", &["sense"]),
    ("microsoft-windows-kernel-file/analytic", &["kernel-file"]),
];

/// Windows events that are of a category: the service, the event's number, what they are.
const EVENTS: &[(&str, i64, &[&str], &str)] = &[
    ("sysmon", 1, &["process_creation"], ""),
    ("sysmon", 2, &["file_change"], ""),
    ("sysmon", 3, &["network_connection"], ""),
    ("sysmon", 4, &["sysmon_status"], ""),
    ("sysmon", 5, &["process_termination"], ""),
    ("sysmon", 6, &["driver_load"], ""),
    ("sysmon", 7, &["image_load"], ""),
    ("sysmon", 8, &["create_remote_thread"], ""),
    ("sysmon", 9, &["raw_access_thread"], ""),
    ("sysmon", 10, &["process_access"], ""),
    ("sysmon", 11, &["file_event"], ""),
    ("sysmon", 12, &["registry_event", "registry_add"], ""),
    ("sysmon", DELETED, &["registry_event", "registry_delete"], ""),
    ("sysmon", 13, &["registry_event", "registry_set"], ""),
    ("sysmon", 14, &["registry_event", "registry_rename"], ""),
    ("sysmon", 15, &["create_stream_hash"], ""),
    ("sysmon", 16, &["sysmon_status"], ""),
    ("sysmon", 17, &["pipe_created"], ""),
    ("sysmon", 18, &["pipe_created"], ""),
    ("sysmon", 19, &["wmi_event"], ""),
    ("sysmon", 20, &["wmi_event"], ""),
    ("sysmon", 21, &["wmi_event"], ""),
    ("sysmon", 22, &["dns_query"], ""),
    ("sysmon", 23, &["file_delete"], ""),
    ("sysmon", 24, &["clipboard_change"], ""),
    ("sysmon", 25, &["process_tampering"], ""),
    ("sysmon", 26, &["file_delete"], ""),
    ("sysmon", 27, &["file_block_executable"], ""),
    ("sysmon", 28, &["file_block_shredding"], ""),
    ("sysmon", 29, &["file_executable_detected"], ""),
    ("sysmon", 255, &["sysmon_error"], ""),
    ("security", 4688, &["process_creation"], mapping::SECURITY_4688),
    ("security", 4689, &["process_termination"], mapping::SECURITY_4689),
    ("security", 4657, &["registry_event", "registry_set"], mapping::SECURITY_4657),
    ("security", 5156, &["network_connection"], mapping::SECURITY_5156),
    ("powershell", 4103, &["ps_module"], ""),
    ("powershell", 4104, &["ps_script"], ""),
    ("powershell-classic", 400, &["ps_classic_start"], ""),
    ("powershell-classic", 600, &["ps_classic_provider_start"], ""),
    ("powershell-classic", 800, &["ps_classic_script"], ""),
    ("dns-client", 3008, &["dns_query"], ""),
    ("windefend", 1006, &["antivirus"], mapping::DEFENDER),
    ("windefend", 1015, &["antivirus"], mapping::DEFENDER),
    ("windefend", 1116, &["antivirus"], mapping::DEFENDER),
    ("windefend", 1117, &["antivirus"], mapping::DEFENDER),
    ("kernel-file", 12, &["file_access"], mapping::KERNEL_FILE),
    ("kernel-file", 19, &["file_rename"], mapping::KERNEL_FILE),
    ("kernel-file", 26, &["file_delete"], mapping::KERNEL_FILE),
    ("kernel-file", 30, &["file_event"], mapping::KERNEL_FILE),
];

/// Stands for Sysmon's event 12 when it tells of a deletion.
const DELETED: i64 = -12;

/// Other sources: the name under which [`name_of`] finds the row.
const OTHERS: &[(&str, Kind)] = &[
    ("auditd", kind("linux", &[], &["auditd"], mapping::AUDITD)),
    ("auditd/process", kind("linux", &["process_creation"], &["auditd"], mapping::AUDITD)),
    ("auditd/file", kind("linux", &["file_event"], &["auditd"], mapping::AUDITD)),
    ("auditd/network", kind("linux", &["network_connection"], &["auditd"], mapping::AUDITD)),
    ("syslog", kind("linux", &[], &["syslog"], "")),
    ("syslog/sshd", kind("linux", &[], &["sshd", "auth", "syslog"], "")),
    ("syslog/sudo", kind("linux", &[], &["sudo", "auth", "syslog"], "")),
    ("syslog/auth", kind("linux", &[], &["auth", "syslog"], "")),
    ("syslog/cron", kind("linux", &[], &["cron", "syslog"], "")),
    ("syslog/clamav", kind("linux", &["antivirus"], &["clamav", "syslog"], "")),
    ("syslog/vsftpd", kind("linux", &[], &["vsftpd", "syslog"], "")),
    ("syslog/guacamole", kind("linux", &[], &["guacamole", "syslog"], "")),
    ("linux/osquery process", kind("linux", &["process_creation"], &[], mapping::OSQUERY)),
    ("linux/osquery file", kind("linux", &["file_event"], &[], mapping::OSQUERY)),
    ("linux/osquery network", kind("linux", &["network_connection"], &[], mapping::OSQUERY)),
    ("linux/ecs process", kind("linux", &["process_creation"], &[], mapping::ECS)),
    ("macos/ecs process", kind("macos", &["process_creation"], &[], mapping::ECS)),
    ("windows/ecs process", kind("windows", &["process_creation"], &[], mapping::ECS)),
    ("linux/ecs file", kind("linux", &["file_event"], &[], mapping::ECS)),
    ("linux/ecs network", kind("linux", &["network_connection"], &[], mapping::ECS)),
    ("macos/ecs file", kind("macos", &["file_event"], &[], mapping::ECS)),
    ("macos/ecs network", kind("macos", &["network_connection"], &[], mapping::ECS)),
    ("windows/ecs file", kind("windows", &["file_event"], &[], mapping::ECS)),
    ("windows/ecs network", kind("windows", &["network_connection"], &[], mapping::ECS)),
    ("linux/ocsf file", kind("linux", &["file_event"], &[], mapping::OCSF)),
    ("linux/ocsf network", kind("linux", &["network_connection"], &[], mapping::OCSF)),
    ("windows/ocsf file", kind("windows", &["file_event"], &[], mapping::OCSF)),
    ("windows/ocsf network", kind("windows", &["network_connection"], &[], mapping::OCSF)),
    ("linux/ocsf process", kind("linux", &["process_creation"], &[], mapping::OCSF)),
    ("macos/ocsf process", kind("macos", &["process_creation"], &[], mapping::OCSF)),
    ("windows/ocsf process", kind("windows", &["process_creation"], &[], mapping::OCSF)),
    ("falco", kind("linux", &["process_creation"], &[], mapping::FALCO)),
    ("zeek", kind("zeek", &[], &[], "")),
    ("zeek/conn", kind("zeek", &["firewall"], &["conn"], mapping::ZEEK_CONN)),
    ("zeek/dns", kind("zeek", &["dns"], &["dns"], mapping::ZEEK_DNS)),
    ("zeek/http", kind("zeek", &["proxy"], &["http"], mapping::ZEEK_HTTP)),
    ("zeek/smb_files", kind("zeek", &[], &["smb_files"], "")),
    ("zeek/dce_rpc", kind("zeek", &[], &["dce_rpc"], "")),
    ("zeek/rdp", kind("zeek", &[], &["rdp"], "")),
    ("zeek/x509", kind("zeek", &[], &["x509"], "")),
    ("zeek/kerberos", kind("zeek", &[], &["kerberos"], "")),
    ("suricata/dns", kind("suricata", &["dns"], &[], mapping::SURICATA)),
    ("suricata/http", kind("suricata", &["proxy"], &[], mapping::SURICATA)),
    ("suricata/flow", kind("suricata", &["firewall"], &[], mapping::SURICATA)),
    ("web", kind("web", &["webserver"], &[], mapping::WEB)),
    ("web/apache", kind("apache", &["webserver"], &["apache"], mapping::WEB)),
    ("web/nginx", kind("nginx", &["webserver"], &["nginx"], mapping::WEB)),
    ("cloudtrail", kind("aws", &[], &["cloudtrail"], "")),
    ("kubernetes", kind("kubernetes", &["application"], &["audit"], "")),
    ("okta", kind("okta", &[], &["okta"], "")),
    ("onelogin", kind("onelogin", &[], &["onelogin.events"], "")),
    ("github", kind("github", &[], &["audit"], "")),
    ("bitbucket", kind("bitbucket", &[], &["audit"], "")),
    ("azure/auditlogs", kind("azure", &[], &["auditlogs"], "")),
    ("azure/activitylogs", kind("azure", &[], &["activitylogs"], "")),
    ("azure/signinlogs", kind("azure", &[], &["signinlogs"], "")),
    ("azure/riskdetection", kind("azure", &[], &["riskdetection"], "")),
    ("azure/pim", kind("azure", &[], &["pim"], "")),
    ("gcp/audit", kind("gcp", &[], &["gcp.audit"], "")),
    ("gcp/admin", kind("gcp", &[], &["google_workspace.admin"], "")),
    ("gcp/login", kind("gcp", &[], &["google_workspace.login"], "")),
    (
        "m365",
        kind("m365", &[], &["audit", "exchange", "threat_management", "threat_detection"], ""),
    ),
    ("opencanary", kind("opencanary", &["application"], &[], "")),
    ("rpc_firewall", kind("rpc_firewall", &["application"], &[], "")),
    ("cisco", kind("cisco", &[], &["aaa", "syslog", "bgp", "ldp"], "")),
    ("cisco/duo", kind("cisco", &[], &["duo"], "")),
    ("juniper", kind("juniper", &[], &["bgp"], "")),
    ("huawei", kind("huawei", &[], &["bgp"], "")),
    ("fortigate", kind("fortigate", &["firewall"], &["event"], "")),
    ("fortios", kind("fortios", &[], &["sslvpnd"], "")),
    ("paloalto", kind("paloalto", &["appliance", "file_event"], &["globalprotect"], "")),
    ("proxy", kind("proxy", &["proxy"], &[], "")),
    ("dns", kind("dns", &["dns"], &[], "")),
    ("firewall", kind("firewall", &["firewall"], &[], "")),
    ("antivirus", kind("antivirus", &["antivirus"], &[], "")),
    ("database", kind("database", &["database"], &[], "")),
    ("application/jvm", kind("jvm", &["application"], &[], "")),
    ("application/spring", kind("spring", &["application"], &[], "")),
    ("application/sql", kind("sql", &["application"], &[], "")),
    ("application/python", kind("python", &["application"], &[], "")),
    ("application/velocity", kind("velocity", &["application"], &[], "")),
    ("application/django", kind("django", &["application"], &[], "")),
    ("application/nodejs", kind("nodejs", &["application"], &[], "")),
    ("application/ruby", kind("ruby_on_rails", &["application"], &[], "")),
    ("macos/process", kind("macos", &["process_creation"], &[], "")),
    ("macos/file", kind("macos", &["file_event"], &[], "")),
];

/// The kind of Windows events of a channel that has no row.
const WINDOWS: Kind = kind("windows", &[], &[], "");

/// All kinds, numbered.
#[derive(Debug)]
pub(super) struct Kinds {
    all: Vec<Kind>,
    by_channel: Known<&'static str, usize>,
    by_event: Known<(usize, i64), usize>,
    by_name: Known<&'static str, usize>,
    windows: usize,
}

impl Kinds {
    pub(super) fn new() -> Self {
        let mut all = vec![WINDOWS];
        let (mut by_channel, mut by_event) = (Known::default(), Known::default());
        for (channel, services) in CHANNELS {
            let of_channel = all.len();
            by_channel.insert(*channel, of_channel);
            all.push(kind("windows", &[], services, ""));
            let events = EVENTS.iter().filter(|(service, ..)| services.contains(service));
            for (_, number, categories, mapping) in events {
                by_event.insert((of_channel, *number), all.len());
                all.push(kind("windows", categories, services, mapping));
            }
        }
        let mut by_name = Known::default();
        for (name, kind) in OTHERS {
            by_name.insert(*name, all.len());
            all.push(*kind);
        }
        Self { all, by_channel, by_event, by_name, windows: 0 }
    }

    pub(super) fn all(&self) -> &[Kind] {
        &self.all
    }

    /// What the source of an event calls its fields, where that is not told by its kind: shippers
    /// keep Windows events under names of their own.
    pub(super) fn mapping_of(event: &Observed<'_>, of_kind: usize) -> usize {
        let shipped = event.raw.contains_key("winlog") && !event.raw.contains_key("Channel");
        if shipped { mapping::place(mapping::ECS) } else { of_kind }
    }

    /// The kind of an event, if its source is one that rules are written for.
    pub(super) fn of(&self, event: &Observed<'_>) -> Option<usize> {
        match channel(event.raw) {
            Some((channel, number)) => Some(self.of_channel(event, channel, number)),
            None => self.by_name.get(name_of(event)?).copied(),
        }
    }

    fn of_channel(&self, event: &Observed<'_>, channel: &str, number: Option<i64>) -> usize {
        let channel = channel.to_ascii_lowercase();
        let Some(of_channel) = self.by_channel.get(channel.as_str()).copied() else {
            return self.windows;
        };
        let number = number.map(|number| {
            let kind = event.raw.get("EventType").and_then(Value::as_str).unwrap_or_default();
            if number == 12 && kind.starts_with("Delete") { DELETED } else { number }
        });
        let of_event = number.and_then(|number| self.by_event.get(&(of_channel, number)));
        of_event.copied().unwrap_or(of_channel)
    }
}

impl LogSource {
    /// Whether events of a kind are what the rule is for: each thing it names must be true.
    pub(super) fn holds(&self, kind: &Kind) -> bool {
        let is = |wanted: &Option<String>, given: &[&str]| {
            wanted.as_deref().is_none_or(|wanted| given.contains(&wanted))
        };
        let any = self.product.is_some() || self.category.is_some() || self.service.is_some();
        any && is(&self.product, &[kind.product])
            && is(&self.category, kind.categories)
            && is(&self.service, kind.services)
    }
}

/// The channel and number of a Windows event, also as shippers nest them.
fn channel(raw: &Map<String, Value>) -> Option<(&str, Option<i64>)> {
    if let Some(channel) = raw.get("Channel").and_then(Value::as_str) {
        return Some((channel, raw.get("EventID").and_then(whole)));
    }
    let nested = raw.get("winlog")?;
    Some((nested.get("channel")?.as_str()?, nested.get("event_id").and_then(whole)))
}

fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The name of the row of an event that is not from Windows.
fn name_of(event: &Observed<'_>) -> Option<&'static str> {
    let text = |key: &str| event.raw.get(key).and_then(Value::as_str).unwrap_or_default();
    let known = |prefix: &str, name: &str| {
        let mut rows = OTHERS.iter().map(|(row, _)| *row);
        rows.find(|row| row.strip_prefix(prefix).is_some_and(|rest| rest == name))
    };
    match event.source {
        "auditd" => Some(auditd(event)),
        "syslog" | "journald_json" | "journald_export" => {
            let programs = ["program", "SYSLOG_IDENTIFIER", "_COMM"];
            let program = programs.iter().map(|key| text(key)).find(|name| !name.is_empty());
            Some(syslog(program.unwrap_or_default()))
        }
        "zeek_json" | "zeek_tsv" => {
            // A log of columns says which one it is in its head, not in each record.
            let log_name = event.ocsf.get("metadata").and_then(|of| of.get("log_name"));
            let path = log_name.and_then(Value::as_str).unwrap_or_else(|| text("_path"));
            Some(known("zeek/", path).unwrap_or("zeek"))
        }
        "suricata_eve" => known("suricata/", text("event_type")),
        "kubernetes_audit" => Some("kubernetes"),
        "web_access" => Some("web"),
        "falco" => Some("falco"),
        "osquery" => known("linux/osquery ", class(event.class_uid)),
        "azure" => known("azure/", &text("category").to_ascii_lowercase()),
        "ecs" => of_system(event, event.raw.get("host"), "ecs "),
        "ocsf" if event.class_uid == 4003 => Some("dns"),
        "ocsf" => of_system(event, event.raw.get("device"), "ocsf "),
        source => OTHERS.iter().map(|(row, _)| *row).find(|row| *row == source),
    }
}

/// What rows call an OCSF class.
fn class(class_uid: u32) -> &'static str {
    match class_uid {
        1_001 => "file",
        1_007 => "process",
        4_001 => "network",
        _ => "",
    }
}

/// The row of a class of events, on the system that the host or device names.
fn of_system(event: &Observed<'_>, host: Option<&Value>, of: &str) -> Option<&'static str> {
    let flat = event.raw.get("host.os.type").or_else(|| event.raw.get("host.os.family"));
    let system = match flat.and_then(Value::as_str) {
        Some(name) => system_named(name),
        None => operating_system(host),
    };
    let mut rows = OTHERS.iter().map(|(row, _)| *row);
    rows.find(|row| {
        let rest = row.strip_prefix(system).and_then(|rest| rest.strip_prefix('/'));
        rest.and_then(|rest| rest.strip_prefix(of)) == Some(class(event.class_uid))
    })
}

fn operating_system(host: Option<&Value>) -> &'static str {
    let os = host.and_then(|host| host.get("os"));
    let keys = ["type", "platform", "family", "name"];
    system_named(keys.iter().find_map(|key| os?.get(key)?.as_str()).unwrap_or_default())
}

fn system_named(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        name if name.starts_with("windows") => "windows",
        name if name.starts_with("macos") || name.starts_with("darwin") => "macos",
        _ => "linux",
    }
}

/// An audit event may have several records: what one of them is, it is.
fn auditd(event: &Observed<'_>) -> &'static str {
    let is = |key: &str, wanted: &str| match event.raw.get(key) {
        Some(Value::String(value)) => value == wanted,
        Some(Value::Array(values)) => values.iter().any(|value| value == wanted),
        _ => false,
    };
    if event.class_uid == 1_007 || is("type", "EXECVE") {
        "auditd/process"
    } else if event.class_uid == 1_001 || is("nametype", "CREATE") {
        "auditd/file"
    } else if event.class_uid == 4_001 || is("SYSCALL", "connect") {
        "auditd/network"
    } else {
        "auditd"
    }
}

fn syslog(program: &str) -> &'static str {
    match program.rsplit('/').next().unwrap_or_default() {
        "sshd" | "sshd-session" | "sshd-auth" => "syslog/sshd",
        "sudo" => "syslog/sudo",
        "su" | "login" | "systemd-logind" | "passwd" | "useradd" | "usermod" | "groupadd"
        | "chpasswd" | "polkitd" | "pkexec" => "syslog/auth",
        "cron" | "CRON" | "crond" | "anacron" => "syslog/cron",
        "clamd" | "clamscan" | "freshclam" => "syslog/clamav",
        "vsftpd" => "syslog/vsftpd",
        "guacd" | "guacamole" => "syslog/guacamole",
        _ => "syslog",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(source: &str, raw: Value, product: &str, category: &str, service: &str) -> bool {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let raw = raw.as_object().cloned().unwrap_or_default();
        let ocsf = Map::new();
        let event = Observed { time_ms: 0, host: "", source, class_uid: 0, ocsf: &ocsf, raw: &raw };
        let kinds = Kinds::new();
        let rule =
            LogSource { product: some(product), category: some(category), service: some(service) };
        kinds.of(&event).is_some_and(|kind| rule.holds(&kinds.all()[kind]))
    }

    #[test]
    fn windows_events_are_known_by_channel_and_number() {
        let sysmon = |number: i64, of: &str| {
            json!({
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "EventID": number,
                "EventType": of,
            })
        };
        assert!(holds("evtx", sysmon(1, ""), "windows", "process_creation", ""));
        assert!(holds("evtx", sysmon(1, ""), "windows", "", "sysmon"));
        assert!(!holds("evtx", sysmon(3, ""), "windows", "process_creation", ""));
        assert!(holds("evtx", sysmon(12, "CreateKey"), "windows", "registry_add", ""));
        assert!(!holds("evtx", sysmon(12, "DeleteKey"), "windows", "registry_add", ""));
        assert!(holds("evtx", sysmon(12, "DeleteKey"), "windows", "registry_delete", ""));
        let text = json!({"Channel": "Security", "EventID": "4688"});
        assert!(holds("evtx", text.clone(), "windows", "process_creation", ""));
        assert!(!holds("evtx", text, "linux", "process_creation", ""));
        let nested = json!({"winlog": {"channel": "Security", "event_id": 4688}});
        assert!(holds("ecs", nested, "windows", "process_creation", "security"));
    }

    #[test]
    fn other_sources_are_known_by_name_and_content() {
        assert!(holds("syslog", json!({"program": "sshd"}), "linux", "", "auth"));
        assert!(holds("zeek_json", json!({"_path": "dns"}), "zeek", "", "dns"));
        assert!(holds("zeek_json", json!({"_path": "dns"}), "", "dns", ""));
        assert!(holds("cloudtrail", json!({}), "aws", "", "cloudtrail"));
        let execve = json!({"type": ["SYSCALL", "EXECVE"]});
        assert!(holds("auditd", execve, "linux", "process_creation", ""));
        assert!(!holds("unheard of", json!({}), "linux", "", ""));
        assert!(
            !holds("syslog", json!({}), "", "", ""),
            "a rule that names nothing is for nothing"
        );
    }
}
