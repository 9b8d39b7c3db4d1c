//! Rules and log sources meet by names: what each reader really gives, a rule for it must find.

use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

use detect::Observed;
use detect::sigma::{Pack, Rules};
use sources::log::Context;
use sources::log::open::read_file;

/// How many records of a fixture match a rule of one log source and one selection.
fn matches(fixture: &str, log_source: &str, selection: &str) -> usize {
    let rule = format!(
        "title: t\nid: t\nlogsource: {{{log_source}}}\ndetection:\n  s:\n{selection}\n  condit\
            ion: s\n"
    );
    let loaded = Pack::from_yaml_files([("rule.yml", rule)]);
    assert_eq!(loaded.refused, [], "{log_source}");
    let rules = Rules::new(loaded.pack);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sources/testdata");
    let bytes = std::fs::read(folder.join(fixture)).expect("a fixture of the reader");
    let context = Context { file: fixture, host: "here", ..Context::default() };
    let mut found = 0;
    read_file(Cursor::new(bytes), &context, &mut |source, record| {
        let event = Observed {
            time_ms: record.time_ms,
            host: &record.host,
            source: source.name,
            class_uid: record.class_uid,
            ocsf: &record.ocsf,
            raw: &record.raw,
        };
        rules.match_event(&event, &mut |_| found += 1);
        ControlFlow::Continue(())
    });
    found
}

#[track_caller]
fn finds(fixture: &str, log_source: &str, selection: &str) {
    assert!(matches(fixture, log_source, selection) > 0, "{fixture}: {log_source}: {selection}");
}

const LINUX_PROCESS: &str = "product: linux, category: process_creation";

#[test]
fn the_audit_log() {
    let file = "auditd/events.in";
    finds(
        file,
        LINUX_PROCESS,
        "    CommandLine|contains: 'curl http'\n    Image|endswith: '/dash'",
    );
    finds(file, "product: linux, service: auditd", "    type: EXECVE\n    a2|contains: curl");
    finds(file, "product: linux, service: auditd", "    type: SYSCALL\n    syscall: connect");
    finds(file, "product: linux, category: file_event", "    TargetFilename|endswith: .locked");
    finds(file, "product: linux, service: auditd", "    type: PATH\n    nametype: CREATE");
    finds(file, "product: linux, service: auditd", "    type: ADD_USER");
    assert_eq!(
        matches(file, LINUX_PROCESS, "    CommandLine|contains: '7ffd'"),
        0,
        "registers are no arguments"
    );
}

#[test]
fn syslog_and_the_journal() {
    finds("syslog/auth.in", "product: linux, service: auth", "    - 'Failed password'");
    finds("syslog/auth.in", "product: linux, service: sshd", "    - 'invalid user'");
    finds("syslog/auth.in", "product: linux, service: sudo", "    - 'NOT in sudoers'");
    finds("syslog/auth.in", "product: linux, service: cron", "    - 'run-parts'");
    finds("syslog/rfc5424.in", "product: linux, service: auth", "    - 'FAILED SU'");
    finds("journald_json/entries.in", "product: linux, service: sshd", "    - 'Accepted password'");
    finds("journald_export/entries.in", "product: linux, service: syslog", "    - 'nginx.service'");
}

#[test]
fn zeek_both_ways() {
    finds("zeek_json/mixed.in", "product: zeek, service: http", "    c-uri|contains: '/a?b'");
    finds("zeek_json/mixed.in", "category: proxy", "    c-useragent|startswith: curl");
    finds("zeek_json/mixed.in", "product: zeek, service: smb_files", "    name|endswith: .docx");
    finds("zeek_tsv/conn.in", "product: zeek, service: conn", "    id.resp_p: 443");
    finds(
        "zeek_tsv/conn.in",
        "category: firewall",
        "    dst_ip|cidr: 203.0.113.0/24\n    dst_port: 443",
    );
    finds(
        "zeek_tsv/dns.in",
        "category: dns",
        "    query|endswith: cdn.example\n    answer: edge.example",
    );
}

#[test]
fn other_sensors() {
    finds("suricata_eve/eve.in", "category: dns", "    query: cdn.example");
    finds(
        "suricata_eve/eve.in",
        "category: proxy",
        "    c-uri|contains: 'b=c'\n    cs-host: c.example",
    );
    finds("suricata_eve/eve.in", "category: firewall", "    dst_port: 443");
    finds(
        "falco/alerts.in",
        LINUX_PROCESS,
        "    Image|endswith: /bash\n    CommandLine: 'bash -i'",
    );
    finds("osquery/results.in", LINUX_PROCESS, "    CommandLine|startswith: 'curl '");
    finds(
        "osquery/results.in",
        "product: linux, category: file_event",
        "    TargetFilename|endswith: .locked",
    );
    finds(
        "osquery/results.in",
        "product: linux, category: network_connection",
        "    DestinationPort: 443",
    );
    finds(
        "ecs/beats.in",
        LINUX_PROCESS,
        "    CommandLine|startswith: 'curl '\n    CurrentDirectory: /tmp",
    );
    finds(
        "ecs/beats.in",
        "product: linux, category: file_event",
        "    TargetFilename|endswith: plan.odt",
    );
    finds(
        "ecs/beats.in",
        "product: linux, category: network_connection",
        "    DestinationIp: 203.0.113.9",
    );
    finds("ocsf/events.in", LINUX_PROCESS, "    CommandLine: 'whoami /all'");
}

#[test]
fn the_web_and_the_cloud() {
    finds(
        "web_access/combined.in",
        "category: webserver",
        "    cs-uri-query|contains: 'next='\n    cs-method: POST",
    );
    finds(
        "web_access/combined.in",
        "category: webserver",
        "    cs-uri-stem|endswith: /login\n    sc-status: 401",
    );
    finds(
        "cloudtrail/trail.in",
        "product: aws, service: cloudtrail",
        "    eventName: CreateAccessKey",
    );
    finds(
        "cloudtrail/trail.in",
        "product: aws, service: cloudtrail",
        "    requestParameters.userName: svc",
    );
    finds(
        "kubernetes_audit/audit.in",
        "product: kubernetes, service: audit",
        "    objectRef.resource: pods\n    objectRef.subresource: exec",
    );
}

#[test]
fn windows_every_way() {
    let process = "product: windows, category: process_creation";
    finds(
        "windows_json/nxlog.in",
        process,
        "    Image|endswith: '\\whoami.exe'\n    CommandLine: 'whoami /all'",
    );
    finds(
        "windows_json/beats.in",
        "product: windows, category: file_event",
        "    TargetFilename|endswith: read_me.txt",
    );
    finds("windows_json/dumped.in", "product: windows, service: security", "    EventID: 4648");
    finds(
        "windows_xml/exported.in",
        "product: windows, category: file_delete",
        "    Image|endswith: '\\x.exe'",
    );
}
