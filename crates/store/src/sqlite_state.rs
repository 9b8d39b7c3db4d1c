//! [`State`] in one SQLite file.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Params, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use spine::{
    Action, ActionId, Approval, CanonicalError, Case, CaseId, Finding, FindingId, HostId, Package,
    Plan, PlanHash, Priority, canonical_json,
};

use crate::database::{Access, DatabaseError, Log, Schema, atomically};
use crate::limits;
use crate::state::{CaseFilter, HostRecord, Inventory, State, StateError};

const SCHEMA: Schema = Schema {
    name: "state",
    application_id: 0x5246_5354, // "RFST"
    migrations: &[
        include_str!("../migrations/state/001.sql"),
        include_str!("../migrations/state/002.sql"),
    ],
    log: Log::Kept,
};

/// The state in one SQLite file. Each thread opens its own; SQLite keeps them in step.
pub struct SqliteState {
    pub(crate) connection: Connection,
}

impl SqliteState {
    /// Opens the state, making it if it is not there.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { connection: SCHEMA.open(path, Access::Write)? })
    }

    /// Opens the state for reading only: nothing is made and nothing is migrated.
    pub fn open_read_only(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { connection: SCHEMA.open(path, Access::Read)? })
    }

    /// Runs `work` so that all its writes happen, or none when it fails, and returns its value.
    pub fn atomically<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        atomically(&self.connection, || work(self))
    }

    fn write(&self, sql: &str, params: impl Params) -> Result<usize, StateError> {
        Ok(self.connection.prepare_cached(sql)?.execute(params)?)
    }

    /// The documents that a query of `(key, document)` gives.
    fn read<T: DeserializeOwned>(
        &self,
        what: &'static str,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<T>, StateError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut documents = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            documents.push(parse(what, text, || row.get(0))?);
        }
        Ok(documents)
    }

    fn read_one<T: DeserializeOwned>(
        &self,
        what: &'static str,
        sql: &str,
        key: &str,
    ) -> Result<Option<T>, StateError> {
        Ok(self.read(what, sql, [key])?.pop())
    }

    /// The one key of a table that begins with some hexadecimal digits. `sql` takes the first key
    /// that may match and the first that may not.
    fn key_by_prefix(
        &self,
        what: &'static str,
        sql: &str,
        prefix: &str,
    ) -> Result<String, StateError> {
        let given: String = prefix.chars().take(80).collect();
        let low = given.to_ascii_lowercase();
        if low.is_empty() || !low.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(StateError::NotFound { what, given });
        }
        // "g" sorts after every hexadecimal digit.
        let high = format!("{low}g");
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([&low, &high], |row| row.get(0))?;
        let mut matches = rows
            .take(limits::AMBIGUOUS_SHOWN_MAX)
            .collect::<Result<Vec<String>, rusqlite::Error>>()?;
        match (matches.pop(), matches.is_empty()) {
            (None, _) => Err(StateError::NotFound { what, given }),
            (Some(only), true) => Ok(only),
            (Some(last), false) => {
                matches.push(last);
                Err(StateError::Ambiguous { given, matches })
            }
        }
    }

    fn insert_finding(&self, check: &str, finding: &Finding) -> Result<(), StateError> {
        // A finding that is put again stays with the check that made it.
        self.write(
            "INSERT INTO findings (id, host, source_check, status, time_ms, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (id) DO UPDATE SET
                host = excluded.host, status = excluded.status, time_ms = excluded.time_ms,
                document = excluded.document,
                source_check = CASE excluded.source_check
                    WHEN '' THEN source_check ELSE excluded.source_check END",
            params![
                finding.id.to_string(),
                finding.host.to_string(),
                check,
                name_of(&finding.status)?,
                finding.time_ms,
                document(finding)?
            ],
        )?;
        Ok(())
    }

    /// One plan, whose hash is computed again: an approval signs it, so it must not have changed.
    fn plan_by_key(&self, key: &str) -> Result<Plan, StateError> {
        let what = "plan";
        let plan: Plan = self
            .read_one(what, "SELECT hash, document FROM plans WHERE hash = ?1", key)?
            .ok_or_else(|| StateError::NotFound { what, given: key.to_owned() })?;
        let found = plan.hash()?.to_string();
        if found == key {
            return Ok(plan);
        }
        let reason = format!("it has the hash `{found}`");
        Err(StateError::Damaged { what, key: key.to_owned(), reason })
    }
}

impl State for SqliteState {
    fn transaction(
        &self,
        work: &mut dyn FnMut(&dyn State) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        atomically(&self.connection, || work(self))
    }

    fn put_host(&self, host: &HostRecord) -> Result<(), StateError> {
        self.write(
            "INSERT OR REPLACE INTO hosts (host, name, last_seen_ms, document)
             VALUES (?1, ?2, ?3, ?4)",
            params![host.host.to_string(), host.name, host.last_seen_ms, document(host)?],
        )?;
        Ok(())
    }

    fn hosts(&self) -> Result<Vec<HostRecord>, StateError> {
        self.read("host", "SELECT host, document FROM hosts ORDER BY name, host", [])
    }

    fn replace_inventory(
        &self,
        host: HostId,
        packages: &[Package],
        scanned_ms: i64,
    ) -> Result<(), StateError> {
        if packages.len() > limits::INVENTORY_PACKAGES_MAX {
            return Err(StateError::InventoryTooLarge(packages.len()));
        }
        let key = host.to_string();
        // Scan after scan finds the same: only what changed is written.
        self.atomically(|state| {
            state.write(
                "INSERT INTO inventories (host, scanned_ms) VALUES (?1, ?2)
                 ON CONFLICT (host) DO UPDATE SET scanned_ms = excluded.scanned_ms",
                params![key, scanned_ms],
            )?;
            let mut end = 0_i64;
            for package in packages {
                state.write(
                    "INSERT INTO packages (host, position, ecosystem, name, document)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (host, position) DO UPDATE SET
                        ecosystem = excluded.ecosystem, name = excluded.name,
                        document = excluded.document
                     WHERE document <> excluded.document",
                    params![key, end, package.ecosystem, package.name, document(package)?],
                )?;
                end += 1;
            }
            state.write(
                "DELETE FROM packages WHERE host = ?1 AND position >= ?2",
                params![key, end],
            )?;
            Ok(())
        })
    }

    fn inventory(&self, host: HostId) -> Result<Option<Inventory>, StateError> {
        let key = host.to_string();
        // One transaction, so that the time and the packages are of the same scan.
        let transaction = if self.connection.is_autocommit() {
            Some(self.connection.unchecked_transaction()?)
        } else {
            None
        };
        let scanned_ms: Option<i64> = self
            .connection
            .prepare_cached("SELECT scanned_ms FROM inventories WHERE host = ?1")?
            .query_row([&key], |row| row.get(0))
            .optional()?;
        let Some(scanned_ms) = scanned_ms else { return Ok(None) };
        let packages = self.read(
            "package",
            "SELECT name, document FROM packages WHERE host = ?1 ORDER BY position",
            [&key],
        )?;
        drop(transaction);
        Ok(Some(Inventory { scanned_ms, packages }))
    }

    fn put_findings(&self, findings: &[Finding]) -> Result<(), StateError> {
        self.atomically(|state| findings.iter().try_for_each(|f| state.insert_finding("", f)))
    }

    fn replace_findings(
        &self,
        host: HostId,
        source_check: &str,
        findings: &[Finding],
    ) -> Result<(), StateError> {
        self.atomically(|state| {
            state.write(
                "DELETE FROM findings WHERE host = ?1 AND source_check = ?2",
                params![host.to_string(), source_check],
            )?;
            findings.iter().try_for_each(|f| state.insert_finding(source_check, f))
        })
    }

    fn findings(&self, host: HostId) -> Result<Vec<Finding>, StateError> {
        self.read(
            "finding",
            "SELECT id, document FROM findings WHERE host = ?1 ORDER BY time_ms, id",
            [host.to_string()],
        )
    }

    fn finding(&self, id: FindingId) -> Result<Option<Finding>, StateError> {
        let sql = "SELECT id, document FROM findings WHERE id = ?1";
        self.read_one("finding", sql, &id.to_string())
    }

    fn put_case(&self, case: &Case) -> Result<(), StateError> {
        self.write(
            "INSERT OR REPLACE INTO cases
                (id, host, kind, priority, state, is_open, created_ms, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                case.id.to_string(),
                case.host.to_string(),
                case.kind,
                rank(case.priority),
                name_of(&case.state)?,
                case.state.is_open(),
                case.created_ms,
                document(case)?
            ],
        )?;
        Ok(())
    }

    fn case(&self, id: &CaseId) -> Result<Option<Case>, StateError> {
        self.read_one("case", "SELECT id, document FROM cases WHERE id = ?1", &id.to_string())
    }

    fn case_by_prefix(&self, prefix: &str) -> Result<Case, StateError> {
        let sql = "SELECT id FROM cases WHERE id >= ?1 AND id < ?2 ORDER BY id";
        let key = self.key_by_prefix("case", sql, prefix)?;
        self.read_one("case", "SELECT id, document FROM cases WHERE id = ?1", &key)?
            .ok_or(StateError::NotFound { what: "case", given: key })
    }

    fn cases(&self, filter: &CaseFilter) -> Result<Vec<Case>, StateError> {
        let state = filter.state.as_ref().map(name_of).transpose()?;
        self.read(
            "case",
            "SELECT id, document FROM cases
             WHERE (:host IS NULL OR host = :host) AND (:kind IS NULL OR kind = :kind)
                AND (:state IS NULL OR state = :state) AND (is_open OR NOT :open_only)
             ORDER BY priority DESC, created_ms, id",
            named_params! {
                ":host": filter.host.map(|host| host.to_string()),
                ":kind": filter.kind,
                ":state": state,
                ":open_only": filter.open_only,
            },
        )
    }

    fn put_plan(&self, plan: &Plan) -> Result<PlanHash, StateError> {
        plan.check_shape()?;
        let hash = plan.hash()?;
        self.write(
            "INSERT INTO plans (hash, case_id, host, created_ms, document)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (hash) DO NOTHING",
            params![
                hash.to_string(),
                plan.case.map(|case| case.to_string()),
                plan.host.to_string(),
                plan.created_ms,
                document(plan)?
            ],
        )?;
        Ok(hash)
    }

    fn plan(&self, hash: &PlanHash) -> Result<Option<Plan>, StateError> {
        match self.plan_by_key(&hash.to_string()) {
            Err(StateError::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    fn plan_by_prefix(&self, prefix: &str) -> Result<Plan, StateError> {
        let sql = "SELECT hash FROM plans WHERE hash >= ?1 AND hash < ?2 ORDER BY hash";
        self.plan_by_key(&self.key_by_prefix("plan", sql, prefix)?)
    }

    fn plans_for_case(&self, case: &CaseId) -> Result<Vec<Plan>, StateError> {
        let sql = "SELECT hash FROM plans WHERE case_id = ?1 ORDER BY created_ms DESC, hash";
        let mut statement = self.connection.prepare_cached(sql)?;
        let keys = statement
            .query_map([case.to_string()], |row| row.get(0))?
            .collect::<Result<Vec<String>, rusqlite::Error>>()?;
        keys.iter().map(|key| self.plan_by_key(key)).collect()
    }

    fn put_approval(&self, approval: &Approval) -> Result<(), StateError> {
        let written = self.write(
            "INSERT OR REPLACE INTO approvals (plan, approver, nonce, signed_ms, document)
             SELECT hash, ?2, ?3, ?4, ?5 FROM plans WHERE hash = ?1",
            params![
                approval.plan.to_string(),
                approval.approver.to_string(),
                approval.nonce,
                approval.signed_ms,
                document(approval)?
            ],
        )?;
        if written == 0 { Err(StateError::UnknownPlan(approval.plan)) } else { Ok(()) }
    }

    fn approvals_for(&self, plan: &PlanHash) -> Result<Vec<Approval>, StateError> {
        self.read(
            "approval",
            "SELECT nonce, document FROM approvals WHERE plan = ?1
             ORDER BY signed_ms, approver, nonce",
            [plan.to_string()],
        )
    }

    fn put_action(&self, action: &Action) -> Result<(), StateError> {
        self.write(
            "INSERT OR REPLACE INTO actions (id, plan, host, state, started_ms, document)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                action.id.to_string(),
                action.plan.to_string(),
                action.host.to_string(),
                name_of(&action.state)?,
                action.started_ms,
                document(action)?
            ],
        )?;
        Ok(())
    }

    fn action(&self, id: ActionId) -> Result<Option<Action>, StateError> {
        let sql = "SELECT id, document FROM actions WHERE id = ?1";
        self.read_one("action", sql, &id.to_string())
    }

    fn actions(&self) -> Result<Vec<Action>, StateError> {
        let sql = "SELECT id, document FROM actions ORDER BY started_ms DESC, id DESC";
        self.read("action", sql, [])
    }

    fn put_doc(&self, kind: &str, key: &str, value: &Value) -> Result<(), StateError> {
        self.write(
            "INSERT OR REPLACE INTO documents (kind, key, document) VALUES (?1, ?2, ?3)",
            params![kind, key, text_of(value)?],
        )?;
        Ok(())
    }

    fn get_doc(&self, kind: &str, key: &str) -> Result<Option<Value>, StateError> {
        let sql = "SELECT key, document FROM documents WHERE kind = ?1 AND key = ?2";
        Ok(self.read("document", sql, [kind, key])?.pop())
    }

    fn docs(&self, kind: &str) -> Result<Vec<(String, Value)>, StateError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT key, document FROM documents WHERE kind = ?1 ORDER BY key")?;
        let mut rows = statement.query([kind])?;
        let mut documents = Vec::new();
        while let Some(row) = rows.next()? {
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            documents.push((row.get(0)?, parse("document", text, || row.get(0))?));
        }
        Ok(documents)
    }

    fn delete_doc(&self, kind: &str, key: &str) -> Result<bool, StateError> {
        let sql = "DELETE FROM documents WHERE kind = ?1 AND key = ?2";
        Ok(self.write(sql, [kind, key])? > 0)
    }
}

pub(crate) fn parse<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
    key: impl FnOnce() -> Result<String, rusqlite::Error>,
) -> Result<T, StateError> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) => Err(StateError::Damaged { what, key: key()?, reason: error.to_string() }),
    }
}

/// The canonical JSON of a document, within the limit.
fn document<T: Serialize>(value: &T) -> Result<String, StateError> {
    bounded(canonical_json(value)?)
}

/// JSON that nobody signs or hashes: it may hold fractions, which the canonical form refuses.
fn text_of(value: &Value) -> Result<String, StateError> {
    bounded(value.to_string().into_bytes())
}

fn bounded(bytes: Vec<u8>) -> Result<String, StateError> {
    let limit = limits::DOCUMENT_BYTES_MAX;
    if bytes.len() > limit {
        return Err(CanonicalError::TooLarge { bytes: bytes.len(), limit }.into());
    }
    String::from_utf8(bytes).map_err(|error| CanonicalError::Encode(error.to_string()).into())
}

/// The name that a variant has in JSON, for an indexed column.
fn name_of<T: Serialize>(variant: &T) -> Result<String, StateError> {
    let value =
        serde_json::to_value(variant).map_err(|error| CanonicalError::Encode(error.to_string()))?;
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn rank(priority: Priority) -> i64 {
    match priority {
        Priority::Defer => 0,
        Priority::Scheduled => 1,
        Priority::OutOfCycle => 2,
        Priority::Immediate => 3,
    }
}

#[cfg(test)]
mod tests;
