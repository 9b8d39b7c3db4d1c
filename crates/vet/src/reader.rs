//! From bytes to a report: tells the format by the content, lets its reader find facts, goes down
//! through containers, and asks the policies.

use sha2::{Digest as _, Sha256};

use crate::bytes::{Bytes, Feed, Source, read_up_to};
use crate::fact::Facts;
use crate::finding::Report;
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::{CHUNK_BYTES, DEPTH_MAX, HEAD_BYTES, HELD_BYTES_MAX};
use crate::{policy, registry, unpack};

/// Reads and judges one file. `path` is only what the report calls it, and a hint for what a
/// loader would do with it.
pub fn vet(path: &str, bytes: &dyn Bytes) -> Report {
    let (sha256, whole) = hash(bytes);
    let mut facts = read(path, bytes);
    if !whole {
        facts.unread("the file could not be read to its end");
    }
    let format = facts.formats.first().map_or("unknown", |(_, format)| *format);
    let findings = policy::judge(&facts);
    Report {
        path: path.to_owned(),
        sha256,
        size: bytes.size(),
        format: format.to_owned(),
        verdict: Report::verdict_of(&findings),
        findings,
    }
}

/// Reads the facts of one file.
pub fn read(path: &str, bytes: &dyn Bytes) -> Facts {
    let mut facts = Facts::new();
    let name = path.rsplit('/').next().unwrap_or(path);
    facts.look(name, bytes, false);
    facts
}

/// The SHA-256 of all bytes, and whether all could be read.
fn hash(bytes: &dyn Bytes) -> (String, bool) {
    let mut state = Sha256::new();
    let mut buf = vec![0; CHUNK_BYTES];
    let mut at = 0;
    loop {
        match bytes.read_at(at, &mut buf) {
            Ok(0) => break,
            Ok(read) => {
                state.update(buf.get(..read).unwrap_or_default());
                at += read as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let digest = state.finalize();
    let hex = digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        use std::fmt::Write as _;
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    (hex, at >= bytes.size())
}

/// Every format that claims the bytes, the surest first, one of each family.
pub fn claims(probe: &Probe<'_>) -> Vec<(&'static Format, Claim)> {
    let mut all: Vec<(&'static Format, Claim)> =
        registry::ALL.iter().filter_map(|format| Some((*format, (format.wants)(probe)?))).collect();
    all.sort_by_key(|(_, claim)| std::cmp::Reverse(*claim));
    let best = all.first().map(|(_, claim)| *claim);
    let mut families = Vec::new();
    all.retain(|(format, claim)| {
        // A guess counts only where nothing is surer.
        let counts = *claim >= Claim::Structure || Some(*claim) == best;
        let first = !families.contains(&format.family);
        families.push(format.family);
        counts && first
    });
    if best.is_none_or(|claim| claim < Claim::Structure) {
        all.truncate(1);
    }
    all
}

impl Facts {
    /// Reads bytes that lie inside what is being read.
    pub fn nested(&mut self, name: &str, bytes: &dyn Bytes) {
        self.enter(name);
        if self.depth() > DEPTH_MAX {
            self.unread(format!("files lie inside files more than {DEPTH_MAX} deep"));
        } else {
            self.look(name.rsplit(['/', '\\']).next().unwrap_or(name), bytes, false);
        }
        self.leave();
    }

    /// Reads a stream that lies inside what is being read. `open` begins it anew: it is read once
    /// to see what it is, and again if it is too long to be held.
    pub fn nested_stream<'a>(
        &mut self,
        name: &str,
        open: &dyn Fn() -> Option<Box<dyn Source + 'a>>,
    ) {
        self.enter(name);
        self.look_stream(name.rsplit(['/', '\\']).next().unwrap_or(name), open);
        self.leave();
    }

    fn look_stream<'a>(&mut self, name: &str, open: &dyn Fn() -> Option<Box<dyn Source + 'a>>) {
        if self.depth() > DEPTH_MAX {
            return self.unread(format!("files lie inside files more than {DEPTH_MAX} deep"));
        }
        let Some(mut stream) = open() else {
            return self.unread("its compression is not read");
        };
        let (held, more) = unpack::up_to(&mut stream, HELD_BYTES_MAX);
        if !self.spend(held.len() as u64) {
            return self.unread("it unpacks to more than is read of one file");
        }
        if !more || held.len() < HELD_BYTES_MAX {
            self.look(name, &held, more);
            if more {
                self.unread("it is cut short or damaged");
            }
            return;
        }
        let head = held.get(..HEAD_BYTES).unwrap_or(&held).to_vec();
        let item = Item { name, bytes: &held, head: &head, cut: true };
        let claimed = claims(&Probe::new(item)).first().map(|(format, _)| *format);
        match claimed.and_then(|format| Some((format, format.stream?))) {
            Some((format, read)) => {
                drop(held);
                let Some(source) = open() else { return };
                self.formats.push((self.member(), format.name));
                let outer = std::mem::replace(&mut self.format, format.name);
                let mut feed = Feed::new(source);
                read(&mut feed, self);
                if !self.spend(feed.offset()) {
                    self.unread("it unpacks to more than is read of one file");
                }
                self.format = outer;
            }
            None => {
                self.look(name, &held, true);
                if claimed.is_none_or(|format| !format.head_only) {
                    self.unread(format!(
                        "only the first {} MiB of it were read",
                        HELD_BYTES_MAX >> 20
                    ));
                }
            }
        }
    }

    fn look(&mut self, name: &str, bytes: &dyn Bytes, cut: bool) {
        let Ok(head) = read_up_to(bytes, 0, HEAD_BYTES) else {
            return self.unread("it could not be read");
        };
        let item = Item { name, bytes, head: &head, cut };
        for (format, _) in claims(&Probe::new(item)) {
            self.formats.push((self.member(), format.name));
            let outer = std::mem::replace(&mut self.format, format.name);
            (format.read)(&item, self);
            self.format = outer;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Verdict;

    #[test]
    fn the_hash_is_that_of_all_bytes() {
        let (hex, whole) = hash(&b"abc".to_vec());
        assert!(whole);
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn an_empty_file_holds_nothing() {
        let report = vet("empty.bin", &Vec::new());
        assert_eq!(report.verdict, Verdict::NothingFound);
    }
}
