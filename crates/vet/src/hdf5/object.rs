//! Object headers (IV.A) of both versions: a list of messages, with continuations.

use super::file::{Cut, File};

/// The most bytes of one header's blocks.
const HEADER_MAX: usize = 4 << 20;
/// The most blocks of one header.
const BLOCKS_MAX: usize = 4_096;
const CONTINUATION: u16 = 0x10;

/// A message of an object's header.
#[derive(Debug)]
pub struct Message {
    /// What it tells.
    pub kind: u16,
    /// Whether it only says where the message is kept that it shares with others.
    pub shared: bool,
    /// Its content.
    pub body: Vec<u8>,
}

/// The messages of the object at an address. `left` is how many may still be read of the file.
pub fn messages(file: &File<'_>, address: u64, left: &mut usize) -> Option<Vec<Message>> {
    let start = file.read(address, 4)?;
    if start == b"OHDR" { second(file, address, left) } else { first(file, address, left) }
}

fn first(file: &File<'_>, address: u64, left: &mut usize) -> Option<Vec<Message>> {
    let head = file.read(address, 16)?;
    let mut cut = file.cut(&head);
    if cut.byte()? != 1 {
        return None;
    }
    cut.skip(7)?;
    let size = cut.size(4)?;
    let mut blocks = vec![(address.checked_add(16)?, size)];
    let mut out = Vec::new();
    let mut seen = 0;
    while let Some((at, len)) = blocks.pop() {
        seen += 1;
        if len > HEADER_MAX || seen > BLOCKS_MAX {
            return None;
        }
        let block = file.read(at, len)?;
        let mut cut = file.cut(&block);
        while cut.rest().len() >= 8 {
            *left = left.checked_sub(1)?;
            let (kind, len, flags) = (cut.short()?, cut.size(2)?, cut.byte()?);
            cut.skip(3)?;
            // Space that is too short for a message is a gap.
            let Some(body) = cut.take(len) else { break };
            keep(file, kind, flags, body, &mut blocks, &mut out)?;
        }
    }
    Some(out)
}

fn second(file: &File<'_>, address: u64, left: &mut usize) -> Option<Vec<Message>> {
    let head = file.read_some(address, 64)?;
    let mut cut = file.cut(&head);
    cut.skip(4)?;
    if cut.byte()? != 2 {
        return None;
    }
    let flags = cut.byte()?;
    if flags & 0x20 != 0 {
        cut.skip(16)?;
    }
    if flags & 0x10 != 0 {
        cut.skip(4)?;
    }
    let size = cut.size(1 << (flags & 3))?;
    let ordered = flags & 4 != 0;
    let mut blocks = vec![(address.checked_add(cut.at() as u64)?, size)];
    let mut out = Vec::new();
    let mut seen = 0;
    while let Some((at, len)) = blocks.pop() {
        seen += 1;
        if len > HEADER_MAX || seen > BLOCKS_MAX {
            return None;
        }
        let block = file.read(at, len)?;
        let block = if seen == 1 {
            block.as_slice()
        } else {
            // A continuation has a mark before and a checksum behind.
            block.strip_prefix(b"OCHK")?.get(..len.checked_sub(8)?)?
        };
        let mut cut: Cut<'_> = file.cut(block);
        let least = if ordered { 6 } else { 4 };
        while cut.rest().len() >= least {
            *left = left.checked_sub(1)?;
            let (kind, len, flags) = (cut.byte()?, cut.size(2)?, cut.byte()?);
            if ordered {
                cut.skip(2)?;
            }
            let Some(body) = cut.take(len) else { break };
            keep(file, kind.into(), flags, body, &mut blocks, &mut out)?;
        }
    }
    Some(out)
}

fn keep(
    file: &File<'_>,
    kind: u16,
    flags: u8,
    body: &[u8],
    blocks: &mut Vec<(u64, usize)>,
    out: &mut Vec<Message>,
) -> Option<()> {
    if kind == CONTINUATION {
        let mut cut = file.cut(body);
        let at = cut.address()?;
        blocks.push((at, usize::try_from(cut.length()?).ok()?));
    } else {
        out.push(Message { kind, shared: flags & 2 != 0, body: body.to_vec() });
    }
    Some(())
}
