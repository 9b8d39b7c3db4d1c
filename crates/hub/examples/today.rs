//! How long the page "Today" takes with 10,000 machines and 100,000 cases in the store:
//! `cargo run --release -p hub --example today`. Prints the median and the 99th percentile of the
//! server's time, from the request to the last byte of the answer, and the bytes of a first load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use hub::db::{Session, User, hash_of};
use hub::look::assets;
use hub::role::Role;
use hub::{Hub, HubConfig};
use serde_json::json;
use spine::{Case, CaseState, Clock, Digest, HostId, Priority, Rng};
use store::{HostRecord, SqliteState, State as _};
use tower::ServiceExt as _;

use nobody::Nobody;

#[path = "../tests/machines/nobody.rs"]
mod nobody;

const MACHINES: u32 = 10_000;
const CASES: u32 = 100_000;
const REQUESTS: usize = 1_000;
const NOW_MS: i64 = 1_780_000_000_000;

struct Fixed;

impl Clock for Fixed {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
    fn monotonic_ms(&self) -> u64 {
        0
    }
}

impl Rng for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}

fn host(n: u32) -> HostId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    HostId(Digest(id))
}

fn fill(state: &SqliteState) {
    let priorities =
        [Priority::Defer, Priority::Scheduled, Priority::OutOfCycle, Priority::Immediate];
    state
        .transaction(&mut |state| {
            for n in 0..MACHINES {
                let unknown = if n % 9 == 0 { vec!["a source could not be read"] } else { vec![] };
                state.put_host(&HostRecord {
                    host: host(n),
                    name: format!("machine-{n}"),
                    root: "/".into(),
                    os: "Debian GNU/Linux 12 (bookworm)".into(),
                    last_seen_ms: NOW_MS - i64::from(n % 11) * 10_000_000,
                    coverage: json!({ "packages": 400, "unknown": unknown }),
                })?;
            }
            for n in 0..CASES {
                let subject = format!("package-{}", n / MACHINES);
                let host = host(n % MACHINES);
                state.put_case(&Case {
                    id: Case::identity(host, "patch", &subject)?,
                    host,
                    kind: "patch".into(),
                    title: format!("{subject} has a pending security fix"),
                    subject,
                    priority: priorities[(n % 4) as usize],
                    state: if n % 3 == 0 { CaseState::Fixed } else { CaseState::Open },
                    owner: None,
                    findings: vec![],
                    ids: vec!["CVE-2024-12084".into()],
                    explanation: vec!["It listens on port 873 on every address.".into()],
                    created_ms: NOW_MS - i64::from(n % 60) * 86_400_000,
                    updated_ms: NOW_MS,
                })?;
            }
            Ok(())
        })
        .expect("the state is filled");
}

fn main() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = HubConfig {
        state_db: dir.path().join("state.db"),
        dir: dir.path().join("hub"),
        listen: "127.0.0.1:7117".parse().expect("an address"),
        name: "localhost".into(),
        tls: None,
        site: spine::SiteConfig::default(),
        machines: None,
    };
    fill(&SqliteState::open(&config.state_db).expect("the state opens"));
    let rim = (Arc::new(Fixed) as Arc<_>, Arc::new(Fixed) as Arc<_>);
    let hub = Hub::open(config, "http://localhost:7117".into(), Arc::new(Nobody(None)), rim);
    let hub = Arc::new(hub.expect("the page opens"));
    let secret = hub.secret();
    let user = User {
        id: "1".into(),
        name: "Ann".into(),
        role: Role::Admin,
        password: None,
        created_ms: 0,
    };
    hub.db.add_user(&user).expect("a person");
    let session = Session {
        hash: hash_of(&secret),
        user: "1".into(),
        method: "link".into(),
        created_ms: NOW_MS,
        seen_ms: NOW_MS,
        expires_ms: NOW_MS + 1,
        address: String::new(),
        agent: String::new(),
    };
    hub.db.add_session(&session).expect("a session");
    let router = hub::server::router(Arc::clone(&hub));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut times_ms = Vec::new();
    let mut bytes = 0;
    for _ in 0..REQUESTS {
        let mut request = Request::builder()
            .uri("/")
            .header(header::HOST, "localhost:7117")
            .header(header::COOKIE, format!("__Host-ringfort={secret}"))
            .body(Body::empty())
            .expect("a request");
        let address: SocketAddr = "127.0.0.1:50000".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(address));
        let begun = Instant::now();
        let body = runtime.block_on(async {
            let response = router.clone().oneshot(request).await.expect("an answer");
            assert_eq!(response.status().as_u16(), 200);
            axum::body::to_bytes(response.into_body(), 16 << 20).await.expect("a body")
        });
        times_ms.push(begun.elapsed().as_secs_f64() * 1_000.0);
        bytes = body.len();
    }
    times_ms.sort_by(f64::total_cmp);
    let at = |share: usize| times_ms.get(REQUESTS * share / 100 - 1).copied().unwrap_or(f64::NAN);
    println!("{MACHINES} machines, {CASES} cases, {REQUESTS} requests");
    println!("Today: median {:.2} ms, p99 {:.2} ms", at(50), at(99));
    let files = assets::STYLE.bytes.len() + assets::SCRIPT.bytes.len() + assets::ICON.bytes.len();
    println!("first load: {bytes} bytes of page, {files} bytes of style, script and icon");
}
