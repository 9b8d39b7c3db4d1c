//! What the page adds to a case: comments, plans that were made for it, and who was told.

use rusqlite::{OptionalExtension as _, params};
use serde_json::Value;
use spine::{CaseId, PlanHash};

use super::{Db, DbError, Kept};

/// A comment on a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Who.
    pub user: String,
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// What.
    pub text: String,
}

/// A plan that was made for a case, and its dry run.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The plan, by its hash.
    pub plan: PlanHash,
    /// The case; `None` for a plan that takes an action back.
    pub case: Option<CaseId>,
    /// When it was made, milliseconds since the Unix epoch.
    pub made_ms: i64,
    /// What the dry run showed, as the executor said it; null where there was none.
    pub dry_run: Value,
}

/// What people were told of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// When the page first saw it, milliseconds since the Unix epoch.
    pub first_ms: i64,
    /// When somebody took it up.
    pub taken_ms: Option<i64>,
    /// Who.
    pub taken_by: Option<String>,
    /// When it was escalated.
    pub escalated_ms: Option<i64>,
    /// Until when somebody decided to wait.
    pub wait_until_ms: Option<i64>,
}

impl Db {
    /// Adds a comment.
    pub fn add_comment(&self, case: &CaseId, comment: &Comment) -> Kept<()> {
        self.lock().execute(
            "INSERT INTO comments (case_id, user, time_ms, text) VALUES (?1, ?2, ?3, ?4)",
            params![case.to_string(), comment.user, comment.time_ms, comment.text],
        )?;
        Ok(())
    }

    /// The comments on a case, oldest first.
    pub fn comments(&self, case: &CaseId) -> Kept<Vec<Comment>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT user, time_ms, text FROM comments WHERE case_id = ?1 ORDER BY id",
        )?;
        let rows = statement.query_map([case.to_string()], |row| {
            Ok(Comment { user: row.get(0)?, time_ms: row.get(1)?, text: row.get(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Keeps a proposal; the same plan again replaces its dry run.
    pub fn put_proposal(&self, proposal: &Proposal) -> Kept<()> {
        self.lock().execute(
            "INSERT OR REPLACE INTO proposals (plan, case_id, made_ms, dry_run)
             VALUES (?1, ?2, ?3, ?4)",
            params![
                proposal.plan.to_string(),
                proposal.case.map(|case| case.to_string()),
                proposal.made_ms,
                proposal.dry_run.to_string()
            ],
        )?;
        Ok(())
    }

    /// The proposals for a case, newest first.
    pub fn proposals(&self, case: &CaseId) -> Kept<Vec<Proposal>> {
        self.read_proposals("case_id = ?1 ORDER BY made_ms DESC LIMIT 20", &case.to_string())
    }

    /// One proposal.
    pub fn proposal(&self, plan: &PlanHash) -> Kept<Option<Proposal>> {
        Ok(self.read_proposals("plan = ?1", &plan.to_string())?.pop())
    }

    fn read_proposals(&self, condition: &str, key: &str) -> Kept<Vec<Proposal>> {
        let rows: Vec<(String, Option<String>, i64, String)> = {
            let connection = self.lock();
            let mut statement = connection.prepare_cached(&format!(
                "SELECT plan, case_id, made_ms, dry_run FROM proposals WHERE {condition}"
            ))?;
            let rows = statement
                .query_map([key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        let damaged = |reason: String| DbError::Damaged { what: "proposal", reason };
        rows.into_iter()
            .map(|(plan, case, made_ms, dry_run)| {
                Ok(Proposal {
                    plan: plan.parse().map_err(|_| damaged(plan.clone()))?,
                    case: case
                        .map(|case| case.parse().map_err(|_| damaged(case.clone())))
                        .transpose()?,
                    made_ms,
                    dry_run: serde_json::from_str(&dry_run)
                        .map_err(|error| damaged(error.to_string()))?,
                })
            })
            .collect()
    }

    /// What people were told of a case.
    pub fn watch(&self, case: &CaseId) -> Kept<Option<Watch>> {
        Ok(self
            .lock()
            .prepare_cached(
                "SELECT first_ms, taken_ms, taken_by, escalated_ms, wait_until_ms FROM watches
                 WHERE case_id = ?1",
            )?
            .query_row([case.to_string()], |row| {
                Ok(Watch {
                    first_ms: row.get(0)?,
                    taken_ms: row.get(1)?,
                    taken_by: row.get(2)?,
                    escalated_ms: row.get(3)?,
                    wait_until_ms: row.get(4)?,
                })
            })
            .optional()?)
    }

    /// Keeps what people were told of a case.
    pub fn put_watch(&self, case: &CaseId, watch: &Watch) -> Kept<()> {
        self.lock().execute(
            "INSERT OR REPLACE INTO watches
                (case_id, first_ms, taken_ms, taken_by, escalated_ms, wait_until_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                case.to_string(),
                watch.first_ms,
                watch.taken_ms,
                watch.taken_by,
                watch.escalated_ms,
                watch.wait_until_ms
            ],
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spine::Digest;

    use super::super::scratch;
    use super::*;

    const CASE: CaseId = CaseId(Digest([1; 32]));

    #[test]
    fn comments_and_watches_stay_with_their_case() {
        let (_dir, db) = scratch();
        let comment = Comment { user: "Ann".into(), time_ms: 1, text: "looks bad".into() };
        db.add_comment(&CASE, &comment).unwrap();
        assert_eq!(db.comments(&CASE).unwrap(), [comment]);
        assert!(db.comments(&CaseId(Digest([2; 32]))).unwrap().is_empty());
        assert_eq!(db.watch(&CASE).unwrap(), None);
        let watch = Watch { first_ms: 3, taken_by: Some("Ann".into()), ..Watch::default() };
        db.put_watch(&CASE, &watch).unwrap();
        assert_eq!(db.watch(&CASE).unwrap(), Some(watch));
    }

    #[test]
    fn the_newest_proposal_comes_first() {
        let (_dir, db) = scratch();
        for made_ms in [1, 2] {
            let plan = PlanHash(Digest([u8::try_from(made_ms).unwrap(); 32]));
            let dry_run = json!({ "passed": true });
            let proposal = Proposal { plan, case: Some(CASE), made_ms, dry_run };
            db.put_proposal(&proposal).unwrap();
        }
        let found = db.proposals(&CASE).unwrap();
        assert_eq!(found.iter().map(|p| p.made_ms).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(db.proposal(&found[1].plan).unwrap().unwrap().made_ms, 1);
    }
}
