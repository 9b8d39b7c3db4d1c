//! What the hub keeps of machines that joined, in an SQLite file of its own: a flood of reports
//! does not hold up the page.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use spine::HostId;
use store::database::{Access, Log, Schema};

use super::limits;
use super::refusal::{Code, Refusal};
use crate::db::{DbError, Kept, hash_of};

const SCHEMA: Schema = Schema {
    name: "machines",
    application_id: 0x5246_4d43, // "RFMC"
    migrations: &[include_str!("../../migrations/machines/001.sql")],
    log: Log::Kept,
};

/// The database of machines.
pub struct MachinesDb {
    connection: Mutex<Connection>,
}

/// A machine that joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The machine.
    pub host: HostId,
    /// The name it gave itself.
    pub name: String,
    /// The key that verifies its record (signed-note vkey).
    pub record_key: String,
    /// The version of its program.
    pub program: String,
    /// When it joined, milliseconds since the Unix epoch.
    pub joined_ms: i64,
    /// When it was last heard.
    pub heard_ms: Option<i64>,
    /// From where.
    pub address: String,
    /// How far its clock runs ahead of ours, milliseconds.
    pub skew_ms: i64,
    /// When it was removed.
    pub removed_ms: Option<i64>,
    /// Receipts of its record that are here.
    pub records_to: u64,
}

impl Machine {
    /// Whether it was not heard for too long.
    pub fn is_lost(&self, now_ms: i64) -> bool {
        let heard_ms = self.heard_ms.unwrap_or(self.joined_ms);
        self.removed_ms.is_none() && now_ms.saturating_sub(heard_ms) > limits::LOST_MS
    }
}

/// A certificate of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of it, hexadecimal digits.
    pub fingerprint: String,
    /// Whose it is.
    pub host: HostId,
    /// When it was made, milliseconds since the Unix epoch.
    pub made_ms: i64,
    /// When it ends.
    pub not_after_ms: i64,
    /// When it was first used.
    pub used_ms: Option<i64>,
    /// When and why it ended before its time.
    pub ended: Option<(i64, String)>,
}

/// Those who were turned away, by day, kind and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Which refusal.
    pub code: String,
    /// From where.
    pub address: String,
    /// How often on that day.
    pub times: u64,
    /// When last, milliseconds since the Unix epoch.
    pub last_ms: i64,
    /// Why, the last time.
    pub reason: String,
}

const MACHINE: &str = "SELECT host, name, record_key, program, joined_ms, heard_ms, address,
    skew_ms, removed_ms, records_to FROM machines";

fn machine(row: &Row<'_>) -> Result<Machine, rusqlite::Error> {
    Ok(Machine {
        host: host(row, 0)?,
        name: row.get(1)?,
        record_key: row.get(2)?,
        program: row.get(3)?,
        joined_ms: row.get(4)?,
        heard_ms: row.get(5)?,
        address: row.get(6)?,
        skew_ms: row.get(7)?,
        removed_ms: row.get(8)?,
        records_to: unsigned(row, 9)?,
    })
}

fn host(row: &Row<'_>, column: usize) -> Result<HostId, rusqlite::Error> {
    let text: String = row.get(column)?;
    text.parse().map_err(|_| rusqlite::Error::InvalidQuery)
}

/// A number that is never negative in the database.
pub fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// A number as the database keeps it.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl MachinesDb {
    /// Opens the database, making it if it is not there.
    pub fn open(path: &Path) -> Kept<Self> {
        Ok(Self { connection: Mutex::new(SCHEMA.open(path, Access::Write)?) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        // A thread that panicked left whole transactions only.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` so that all its writes happen, or none when it fails.
    pub(super) fn atomically<T, E: From<rusqlite::Error>>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.lock();
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }

    /// One machine, removed or not.
    pub fn machine(&self, host: HostId) -> Kept<Option<Machine>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!("{MACHINE} WHERE host = ?1"))?;
        Ok(statement.query_row([host.to_string()], machine).optional()?)
    }

    /// Machines that were not removed, by name.
    pub fn machines(&self, limit: usize) -> Kept<Vec<Machine>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "{MACHINE} WHERE removed_ms IS NULL ORDER BY name, host LIMIT ?1"
        ))?;
        let rows = statement.query_map([signed(limit as u64)], machine)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The machines that joined last.
    pub fn newest(&self, limit: usize) -> Kept<Vec<Machine>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "{MACHINE} WHERE removed_ms IS NULL ORDER BY joined_ms DESC, host LIMIT ?1"
        ))?;
        let rows = statement.query_map([signed(limit as u64)], machine)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Machines that were not heard for too long, the longest first.
    pub fn lost(&self, now_ms: i64, limit: u32) -> Kept<Vec<Machine>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "{MACHINE} WHERE removed_ms IS NULL AND coalesce(heard_ms, joined_ms) < ?1
             ORDER BY coalesce(heard_ms, joined_ms) LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![now_ms - limits::LOST_MS, limit], machine)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How many machines were not heard for too long.
    pub fn lost_count(&self, now_ms: i64) -> Kept<u64> {
        Ok(self
            .lock()
            .prepare_cached(
                "SELECT count(*) FROM machines
                 WHERE removed_ms IS NULL AND coalesce(heard_ms, joined_ms) < ?1",
            )?
            .query_row([now_ms - limits::LOST_MS], |row| unsigned(row, 0))?)
    }

    /// Notes that a machine was heard.
    pub fn heard(&self, host: HostId, now_ms: i64) -> Kept<()> {
        self.lock()
            .prepare_cached("UPDATE machines SET heard_ms = ?2 WHERE host = ?1")?
            .execute(params![host.to_string(), now_ms])?;
        Ok(())
    }

    /// The certificates of a machine, the newest first.
    pub fn certificates(&self, host: HostId) -> Kept<Vec<Certificate>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "{CERTIFICATE} WHERE host = ?1 ORDER BY made_ms DESC, fingerprint LIMIT 20"
        ))?;
        let rows = statement.query_map([host.to_string()], certificate)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a token.
    pub fn add_token(
        &self,
        secret: &str,
        (made_by, made_ms): (&str, i64),
        again: Option<HostId>,
    ) -> Kept<bool> {
        let expires_ms = made_ms + limits::TOKEN_MS;
        let connection = self.lock();
        // Used and expired ones stay for a while, so that a second use can be told from a guess.
        connection
            .execute("DELETE FROM tokens WHERE expires_ms < ?1", [made_ms - 30 * 86_400_000])?;
        let added = connection.execute(
            "INSERT INTO tokens (hash, made_by, made_ms, expires_ms, again)
             SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?6 >
                (SELECT count(*) FROM tokens WHERE used_ms IS NULL AND expires_ms > ?3)",
            params![
                hash_of(secret),
                made_by,
                made_ms,
                expires_ms,
                again.map(|host| host.to_string()),
                signed(limits::TOKENS_MAX as u64)
            ],
        )?;
        Ok(added == 1)
    }

    /// Records that somebody was turned away.
    pub fn refuse(&self, address: &str, refusal: &Refusal, now_ms: i64) -> Kept<()> {
        let reason: String = refusal.reason.chars().take(limits::DETAIL_CHARS_MAX).collect();
        let connection = self.lock();
        connection
            .prepare_cached(
                "INSERT INTO refusals (day, code, address, times, last_ms, reason)
                 VALUES (?1, ?2, ?3, 1, ?4, ?5)
                 ON CONFLICT (day, code, address) DO UPDATE SET
                    times = times + 1, last_ms = excluded.last_ms, reason = excluded.reason",
            )?
            .execute(params![
                now_ms.div_euclid(86_400_000),
                refusal.code.name(),
                address,
                now_ms,
                reason
            ])?;
        connection
            .prepare_cached(
                "DELETE FROM refusals WHERE last_ms < (SELECT last_ms FROM refusals
                 ORDER BY last_ms DESC LIMIT 1 OFFSET ?1)",
            )?
            .execute([limits::REFUSALS_KEPT_MAX])?;
        Ok(())
    }

    /// Those who were turned away, the last first.
    pub fn refusals(&self, limit: u32) -> Kept<Vec<RefusedRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT code, address, times, last_ms, reason FROM refusals
             ORDER BY last_ms DESC, code LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok(RefusedRow {
                code: row.get(0)?,
                address: row.get(1)?,
                times: unsigned(row, 2)?,
                last_ms: row.get(3)?,
                reason: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// How often somebody was turned away with this code, of what is kept.
    pub fn refused(&self, code: Code) -> Kept<u64> {
        Ok(self
            .lock()
            .prepare_cached("SELECT coalesce(sum(times), 0) FROM refusals WHERE code = ?1")?
            .query_row([code.name()], |row| unsigned(row, 0))?)
    }

    /// Notes something that people should see beside a machine.
    pub fn note(&self, host: HostId, now_ms: i64, text: &str) -> Kept<()> {
        let connection = self.lock();
        let key = host.to_string();
        connection
            .prepare_cached("INSERT INTO notes (host, time_ms, text) VALUES (?1, ?2, ?3)")?
            .execute(params![key, now_ms, text])?;
        connection
            .prepare_cached(
                "DELETE FROM notes WHERE host = ?1 AND id <= (SELECT id FROM notes
                 WHERE host = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute(params![key, limits::NOTES_KEPT_MAX])?;
        Ok(())
    }

    /// The notes on a machine, the last first.
    pub fn notes(&self, host: HostId, limit: u32) -> Kept<Vec<(i64, String)>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT time_ms, text FROM notes WHERE host = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let rows = statement
            .query_map(params![host.to_string(), limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Receipts of a machine from a number on.
    pub fn receipts(&self, host: HostId, from: u64, count: usize) -> Kept<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT leaf FROM receipts WHERE host = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
        )?;
        let rows = statement
            .query_map(params![host.to_string(), signed(from), signed(count as u64)], |row| {
                row.get(0)
            })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// One of the database's own settings.
    pub fn setting<T: DeserializeOwned>(&self, name: &'static str) -> Kept<Option<T>> {
        let text: Option<String> = self
            .lock()
            .prepare_cached("SELECT value FROM settings WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let damaged =
            |error: serde_json::Error| DbError::Damaged { what: name, reason: error.to_string() };
        text.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()
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
}

/// Columns of a certificate, for [`certificate`].
pub(super) const CERTIFICATE: &str = "SELECT fingerprint, host, made_ms, not_after_ms, used_ms,
    ended_ms, ended_why FROM certificates";

pub(super) fn certificate(row: &Row<'_>) -> Result<Certificate, rusqlite::Error> {
    let ended_ms: Option<i64> = row.get(5)?;
    let why: Option<String> = row.get(6)?;
    Ok(Certificate {
        fingerprint: row.get(0)?,
        host: host(row, 1)?,
        made_ms: row.get(2)?,
        not_after_ms: row.get(3)?,
        used_ms: row.get(4)?,
        ended: ended_ms.map(|ended_ms| (ended_ms, why.unwrap_or_default())),
    })
}

#[cfg(test)]
pub(crate) fn scratch() -> (tempfile::TempDir, MachinesDb) {
    let dir = tempfile::tempdir().unwrap();
    let db = MachinesDb::open(&dir.path().join("machines.db")).unwrap();
    (dir, db)
}

#[cfg(test)]
mod tests {
    use spine::Digest;

    use super::*;

    #[test]
    fn refusals_are_counted_and_cannot_fill_the_disk() {
        let (_dir, db) = scratch();
        for n in 0..50_i64 {
            db.refuse("192.0.2.1", &Refusal::new(Code::TokenUnknown, "no such token"), n).unwrap();
        }
        db.refuse("192.0.2.1", &Refusal::new(Code::Clock, "x".repeat(9_999)), 99).unwrap();
        let rows = db.refusals(10).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].code.as_str(), rows[0].reason.len()), ("clock", 300));
        assert_eq!((rows[1].times, rows[1].last_ms), (50, 49));
        assert_eq!(db.refused(Code::TokenUnknown).unwrap(), 50);
    }

    #[test]
    fn only_the_last_notes_on_a_machine_are_kept() {
        let (_dir, db) = scratch();
        let host = HostId(Digest([1; 32]));
        for n in 0..i64::from(limits::NOTES_KEPT_MAX) + 5 {
            db.note(host, n, "was away").unwrap();
        }
        let notes = db.notes(host, 1_000).unwrap();
        assert_eq!(notes.len(), limits::NOTES_KEPT_MAX as usize);
        assert_eq!(notes[0].0, i64::from(limits::NOTES_KEPT_MAX) + 4);
    }

    #[test]
    fn only_so_many_tokens_wait_at_once() {
        let (_dir, db) = scratch();
        for n in 0..limits::TOKENS_MAX {
            assert!(db.add_token(&n.to_string(), ("Ann", 0), None).unwrap());
        }
        assert!(!db.add_token("one more", ("Ann", 0), None).unwrap());
        assert!(db.add_token("later", ("Ann", limits::TOKEN_MS + 1), None).unwrap());
    }
}
