//! The course of events of each program, against what its program usually does.
//!
//! A session is what one program did on one host in one hour. Its three scores are turned into
//! p-values by the sessions of the same program before it, combined, and calibrated once more; what
//! is rarer than one in a thousand becomes a token and is judged like any other.

use std::collections::BTreeMap;

use learn::conformal::{Rolling, fisher};
use learn::sequence::{BackOff, SequenceConfig, SequenceScore};
use learn::witness::{Admission, Source};

use crate::limits::PROGRAMS_MAX;
use crate::window::Session;

/// A session rarer than this is evidence.
pub const SESSION_P_MAX: f64 = 1e-3;
/// Sessions of a program before it is judged.
const SESSIONS_MIN: usize = 100;
/// Shorter sessions say nothing about order.
const SYMBOLS_MIN: usize = 3;

/// The sequences of a site.
#[derive(Clone, Debug)]
pub struct Sequences {
    model: BackOff,
    programs: BTreeMap<u64, Program>,
}

/// The calibration of one program.
#[derive(Clone, Debug, Default)]
struct Program {
    views: [Rolling; 3],
    combined: Rolling,
    sessions: usize,
}

/// A session that was unlike any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OddSession {
    /// Its scores, in bits a symbol.
    pub score: SequenceScore,
    /// How often a session of the program scores as high.
    pub p_value: f64,
}

impl Sequences {
    /// Nothing known yet.
    pub fn new(order: usize, admission: Admission) -> Self {
        let config =
            SequenceConfig { order, admission, role_hosts: 1, ..SequenceConfig::default() };
        Self { model: BackOff::new(config), programs: BTreeMap::new() }
    }

    /// Scores a session before anything of it is learned, and calibrates by it.
    pub fn judge(&mut self, keys: &[u64], session: &Session) -> Option<OddSession> {
        if session.symbols.len() < SYMBOLS_MIN {
            return None;
        }
        let score = self.model.score(keys, &session.symbols);
        let key = *keys.last()?;
        if self.programs.len() >= PROGRAMS_MAX && !self.programs.contains_key(&key) {
            return None;
        }
        let program = self.programs.entry(key).or_default();
        let views = [score.mean, score.top, score.window];
        let known = program.views.iter().zip(views);
        let combined =
            fisher(&known.map(|(rolling, view)| rolling.p_value(view)).collect::<Vec<_>>());
        let p_value = program.combined.p_value(combined);
        let odd = program.sessions >= SESSIONS_MIN && p_value <= SESSION_P_MAX;
        program.sessions += 1;
        // The views must be calibrated before what is made of them can be.
        if program.sessions > SESSIONS_MIN / 2 {
            program.combined.add(combined);
        }
        for (rolling, view) in program.views.iter_mut().zip(views) {
            rolling.add(view);
        }
        odd.then_some(OddSession { score, p_value })
    }

    /// Learns a session; the model's own admission keeps it in quarantine.
    pub fn learn(&mut self, keys: &[u64], session: &Session, source: Source, role_hosts: u32) {
        self.model.set_role_hosts(role_hosts);
        for key in keys {
            self.model.learn(*key, &session.symbols, source);
        }
    }

    /// Transitions that count, and transitions in quarantine.
    pub fn admitted_and_quarantined(&self) -> (usize, usize) {
        self.model.admitted_and_quarantined()
    }

    /// Writes the model.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.model.write(out);
    }

    /// Reads what [`Sequences::write`] wrote; calibration begins anew.
    pub fn read(order: usize, admission: Admission, input: &mut &[u8]) -> Option<Self> {
        let mut sequences = Self::new(order, admission);
        sequences.model.read_into(input)?;
        Some(sequences)
    }

    /// Bytes of memory of the model.
    pub fn bytes(&self) -> usize {
        self.model.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_in_another_order_is_odd_once_the_program_is_known() {
        let mut sequences = Sequences::new(3, Admission::default());
        let keys = [7];
        let mut odd = 0;
        for round in 0..3_000_u32 {
            let symbols = if round % 3 == 0 { vec![1, 2, 3, 4] } else { vec![1, 2, 2, 3, 4] };
            let session = Session { program: "sshd".into(), symbols };
            odd += u32::from(sequences.judge(&keys, &session).is_some());
            let source = Source { host: round % 8, day: u16::try_from(round / 100).unwrap() };
            sequences.learn(&keys, &session, source, 8);
        }
        assert!(odd <= 15, "{odd} of 3,000 ordinary sessions, promised are about 3");
        let other = Session { program: "sshd".into(), symbols: vec![4, 3, 9, 1] };
        assert!(sequences.judge(&keys, &other).is_some());
    }
}
