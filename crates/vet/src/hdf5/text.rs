//! Values that are text or opaque bytes: of fixed length, or in a global heap (III.E).

use super::file::File;
use super::message::{VALUE_MAX, datatype};
use super::object::Message;

/// The most strings of one array that are read.
const STRINGS_MAX: usize = 10_000;

/// What a datatype says of its values.
enum Kind {
    /// Text or bytes of a fixed length.
    Fixed(usize),
    /// Text or bytes of a length of their own, in a global heap.
    Varying,
}

fn kind(datatype: &[u8]) -> Option<Kind> {
    let class = datatype.first()? & 0x0f;
    let size = usize::try_from(super::file::word(datatype, 4)?).ok()?;
    match class {
        // Text, and bytes whose meaning only the writer knows.
        3 | 5 => Some(Kind::Fixed(size)),
        // A sequence of bytes or text.
        9 => {
            let is_text = datatype.get(1)? & 0x0f == 1;
            let of = datatype.get(8..)?;
            let bytes = matches!(of.first()? & 0x0f, 0) && super::file::word(of, 4) == Some(1);
            (is_text || bytes).then_some(Kind::Varying)
        }
        // Whole numbers of one byte: how Python objects are kept as bytes.
        0 if size == 1 => Some(Kind::Fixed(1)),
        _ => None,
    }
}

/// How many values a dataspace holds.
fn count(file: &File<'_>, space: Option<&[u8]>) -> usize {
    let read = || {
        let mut cut = file.cut(space?);
        let (version, rank) = (cut.byte()?, cut.byte()?);
        cut.skip(if version == 1 { 6 } else { 2 })?;
        (0..rank).try_fold(1_u64, |product, _| product.checked_mul(cut.length()?))
    };
    usize::try_from(read().unwrap_or(1)).unwrap_or(usize::MAX)
}

/// The text or bytes of a value, if it is such.
pub fn value(
    file: &File<'_>,
    message: &Message,
    space: Option<&[u8]>,
    data: &[u8],
) -> Option<Vec<u8>> {
    let datatype = datatype(file, message)?;
    let count = count(file, space);
    match kind(&datatype)? {
        Kind::Fixed(size) => {
            let length = size.checked_mul(count)?.min(VALUE_MAX);
            Some(data.get(..length.min(data.len()))?.to_vec())
        }
        Kind::Varying => {
            let mut out = Vec::new();
            let mut cut = file.cut(data);
            for _ in 0..count.min(STRINGS_MAX) {
                let Some(length) = cut.size(4) else { break };
                let (address, index) = (cut.address()?, cut.number(4)?);
                if length == 0 || out.len() + length > VALUE_MAX {
                    continue;
                }
                let object = global(file, address, index)?;
                out.extend_from_slice(object.get(..length.min(object.len()))?);
            }
            Some(out)
        }
    }
}

/// An object of a global heap.
pub fn global(file: &File<'_>, address: u64, index: u64) -> Option<Vec<u8>> {
    let head = file.read(address, 8 + file.length_size)?;
    let mut cut = file.cut(head.strip_prefix(b"GCOL")?);
    cut.skip(4)?;
    let size = cut.length()?;
    let end = address.checked_add(size)?;
    let mut at = address.checked_add(head.len() as u64)?;
    let head_size = 8 + file.length_size;
    for _ in 0..100_000 {
        if at.checked_add(head_size as u64)? > end {
            return None;
        }
        let head = file.read(at, head_size)?;
        let mut cut = file.cut(&head);
        let own = u64::from(cut.short()?);
        cut.skip(6)?;
        let size = cut.length()?;
        if own == index {
            return file.read(at + head_size as u64, usize::try_from(size).ok()?.min(VALUE_MAX));
        }
        if own == 0 {
            return None;
        }
        at = at.checked_add(head_size as u64)?.checked_add(size.div_ceil(8).checked_mul(8)?)?;
    }
    None
}

/// The text of a small data set that lies in one piece.
pub fn of_data_set(
    file: &File<'_>,
    kind_of: &Message,
    space: Option<&Message>,
    layout: &Message,
) -> Option<String> {
    let datatype = datatype(file, kind_of)?;
    let class = datatype.first()? & 0x0f;
    if !matches!(class, 3 | 9) {
        return None;
    }
    let mut cut = file.cut(&layout.body);
    let version = cut.byte()?;
    let data = match (version, cut.byte()?) {
        (3.., 0) => {
            let length = cut.size(2)?;
            cut.take(length)?.to_vec()
        }
        (3.., 1) => {
            let (address, length) = (cut.address()?, cut.length()?);
            file.read_some(address, usize::try_from(length).ok()?.min(VALUE_MAX))?
        }
        _ => return None,
    };
    let space = space.map(|space| space.body.as_slice());
    let value = value(file, kind_of, space, &data)?;
    Some(String::from_utf8_lossy(&value).into_owned())
}
