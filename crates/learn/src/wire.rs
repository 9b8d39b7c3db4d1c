//! Numbers in bytes, little-endian, for what outlives the program.

/// Takes the next `N` bytes; `None` where there are fewer.
pub fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

/// Takes a `u8`.
pub fn take_u8(input: &mut &[u8]) -> Option<u8> {
    take(input).map(u8::from_le_bytes)
}

/// Takes a `u16`.
pub fn take_u16(input: &mut &[u8]) -> Option<u16> {
    take(input).map(u16::from_le_bytes)
}

/// Takes a `u32`.
pub fn take_u32(input: &mut &[u8]) -> Option<u32> {
    take(input).map(u32::from_le_bytes)
}

/// Takes a `u64`.
pub fn take_u64(input: &mut &[u8]) -> Option<u64> {
    take(input).map(u64::from_le_bytes)
}

/// Takes a count of things that are at least `item_bytes` long, at most `max`. A count that the
/// rest of the input cannot hold is refused before room is made for it.
pub fn take_count(input: &mut &[u8], item_bytes: usize, max: usize) -> Option<usize> {
    let count = usize::try_from(take_u32(input)?).ok()?;
    let fits = count.checked_mul(item_bytes.max(1))? <= input.len();
    (count <= max && fits).then_some(count)
}

/// Writes a count.
pub fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Writes a text of at most 64 KiB with its length.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = text.floor_char_boundary(usize::from(u16::MAX));
    let cut = text.get(..end).unwrap_or_default();
    out.extend(u16::try_from(cut.len()).unwrap_or(0).to_le_bytes());
    out.extend(cut.as_bytes());
}

/// Takes a text.
pub fn take_text(input: &mut &[u8]) -> Option<String> {
    let length = usize::from(take_u16(input)?);
    let (head, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(head.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_numbers_come_back() {
        let mut out = Vec::new();
        put_text(&mut out, "héllo");
        put_count(&mut out, 3);
        let mut input = out.as_slice();
        assert_eq!(take_text(&mut input).as_deref(), Some("héllo"));
        assert_eq!(take_u32(&mut input), Some(3));
        assert_eq!(take_u8(&mut input), None);
    }

    #[test]
    fn a_count_that_cannot_be_is_refused() {
        assert_eq!(take_count(&mut [255, 255, 255, 0].as_slice(), 4, usize::MAX), None);
        assert_eq!(take_count(&mut [2, 0, 0, 0, 9, 9].as_slice(), 1, 1), None);
        assert_eq!(take_count(&mut [2, 0, 0, 0, 9, 9].as_slice(), 1, 2), Some(2));
    }
}
