//! A guard, a server that answers as a test says, and a client.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use hub::guard::recorder::Recorder;
use hub::guard::scripted::{Lines, Reply, scripted, started};
use hub::guard::upstream::Upstream;
use hub::guard::{Guard, ModelFacts};
use serde_json::Value;
use spine::{Clock, Rng};
use vet::guard::policy::Policy;

/// What a server answers to a request.
pub type Script = Arc<dyn Fn(Value) -> Reply + Send + Sync>;

struct Time(std::time::Instant);

impl Clock for Time {
    fn now_ms(&self) -> i64 {
        1_780_000_000_000 + i64::try_from(self.monotonic_ms()).unwrap()
    }
    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

struct Seven;

impl Rng for Seven {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

/// A clock and chance for a test.
pub fn rim() -> (Arc<dyn Clock>, Arc<dyn Rng>) {
    (Arc::new(Time(std::time::Instant::now())), Arc::new(Seven))
}

/// Runs a test on two threads.
pub fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test);
}

/// A guard under test.
pub struct Bench {
    guard: Arc<Guard>,
    client: Upstream,
    lines: Lines,
}

impl Bench {
    /// A guard before a scripted server.
    pub async fn start(policy: &str, script: Script) -> Self {
        let server = scripted(move |asked| {
            let reply = script(asked);
            async move { reply }
        });
        Self::with(policy, &server.await.unwrap()).await
    }

    /// A guard before a server that is somewhere.
    pub async fn before(server: &str) -> Self {
        Self::with("", server).await
    }

    /// A guard with these rules before this server.
    pub async fn with(policy: &str, server: &str) -> Self {
        let lines = Lines::default();
        let recorder = Recorder::start(Box::new(lines.clone()));
        let upstream = Upstream::new(server, None).unwrap();
        let policy = Policy::from_toml(policy).unwrap();
        let guard = Guard::new(policy, upstream, ModelFacts::default(), recorder, rim());
        let guard = Arc::new(guard);
        let client = Upstream::new(&started(Arc::clone(&guard)).await.unwrap(), None).unwrap();
        Self { guard, client, lines }
    }

    /// Asks, and gives the answer's head and its body as it comes.
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Body) {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer test-key"));
        let method: Method = method.parse().unwrap();
        let body = Bytes::from(body.to_owned());
        let response = self.client.ask(&method, path, &headers, body).await.unwrap();
        (response.status().as_u16(), Body::new(response.into_body()))
    }

    /// Asks, and gives the status and the whole answer.
    pub async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Vec<u8>) {
        let (status, body) = self.ask(method, path, body).await;
        (status, axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec())
    }

    /// What was written down.
    pub fn record(&self) -> String {
        self.guard.flush();
        self.lines.text()
    }
}
