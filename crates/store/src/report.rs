//! What a monthly report asks of the state: how many cases came, how they ended, how fast.
//!
//! It reads the cases of one month only, and of those that ended only what the report says.

use rusqlite::params;
use spine::{Case, CaseState};

use crate::sqlite_state::SqliteState;
use crate::state::{HostRecord, StateError};

/// The most ended cases whose times are read.
const ENDED_MAX: u32 = 200_000;
/// The most cases that are listed by name.
const LISTED_MAX: u32 = 200;

/// How cases of a stretch of time came and went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Cases first seen in it, by the rank of their priority, 0 for `defer` to 3 for `immediate`.
    pub found_by_rank: [u64; 4],
    /// How long each case took that was fixed in it, from first sight to the scan that no longer
    /// found it, milliseconds, the shortest first.
    pub fixed_ms: Vec<i64>,
    /// Cases that a person set aside in it as no problem.
    pub dismissed: u64,
    /// Cases whose risk a person accepted in it.
    pub accepted: Vec<Case>,
    /// Cases whose risk was accepted in it and that are not listed.
    pub accepted_more: u64,
}

impl Course {
    /// All cases that were first seen.
    pub fn found(&self) -> u64 {
        self.found_by_rank.iter().sum()
    }

    /// The median of how long a fix took, milliseconds; `None` where nothing was fixed.
    pub fn median_ms(&self) -> Option<i64> {
        let middle = self.fixed_ms.len() / 2;
        let upper = *self.fixed_ms.get(middle)?;
        if self.fixed_ms.len() % 2 == 1 {
            return Some(upper);
        }
        let lower = *self.fixed_ms.get(middle.checked_sub(1)?)?;
        Some(lower + (upper - lower) / 2)
    }
}

impl SqliteState {
    /// Machines of which a check could not tell something, by name.
    pub fn doubtful_hosts(&self, limit: u32) -> Result<Vec<HostRecord>, StateError> {
        self.documents(
            "host",
            "SELECT host, document FROM hosts
             WHERE json_array_length(document, '$.coverage.unknown') > 0
             ORDER BY name, host LIMIT ?1",
            [limit],
        )
    }

    /// The course of the cases from a moment (inclusive) to another (exclusive), milliseconds
    /// since the Unix epoch. A case that was opened again counts by where it stands now.
    pub fn course(&self, from_ms: i64, before_ms: i64) -> Result<Course, StateError> {
        let mut course = Course::default();
        let mut statement = self.connection.prepare_cached(
            "SELECT priority, count(*) FROM cases WHERE created_ms >= ?1 AND created_ms < ?2
             GROUP BY priority",
        )?;
        let mut rows = statement.query([from_ms, before_ms])?;
        while let Some(row) = rows.next()? {
            let rank = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX);
            if let Some(slot) = course.found_by_rank.get_mut(rank) {
                *slot = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            }
        }
        let ended = "SELECT json_extract(document, '$.updated_ms') - created_ms AS took FROM cases
             WHERE state = ?1 AND json_extract(document, '$.updated_ms') >= ?2
                AND json_extract(document, '$.updated_ms') < ?3
             ORDER BY took LIMIT ?4";
        let mut statement = self.connection.prepare_cached(ended)?;
        let mut took = |state: &str| -> Result<Vec<i64>, StateError> {
            let rows = statement
                .query_map(params![state, from_ms, before_ms, ENDED_MAX], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        course.fixed_ms = took("fixed")?.into_iter().map(|ms| ms.max(0)).collect();
        course.dismissed = took("dismissed")?.len() as u64;
        let accepted = took("accepted")?.len() as u64;
        course.accepted = self.documents(
            "case",
            "SELECT id, document FROM cases
             WHERE state = 'accepted' AND json_extract(document, '$.updated_ms') >= ?1
                AND json_extract(document, '$.updated_ms') < ?2
             ORDER BY priority DESC, created_ms, id LIMIT ?3",
            params![from_ms, before_ms, LISTED_MAX],
        )?;
        debug_assert!(course.accepted.iter().all(|case| case.state == CaseState::Accepted));
        course.accepted_more = accepted.saturating_sub(course.accepted.len() as u64);
        Ok(course)
    }
}

#[cfg(test)]
mod tests {
    use spine::{Digest, HostId, Priority};

    use super::*;
    use crate::state::State as _;

    const HOUR_MS: i64 = 3_600_000;

    fn case(n: u8, state: CaseState, created_ms: i64, updated_ms: i64) -> Case {
        let host = HostId(Digest([1; 32]));
        let subject = format!("subject {n}");
        Case {
            id: Case::identity(host, "patch", &subject).unwrap(),
            host,
            kind: "patch".into(),
            subject,
            title: String::new(),
            priority: if n.is_multiple_of(2) { Priority::Immediate } else { Priority::Scheduled },
            state,
            owner: None,
            findings: vec![],
            ids: vec![],
            explanation: vec![],
            created_ms,
            updated_ms,
        }
    }

    #[test]
    fn a_month_counts_what_came_and_what_ended_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
        let (from, before) = (100 * HOUR_MS, 200 * HOUR_MS);
        for case in [
            case(0, CaseState::Open, from - 1, from),
            case(1, CaseState::Open, from, from),
            case(2, CaseState::Fixed, from - HOUR_MS, from + HOUR_MS),
            case(3, CaseState::Fixed, from, from + 6 * HOUR_MS),
            case(4, CaseState::Fixed, from, before),
            case(5, CaseState::Dismissed, from, from + 1),
            case(6, CaseState::Accepted, 0, before - 1),
        ] {
            state.put_case(&case).unwrap();
        }
        let course = state.course(from, before).unwrap();
        assert_eq!((course.found(), course.found_by_rank), (4, [0, 3, 0, 1]));
        assert_eq!(course.fixed_ms, [2 * HOUR_MS, 6 * HOUR_MS]);
        assert_eq!(course.median_ms(), Some(4 * HOUR_MS));
        assert_eq!((course.dismissed, course.accepted.len(), course.accepted_more), (1, 1, 0));
        assert_eq!(state.course(0, 1).unwrap().median_ms(), None, "no fix is no time, not zero");
    }
}
