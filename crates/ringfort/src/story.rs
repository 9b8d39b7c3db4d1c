//! The story that the receipts tell, checked beyond their hashes: every action was intended before
//! it was done, every outcome belongs to an intent, every receipt reads as what it says it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use durable::Files;
use ledger::{VerifierKey, log::Log};
use serde::Serialize;
use spine::{ActionId, Receipt, ReceiptKind};

use crate::failure::{Failure, OrHint as _};

/// The most problems that are listed.
const PROBLEMS_MAX: usize = 100;

/// What the receipts tell.
#[derive(Debug, Default, Serialize)]
pub struct Story {
    /// Receipts by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Actions without an outcome: running now, or to be taken up at the next start.
    pub unfinished: BTreeSet<ActionId>,
    /// What does not fit, in plain words.
    pub problems: Vec<String>,
    #[serde(skip)]
    intents: BTreeSet<ActionId>,
    #[serde(skip)]
    outcomes: BTreeSet<ActionId>,
}

impl Story {
    /// Reads a log whose hashes were verified before.
    pub fn read(files: &Arc<dyn Files>, dir: &Path, key: &VerifierKey) -> Result<Self, Failure> {
        let help = "run `ringfort verify` again; restore a backup if it stays";
        let log =
            Log::open(Arc::clone(files), dir, key).or_hint("the record does not open", help)?;
        let mut story = Self::default();
        for leaf in log.leaves(0..log.size()) {
            let (index, leaf) = leaf.or_hint("the record does not read", help)?;
            match serde_json::from_slice::<Receipt>(&leaf) {
                Ok(receipt) => story.take(index, &receipt),
                Err(error) => story.problem(format!("receipt {index} does not read: {error}")),
            }
        }
        story.unfinished = story.intents.difference(&story.outcomes).copied().collect();
        Ok(story)
    }

    fn take(&mut self, index: u64, receipt: &Receipt) {
        let kind = serde_json::to_value(receipt.kind).unwrap_or_default();
        *self.kinds.entry(kind.as_str().unwrap_or("unknown").to_owned()).or_default() += 1;
        if (index == 0) != (receipt.kind == ReceiptKind::Genesis) {
            self.problem(format!("receipt {index}: the log does not begin where it should"));
        }
        match (receipt.kind, receipt.action) {
            (ReceiptKind::Intent, Some(action)) if !self.intents.insert(action) => {
                self.problem(format!("receipt {index}: action {action} is intended twice"));
            }
            (ReceiptKind::Outcome, Some(action)) => {
                if !self.intents.contains(&action) {
                    self.problem(format!("receipt {index}: action {action} was never intended"));
                }
                if !self.outcomes.insert(action) {
                    self.problem(format!("receipt {index}: action {action} ended twice"));
                }
            }
            (ReceiptKind::Intent | ReceiptKind::Outcome, None) => {
                self.problem(format!("receipt {index} names no action"));
            }
            _ => {}
        }
    }

    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        }
    }

    /// One line in plain words.
    pub fn summary(&self) -> String {
        let count = |kind: &str| self.kinds.get(kind).copied().unwrap_or(0);
        let open = match self.unfinished.len() {
            0 => "none unfinished".to_owned(),
            n => format!("{n} unfinished"),
        };
        format!(
            "{} decisions, {} refusals; {} actions were intended first and have an outcome, {open}",
            count("decision"),
            count("refusal"),
            count("outcome"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spine::{Digest, HostId, ReceiptId};

    fn receipt(kind: ReceiptKind, action: Option<u128>) -> Receipt {
        Receipt {
            schema: 1,
            id: ReceiptId(uuid::Uuid::from_u128(1)),
            time_ms: 0,
            host: HostId(Digest([0; 32])),
            kind,
            plan: None,
            action: action.map(|n| ActionId(uuid::Uuid::from_u128(n))),
            body: serde_json::Map::new(),
        }
    }

    fn problems(receipts: &[Receipt]) -> usize {
        let mut story = Story::default();
        for (index, receipt) in (0..).zip(receipts) {
            story.take(index, receipt);
        }
        story.problems.len()
    }

    #[test]
    fn an_outcome_needs_an_intent_before_it_and_comes_once() {
        use ReceiptKind::{Genesis, Intent, Outcome};
        let genesis = receipt(Genesis, None);
        let (intent, outcome) = (receipt(Intent, Some(1)), receipt(Outcome, Some(1)));
        assert_eq!(problems(&[genesis.clone(), intent.clone(), outcome.clone()]), 0);
        assert_eq!(problems(&[genesis.clone(), outcome.clone(), intent.clone()]), 1);
        assert_eq!(problems(&[genesis.clone(), intent.clone(), outcome.clone(), outcome]), 1);
        assert_eq!(problems(&[genesis.clone(), intent.clone(), intent.clone()]), 1);
        assert_eq!(problems(&[genesis, receipt(Intent, None)]), 1);
        assert_eq!(problems(&[intent]), 1, "the log begins with a genesis receipt");
    }
}
