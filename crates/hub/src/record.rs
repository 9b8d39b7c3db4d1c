//! The record of a machine, read over through the executor and checked here without believing it:
//! the Merkle root is computed again from the receipts themselves, held against the signed
//! checkpoint, and the log must contain every earlier checkpoint that this page saw.

use ledger::{Checkpoint, Hash, VerifierKey, leaf_hash};
use spine::Receipt;

use crate::executor::Receipts;
use crate::hub::Hub;
use crate::limits;
use crate::web::Oops;

/// Receipts that are asked for at once.
const BATCH: u32 = 256;
/// Under which name the last checkpoint that was seen is kept.
const LAST_CHECKPOINT: &str = "last_checkpoint";

/// The newest receipts, with their numbers, newest first. What does not read is left out and
/// counted in the second value.
pub fn newest(
    hub: &Hub,
    before: Option<u64>,
    count: u32,
) -> Result<(Vec<(u64, Receipt)>, u64), Oops> {
    let size = hub.executor.receipts(u64::MAX, 0)?.size;
    let end = before.unwrap_or(size).min(size);
    let from = end.saturating_sub(u64::from(count));
    let mut found = Vec::new();
    let mut at = from;
    while at < end {
        let wanted = u32::try_from(end - at).unwrap_or(BATCH).min(BATCH);
        let got = hub.executor.receipts(at, wanted)?;
        if got.leaves.is_empty() {
            break;
        }
        for leaf in got.leaves {
            if let Ok(receipt) = serde_json::from_str(&leaf) {
                found.push((at, receipt));
            }
            at += 1;
        }
    }
    found.reverse();
    Ok((found, size))
}

/// What a check of the whole record showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Receipts that were read.
    pub receipts: u64,
    /// What holds, in plain words.
    pub holds: Vec<String>,
    /// What does not. Empty: the record is whole.
    pub problems: Vec<String>,
}

/// Reads the whole record and checks it.
pub fn verify(hub: &Hub, say: &mut dyn FnMut(&str)) -> Result<Checked, Oops> {
    let standing = crate::approving::standing(hub)?;
    let key: VerifierKey = standing
        .record_key
        .parse()
        .map_err(|_| Oops::Internal("the key of the record is malformed".into()))?;
    let first = hub.executor.receipts(0, BATCH)?;
    let mut checked = Checked::default();
    let signed = match Checkpoint::open(first.checkpoint.as_bytes(), &key) {
        Ok(signed) => signed,
        Err(why) => {
            checked.problems.push(format!("The checkpoint is not signed by this machine: {why}."));
            return Ok(checked);
        }
    };
    if signed.size > limits::VERIFY_RECEIPTS_MAX {
        let most = limits::VERIFY_RECEIPTS_MAX;
        return Err(Oops::Conflict(format!(
            "The record has more than {most} receipts. `ringfort verify` on the machine checks it."
        )));
    }
    let earlier = earlier(hub, &key)?;
    let mut hashes: Vec<Hash> = Vec::new();
    let note = first.checkpoint.clone();
    let mut batch: Receipts = first;
    while (hashes.len() as u64) < signed.size {
        if batch.leaves.is_empty() {
            break;
        }
        for leaf in batch.leaves.drain(..) {
            if (hashes.len() as u64) < signed.size {
                hashes.push(leaf_hash(leaf.as_bytes()));
            }
        }
        say(&format!("{} of {} receipts read", hashes.len(), signed.size));
        batch = hub.executor.receipts(hashes.len() as u64, BATCH)?;
    }
    judge(&mut checked, &signed, earlier.as_ref(), &hashes);
    if checked.problems.is_empty() {
        hub.db.set(LAST_CHECKPOINT, &note)?;
    }
    Ok(checked)
}

fn earlier(hub: &Hub, key: &VerifierKey) -> Result<Option<Checkpoint>, Oops> {
    let note: String = hub.db.setting(LAST_CHECKPOINT)?;
    Ok(Checkpoint::open(note.as_bytes(), key).ok())
}

fn judge(
    checked: &mut Checked,
    signed: &Checkpoint,
    earlier: Option<&Checkpoint>,
    hashes: &[Hash],
) {
    checked.receipts = hashes.len() as u64;
    checked.holds.push(format!("The checkpoint over {} receipts is signed.", signed.size));
    if checked.receipts == signed.size && ledger::hash::root_of(hashes) == signed.root {
        checked.holds.push("The receipts give exactly the root that is signed.".into());
    } else {
        checked.problems.push("The receipts are not the ones that were signed.".into());
        return;
    }
    let Some(earlier) = earlier else {
        checked.holds.push("This is the first checkpoint that this page keeps.".into());
        return;
    };
    let begins = usize::try_from(earlier.size).ok().and_then(|size| hashes.get(..size));
    if begins.is_some_and(|begins| ledger::hash::root_of(begins) == earlier.root) {
        let size = earlier.size;
        checked.holds.push(format!(
            "It still begins with the {size} receipts that this page saw before, unchanged."
        ));
    } else {
        checked
            .problems
            .push("Receipts that this page saw before are gone or were changed.".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hashes(n: usize) -> Vec<Hash> {
        (0..n).map(|n| leaf_hash(n.to_string().as_bytes())).collect()
    }

    fn checkpoint(hashes: &[Hash]) -> Checkpoint {
        Checkpoint {
            origin: "ringfort/test".into(),
            size: hashes.len() as u64,
            root: ledger::hash::root_of(hashes),
        }
    }

    fn problems(signed: &Checkpoint, earlier: Option<&Checkpoint>, hashes: &[Hash]) -> usize {
        let mut checked = Checked::default();
        judge(&mut checked, signed, earlier, hashes);
        checked.problems.len()
    }

    #[test]
    fn a_record_that_was_changed_cut_or_begun_anew_is_seen() {
        let all = hashes(300);
        let signed = checkpoint(&all);
        assert_eq!(problems(&signed, None, &all), 0);
        assert_eq!(problems(&signed, Some(&checkpoint(&all[..7])), &all), 0);
        assert_eq!(problems(&signed, None, &all[..299]), 1, "cut");
        let mut changed = all.clone();
        changed.swap(3, 4);
        assert_eq!(problems(&signed, None, &changed), 1, "changed");
        let other: Vec<Hash> = (0..9).map(|_| leaf_hash(b"other")).collect();
        assert_eq!(problems(&signed, Some(&checkpoint(&other)), &all), 1, "begun anew");
        assert_eq!(problems(&checkpoint(&all[..9]), Some(&signed), &all[..9]), 1, "went back");
    }
}
