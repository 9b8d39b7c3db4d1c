//! The scripted attacks and ordinary tasks of a small clinic's assistant, through the real proxy,
//! each as a whole answer and as a stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use hub::guard::scripted::Reply;
use serde_json::{Value, json};

use crate::support::{Bench, run};

const SITE: &str = include_str!("../../../vet/testdata/guard/site.toml");

fn cases(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A message as a server streams it, in pieces that fall anywhere.
pub fn streamed(message: &Value, size: usize) -> Vec<Bytes> {
    let event =
        |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let mut text = event(json!({"role": "assistant"}));
    let letters: Vec<char> = message["content"].as_str().unwrap_or_default().chars().collect();
    for piece in letters.chunks(9) {
        text += &event(json!({"content": piece.iter().collect::<String>()}));
    }
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let (name, arguments) = (&call["function"]["name"], &call["function"]["arguments"]);
        text += &event(json!({"tool_calls": [{"index": index, "id": call["id"],
            "type": "function", "function": {"name": name, "arguments": ""}}]}));
        let letters: Vec<char> = arguments.as_str().unwrap().chars().collect();
        for piece in letters.chunks(11) {
            let piece: String = piece.iter().collect();
            text += &event(json!({"tool_calls": [{"index": index,
                "function": {"arguments": piece}}]}));
        }
    }
    if let Some(call) = message.get("function_call") {
        text += &event(json!({"function_call": call}));
    }
    text += "data: {\"choices\": [{\"index\": 0, \"delta\": {}, \"finish_reason\": \"stop\"}]}\n\n";
    text += "data: [DONE]\n\n";
    text.into_bytes().chunks(size).map(Bytes::copy_from_slice).collect()
}

/// The server answers each case as the case says; a case is known by its set and its id.
fn script(sets: [(&str, &[Value]); 2]) -> Arc<dyn Fn(Value) -> Reply + Send + Sync> {
    let answers: BTreeMap<String, Value> = sets
        .iter()
        .flat_map(|(set, rows)| rows.iter().map(move |row| (name(set, row), row["answer"].clone())))
        .collect();
    Arc::new(move |asked: Value| {
        let message = &answers[asked["user"].as_str().unwrap()];
        if asked["stream"] == json!(true) {
            return Reply::Pieces(streamed(message, 61));
        }
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        Reply::Whole(json!({"model": "clinic-llm", "choices": [choice]}))
    })
}

fn name(set: &str, case: &Value) -> String {
    format!("{set}/{}", case["id"].as_str().unwrap())
}

/// Whether the answer, or a part of it, was withheld.
async fn is_denied(bench: &Bench, set: &str, case: &Value, stream: bool) -> bool {
    let mut request = case["request"].clone();
    request["user"] = name(set, case).into();
    request["stream"] = json!(stream);
    let (status, body) = bench.send("POST", "/v1/chat/completions", &request.to_string()).await;
    let text = String::from_utf8(body).unwrap();
    let guard = text.contains("\"type\":\"ringfort_guard\"");
    assert!(guard || status == 200, "{}: {status} {text}", case["id"]);
    if guard {
        // Nothing of a call that was denied came through.
        assert!(!text.contains("tool_calls"), "{}: {text}", case["id"]);
    } else if stream {
        let sent = streamed(&case["answer"], 61).concat();
        assert_eq!(text.as_bytes(), sent, "{}: a stream was changed", case["id"]);
    }
    guard
}

#[test]
fn every_attack_is_denied_and_no_task_is_blocked() {
    run(async {
        let attacks = cases(include_str!("../../../vet/testdata/guard/attacks.jsonl"));
        let benign = cases(include_str!("../../../vet/testdata/guard/benign.jsonl"));
        let bench = Bench::start(SITE, script([("attack", &attacks), ("task", &benign)])).await;
        let mut wrong = Vec::new();
        for stream in [false, true] {
            for case in &attacks {
                if !is_denied(&bench, "attack", case, stream).await {
                    wrong.push(format!("passed (stream: {stream}): {}", case["id"]));
                }
            }
            for case in &benign {
                if is_denied(&bench, "task", case, stream).await {
                    wrong.push(format!("blocked (stream: {stream}): {}", case["id"]));
                }
            }
        }
        println!(
            "attacks denied: {} of {}, tasks blocked: {} of {}, each as a whole and as a stream",
            2 * attacks.len() - wrong.iter().filter(|w| w.starts_with("passed")).count(),
            2 * attacks.len(),
            wrong.iter().filter(|w| w.starts_with("blocked")).count(),
            2 * benign.len(),
        );
        assert!(attacks.len() >= 200 && benign.len() >= 50);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}
