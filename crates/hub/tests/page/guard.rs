//! The gate: who gets in, what comes from where, who may do what.

use axum::body::Body;
use axum::http::header;
use hub::role::Role;
use hub::web::registry;
use spine::Priority;

use super::support::{Page, case};

#[test]
fn a_stranger_sees_the_way_in_and_nothing_else() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let stranger = page.stranger();
    for known in registry::ALL {
        let path = known.path.replace("{id}", "x").replace("{hash}", "x").replace("{secret}", "x");
        let answer = stranger.get(&path);
        if known.sees.is_some() {
            assert_eq!((answer.status, answer.header("location")), (303, "/sign-in"), "{path}");
        }
        assert!(!answer.text.contains("rsync"), "{path}");
        for act in known.acts.iter().filter(|act| act.needs.is_some()) {
            let path = act.path.replace("{id}", "x").replace("{hash}", "x");
            let answer = stranger.post(&path, &[]);
            assert_eq!((answer.status, answer.header("location")), (303, "/sign-in"), "{path}");
        }
    }
    for path in ["/metrics", "/jobs/1/events", "/api/v1/today"] {
        assert_eq!(stranger.get(path).status, 401, "{path}");
    }
    assert_eq!(stranger.get("/nowhere").header("location"), "/sign-in");
}

#[test]
fn every_answer_carries_the_policy_and_holds_nothing_inline() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let admin = page.browser(Role::Admin);
    let id = case("rsync", Priority::Immediate).id;
    for path in [
        "/",
        "/cases",
        &format!("/cases/{id}"),
        &format!("/cases/{id}/night"),
        &format!("/cases/{id}/timeline"),
        &format!("/cases/{id}/notices"),
        "/report",
        "/report?month=2026-05",
        "/report?month=never",
        "/machines",
        "/software",
        "/records",
        "/rules",
        "/people",
        "/settings",
        "/engineers",
        "/welcome",
        "/nowhere",
        "/assets/x",
        "/api/v1/openapi.json",
    ] {
        let answer = admin.get(path);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        for inline in [" style=", "<style", " onclick", " onload", "javascript:"] {
            assert!(!answer.text.contains(inline), "{path} holds {inline}");
        }
        let scripts = answer.text.matches("<script").count();
        assert_eq!(scripts, answer.text.matches("<script src=\"/assets/app-").count(), "{path}");
    }
}

#[test]
fn a_form_that_another_page_sent_does_nothing() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let admin = page.browser(Role::Admin);
    let csrf = admin.csrf();
    let path = format!("/cases/{}/dismiss", case("rsync", Priority::Immediate).id);
    let forged = |site: Option<&str>, origin: Option<&str>, csrf: &str| {
        let mut request = axum::http::Request::builder()
            .method("POST")
            .uri(&path)
            .header(header::HOST, "localhost:7117")
            .header(header::COOKIE, format!("__Host-ringfort={}", admin.cookie.as_ref().unwrap()));
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        admin.send(request.body(Body::from(format!("csrf={csrf}"))).unwrap()).status
    };
    let ours = Some("http://localhost:7117");
    assert_eq!(forged(Some("cross-site"), Some("https://evil.example"), &csrf), 403);
    assert_eq!(forged(Some("same-site"), ours, &csrf), 403);
    assert_eq!(forged(None, Some("http://localhost:7118"), &csrf), 403);
    assert_eq!(forged(None, Some("null"), &csrf), 403);
    assert_eq!(forged(None, None, &csrf), 403);
    assert_eq!(forged(Some("same-origin"), ours, ""), 403, "no token");
    assert_eq!(forged(Some("same-origin"), ours, &"0".repeat(64)), 403, "another token");
    let other = page.browser(Role::Admin).csrf();
    assert_eq!(forged(Some("same-origin"), ours, &other), 403, "the token of another session");
    assert_eq!(forged(Some("same-origin"), ours, &csrf), 303);
}

#[test]
fn the_page_answers_to_its_own_names_only() {
    let page = Page::new();
    let admin = page.browser(Role::Admin);
    let named = |name: &str| {
        let mut request = admin.request("GET", "/");
        request.headers_mut().unwrap().insert(header::HOST, name.parse().unwrap());
        admin.send(request.body(Body::empty()).unwrap()).status
    };
    for good in ["localhost:7117", "127.0.0.1:7117", "[::1]:7117", "LOCALHOST"] {
        assert_eq!(named(good), 200, "{good}");
    }
    for bad in
        ["evil.example", "evil.example:7117", "localhost.evil.example", "127.0.0.1.nip.example", ""]
    {
        assert_eq!(named(bad), 421, "{bad}");
    }
}

#[test]
fn a_role_may_do_what_it_may_and_no_more() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let id = case("rsync", Priority::Immediate).id;
    for (role, path, fields, good) in [
        (Role::Viewer, format!("/cases/{id}/comment"), vec![("text", "hm")], true),
        (Role::Viewer, format!("/cases/{id}/dismiss"), vec![], false),
        (Role::Viewer, "/rules/stop".into(), vec![("reason", "x")], false),
        (Role::Viewer, "/people/invite".into(), vec![("name", "x"), ("role", "admin")], false),
        (Role::Approver, "/people/invite".into(), vec![("name", "x"), ("role", "admin")], false),
        (Role::Approver, "/settings/messages/test".into(), vec![], false),
        (Role::Approver, format!("/cases/{id}/dismiss"), vec![], true),
        (Role::Admin, "/people/invite".into(), vec![("name", "x"), ("role", "viewer")], true),
        (Role::Approver, "/rules/stop".into(), vec![("reason", "drill")], true),
    ] {
        let answer = page.browser(role).post(&path, &fields);
        assert_eq!(answer.status != 403, good, "{role} {path}: {}", answer.status);
    }
    assert_eq!(page.fake.stopped.lock().unwrap().as_deref(), Some("drill"));
}

#[test]
fn somebody_whose_role_was_taken_is_signed_out() {
    let page = Page::new();
    let (admin, other) = (page.browser(Role::Admin), page.browser(Role::Approver));
    assert_eq!(other.get("/").status, 200);
    let path = format!("/people/{}/role", other.user);
    assert_eq!(admin.post(&path, &[("role", "viewer")]).status, 303);
    assert_eq!(other.get("/").header("location"), "/sign-in");
    let own = format!("/people/{}/remove", admin.user);
    assert_eq!(admin.post(&own, &[]).status, 409, "the last administrator stays");
}

#[test]
fn changes_are_limited_in_rate_and_forms_in_size() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let viewer = page.browser(Role::Viewer);
    let path = format!("/cases/{}/comment", case("rsync", Priority::Immediate).id);
    let big = "x".repeat(70_000);
    assert_eq!(viewer.post(&path, &[("text", &big)]).status, 400);
    assert_eq!(viewer.post(&path, &[("text", "unseen \u{202e}")]).status, 400);
    let statuses: Vec<u16> =
        (0..70).map(|_| viewer.post(&path, &[("text", "again")]).status).collect();
    assert_eq!(statuses[0], 303);
    assert_eq!(*statuses.last().unwrap(), 429);
}

#[test]
fn a_password_session_can_hand_in_nothing_that_counts() {
    let page = Page::with(&[case("rsync", Priority::Immediate)]);
    let approver = page.browser(Role::Approver);
    let plan = super::support::plan();
    let state = store::SqliteState::open(&page.hub.config.state_db).unwrap();
    let hash = store::State::put_plan(&state, &plan).unwrap();
    let answer = approver.get(&format!("/plans/{hash}"));
    assert!(answer.text.contains("You have no passkey that this machine takes"));
    let approval = serde_json::json!({
        "plan": hash, "host": plan.host, "approver": "33".repeat(32), "window": { "when": "now" },
        "break_glass": false, "signed_ms": super::support::NOW_MS, "nonce": "0".repeat(32),
        "proof": { "scheme": "ed25519", "signature": "" },
    })
    .to_string();
    let path = format!("/plans/{hash}/approve");
    for fields in [
        vec![("approval", approval.as_str())],
        vec![
            ("approval", approval.as_str()),
            ("authenticator_data", "00"),
            ("client_data", "00"),
            ("signature", "00"),
        ],
        vec![("approval", "{}")],
    ] {
        let status = approver.post(&path, &fields).status;
        assert!(status == 400 || status == 403, "{status}");
    }
    assert_eq!(page.fake.carried_out.load(std::sync::atomic::Ordering::SeqCst), 0);
}
