//! Counts and pages of the state: what a page shows of a site with ten thousand machines, in
//! milliseconds, because every question here is answered from an index.

use std::collections::BTreeMap;

use rusqlite::{Row, named_params, params};
use serde::de::DeserializeOwned;
use spine::{Case, HostId, Package};

use crate::sqlite_state::{SqliteState, parse};
use crate::state::{HostRecord, StateError};

/// How much there is of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Machines.
    pub machines: u64,
    /// Machines that were last looked at before the moment that was given.
    pub machines_silent: u64,
    /// Machines of which a check could not tell something.
    pub machines_doubtful: u64,
    /// Open cases by the rank of their priority, 0 for `defer` to 3 for `immediate`.
    pub open_by_rank: [u64; 4],
    /// Cases by the name of their state.
    pub by_state: BTreeMap<String, u64>,
}

impl Counts {
    /// All open cases.
    pub fn open(&self) -> u64 {
        self.open_by_rank.iter().sum()
    }
}

/// Cases that were first seen on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Cases that were first seen on it.
    pub opened: u64,
}

/// A package name, and how often it is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The OSV ecosystem.
    pub ecosystem: String,
    /// The package's name.
    pub name: String,
    /// Installations.
    pub count: u64,
}

/// A package on one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The machine.
    pub host: HostId,
    /// The package.
    pub package: Package,
}

/// Counts and pages. Each answer is of one moment; two answers may be of two.
pub trait Overview {
    /// How much there is; a machine is silent that was last looked at before `silent_before_ms`.
    fn counts(&self, silent_before_ms: i64) -> Result<Counts, StateError>;
    /// Cases: the most urgent first, then the oldest.
    fn cases_page(
        &self,
        host: Option<HostId>,
        open: bool,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Case>, StateError>;
    /// Machines by name; with `silent_before_ms` only those that are silent since then.
    fn hosts_page(
        &self,
        silent_before_ms: Option<i64>,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<HostRecord>, StateError>;
    /// One machine.
    fn host(&self, host: HostId) -> Result<Option<HostRecord>, StateError>;
    /// Open cases of one machine by the rank of their priority.
    fn open_of_host(&self, host: HostId) -> Result<[u64; 4], StateError>;
    /// Cases first seen since the beginning of that day, by day.
    fn opened_by_day(&self, since_ms: i64) -> Result<Vec<Day>, StateError>;
    /// Package names that begin with `prefix`, in order.
    fn software_page(&self, prefix: &str, offset: u32, limit: u32)
    -> Result<Vec<Used>, StateError>;
    /// Where one package is installed.
    fn installed(
        &self,
        ecosystem: &str,
        name: &str,
        limit: u32,
    ) -> Result<Vec<Installed>, StateError>;
}

impl SqliteState {
    fn count(&self, sql: &str, params: impl rusqlite::Params) -> Result<u64, StateError> {
        let count: i64 =
            self.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    pub(crate) fn documents<T: DeserializeOwned>(
        &self,
        what: &'static str,
        sql: &str,
        params: impl rusqlite::Params,
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

    fn ranks(&self, sql: &str, params: impl rusqlite::Params) -> Result<[u64; 4], StateError> {
        let mut ranks = [0; 4];
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let rank: usize = row.get::<_, i64>(0)?.try_into().unwrap_or(usize::MAX);
            if let Some(slot) = ranks.get_mut(rank) {
                *slot = unsigned(row, 1)?;
            }
        }
        Ok(ranks)
    }
}

fn unsigned(row: &Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

impl Overview for SqliteState {
    fn counts(&self, silent_before_ms: i64) -> Result<Counts, StateError> {
        let mut counts = Counts {
            machines: self.count("SELECT count(*) FROM hosts", [])?,
            machines_silent: self
                .count("SELECT count(*) FROM hosts WHERE last_seen_ms < ?1", [silent_before_ms])?,
            machines_doubtful: self.count(
                "SELECT count(*) FROM hosts
                 WHERE json_array_length(document, '$.coverage.unknown') > 0",
                [],
            )?,
            open_by_rank: self.ranks(
                "SELECT priority, sum(n) FROM case_counts WHERE is_open = 1 GROUP BY priority",
                [],
            )?,
            by_state: BTreeMap::new(),
        };
        let mut statement = self.connection.prepare_cached(
            "SELECT state, sum(n) FROM case_counts GROUP BY state HAVING sum(n) > 0",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            counts.by_state.insert(row.get(0)?, unsigned(row, 1)?);
        }
        Ok(counts)
    }

    fn cases_page(
        &self,
        host: Option<HostId>,
        open: bool,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Case>, StateError> {
        // Two texts, so that each is answered by its own index.
        let sql = match host {
            None => {
                "SELECT id, document FROM cases WHERE is_open = :open AND :host IS NULL
                 ORDER BY priority DESC, created_ms, id LIMIT :limit OFFSET :offset"
            }
            Some(_) => {
                "SELECT id, document FROM cases WHERE host = :host AND is_open = :open
                 ORDER BY priority DESC, created_ms, id LIMIT :limit OFFSET :offset"
            }
        };
        let host = host.map(|host| host.to_string());
        let params =
            named_params! { ":host": host, ":open": open, ":limit": limit, ":offset": offset };
        self.documents("case", sql, params)
    }

    fn hosts_page(
        &self,
        silent_before_ms: Option<i64>,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<HostRecord>, StateError> {
        self.documents(
            "host",
            "SELECT host, document FROM hosts WHERE last_seen_ms < ?1
             ORDER BY name, host LIMIT ?2 OFFSET ?3",
            params![silent_before_ms.unwrap_or(i64::MAX), limit, offset],
        )
    }

    fn host(&self, host: HostId) -> Result<Option<HostRecord>, StateError> {
        let sql = "SELECT host, document FROM hosts WHERE host = ?1";
        Ok(self.documents("host", sql, [host.to_string()])?.pop())
    }

    fn open_of_host(&self, host: HostId) -> Result<[u64; 4], StateError> {
        self.ranks(
            "SELECT priority, count(*) FROM cases WHERE host = ?1 AND is_open = 1
             GROUP BY priority",
            [host.to_string()],
        )
    }

    fn opened_by_day(&self, since_ms: i64) -> Result<Vec<Day>, StateError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT day, n FROM case_days WHERE day >= ?1 AND n > 0 ORDER BY day",
        )?;
        let mut rows = statement.query([since_ms.div_euclid(86_400_000)])?;
        let mut days = Vec::new();
        while let Some(row) = rows.next()? {
            days.push(Day { day: row.get(0)?, opened: unsigned(row, 1)? });
        }
        Ok(days)
    }

    fn software_page(
        &self,
        prefix: &str,
        offset: u32,
        limit: u32,
    ) -> Result<Vec<Used>, StateError> {
        // The index is by ecosystem and name: one range an ecosystem, of which there are few.
        let mut statement = self.connection.prepare_cached(
            "WITH RECURSIVE kinds (ecosystem) AS (
                SELECT min(ecosystem) FROM packages
                UNION ALL
                SELECT (SELECT min(ecosystem) FROM packages WHERE ecosystem > kinds.ecosystem)
                FROM kinds WHERE kinds.ecosystem IS NOT NULL)
             SELECT packages.ecosystem, name, count(*) FROM kinds JOIN packages
                ON packages.ecosystem = kinds.ecosystem
                AND name >= ?1 AND name < ?1 || char(1114111)
             WHERE kinds.ecosystem IS NOT NULL
             GROUP BY packages.ecosystem, name ORDER BY packages.ecosystem, name
             LIMIT ?2 OFFSET ?3",
        )?;
        let mut rows = statement.query(params![prefix, limit, offset])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(Used {
                ecosystem: row.get(0)?,
                name: row.get(1)?,
                count: unsigned(row, 2)?,
            });
        }
        Ok(found)
    }

    fn installed(
        &self,
        ecosystem: &str,
        name: &str,
        limit: u32,
    ) -> Result<Vec<Installed>, StateError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT host, document FROM packages WHERE ecosystem = ?1 AND name = ?2 LIMIT ?3",
        )?;
        let mut rows = statement.query(params![ecosystem, name, limit])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let key: String = row.get(0)?;
            let text = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            let package = parse("package", text, || Ok(key.clone()))?;
            let damaged = |error: spine::ids::IdError| StateError::Damaged {
                what: "host",
                key: key.clone(),
                reason: error.to_string(),
            };
            found.push(Installed { host: key.parse().map_err(damaged)?, package });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spine::{CaseState, Digest, Priority};

    use super::*;
    use crate::state::State as _;

    fn host(n: u8) -> HostId {
        HostId(Digest([n; 32]))
    }

    fn filled() -> (tempfile::TempDir, SqliteState) {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        for n in 0..3 {
            let unknown = if n == 1 { vec!["a suite is missing"] } else { vec![] };
            let record = HostRecord {
                host: host(n),
                name: format!("machine-{n}"),
                root: "/".into(),
                os: "Debian GNU/Linux 12".into(),
                last_seen_ms: i64::from(n) * 1_000,
                coverage: json!({ "unknown": unknown }),
            };
            state.put_host(&record).unwrap();
            let package = |name: &str, ecosystem: &str| Package {
                ecosystem: ecosystem.into(),
                name: name.into(),
                version: n.to_string(),
                arch: None,
                source: None,
                location: String::new(),
            };
            let packages = [
                package("rsync", "Debian:12"),
                package("rsyslog", "Debian:12"),
                package("rs", "PyPI"),
            ];
            state.replace_inventory(host(n), &packages, 0).unwrap();
        }
        for (n, priority) in
            [Priority::Defer, Priority::Immediate, Priority::Immediate].into_iter().enumerate()
        {
            let subject = format!("subject {n}");
            let case = Case {
                id: Case::identity(host(0), "patch", &subject).unwrap(),
                host: host(0),
                kind: "patch".into(),
                subject,
                title: String::new(),
                priority,
                state: if n == 2 { CaseState::Fixed } else { CaseState::Open },
                owner: None,
                findings: vec![],
                ids: vec![],
                explanation: vec![],
                created_ms: 86_400_000 * i64::try_from(n).unwrap(),
                updated_ms: 0,
            };
            state.put_case(&case).unwrap();
        }
        (dir, state)
    }

    #[test]
    fn everything_is_counted() {
        let (_dir, state) = filled();
        let counts = state.counts(1_500).unwrap();
        assert_eq!((counts.machines, counts.machines_silent), (3, 2));
        assert_eq!(counts.machines_doubtful, 1);
        assert_eq!(counts.open_by_rank, [1, 0, 0, 1]);
        assert_eq!(counts.open(), 2);
        assert_eq!(counts.by_state["fixed"], 1);
        assert_eq!(state.open_of_host(host(0)).unwrap(), [1, 0, 0, 1]);
        assert_eq!(state.open_of_host(host(1)).unwrap(), [0; 4]);
        let days = state.opened_by_day(86_400_000).unwrap();
        assert_eq!(
            days.iter().map(|day| (day.day, day.opened)).collect::<Vec<_>>(),
            [(1, 1), (2, 1)]
        );
    }

    #[test]
    fn counts_follow_every_change_of_a_case() {
        let (_dir, state) = filled();
        let walked = |state: &SqliteState| {
            let sql = "SELECT is_open, priority, state, count(*) FROM cases
                       GROUP BY is_open, priority, state ORDER BY 1, 2, 3";
            let kept = "SELECT is_open, priority, state, n FROM case_counts WHERE n > 0
                        ORDER BY 1, 2, 3";
            let read = |sql: &str| -> Vec<(i64, i64, String, i64)> {
                let mut statement = state.connection.prepare(sql).unwrap();
                let rows = statement
                    .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
                rows.unwrap().map(Result::unwrap).collect()
            };
            (read(sql), read(kept))
        };
        let mut case = state.cases_page(None, true, 0, 1).unwrap().remove(0);
        for (step, priority) in
            [(CaseState::Accepted, Priority::Immediate), (CaseState::Open, Priority::Scheduled)]
        {
            (case.state, case.priority) = (step, priority);
            case.created_ms += 86_400_000;
            state.put_case(&case).unwrap();
            let (counted, kept) = walked(&state);
            assert_eq!(counted, kept);
        }
        state.connection.execute("DELETE FROM cases WHERE is_open = 1", []).unwrap();
        let (counted, kept) = walked(&state);
        assert_eq!(counted, kept);
        assert_eq!(state.counts(0).unwrap().open(), 0);
        let days = state.opened_by_day(0).unwrap();
        assert_eq!(days.iter().map(|day| (day.day, day.opened)).collect::<Vec<_>>(), [(2, 1)]);
    }

    #[test]
    fn pages_are_in_order_and_end() {
        let (_dir, state) = filled();
        let cases = state.cases_page(None, true, 0, 10).unwrap();
        assert_eq!(cases.iter().map(|case| case.priority as u8).collect::<Vec<_>>(), [3, 0]);
        assert_eq!(state.cases_page(Some(host(0)), true, 1, 10).unwrap().len(), 1);
        assert_eq!(state.cases_page(Some(host(0)), false, 0, 10).unwrap().len(), 1);
        assert!(state.cases_page(Some(host(1)), true, 0, 10).unwrap().is_empty());
        let names = |page: Vec<HostRecord>| page.into_iter().map(|h| h.name).collect::<Vec<_>>();
        assert_eq!(names(state.hosts_page(None, 1, 1).unwrap()), ["machine-1"]);
        assert_eq!(names(state.hosts_page(Some(1), 0, 9).unwrap()), ["machine-0"]);
        assert_eq!(state.host(host(2)).unwrap().unwrap().name, "machine-2");
        assert!(state.host(host(9)).unwrap().is_none());
    }

    #[test]
    fn software_is_found_by_the_beginning_of_its_name() {
        let (_dir, state) = filled();
        let names = |prefix: &str| {
            let page = state.software_page(prefix, 0, 10).unwrap();
            page.into_iter().map(|used| (used.name, used.count)).collect::<Vec<_>>()
        };
        assert_eq!(names("rsy"), [("rsync".to_owned(), 3), ("rsyslog".to_owned(), 3)]);
        assert_eq!(names("").len(), 3);
        assert!(names("x%").is_empty());
        let installed = state.installed("Debian:12", "rsync", 2).unwrap();
        assert_eq!(installed.len(), 2);
        assert_eq!(installed[0].package.name, "rsync");
    }
}
