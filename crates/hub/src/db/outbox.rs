//! Messages on their way. A message is kept before anything is sent, tried again until it is
//! delivered or given up, and marked so that one thing is one message a channel.

use rusqlite::{Row, params};

use super::{Db, Kept};

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// What it is about, once: the same mark again is the same message.
    pub mark: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// Whether it should wake somebody.
    pub urgent: bool,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Its number.
    pub id: i64,
    /// The way: `mail`, `webhook` or `ntfy`.
    pub channel: String,
    /// The message.
    pub letter: Letter,
    /// When it was written, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it is tried next.
    pub next_ms: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was delivered.
    pub sent_ms: Option<i64>,
    /// When it was given up.
    pub given_up_ms: Option<i64>,
    /// Why the last try failed.
    pub error: Option<String>,
}

fn queued(row: &Row<'_>) -> Result<Queued, rusqlite::Error> {
    Ok(Queued {
        id: row.get(0)?,
        channel: row.get(2)?,
        letter: Letter {
            mark: row.get(1)?,
            subject: row.get(3)?,
            body: row.get(4)?,
            urgent: row.get(5)?,
        },
        created_ms: row.get(6)?,
        next_ms: row.get(7)?,
        attempts: row.get(8)?,
        sent_ms: row.get(9)?,
        given_up_ms: row.get(10)?,
        error: row.get(11)?,
    })
}

const QUEUED: &str = "SELECT id, mark, channel, subject, body, urgent, created_ms, next_ms,
    attempts, sent_ms, given_up_ms, error FROM outbox";

impl Db {
    /// Writes a message for some channels. Channels that have it already are left alone.
    pub fn post(&self, letter: &Letter, channels: &[&str], now_ms: i64) -> Kept<usize> {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        let mut posted = 0;
        for channel in channels {
            posted += transaction.execute(
                "INSERT OR IGNORE INTO outbox
                    (mark, channel, subject, body, urgent, created_ms, next_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
                params![letter.mark, channel, letter.subject, letter.body, letter.urgent, now_ms],
            )?;
        }
        transaction.commit()?;
        Ok(posted)
    }

    /// The messages that are due, the urgent first.
    pub fn due_letters(&self, now_ms: i64, limit: u32) -> Kept<Vec<Queued>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "{QUEUED} WHERE sent_ms IS NULL AND given_up_ms IS NULL AND next_ms <= ?1
             ORDER BY urgent DESC, id LIMIT ?2"
        ))?;
        Ok(statement.query_map(params![now_ms, limit], queued)?.collect::<Result<_, _>>()?)
    }

    /// The last messages, newest first.
    pub fn letters(&self, limit: u32) -> Kept<Vec<Queued>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached(&format!("{QUEUED} ORDER BY id DESC LIMIT ?1"))?;
        Ok(statement.query_map([limit], queued)?.collect::<Result<_, _>>()?)
    }

    /// Marks a message as delivered.
    pub fn letter_sent(&self, id: i64, now_ms: i64) -> Kept<()> {
        self.lock().execute(
            "UPDATE outbox SET sent_ms = ?2, attempts = attempts + 1, error = NULL WHERE id = ?1",
            params![id, now_ms],
        )?;
        Ok(())
    }

    /// Notes a failed try; without a next moment the message is given up.
    pub fn letter_failed(
        &self,
        id: i64,
        error: &str,
        now_ms: i64,
        next_ms: Option<i64>,
    ) -> Kept<()> {
        self.lock().execute(
            "UPDATE outbox SET attempts = attempts + 1, error = ?2,
                next_ms = coalesce(?4, next_ms),
                given_up_ms = CASE WHEN ?4 IS NULL THEN ?3 END
             WHERE id = ?1",
            params![id, error, now_ms, next_ms],
        )?;
        Ok(())
    }

    /// Forgets messages that were settled before a moment.
    pub fn clear_letters(&self, before_ms: i64) -> Kept<()> {
        self.lock()
            .execute("DELETE FROM outbox WHERE coalesce(sent_ms, given_up_ms) < ?1", [before_ms])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;

    #[test]
    fn one_thing_is_one_message_a_channel() {
        let (_dir, db) = scratch();
        let letter =
            Letter { mark: "case 1".into(), subject: "s".into(), body: "b".into(), urgent: false };
        assert_eq!(db.post(&letter, &["mail", "ntfy"], 10).unwrap(), 2);
        assert_eq!(db.post(&letter, &["mail", "ntfy", "webhook"], 11).unwrap(), 1);
        let due = db.due_letters(10, 9).unwrap();
        assert_eq!(due.iter().map(|q| q.channel.as_str()).collect::<Vec<_>>(), ["mail", "ntfy"]);
        db.letter_sent(due[0].id, 12).unwrap();
        db.letter_failed(due[1].id, "refused", 12, Some(40)).unwrap();
        assert_eq!(db.due_letters(39, 9).unwrap().len(), 1, "the webhook's");
        let again = db.due_letters(40, 9).unwrap();
        assert_eq!((again[0].attempts, again[0].error.as_deref()), (1, Some("refused")));
        db.letter_failed(again[0].id, "refused", 41, None).unwrap();
        assert_eq!(db.due_letters(99, 9).unwrap().len(), 1);
        db.clear_letters(100).unwrap();
        assert_eq!(db.letters(9).unwrap().len(), 1, "what waits stays");
    }
}
