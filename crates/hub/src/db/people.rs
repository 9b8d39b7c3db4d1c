//! People, their roles, passwords and passkeys.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Db, DbError, Kept};
use crate::role::Role;

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What the person may do on the page.
    pub role: Role,
    /// The password's Argon2id hash (PHC string), where there is a password.
    pub password: Option<String>,
    /// When the person was added, milliseconds since the Unix epoch.
    pub created_ms: i64,
}

/// A passkey that was made on the page. Whether it approves anything is for each executor to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasskeyRow {
    /// The credential's id, hexadecimal digits.
    pub credential: String,
    /// Whose it is.
    pub user: String,
    /// What the person calls it.
    pub name: String,
    /// The raw public key, hexadecimal digits.
    pub public: String,
    /// The relying party.
    pub rp_id: String,
    /// The origin.
    pub origin: String,
    /// The signature counter when it was made.
    pub counter: u32,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: i64,
}

const USER: &str = "SELECT id, name, role, password, created_ms FROM users";

fn user(row: &Row<'_>) -> Result<(User, String), rusqlite::Error> {
    let role: String = row.get(2)?;
    let user = User {
        id: row.get(0)?,
        name: row.get(1)?,
        role: Role::Viewer,
        password: row.get(3)?,
        created_ms: row.get(4)?,
    };
    Ok((user, role))
}

fn with_role((user, role): (User, String)) -> Kept<User> {
    match role.parse() {
        Ok(role) => Ok(User { role, ..user }),
        Err(reason) => Err(DbError::Damaged { what: "role", reason }),
    }
}

fn passkey(row: &Row<'_>) -> Result<PasskeyRow, rusqlite::Error> {
    Ok(PasskeyRow {
        credential: row.get(0)?,
        user: row.get(1)?,
        name: row.get(2)?,
        public: row.get(3)?,
        rp_id: row.get(4)?,
        origin: row.get(5)?,
        counter: row.get(6)?,
        created_ms: row.get(7)?,
    })
}

impl Db {
    /// Adds a person; `false` where the name is taken.
    pub fn add_user(&self, user: &User) -> Kept<bool> {
        let added = self.lock().execute(
            "INSERT OR IGNORE INTO users (id, name, role, password, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![user.id, user.name, user.role.name(), user.password, user.created_ms],
        )?;
        Ok(added == 1)
    }

    /// Everybody, by name.
    pub fn users(&self) -> Kept<Vec<User>> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached(&format!("{USER} WHERE removed_ms IS NULL ORDER BY name, id"))?;
        let rows = statement.query_map([], user)?.collect::<Result<Vec<_>, _>>()?;
        rows.into_iter().map(with_role).collect()
    }

    /// One person, by id.
    pub fn user(&self, id: &str) -> Kept<Option<User>> {
        self.one_user("id = ?1", id)
    }

    /// One person, by name.
    pub fn user_named(&self, name: &str) -> Kept<Option<User>> {
        self.one_user("name = ?1", name)
    }

    fn one_user(&self, condition: &str, value: &str) -> Kept<Option<User>> {
        let row = self
            .lock()
            .prepare_cached(&format!("{USER} WHERE removed_ms IS NULL AND {condition}"))?
            .query_row([value], user)
            .optional()?;
        row.map(with_role).transpose()
    }

    /// Gives a person a password, or takes it away.
    pub fn set_password(&self, user: &str, hash: Option<&str>) -> Kept<()> {
        self.lock().execute("UPDATE users SET password = ?2 WHERE id = ?1", params![user, hash])?;
        Ok(())
    }

    /// Changes what a person may do, and ends the person's sessions.
    pub fn set_role(&self, user: &str, role: Role) -> Kept<()> {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        transaction.execute("UPDATE users SET role = ?2 WHERE id = ?1", [user, role.name()])?;
        transaction.execute("DELETE FROM sessions WHERE user = ?1", [user])?;
        transaction.execute("DELETE FROM tokens WHERE user = ?1", [user])?;
        Ok(transaction.commit()?)
    }

    /// Removes a person with sessions, tokens and passkeys.
    pub fn remove_user(&self, user: &str, now_ms: i64) -> Kept<()> {
        let connection = self.lock();
        let transaction = connection.unchecked_transaction()?;
        for table in ["sessions", "tokens", "passkeys", "links"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE user = ?1"), [user])?;
        }
        transaction.execute(
            "UPDATE users SET removed_ms = ?2, password = NULL WHERE id = ?1",
            params![user, now_ms],
        )?;
        Ok(transaction.commit()?)
    }

    /// Keeps a passkey; `false` where the credential is known already.
    pub fn add_passkey(&self, passkey: &PasskeyRow) -> Kept<bool> {
        let added = self.lock().execute(
            "INSERT OR IGNORE INTO passkeys
                (credential, user, name, public, rp_id, origin, counter, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                passkey.credential,
                passkey.user,
                passkey.name,
                passkey.public,
                passkey.rp_id,
                passkey.origin,
                passkey.counter,
                passkey.created_ms
            ],
        )?;
        Ok(added == 1)
    }

    /// All passkeys, oldest first.
    pub fn passkeys(&self) -> Kept<Vec<PasskeyRow>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT credential, user, name, public, rp_id, origin, counter, created_ms
             FROM passkeys ORDER BY created_ms, credential",
        )?;
        Ok(statement.query_map([], passkey)?.collect::<Result<_, _>>()?)
    }

    /// The passkeys of one person.
    pub fn passkeys_of(&self, user: &str) -> Kept<Vec<PasskeyRow>> {
        Ok(self.passkeys()?.into_iter().filter(|passkey| passkey.user == user).collect())
    }

    /// Forgets a passkey. An executor that enrolled it still knows it.
    pub fn remove_passkey(&self, credential: &str) -> Kept<()> {
        self.lock().execute("DELETE FROM passkeys WHERE credential = ?1", [credential])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;

    fn ann() -> User {
        User {
            id: "1".into(),
            name: "Ann".into(),
            role: Role::Admin,
            password: None,
            created_ms: 5,
        }
    }

    #[test]
    fn a_name_is_taken_once_and_free_again_after_removal() {
        let (_dir, db) = scratch();
        assert!(db.add_user(&ann()).unwrap());
        assert!(!db.add_user(&User { id: "2".into(), ..ann() }).unwrap());
        assert_eq!(db.user_named("Ann").unwrap(), Some(ann()));
        db.remove_user("1", 9).unwrap();
        assert_eq!(db.user("1").unwrap(), None);
        assert!(db.add_user(&User { id: "2".into(), ..ann() }).unwrap());
        assert_eq!(db.users().unwrap().len(), 1);
    }
}
