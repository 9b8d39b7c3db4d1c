//! The real guard between a real client and a real server on loopback.

mod cases;
mod streams;
mod support;

use std::sync::Arc;

use hub::guard::scripted::Reply;
use hub::guard::self_test;
use support::run;

#[test]
fn every_check_fires_and_passes_what_is_ordinary() {
    run(async {
        let outcomes = self_test::run(support::rim()).await.unwrap();
        let silent: Vec<_> = outcomes.iter().filter(|outcome| !outcome.fires).collect();
        println!("checks that fire: {} of {}", outcomes.len() - silent.len(), outcomes.len());
        assert!(silent.is_empty(), "{silent:#?}");
        assert!(outcomes.len() >= 30, "{}", outcomes.len());
    });
}

#[test]
fn what_the_guard_does_not_know_does_not_pass() {
    run(async {
        let bench =
            support::Bench::start("", Arc::new(|_| Reply::Whole(serde_json::json!({})))).await;
        for (method, path, status) in [
            ("GET", "/v1/files", 404),
            ("POST", "/v1/responses", 404),
            ("POST", "/v1/chat/completions", 400),
            ("GET", "/v1/models", 200),
            ("GET", "/guard/status", 200),
        ] {
            let (seen, _) = bench.send(method, path, "not json").await;
            assert_eq!(seen, status, "{method} {path}");
        }
        let gone = support::Bench::before("http://127.0.0.1:1").await;
        let (status, body) = gone.send("POST", "/v1/chat/completions", r#"{"messages": []}"#).await;
        let body = String::from_utf8(body).unwrap();
        assert!(status == 502 && body.contains("Next: look whether it runs"), "{status} {body}");
    });
}

#[test]
fn the_record_holds_who_what_and_no_text() {
    run(async {
        let answer = serde_json::json!({"model": "m-2", "choices": [
            {"index": 0, "message": {"content": "a private answer"}, "finish_reason": "stop"}]});
        let reply = Reply::Whole(answer);
        let bench = support::Bench::start("", Arc::new(move |_| reply.clone())).await;
        let request = serde_json::json!({"model": "m", "messages": [
            {"role": "system", "content": "a private instruction"},
            {"role": "user", "content": "a private question"}]});
        let path = "/v1/chat/completions";
        assert_eq!(bench.send("POST", path, &request.to_string()).await.0, 200);
        let record = bench.record();
        assert!(!record.contains("private") && !record.contains("test-key"), "{record}");
        let row: serde_json::Value = serde_json::from_str(record.lines().next().unwrap()).unwrap();
        assert_eq!((&row["model"], &row["model_answered"]), (&"m".into(), &"m-2".into()));
        assert_eq!((&row["verdict"], &row["answer_chars"]), (&"passed".into(), &16.into()));
        assert_eq!(row["parts"].as_array().unwrap().len(), 2);
        assert!(row["client"].as_str().unwrap().starts_with("key-"));
        assert_eq!(row["system_sha256"].as_str().unwrap().len(), 32);
    });
}
