//! How much the guard adds to a request: `cargo run --release -p hub --example guard_latency`.
//!
//! A client asks 200 times a second (open loop: a late answer does not hold the next question
//! back), in turns straight from a server on loopback and through the guard before it, one in four
//! as a stream with a tool call, under the rules of `crates/vet/testdata/guard/site.toml`. Prints
//! the median and the 99th percentile of both, and what the guard adds to each. Server, guard and
//! client share one thread; the record, with the small model of prompt injections, has its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method};
use hub::guard::recorder::Recorder;
use hub::guard::scripted::{Reply, scripted, started};
use hub::guard::upstream::Upstream;
use hub::guard::{Guard, ModelFacts};
use serde_json::{Value, json};
use spine::{Clock, Rng};
use vet::guard::policy::Policy;

const SITE: &str = include_str!("../../vet/testdata/guard/site.toml");
const A_SECOND: u32 = 200;
const SECONDS: u32 = 15;
const PATH: &str = "/v1/chat/completions";

struct Time(Instant);

impl Clock for Time {
    fn now_ms(&self) -> i64 {
        // The rules' limit a minute is not what is measured: each second is a minute.
        i64::try_from(self.0.elapsed().as_millis()).unwrap_or(i64::MAX) * 60
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

struct Seven;

impl Rng for Seven {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

fn question(stream: bool) -> Bytes {
    let text = "Please read the letter of the insurance company below and tell me what it wants. ";
    let request = json!({"model": "clinic-llm", "stream": stream, "messages": [
        {"role": "system", "content": "You are the assistant of a clinic. Answer in plain words."},
        {"role": "user", "content": text.repeat(12)},
        {"role": "tool", "tool_call_id": "1", "content": "The lift is out of order. ".repeat(40)},
    ]});
    Bytes::from(request.to_string())
}

fn answer(asked: &Value) -> Reply {
    if asked.get("stream") != Some(&json!(true)) {
        let text = "It asks for the dates of two visits, and wants an answer by Friday. ".repeat(8);
        let message = json!({"role": "assistant", "content": text});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return Reply::Whole(json!({"model": "clinic-llm", "choices": [choice]}));
    }
    let event = |delta: Value| {
        Bytes::from(format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]})))
    };
    let mut pieces: Vec<Bytes> =
        (0..40).map(|n| event(json!({"content": format!("word {n} ")}))).collect();
    let arguments = json!({"path": "/srv/agent/inbox/letter.txt"}).to_string();
    let function = json!({"name": "read_file", "arguments": arguments});
    pieces.push(event(json!({"tool_calls": [{"index": 0, "function": function}]})));
    pieces.push(Bytes::from_static(b"data: [DONE]\n\n"));
    Reply::Pieces(pieces)
}

async fn ask(server: Arc<Upstream>, body: Bytes) -> Result<Duration, std::io::Error> {
    let began = Instant::now();
    let response = server.ask(&Method::POST, PATH, &HeaderMap::new(), body).await?;
    let status = response.status();
    let body = axum::body::to_bytes(Body::new(response.into_body()), usize::MAX).await;
    let body = body.map_err(std::io::Error::other)?;
    let took = began.elapsed();
    if !status.is_success() || body.windows(15).any(|w| w == b"\"ringfort_guard") {
        return Err(std::io::Error::other(String::from_utf8_lossy(&body).into_owned()));
    }
    Ok(took)
}

/// Asks for so many seconds, and gives how long each took, sorted.
async fn load(server: &Arc<Upstream>, seconds: u32) -> Result<Vec<Duration>, std::io::Error> {
    let began = tokio::time::Instant::now();
    let mut asked = Vec::new();
    for n in 0..A_SECOND * seconds {
        tokio::time::sleep_until(began + Duration::from_secs(1) * n / A_SECOND).await;
        asked.push(tokio::spawn(ask(Arc::clone(server), question(n % 4 == 0))));
    }
    let mut took = Vec::new();
    for task in asked {
        took.push(task.await.map_err(std::io::Error::other)??);
    }
    took.sort_unstable();
    Ok(took)
}

fn at(sorted: &[Duration], share: f64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).map_or(0.0, Duration::as_secs_f64)
        * 1_000.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = scripted(|asked| async move { answer(&asked) }).await?;
        let policy = Policy::from_toml(SITE)?;
        let recorder = Recorder::start(Box::new(std::io::sink()));
        let rim: (Arc<dyn Clock>, Arc<dyn Rng>) = (Arc::new(Time(Instant::now())), Arc::new(Seven));
        let upstream = Upstream::new(&server, None)?;
        let guard = Arc::new(Guard::new(policy, upstream, ModelFacts::default(), recorder, rim));
        let through = Arc::new(Upstream::new(&started(Arc::clone(&guard)).await?, None)?);
        let straight = Arc::new(Upstream::new(&server, None)?);
        for server in [&straight, &through] {
            load(server, 2).await?;
        }
        let (mut alone, mut guarded) = (Vec::new(), Vec::new());
        for _ in 0..SECONDS / 3 {
            alone.extend(load(&straight, 3).await?);
            guarded.extend(load(&through, 3).await?);
        }
        alone.sort_unstable();
        guarded.sort_unstable();
        println!("{} requests each at {A_SECOND} a second", alone.len());
        for (name, share) in [("median", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            let (a, b) = (at(&alone, share), at(&guarded, share));
            println!(
                "{name:7} straight {a:7.3} ms  through the guard {b:7.3} ms  added {:7.3} ms",
                b - a
            );
        }
        guard.flush();
        Ok(())
    })
}
