//! One request: taken apart, decided, passed on; its answer judged while it comes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use vet::guard::answer::{Answer, Seen, Stream};
use vet::guard::canary::{self, Marks};
use vet::guard::conversation::{Conversation, Origin};
use vet::guard::decide::{self, Case};
use vet::guard::record::{self, Raised, Record};
use vet::guard::{Denial, clients, strict};

use super::recorder::{JUDGED_BYTES_MAX, Text};
use super::upstream::is_own;
use super::{ANSWER_BYTES_MAX, Guard, REQUEST_BYTES_MAX, SILENCE_TIMEOUT};

/// Pieces of a stream that wait for the application.
const PIECES_MAX: usize = 16;

/// What can be asked through the guard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    /// Lists of models: nothing is asked.
    Models,
}

impl Endpoint {
    fn of(method: &Method, path: &str) -> Option<Self> {
        Some(match (method, path) {
            (&Method::POST, "/v1/chat/completions") => Self::Chat,
            (&Method::POST, "/v1/completions") => Self::Completions,
            (&Method::POST, "/v1/embeddings") => Self::Embeddings,
            (&Method::GET, "/v1/models") => Self::Models,
            (&Method::GET, path) if is_one_model(path) => Self::Models,
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Chat => "chat/completions",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Models => "models",
        }
    }
}

fn is_one_model(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    path.strip_prefix("/v1/models/")
        .is_some_and(|name| !name.is_empty() && name.chars().all(plain) && !name.contains(".."))
}

/// What is known of a request before it is decided.
struct Asked {
    guard: Arc<Guard>,
    endpoint: Endpoint,
    client: String,
    began_ms: u64,
    record: Record,
}

/// Answers one request.
pub async fn handle(
    State(guard): State<Arc<Guard>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if head.method == Method::GET && path == "/guard/status" {
        let (requests, denied) = guard.counts();
        return json_of(StatusCode::OK, &json!({ "requests": requests, "denied": denied }));
    }
    let Some(endpoint) = Endpoint::of(&head.method, path) else {
        let why = "the guard does not know this endpoint, so it does not pass";
        let next = "use /v1/chat/completions, /v1/completions, /v1/embeddings or /v1/models";
        return refused(StatusCode::NOT_FOUND, &Denial::new("request.endpoint", why, next));
    };
    let number = guard.requests.fetch_add(1, Ordering::Relaxed);
    let client = client(&head.headers, peer);
    let began_ms = guard.clock.monotonic_ms();
    let record = Record {
        time_ms: guard.clock.now_ms(),
        request: number,
        client: client.clone(),
        endpoint: endpoint.word().to_owned(),
        model_sha256: guard.model.sha256.clone(),
        template_sha256: guard.model.template_sha256.clone(),
        ..Record::default()
    };
    let asked = Asked { guard, endpoint, client, began_ms, record };
    let Ok(bytes) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        let why = "the request is too long, or broke off";
        return asked.deny(Denial::new("request.long", why, "send less at once"), Vec::new());
    };
    let path = head.uri.path_and_query().map_or(path, |path| path.as_str()).to_owned();
    asked.answer(&head.method, &path, &head.headers, bytes).await
}

/// Who asks: the SHA-256 of their key, or their address.
fn client(headers: &HeaderMap, peer: SocketAddr) -> String {
    match headers.get(header::AUTHORIZATION).or_else(|| headers.get("api-key")) {
        Some(key) => {
            let digest = hex::encode(Sha256::digest(key.as_bytes()));
            format!("key-{}", digest.get(..16).unwrap_or_default())
        }
        None => format!("ip-{}", peer.ip()),
    }
}

/// A request that may be put to the model: taken apart, as bytes, and its texts.
type Passed = (Conversation, Bytes, Vec<Text>);
/// Why one may not, and its texts.
type Refused = Box<(Denial, Vec<Text>)>;

impl Asked {
    async fn answer(
        mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        bytes: Bytes,
    ) -> Response {
        if self.endpoint == Endpoint::Models {
            return self
                .pass(method, path, headers, Bytes::new(), Arc::default(), Vec::new())
                .await;
        }
        let decided = self.decide(&bytes);
        let (conversation, bytes, texts) = match decided {
            Ok(decided) => decided,
            Err(refused) => return self.deny(refused.0, refused.1),
        };
        self.record.guard_ms = self.guard.clock.monotonic_ms() - self.began_ms;
        self.pass(method, path, headers, bytes, Arc::new(conversation), texts).await
    }

    /// Whether the request may be put to the model, and as which bytes.
    fn decide(&mut self, bytes: &Bytes) -> Result<Passed, Refused> {
        let guard = Arc::clone(&self.guard);
        let early = |denial: Denial| Box::new((denial, Vec::new()));
        let form = |reason: &str| {
            early(Denial::new("request.form", reason, "send what the OpenAI API describes"))
        };
        let mut request = strict::parse(bytes)
            .map_err(|_| form("the request is no JSON, or names something twice"))?;
        if !request.is_object() {
            return Err(form("the request is no object"));
        }
        let conversation = Conversation::read(&request, &guard.policy.retrieved).map_err(early)?;
        self.record.model = conversation.model.chars().take(200).collect();
        self.record.stream = conversation.stream;
        self.record.parts = record::parts(&conversation, &guard.secret);
        self.record.system_sha256 = record::system(&conversation, &guard.secret);
        let texts = texts(&conversation);
        let late = |denial: Denial| Box::new((denial, texts.clone()));
        decide::request(&guard.policy, &request, &conversation).map_err(late)?;
        let typed = conversation.of(|part| part.origin == Origin::User).last().unwrap_or_default();
        let now_ms = guard.clock.now_ms();
        let form = clients::form(typed);
        let mut known = guard.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let allowed = known.ask(&self.client, form, &guard.policy.limits, now_ms).map_err(late)?;
        drop(known);
        if allowed.alike {
            self.record.raised.push(Raised { rule: "extraction.alike", value: 1.0, at: "user" });
        }
        let mark = guard.planted(&self.client).filter(|_| self.endpoint == Endpoint::Chat);
        let bytes = match mark {
            Some(mark) if plant(&mut request, &canary::sentence(&mark)) => {
                Bytes::from(serde_json::to_vec(&request).unwrap_or_default())
            }
            _ => bytes.clone(),
        };
        Ok((conversation, bytes, texts))
    }

    async fn pass(
        mut self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        bytes: Bytes,
        conversation: Arc<Conversation>,
        texts: Vec<Text>,
    ) -> Response {
        let response = match self.guard.upstream.ask(method, path, headers, bytes).await {
            Ok(response) => response,
            Err(error) => {
                let why = format!("the model's server cannot be asked: {error}");
                let next = "look whether it runs where `--upstream` says";
                let denial = Denial::new("upstream.failed", why, next);
                self.record.verdict = "failed";
                self.record.status = StatusCode::BAD_GATEWAY.as_u16();
                self.end(Seen::default(), None, texts);
                return refused(StatusCode::BAD_GATEWAY, &denial);
            }
        };
        let (head, body) = response.into_parts();
        self.record.status = head.status.as_u16();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let streamed = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        let encoded = head.headers.contains_key(header::CONTENT_ENCODING);
        let judged = matches!(self.endpoint, Endpoint::Chat | Endpoint::Completions);
        let body = Body::new(body);
        let body = if judged && encoded {
            let why = "the model's server compressed its answer though it was asked not to";
            return self.deny(Denial::new("answer.form", why, "switch its compression off"), texts);
        } else if judged && streamed {
            self.stream(body, conversation, texts)
        } else if judged && head.status.is_success() {
            let Ok(whole) = axum::body::to_bytes(body, ANSWER_BYTES_MAX).await else {
                let why = "the answer is too long, or broke off";
                return self.deny(Denial::new("answer.form", why, "ask for less at once"), texts);
            };
            let marks = self.guard.marks(&self.client);
            let policy = Arc::clone(&self.guard.policy);
            let case = Case { policy: &policy, marks: &marks, conversation: &conversation };
            match Answer::new(case).whole(&whole) {
                Ok(seen) => self.end(seen, None, texts),
                Err(denial) => return self.deny(denial, texts),
            }
            Body::from(whole)
        } else {
            self.end(Seen::default(), None, texts);
            body
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = head.status;
        let kept = head.headers.iter().filter(|(name, _)| !is_own(name));
        answer.headers_mut().extend(kept.map(|(name, value)| (name.clone(), value.clone())));
        answer
    }

    /// Passes a stream on, chunk by chunk, as far as it may pass.
    fn stream(self, body: Body, conversation: Arc<Conversation>, texts: Vec<Text>) -> Body {
        let (pieces, waiting) = mpsc::channel::<Bytes>(PIECES_MAX);
        tokio::spawn(async move {
            let policy = Arc::clone(&self.guard.policy);
            let marks: Arc<Marks> = self.guard.marks(&self.client);
            let case = Case { policy: &policy, marks: &marks, conversation: &conversation };
            let mut judged = Stream::new(case);
            let mut chunks = body.into_data_stream();
            let mut denied = None;
            while let Ok(Some(chunk)) = tokio::time::timeout(SILENCE_TIMEOUT, chunks.next()).await {
                let Ok(chunk) = chunk else { break };
                match judged.feed(&chunk) {
                    Ok(out) if out.is_empty() => {}
                    Ok(out) => {
                        if pieces.send(Bytes::from(out)).await.is_err() {
                            // The application went away; so does the question.
                            return self.end(judged.end().1, None, texts);
                        }
                    }
                    Err(denial) => {
                        denied = Some(denial);
                        break;
                    }
                }
            }
            drop(chunks);
            let (rest, seen) = judged.end();
            let last = match (denied, rest) {
                (Some(denial), _) | (None, Err(denial)) => Err(denial),
                (None, Ok(rest)) => Ok(rest),
            };
            let bytes = match &last {
                Ok(rest) => Bytes::copy_from_slice(rest),
                Err(denial) => last_event(denial),
            };
            if !bytes.is_empty() {
                // An application that went away misses nothing.
                let _ = pieces.send(bytes).await;
            }
            self.end(seen, last.err(), texts);
        });
        let stream = stream::unfold(waiting, |mut waiting| async move {
            waiting.recv().await.map(|piece| (Ok::<_, Infallible>(piece), waiting))
        });
        Body::from_stream(stream)
    }

    fn deny(mut self, denial: Denial, texts: Vec<Text>) -> Response {
        let status = match denial.rule {
            rule if rule.starts_with("limit.") => StatusCode::TOO_MANY_REQUESTS,
            "request.form" => StatusCode::BAD_REQUEST,
            "request.long" => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::FORBIDDEN,
        };
        let response = refused(status, &denial);
        if self.record.status == 0 {
            self.record.status = status.as_u16();
        }
        self.end(Seen::default(), Some(denial), texts);
        response
    }

    /// Writes down how it went.
    fn end(mut self, seen: Seen, denial: Option<Denial>, texts: Vec<Text>) {
        if self.record.verdict.is_empty() {
            self.record.verdict = if denial.is_some() { "denied" } else { "passed" };
        }
        self.record.denial = denial;
        self.record.tools = seen.tools;
        self.record.answer_chars = seen.chars;
        self.record.refused = seen.refused;
        self.record.model_answered = seen.model;
        self.record.took_ms = self.guard.clock.monotonic_ms() - self.began_ms;
        self.guard.settle(self.record, texts);
    }
}

/// The texts that the small model is asked about: what nobody of the site wrote, and what the
/// person typed, the latest first.
fn texts(conversation: &Conversation) -> Vec<Text> {
    let mut left = JUDGED_BYTES_MAX;
    let asked = |origin| matches!(origin, Origin::User | Origin::Tool | Origin::Retrieved);
    let parts = conversation.parts.iter().rev().filter(|part| asked(part.origin));
    parts
        .map_while(|part| {
            let mut end = part.text.len().min(left);
            while !part.text.is_char_boundary(end) {
                end -= 1;
            }
            left -= end;
            let text = part.text.get(..end).filter(|text| !text.is_empty())?;
            Some((part.origin.word(), text.to_owned()))
        })
        .collect()
}

/// Adds a sentence to the system's instructions. `false`: there are none.
fn plant(request: &mut Value, sentence: &str) -> bool {
    let messages = request.get_mut("messages").and_then(Value::as_array_mut);
    let is_system = |message: &&mut Value| {
        matches!(message.get("role").and_then(Value::as_str), Some("system" | "developer"))
    };
    let Some(message) = messages.into_iter().flatten().find(is_system) else { return false };
    match message.get_mut("content") {
        Some(Value::String(text)) => text.push_str(sentence),
        Some(Value::Array(parts)) => parts.push(json!({ "type": "text", "text": sentence })),
        _ => return false,
    }
    true
}

fn error_of(denial: &Denial) -> Value {
    json!({ "error": {
        "message": format!("{} ({}). Next: {}.", denial.reason, denial.rule, denial.next),
        "type": "ringfort_guard",
        "code": denial.rule,
        "param": denial.argument,
    } })
}

fn last_event(denial: &Denial) -> Bytes {
    Bytes::from(format!("data: {}\n\ndata: [DONE]\n\n", error_of(denial)))
}

fn refused(status: StatusCode, denial: &Denial) -> Response {
    json_of(status, &error_of(denial))
}

fn json_of(status: StatusCode, value: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_endpoints_pass() {
        let of = |method: &Method, path| Endpoint::of(method, path).map(Endpoint::word);
        assert_eq!(of(&Method::POST, "/v1/chat/completions"), Some("chat/completions"));
        assert_eq!(of(&Method::GET, "/v1/models/org/name:7b"), Some("models"));
        for path in ["/v1/files", "/v1/models/../files", "/", "/v1/chat/completions/"] {
            assert_eq!(of(&Method::GET, path), None, "{path}");
        }
    }

    #[test]
    fn a_mark_goes_into_the_systems_words_and_nowhere_else() {
        let mut request = json!({"messages": [{"role": "user", "content": "x"}]});
        assert!(!plant(&mut request, "mark"));
        let mut request = json!({"messages": [{"role": "developer", "content": "be brief"}]});
        assert!(plant(&mut request, " mark"));
        assert_eq!(request["messages"][0]["content"], "be brief mark");
        let mut request = json!({"messages": [{"role": "system", "content": []}]});
        assert!(plant(&mut request, "mark"));
        assert_eq!(request["messages"][0]["content"][0]["text"], "mark");
    }

    #[test]
    fn a_client_is_known_by_a_digest_of_its_key() {
        let peer = "192.0.2.1:5".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(client(&headers, peer), "ip-192.0.2.1");
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer secret"));
        let client = client(&headers, peer);
        assert!(client.starts_with("key-") && !client.contains("secret"));
    }
}
