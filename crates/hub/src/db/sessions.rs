//! Who is signed in, links that sign in once, and tokens for the API.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Db, Kept, hash_of};

/// A browser that is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie.
    pub hash: String,
    /// The person.
    pub user: String,
    /// How the person signed in: `link`, `password` or `passkey`.
    pub method: String,
    /// When, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it was last used.
    pub seen_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// From where.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

/// A link that signs in once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whom it signs in; `None`: it makes a person.
    pub user: Option<String>,
    /// What a person that it makes may do.
    pub role: String,
    /// The name that is suggested.
    pub name: String,
}

/// A token for the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The id, to revoke it by.
    pub id: String,
    /// Who made it.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// What it may do, separated by blanks.
    pub scopes: String,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When it ends.
    pub expires_ms: i64,
    /// When it was last used.
    pub used_ms: Option<i64>,
}

fn session(row: &Row<'_>) -> Result<Session, rusqlite::Error> {
    Ok(Session {
        hash: row.get(0)?,
        user: row.get(1)?,
        method: row.get(2)?,
        created_ms: row.get(3)?,
        seen_ms: row.get(4)?,
        expires_ms: row.get(5)?,
        address: row.get(6)?,
        agent: row.get(7)?,
    })
}

fn token(row: &Row<'_>) -> Result<Token, rusqlite::Error> {
    Ok(Token {
        id: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        scopes: row.get(3)?,
        created_ms: row.get(4)?,
        expires_ms: row.get(5)?,
        used_ms: row.get(6)?,
    })
}

const SESSION: &str =
    "SELECT hash, user, method, created_ms, seen_ms, expires_ms, address, agent FROM sessions";
const TOKEN: &str = "SELECT id, user, name, scopes, created_ms, expires_ms, used_ms FROM tokens";

impl Db {
    /// Keeps a session, and clears away those that ended.
    pub fn add_session(&self, session: &Session) -> Kept<()> {
        let connection = self.lock();
        connection.execute("DELETE FROM sessions WHERE expires_ms < ?1", [session.created_ms])?;
        connection.execute(
            "INSERT INTO sessions
                (hash, user, method, created_ms, seen_ms, expires_ms, address, agent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                session.hash,
                session.user,
                session.method,
                session.created_ms,
                session.seen_ms,
                session.expires_ms,
                session.address,
                session.agent
            ],
        )?;
        Ok(())
    }

    /// The session of a cookie, if it has not ended and was not idle for too long.
    pub fn session(&self, secret: &str, now_ms: i64, idle_ms: i64) -> Kept<Option<Session>> {
        let found = self
            .lock()
            .prepare_cached(&format!("{SESSION} WHERE hash = ?1"))?
            .query_row([hash_of(secret)], session)
            .optional()?;
        let alive = |session: &Session| {
            now_ms < session.expires_ms && now_ms.saturating_sub(session.seen_ms) < idle_ms
        };
        Ok(found.filter(alive))
    }

    /// Notes that a session was used.
    pub fn touch_session(&self, hash: &str, now_ms: i64) -> Kept<()> {
        self.lock()
            .prepare_cached("UPDATE sessions SET seen_ms = ?2 WHERE hash = ?1")?
            .execute(params![hash, now_ms])?;
        Ok(())
    }

    /// Sessions of one person, or of everybody, the last used first.
    pub fn sessions(&self, user: Option<&str>, now_ms: i64) -> Kept<Vec<Session>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "{SESSION} WHERE (?1 IS NULL OR user = ?1) AND expires_ms > ?2 ORDER BY seen_ms DESC"
        ))?;
        Ok(statement.query_map(params![user, now_ms], session)?.collect::<Result<_, _>>()?)
    }

    /// Ends a session of this person (`None`: of whomever), by the beginning of its hash.
    pub fn end_session(&self, beginning: &str, user: Option<&str>) -> Kept<usize> {
        Ok(self.lock().execute(
            "DELETE FROM sessions
             WHERE substr(hash, 1, length(?1)) = ?1 AND length(?1) >= 16
                AND (?2 IS NULL OR user = ?2)",
            params![beginning, user],
        )?)
    }

    /// Keeps a link.
    pub fn add_link(&self, secret: &str, link: &Link, expires_ms: i64) -> Kept<()> {
        self.lock().execute(
            "INSERT INTO links (hash, user, role, name, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![hash_of(secret), link.user, link.role, link.name, expires_ms],
        )?;
        Ok(())
    }

    /// A link that can still be used; it is not used up by looking.
    pub fn link(&self, secret: &str, now_ms: i64) -> Kept<Option<Link>> {
        Ok(self
            .lock()
            .prepare_cached(
                "SELECT user, role, name FROM links
                 WHERE hash = ?1 AND used_ms IS NULL AND expires_ms > ?2",
            )?
            .query_row(params![hash_of(secret), now_ms], |row| {
                Ok(Link { user: row.get(0)?, role: row.get(1)?, name: row.get(2)? })
            })
            .optional()?)
    }

    /// Uses a link up. `false` where somebody was faster.
    pub fn use_link(&self, secret: &str, now_ms: i64) -> Kept<bool> {
        let used = self.lock().execute(
            "UPDATE links SET used_ms = ?2
             WHERE hash = ?1 AND used_ms IS NULL AND expires_ms > ?2",
            params![hash_of(secret), now_ms],
        )?;
        Ok(used == 1)
    }

    /// Keeps a token.
    pub fn add_token(&self, secret: &str, token: &Token) -> Kept<()> {
        self.lock().execute(
            "INSERT INTO tokens (id, hash, user, name, scopes, created_ms, expires_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                token.id,
                hash_of(secret),
                token.user,
                token.name,
                token.scopes,
                token.created_ms,
                token.expires_ms
            ],
        )?;
        Ok(())
    }

    /// The token of a secret, if it has not ended.
    pub fn token(&self, secret: &str, now_ms: i64) -> Kept<Option<Token>> {
        let connection = self.lock();
        let found = connection
            .prepare_cached(&format!("{TOKEN} WHERE hash = ?1 AND expires_ms > ?2"))?
            .query_row(params![hash_of(secret), now_ms], token)
            .optional()?;
        if let Some(token) = &found {
            connection
                .prepare_cached("UPDATE tokens SET used_ms = ?2 WHERE id = ?1")?
                .execute(params![token.id, now_ms])?;
        }
        Ok(found)
    }

    /// All tokens that have not ended, oldest first.
    pub fn tokens(&self, now_ms: i64) -> Kept<Vec<Token>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(&format!("{TOKEN} WHERE expires_ms > ?1 ORDER BY created_ms, id"))?;
        Ok(statement.query_map([now_ms], token)?.collect::<Result<_, _>>()?)
    }

    /// Revokes a token.
    pub fn end_token(&self, id: &str) -> Kept<()> {
        self.lock().execute("DELETE FROM tokens WHERE id = ?1", [id])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{User, scratch};
    use super::*;
    use crate::role::Role;

    fn signed_in() -> (tempfile::TempDir, Db) {
        let (dir, db) = scratch();
        db.add_user(&User {
            id: "1".into(),
            name: "Ann".into(),
            role: Role::Viewer,
            password: None,
            created_ms: 0,
        })
        .unwrap();
        let session = Session {
            hash: hash_of("cookie"),
            user: "1".into(),
            method: "link".into(),
            created_ms: 100,
            seen_ms: 100,
            expires_ms: 1_000,
            address: "127.0.0.1".into(),
            agent: "test".into(),
        };
        db.add_session(&session).unwrap();
        (dir, db)
    }

    #[test]
    fn a_session_ends_by_time_by_idleness_and_by_hand() {
        let (_dir, db) = signed_in();
        assert!(db.session("cookie", 200, 500).unwrap().is_some());
        assert!(db.session("other", 200, 500).unwrap().is_none());
        assert!(db.session("cookie", 601, 500).unwrap().is_none(), "idle");
        db.touch_session(&hash_of("cookie"), 700).unwrap();
        assert!(db.session("cookie", 900, 500).unwrap().is_some());
        assert!(db.session("cookie", 1_000, 500).unwrap().is_none(), "over");
        assert_eq!(db.end_session("", None).unwrap(), 0, "an empty beginning means nobody");
        let hash = hash_of("cookie");
        let start = hash.get(..16).unwrap();
        assert_eq!(db.end_session(start, Some("2")).unwrap(), 0);
        assert_eq!(db.end_session(start, Some("1")).unwrap(), 1);
        assert!(db.session("cookie", 900, 500).unwrap().is_none());
    }

    #[test]
    fn a_link_works_once_and_for_a_while() {
        let (_dir, db) = scratch();
        let link = Link { user: None, role: "admin".into(), name: "owner".into() };
        db.add_link("secret", &link, 100).unwrap();
        assert_eq!(db.link("secret", 99).unwrap(), Some(link.clone()));
        assert_eq!(db.link("secret", 99).unwrap(), Some(link), "looking does not use it up");
        assert_eq!(db.link("secret", 100).unwrap(), None);
        assert!(!db.use_link("secret", 100).unwrap());
        assert!(db.use_link("secret", 99).unwrap());
        assert!(!db.use_link("secret", 99).unwrap());
        assert_eq!(db.link("secret", 99).unwrap(), None);
    }

    #[test]
    fn a_token_is_found_by_its_secret_until_it_is_revoked() {
        let (_dir, db) = signed_in();
        let token = Token {
            id: "t".into(),
            user: "1".into(),
            name: "monitor".into(),
            scopes: "read".into(),
            created_ms: 0,
            expires_ms: 50,
            used_ms: None,
        };
        db.add_token("secret", &token).unwrap();
        assert_eq!(db.token("secret", 10).unwrap(), Some(token));
        assert_eq!(db.tokens(10).unwrap()[0].used_ms, Some(10));
        assert_eq!(db.token("secret", 50).unwrap(), None);
        db.end_token("t").unwrap();
        assert_eq!(db.token("secret", 10).unwrap(), None);
    }
}
