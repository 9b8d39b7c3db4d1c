//! A hub on loopback with a clock that the test moves, and machines that come to it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub::machines::authority::make_request;
use hub::machines::link::{Link, LinkError, Shown};
use hub::machines::refusal::Code;
use hub::machines::token::JoinToken;
use hub::machines::wire::{Answer, Ask, Hello, Join, head_text, record_key_name};
use ledger::{Checkpoint, Range, Signer};
use serde_json::{Map, json};
use spine::{Clock, Digest, Event, EventClass, EventId, HostId, Receipt, ReceiptId, ReceiptKind};
use testkit::{ManualClock, SeededRng};

use super::site::{self, Site};

pub const NOW_MS: i64 = 1_800_000_000_000;
pub const OWN: HostId = HostId(Digest([0xee; 32]));
pub const EPOCH: &str = "0123456789abcdef0123456789abcdef";
pub const MINUTE_MS: u64 = 60_000;
pub const DAY_MS: u64 = 86_400_000;

/// A hub, and what is around it.
pub struct Place {
    pub site: Site,
    pub clock: Arc<ManualClock>,
    pub at: String,
    pub dir: tempfile::TempDir,
}

impl Deref for Place {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Place {
    pub fn new(seed: u64) -> Self {
        Self::in_dir(seed, tempfile::tempdir().unwrap())
    }

    /// Ends the hub and returns its folder.
    pub fn end(self) -> tempfile::TempDir {
        self.site.end();
        self.dir
    }

    pub fn in_dir(seed: u64, dir: tempfile::TempDir) -> Self {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let rim = (Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(SeededRng::new(seed)) as Arc<_>);
        let listen = "127.0.0.1:0".parse().unwrap();
        let site = Site::open(dir.path(), listen, Some(OWN), rim);
        let at = site.hub.config.machines.as_ref().unwrap().at.clone();
        Self { site, clock, at, dir }
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    pub fn token(&self) -> JoinToken {
        // Another quarter of an hour, so that the limit of tries is not what refuses.
        self.clock.advance(16 * MINUTE_MS);
        self.hub.machines.token("test", None).unwrap()
    }

    pub fn authority(&self) -> Digest {
        self.hub.machines.authority().unwrap().fingerprint()
    }

    pub fn stranger(&self) -> Link {
        Link::connect(&self.at, self.authority(), None, self.clock()).unwrap()
    }

    pub fn refused(&self, code: Code) -> u64 {
        self.hub.machines.db.refused(code).unwrap()
    }

    /// Waits until a refusal was recorded, which is after the connection ended.
    pub fn was_recorded(&self, code: Code, before: u64) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if self.refused(code) > before {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub enum Got {
    /// A certificate, a welcome, an acknowledgement: what must not be.
    Through(String),
    /// A refusal that was said.
    Refused(String),
    /// The connection ended without one.
    Ended,
}

pub fn got(answer: Result<Answer, LinkError>) -> Got {
    match answer {
        Ok(Answer::Refused { code, .. }) => Got::Refused(code),
        Ok(Answer::Revoked { .. }) => Got::Refused("revoked".into()),
        Ok(other) => Got::Through(format!("{other:?}")),
        Err(_) => Got::Ended,
    }
}

/// A machine with its record, before it joins.
pub struct Candidate {
    pub host: HostId,
    pub record: Signer,
    pub leaves: Vec<String>,
    pub key: String,
    pub request: Vec<u8>,
    pub digest: Digest,
}

impl Candidate {
    pub fn new(n: u8) -> Self {
        let host = HostId(Digest([n; 32]));
        let record = Signer::from_seed(&record_key_name(host), &[n; 32]).unwrap();
        let (key, request, digest) = make_request().unwrap();
        Self { host, record, leaves: Vec::new(), key, request, digest }
    }

    /// The same machine with another key.
    pub fn again(&self) -> Self {
        let (key, request, digest) = make_request().unwrap();
        let (record, leaves) = (self.record.clone(), self.leaves.clone());
        Self { host: self.host, record, leaves, key, request, digest }
    }

    pub fn join(&self, place: &Place, token: &JoinToken) -> Join {
        let asks_for = (self.request.as_slice(), self.digest);
        site::join(self.host, &self.record, token, asks_for, place.clock.now_ms())
    }

    pub fn joins(self, place: &Place) -> Member {
        let token = place.token();
        self.joins_with(place, &token)
    }

    pub fn joins_with(self, place: &Place, token: &JoinToken) -> Member {
        let ask = Ask::Join(Box::new(self.join(place, token)));
        let answer = place.stranger().ask(&ask).unwrap();
        let Answer::Certificate { certificate, .. } = answer else { panic!("{answer:?}") };
        Member { certificate: hex::decode(certificate).unwrap(), it: self }
    }

    /// A further receipt of its record.
    pub fn act(&mut self, kind: ReceiptKind) {
        let receipt = Receipt {
            schema: 1,
            id: ReceiptId::new(&ManualClock::at(NOW_MS), &SeededRng::new(self.leaves.len() as u64)),
            time_ms: NOW_MS,
            host: self.host,
            kind,
            plan: None,
            action: None,
            body: Map::new(),
        };
        self.leaves.push(String::from_utf8(receipt.leaf().unwrap()).unwrap());
    }

    /// Its record from a number on, as of now.
    pub fn records(&self, from: usize) -> Ask {
        let mut range = Range::default();
        self.leaves.iter().for_each(|leaf| range.push(leaf.as_bytes()));
        let origin = self.record.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size: range.size(), root: range.root() };
        Ask::Records {
            from: from as u64,
            leaves: self.leaves.get(from..).unwrap_or_default().to_vec(),
            checkpoint: checkpoint.sign(&self.record),
            head: self.record.sign(&head_text(self.host, range.size(), NOW_MS)),
        }
    }
}

/// A machine that joined.
pub struct Member {
    pub it: Candidate,
    pub certificate: Vec<u8>,
}

impl Member {
    pub fn connect(&self, place: &Place) -> Result<Link, LinkError> {
        let shown = Shown { certificate: &self.certificate, key_pem: &self.it.key };
        Link::connect(&place.at, place.authority(), Some(&shown), place.clock())
    }

    pub fn hello(&self, place: &Place) -> Ask {
        Ask::Hello(Hello {
            host: self.it.host,
            epoch: EPOCH.into(),
            now_ms: place.clock.now_ms(),
            program: "0.1.0".into(),
        })
    }

    /// A connection that was greeted.
    pub fn up(&self, place: &Place) -> Link {
        let mut link = self.connect(place).unwrap();
        let answer = link.ask(&self.hello(place)).unwrap();
        assert!(matches!(answer, Answer::Welcome(_)), "{answer:?}");
        link
    }

    /// What comes of greeting the hub.
    pub fn greets(&self, place: &Place) -> Got {
        match self.connect(place) {
            Ok(mut link) => got(link.ask(&self.hello(place))),
            Err(error) => {
                println!("not connected: {error}");
                Got::Ended
            }
        }
    }

    /// What comes of a question.
    pub fn asks(&self, place: &Place, ask: &Ask) -> Got {
        got(self.up(place).ask(ask))
    }

    pub fn events(&self, first_seq: u64, count: u64) -> Ask {
        let events = (0..count).map(|n| event(self.it.host, first_seq + n)).collect();
        Ask::Events { epoch: EPOCH.into(), first_seq, events }
    }

    /// Its next certificate.
    pub fn renewed(&self, link: &mut Link) -> Self {
        let it = self.it.again();
        let ask = Ask::Renew { request: hex::encode(&it.request) };
        let answer = link.ask(&ask).unwrap();
        let Answer::Certificate { certificate, .. } = answer else { panic!("{answer:?}") };
        Self { certificate: hex::decode(certificate).unwrap(), it }
    }
}

pub fn event(host: HostId, n: u64) -> Event {
    Event {
        id: EventId::new(&ManualClock::at(NOW_MS), &SeededRng::new(n)),
        time_ms: NOW_MS,
        host,
        source: "test".into(),
        class_uid: EventClass::ProcessActivity,
        ocsf: json!({ "message": format!("event {n}") }).as_object().unwrap().clone(),
        raw: Map::new(),
    }
}

/// Sends bytes without TLS and hangs up.
pub fn raw(place: &Place, bytes: &[u8]) -> Got {
    let mut stream = TcpStream::connect(&place.at).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut out = Vec::new();
    // An alert, or nothing.
    let _ = stream.read_to_end(&mut out);
    Got::Ended
}
