//! What the page keeps for itself, in one SQLite file: people, sessions, tokens, comments,
//! messages on their way, settings. Nothing in it lets anybody act on a machine.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use store::DatabaseError;
use store::database::{Access, Log, Schema};

mod cases;
mod outbox;
mod people;
mod sessions;

pub use cases::{Comment, Proposal, Watch};
pub use outbox::{Letter, Queued};
pub use people::{PasskeyRow, User};
pub use sessions::{Link, Session, Token};

const SCHEMA: Schema = Schema {
    name: "hub",
    application_id: 0x5246_4842, // "RFHB"
    migrations: &[
        include_str!("../../migrations/001.sql"),
        include_str!("../../migrations/002.sql"),
    ],
    log: Log::Kept,
};

/// The page's own database.
pub struct Db {
    connection: Mutex<Connection>,
}

/// Why it failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A stored value does not read as what it should be.
    #[error("the stored {what} is damaged: {reason}")]
    Damaged {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What a database method returns.
pub type Kept<T> = Result<T, DbError>;

impl Db {
    /// Opens the database, making it if it is not there.
    pub fn open(path: &Path) -> Kept<Self> {
        Ok(Self { connection: Mutex::new(SCHEMA.open(path, Access::Write)?) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A thread that panicked left whole statements only.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One of the page's own settings, or its default.
    pub fn setting<T: DeserializeOwned + Default>(&self, name: &'static str) -> Kept<T> {
        let text: Option<String> = self
            .lock()
            .prepare_cached("SELECT value FROM settings WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let damaged =
            |error: serde_json::Error| DbError::Damaged { what: name, reason: error.to_string() };
        text.map_or_else(|| Ok(T::default()), |text| serde_json::from_str(&text).map_err(damaged))
    }

    /// Keeps a setting.
    pub fn set<T: Serialize>(&self, name: &'static str, value: &T) -> Kept<()> {
        let damaged =
            |error: serde_json::Error| DbError::Damaged { what: name, reason: error.to_string() };
        let text = serde_json::to_string(value).map_err(damaged)?;
        self.lock().execute(
            "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)",
            [name, &text],
        )?;
        Ok(())
    }

    /// Notes what somebody did on the page.
    pub fn note(&self, now_ms: i64, user: &str, what: &str) -> Kept<()> {
        self.lock().execute(
            "INSERT INTO doings (time_ms, user, what) VALUES (?1, ?2, ?3)",
            params![now_ms, user, what],
        )?;
        Ok(())
    }

    /// Notes that somebody was at work here for a minute; who it was is not kept.
    pub fn spent_a_minute(&self, now_ms: i64) -> Kept<()> {
        self.lock()
            .prepare_cached(
                "INSERT INTO minutes (day, minutes) VALUES (?1, 1)
                 ON CONFLICT (day) DO UPDATE SET minutes = minutes + 1",
            )?
            .execute([now_ms.div_euclid(86_400_000)])?;
        Ok(())
    }

    /// Minutes that people spent here from one day to another (exclusive), days since 1970.
    pub fn minutes_spent(&self, from_day: i64, before_day: i64) -> Kept<u64> {
        let minutes: i64 = self
            .lock()
            .prepare_cached(
                "SELECT coalesce(sum(minutes), 0) FROM minutes WHERE day >= ?1 AND day < ?2",
            )?
            .query_row([from_day, before_day], |row| row.get(0))?;
        Ok(u64::try_from(minutes).unwrap_or(0))
    }

    /// What people did about something that their notes name, oldest first: when, who, what.
    pub fn doings_about(&self, name: &str, limit: u32) -> Kept<Vec<(i64, String, String)>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT time_ms, user, what FROM doings WHERE instr(what, ?1) > 0 ORDER BY id LIMIT ?2",
        )?;
        let rows = statement
            .query_map(params![name, limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, rusqlite::Error>>()?;
        Ok(rows)
    }

    /// What people did last: when, who, what.
    pub fn doings(&self, limit: u32) -> Kept<Vec<(i64, String, String)>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT time_ms, user, what FROM doings ORDER BY id DESC LIMIT ?1")?;
        let rows = statement
            .query_map([limit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
            .collect::<Result<_, rusqlite::Error>>()?;
        Ok(rows)
    }
}

/// What is kept of a secret of 256 random bits.
pub fn hash_of(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
pub(crate) fn scratch() -> (tempfile::TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("hub.db")).unwrap();
    (dir, db)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_defaults_and_damage_is_an_error() {
        let (_dir, db) = scratch();
        assert_eq!(db.setting::<Vec<String>>("contacts").unwrap(), Vec::<String>::new());
        db.set("contacts", &["Ann"]).unwrap();
        assert_eq!(db.setting::<Vec<String>>("contacts").unwrap(), ["Ann"]);
        assert!(db.setting::<u32>("contacts").is_err());
    }

    #[test]
    fn minutes_are_counted_by_day_and_belong_to_nobody() {
        let (_dir, db) = scratch();
        let day_ms = 86_400_000;
        for ms in [0, 60_000, day_ms, 9 * day_ms] {
            db.spent_a_minute(ms).unwrap();
        }
        assert_eq!(db.minutes_spent(0, 2).unwrap(), 3);
        assert_eq!(db.minutes_spent(2, 9).unwrap(), 0);
    }

    #[test]
    fn what_was_done_comes_newest_first() {
        let (_dir, db) = scratch();
        db.note(1, "Ann", "signed in").unwrap();
        db.note(2, "Ann", "signed out").unwrap();
        let doings = db.doings(1).unwrap();
        assert_eq!(doings, [(2, "Ann".to_owned(), "signed out".to_owned())]);
        let about = db.doings_about("signed in", 9).unwrap();
        assert_eq!(about, [(1, "Ann".to_owned(), "signed in".to_owned())]);
        assert!(db.doings_about("%", 9).unwrap().is_empty(), "a name is no pattern");
    }
}
