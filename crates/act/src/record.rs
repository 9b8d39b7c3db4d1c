//! The seam to the ledger. The executor writes receipts; this crate says when.

use serde_json::{Map, Value};
use spine::{ActionId, IntentBody, OutcomeBody, PlanHash, ReceiptKind};

/// A receipt could not be written durably.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordError(pub String);

/// Where receipts go. A call that returns `Ok` means that the receipt is durable.
///
/// After a crash an outcome may be offered again: [`Record::has_outcome`] is asked first, so one
/// action never gets two.
pub trait Record {
    /// Records that an action is about to start. Nothing is changed before this returns `Ok`.
    fn intent(
        &mut self,
        action: &ActionId,
        plan: &PlanHash,
        body: &IntentBody,
    ) -> Result<(), RecordError>;

    /// Records how an action ended.
    fn outcome(
        &mut self,
        action: &ActionId,
        plan: &PlanHash,
        body: &OutcomeBody,
    ) -> Result<(), RecordError>;

    /// Records a lapsed lease ([`ReceiptKind::LeaseLapsed`]) or a recovery
    /// ([`ReceiptKind::Recovery`]).
    fn note(
        &mut self,
        kind: ReceiptKind,
        action: &ActionId,
        plan: &PlanHash,
        body: Map<String, Value>,
    ) -> Result<(), RecordError>;

    /// Whether a receipt of intent for the action is in the ledger.
    fn has_intent(&mut self, action: &ActionId) -> Result<bool, RecordError>;

    /// Whether a receipt of outcome for the action is in the ledger.
    fn has_outcome(&mut self, action: &ActionId) -> Result<bool, RecordError>;
}
