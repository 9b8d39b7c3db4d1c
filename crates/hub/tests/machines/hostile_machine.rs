//! Hostile machines: certificates that are not good, and machines that speak for others.

use hub::machines::authority::{Authority, make_request, read_request};
use hub::machines::refusal::Code;
use hub::machines::wire::{Ask, Hello, Scan};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};
use spine::{Clock as _, Digest, HostId, ReceiptKind};
use store::{HostRecord, State as _};
use testkit::SeededRng;

use super::hostile::Case;
use super::support::*;

/// The authority of a hub, as whoever stole its file has it.
fn stolen(place: &Place) -> Authority {
    place.authority();
    Authority::open(&place.dir.path().join("hub"), place.clock.now_ms()).unwrap()
}

/// A machine whose certificate somebody else made.
fn forged(params: CertificateParams) -> Member {
    let mut it = Candidate::new(1);
    let key = KeyPair::from_pem(&it.key).unwrap();
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    it.request.clear();
    Member { it, certificate }
}

fn joined(place: &Place) -> Member {
    let member = Candidate::new(1).joins(place);
    drop(member.up(place));
    member
}

fn scan(host: HostId) -> Scan {
    Scan {
        record: HostRecord {
            host,
            name: "a".into(),
            root: "/".into(),
            os: "Debian 12".into(),
            last_seen_ms: 0,
            coverage: json!({}),
        },
        packages: None,
        findings: vec![],
        cases: vec![],
        live: Value::Null,
    }
}

fn scanned(place: &Place, change: impl FnOnce(&mut Scan)) -> Got {
    let member = joined(place);
    let mut scan = scan(member.it.host);
    change(&mut scan);
    member.asks(place, &Ask::Scan { epoch: EPOCH.into(), seq: 1, scan: Box::new(scan) })
}

fn finding(host: HostId) -> spine::Finding {
    serde_json::from_value(json!({
        "id": "019d19ec-2e50-71a1-81b2-1c3d4e5f6071", "time_ms": 1, "host": host,
        "kind": "not_understood", "subject": "etc/x", "status": "unknown", "ids": [],
        "evidence": [],
    }))
    .unwrap()
}

fn case(host: HostId, of: HostId) -> spine::Case {
    spine::Case {
        id: spine::Case::identity(of, "patch", "rsync").unwrap(),
        host,
        kind: "patch".into(),
        subject: "rsync".into(),
        title: "rsync".into(),
        priority: spine::Priority::Defer,
        state: spine::CaseState::Open,
        owner: None,
        findings: vec![],
        ids: vec![],
        explanation: vec![],
        created_ms: 1,
        updated_ms: 1,
    }
}

/// A machine with five receipts at the hub, whose record then goes on as `change` says.
fn recorded(place: &Place, change: impl FnOnce(&mut Candidate) -> Ask) -> Got {
    let mut member = joined(place);
    (0..5).for_each(|_| member.it.act(ReceiptKind::Decision));
    let first = member.it.records(0);
    assert!(matches!(member.asks(place, &first), Got::Through(_)));
    let ask = change(&mut member.it);
    member.asks(place, &ask)
}

const OTHER: HostId = HostId(Digest([9; 32]));

pub const CASES: &[Case] = &[
    // Certificates.
    ("a certificate that the machine signed itself", Code::Handshake, |place| {
        let mut params = CertificateParams::default();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        forged(params).greets(place)
    }),
    ("a certificate of another hub", Code::Handshake, |place| {
        let other = Place::new(98);
        let member = Candidate::new(1).joins(&other);
        member.greets(place)
    }),
    ("a certificate by an authority of the same name", Code::Handshake, |place| {
        let other = Place::new(97);
        let authority = stolen(&other);
        let it = Candidate::new(1);
        let key = read_request(&it.request).unwrap();
        let now_ms = place.clock.now_ms();
        let made = authority.certify(it.host, &key, now_ms, &SeededRng::new(1)).unwrap();
        Member { it, certificate: made.der }.greets(place)
    }),
    ("a certificate that has expired", Code::Handshake, |place| {
        let member = joined(place);
        place.clock.advance(7 * DAY_MS + 1_000);
        member.greets(place)
    }),
    ("a certificate that is not good yet", Code::Handshake, |place| {
        // The authority was made earlier than the certificate.
        place.authority();
        place.clock.advance(DAY_MS);
        let member = joined(place);
        place.clock.set(place.clock.now_ms() - 3_600_000);
        member.greets(place)
    }),
    ("a certificate for servers", Code::Handshake, |place| {
        let authority = stolen(place);
        let made = authority.certify_hub(place.clock.now_ms(), &SeededRng::new(1)).unwrap();
        let rustls::pki_types::PrivateKeyDer::Pkcs8(key) = made.1 else { panic!() };
        let key = KeyPair::try_from(key.secret_pkcs8_der()).unwrap();
        let it = Candidate { key: key.serialize_pem(), ..Candidate::new(1) };
        Member { it, certificate: made.0.to_vec() }.greets(place)
    }),
    ("a certificate without a use", Code::Handshake, |place| {
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        forged(params).greets(place)
    }),
    ("a certificate that is an authority", Code::Handshake, |place| {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        forged(params).greets(place)
    }),
    ("a certificate whose signature was turned", Code::Handshake, |place| {
        let mut member = joined(place);
        *member.certificate.last_mut().unwrap() ^= 1;
        member.greets(place)
    }),
    ("a certificate whose name was changed", Code::Handshake, |place| {
        let mut member = joined(place);
        let name = member.it.host.to_string().into_bytes();
        let at = member.certificate.windows(64).position(|window| window == name).unwrap();
        member.certificate[at..at + 64].copy_from_slice(OTHER.to_string().as_bytes());
        member.greets(place)
    }),
    ("a certificate made with a stolen authority", Code::Unlisted, |place| {
        let (authority, it) = (stolen(place), Candidate::new(1));
        let key = read_request(&it.request).unwrap();
        let now_ms = place.clock.now_ms();
        let made = authority.certify(it.host, &key, now_ms, &SeededRng::new(1)).unwrap();
        Member { it, certificate: made.der }.greets(place)
    }),
    (
        "an enrolled machine's certificate made anew with a stolen authority",
        Code::Unlisted,
        |place| {
            let member = joined(place);
            let it = member.it.again();
            let key = read_request(&it.request).unwrap();
            let now_ms = place.clock.now_ms();
            let made = stolen(place).certify(it.host, &key, now_ms, &SeededRng::new(1)).unwrap();
            Member { it, certificate: made.der }.greets(place)
        },
    ),
    ("the certificate of a machine that was removed", Code::Revoked, |place| {
        let member = joined(place);
        place.hub.machines.remove(member.it.host, "test").unwrap();
        member.greets(place)
    }),
    ("the certificate from before the machine joined again", Code::Revoked, |place| {
        let member = joined(place);
        place.clock.advance(16 * MINUTE_MS);
        let token = place.hub.machines.token("test", Some(member.it.host)).unwrap();
        member.it.again().joins_with(place, &token);
        member.greets(place)
    }),
    ("removed while it speaks", Code::Revoked, |place| {
        let member = joined(place);
        // Behind the hub's back, so that no word of it is pushed.
        let mut link = member.up(place);
        let db = rusqlite::Connection::open(place.dir.path().join("hub/machines.db")).unwrap();
        db.execute("UPDATE machines SET removed_ms = 1", []).unwrap();
        got(link.ask(&member.events(1, 1)))
    }),
    ("a certificate that was replaced", Code::Superseded, |place| {
        let member = joined(place);
        place.clock.advance(4 * DAY_MS);
        let next = member.renewed(&mut member.up(place));
        drop(next.up(place));
        member.greets(place)
    }),
    ("renewed once more with a certificate that was replaced", Code::Superseded, |place| {
        let member = joined(place);
        place.clock.advance(4 * DAY_MS);
        let mut link = member.up(place);
        let next = member.renewed(&mut link);
        // The old connection is still there, and the new certificate is used elsewhere.
        let db = rusqlite::Connection::open(place.dir.path().join("hub/machines.db")).unwrap();
        let fingerprint = hub::machines::authority::digest_of(&next.certificate).to_hex();
        db.execute(
            "UPDATE certificates SET ended_ms = 1, ended_why = 'superseded' WHERE fingerprint <> ?1",
            [fingerprint],
        )
        .unwrap();
        let request = hex::encode(make_request().unwrap().1);
        got(link.ask(&Ask::Renew { request }))
    }),
    ("a successor that was never used, and replaced", Code::Revoked, |place| {
        let member = joined(place);
        place.clock.advance(4 * DAY_MS);
        let mut link = member.up(place);
        let first = member.renewed(&mut link);
        member.renewed(&mut link);
        first.greets(place)
    }),
    ("a renewal too early", Code::Early, |place| {
        let member = joined(place);
        let request = hex::encode(make_request().unwrap().1);
        member.asks(place, &Ask::Renew { request })
    }),
    ("a renewal with the key that it has", Code::KeySeen, |place| {
        let member = joined(place);
        place.clock.advance(4 * DAY_MS);
        member.asks(place, &Ask::Renew { request: hex::encode(&member.it.request) })
    }),
    ("a renewal with another machine's key", Code::KeySeen, |place| {
        let (member, other) = (joined(place), Candidate::new(2).joins(place));
        place.clock.advance(4 * DAY_MS);
        member.asks(place, &Ask::Renew { request: hex::encode(&other.it.request) })
    }),
    ("a renewal without a request", Code::Request, |place| {
        let member = joined(place);
        place.clock.advance(4 * DAY_MS);
        member.asks(place, &Ask::Renew { request: "00".into() })
    }),
    // Speaking for others.
    ("a greeting under another name", Code::Impersonation, |place| {
        let member = joined(place);
        let hello = Hello {
            host: OTHER,
            epoch: EPOCH.into(),
            now_ms: place.clock.now_ms(),
            program: String::new(),
        };
        hub::machines::link::Link::connect(
            &place.at,
            place.authority(),
            Some(&hub::machines::link::Shown {
                certificate: &member.certificate,
                key_pem: &member.it.key,
            }),
            place.clock(),
        )
        .map_or(Got::Ended, |mut link| got(link.ask(&Ask::Hello(hello))))
    }),
    ("events of another machine", Code::Impersonation, |place| {
        let other = Member { it: Candidate::new(9), certificate: Vec::new() };
        joined(place).asks(place, &other.events(1, 3))
    }),
    ("one event of another machine among many", Code::Impersonation, |place| {
        let member = joined(place);
        let mut events: Vec<_> = (1..=100).map(|n| event(member.it.host, n)).collect();
        events[57].host = OTHER;
        member.asks(place, &Ask::Events { epoch: EPOCH.into(), first_seq: 1, events })
    }),
    ("a scan of another machine", Code::Impersonation, |place| {
        scanned(place, |scan| scan.record.host = OTHER)
    }),
    ("a scan of another root", Code::Impersonation, |place| {
        scanned(place, |scan| scan.record.root = "/srv".into())
    }),
    ("a finding about another machine", Code::Impersonation, |place| {
        scanned(place, |scan| scan.findings = vec![finding(OTHER)])
    }),
    ("a case about another machine", Code::Impersonation, |place| {
        scanned(place, |scan| scan.cases = vec![case(OTHER, OTHER)])
    }),
    ("a case under the id of another machine's", Code::Impersonation, |place| {
        scanned(place, |scan| scan.cases = vec![case(scan.record.host, OTHER)])
    }),
    ("a finding under the id of another machine's", Code::Impersonation, |place| {
        place.hub.state(|state| state.put_findings(&[finding(OTHER)])).unwrap();
        scanned(place, |scan| scan.findings = vec![finding(scan.record.host)])
    }),
    ("a receipt of another machine", Code::Impersonation, |place| {
        recorded(place, |it| {
            it.act(ReceiptKind::Decision);
            let last = it.leaves.last_mut().unwrap();
            *last = last.replace(&it.host.to_string(), &OTHER.to_string());
            it.records(5)
        })
    }),
    // Records that do not fit.
    ("a record that was cut", Code::Record, |place| {
        recorded(place, |it| {
            it.leaves.truncate(3);
            it.records(3)
        })
    }),
    ("a record whose past was changed", Code::Record, |place| {
        recorded(place, |it| {
            it.leaves.swap(1, 2);
            it.records(0)
        })
    }),
    ("a record that was begun anew under the same key", Code::Record, |place| {
        recorded(place, |it| {
            it.leaves.swap(0, 4);
            it.act(ReceiptKind::Decision);
            it.records(5)
        })
    }),
    ("a record signed by somebody else", Code::Record, |place| {
        recorded(place, |it| {
            it.record = ledger::Signer::from_seed(it.record.verifier().name(), &[3; 32]).unwrap();
            it.records(5)
        })
    }),
    ("a record with a part left out", Code::Record, |place| {
        recorded(place, |it| {
            (0..3).for_each(|_| it.act(ReceiptKind::Decision));
            it.records(7)
        })
    }),
    ("a record whose head is of another time than its checkpoint", Code::Record, |place| {
        recorded(place, |it| {
            let Ask::Records { head, .. } = it.records(5) else { panic!() };
            it.act(ReceiptKind::Decision);
            match it.records(5) {
                Ask::Records { from, leaves, checkpoint, .. } => {
                    Ask::Records { from, leaves, checkpoint, head }
                }
                other => other,
            }
        })
    }),
    ("a receipt that is none", Code::Record, |place| {
        recorded(place, |it| {
            it.leaves.push("{}".into());
            it.records(5)
        })
    }),
    // Out of order, out of measure.
    ("events before a greeting", Code::Malformed, |place| {
        let member = joined(place);
        let mut link = member.connect(place).unwrap();
        got(link.ask(&member.events(1, 1)))
    }),
    ("a machine that asks to join again", Code::Malformed, |place| {
        let member = joined(place);
        let token = place.token();
        member.asks(place, &Ask::Join(Box::new(member.it.again().join(place, &token))))
    }),
    ("a spool without a name", Code::Malformed, |place| {
        let member = joined(place);
        let ask = Ask::Events { epoch: "../../etc".into(), first_seq: 1, events: vec![] };
        member.asks(place, &ask)
    }),
    ("events without a number", Code::TooLong, |place| {
        let member = joined(place);
        member.asks(place, &member.events(0, 1))
    }),
    ("more events than one message has", Code::TooLong, |place| {
        let member = joined(place);
        member.asks(place, &member.events(1, 2_001))
    }),
    ("more receipts than one message has", Code::TooLong, |place| {
        recorded(place, |it| {
            (0..300).for_each(|_| it.act(ReceiptKind::Decision));
            it.records(5)
        })
    }),
    ("a message of a machine that is too long", Code::TooLong, |place| {
        let member = joined(place);
        let mut link = member.up(place);
        match link.send(&[0xff; 8]) {
            Ok(()) => match link.wait(std::time::Duration::from_secs(20)) {
                Ok(Some(answer)) => got(Ok(answer)),
                _ => Got::Ended,
            },
            Err(_) => Got::Ended,
        }
    }),
];
