//! A machine on which no executor runs: it says who it is at most. For tests and measurements.

use hub::executor::{Away, Consent, Done, Executor, Prepared, Ran, Receipts, Say, Standing};
use spine::{Approval, Case, Decision, HostId, Plan};

/// It answers nothing but, where it is told, which machine this is.
pub struct Nobody(pub Option<HostId>);

fn away<T>() -> Result<T, Away> {
    Err(Away::NotRunning("no executor runs here".into()))
}

impl Executor for Nobody {
    fn standing(&self) -> Result<Standing, Away> {
        let Some(host) = self.0 else { return away() };
        Ok(Standing {
            version: "0".into(),
            host,
            keys: Vec::new(),
            stopped: false,
            healthy: true,
            autonomy_level: 1,
            receipts: 0,
            record_key: "test".into(),
        })
    }
    fn decide(&self, _: &Plan, _: &[Approval]) -> Result<Decision, Away> {
        away()
    }
    fn actions(&self) -> Result<Vec<Done>, Away> {
        away()
    }
    fn receipts(&self, _: u64, _: u32) -> Result<Receipts, Away> {
        away()
    }
    fn stop(&self, _: &str) -> Result<String, Away> {
        away()
    }
    fn consent_bytes(&self, _: HostId, _: &str, _: i64) -> Vec<u8> {
        Vec::new()
    }
    fn resume(&self, _: &Consent) -> Result<String, Away> {
        away()
    }
    fn prepare(&self, _: &Case, _: Say<'_>) -> Result<Prepared, Away> {
        away()
    }
    fn prepare_undo(&self, _: &Done) -> Result<Prepared, Away> {
        away()
    }
    fn carry_out(&self, _: &Plan, _: &[Approval], _: Say<'_>) -> Result<Ran, Away> {
        away()
    }
}
