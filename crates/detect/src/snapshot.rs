//! Baselines in bytes, so that they survive a restart.
//!
//! Versioned and compact: at most 32 KiB a host, and no name of a user in it, since tokens are kept
//! as numbers under the site's key. The key itself is not part of it; who has the snapshot and not
//! the key can look nothing up. Open cases are the store's to keep.

use learn::conformal::Rolling;
use learn::sketch::FleetSketch;
use learn::wire::{put_count, put_text, take, take_count, take_text, take_u16, take_u32, take_u64};

use crate::behaviour::host::Host;
use crate::behaviour::lexicon::Lexicon;
use crate::behaviour::sequences::Sequences;
use crate::engine::{Engine, EngineConfig};
use crate::limits::{HOSTS_MAX, SNAPSHOT_BYTES_MAX};
use crate::prior::Prior;
use crate::tokens::TokenKind;

const MAGIC: [u8; 8] = *b"RFDETECT";
const VERSION: u16 = 3;
/// Roles that are calibrated apart.
const ROLES_MAX: usize = 1_024;

/// Why a snapshot cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It does not begin as a snapshot does.
    #[error("this is no snapshot of baselines")]
    Foreign,
    /// It is of a version that is not known here.
    #[error("the snapshot is of version {0}, known is {VERSION}")]
    Version(u16),
    /// It was made under another key.
    #[error("the snapshot belongs to another site: its key is not this one")]
    Key,
    /// It ends early, or holds what cannot be.
    #[error("the snapshot is damaged")]
    Damaged,
    /// It is larger than any snapshot.
    #[error("the snapshot is larger than {SNAPSHOT_BYTES_MAX} bytes")]
    Large,
}

impl Engine {
    /// The baselines, in bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend(key_check(&self.config).to_le_bytes());
        self.novel.iter().for_each(|count| out.extend(count.to_le_bytes()));
        let known = self.known.levels.iter().chain(&self.known.families);
        known.for_each(|count| out.extend(count.to_le_bytes()));
        self.fleet.write(&mut out);
        put_count(&mut out, self.hosts.len());
        self.hosts.iter().for_each(|host| host.write(&mut out));
        put_count(&mut out, self.calibration.len());
        for (role, rolling) in &self.calibration {
            put_text(&mut out, role);
            put_count(&mut out, rolling.own().len());
            rolling.own().for_each(|score| out.extend(score.to_le_bytes()));
        }
        self.lexicon.write(&mut out);
        self.sequences.write(&mut out);
        out
    }

    /// An engine with the baselines of a snapshot.
    pub fn restore(
        config: EngineConfig,
        prior: &Prior,
        snapshot: &[u8],
    ) -> Result<Self, SnapshotError> {
        if snapshot.len() > SNAPSHOT_BYTES_MAX {
            return Err(SnapshotError::Large);
        }
        let mut input = snapshot;
        if take(&mut input) != Some(MAGIC) {
            return Err(SnapshotError::Foreign);
        }
        match take_u16(&mut input) {
            Some(VERSION) => {}
            Some(other) => return Err(SnapshotError::Version(other)),
            None => return Err(SnapshotError::Damaged),
        }
        if take_u64(&mut input) != Some(key_check(&config)) {
            return Err(SnapshotError::Key);
        }
        let mut engine = Self::with_prior(config, prior);
        engine.read(&mut input).filter(|()| input.is_empty()).ok_or(SnapshotError::Damaged)?;
        Ok(engine)
    }

    fn read(&mut self, input: &mut &[u8]) -> Option<()> {
        for count in &mut self.novel {
            *count = take_u32(input)?;
        }
        for count in self.known.levels.iter_mut().chain(&mut self.known.families) {
            *count = take_u32(input)?;
        }
        self.fleet = FleetSketch::read(self.config.admission, input)?;
        for at in 0..take_count(input, 4 + 2 * TokenKind::COUNT, HOSTS_MAX)? {
            let host = Host::read(input)?;
            self.names.insert(host.name.clone(), at);
            self.hosts.push(host);
        }
        for _ in 0..take_count(input, 6, ROLES_MAX)? {
            let role = take_text(input)?;
            let scores = take_count(input, 4, usize::MAX)?;
            let scores: Option<Vec<f32>> =
                (0..scores).map(|_| take(input).map(f32::from_le_bytes)).collect();
            let mut rolling = Rolling::borrowing(&self.borrowed);
            rolling.restore(scores?.into_iter());
            self.calibration.insert(role, rolling);
        }
        self.lexicon = Lexicon::read(input)?;
        self.sequences = Sequences::read(self.config.order, self.config.admission, input)?;
        Some(())
    }
}

/// A number that only this key makes.
fn key_check(config: &EngineConfig) -> u64 {
    config.key.number(u8::MAX, "snapshot")
}
