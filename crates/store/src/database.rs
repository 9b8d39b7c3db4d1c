//! What both SQLite files of a data folder have in common: how they are opened, how much memory
//! they may take, and how their schema moves forward.
//!
//! A write that returned is durable: WAL with `synchronous=FULL` syncs the log at every commit.
//!
//! A short-lived process that writes a little and ends leaves the log as it is ([`Log::Kept`]):
//! with two syncs (the log and its folder), where merging it and making a new one takes three more.

use std::io;
use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

use crate::limits;

/// Why a database could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is nothing to read yet.
    #[error("there is no database at `{}`", .0.display())]
    Missing(PathBuf),
    /// The file is an SQLite database of something else.
    #[error("`{}` is a database of something else, not a ringfort {expected} database", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
    },
    /// A newer ringfort wrote it.
    #[error("`{}` has schema {found}, which a newer version of ringfort wrote; this version knows {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema this build knows.
        known: u32,
    },
    /// It was opened for reading only and its schema is old.
    #[error("`{}` has schema {found}; it must be opened for writing once to bring it to {known}", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The schema this build reads.
        known: u32,
    },
    /// A migration that was applied is not the one that this build carries.
    #[error("migration {version} of `{}` is not the one that this version of ringfort carries", path.display())]
    MigrationChanged {
        /// The file.
        path: PathBuf,
        /// The migration's number.
        version: u32,
    },
    /// The disk is full.
    #[error("the disk is full: nothing was written")]
    Full,
    /// Another process kept the database locked for longer than the busy timeout.
    #[error("the database is locked by another process")]
    Busy,
    /// Any other failure of SQLite.
    #[error("the database failed: {0}")]
    Sqlite(rusqlite::Error),
    /// A file or folder could not be made.
    #[error("`{}`: {source}", path.display())]
    Io {
        /// What was to be made.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

/// A kind of database: its mark in the file's header, and its migrations in order from 1.
pub struct Schema {
    /// What it is, for messages.
    pub name: &'static str,
    /// The mark in the file's header.
    pub application_id: i32,
    /// SQL, in order; what was released never changes.
    pub migrations: &'static [&'static str],
    /// What becomes of the write-ahead log.
    pub log: Log,
}

/// What becomes of the write-ahead log when the last connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// It is merged into the file and removed: for large writes, seldom.
    Merged,
    /// It stays, and is merged by whoever opens it past [`limits::SQLITE_LOG_BYTES_KEPT`]: for
    /// small writes by processes that come and go.
    Kept,
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For writing; it is made if it is not there.
    Write,
    /// For reading only.
    Read,
}

impl Schema {
    /// Opens a database, for writing after making it (mode 0600) and bringing its schema forward.
    pub fn open(&self, path: &Path, access: Access) -> Result<Connection, DatabaseError> {
        let connection = match access {
            Access::Read => open_read(path)?,
            Access::Write => open_write(path)?,
        };
        self.check_mark(&connection, path)?;
        if access == Access::Write {
            connection.pragma_update(None, "journal_mode", "wal")?;
            if self.log == Log::Kept {
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
                merge_large_log(&connection, path)?;
            }
            self.migrate(&connection, path)?;
        }
        self.check_migrations(&connection, path)?;
        Ok(connection)
    }

    fn known(&self) -> u32 {
        u32::try_from(self.migrations.len()).unwrap_or(u32::MAX)
    }

    fn check_mark(&self, connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
        let mark: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables: i64 =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if mark == self.application_id || (mark == 0 && tables == 0) {
            return Ok(());
        }
        Err(DatabaseError::Foreign { path: path.to_path_buf(), expected: self.name })
    }

    /// Applies what is missing, each migration in its own transaction with the record of it.
    fn migrate(&self, connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
        for (version, sql) in (1_u32..).zip(self.migrations) {
            let transaction =
                Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            // Read under the write lock: another process may have been faster.
            let found = version_of(&transaction)?;
            if found > self.known() {
                let path = path.to_path_buf();
                return Err(DatabaseError::Newer { path, found, known: self.known() });
            }
            if found >= version {
                continue;
            }
            if version == 1 {
                transaction.pragma_update(None, "application_id", self.application_id)?;
                transaction.execute_batch(
                    "CREATE TABLE schema_migrations (
                        version INTEGER PRIMARY KEY, sha256 TEXT NOT NULL) STRICT;",
                )?;
            }
            transaction.execute_batch(sql)?;
            transaction.execute(
                "INSERT INTO schema_migrations (version, sha256) VALUES (?1, ?2)",
                (version, spine::sha256_hex(sql.as_bytes())),
            )?;
            transaction.commit()?;
        }
        Ok(())
    }

    fn check_migrations(&self, connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
        let path = path.to_path_buf();
        let (found, known) = (version_of(connection)?, self.known());
        if found > known {
            return Err(DatabaseError::Newer { path, found, known });
        }
        if found < known {
            return Err(DatabaseError::Older { path, found, known });
        }
        for (version, sql) in (1_u32..).zip(self.migrations) {
            let recorded: Option<String> = connection
                .query_row(
                    "SELECT sha256 FROM schema_migrations WHERE version = ?1",
                    [version],
                    |row| row.get(0),
                )
                .optional()?;
            if recorded.as_deref() != Some(spine::sha256_hex(sql.as_bytes()).as_str()) {
                return Err(DatabaseError::MigrationChanged { path, version });
            }
        }
        Ok(())
    }
}

/// The schema's version; 0 for a new file.
fn version_of(connection: &Connection) -> Result<u32, DatabaseError> {
    let exists: i64 = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'",
        [],
        |row| row.get(0),
    )?;
    if exists == 0 {
        return Ok(0);
    }
    Ok(connection.query_row(
        "SELECT coalesce(max(version), 0) FROM schema_migrations",
        [],
        |row| row.get(0),
    )?)
}

fn open_write(path: &Path) -> Result<Connection, DatabaseError> {
    let failed = |source| DatabaseError::Io { path: path.to_path_buf(), source };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        StdFiles.create_dir_all(dir).map_err(failed)?;
    }
    // SQLite gives its log and shared memory the mode of the file, so the file is made first.
    drop(StdFiles.open_append(path).map_err(failed)?);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "journal_size_limit", limits::SQLITE_LOG_BYTES_MAX)?;
    Ok(connection)
}

fn open_read(path: &Path) -> Result<Connection, DatabaseError> {
    if !path.is_file() {
        return Err(DatabaseError::Missing(path.to_path_buf()));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection)?;
    Ok(connection)
}

/// Merges a kept log that has grown into the file, unless somebody else is at work: the next one
/// does it then. It has to be cut: whoever opens a log alone forgets what was merged of it before,
/// so that it would only grow.
fn merge_large_log(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let bytes = std::fs::metadata(log).map_or(0, |meta| meta.len());
    if bytes <= limits::SQLITE_LOG_BYTES_KEPT {
        return Ok(());
    }
    connection.busy_timeout(std::time::Duration::ZERO)?;
    let merged = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    match merged.map_err(DatabaseError::from) {
        Err(DatabaseError::Busy) => Ok(()),
        other => other,
    }
}

fn configure(connection: &Connection) -> Result<(), DatabaseError> {
    connection.busy_timeout(limits::SQLITE_BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // A negative size is in KiB.
    connection.pragma_update(None, "cache_size", -limits::SQLITE_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(limits::SQLITE_STATEMENTS_MAX);
    Ok(())
}

/// Runs `work` so that all its writes happen or none. Nested calls are savepoints of the first.
pub(crate) fn atomically<T, E: From<DatabaseError>>(
    connection: &Connection,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let (begin, commit, undo) = if connection.is_autocommit() {
        ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
    } else {
        ("SAVEPOINT inner_work", "RELEASE inner_work", "ROLLBACK TO inner_work; RELEASE inner_work")
    };
    let run = |sql: &str| connection.execute_batch(sql).map_err(DatabaseError::from);
    run(begin)?;
    let guard = Undo { connection, sql: undo, armed: true };
    let result = work().and_then(|value| {
        run(commit)?;
        Ok(value)
    });
    guard.finish(result)
}

/// Takes the work back unless it was committed, also when the work panics.
struct Undo<'c> {
    connection: &'c Connection,
    sql: &'static str,
    armed: bool,
}

impl Undo<'_> {
    fn finish<T, E>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.armed = result.is_err();
        result
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.armed && !self.connection.is_autocommit() {
            // A failure leaves the transaction open, and closing the connection takes it back.
            let _ = self.connection.execute_batch(self.sql);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn schema(migrations: &'static [&'static str]) -> Schema {
        Schema { name: "test", application_id: 77, migrations, log: Log::Merged }
    }

    const ONE: Schema = schema(&["CREATE TABLE a (x) "]);
    const TWO: Schema = schema(&["CREATE TABLE a (x) ", "CREATE TABLE b (y) "]);

    #[test]
    fn migrations_are_applied_in_order_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/test.db");
        drop(ONE.open(&path, Access::Write).unwrap());
        assert!(matches!(
            TWO.open(&path, Access::Read),
            Err(DatabaseError::Older { found: 1, known: 2, .. })
        ));
        drop(TWO.open(&path, Access::Write).unwrap());
        let connection = TWO.open(&path, Access::Write).unwrap();
        connection.execute("INSERT INTO b VALUES (1)", []).unwrap();
        assert_eq!(version_of(&connection).unwrap(), 2);
    }

    #[test]
    fn a_kept_log_outlives_its_connection_and_stays_small() {
        const KEPT: Schema = Schema { log: Log::Kept, ..ONE };
        let dir = tempfile::tempdir().unwrap();
        let (path, log) = (dir.path().join("test.db"), dir.path().join("test.db-wal"));
        let log_bytes = || std::fs::metadata(&log).map_or(0, |meta| meta.len());
        for round in 0_u32..100 {
            let connection = KEPT.open(&path, Access::Write).unwrap();
            let rows: u32 =
                connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
            assert_eq!(rows, round, "what was committed is there");
            connection.execute("INSERT INTO a VALUES (zeroblob(65536))", []).unwrap();
            drop(connection);
            assert!(log_bytes() > 0, "the log is left for the next one");
            // The last write may go over it.
            let most = limits::SQLITE_LOG_BYTES_KEPT + 2 * 65_536;
            assert!(log_bytes() <= most, "{} bytes", log_bytes());
        }
        drop(ONE.open(&path, Access::Write).unwrap());
        assert_eq!(log_bytes(), 0, "merged where it is not kept");
    }

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        drop(TWO.open(&path, Access::Write).unwrap());
        for access in [Access::Write, Access::Read] {
            let error = ONE.open(&path, access).unwrap_err();
            assert!(matches!(error, DatabaseError::Newer { found: 2, known: 1, .. }), "{error}");
            assert!(error.to_string().contains("newer version"), "{error}");
        }
        drop(TWO.open(&path, Access::Write).unwrap());
    }

    #[test]
    fn a_failing_migration_leaves_the_schema_it_found() {
        const BROKEN: Schema =
            schema(&["CREATE TABLE a (x) ", "CREATE TABLE b (y); CREATE TABLE a (z)"]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        drop(ONE.open(&path, Access::Write).unwrap());
        assert!(BROKEN.open(&path, Access::Write).is_err());
        let connection = ONE.open(&path, Access::Write).unwrap();
        assert!(connection.execute("INSERT INTO b VALUES (1)", []).is_err());
    }

    #[test]
    fn a_migration_that_was_changed_afterwards_is_noticed() {
        const OTHER: Schema = schema(&["CREATE TABLE a (y) "]);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        drop(ONE.open(&path, Access::Write).unwrap());
        let error = OTHER.open(&path, Access::Write).unwrap_err();
        assert!(matches!(error, DatabaseError::MigrationChanged { version: 1, .. }), "{error}");
    }

    #[test]
    fn foreign_missing_and_garbage_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        Connection::open(&path).unwrap().execute("CREATE TABLE t (x)", []).unwrap();
        assert!(matches!(ONE.open(&path, Access::Write), Err(DatabaseError::Foreign { .. })));
        let path = dir.path().join("none.db");
        assert!(matches!(ONE.open(&path, Access::Read), Err(DatabaseError::Missing(_))));
        assert!(!path.exists());
        let path = dir.path().join("garbage.db");
        std::fs::write(&path, vec![b'x'; 8_192]).unwrap();
        assert!(ONE.open(&path, Access::Write).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 8_192]);
    }

    #[test]
    fn commits_are_synced_and_the_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let connection = ONE.open(&path, Access::Write).unwrap();
        let read = |name: &str| -> String {
            connection
                .pragma_query_value(None, name, |row| {
                    row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"))
                })
                .unwrap()
        };
        assert_eq!(read("journal_mode"), "Text(\"wal\")");
        assert_eq!(read("synchronous"), "Integer(2)");
        assert_eq!(read("foreign_keys"), "Integer(1)");
        connection.execute("INSERT INTO a VALUES (1)", []).unwrap();
        for name in ["test.db", "test.db-wal", "test.db-shm"] {
            let mode = std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn nested_work_is_taken_back_without_the_work_around_it() {
        let dir = tempfile::tempdir().unwrap();
        let connection = ONE.open(&dir.path().join("test.db"), Access::Write).unwrap();
        let insert = |x: i64| -> Result<(), DatabaseError> {
            connection.execute("INSERT INTO a VALUES (?1)", [x])?;
            Ok(())
        };
        atomically(&connection, || {
            insert(1)?;
            let inner: Result<(), DatabaseError> = atomically(&connection, || {
                insert(2)?;
                Err(DatabaseError::Busy)
            });
            assert!(inner.is_err());
            insert(3)
        })
        .unwrap();
        let outer: Result<(), DatabaseError> = atomically(&connection, || {
            insert(4)?;
            Err(DatabaseError::Busy)
        });
        assert!(outer.is_err());
        let sum: i64 = connection.query_row("SELECT sum(x) FROM a", [], |r| r.get(0)).unwrap();
        assert_eq!(sum, 4);
    }
}
