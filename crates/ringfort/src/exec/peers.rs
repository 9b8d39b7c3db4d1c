//! The records of other machines as this executor follows them: leaf by leaf, each up to a
//! checkpoint that the machine itself signed. What is kept of them is how far they were followed,
//! and what of the last day counts here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use durable::{Files as _, StdFiles};
use facts::HubContact;
use hub::machines::wire::{Fleet, Part, read_head};
use ledger::{Checkpoint, Hash, Range, VerifierKey};
use serde::{Deserialize, Serialize};
use spine::{HostId, Receipt, ReceiptKind};

use crate::failure::{Failure, OrHint as _};

/// Receipts of one machine that count here, at most: more in a day, and nobody acts alone.
const RECENT_MAX: usize = 8_192;
/// How long a receipt may count, milliseconds: rings are counted over a day.
const RECENT_MS: i64 = 25 * 3_600 * 1_000;
/// Bytes of leaves that wait for their checkpoint, of one machine.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// What is kept of a machine's record.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    key: String,
    size: u64,
    roots: Vec<String>,
    recent: Vec<String>,
}

/// One machine.
struct Followed {
    key: VerifierKey,
    /// Up to here it is signed.
    range: Range,
    /// Beyond it: leaves whose checkpoint has not come yet.
    ahead: Range,
    waiting: Vec<(String, Receipt)>,
    waiting_bytes: usize,
    recent: Vec<(String, i64)>,
    overflowed: bool,
    head_ms: Option<i64>,
    /// Whether the last part was wrong, so that it is said once.
    wrong: bool,
}

/// What a part was worth.
pub enum Taken {
    /// Receipts that are signed and new.
    Receipts(Vec<Receipt>),
    /// It does not fit.
    Wrong {
        /// Why.
        reason: String,
        /// Whether the part before was good.
        first: bool,
    },
}

/// The other machines.
pub struct Peers {
    dir: PathBuf,
    own: HostId,
    fleet: Option<Fleet>,
    known: BTreeMap<HostId, Followed>,
}

impl Followed {
    fn new(key: VerifierKey) -> Self {
        Self {
            key,
            range: Range::default(),
            ahead: Range::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            recent: Vec::new(),
            overflowed: false,
            head_ms: None,
            wrong: false,
        }
    }

    fn begin_again(&mut self) {
        self.ahead = self.range.clone();
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// Takes a part in. Returns what is signed now and new.
    fn take(&mut self, part: &Part, now_ms: i64) -> Result<Vec<Receipt>, String> {
        let checkpoint = Checkpoint::open(part.checkpoint.as_bytes(), &self.key)?;
        if part.from > self.ahead.size() {
            return Err("a part before this one was not sent".into());
        }
        let known = usize::try_from(self.ahead.size() - part.from).unwrap_or(usize::MAX);
        for leaf in part.leaves.get(known..).unwrap_or_default() {
            self.follow(leaf, part.host, now_ms)?;
        }
        if checkpoint.size > self.ahead.size() {
            return Ok(Vec::new());
        }
        if checkpoint.size < self.ahead.size() {
            return Err("the checkpoint is older than what was seen".into());
        }
        if checkpoint.root != self.ahead.root() {
            return Err("the receipts are not the ones that the machine signed".into());
        }
        self.range = self.ahead.clone();
        self.waiting_bytes = 0;
        let signed: Vec<_> = self.waiting.drain(..).collect();
        self.recent.retain(|(_, time_ms)| *time_ms > now_ms - RECENT_MS);
        self.recent.extend(signed.iter().map(|(leaf, receipt)| (leaf.clone(), receipt.time_ms)));
        self.overflowed |= self.recent.len() > RECENT_MAX;
        self.recent.truncate(RECENT_MAX);
        if let Some((size, head_ms)) = read_head(&part.head, part.host, &self.key)
            && size == checkpoint.size
        {
            self.head_ms = Some(self.head_ms.map_or(head_ms, |before_ms| before_ms.max(head_ms)));
        }
        Ok(signed.into_iter().map(|(_, receipt)| receipt).collect())
    }

    fn follow(&mut self, leaf: &str, host: HostId, now_ms: i64) -> Result<(), String> {
        let receipt: Receipt = serde_json::from_str(leaf)
            .map_err(|error| format!("a receipt does not read: {error}"))?;
        if receipt.host != host {
            return Err("a receipt is of another machine".into());
        }
        self.ahead.push(leaf.as_bytes());
        let counts = matches!(receipt.kind, ReceiptKind::Intent | ReceiptKind::Outcome);
        if counts && receipt.time_ms > now_ms - RECENT_MS {
            self.waiting_bytes += leaf.len();
            if self.waiting_bytes > WAITING_BYTES_MAX {
                return Err("too much waits for its checkpoint".into());
            }
            self.waiting.push((leaf.to_owned(), receipt));
        }
        Ok(())
    }
}

impl Peers {
    /// Opens what is kept. Returns also the receipts that counted when it was written.
    pub fn open(dir: &Path, own: HostId) -> Result<(Self, Vec<Receipt>), Failure> {
        let dir = dir.join("peers");
        let help = "check the disk and its permissions";
        StdFiles.create_dir_all(&dir).or_hint("cannot make the folder of other machines", help)?;
        let fleet = match StdFiles.read(&dir.join("fleet.json")) {
            Ok(bytes) => {
                let help = "let a person sign the list of machines again: `ringfort agent fleet`";
                Some(
                    serde_json::from_slice(&bytes)
                        .or_hint("the list of machines is damaged", help)?,
                )
            }
            Err(_) => None,
        };
        let mut peers = Self { dir, own, fleet: None, known: BTreeMap::new() };
        let mut receipts = Vec::new();
        if let Some(fleet) = fleet {
            peers.use_fleet(fleet);
            for (host, followed) in &mut peers.known {
                // What is damaged is followed anew from the beginning.
                let kept = StdFiles.read(&peers.dir.join(format!("{host}.json"))).ok();
                let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
                receipts.extend(kept.and_then(|kept| recall(followed, kept)).unwrap_or_default());
            }
        }
        Ok((peers, receipts))
    }

    /// The list that counts.
    pub fn fleet(&self) -> Option<&Fleet> {
        self.fleet.as_ref()
    }

    /// Keeps a list whose signature was checked.
    pub fn set_fleet(&mut self, fleet: Fleet) -> Result<(), String> {
        let bytes = serde_json::to_vec(&fleet).map_err(|error| error.to_string())?;
        let path = self.dir.join("fleet.json");
        StdFiles.write_atomic(&path, &bytes).map_err(|error| error.to_string())?;
        self.use_fleet(fleet);
        Ok(())
    }

    fn use_fleet(&mut self, fleet: Fleet) {
        let mut known = BTreeMap::new();
        for member in fleet.machines.iter().filter(|member| member.host != self.own) {
            let Ok(key) = member.record_key.parse::<VerifierKey>() else { continue };
            let before = self.known.remove(&member.host).filter(|before| before.key == key);
            known.insert(member.host, before.unwrap_or_else(|| Followed::new(key)));
        }
        self.known = known;
        self.fleet = Some(fleet);
    }

    /// How far each machine's record is known.
    pub fn known(&self) -> impl Iterator<Item = (HostId, u64)> {
        self.known.iter().map(|(host, followed)| (*host, followed.ahead.size()))
    }

    /// Takes a part of a record in. Machines that are not in the list count for nothing.
    pub fn take(&mut self, part: &Part, now_ms: i64) -> Taken {
        let Some(followed) = self.known.get_mut(&part.host) else {
            return Taken::Receipts(Vec::new());
        };
        let before = followed.range.size();
        match followed.take(part, now_ms) {
            Ok(receipts) => {
                followed.wrong = false;
                if followed.range.size() > before {
                    // What is not kept is followed again after a restart.
                    let path = self.dir.join(format!("{}.json", part.host));
                    let bytes = serde_json::to_vec(&kept(followed)).unwrap_or_default();
                    if let Err(error) = StdFiles.write_atomic(&path, &bytes) {
                        tracing::warn!(%error, "how far a record was followed is not kept");
                    }
                }
                Taken::Receipts(receipts)
            }
            Err(reason) => {
                followed.begin_again();
                let first = !std::mem::replace(&mut followed.wrong, true);
                Taken::Wrong { reason, first }
            }
        }
    }

    /// Since when every machine of the list was heard. `Never` where this machine is not in it, it
    /// is shorter than the site says, or one of them was not heard since this process began.
    pub fn contact(&self, fleet_size: u32) -> HubContact {
        let Some(fleet) = &self.fleet else { return HubContact::Never };
        let listed = u32::try_from(fleet.machines.len()).unwrap_or(u32::MAX);
        let own = fleet.machines.iter().any(|member| member.host == self.own);
        if !own || listed < fleet_size || self.known.values().any(|followed| followed.overflowed) {
            return HubContact::Never;
        }
        let mut last_ms = None;
        for followed in self.known.values() {
            let Some(head_ms) = followed.head_ms else { return HubContact::Never };
            last_ms = Some(last_ms.map_or(head_ms, |last: i64| last.min(head_ms)));
        }
        last_ms.map_or(HubContact::Never, HubContact::LastHeard)
    }
}

fn kept(followed: &Followed) -> Kept {
    Kept {
        key: followed.key.to_string(),
        size: followed.range.size(),
        roots: followed.range.roots().iter().map(ToString::to_string).collect(),
        recent: followed.recent.iter().map(|(leaf, _)| leaf.clone()).collect(),
    }
}

/// Takes up what was kept, if it is of the same key and whole.
fn recall(followed: &mut Followed, kept: Kept) -> Option<Vec<Receipt>> {
    let hash = |text: &String| Some(Hash(STANDARD.decode(text).ok()?.try_into().ok()?));
    let roots = kept.roots.iter().map(hash).collect::<Option<Vec<_>>>()?;
    let range = Range::from_parts(kept.size, roots)?;
    let receipts = kept
        .recent
        .iter()
        .map(|leaf| serde_json::from_str(leaf).ok())
        .collect::<Option<Vec<Receipt>>>()?;
    if kept.key != followed.key.to_string() {
        return None;
    }
    followed.recent =
        kept.recent.into_iter().zip(receipts.iter().map(|receipt| receipt.time_ms)).collect();
    followed.ahead = range.clone();
    followed.range = range;
    Some(receipts)
}

#[cfg(test)]
mod tests {
    use hub::machines::wire::{Member, head_text, record_key_name};
    use ledger::Signer;
    use serde_json::json;
    use spine::{Digest, KeyId, ReceiptId};
    use testkit::{ManualClock, SeededRng};

    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn host(n: u8) -> HostId {
        HostId(Digest([n; 32]))
    }

    /// Another machine with its own record.
    struct There {
        host: HostId,
        signer: Signer,
        leaves: Vec<String>,
    }

    impl There {
        fn new(n: u8) -> Self {
            let signer = Signer::from_seed(&record_key_name(host(n)), &[n; 32]).unwrap();
            Self { host: host(n), signer, leaves: Vec::new() }
        }

        /// An action that nobody approved.
        fn act(&mut self) {
            let body = json!({
                "action_types": ["block_address"], "class": "contain", "author": "agent",
                "root": "/", "targets": [], "approvals": [], "approvers": [],
            });
            let receipt = Receipt {
                schema: 1,
                id: ReceiptId::new(
                    &ManualClock::at(NOW_MS),
                    &SeededRng::new(self.leaves.len() as u64),
                ),
                time_ms: NOW_MS,
                host: self.host,
                kind: ReceiptKind::Intent,
                plan: None,
                action: None,
                body: body.as_object().unwrap().clone(),
            };
            self.leaves.push(String::from_utf8(receipt.leaf().unwrap()).unwrap());
        }

        fn part(&self, from: usize, to: usize, at_ms: i64) -> Part {
            let mut range = Range::default();
            self.leaves.iter().for_each(|leaf| range.push(leaf.as_bytes()));
            let checkpoint = Checkpoint {
                origin: self.signer.verifier().name().to_owned(),
                size: range.size(),
                root: range.root(),
            };
            Part {
                host: self.host,
                from: from as u64,
                leaves: self.leaves[from..to].to_vec(),
                checkpoint: checkpoint.sign(&self.signer),
                head: self.signer.sign(&head_text(self.host, range.size(), at_ms)),
            }
        }
    }

    fn fleet(there: &[&There]) -> Fleet {
        let own = Signer::from_seed(&record_key_name(host(0)), &[0; 32]).unwrap();
        let mut machines = vec![Member { host: host(0), record_key: own.verifier().to_string() }];
        machines.extend(there.iter().map(|there| Member {
            host: there.host,
            record_key: there.signer.verifier().to_string(),
        }));
        Fleet { machines, signed_ms: 1, key: KeyId(Digest([0; 32])), signature: String::new() }
    }

    fn receipts(taken: Taken) -> usize {
        match taken {
            Taken::Receipts(receipts) => receipts.len(),
            Taken::Wrong { reason, .. } => panic!("{reason}"),
        }
    }

    #[test]
    fn receipts_count_once_they_are_signed_and_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let mut there = There::new(1);
        (0..5).for_each(|_| there.act());
        let (mut peers, _) = Peers::open(dir.path(), host(0)).unwrap();
        peers.set_fleet(fleet(&[&there])).unwrap();
        assert_eq!(peers.contact(2), HubContact::Never);
        assert_eq!(receipts(peers.take(&there.part(0, 3, NOW_MS), NOW_MS)), 0, "not signed yet");
        assert_eq!(peers.contact(2), HubContact::Never);
        assert_eq!(receipts(peers.take(&there.part(3, 5, NOW_MS), NOW_MS)), 5);
        assert_eq!(receipts(peers.take(&there.part(0, 5, NOW_MS + 1), NOW_MS)), 0, "only once");
        assert_eq!(peers.contact(2), HubContact::LastHeard(NOW_MS + 1));
        assert_eq!(peers.contact(3), HubContact::Never, "the list is too short");
        let (peers, again) = Peers::open(dir.path(), host(0)).unwrap();
        assert_eq!((again.len(), peers.known().collect::<Vec<_>>()), (5, vec![(host(1), 5)]));
        assert_eq!(peers.contact(2), HubContact::Never, "nobody was heard by this process");
    }

    #[test]
    fn a_hub_that_leaves_out_changes_or_replays_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let mut there = There::new(1);
        (0..4).for_each(|_| there.act());
        let (mut peers, _) = Peers::open(dir.path(), host(0)).unwrap();
        peers.set_fleet(fleet(&[&there])).unwrap();
        let good = there.part(0, 4, NOW_MS);
        let wrong = |peers: &mut Peers, part: &Part| {
            assert!(matches!(peers.take(part, NOW_MS), Taken::Wrong { .. }));
            assert_eq!(peers.contact(2), HubContact::Never);
        };
        let mut less = good.clone();
        less.leaves.remove(1);
        assert_eq!(receipts(peers.take(&less, NOW_MS)), 0, "it waits for the rest");
        assert_eq!(peers.contact(2), HubContact::Never);
        let more = Part { from: 3, leaves: vec![good.leaves[3].clone()], ..good.clone() };
        wrong(&mut peers, &more);
        let mut changed = good.clone();
        changed.leaves[2] = changed.leaves[2].replace("contain", "observe");
        wrong(&mut peers, &changed);
        let other = There::new(2);
        wrong(
            &mut peers,
            &Part { checkpoint: other.part(0, 0, NOW_MS).checkpoint, ..good.clone() },
        );
        let mut alien = good.clone();
        alien.leaves[0] = alien.leaves[0].replace(&host(1).to_string(), &host(3).to_string());
        wrong(&mut peers, &alien);
        assert_eq!(receipts(peers.take(&good, NOW_MS)), 4);
        // An old head does not make the machine seem to be there.
        there.act();
        assert_eq!(receipts(peers.take(&there.part(4, 5, NOW_MS - 9), NOW_MS)), 1);
        assert_eq!(peers.contact(2), HubContact::LastHeard(NOW_MS));
        // A machine that nobody signed for counts for nothing.
        assert_eq!(receipts(peers.take(&other.part(0, 0, NOW_MS), NOW_MS)), 0);
        assert_eq!(peers.known().count(), 1);
    }
}
