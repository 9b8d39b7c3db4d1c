//! The machines' records: each is followed leaf by leaf, held against its own signature, kept, and
//! handed to the other machines, whose executors check it again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::{Checkpoint, Hash, Range, VerifierKey};
use rusqlite::{Transaction, params};
use spine::{HostId, Receipt};

use super::Machines;
use super::db::{signed, unsigned};
use super::enrol::{Admitted, admitted};
use super::limits;
use super::refusal::{Code, Turned, away};
use super::wire::{Fleet, Have, Part, read_head};
use crate::db::{DbError, Kept};

/// Under which name the signed list of machines is kept.
const FLEET: &str = "fleet";

/// A part of a record as a machine sends it.
pub struct Sent<'a> {
    /// The number of the first leaf.
    pub from: u64,
    /// The leaves.
    pub leaves: &'a [String],
    /// The checkpoint that signs them.
    pub checkpoint: &'a str,
    /// When that was so, signed.
    pub head: &'a str,
}

/// The record of a machine as far as it is known here.
struct Followed {
    key: VerifierKey,
    range: Range,
    head: String,
}

fn followed(transaction: &Transaction<'_>, host: HostId) -> Result<Followed, Turned> {
    let (key, size, edge, head): (String, u64, String, String) = transaction
        .prepare_cached("SELECT record_key, records_to, edge, head FROM machines WHERE host = ?1")?
        .query_row([host.to_string()], |row| {
            Ok((row.get(0)?, unsigned(row, 1)?, row.get(2)?, row.get(3)?))
        })?;
    let damaged = |reason: &str| Turned::Failed(format!("the kept record is damaged: {reason}"));
    let roots = read_roots(&edge).ok_or_else(|| damaged("its hashes do not read"))?;
    let range = Range::from_parts(size, roots).ok_or_else(|| damaged("its size"))?;
    let key = key.parse().map_err(|_| damaged("its key"))?;
    Ok(Followed { key, range, head })
}

fn read_roots(text: &str) -> Option<Vec<Hash>> {
    let texts: Vec<String> = serde_json::from_str(text).ok()?;
    let hash = |text: &String| Some(Hash(STANDARD.decode(text).ok()?.try_into().ok()?));
    texts.iter().map(hash).collect()
}

fn write_roots(range: &Range) -> String {
    let texts: Vec<String> = range.roots().iter().map(ToString::to_string).collect();
    serde_json::to_string(&texts).unwrap_or_default()
}

impl Machines {
    /// Takes a part of a machine's record in. Returns how many receipts are here now.
    pub fn take_records(&self, who: &Admitted, sent: &Sent<'_>) -> Result<u64, Turned> {
        let bytes: usize = sent.leaves.iter().map(String::len).sum();
        if sent.leaves.len() > limits::RECEIPTS_MAX || bytes > 2 * limits::RECEIPTS_BYTES_MAX {
            return away(Code::TooLong, "too many receipts in one message");
        }
        let taken = self.db.atomically(|transaction| {
            admitted(transaction, &who.fingerprint)?;
            take(transaction, who.host, sent)
        });
        if let Err(Turned::Away(refusal)) = &taken
            && refusal.code == Code::Record
        {
            let text = format!("its record does not fit: {}", refusal.reason);
            self.db.note(who.host, self.clock.now_ms(), &text)?;
            self.db.atomically(|transaction| forget_unsigned(transaction, who.host))?;
        }
        taken
    }

    /// Parts of the records of all machines but one, as far as it does not have them.
    pub fn parts(&self, but: HostId, have: &[Have]) -> Kept<Vec<Part>> {
        let mut parts = Vec::new();
        let mut room = limits::RECEIPTS_BYTES_MAX;
        for (host, checkpoint, head, size) in self.signed_records()? {
            if host == but {
                continue;
            }
            let from = have.iter().find(|have| have.host == host).map_or(0, |have| have.size);
            let count = usize::try_from(size.saturating_sub(from)).unwrap_or(usize::MAX);
            let mut leaves = Vec::new();
            if room > 0 {
                leaves = self.db.receipts(host, from, count.min(limits::RECEIPTS_MAX))?;
            }
            let bytes: usize = leaves.iter().map(String::len).sum();
            room = room.saturating_sub(bytes);
            parts.push(Part { host, from, leaves, checkpoint, head });
        }
        Ok(parts)
    }

    /// Machines whose record is here up to a checkpoint: host, checkpoint, head, size.
    fn signed_records(&self) -> Kept<Vec<(HostId, String, String, u64)>> {
        let connection = self.db.lock();
        let mut statement = connection.prepare_cached(
            "SELECT host, checkpoint, head, records_to FROM machines
             WHERE removed_ms IS NULL AND checkpoint <> '' ORDER BY host LIMIT ?1",
        )?;
        let mut rows = statement.query([signed(limits::FLEET_MAX as u64)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let text: String = row.get(0)?;
            let damaged = || DbError::Damaged { what: "machine", reason: text.clone() };
            let host = text.parse().map_err(|_| damaged())?;
            found.push((host, row.get(1)?, row.get(2)?, unsigned(row, 3)?));
        }
        Ok(found)
    }

    /// The machines that count for one another, as a person signed them last.
    pub fn fleet(&self) -> Kept<Option<Fleet>> {
        self.db.setting(FLEET)
    }

    /// Keeps the signed list of machines, to be handed to them. Whether it is good, each executor
    /// decides for itself.
    pub fn set_fleet(&self, fleet: &Fleet) -> Kept<()> {
        self.db.set(FLEET, fleet)
    }
}

fn take(transaction: &Transaction<'_>, host: HostId, sent: &Sent<'_>) -> Result<u64, Turned> {
    let Followed { key, mut range, head } = followed(transaction, host)?;
    let Ok(checkpoint) = Checkpoint::open(sent.checkpoint.as_bytes(), &key) else {
        return away(Code::Record, "the checkpoint is not signed by the machine's own key");
    };
    let Some((head_size, head_ms)) = read_head(sent.head, host, &key) else {
        return away(Code::Record, "the head is not signed by the machine's own key");
    };
    if head_size != checkpoint.size {
        return away(Code::Record, "the head and the checkpoint differ");
    }
    if sent.from > range.size() {
        return away(Code::Record, "receipts before these were not sent");
    }
    let known = usize::try_from(range.size() - sent.from).unwrap_or(usize::MAX);
    let (old, new) = sent.leaves.split_at_checked(known).unwrap_or((sent.leaves, &[]));
    check_old(transaction, host, sent.from, old)?;
    for leaf in new {
        if range.size() >= limits::RECEIPTS_KEPT_MAX || leaf.len() > ledger::limits::LEAF_BYTES_MAX
        {
            return away(Code::TooLong, "a receipt is too long, or there are too many");
        }
        match serde_json::from_str::<Receipt>(leaf) {
            Ok(receipt) if receipt.host == host => {}
            Ok(_) => return away(Code::Impersonation, "a receipt is of another machine"),
            Err(error) => return away(Code::Record, format!("a receipt does not read: {error}")),
        }
        transaction
            .prepare_cached("INSERT INTO receipts (host, number, leaf) VALUES (?1, ?2, ?3)")?
            .execute(params![host.to_string(), signed(range.size()), leaf])?;
        range.push(leaf.as_bytes());
    }
    let size = range.size();
    if checkpoint.size < size {
        return away(Code::Record, "the record is shorter than it was");
    }
    let whole = checkpoint.size == size;
    if whole && checkpoint.root != range.root() {
        return away(Code::Record, "the receipts are not the ones that were signed");
    }
    let later = read_head(&head, host, &key).is_none_or(|(_, before_ms)| head_ms >= before_ms);
    transaction.execute(
        "UPDATE machines SET records_to = ?2, edge = ?3,
            checkpoint = CASE WHEN ?4 THEN ?5 ELSE '' END,
            head = CASE WHEN ?4 AND ?6 THEN ?7 ELSE head END
         WHERE host = ?1",
        params![
            host.to_string(),
            signed(size),
            write_roots(&range),
            whole,
            sent.checkpoint,
            later,
            sent.head
        ],
    )?;
    Ok(size)
}

/// Forgets receipts that came before their signature did, where that signature does not fit: they
/// may be sent again from the beginning.
fn forget_unsigned(transaction: &Transaction<'_>, host: HostId) -> Result<(), Turned> {
    let key = host.to_string();
    let forgotten = transaction.execute(
        "UPDATE machines SET records_to = 0, edge = '[]' WHERE host = ?1 AND checkpoint = ''",
        [&key],
    )?;
    if forgotten == 1 {
        transaction.execute("DELETE FROM receipts WHERE host = ?1", [&key])?;
    }
    Ok(())
}

/// Receipts that are sent again must be the ones that are here.
fn check_old(
    transaction: &Transaction<'_>,
    host: HostId,
    from: u64,
    old: &[String],
) -> Result<(), Turned> {
    let mut statement =
        transaction.prepare_cached("SELECT leaf FROM receipts WHERE host = ?1 AND number = ?2")?;
    for (number, leaf) in (from..).zip(old) {
        let kept: String =
            statement.query_row(params![host.to_string(), signed(number)], |row| row.get(0))?;
        if kept != *leaf {
            return away(Code::Record, "receipts that were here before were changed");
        }
    }
    Ok(())
}
