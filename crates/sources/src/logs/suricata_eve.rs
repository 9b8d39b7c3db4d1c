//! Suricata: `eve.json`.
//!
//! Alerts become findings; flows, DNS, HTTP, TLS, SSH, SMB, files and the rest become activities.
//! `raw` is the entry as it was. Alerts keep the two ends and the protocol as evidence.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::ocsf::{
    Event, Object, Product, class, connection, endpoint, file, finding, http_activity,
    http_request, severity, url,
};
use crate::log::{
    Context, Counts, Head, LogError, LogSource, Record, Sink, at, int, text, text_at, time,
    value_int,
};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "suricata_eve",
    title: "Suricata eve.json",
    example: "var/log/suricata/eve.json",
    standard: "https://docs.suricata.io/en/latest/output/eve/eve-json-format.html",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "Suricata", vendor: "OISF" };

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["event_type", "timestamp"])
        && ["src_ip", "flow_id", "stats", "engine", "pcap_cnt", "in_iface"]
            .iter()
            .any(|key| head.has_keys(&[key]))
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let kind = text(&raw, "event_type").ok_or("it has no `event_type`")?;
    let time_ms = text(&raw, "timestamp")
        .and_then(|text| time::iso(text, context.utc_offset_s))
        .ok_or("its `timestamp` is no time")?;
    let flow = raw.get("flow_id").and_then(Value::as_u64).map(|id| id.to_string());
    let event = view(&raw, kind, time_ms).metadata(|metadata| {
        metadata.text("event_code", kind).text("correlation_uid", flow.as_deref())
    });
    let host = text(&raw, "host").unwrap_or(context.host).to_owned();
    Ok(event.record(&host, raw))
}

fn view(raw: &Map<String, Value>, kind: &str, time_ms: i64) -> Event {
    let of = |class_uid, activity_id| Event::new(class_uid, activity_id, time_ms, PRODUCT);
    let text = |path: &[&str]| text_at(raw, path);
    let number = |path: &[&str]| at(raw, path).and_then(value_int);
    match kind {
        "alert" => return alert(raw, time_ms),
        "anomaly" => {
            let title = text(&["anomaly", "event"]).unwrap_or("anomaly");
            return of(class::DETECTION_FINDING, 1)
                .severity(severity::LOW)
                .with(|body| body.object("finding_info", finding("", title, None)))
                .with(|body| body.objects("evidences", [ends(Object::new(), raw)]));
        }
        "stats" | "engine" => return of(class::BASE, 0),
        _ => {}
    }
    let event = match kind {
        "flow" | "netflow" => {
            let traffic = Object::new()
                .int("bytes_out", number(&["flow", "bytes_toserver"]))
                .int("bytes_in", number(&["flow", "bytes_toclient"]))
                .int("packets_out", number(&["flow", "pkts_toserver"]))
                .int("packets_in", number(&["flow", "pkts_toclient"]));
            of(class::NETWORK, 2)
                .with(|body| body.object("traffic", traffic).text("app_name", text(&["app_proto"])))
        }
        "dns" => dns(raw, time_ms),
        "http" => {
            let method = text(&["http", "http_method"]).unwrap_or_default();
            let address = url(text(&["http", "hostname"]), text(&["http", "url"]).unwrap_or("/"));
            let agent = text(&["http", "http_user_agent"]);
            let request = http_request(method, address, agent, text(&["http", "http_refer"]));
            let response = number(&["http", "status"]).map(|code| {
                Object::new().int("code", code).int("body_length", number(&["http", "length"]))
            });
            of(class::HTTP, http_activity(method))
                .with(|body| body.object("http_request", request).object("http_response", response))
        }
        "tls" => {
            let tls = text(&["tls", "version"]).map(|version| {
                Object::new().text("version", version).text("sni", text(&["tls", "sni"]))
            });
            of(class::NETWORK, 6).with(|body| body.object("tls", tls))
        }
        "ssh" => of(class::SSH, 1)
            .with(|body| body.text("protocol_ver", text(&["ssh", "client", "proto_version"]))),
        "rdp" => of(class::RDP, 3),
        "dhcp" => of(class::DHCP, 0),
        "ftp" | "ftp_data" => {
            of(class::FTP, 0).with(|body| body.text("command", text(&["ftp", "command"])))
        }
        "smb" => of(class::SMB, 0).with(|body| {
            body.text("command", text(&["smb", "command"]))
                .text("share", text(&["smb", "share"]))
                .object("file", file(text(&["smb", "filename"])))
        }),
        _ => of(class::NETWORK, 6),
    };
    event.with(|body| ends(body, raw))
}

/// The two ends and the protocol.
fn ends(body: Object, raw: &Map<String, Value>) -> Object {
    let protocol = text(raw, "proto");
    body.object("src_endpoint", endpoint(text(raw, "src_ip"), int(raw, "src_port")))
        .object("dst_endpoint", endpoint(text(raw, "dest_ip"), int(raw, "dest_port")))
        .object("connection_info", connection(protocol, 0))
}

fn alert(raw: &Map<String, Value>, time_ms: i64) -> Event {
    let title = text_at(raw, &["alert", "signature"]).unwrap_or("alert");
    let number = |key: &str| at(raw, &["alert", key]).and_then(value_int);
    let id = number("signature_id").map(|id| id.to_string()).unwrap_or_default();
    // 1 is the most severe.
    let severity_id = match number("severity") {
        Some(1) => severity::HIGH,
        Some(2) => severity::MEDIUM,
        Some(3) => severity::LOW,
        _ => severity::UNKNOWN,
    };
    let info =
        finding(&id, title, Some(title)).texts("types", text_at(raw, &["alert", "category"]));
    Event::new(class::DETECTION_FINDING, 1, time_ms, PRODUCT).severity(severity_id).with(|body| {
        body.object("finding_info", info)
            .objects("evidences", [ends(Object::new(), raw)])
            .flag("is_alert", true)
    })
}

fn dns(raw: &Map<String, Value>, time_ms: i64) -> Event {
    // Version 3 has lists of queries and answers, older ones a single name.
    let first = at(raw, &["dns", "queries"]).and_then(|list| list.get(0));
    let of_query = |key: &str| {
        let listed = first.and_then(|query| query.get(key)?.as_str());
        listed.or_else(|| text_at(raw, &["dns", key]))
    };
    let is_answer = matches!(text_at(raw, &["dns", "type"]), Some("answer" | "response"));
    let answers = at(raw, &["dns", "answers"]).and_then(Value::as_array).into_iter().flatten();
    let answers = answers.filter_map(|answer| {
        let data = Object::new().text("rdata", answer.get("rdata")?.as_str());
        Some(data.text("type", answer.get("rrtype").and_then(Value::as_str)))
    });
    let query = Object::new()
        .text("hostname", of_query("rrname").unwrap_or("unknown"))
        .text("type", of_query("rrtype"));
    Event::new(class::DNS, if is_answer { 2 } else { 1 }, time_ms, PRODUCT).with(|body| {
        body.object("query", query)
            .objects("answers", answers)
            .text("rcode", text_at(raw, &["dns", "rcode"]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(entry: Value) -> Result<Record, &'static str> {
        let Value::Object(entry) = entry else { panic!("an object") };
        convert(entry, &Context::default())
    }

    #[test]
    fn an_alert_is_a_finding_with_its_ends_as_evidence() {
        let record = record(json!({
            "timestamp": "2026-03-01T08:00:00.000000+0000", "event_type": "alert",
            "src_ip": "192.0.2.1", "src_port": 1, "dest_ip": "192.0.2.2", "dest_port": 445,
            "proto": "TCP", "alert": {"signature_id": 7, "signature": "S", "severity": 1}
        }))
        .unwrap();
        assert_eq!((record.time_ms, record.class_uid), (1_772_352_000_000, 2_004));
        assert_eq!(record.ocsf["severity_id"], 4);
        assert_eq!(record.ocsf["finding_info"]["uid"], "7");
        assert_eq!(record.ocsf["evidences"][0]["dst_endpoint"]["port"], 445);
    }

    #[test]
    fn both_forms_of_dns_are_read() {
        let time = "2026-03-01T08:00:00+0000";
        let old = json!({"timestamp": time, "event_type": "dns",
            "dns": {"type": "query", "rrname": "a.example", "rrtype": "A"}});
        let new = json!({"timestamp": time, "event_type": "dns",
            "dns": {"type": "request", "queries": [{"rrname": "a.example", "rrtype": "A"}]}});
        let (old, new) = (record(old).unwrap(), record(new).unwrap());
        assert_eq!(old.ocsf["query"], new.ocsf["query"]);
        assert_eq!(old.ocsf["activity_id"], 1);
    }
}
