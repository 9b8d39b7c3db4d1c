//! AWS CloudTrail: `{"Records": [..]}` files as S3 gets them, or one event a line.
//!
//! Sign-ins become authentications, everything else API activity with its service, account,
//! region and source address. `raw` is the event as it was.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::log::json::read_json;
use crate::log::ocsf::{
    Event, FAILURE, Object, Product, SUCCESS, class, endpoint, required_user, severity, user,
};
use crate::log::{
    Context, Counts, Head, LogError, LogSource, Record, Sink, at, text, text_at, time,
};

/// The descriptor.
pub const SOURCE: LogSource = LogSource {
    name: "cloudtrail",
    title: "AWS CloudTrail",
    example: "AWSLogs/123456789012/CloudTrail/eu-central-1/2026/03/01/trail.json.gz",
    standard: "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference.html",
    wants,
    read,
};

const PRODUCT: Product = Product { name: "CloudTrail", vendor: "AWS" };

fn wants(head: &Head<'_>) -> bool {
    head.has_keys(&["eventSource", "eventName", "eventTime"])
}

fn read(
    input: &mut dyn BufRead,
    context: &Context<'_>,
    sink: &mut Sink<'_>,
) -> Result<Counts, LogError> {
    read_json(input, context, sink, Some("Records"), convert)
}

fn convert(raw: Map<String, Value>, context: &Context<'_>) -> Result<Record, &'static str> {
    let name = text(&raw, "eventName").ok_or("it has no `eventName`")?;
    let time_ms = text(&raw, "eventTime")
        .and_then(|text| time::iso(text, 0))
        .ok_or("its `eventTime` is no time")?;
    let is_sign_in = matches!(name, "ConsoleLogin" | "SwitchRole" | "ExitRole")
        || (text(&raw, "eventSource") == Some("signin.amazonaws.com"));
    let event = if is_sign_in { sign_in(&raw, time_ms, name) } else { call(&raw, time_ms, name) };
    let event = event.with(|body| body.object("cloud", cloud(&raw))).metadata(|metadata| {
        metadata
            .text("uid", text(&raw, "eventID"))
            .text("event_code", text(&raw, "eventType"))
            .text("log_version", text(&raw, "eventVersion"))
    });
    Ok(event.record(context.host, raw))
}

fn cloud(raw: &Map<String, Value>) -> Object {
    let account = text_at(raw, &["recipientAccountId"])
        .or_else(|| text_at(raw, &["userIdentity", "accountId"]));
    Object::new()
        .text("provider", "AWS")
        .text("region", text(raw, "awsRegion"))
        .object("account", Object::new().text("uid", account))
}

/// Who did it: a user, a role that someone took, an account, or a service.
fn identity(raw: &Map<String, Value>) -> Option<Object> {
    let field = |key: &str| text_at(raw, &["userIdentity", key]);
    let issuer = text_at(raw, &["userIdentity", "sessionContext", "sessionIssuer", "userName"]);
    let name =
        field("userName").or(issuer).or_else(|| field("invokedBy")).or_else(|| field("type"));
    let uid = field("arn").or_else(|| field("principalId"));
    let found = user(name, uid, None)?;
    let key = field("accessKeyId");
    let account = Object::new().text("uid", field("accountId"));
    Some(found.text("credential_uid", key).object("account", account).text("type", field("type")))
}

fn status(body: Object, raw: &Map<String, Value>, failed: bool) -> Object {
    body.int("status_id", if failed { FAILURE } else { SUCCESS })
        .text("status_code", text(raw, "errorCode"))
        .text("status_detail", text(raw, "errorMessage"))
}

fn source(raw: &Map<String, Value>) -> Object {
    // A service of AWS stands there by its name.
    endpoint(text(raw, "sourceIPAddress"), None)
        .unwrap_or_else(|| Object::new().text("name", "unknown"))
}

fn sign_in(raw: &Map<String, Value>, time_ms: i64, name: &str) -> Event {
    let result = text_at(raw, &["responseElements", name]);
    let failed = result == Some("Failure") || raw.contains_key("errorMessage");
    let mfa = text_at(raw, &["additionalEventData", "MFAUsed"]).map(|used| used == "Yes");
    let activity_id = match name {
        "SwitchRole" | "ExitRole" => 7,
        _ => 1,
    };
    let request = Object::new().text("user_agent", text(raw, "userAgent"));
    Event::new(class::AUTHENTICATION, activity_id, time_ms, PRODUCT).with(|body| {
        status(body, raw, failed)
            .object("user", required_user(identity(raw)))
            .object("src_endpoint", source(raw))
            .object("service", Object::new().text("name", text(raw, "eventSource")))
            .object("http_request", request)
            .flag("is_mfa", mfa)
            .flag("is_remote", true)
    })
}

/// The activity by the verb with which calls of AWS begin.
fn activity(name: &str, read_only: Option<bool>) -> u32 {
    const VERBS: [(&str, u32); 27] = [
        ("Create", 1),
        ("Put", 1),
        ("Run", 1),
        ("Add", 1),
        ("Generate", 1),
        ("Import", 1),
        ("Register", 1),
        ("Get", 2),
        ("List", 2),
        ("Describe", 2),
        ("Lookup", 2),
        ("Head", 2),
        ("Search", 2),
        ("Update", 3),
        ("Modify", 3),
        ("Set", 3),
        ("Attach", 3),
        ("Detach", 3),
        ("Enable", 3),
        ("Disable", 3),
        ("Start", 3),
        ("Stop", 3),
        ("Authorize", 3),
        ("Delete", 4),
        ("Remove", 4),
        ("Terminate", 4),
        ("Deregister", 4),
    ];
    match (VERBS.iter().find(|(verb, _)| name.starts_with(verb)), read_only) {
        (Some((_, activity_id)), _) => *activity_id,
        (None, Some(true)) => 2,
        (None, _) => 99,
    }
}

fn call(raw: &Map<String, Value>, time_ms: i64, name: &str) -> Event {
    let service = Object::new().text("name", text(raw, "eventSource"));
    let request = Object::new().text("uid", text(raw, "requestID"));
    let response = Object::new()
        .text("error", text(raw, "errorCode"))
        .text("error_message", text(raw, "errorMessage"));
    let api = Object::new()
        .text("operation", name)
        .object("service", service)
        .object("request", request)
        .object("response", response);
    let resources = raw.get("resources").and_then(Value::as_array).into_iter().flatten();
    let resources = resources.map(|resource| {
        let field = |key: &str| resource.get(key).and_then(Value::as_str);
        Object::new().text("uid", field("ARN")).text("type", field("type"))
    });
    let failed = raw.contains_key("errorCode");
    let by = Object::new().object("user", required_user(identity(raw)));
    let by = by.text("invoked_by", text_at(raw, &["userIdentity", "invokedBy"]));
    let agent = Object::new().text("user_agent", text(raw, "userAgent"));
    let read_only = at(raw, &["readOnly"]).and_then(Value::as_bool);
    Event::new(class::API, activity(name, read_only), time_ms, PRODUCT)
        .severity(if failed { severity::LOW } else { severity::INFORMATIONAL })
        .with(|body| {
            status(body, raw, failed)
                .object("api", api)
                .object("actor", by)
                .object("src_endpoint", source(raw))
                .object("http_request", agent)
                .objects("resources", resources)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::ops::ControlFlow;

    #[test]
    fn a_file_of_one_line_with_a_list_is_read_event_by_event() {
        let event = json!({
            "eventVersion": "1.11", "eventTime": "2026-03-01T08:00:00Z", "eventName": "StopLogging",
            "eventSource": "cloudtrail.amazonaws.com", "errorCode": "AccessDenied",
            "sourceIPAddress": "192.0.2.7", "userIdentity": {"type": "IAMUser", "userName": "ann"}
        });
        let file = json!({"Records": [event.clone(), event, {"eventName": "x"}]}).to_string();
        let mut records = Vec::new();
        let mut sink = |record: Record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        let counts = read(&mut file.as_bytes(), &Context::default(), &mut sink).unwrap();
        assert_eq!((counts.records, counts.bad), (2, 1), "{counts:?}");
        let ocsf = &records[0].ocsf;
        assert_eq!((records[0].class_uid, &ocsf["activity_id"]), (6_003, &3.into()));
        assert_eq!(ocsf["status_id"], 2);
        assert_eq!(ocsf["actor"]["user"]["name"], "ann");
    }

    #[test]
    fn activities_follow_the_verb() {
        for (name, activity_id) in [
            ("CreateUser", 1),
            ("GetObject", 2),
            ("ModifyVpc", 3),
            ("DeleteTrail", 4),
            ("AssumeRole", 99),
        ] {
            assert_eq!(activity(name, None), activity_id, "{name}");
        }
        assert_eq!(activity("BatchGetItem", Some(true)), 2);
    }
}
