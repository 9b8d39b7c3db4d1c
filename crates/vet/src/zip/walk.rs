//! The walk along the archive for members that only their local headers tell of.

use std::collections::BTreeMap;

use super::record::local;
use super::{CENTRAL, Directory, Entry, LOCAL};
use crate::bytes::{Bytes, read_up_to};
use crate::limits::MEMBERS_MAX;

/// How far a gap between members is searched for local headers, bytes.
const GAP_MAX: u64 = 64 << 20;

/// Looks for local headers that the central directory does not tell of: at the beginning, and in
/// the gaps between the members that are known.
pub(super) fn walk_locals(
    bytes: &dyn Bytes,
    entries: &mut Vec<Entry>,
    alone: bool,
    directory: &mut Directory,
) {
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    for entry in entries.iter() {
        let end = entry.start.saturating_add(entry.packed).min(bytes.size());
        let slot = taken.entry(entry.header).or_insert(end);
        *slot = (*slot).max(end);
    }
    let mut at = 0;
    let mut hidden = 0_u32;
    let mut searched = 0_u64;
    while at < bytes.size() && entries.len() <= MEMBERS_MAX && searched < 4 * GAP_MAX {
        if let Some((_, end)) = taken.range(..=at).next_back().filter(|(_, end)| **end > at) {
            at = *end;
            continue;
        }
        let next = taken.range(at..).next().map_or(bytes.size(), |(start, _)| *start);
        let Some(found) = find(bytes, at, next.min(at.saturating_add(GAP_MAX)), &mut searched)
        else {
            if next >= bytes.size() {
                break;
            }
            at = next.max(at + 1);
            continue;
        };
        let Some(mut entry) = local(bytes, found) else {
            at = found + 4;
            continue;
        };
        if !is_plausible(&entry, bytes.size()) {
            at = found + 4;
            continue;
        }
        if entry.flags & 8 != 0 && entry.packed == 0 {
            entry.packed = descriptor_end(bytes, entry.start, &mut searched) - entry.start;
        }
        let end = entry.start.saturating_add(entry.packed).min(bytes.size());
        entry.packed = end.saturating_sub(entry.start);
        taken.insert(found, end.max(found + 30));
        at = end.max(found + 30);
        hidden += 1;
        entries.push(entry);
    }
    if hidden > 0 && !alone {
        let text = format!("{hidden} members that the central directory does not tell of");
        directory.odd.push(("zip.hidden_member", text));
    }
}

fn is_plausible(entry: &Entry, size: u64) -> bool {
    entry.start <= size
        && !entry.name.is_empty()
        && !entry.name.contains('\0')
        && entry.name.chars().filter(|c| *c == '\u{fffd}').count() * 4 <= entry.name.len()
        && entry.method < 100
}

/// The next local header in a range.
fn find(bytes: &dyn Bytes, from: u64, to: u64, searched: &mut u64) -> Option<u64> {
    const STEP: usize = 64 << 10;
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).unwrap_or(STEP).min(STEP) + 3;
        let window = read_up_to(bytes, at, wanted).ok()?;
        *searched += window.len() as u64;
        if let Some(place) = memchr::memmem::find(&window, LOCAL) {
            return Some(at + place as u64).filter(|place| *place < to);
        }
        if window.len() < 4 {
            return None;
        }
        at += (window.len() - 3) as u64;
    }
    None
}

/// Where the content of a member ends whose size stands only behind it.
fn descriptor_end(bytes: &dyn Bytes, start: u64, searched: &mut u64) -> u64 {
    const STEP: usize = 64 << 10;
    let mut at = start;
    while at < bytes.size() && at - start < GAP_MAX {
        let Ok(window) = read_up_to(bytes, at, STEP + 3) else { break };
        *searched += window.len() as u64;
        let marks = [b"PK\x07\x08".as_slice(), LOCAL, CENTRAL];
        if let Some(place) = marks.iter().filter_map(|m| memchr::memmem::find(&window, m)).min() {
            return at + place as u64;
        }
        if window.len() <= STEP {
            break;
        }
        at += STEP as u64;
    }
    bytes.size()
}
