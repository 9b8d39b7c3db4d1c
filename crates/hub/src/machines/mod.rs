//! Machines that report to this hub: how they join, what they may say, and how they are removed.
//!
//! | module | holds |
//! |---|---|
//! | [`token`] | the line that is pasted on the machine that joins |
//! | [`wire`] | what a machine and its hub say to each other |
//! | [`authority`] | the hub's own authority, requests and certificates |
//! | [`enrol`] | joining, renewing, admitting, removing |
//! | [`refusal`] | why somebody was turned away |
//! | [`ingest`] | taking reports in, each exactly once |
//! | [`records`] | the machines' records: checked, kept, handed to the others |
//! | [`serve`], `talk` | connections of machines |
//! | [`link`] | the machine's end of a connection |
//! | [`db`], [`limits`] | what is kept, and how much |
//!
//! Architecture invariants: a report is taken for the machine that the certificate names and for no
//! other; what was acknowledged is durable, and has its effect once; whoever is turned away is
//! recorded. A hub can certify machines, and it cannot make one of them act.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use spine::{Clock, HostId, Rng, rng::random_bytes};
use tokio::sync::broadcast;

use crate::rate::Limiter;
use crate::web::Oops;
use authority::Authority;
use db::MachinesDb;
use refusal::Refusal;
use token::JoinToken;

pub mod authority;
pub mod db;
pub mod enrol;
pub mod ingest;
pub mod limits;
pub mod link;
pub mod records;
pub mod refusal;
pub mod serve;
mod talk;
pub mod token;
pub mod wire;

/// Where the hub listens for machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachinesConfig {
    /// The address that it binds.
    pub listen: SocketAddr,
    /// How machines reach it, such as `hub.clinic.example:7118`.
    pub at: String,
}

/// Something that a connection must hear of at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// The machine was removed, or its certificates were revoked.
    Revoked(HostId),
    /// The machine has a newer connection, of this number.
    Replaced(HostId, u64),
}

/// The hub's side of its machines.
pub struct Machines {
    /// What is kept.
    pub db: MachinesDb,
    /// Where it listens, if it does.
    pub config: Option<MachinesConfig>,
    dir: PathBuf,
    authority: OnceLock<Arc<Authority>>,
    making: Mutex<()>,
    pushes: broadcast::Sender<Push>,
    joins: Limiter,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
}

impl Machines {
    /// Opens what is kept of machines in the hub's folder.
    pub fn open(
        dir: &Path,
        config: Option<MachinesConfig>,
        (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Result<Self, Oops> {
        Ok(Self {
            db: MachinesDb::open(&dir.join("machines.db"))?,
            config,
            dir: dir.to_path_buf(),
            authority: OnceLock::new(),
            making: Mutex::new(()),
            pushes: broadcast::channel(256).0,
            joins: Limiter::new(limits::JOINS_MAX, limits::JOIN_WINDOW_MS),
            clock,
            rng,
        })
    }

    /// The authority, which is made when it is first needed.
    pub fn authority(&self) -> Result<Arc<Authority>, Oops> {
        let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(authority) = self.authority.get() {
            return Ok(Arc::clone(authority));
        }
        let made = Arc::new(Authority::open(&self.dir, self.clock.now_ms())?);
        Ok(Arc::clone(self.authority.get_or_init(|| made)))
    }

    /// Makes a token to join with, for a new machine or for one that joins again.
    pub fn token(&self, made_by: &str, again: Option<HostId>) -> Result<JoinToken, Oops> {
        let Some(config) = &self.config else {
            let text = "The hub does not listen for machines yet. Set `[machines] listen` and `at` \
                in its configuration, and start it again.";
            return Err(Oops::Conflict(text.into()));
        };
        let secret = hex::encode(random_bytes::<32>(&*self.rng));
        let token =
            JoinToken { at: config.at.clone(), ca: self.authority()?.fingerprint(), secret };
        if !self.db.add_token(&token.secret, (made_by, self.clock.now_ms()), again)? {
            let text = "Too many tokens wait to be used. Each ends after 15 minutes.";
            return Err(Oops::Conflict(text.into()));
        }
        Ok(token)
    }

    /// Records that somebody was turned away. That this could not be written down is logged; they
    /// are turned away all the same.
    pub fn refuse(&self, address: &str, refusal: &Refusal) {
        tracing::warn!(address, code = refusal.code.name(), reason = refusal.reason, "refused");
        if let Err(error) = self.db.refuse(address, refusal, self.clock.now_ms()) {
            tracing::error!(%error, "a refusal could not be recorded");
        }
    }

    /// Hears of what connections must hear of.
    pub fn listen(&self) -> broadcast::Receiver<Push> {
        self.pushes.subscribe()
    }

    fn push(&self, push: Push) {
        // Nobody is connected: whoever comes is checked then.
        let _ = self.pushes.send(push);
    }
}
