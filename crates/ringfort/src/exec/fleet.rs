//! Other machines: root's word for a hub, how long the record is, and the records of those that
//! count for one another (red line RL08).
//!
//! Whose records count is a list that an enrolled person signed; a hub only carries it, and what it
//! carries of a record is held against that machine's own signature. A hub that leaves something
//! out makes this machine act less alone, not more: every machine of the list must have been heard
//! a moment ago.

use hub::machines::limits::CLOCK_SKEW_MS;
use hub::machines::wire::{Fleet, Have, Part, countersign_text, head_text, record_key_name};
use serde_json::json;
use spine::{Digest, ReceiptKind};

use super::peers::Taken;
use super::protocol::Reply;
use super::{Executor, Peer, lock};

impl Executor {
    /// Signs, for root, that this machine takes a hub with a key. The hub can approve nothing by
    /// it.
    pub(super) fn countersign(&self, hub: Digest, key: Digest, peer: Peer) -> Reply {
        if peer.uid != 0 {
            let reason = "a machine joins a hub with the word of root on it";
            return self.refuse(reason.into(), None, peer);
        }
        let body = json!({ "hub": hub, "machine_key": key, "uid": peer.uid });
        let mut book = self.book.lock();
        if let Err(message) = book.write(ReceiptKind::Key, None, None, body) {
            return Reply::Failed { message };
        }
        let text = countersign_text(self.host, hub, key, self.clock.now_ms());
        Reply::Countersigned { note: book.sign(&text) }
    }

    /// How long the record is at this moment.
    pub(super) fn head(&self) -> Reply {
        let book = self.book.lock();
        let size = book.size();
        let note = book.sign(&head_text(self.host, size, self.clock.now_ms()));
        Reply::Head { note, size, checkpoint: book.checkpoint() }
    }

    /// Takes a list of machines in that an enrolled person signed.
    pub(super) fn set_fleet(&self, fleet: &Fleet, peer: Peer) -> Reply {
        match self.check_fleet(fleet) {
            Ok(None) => Reply::Done { text: "this list of machines is known".into() },
            Ok(Some(person)) => {
                let body = json!({
                    "fleet": fleet.machines, "person": person, "signed_ms": fleet.signed_ms,
                    "uid": peer.uid,
                });
                let done = self.book.lock().write(ReceiptKind::Key, None, None, body);
                match done.and_then(|()| lock(&self.peers).set_fleet(fleet.clone())) {
                    Ok(()) => Reply::Done {
                        text: format!("{} machines count for one another", fleet.machines.len()),
                    },
                    Err(message) => Reply::Failed { message },
                }
            }
            Err(reason) => self.refuse(reason, None, peer),
        }
    }

    /// Whose list it is; `None` where it is the one that is kept, or an earlier one.
    fn check_fleet(&self, fleet: &Fleet) -> Result<Option<String>, String> {
        if lock(&self.peers).fleet().is_some_and(|kept| fleet.signed_ms <= kept.signed_ms) {
            return Ok(None);
        }
        if fleet.signed_ms > self.clock.now_ms().saturating_add(CLOCK_SKEW_MS) {
            return Err("the list of machines is from the future".into());
        }
        let ordered = fleet.machines.windows(2).all(|pair| match pair {
            [a, b] => a.host < b.host,
            _ => true,
        });
        let named = fleet.machines.iter().all(|member| {
            let key = member.record_key.parse::<ledger::VerifierKey>();
            key.is_ok_and(|key| key.name() == record_key_name(member.host))
        });
        if fleet.machines.len() > hub::machines::limits::FLEET_MAX || !ordered || !named {
            return Err(
                "the list of machines is too long, not in order, or names wrong keys".into()
            );
        }
        let own = fleet.machines.iter().find(|member| member.host == self.host);
        if own.is_some_and(|own| own.record_key != self.book.lock().verifier_key()) {
            return Err("the list of machines has another key for this machine's record".into());
        }
        let bytes = Fleet::bytes(&fleet.machines, fleet.signed_ms);
        let signature = &fleet.signature;
        lock(&self.keyring).signed(fleet.key, &bytes, signature).map(Some)
    }

    /// Takes parts of other machines' records in, and says how far they are known.
    pub(super) fn take_peers(&self, parts: &[Part], peer: Peer) -> Reply {
        let now_ms = self.clock.now_ms();
        let mut peers = lock(&self.peers);
        for part in parts {
            match peers.take(part, now_ms) {
                Taken::Receipts(receipts) => {
                    let mut book = self.book.lock();
                    for receipt in &receipts {
                        book.observe_peer(receipt);
                    }
                }
                Taken::Wrong { reason, first } => {
                    if first {
                        let host = part.host.to_string();
                        let short: String = host.chars().take(12).collect();
                        self.refuse(format!("the record of machine {short}: {reason}"), None, peer);
                    }
                }
            }
        }
        let have = peers.known().map(|(host, size)| Have { host, size }).collect();
        Reply::Peers { have, fleet_ms: peers.fleet().map(|fleet| fleet.signed_ms) }
    }
}
