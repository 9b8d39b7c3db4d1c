//! Root's word for a hub, and the records of other machines.

use facts::HubContact;
use hub::machines::wire::{
    Fleet, Member, Part, countersign_text, head_text, read_head, record_key_name,
};
use ledger::{Checkpoint, Range, VerifierKey};
use spine::{HostId, ReceiptId};

use super::*;

const AGENT: u32 = 61_947;

fn own_key(place: &Place) -> VerifierKey {
    place.executor.standing().ledger_key.parse().unwrap()
}

#[test]
fn root_alone_countersigns_and_it_is_recorded() {
    let Some(place) = Place::new("", &[]) else { return };
    let (hub, key) = (Digest([1; 32]), Digest([2; 32]));
    let ask =
        |uid| place.executor.answer(Request::Countersign { hub, key }, Peer { uid }, &mut |_| ());
    assert!(matches!(ask(AGENT), Reply::Refused { .. }), "not for the agent");
    let Reply::Countersigned { note } = ask(0) else { panic!() };
    let text = countersign_text(place.executor.host, hub, key, START_MS);
    assert_eq!(own_key(&place).open(&note), Ok(text.as_str()));
    let kept = place.receipts(ReceiptKind::Key);
    assert_eq!(kept.last().unwrap().body["hub"], json!(hub));
    let Reply::Head { note, size, checkpoint } = place.ask(Request::Head) else { panic!() };
    let read = read_head(&note, place.executor.host, &own_key(&place));
    assert_eq!(read, Some((size, START_MS)));
    assert!(Checkpoint::open(note.as_bytes(), &own_key(&place)).is_err(), "no checkpoint");
    assert_eq!(Checkpoint::open(checkpoint.as_bytes(), &own_key(&place)).unwrap().size, size);
}

/// Another machine with one action that nobody approved, and its record.
fn another(place: &Place) -> (Member, Part) {
    let host = HostId(Digest([9; 32]));
    let signer = ledger::Signer::from_seed(&record_key_name(host), &[9; 32]).unwrap();
    let body = json!({
        "action_types": ["block_address"], "class": "contain", "author": "agent", "root": "/",
        "targets": [], "approvals": [], "approvers": [],
    });
    let receipt = Receipt {
        schema: 1,
        id: ReceiptId::new(&*place.clock, &OsRng),
        time_ms: START_MS,
        host,
        kind: ReceiptKind::Intent,
        plan: None,
        action: None,
        body: body.as_object().unwrap().clone(),
    };
    let leaf = String::from_utf8(receipt.leaf().unwrap()).unwrap();
    let mut range = Range::default();
    range.push(leaf.as_bytes());
    let origin = signer.verifier().name().to_owned();
    let checkpoint = Checkpoint { origin, size: 1, root: range.root() }.sign(&signer);
    let head = signer.sign(&head_text(host, 1, START_MS));
    let member = Member { host, record_key: signer.verifier().to_string() };
    (member, Part { host, from: 0, leaves: vec![leaf], checkpoint, head })
}

fn signed(place: &Place, signer: &Signer, other: &Member, signed_ms: i64) -> Request {
    let own =
        Member { host: place.executor.host, record_key: place.executor.standing().ledger_key };
    let mut machines = vec![own, other.clone()];
    machines.sort();
    let signature = signer.sign(&Fleet::bytes(&machines, signed_ms)).unwrap();
    let (key, signature) = (keys::key_id(&signer.public()), hex::encode(signature));
    Request::Fleet { fleet: Box::new(Fleet { machines, signed_ms, key, signature }) }
}

#[test]
fn machines_count_for_one_another_by_a_persons_signature_and_by_their_own() {
    let Some(place) = Place::new("[site]\nfleet_size = 2\n", &["owner"]) else { return };
    let (member, part) = another(&place);
    let hand_on = |place: &Place| place.ask(Request::Peers { parts: vec![part.clone()] });
    hand_on(&place);
    assert_eq!(place.executor.hub(), HubContact::Never, "nobody signed that it counts");
    let stranger = keys::create(&place.dir.path().join("x"), "correct horse", &OsRng).unwrap();
    let refused = place.ask(signed(&place, &stranger, &member, START_MS));
    assert!(matches!(refused, Reply::Refused { .. }), "a hub cannot say who counts");
    let owner = &place.people[0];
    let future = place.ask(signed(&place, owner, &member, START_MS + HOUR_MS));
    assert!(matches!(future, Reply::Refused { .. }));
    let mut changed = signed(&place, owner, &member, START_MS);
    if let Request::Fleet { fleet } = &mut changed {
        fleet.machines.pop();
    }
    assert!(matches!(place.ask(changed), Reply::Refused { .. }), "not what was signed");
    assert!(matches!(place.ask(signed(&place, owner, &member, START_MS)), Reply::Done { .. }));
    assert_eq!(place.receipts(ReceiptKind::Key).last().unwrap().body["person"], json!("owner"));
    let alone =
        |place: &Place| place.executor.book.lock().history().alone_last_hour(START_MS).actions;
    let Reply::Peers { have, fleet_ms } = hand_on(&place) else { panic!() };
    assert_eq!((have[0].size, fleet_ms), (1, Some(START_MS)));
    assert_eq!(place.executor.hub(), HubContact::LastHeard(START_MS));
    assert_eq!(alone(&place), 1, "what the other did counts here");
    hand_on(&place);
    assert_eq!(alone(&place), 1, "once");
    let place = place.restart();
    assert_eq!(alone(&place), 1, "also after a restart");
    assert_eq!(place.executor.hub(), HubContact::Never, "but it must be heard again");
}

#[test]
fn a_record_that_does_not_fit_is_refused_and_recorded_once() {
    let Some(place) = Place::new("[site]\nfleet_size = 2\n", &["owner"]) else { return };
    let (member, mut part) = another(&place);
    place.ask(signed(&place, &place.people[0], &member, START_MS));
    part.leaves[0] = part.leaves[0].replace("contain", "observe");
    let before = place.receipts(ReceiptKind::Refusal).len();
    for _ in 0..3 {
        place.ask(Request::Peers { parts: vec![part.clone()] });
    }
    assert_eq!(place.receipts(ReceiptKind::Refusal).len(), before + 1);
    assert_eq!(place.executor.hub(), HubContact::Never);
}
