//! What the local header of a member says, and the extra field that both headers share.

use super::{Entry, LOCAL};
use crate::bytes::{Bytes, le, read_up_to};

/// Takes sizes and offset out of the zip64 extra field where the fixed ones are full.
pub(super) fn widen(mut extra: &[u8], entry: &mut Entry, central: bool) {
    while let (Some(id), Some(size)) = (le::<2>(extra, 0), le::<2>(extra, 2)) {
        let size = usize::try_from(size).unwrap_or(0);
        let Some(field) = extra.get(4..4 + size) else { return };
        if id == 1 {
            let mut at = 0;
            let mut take = |slot: &mut u64| {
                if *slot == 0xffff_ffff
                    && let Some(value) = le::<8>(field, at)
                {
                    *slot = value;
                    at += 8;
                }
            };
            take(&mut entry.size);
            take(&mut entry.packed);
            if central {
                take(&mut entry.header);
            }
        }
        extra = extra.get(4 + size..).unwrap_or_default();
    }
}

/// The member whose local header stands at an offset.
pub(super) fn local(bytes: &dyn Bytes, at: u64) -> Option<Entry> {
    let record = read_up_to(bytes, at, 30 + 1024).ok()?;
    if !record.starts_with(LOCAL) {
        return None;
    }
    let short = |at| le::<2>(&record, at);
    let name_len = short(26)?;
    let extra_len = short(28)?;
    let start = at + 30 + name_len + extra_len;
    let whole = if 30 + name_len + extra_len > record.len() as u64 {
        read_up_to(bytes, at, usize::try_from(30 + name_len + extra_len).ok()?).ok()?
    } else {
        record.clone()
    };
    let name_end = usize::try_from(30 + name_len).ok()?;
    let name = whole.get(30..name_end.min(whole.len()))?;
    let mut entry = Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        method: u16::try_from(short(8)?).ok()?,
        flags: u16::try_from(short(6)?).ok()?,
        crc: u32::try_from(le::<4>(&record, 14)?).ok()?,
        packed: le::<4>(&record, 18)?,
        size: le::<4>(&record, 22)?,
        header: at,
        start,
        mode: 0,
    };
    widen(whole.get(name_end..).unwrap_or_default(), &mut entry, false);
    Some(entry)
}
