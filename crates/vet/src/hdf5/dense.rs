//! Links and attributes in fractal heaps (III.G), found by B-trees of version 2 (III.A.2).

use super::file::{Cut, File};

/// The deepest tree and heap that are walked.
const DEPTH_MAX: u8 = 12;
/// The largest node or block that is read, bytes.
const NODE_MAX: usize = 4 << 20;

/// Gives every object that a tree finds in a heap to `visit`.
pub fn each(
    file: &File<'_>,
    heap: u64,
    tree: u64,
    left: &mut usize,
    visit: &mut dyn FnMut(&[u8]) -> Option<()>,
) -> Option<()> {
    if file.is_nowhere(heap) || file.is_nowhere(tree) {
        return Some(());
    }
    let heap = Heap::open(file, heap)?;
    records(file, tree, left, &mut |kind, record| {
        // Where the number in the heap stands differs (III.A.2.c).
        let id = match kind {
            5 => record.get(4..)?,
            6 => record.get(8..)?,
            8 | 9 => record,
            _ => return None,
        };
        let object = heap.object(file, id.get(..heap.id_size)?)?;
        visit(&object)
    })
}

/// Gives every record of a tree to `visit`.
fn records(
    file: &File<'_>,
    address: u64,
    left: &mut usize,
    visit: &mut dyn FnMut(u8, &[u8]) -> Option<()>,
) -> Option<()> {
    let head = file.read(address, 16 + file.offset_size + 2 + file.length_size)?;
    let mut cut = file.cut(head.strip_prefix(b"BTHD")?);
    let (_, kind) = (cut.byte()?, cut.byte()?);
    let (node_size, record_size) = (cut.size(4)?, cut.size(2)?);
    let depth = cut.short()?;
    cut.skip(2)?;
    let (root, count) = (cut.address()?, cut.size(2)?);
    if record_size == 0 || !(10..=NODE_MAX).contains(&node_size) || depth > DEPTH_MAX.into() {
        return None;
    }
    if file.is_nowhere(root) || count == 0 {
        return Some(());
    }
    let tree = Tree::new(file, node_size, record_size, usize::from(depth))?;
    tree.node(file, root, count, usize::from(depth), left, &mut |record| visit(kind, record))
}

struct Tree {
    node_size: usize,
    record_size: usize,
    /// For each depth: the bytes of the number of records of a node, and of all below it.
    counts: Vec<(usize, usize)>,
}

impl Tree {
    fn new(file: &File<'_>, node_size: usize, record_size: usize, depth: usize) -> Option<Self> {
        let room = node_size.checked_sub(10)?;
        let mut most = room / record_size;
        let mut all = most as u64;
        let mut counts = vec![(bytes_of(most as u64), 0)];
        for level in 1..=depth {
            let (own, below) = *counts.get(level - 1)?;
            let pointer = file.offset_size + own + if level > 1 { below } else { 0 };
            most = room.checked_sub(pointer)? / (record_size + pointer);
            all = (most as u64 + 1).saturating_mul(all).saturating_add(most as u64);
            counts.push((bytes_of(most as u64), bytes_of(all)));
        }
        if let Some(first) = counts.first_mut() {
            first.1 = first.0;
        }
        Some(Self { node_size, record_size, counts })
    }

    fn node(
        &self,
        file: &File<'_>,
        address: u64,
        count: usize,
        depth: usize,
        left: &mut usize,
        visit: &mut dyn FnMut(&[u8]) -> Option<()>,
    ) -> Option<()> {
        let node = file.read_some(address, self.node_size)?;
        let mark: &[u8] = if depth == 0 { b"BTLF" } else { b"BTIN" };
        let mut cut = file.cut(node.strip_prefix(mark)?);
        cut.skip(2)?;
        for _ in 0..count {
            *left = left.checked_sub(1)?;
            visit(cut.take(self.record_size)?)?;
        }
        if depth == 0 {
            return Some(());
        }
        let (own, below) = *self.counts.get(depth - 1)?;
        for _ in 0..=count {
            *left = left.checked_sub(1)?;
            let (child, records) = (cut.address()?, cut.size(own)?);
            cut.skip(if depth > 1 { below } else { 0 })?;
            self.node(file, child, records, depth - 1, left, visit)?;
        }
        Some(())
    }
}

/// How many bytes a number takes that is at most this.
fn bytes_of(most: u64) -> usize {
    let bits = 64 - most.leading_zeros();
    usize::try_from(bits.div_ceil(8)).unwrap_or(8).max(1)
}

/// A fractal heap.
struct Heap {
    id_size: usize,
    filtered: bool,
    width: u64,
    start: u64,
    direct_max: u64,
    offset_size: usize,
    length_size: usize,
    root: u64,
    rows: usize,
    huge: u64,
}

impl Heap {
    fn open(file: &File<'_>, address: u64) -> Option<Self> {
        let (o, l) = (file.offset_size, file.length_size);
        let head = file.read(address, 22 + 12 * l + 3 * o)?;
        let mut cut = file.cut(head.strip_prefix(b"FRHP")?);
        cut.skip(1)?;
        let id_size = cut.size(2)?;
        let filters = cut.short()?;
        cut.skip(1)?;
        let managed_max = cut.number(4)?;
        cut.length()?;
        let huge = cut.address()?;
        cut.length()?;
        cut.address()?;
        for _ in 0..8 {
            cut.length()?;
        }
        let width = cut.number(2)?;
        let (start, direct_max) = (cut.length()?, cut.length()?);
        let bits = cut.short()?;
        cut.skip(2)?;
        let (root, rows) = (cut.address()?, usize::from(cut.short()?));
        let sane = start.is_power_of_two() && direct_max.is_power_of_two() && start <= direct_max;
        if !sane || width == 0 || bits > 64 || rows > 64 || !(1..=64).contains(&id_size) {
            return None;
        }
        // The length of a managed object takes no more bytes than the largest needs.
        let length_size = usize::try_from(direct_max.ilog2() / 8 + 1)
            .unwrap_or(8)
            .min(usize::try_from(managed_max.max(1).ilog2() / 8 + 1).unwrap_or(8));
        Some(Self {
            id_size,
            filtered: filters != 0,
            width,
            start,
            direct_max,
            offset_size: usize::from(bits.div_ceil(8)),
            length_size,
            root,
            rows,
            huge,
        })
    }

    /// The object with a number.
    fn object(&self, file: &File<'_>, id: &[u8]) -> Option<Vec<u8>> {
        let mut cut = file.cut(id);
        let flags = cut.byte()?;
        match flags >> 4 & 3 {
            0 => {
                let offset = cut.number(self.offset_size)?;
                let length = cut.size(self.length_size)?;
                let address = self.place(file, offset)?;
                file.read(address, length)
            }
            1 => self.huge_object(file, cut),
            2 => {
                // It lies in the number itself; long ones have a longer length.
                let length = usize::from(flags & 0x0f) + 1;
                Some(cut.take(length.min(cut.rest().len()))?.to_vec())
            }
            _ => None,
        }
    }

    fn huge_object(&self, file: &File<'_>, mut cut: Cut<'_>) -> Option<Vec<u8>> {
        if self.filtered {
            return None;
        }
        let direct = self.id_size > file.offset_size + file.length_size;
        if direct {
            let (address, length) = (cut.address()?, cut.length()?);
            return file.read(address, usize::try_from(length).ok()?);
        }
        let number = cut.number(cut.rest().len().min(file.length_size))?;
        let mut found = None;
        records(file, self.huge, &mut 100_000, &mut |kind, record| {
            let mut cut = file.cut(record);
            let (address, length) = (cut.address()?, cut.length()?);
            if kind == 1 && cut.length()? == number {
                found = Some((address, length));
            }
            Some(())
        })?;
        let (address, length) = found?;
        file.read(address, usize::try_from(length).ok()?)
    }

    /// The size of the blocks of a row of the doubling table.
    fn row_size(&self, row: usize) -> Option<u64> {
        self.start.checked_shl(u32::try_from(row.saturating_sub(1)).ok()?).filter(|size| *size > 0)
    }

    /// The address in the file of an offset in the heap.
    fn place(&self, file: &File<'_>, offset: u64) -> Option<u64> {
        // A block of filtered data would have to be unpacked: no writer of models makes one.
        if self.filtered {
            return None;
        }
        if self.rows == 0 {
            return self.root.checked_add(offset);
        }
        let (mut block, mut rows, mut within) = (self.root, self.rows, offset);
        for _ in 0..DEPTH_MAX {
            let (mut row, mut base) = (0, 0_u64);
            // Which row and column of this block it is.
            let size = loop {
                let size = self.row_size(row)?;
                let whole = size.checked_mul(self.width)?;
                if within < base.checked_add(whole)? {
                    break size;
                }
                base = base.checked_add(whole)?;
                row += 1;
                if row >= rows {
                    return None;
                }
            };
            let column = (within - base) / size;
            let entry = (row as u64).checked_mul(self.width)?.checked_add(column)?;
            let head = 5 + file.offset_size as u64 + self.offset_size as u64;
            let at = block
                .checked_add(head)?
                .checked_add(entry.checked_mul(file.offset_size as u64)?)?;
            if file.read(block, 4)? != b"FHIB" {
                return None;
            }
            let child = file.cut(&file.read(at, file.offset_size)?).address()?;
            within = within - base - column * size;
            if size <= self.direct_max {
                return child.checked_add(within);
            }
            rows = usize::try_from(
                (size.ilog2()).checked_sub(self.start.checked_mul(self.width)?.ilog2())?,
            )
            .ok()?
                + 1;
            block = child;
        }
        None
    }
}
