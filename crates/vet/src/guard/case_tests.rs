//! The scripted attacks and the ordinary tasks of `testdata/guard`, straight against the policy.
//! The same cases run through the real proxy in the tests of the hub.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Denial;
use super::answer::{Answer, Stream};
use super::canary::Marks;
use super::conversation::Conversation;
use super::decide::{self, Case};
use super::policy::Policy;
use super::strict;

fn cases(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn judge(policy: &Policy, marks: &Marks, case: &Value, stream: bool) -> Result<(), Denial> {
    let request = strict::parse(case["request"].to_string().as_bytes()).unwrap();
    let conversation = Conversation::read(&request, &policy.retrieved)?;
    decide::request(policy, &request, &conversation)?;
    let case_of = || Case { policy, marks, conversation: &conversation };
    if !stream {
        let answer = json!({"choices": [{"index": 0, "message": case["answer"]}]});
        return Answer::new(case_of()).whole(answer.to_string().as_bytes()).map(|_| ());
    }
    let mut judged = Stream::new(case_of());
    for event in events(&case["answer"]) {
        judged.feed(event.as_bytes())?;
    }
    judged.end().0.map(|_| ())
}

/// The answer as a server would stream it: words in pieces of five letters, calls in pieces of
/// seven.
fn events(answer: &Value) -> Vec<String> {
    let event =
        |delta: &Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let pieces = |text: &str, size: usize| -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        letters.chunks(size).map(|piece| piece.iter().collect()).collect()
    };
    let mut events = vec![event(&json!({"role": "assistant"}))];
    for piece in pieces(answer["content"].as_str().unwrap_or_default(), 5) {
        events.push(event(&json!({"content": piece})));
    }
    for (index, call) in answer["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let name = &call["function"]["name"];
        events.push(event(&json!({"tool_calls": [{"index": index, "id": call["id"],
            "type": "function", "function": {"name": name, "arguments": ""}}]})));
        for piece in pieces(call["function"]["arguments"].as_str().unwrap(), 7) {
            events.push(event(
                &json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
            ));
        }
    }
    if let Some(call) = answer.get("function_call") {
        events.push(event(&json!({"function_call": call})));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

#[test]
fn every_attack_is_denied_and_no_task_is_blocked() {
    let policy = Policy::from_toml(include_str!("../../testdata/guard/site.toml")).unwrap();
    let marks = Marks::new(policy.canaries.watch.iter().map(String::as_str));
    let attacks = cases(include_str!("../../testdata/guard/attacks.jsonl"));
    let benign = cases(include_str!("../../testdata/guard/benign.jsonl"));
    let mut wrong = Vec::new();
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for stream in [false, true] {
        for case in &attacks {
            match judge(&policy, &marks, case, stream) {
                Ok(()) => wrong.push(format!("passed ({stream}): {}", case["id"])),
                Err(denial) => *rules.entry(denial.rule).or_default() += 1,
            }
        }
        for case in &benign {
            if let Err(denial) = judge(&policy, &marks, case, stream) {
                wrong.push(format!("blocked ({stream}): {} by {denial:?}", case["id"]));
            }
        }
    }
    println!("attacks {}, tasks {}; denied by {rules:?}", attacks.len(), benign.len());
    assert!(attacks.len() >= 200 && benign.len() >= 50);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), 2 * attacks.len(), wrong.join("\n"));
}
