//! Joining, renewing, admitting, removing. Each decision and what follows from it is one
//! transaction: a token is used by exactly one machine, a key is certified once.

use rusqlite::{OptionalExtension as _, Transaction, params};
use spine::{Digest, HostId};

use super::authority::{AskedKey, Issued, digest_of, read_request};
use super::db::{CERTIFICATE, Certificate, certificate};
use super::limits;
use super::refusal::{Code, Turned, away};
use super::wire::{Hello, Join, countersign_text, record_key_name};
use super::{Machines, Push};
use crate::db::hash_of;

/// A machine that showed a certificate which is good now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The machine.
    pub host: HostId,
    /// Its certificate, SHA-256 in hexadecimal digits.
    pub fingerprint: String,
    /// When it should ask for the next one, milliseconds since the Unix epoch.
    pub renew_ms: i64,
    /// When the certificate ends.
    pub not_after_ms: i64,
}

/// A token as it is kept.
struct Token {
    expires_ms: i64,
    again: Option<String>,
    used_ms: Option<i64>,
}

fn token(transaction: &Transaction<'_>, hash: &str) -> Result<Option<Token>, rusqlite::Error> {
    transaction
        .prepare_cached("SELECT expires_ms, again, used_ms FROM tokens WHERE hash = ?1")?
        .query_row([hash], |row| {
            Ok(Token { expires_ms: row.get(0)?, again: row.get(1)?, used_ms: row.get(2)? })
        })
        .optional()
}

/// The token of a secret, if it can still be used.
fn usable(transaction: &Transaction<'_>, hash: &str, now_ms: i64) -> Result<Token, Turned> {
    let Some(token) = token(transaction, hash)? else {
        return away(Code::TokenUnknown, "no such token was made here");
    };
    if token.used_ms.is_some() {
        let text =
            "the token was used before; if that was not you, remove the machine that used it";
        return away(Code::TokenUsed, text);
    }
    if now_ms >= token.expires_ms {
        return away(Code::TokenExpired, "the token is older than 15 minutes; make a new one");
    }
    Ok(token)
}

/// What is certified: a request that shows its key, in the form that it is sent.
fn asked_key(request: &str) -> Result<AskedKey, Turned> {
    let der = hex::decode(request);
    let key = der.map_err(|_| "it is no hexadecimal text").and_then(|der| read_request(&der));
    key.or_else(|why| away(Code::Request, format!("the request for a certificate: {why}")))
}

fn check_name(name: &str) -> Result<(), Turned> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if name.is_empty() || name.len() > limits::NAME_CHARS_MAX || !name.chars().all(good) {
        return away(Code::Malformed, "the machine's name is no host name");
    }
    Ok(())
}

/// Whether root on the machine signed, with the key of the machine's record, that it takes exactly
/// this hub with exactly this key, a moment ago.
fn check_countersigned(join: &Join, hub: Digest, key: Digest, now_ms: i64) -> Result<(), Turned> {
    let refuse = |why: &str| away(Code::Countersign, format!("what root signed: {why}"));
    let Ok(signer) = join.record_key.parse::<ledger::VerifierKey>() else {
        return refuse("the key of the record is malformed");
    };
    if signer.name() != record_key_name(join.host) {
        return refuse("the key of the record is of another machine");
    }
    let text = match signer.open(&join.countersigned) {
        Ok(text) => text,
        Err(why) => return refuse(why),
    };
    let time = text.lines().last().and_then(|line| line.strip_prefix("time "));
    let Some(time_ms) = time.and_then(|time| time.parse::<i64>().ok()) else {
        return refuse("it has no time");
    };
    if text != countersign_text(join.host, hub, key, time_ms) {
        return refuse("it is for another hub, machine or key");
    }
    if !(-limits::CLOCK_SKEW_MS..=limits::COUNTERSIGN_MS).contains(&(now_ms - time_ms)) {
        return refuse("it is too old, or from the future");
    }
    Ok(())
}

fn check_key_is_new(transaction: &Transaction<'_>, key: &AskedKey) -> Result<(), Turned> {
    let seen: bool = transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM certificates WHERE key = ?1)")?
        .query_row([key.digest.to_hex()], |row| row.get(0))?;
    if seen {
        return away(Code::KeySeen, "this key was certified before; each certificate has its own");
    }
    Ok(())
}

impl Machines {
    /// Takes a machine in and returns its certificate. `own` is the machine that the hub runs on.
    pub fn join(&self, join: &Join, own: Option<HostId>, address: &str) -> Result<Issued, Turned> {
        let now_ms = self.clock.now_ms();
        if !self.joins.take(address, now_ms) {
            return away(Code::TooMany, "too many tries; wait a quarter of an hour");
        }
        let authority = self.authority()?;
        let hash = hash_of(&join.secret);
        // Whoever has no token learns nothing else.
        self.db.atomically(|transaction| usable(transaction, &hash, now_ms).map(drop))?;
        check_name(&join.name)?;
        let skew_ms = join.now_ms.saturating_sub(now_ms);
        if skew_ms.saturating_abs() > limits::CLOCK_SKEW_MS {
            let seconds = skew_ms / 1_000;
            let text = format!("the clocks are {seconds} s apart; set the machine's clock first");
            return away(Code::Clock, text);
        }
        let key = asked_key(&join.request)?;
        check_countersigned(join, authority.fingerprint(), key.digest, now_ms)?;
        if own == Some(join.host) {
            return away(Code::HostTaken, "this is the machine that the hub itself runs on");
        }
        let issued = authority.certify(join.host, &key, now_ms, &*self.rng)?;
        self.db.atomically(|transaction| {
            let token = usable(transaction, &hash, now_ms)?;
            check_key_is_new(transaction, &key)?;
            check_place(transaction, join.host, token.again.as_deref())?;
            transaction.execute(
                "UPDATE tokens SET used_ms = ?2, used_by = ?3 WHERE hash = ?1",
                params![hash, now_ms, join.host.to_string()],
            )?;
            keep_machine(transaction, join, (address, skew_ms, now_ms))?;
            end_all(transaction, join.host, now_ms)?;
            keep_certificate(transaction, join.host, &key, &issued, now_ms)
        })?;
        // A connection that the machine had before it joined again ends.
        self.push(Push::Revoked(join.host));
        self.db.note(join.host, now_ms, "joined this hub")?;
        Ok(issued)
    }

    /// Whom a certificate names, if it is good now. The handshake has checked its authority, its
    /// times and its use.
    pub fn admit(&self, der: &[u8]) -> Result<Admitted, Turned> {
        let fingerprint = digest_of(der).to_hex();
        self.db.atomically(|transaction| admitted(transaction, &fingerprint))
    }

    /// A machine says that it is here. From now on its earlier certificates are good no more.
    pub fn hello(&self, who: &Admitted, hello: &Hello, address: &str) -> Result<(), Turned> {
        let now_ms = self.clock.now_ms();
        if hello.host != who.host {
            return away(Code::Impersonation, "the machine calls itself by another's name");
        }
        let host = who.host.to_string();
        let program: String = hello.program.chars().take(60).collect();
        self.db.atomically(|transaction| {
            admitted(transaction, &who.fingerprint)?;
            transaction.execute(
                "UPDATE certificates SET used_ms = ?2 WHERE fingerprint = ?1 AND used_ms IS NULL",
                params![who.fingerprint, now_ms],
            )?;
            // Certificates that were made after this one were never used, or this one had ended.
            transaction.execute(
                "UPDATE certificates SET ended_ms = ?2, ended_why = 'superseded'
                 WHERE host = ?1 AND fingerprint <> ?3 AND ended_ms IS NULL AND made_ms <=
                    (SELECT made_ms FROM certificates WHERE fingerprint = ?3)",
                params![host, now_ms, who.fingerprint],
            )?;
            transaction.execute(
                "UPDATE machines SET heard_ms = ?2, address = ?3, skew_ms = ?4, program = ?5
                 WHERE host = ?1",
                params![host, now_ms, address, hello.now_ms.saturating_sub(now_ms), program],
            )?;
            Ok(())
        })
    }

    /// A certificate for a new key of a machine. A later one that was never used ends: whoever did
    /// not get its answer may ask again, and there is one successor at most.
    pub fn renew(&self, who: &Admitted, request: &str) -> Result<Issued, Turned> {
        let now_ms = self.clock.now_ms();
        let key = asked_key(request)?;
        let issued = self.authority()?.certify(who.host, &key, now_ms, &*self.rng)?;
        self.db.atomically(|transaction| {
            let now = admitted(transaction, &who.fingerprint)?;
            if now_ms < now.renew_ms {
                return away(Code::Early, "the certificate has not lived half its life");
            }
            check_key_is_new(transaction, &key)?;
            transaction.execute(
                "UPDATE certificates SET ended_ms = ?2, ended_why = 'dropped'
                 WHERE host = ?1 AND fingerprint <> ?3 AND ended_ms IS NULL AND used_ms IS NULL",
                params![who.host.to_string(), now_ms, who.fingerprint],
            )?;
            keep_certificate(transaction, who.host, &key, &issued, now_ms)
        })?;
        Ok(issued)
    }

    /// Removes a machine: its certificates are revoked, and whatever connection it has is told and
    /// closed. What it reported stays. Returns whether there was one.
    pub fn remove(&self, host: HostId, why: &str) -> Result<bool, Turned> {
        let now_ms = self.clock.now_ms();
        let removed = self.db.atomically(|transaction| {
            let removed = transaction.execute(
                "UPDATE machines SET removed_ms = ?2 WHERE host = ?1 AND removed_ms IS NULL",
                params![host.to_string(), now_ms],
            )?;
            end_all(transaction, host, now_ms)?;
            Ok::<_, Turned>(removed == 1)
        })?;
        if removed {
            self.db.note(host, now_ms, &format!("removed: {why}"))?;
        }
        self.push(Push::Revoked(host));
        Ok(removed)
    }
}

/// When to ask for the next certificate.
pub fn renew_ms(made_ms: i64) -> i64 {
    made_ms + limits::RENEW_AFTER_MS
}

/// Whom a certificate in the list names, if it is good now.
pub(super) fn admitted(
    transaction: &Transaction<'_>,
    fingerprint: &str,
) -> Result<Admitted, Turned> {
    let found: Option<Certificate> = transaction
        .prepare_cached(&format!("{CERTIFICATE} WHERE fingerprint = ?1"))?
        .query_row([fingerprint], certificate)
        .optional()?;
    let Some(found) = found else {
        return away(Code::Unlisted, "the certificate is not in this hub's list");
    };
    match found.ended.as_ref().map(|(_, why)| why.as_str()) {
        None => {}
        Some("superseded") => {
            let text = "a later certificate of this machine is in use; there may be two of it";
            return away(Code::Superseded, text);
        }
        Some(_) => return away(Code::Revoked, "the certificate was revoked"),
    }
    let removed: Option<i64> = transaction
        .prepare_cached("SELECT removed_ms FROM machines WHERE host = ?1")?
        .query_row([found.host.to_string()], |row| row.get(0))
        .optional()?
        .flatten();
    if removed.is_some() {
        return away(Code::Revoked, "the machine was removed");
    }
    Ok(Admitted {
        host: found.host,
        fingerprint: found.fingerprint,
        renew_ms: renew_ms(found.made_ms),
        not_after_ms: found.not_after_ms,
    })
}

/// Whether a machine may join: a new one, one that was removed, one that never came after it had
/// joined, or the one that the token was made for.
fn check_place(
    transaction: &Transaction<'_>,
    host: HostId,
    again: Option<&str>,
) -> Result<(), Turned> {
    let key = host.to_string();
    if again.is_some_and(|again| again != key) {
        return away(Code::Impersonation, "the token was made for another machine");
    }
    let known: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM machines JOIN certificates USING (host)
             WHERE host = ?1 AND removed_ms IS NULL AND used_ms IS NOT NULL)",
        )?
        .query_row([&key], |row| row.get(0))?;
    if known && again.is_none() {
        let text =
            "a machine with this identity is enrolled; remove it first, or make a token for it";
        return away(Code::HostTaken, text);
    }
    Ok(())
}

fn keep_machine(
    transaction: &Transaction<'_>,
    join: &Join,
    (address, skew_ms, now_ms): (&str, i64, i64),
) -> Result<(), Turned> {
    let host = join.host.to_string();
    let program: String = join.program.chars().take(60).collect();
    let before: Option<String> = transaction
        .prepare_cached("SELECT record_key FROM machines WHERE host = ?1")?
        .query_row([&host], |row| row.get(0))
        .optional()?;
    if before.is_some_and(|before| before != join.record_key) {
        // Another record: what was known of the old one says nothing of it.
        transaction.execute("DELETE FROM receipts WHERE host = ?1", [&host])?;
        transaction.execute(
            "UPDATE machines SET records_to = 0, edge = '[]', checkpoint = '', head = ''
             WHERE host = ?1",
            [&host],
        )?;
        transaction.execute(
            "INSERT INTO notes (host, time_ms, text) VALUES (?1, ?2, ?3)",
            params![host, now_ms, "joined with another record than it had before"],
        )?;
    }
    transaction.execute(
        "INSERT INTO machines
            (host, name, record_key, countersigned, program, joined_ms, address, skew_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (host) DO UPDATE SET
            name = excluded.name, record_key = excluded.record_key,
            countersigned = excluded.countersigned, program = excluded.program,
            joined_ms = excluded.joined_ms, heard_ms = NULL, address = excluded.address,
            skew_ms = excluded.skew_ms, removed_ms = NULL",
        params![
            host,
            join.name,
            join.record_key,
            join.countersigned,
            program,
            now_ms,
            address,
            skew_ms
        ],
    )?;
    Ok(())
}

fn keep_certificate(
    transaction: &Transaction<'_>,
    host: HostId,
    key: &AskedKey,
    issued: &Issued,
    now_ms: i64,
) -> Result<(), Turned> {
    transaction.execute(
        "INSERT INTO certificates (fingerprint, key, host, made_ms, not_after_ms)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            digest_of(&issued.der).to_hex(),
            key.digest.to_hex(),
            host.to_string(),
            now_ms,
            issued.not_after_ms
        ],
    )?;
    Ok(())
}

/// Revokes every certificate of a machine.
fn end_all(transaction: &Transaction<'_>, host: HostId, now_ms: i64) -> Result<(), Turned> {
    transaction.execute(
        "UPDATE certificates SET ended_ms = ?2, ended_why = 'revoked'
         WHERE host = ?1 AND ended_ms IS NULL",
        params![host.to_string(), now_ms],
    )?;
    Ok(())
}
