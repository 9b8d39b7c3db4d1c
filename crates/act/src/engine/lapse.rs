//! Containments end by themselves.

use serde_json::{Map, json};
use spine::{ActionId, EffectClass, ReceiptKind};

use super::{Shared, run};
use crate::error::ActError;
use crate::limits::CLOCK_BACK_MS_MAX;
use crate::record::Record;

/// See [`super::Engine::lapse`].
pub(super) fn lapse(
    shared: &Shared,
    now_ms: i64,
    record: &mut dyn Record,
) -> Result<Vec<ActionId>, ActError> {
    let mut lapsed = Vec::new();
    for mut log in shared.actions()? {
        let Some(lease) = log.lease.filter(|_| log.stands()) else { continue };
        // A clock that was put back must not make a containment last longer.
        let clock_went_back = now_ms < log.started_ms.saturating_sub(CLOCK_BACK_MS_MAX);
        if lease.expires_ms > now_ms && !clock_went_back {
            continue;
        }
        let undone = run::take_back(shared, &log);
        let mut body = Map::new();
        body.insert("class".into(), json!(EffectClass::Contain));
        body.insert("remains".into(), json!(undone.failed));
        record.note(ReceiptKind::LeaseLapsed, &log.id, &log.hash, body)?;
        if undone.failed.is_empty() {
            log.taken_back(None, now_ms)?;
            lapsed.push(log.id);
        }
    }
    Ok(lapsed)
}

/// See [`super::Engine::next_lapse_ms`].
pub(super) fn next_lapse_ms(shared: &Shared) -> Result<Option<i64>, ActError> {
    let actions = shared.actions()?;
    let leases = actions.iter().filter(|log| log.stands()).filter_map(|log| log.lease);
    Ok(leases.map(|lease| lease.expires_ms).min())
}
