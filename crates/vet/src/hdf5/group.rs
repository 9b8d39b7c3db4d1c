//! Groups by symbol table (III.A.1, III.B, III.C): B-trees of version 1 and local heaps.

use std::collections::HashSet;

use super::file::File;
use super::message::Link;

/// The largest local heap that is read, bytes.
const HEAP_MAX: u64 = 8 << 20;

/// The data of a local heap (III.D).
pub fn local_heap(file: &File<'_>, address: u64) -> Option<Vec<u8>> {
    let head = file.read(address, 8 + 2 * file.length_size + file.offset_size)?;
    let mut cut = file.cut(head.strip_prefix(b"HEAP")?);
    cut.skip(4)?;
    let size = cut.length()?;
    cut.length()?;
    let data = cut.address()?;
    (size <= HEAP_MAX).then(|| file.read_some(data, usize::try_from(size).ok()?)).flatten()
}

/// Reads all links of a group.
pub fn each(
    file: &File<'_>,
    tree: u64,
    heap: u64,
    left: &mut usize,
    links: &mut Vec<(String, Link)>,
) -> Option<()> {
    let names = local_heap(file, heap)?;
    let mut next = vec![tree];
    let mut visited = HashSet::new();
    while let Some(address) = next.pop() {
        *left = left.checked_sub(1)?;
        if !visited.insert(address) {
            return None;
        }
        let head = file.read(address, 8 + 2 * file.offset_size)?;
        if head.starts_with(b"SNOD") {
            symbols(file, address, &names, left, links)?;
            continue;
        }
        let mut cut = file.cut(head.strip_prefix(b"TREE")?);
        let (kind, _, used) = (cut.byte()?, cut.byte()?, usize::from(cut.short()?));
        if kind != 0 {
            return None;
        }
        let pair = file.length_size + file.offset_size;
        let body = file.read(address.checked_add(head.len() as u64)?, used * pair)?;
        let mut cut = file.cut(&body);
        for _ in 0..used {
            cut.length()?;
            next.push(cut.address()?);
        }
    }
    Some(())
}

/// A symbol table node.
fn symbols(
    file: &File<'_>,
    address: u64,
    names: &[u8],
    left: &mut usize,
    links: &mut Vec<(String, Link)>,
) -> Option<()> {
    let head = file.read(address, 8)?;
    let count = usize::from(file.cut(head.get(6..)?).short()?);
    let entry = 2 * file.offset_size + 24;
    let body = file.read(address.checked_add(8)?, count * entry)?;
    let mut cut = file.cut(&body);
    for _ in 0..count {
        *left = left.checked_sub(1)?;
        let name = usize::try_from(cut.address()?).ok()?;
        let header = cut.address()?;
        let kind = cut.number(4)?;
        cut.skip(4)?;
        let scratch = cut.take(16)?;
        let name = file.cut(names.get(name..)?).text()?;
        let link = if kind == 2 {
            let at = usize::try_from(super::file::word(scratch, 0)?).ok()?;
            Link::Soft(file.cut(names.get(at..)?).text()?)
        } else {
            Link::Hard(header)
        };
        links.push((name, link));
    }
    Some(())
}
