//! The API: tokens, scopes, and answers that fit their description.

use axum::body::Body;
use axum::http::{Request, header};
use hub::api::{ENDPOINTS, openapi};
use hub::db::Token;
use hub::role::Role;
use serde_json::{Value, json};
use spine::Priority;

use super::support::{Answer, NOW_MS, Page, case, send};

fn token(page: &Page, role: Role, scopes: &str) -> String {
    let browser = page.browser(role);
    let secret = page.hub.secret();
    let token = Token {
        id: secret.chars().take(8).collect(),
        user: browser.user,
        name: "test".into(),
        scopes: scopes.into(),
        created_ms: NOW_MS,
        expires_ms: NOW_MS + 86_400_000,
        used_ms: None,
    };
    page.hub.db.add_token(&secret, &token).unwrap();
    secret
}

fn call(page: &Page, secret: &str, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost:7117")
        .header(header::AUTHORIZATION, format!("Bearer {secret}"))
        .body(body)
        .unwrap();
    send(&page.hub, request)
}

#[test]
fn every_answer_has_the_fields_that_its_description_asks_for() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let state = store::SqliteState::open(&page.hub.config.state_db).unwrap();
    let hash = store::State::put_plan(&state, &super::support::plan()).unwrap();
    let secret = token(&page, Role::Admin, "read comment triage propose stop");
    let id = case("rsync", Priority::Immediate).id.to_string();
    let described = openapi::description();
    for endpoint in ENDPOINTS {
        let concrete = match endpoint.path {
            path if path.starts_with("/machines/") => {
                path.replace("{id}", &super::support::HOST.to_string())
            }
            path if path.starts_with("/jobs/") => path.replace("{id}", "1"),
            path => path.replace("{id}", &id).replace("{hash}", &hash.to_string()),
        };
        let body = match endpoint.path {
            "/cases/{id}/comment" => json!({ "text": "hello" }),
            "/stop" => json!({ "reason": "drill" }),
            "/cases/{id}/wait" => json!({ "reason": "nobody is there", "hours": 4 }),
            _ => Value::Null,
        };
        let answer = call(&page, &secret, endpoint.method, &format!("/api/v1{concrete}"), &body);
        let value: Value = serde_json::from_str(&answer.text).unwrap();
        let name = match answer.status {
            200 => endpoint.answer,
            404 | 400 | 409 | 503 => "Error",
            other => panic!("{} {}: {other} {value}", endpoint.method, endpoint.path),
        };
        let schema = &described["components"]["schemas"][name];
        for field in schema["required"].as_array().into_iter().flatten() {
            let field = field.as_str().unwrap();
            assert!(value.get(field).is_some(), "{} has no `{field}`: {value}", endpoint.path);
        }
    }
}

#[test]
fn a_token_does_what_its_scopes_say_and_never_more_than_its_person() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let dismiss = format!("/api/v1/cases/{}/dismiss", case("rsync", Priority::Immediate).id);
    let read = token(&page, Role::Admin, "read");
    assert_eq!(call(&page, &read, "GET", "/api/v1/today", &Value::Null).status, 200);
    assert_eq!(call(&page, &read, "POST", &dismiss, &Value::Null).status, 403);
    assert_eq!(call(&page, &read, "GET", "/metrics", &Value::Null).status, 401);
    let weak = token(&page, Role::Viewer, "read triage");
    assert_eq!(call(&page, &weak, "POST", &dismiss, &Value::Null).status, 403);
    let good = token(&page, Role::Approver, "triage metrics");
    assert_eq!(call(&page, &good, "POST", &dismiss, &Value::Null).status, 200);
    assert_eq!(call(&page, &good, "POST", &dismiss, &Value::Null).status, 409, "already");
    assert_eq!(call(&page, "nonsense", "GET", "/api/v1/today", &Value::Null).status, 401);
    let metrics = call(&page, &good, "GET", "/metrics", &Value::Null);
    assert!(
        metrics.text.contains("ringfort_cases_open{priority=\"immediate\"} 0"),
        "{}",
        metrics.text
    );
    page.time.0.fetch_add(2 * 86_400_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(call(&page, &read, "GET", "/api/v1/today", &Value::Null).status, 401, "too old");
}

#[test]
fn bodies_that_are_no_objects_are_told_so() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let secret = token(&page, Role::Admin, "comment");
    let path = format!("/api/v1/cases/{}/comment", case("rsync", Priority::Immediate).id);
    for body in [json!([]), json!("text"), json!({}), json!({ "text": "" })] {
        assert_eq!(call(&page, &secret, "POST", &path, &body).status, 400, "{body}");
    }
    assert_eq!(
        call(&page, &secret, "POST", &path, &json!({ "text": "x".repeat(3_000) })).status,
        400
    );
}
