//! What must work: joining, reporting, renewing, removal that is told at once.

use std::time::Duration;

use hub::machines::refusal::Code;
use hub::machines::wire::{Answer, Ask, Fleet, Have, Member as Listed, Scan};
use serde_json::{Value, json};
use spine::{Case, CaseState, Digest, KeyId, Priority, ReceiptKind};
use store::{HostRecord, Overview as _, State as _};
use x509_cert::der::Decode as _;

use super::support::*;

fn case(member: &Member, subject: &str) -> Case {
    let host = member.it.host;
    Case {
        id: Case::identity(host, "patch", subject).unwrap(),
        host,
        kind: "patch".into(),
        subject: subject.into(),
        title: "rsync has a pending security fix".into(),
        priority: Priority::OutOfCycle,
        state: CaseState::Open,
        owner: None,
        findings: vec![],
        ids: vec![],
        explanation: vec![],
        created_ms: NOW_MS,
        updated_ms: NOW_MS,
    }
}

fn scan(member: &Member, os: &str) -> Scan {
    Scan {
        record: HostRecord {
            host: member.it.host,
            name: "ward-3".into(),
            root: "/".into(),
            os: os.into(),
            last_seen_ms: i64::MAX,
            coverage: json!({ "unknown": [] }),
        },
        packages: Some(vec![]),
        findings: vec![],
        cases: vec![case(member, "rsync")],
        live: Value::Null,
    }
}

fn taken(answer: Answer) -> u64 {
    match answer {
        Answer::Taken { up_to } => up_to,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_machine_joins_reports_and_every_event_has_its_effect_once() {
    let place = Place::new(1);
    let member = Candidate::new(1).joins(&place);
    let mut link = member.up(&place);
    assert_eq!(taken(link.ask(&member.events(1, 10)).unwrap()), 10);
    assert_eq!(taken(link.ask(&member.events(1, 10)).unwrap()), 10, "all of it again");
    assert_eq!(taken(link.ask(&member.events(6, 10)).unwrap()), 15, "half of it again");
    drop(link);
    let mut link = member.connect(&place).unwrap();
    let Answer::Welcome(welcome) = link.ask(&member.hello(&place)).unwrap() else { panic!() };
    assert_eq!(welcome.events_to, 15);
    assert_eq!(taken(link.ask(&member.events(21, 5)).unwrap()), 25, "16 to 20 are missing");
    assert_eq!(place.numbers(member.it.host), (1..=15).chain(21..=25).collect::<Vec<_>>());
    let notes = place.hub.machines.db.notes(member.it.host, 9).unwrap();
    assert!(notes.iter().any(|(_, text)| text.contains("5 events are missing")), "{notes:?}");
}

#[test]
fn what_is_in_the_log_but_not_in_the_list_is_found_by_the_next_start() {
    let place = Place::new(2);
    let member = Candidate::new(1).joins(&place);
    let mut link = member.up(&place);
    taken(link.ask(&member.events(1, 7)).unwrap());
    drop(link);
    let dir = place.end();
    // As if the process had ended between the log and the list.
    let db = rusqlite::Connection::open(dir.path().join("hub/machines.db")).unwrap();
    db.execute("DELETE FROM watermarks", []).unwrap();
    db.execute("UPDATE settings SET value = '0' WHERE name = 'settled_seq'", []).unwrap();
    drop(db);
    let place = Place::in_dir(3, dir);
    place.clock.advance(DAY_MS);
    let mut link = member.connect(&place).unwrap();
    let Answer::Welcome(welcome) = link.ask(&member.hello(&place)).unwrap() else { panic!() };
    assert_eq!(welcome.events_to, 7);
}

#[test]
fn a_scan_is_kept_and_what_people_decided_outlives_it() {
    let place = Place::new(4);
    let member = Candidate::new(1).joins(&place);
    let mut link = member.up(&place);
    let ask =
        |seq, os: &str| Ask::Scan { epoch: EPOCH.into(), seq, scan: Box::new(scan(&member, os)) };
    assert_eq!(taken(link.ask(&ask(5, "Debian 12")).unwrap()), 5);
    let id = case(&member, "rsync").id;
    place
        .hub
        .state(|state| {
            let mut case = state.case(&id)?.unwrap();
            case.state = CaseState::Dismissed;
            state.put_case(&case)
        })
        .unwrap();
    assert_eq!(taken(link.ask(&ask(4, "an old one")).unwrap()), 5, "a late one has no effect");
    assert_eq!(taken(link.ask(&ask(6, "Debian 13")).unwrap()), 6);
    let (host, case) = place
        .hub
        .state(|state| Ok((state.host(member.it.host)?.unwrap(), state.case(&id)?.unwrap())))
        .unwrap();
    assert_eq!(host.os, "Debian 13");
    assert!(host.last_seen_ms < i64::MAX, "not in the future");
    assert_eq!(case.state, CaseState::Dismissed);
}

#[test]
fn a_certificate_is_renewed_at_half_its_life_and_the_old_one_ends_when_the_new_one_is_used() {
    let place = Place::new(5);
    let first = Candidate::new(1).joins(&place);
    let mut link = first.up(&place);
    place.clock.advance(4 * DAY_MS);
    let lost = first.renewed(&mut link);
    let second = first.renewed(&mut link);
    assert!(matches!(first.greets(&place), Got::Through(_)), "the new one was not used yet");
    assert_eq!(lost.greets(&place), Got::Refused("revoked".into()), "another took its place");
    assert!(matches!(second.greets(&place), Got::Through(_)));
    assert_eq!(first.greets(&place), Got::Refused("superseded".into()));
    place.clock.advance(4 * DAY_MS);
    assert!(matches!(second.greets(&place), Got::Through(_)), "past the first one's life");
}

#[test]
fn a_certificate_says_what_the_hub_says_whatever_was_asked_for() {
    let place = Place::new(6);
    let mut candidate = Candidate::new(1);
    let key = rcgen::KeyPair::from_pem(&candidate.key).unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["hub.ringfort.internal".into()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    candidate.request = params.serialize_request(&key).unwrap().der().to_vec();
    let member = candidate.joins(&place);
    let read = x509_cert::Certificate::from_der(&member.certificate).unwrap();
    assert_eq!(read.tbs_certificate.subject.to_string(), format!("CN={}", member.it.host));
    let text = format!("{:?}", read.tbs_certificate.extensions);
    assert!(!text.contains("ringfort.internal"));
    let constraints: x509_cert::ext::pkix::BasicConstraints =
        read.tbs_certificate.get().unwrap().map(|(_, value)| value).unwrap();
    assert!(!constraints.ca);
}

#[test]
fn a_removed_machine_is_told_at_once_and_comes_back_only_with_a_new_token() {
    let place = Place::new(7);
    let member = Candidate::new(1).joins(&place);
    let mut link = member.up(&place);
    assert!(link.wait(Duration::from_millis(50)).unwrap().is_none());
    assert!(place.hub.machines.remove(member.it.host, "by Ann").unwrap());
    let told = link.wait(Duration::from_secs(10)).unwrap();
    assert!(matches!(told, Some(Answer::Revoked { .. })), "{told:?}");
    let before = place.refused(Code::Revoked);
    assert_eq!(member.greets(&place), Got::Refused("revoked".into()));
    assert!(place.was_recorded(Code::Revoked, before));
    let again = member.it.again().joins(&place);
    assert!(matches!(again.greets(&place), Got::Through(_)));
    assert_eq!(member.greets(&place), Got::Refused("revoked".into()), "the old one stays out");
}

#[test]
fn a_machine_that_leaves_is_forgotten() {
    let place = Place::new(8);
    let member = Candidate::new(1).joins(&place);
    assert!(matches!(member.up(&place).ask(&Ask::Leave).unwrap(), Answer::Bye));
    assert!(place.hub.machines.db.machine(member.it.host).unwrap().unwrap().removed_ms.is_some());
}

#[test]
fn silence_is_seen_and_noted_when_it_is_over() {
    let place = Place::new(9);
    let member = Candidate::new(1).joins(&place);
    drop(member.up(&place));
    let db = &place.hub.machines.db;
    assert_eq!(db.lost_count(place.hub.clock.now_ms()).unwrap(), 0);
    place.clock.advance(DAY_MS);
    assert_eq!(db.lost(place.hub.clock.now_ms(), 9).unwrap()[0].host, member.it.host);
    drop(member.up(&place));
    assert_eq!(db.lost_count(place.hub.clock.now_ms()).unwrap(), 0);
    let notes = db.notes(member.it.host, 9).unwrap();
    assert!(notes.iter().any(|(_, text)| text.starts_with("not heard from ")), "{notes:?}");
}

#[test]
fn records_and_the_signed_list_reach_the_other_machines() {
    let place = Place::new(10);
    let mut one = Candidate::new(1);
    (0..300).for_each(|_| one.act(ReceiptKind::Decision));
    let one = one.joins(&place);
    let two = Candidate::new(2).joins(&place);
    let mut link = one.up(&place);
    let Ask::Records { leaves, checkpoint, head, .. } = one.it.records(0) else { panic!() };
    let part = |from: usize, to: usize| Ask::Records {
        from: from as u64,
        leaves: leaves[from..to].to_vec(),
        checkpoint: checkpoint.clone(),
        head: head.clone(),
    };
    assert_eq!(taken(link.ask(&part(0, 200)).unwrap()), 200);
    let beat = |have: u64| Ask::Beat { have: vec![Have { host: one.it.host, size: have }] };
    let mut other = two.up(&place);
    let Answer::Peers { parts, .. } = other.ask(&beat(0)).unwrap() else { panic!() };
    assert!(parts.is_empty(), "what is not signed yet is not handed on");
    assert_eq!(taken(link.ask(&part(150, 300)).unwrap()), 300);
    let list = Fleet {
        machines: vec![Listed { host: one.it.host, record_key: "key".into() }],
        signed_ms: 1,
        key: KeyId(Digest([0; 32])),
        signature: String::new(),
    };
    place.hub.machines.set_fleet(&list).unwrap();
    let Answer::Peers { parts, fleet } = other.ask(&beat(100)).unwrap() else { panic!() };
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].from, parts[0].leaves.len()), (100, 200));
    assert_eq!(parts[0].leaves[0], leaves[100]);
    assert_eq!(fleet.map(|fleet| *fleet), Some(list));
}
