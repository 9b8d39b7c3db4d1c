use serde_json::{Map, Value, json};

use super::*;

fn reading(class_uid: u32, ocsf: Value) -> Reading {
    let ocsf = ocsf.as_object().cloned().unwrap_or_default();
    let raw = Map::new();
    Reading::of(&Observed {
        time_ms: 0,
        host: "a",
        source: "test",
        class_uid,
        ocsf: &ocsf,
        raw: &raw,
    })
}

fn texts(reading: &Reading, kind: TokenKind) -> Vec<&str> {
    reading.tokens.iter().filter(|t| t.kind == kind).map(|t| t.text.as_str()).collect()
}

#[test]
fn a_process_is_its_program_its_parent_and_the_shape_of_its_line() {
    let reading = reading(
        1_007,
        json!({
            "activity_id": 1,
            "process": {
                "file": {"path": "/usr/bin/curl"},
                "cmd_line": "curl -o /tmp/x https://a.example/secret",
                "parent_process": {"name": "bash"},
            },
            "actor": {"user": {"name": "Ann"}},
        }),
    );
    assert_eq!(texts(&reading, TokenKind::Process), ["curl in system"]);
    assert_eq!(texts(&reading, TokenKind::Lineage), ["bash starts curl"]);
    assert_eq!(texts(&reading, TokenKind::Command), ["curl -o +url +temp"]);
    assert_eq!(texts(&reading, TokenKind::User), ["ann"]);
    let all = format!("{:?}", reading.tokens);
    assert!(!all.contains("secret"), "values stay out of tokens");
}

#[test]
fn another_tools_alert_is_read_like_any_event() {
    let reading = reading(
        2_004,
        json!({"finding_info": {"title": "Web scan 4711"}, "metadata": {"product": {"name": "Wazuh"}}}),
    );
    assert_eq!(texts(&reading, TokenKind::Alert), ["Wazuh web scan #"]);
}

#[test]
fn a_connection_is_its_flow_and_its_destination() {
    let reading = reading(
        4_001,
        json!({
            "dst_endpoint": {"ip": "203.0.113.9", "port": 4444},
            "actor": {"process": {"name": "nc"}},
        }),
    );
    assert_eq!(texts(&reading, TokenKind::Flow), ["nc to outside 4444"]);
    assert_eq!(texts(&reading, TokenKind::Destination), ["203.0.113.0/24"]);
    assert_eq!(reading.destination.as_deref(), Some("203.0.113.0/24"));
}

#[test]
fn a_failed_logon_is_not_the_users_own() {
    let failed = reading(3_002, json!({"user": {"name": "root"}, "status": "Failure"}));
    assert_eq!(texts(&failed, TokenKind::User), ["root fails"]);
}

#[test]
fn an_event_of_any_class_has_a_sort_and_a_program() {
    let reading = reading(99_999, json!({"anything": [1, {"deep": null}]}));
    assert_eq!(reading.tokens.len(), 1);
    assert_eq!(reading.program, "test");
}

#[test]
fn hostile_fields_are_cut_and_counted() {
    let long = "x".repeat(1 << 20);
    let reading =
        reading(1_007, json!({"process": {"name": long, "cmd_line": 7}, "activity_id": {}}));
    assert!(reading.tokens.iter().all(|token| token.text.len() <= TOKEN_CHARS_MAX));
}
