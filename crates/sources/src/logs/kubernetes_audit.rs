//! Kubernetes audit log: what the API server writes (`audit.k8s.io/v1`), one event a line.
//!
//! Each call is API activity: who, from where, which verb on which object, allowed or not. `raw`
//! is the event as it was.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::ocsf::{
    Event, FAILURE, Object, Product, SUCCESS, class, endpoint, required_user, user,
};
use crate::log::{
    Context, Counts, Head, LogError, LogSource, Record, Sink, at, text, text_at, time, value_int,
};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "kubernetes_audit",
    title: "Kubernetes audit log",
    example: "var/log/kubernetes/audit/audit.log",
    standard: "https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "Kubernetes", vendor: "CNCF" };

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["auditID", "verb"]) || head.has_keys(&["auditID", "requestURI"])
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, None, convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let verb = text(&raw, "verb").ok_or("it has no `verb`")?;
    let time_ms = ["requestReceivedTimestamp", "stageTimestamp"]
        .iter()
        .find_map(|key| time::iso(text(&raw, key)?, 0))
        .ok_or("it has no time")?;
    let activity_id = match verb {
        "create" => 1,
        "get" | "list" | "watch" | "head" | "proxy" => 2,
        "update" | "patch" => 3,
        "delete" | "deletecollection" => 4,
        _ => 99,
    };
    let event = Event::new(class::API, activity_id, time_ms, PRODUCT);
    let event = event.with(|body| view(body, &raw, verb)).metadata(|metadata| {
        metadata.text("uid", text(&raw, "auditID")).text("log_level", text(&raw, "level"))
    });
    Ok(event.record(context.host, raw))
}

fn view(body: Object, raw: &Map<String, Value>, verb: &str) -> Object {
    let object = |key: &str| text_at(raw, &["objectRef", key]);
    let code = at(raw, &["responseStatus", "code"]).and_then(value_int);
    let response = Object::new()
        .int("code", code)
        .text("message", text_at(raw, &["responseStatus", "reason"]));
    let group = object("apiGroup").unwrap_or("core");
    let api = Object::new()
        .text("operation", operation(raw, verb).as_str())
        .text("version", object("apiVersion"))
        .object("service", Object::new().text("name", group))
        .object("request", Object::new().text("uid", text(raw, "auditID")))
        .object("response", response);
    let resource = Object::new()
        .text("name", object("name"))
        .text("type", object("resource"))
        .text("namespace", object("namespace"));
    // Somebody may have acted as somebody else.
    let name = text_at(raw, &["impersonatedUser", "username"])
        .or_else(|| text_at(raw, &["user", "username"]));
    let groups = at(raw, &["user", "groups"]).and_then(Value::as_array).into_iter().flatten();
    let groups = groups.filter_map(Value::as_str).map(|name| Object::new().text("name", name));
    let account = required_user(user(name, text_at(raw, &["user", "uid"]), None));
    let actor = Object::new().object("user", account.objects("groups", groups));
    let from = at(raw, &["sourceIPs"]).and_then(|list| list.get(0)?.as_str());
    let source = endpoint(from, None).unwrap_or_else(|| Object::new().text("name", "unknown"));
    let agent = Object::new().text("user_agent", text(raw, "userAgent"));
    body.object("api", api)
        .object("actor", actor)
        .object("src_endpoint", source)
        .object("http_request", agent)
        .objects("resources", [resource])
        .int("status_id", code.map(|code| if code < 400 { SUCCESS } else { FAILURE }))
        .text("status_code", code.map(|code| code.to_string()).as_deref())
}

/// `create pods/exec`; for what is no object, the verb and the path.
fn operation(raw: &Map<String, Value>, verb: &str) -> String {
    let object = |key: &str| text_at(raw, &["objectRef", key]);
    match (object("resource"), object("subresource")) {
        (Some(resource), Some(sub)) => format!("{verb} {resource}/{sub}"),
        (Some(resource), None) => format!("{verb} {resource}"),
        _ => {
            let path = text(raw, "requestURI").unwrap_or_default();
            format!("{verb} {}", path.split('?').next().unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_shell_in_a_pod_is_told_by_its_operation() {
        let event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "auditID": "a", "verb": "create",
            "requestReceivedTimestamp": "2026-03-01T08:00:00.000000Z",
            "user": {"username": "ann", "groups": ["g"]}, "sourceIPs": ["192.0.2.7"],
            "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "n", "name": "p"},
            "responseStatus": {"code": 403}
        });
        let Value::Object(event) = event else { panic!("an object") };
        let record = convert(event, &Context::default()).unwrap();
        assert_eq!(record.ocsf["api"]["operation"], "create pods/exec");
        assert_eq!(record.ocsf["status_id"], 2);
        assert_eq!(record.ocsf["actor"]["user"]["groups"][0]["name"], "g");
    }

    #[test]
    fn an_event_without_verb_or_time_is_bad() {
        assert!(convert(Map::new(), &Context::default()).is_err());
    }
}
