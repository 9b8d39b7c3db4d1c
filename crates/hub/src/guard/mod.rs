//! The guard: a reverse proxy between an application and the model that it asks, in the form of the
//! OpenAI API. What may pass, `vet::guard` decides; here are the connections.
//!
//! | module | holds |
//! |---|---|
//! | [`proxy`] | one request: taken apart, decided, passed on, its answer judged |
//! | [`upstream`] | connections to the model's server |
//! | [`recorder`] | the record, and the small model that raises, beside the way of a request |
//! | [`serve`] | connections of applications |
//! | [`scripted`] | a server that answers as it is told |
//! | [`self_test`] | proof that each check fires |
//!
//! A stream is passed on chunk by chunk; what waits, and why, stands in `vet::guard::answer`. The
//! guard keeps no text: the record holds hashes, lengths and verdicts.

pub mod proxy;
pub mod recorder;
pub mod scripted;
pub mod self_test;
pub mod serve;
pub mod upstream;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use spine::{Clock, Rng};
use vet::guard::canary::{self, Marks};
use vet::guard::clients::Clients;
use vet::guard::drift::{Drift, length_class};
use vet::guard::policy::Policy;
use vet::guard::record::{Raised, Record};

use recorder::Recorder;
use upstream::Upstream;

/// Bytes of one request.
pub const REQUEST_BYTES_MAX: usize = 32 << 20;
/// Bytes of one answer that does not come as a stream.
pub const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Connections of applications at once; further ones wait.
pub const CONNECTIONS_MAX: usize = 512;
/// How long the model's server may take until its answer begins.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// How long it may be silent within an answer.
pub const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);
/// Clients whose marks are kept ready.
const MARKS_MAX: usize = 1_000;

/// What is known of the model that answers.
#[derive(Clone, Debug, Default)]
pub struct ModelFacts {
    /// SHA-256 of its file.
    pub sha256: Option<String>,
    /// SHA-256 of its chat template.
    pub template_sha256: Option<String>,
}

/// The guard.
pub struct Guard {
    /// The site's rules.
    pub policy: Arc<Policy>,
    /// The model's server.
    pub upstream: Upstream,
    /// What is known of the model.
    pub model: ModelFacts,
    clock: Arc<dyn Clock>,
    secret: [u8; 32],
    recorder: Recorder,
    clients: Mutex<Clients>,
    marks: Mutex<BTreeMap<String, Arc<Marks>>>,
    watched: Mutex<Watched>,
    requests: AtomicU64,
    denied: AtomicU64,
}

/// What is watched over all requests.
#[derive(Default)]
struct Watched {
    input: Drift,
    output: Drift,
    refusals: Drift,
    /// The name under which the server answers, by the name that was asked for.
    models: BTreeMap<String, String>,
}

/// Names of models that are remembered.
const MODELS_MAX: usize = 1_000;

impl Guard {
    /// A guard before a server.
    pub fn new(
        policy: Policy,
        upstream: Upstream,
        model: ModelFacts,
        recorder: Recorder,
        (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Self {
        let mut secret = [0; 32];
        rng.fill(&mut secret);
        Self {
            policy: Arc::new(policy),
            upstream,
            model,
            clock,
            secret,
            recorder,
            clients: Mutex::default(),
            marks: Mutex::default(),
            watched: Mutex::default(),
            requests: AtomicU64::new(0),
            denied: AtomicU64::new(0),
        }
    }

    /// The mark that is planted for a client.
    fn planted(&self, client: &str) -> Option<String> {
        self.policy.canaries.plant.then(|| canary::planted(&self.secret, client))
    }

    /// The marks that must not come out to a client.
    fn marks(&self, client: &str) -> Arc<Marks> {
        let mut known = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(marks) = known.get(client) {
            return Arc::clone(marks);
        }
        if known.len() >= MARKS_MAX {
            known.pop_first();
        }
        let planted = self.planted(client);
        let own = self.policy.canaries.watch.iter().map(String::as_str);
        let marks = Arc::new(Marks::new(own.chain(planted.as_deref())));
        known.insert(client.to_owned(), Arc::clone(&marks));
        marks
    }

    /// Counts a request that is over, watches what it was like, and writes it down.
    fn settle(&self, mut record: Record, texts: Vec<recorder::Text>) {
        let now_ms = self.clock.now_ms();
        if record.verdict == "denied" {
            self.denied.fetch_add(1, Ordering::Relaxed);
        }
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.answered(&record.client, record.answer_chars, now_ms);
        drop(clients);
        let asked: u64 = record.parts.iter().map(|part| part.chars as u64).sum();
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shifts = vec![("drift.input", watched.input.observe(length_class(asked)))];
        if record.verdict == "passed" {
            let answered = length_class(record.answer_chars);
            shifts.push(("drift.output", watched.output.observe(answered)));
            let refused = usize::from(record.refused);
            shifts.push(("drift.refusals", watched.refusals.observe(refused)));
        }
        if !record.model_answered.is_empty() && watched.models.len() < MODELS_MAX {
            let answered = record.model_answered.clone();
            let known = watched.models.entry(record.model.clone()).or_insert(answered);
            if *known != record.model_answered {
                known.clone_from(&record.model_answered);
                record.raised.push(Raised { rule: "drift.model", value: 1.0, at: "answer" });
            }
        }
        drop(watched);
        let raised = shifts.into_iter().filter_map(|(rule, shift)| {
            shift.map(|shift| Raised { rule, value: shift.index, at: "window" })
        });
        record.raised.extend(raised);
        self.recorder.write(record, texts);
    }

    /// How many requests there were, and how many were denied.
    pub fn counts(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.denied.load(Ordering::Relaxed))
    }

    /// Waits until everything so far is written down.
    pub fn flush(&self) {
        self.recorder.flush();
    }
}
