//! What of a machine's record is about a case: the receipts of its plans, of what was tried and
//! taken back for them, and for each a proof that it is in the record (c2sp.org/tlog-proof).
//!
//! The executor is not believed: the root is computed from the receipts themselves and held against
//! the signed checkpoint before a proof is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ledger::{Checkpoint, Hash, Tree, VerifierKey, leaf_hash};
use serde_json::Value;
use spine::{ActionId, PlanHash, Receipt, ReceiptKind};

use super::archive::Archive;
use crate::executor::Executor;
use crate::limits;
use crate::web::Oops;

/// Receipts that are asked for at once.
const BATCH: u32 = 256;
/// The most receipts of one bundle.
const CHOSEN_MAX: usize = 2_000;
/// How often what belongs together is looked for again: a plan, its trial, its undo, and the undo's
/// own trial.
const ROUNDS: usize = 4;

/// What of a record is about a case.
pub struct About {
    key: String,
    checkpoint: String,
    /// By index: the leaf, and the proof's text.
    receipts: BTreeMap<u64, (String, String)>,
    cut: bool,
}

/// What of a receipt says with which others it belongs.
struct Ties {
    plan: Option<PlanHash>,
    action: Option<ActionId>,
    took_back: Option<ActionId>,
    tried: Option<PlanHash>,
    genesis: bool,
}

impl Ties {
    fn of(leaf: &str) -> Self {
        let receipt: Option<Receipt> = serde_json::from_str(leaf).ok();
        let text = |receipt: &Receipt, path: &[&str]| {
            let mut value = &Value::Object(receipt.body.clone());
            for key in path {
                value = value.get(*key)?;
            }
            value.as_str().map(str::to_owned)
        };
        let Some(receipt) = receipt else {
            return Self { plan: None, action: None, took_back: None, tried: None, genesis: false };
        };
        Self {
            plan: receipt.plan,
            action: receipt.action,
            took_back: text(&receipt, &["took_back"]).and_then(|id| id.parse().ok()),
            tried: text(&receipt, &["dry_run", "of"]).and_then(|hash| hash.parse().ok()),
            genesis: receipt.kind == ReceiptKind::Genesis,
        }
    }
}

/// Reads the record over and finds what is about these plans.
pub fn about(executor: &dyn Executor, plans: &BTreeSet<PlanHash>) -> Result<About, Oops> {
    let key_text = executor.standing()?.record_key;
    let key: VerifierKey = key_text
        .parse()
        .map_err(|_| Oops::Conflict("the key of the record is malformed".into()))?;
    let first = executor.receipts(0, BATCH)?;
    let checkpoint = first.checkpoint.clone();
    let signed = Checkpoint::open(checkpoint.as_bytes(), &key).map_err(|why| {
        Oops::Conflict(format!("the checkpoint is not signed by this machine: {why}"))
    })?;
    if signed.size > limits::VERIFY_RECEIPTS_MAX {
        let text = "the record is too long to be read over here; `ringfort verify` checks it";
        return Err(Oops::Conflict(text.into()));
    }
    let (mut hashes, mut ties): (Vec<Hash>, Vec<Ties>) = (Vec::new(), Vec::new());
    let mut leaves = first.leaves;
    while (hashes.len() as u64) < signed.size && !leaves.is_empty() {
        for leaf in leaves.drain(..) {
            if (hashes.len() as u64) < signed.size {
                hashes.push(leaf_hash(leaf.as_bytes()));
                ties.push(Ties::of(&leaf));
            }
        }
        leaves = executor.receipts(hashes.len() as u64, BATCH)?.leaves;
    }
    let tree = Tree::over(hashes);
    if tree.size() != signed.size || tree.root() != signed.root {
        let text = "the record does NOT give the root that is signed: it was changed";
        return Err(Oops::Conflict(text.into()));
    }
    let mut chosen = chosen(&ties, plans);
    let cut = chosen.len() > CHOSEN_MAX;
    chosen.truncate(CHOSEN_MAX);
    let mut receipts = BTreeMap::new();
    for index in chosen {
        let leaf = executor.receipts(index, 1)?.leaves.into_iter().next();
        let (Some(leaf), Some(proof)) = (leaf, tree.inclusion(index)) else { continue };
        receipts.insert(index, (leaf, proof_text(index, &proof, &checkpoint)));
    }
    Ok(About { key: key_text, checkpoint, receipts, cut })
}

/// The indices of what belongs to these plans, in order; the beginning of the record always.
fn chosen(ties: &[Ties], plans: &BTreeSet<PlanHash>) -> Vec<u64> {
    let mut plans = plans.clone();
    let mut actions = BTreeSet::new();
    for _ in 0..ROUNDS {
        for tie in ties {
            let of_plan = tie.plan.is_some_and(|plan| plans.contains(&plan));
            let of_action = tie.took_back.is_some_and(|action| actions.contains(&action));
            let of_trial = tie.tried.is_some_and(|plan| plans.contains(&plan));
            if of_plan || of_action || of_trial {
                plans.extend(tie.plan);
                actions.extend(tie.action);
            }
        }
    }
    let belongs = |tie: &&Ties| tie.genesis || tie.plan.is_some_and(|plan| plans.contains(&plan));
    (0..).zip(ties).filter(|(_, tie)| belongs(tie)).map(|(index, _)| index).collect()
}

/// A proof in the text form of c2sp.org/tlog-proof, with the checkpoint at its end.
fn proof_text(index: u64, proof: &[Hash], checkpoint: &str) -> String {
    let mut text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
    for hash in proof {
        let _ = writeln!(text, "{hash}");
    }
    let _ = write!(text, "\n{checkpoint}");
    text
}

impl About {
    /// Puts it into an archive.
    pub fn put_into(self, archive: &mut Archive) {
        archive.text("record/key", &format!("{}\n", self.key.trim()));
        archive.text("record/checkpoint", &self.checkpoint);
        for (index, (leaf, proof)) in &self.receipts {
            let path = format!("record/receipts/{index:09}");
            archive.text(&format!("{path}.json"), leaf);
            archive.text(&format!("{path}.tlog-proof"), proof);
        }
        if self.cut {
            archive.leave("record/receipts", "there are more than one file holds");
        }
    }
}

#[cfg(test)]
mod tests {
    use spine::Digest;

    use super::*;

    fn plan(n: u8) -> PlanHash {
        PlanHash(Digest([n; 32]))
    }

    fn tie(of: u8, action: Option<u128>, took_back: Option<u128>, tried: Option<u8>) -> Ties {
        let id = |n: u128| -> ActionId { format!("{n:032x}").parse().unwrap() };
        Ties {
            plan: Some(plan(of)),
            action: action.map(id),
            took_back: took_back.map(id),
            tried: tried.map(plan),
            genesis: false,
        }
    }

    #[test]
    fn the_trial_of_a_plan_and_its_undo_belong_to_it_and_nothing_else_does() {
        let none = || Ties { genesis: true, ..tie(0, None, None, None) };
        let ties = [
            Ties { plan: None, ..none() },
            tie(5, Some(50), None, Some(1)),
            tie(1, Some(10), None, None),
            tie(2, Some(20), None, None),
            tie(9, Some(90), Some(10), None),
            tie(8, Some(80), Some(20), None),
        ];
        assert_eq!(chosen(&ties, &BTreeSet::from([plan(1)])), [0, 1, 2, 4]);
        assert_eq!(chosen(&ties, &BTreeSet::new()), [0]);
    }

    #[test]
    fn a_proof_is_written_as_c2sp_says() {
        let text = proof_text(7, &[Hash([0; 32])], "log\n8\nroot\n\n\u{2014} log sig\n");
        let hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let expected = format!(
            "c2sp.org/tlog-proof@v1\nindex 7\n{hash}\n\nlog\n8\nroot\n\n\u{2014} log sig\n"
        );
        assert_eq!(text, expected);
    }
}
