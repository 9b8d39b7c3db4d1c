//! Everything that a request needs, in one place.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spine::{Clock, HostId, Rng, SiteConfig, rng::random_bytes};
use store::{SqliteState, StateError};

use crate::db::{Db, Link};
use crate::executor::{Away, Executor, Standing, Waits};
use crate::jobs::Jobs;
use crate::limits;
use crate::machines::{Machines, MachinesConfig};
use crate::rate::Limiter;
use crate::role::Role;
use crate::web::Oops;

/// How the page is set up.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The state that the agent keeps.
    pub state_db: PathBuf,
    /// The page's own folder.
    pub dir: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The name it is reached by, which is also the relying party of passkeys.
    pub name: String,
    /// Whether it speaks TLS, and with which certificate.
    pub tls: Option<Tls>,
    /// What the owner says of the site.
    pub site: SiteConfig,
    /// Where it listens for machines, if it does.
    pub machines: Option<MachinesConfig>,
}

/// The certificate of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// One that the page made itself.
    SelfSigned,
    /// One from two PEM files: the chain, and the key.
    Files(PathBuf, PathBuf),
}

impl HubConfig {
    /// The one origin of the page.
    pub fn origin(&self, port: u16) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match (scheme, port) {
            ("https", 443) | ("http", 80) => format!("{scheme}://{}", self.name),
            _ => format!("{scheme}://{}:{port}", self.name),
        }
    }
}

/// What the executor said last of how things stand, and when, milliseconds since the epoch.
type Heard = (i64, Arc<Result<Standing, Away>>);

/// The page, as every request sees it.
pub struct Hub {
    /// How it is set up.
    pub config: HubConfig,
    /// The one origin, with the port it really got.
    pub origin: String,
    /// The page's own database.
    pub db: Db,
    /// Machines that report here.
    pub machines: Arc<Machines>,
    /// The executor of this machine.
    pub executor: Arc<dyn Executor>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// Work that takes longer than a page.
    pub jobs: Jobs,
    /// Tries to sign in.
    pub sign_ins: Limiter,
    /// Requests that change something.
    pub changes: Limiter,
    /// Requests of API tokens.
    pub api_calls: Limiter,
    /// Passwords that are being checked.
    pub passwords: tokio::sync::Semaphore,
    states: Mutex<Vec<SqliteState>>,
    standing: Mutex<Option<Heard>>,
    waiting: Mutex<Option<(i64, Arc<Vec<Waits>>)>>,
    challenges: Mutex<BTreeMap<String, i64>>,
}

impl Hub {
    /// Opens everything.
    pub fn open(
        config: HubConfig,
        origin: String,
        executor: Arc<dyn Executor>,
        (clock, rng): (Arc<dyn Clock>, Arc<dyn Rng>),
    ) -> Result<Self, Oops> {
        let db = Db::open(&config.dir.join("hub.db"))?;
        let rim = (Arc::clone(&clock), Arc::clone(&rng));
        let machines = Machines::open(&config.dir, config.machines.clone(), rim)?;
        Ok(Self {
            machines: Arc::new(machines),
            config,
            origin,
            db,
            executor,
            clock,
            rng,
            jobs: Jobs::default(),
            sign_ins: Limiter::new(limits::SIGN_IN_TRIES_MAX, limits::SIGN_IN_WINDOW_MS),
            changes: Limiter::new(limits::CHANGES_PER_MINUTE_MAX, 60_000),
            api_calls: Limiter::new(limits::API_PER_MINUTE_MAX, 60_000),
            passwords: tokio::sync::Semaphore::new(limits::PASSWORDS_AT_ONCE),
            states: Mutex::new(Vec::new()),
            standing: Mutex::new(None),
            waiting: Mutex::new(None),
            challenges: Mutex::new(BTreeMap::new()),
        })
    }

    /// Reads or writes the state. Connections are kept and used by one request at a time.
    pub fn state<T>(
        &self,
        work: impl FnOnce(&SqliteState) -> Result<T, StateError>,
    ) -> Result<T, Oops> {
        let kept = lock(&self.states).pop();
        let state = match kept {
            Some(state) => state,
            None => SqliteState::open(&self.config.state_db).map_err(StateError::from)?,
        };
        let result = work(&state);
        let mut states = lock(&self.states);
        if states.len() < 16 {
            states.push(state);
        }
        drop(states);
        Ok(result?)
    }

    /// How the executor stands, as of a moment ago.
    pub fn standing(&self) -> Arc<Result<Standing, Away>> {
        let now_ms = self.clock.now_ms();
        let mut kept = lock(&self.standing);
        if let Some((at_ms, standing)) = &*kept
            && (0..limits::STANDING_MS).contains(&now_ms.saturating_sub(*at_ms))
        {
            return Arc::clone(standing);
        }
        let standing = Arc::new(self.executor.standing());
        *kept = Some((now_ms, Arc::clone(&standing)));
        standing
    }

    /// The plans that wait for a later time, as of a moment ago; none where nobody says.
    pub fn waiting(&self) -> Arc<Vec<Waits>> {
        let now_ms = self.clock.now_ms();
        let mut kept = lock(&self.waiting);
        if let Some((at_ms, waiting)) = &*kept
            && (0..limits::STANDING_MS).contains(&now_ms.saturating_sub(*at_ms))
        {
            return Arc::clone(waiting);
        }
        let waiting = Arc::new(self.executor.waiting().unwrap_or_default());
        *kept = Some((now_ms, Arc::clone(&waiting)));
        waiting
    }

    /// Forgets what was kept of how the executor stands and of what waits there.
    pub fn forget_standing(&self) {
        *lock(&self.standing) = None;
        *lock(&self.waiting) = None;
    }

    /// The machine that the executor acts on, if it answers.
    pub fn own_host(&self) -> Option<HostId> {
        self.standing().as_ref().as_ref().ok().map(|standing| standing.host)
    }

    /// 256 random bits as text.
    pub fn secret(&self) -> String {
        hex::encode(random_bytes::<32>(&*self.rng))
    }

    /// A challenge that is answered once within [`limits::CEREMONY_MS`].
    pub fn challenge(&self, purpose: &str) -> String {
        let challenge = self.secret();
        let now_ms = self.clock.now_ms();
        let mut kept = lock(&self.challenges);
        if kept.len() >= limits::RATE_KEYS_MAX {
            kept.retain(|_, until_ms| *until_ms > now_ms);
        }
        if kept.len() < limits::RATE_KEYS_MAX {
            kept.insert(format!("{purpose} {challenge}"), now_ms + limits::CEREMONY_MS);
        }
        challenge
    }

    /// Whether a challenge was given out for this purpose and not answered yet; it is now.
    pub fn answered(&self, purpose: &str, challenge: &str) -> bool {
        let until_ms = lock(&self.challenges).remove(&format!("{purpose} {challenge}"));
        until_ms.is_some_and(|until_ms| self.clock.now_ms() < until_ms)
    }

    /// Makes a link that signs in once: the first person if there is none, else the administrator
    /// of that name, else a new one. Whoever may call this may read the database anyway.
    pub fn sign_in_link(&self) -> Result<String, Oops> {
        let users = self.db.users()?;
        let admin = users.into_iter().find(|user| user.role == Role::Admin);
        let link = Link {
            user: admin.as_ref().map(|user| user.id.clone()),
            role: Role::Admin.name().into(),
            name: admin.map_or_else(|| "owner".into(), |user| user.name),
        };
        self.link(&link, limits::LINK_MS)
    }

    /// Keeps a link and returns its address.
    pub fn link(&self, link: &Link, lasts_ms: i64) -> Result<String, Oops> {
        let secret = self.secret();
        self.db.add_link(&secret, link, self.clock.now_ms() + lasts_ms)?;
        Ok(format!("{}/link/{secret}", self.origin))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
