//! Messages that matter: links, attributes, layouts, filters, external files.

use super::file::{Cut, File};
use super::object::{self, Message};
use super::{dense, group, text};

/// The longest attribute or text that is read, bytes.
pub const VALUE_MAX: usize = 8 << 20;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// To an object of this file.
    Hard(u64),
    /// To a path in this file.
    Soft(String),
    /// To an object of another file.
    External(String, String),
}

/// An attribute that holds text or opaque bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// Its value; of an array of texts, the texts behind each other.
    pub value: Vec<u8>,
}

/// What an object's messages say.
#[derive(Debug, Default)]
pub struct Object {
    /// Its links, if it is a group.
    pub links: Vec<(String, Link)>,
    /// Its attributes with text.
    pub attributes: Vec<Attribute>,
    /// Files that hold its data.
    pub external_data: Vec<String>,
    /// Files of which its data is put together.
    pub virtual_files: Vec<String>,
    /// The filters that its data passes.
    pub filters: Vec<(u16, String)>,
    /// Its text, if it is a data set of one.
    pub text: Option<String>,
    /// Whether a table of it could not be read.
    pub broken: bool,
}

impl Object {
    /// Reads what messages say.
    pub fn of(file: &File<'_>, messages: &[Message], left: &mut usize) -> Self {
        let mut out = Self::default();
        for message in messages {
            if out.message(file, message, left).is_none() {
                out.broken = true;
            }
        }
        let of = |kind| messages.iter().find(|message| message.kind == kind);
        if let (Some(kind), Some(layout)) = (of(0x03), of(0x08)) {
            out.text = text::of_data_set(file, kind, of(0x01), layout);
        }
        out
    }

    fn message(&mut self, file: &File<'_>, message: &Message, left: &mut usize) -> Option<()> {
        let body = &message.body;
        match message.kind {
            0x02 => {
                let mut cut = file.cut(body);
                let flags = cut.skip(1).and_then(|()| cut.byte())?;
                cut.skip(if flags & 1 != 0 { 8 } else { 0 })?;
                let (heap, tree) = (cut.address()?, cut.address()?);
                dense::each(file, heap, tree, left, &mut |body| {
                    self.links.push(link(file, body)?);
                    Some(())
                })
            }
            0x06 => {
                self.links.push(link(file, body)?);
                Some(())
            }
            0x07 => self.external_files(file, body),
            0x08 => self.layout(file, body),
            0x0b => self.pipeline(file, body),
            0x0c => {
                self.attributes.extend(attribute(file, body)?);
                Some(())
            }
            0x11 => {
                let mut cut = file.cut(body);
                let (tree, heap) = (cut.address()?, cut.address()?);
                group::each(file, tree, heap, left, &mut self.links)
            }
            0x15 => {
                let mut cut = file.cut(body);
                let flags = cut.skip(1).and_then(|()| cut.byte())?;
                cut.skip(if flags & 1 != 0 { 2 } else { 0 })?;
                let (heap, tree) = (cut.address()?, cut.address()?);
                dense::each(file, heap, tree, left, &mut |body| {
                    self.attributes.extend(attribute(file, body)?);
                    Some(())
                })
            }
            _ => Some(()),
        }
    }

    /// IV.A.2.h
    fn external_files(&mut self, file: &File<'_>, body: &[u8]) -> Option<()> {
        let mut cut = file.cut(body);
        cut.skip(4 + 2)?;
        let used = cut.short()?;
        let heap = group::local_heap(file, cut.address()?)?;
        for _ in 0..used {
            let at = usize::try_from(cut.length()?).ok()?;
            cut.length()?;
            cut.length()?;
            let name = file.cut(heap.get(at..)?).text()?;
            self.external_data.push(name);
        }
        Some(())
    }

    /// IV.A.2.i: only a virtual data set names files.
    fn layout(&mut self, file: &File<'_>, body: &[u8]) -> Option<()> {
        let mut cut = file.cut(body);
        let (version, class) = (cut.byte()?, cut.byte()?);
        if version < 4 || class != 3 {
            return Some(());
        }
        let (address, index) = (cut.address()?, cut.number(4)?);
        if file.is_nowhere(address) {
            return Some(());
        }
        let block = text::global(file, address, index)?;
        let mut cut = file.cut(&block);
        cut.skip(1)?;
        if cut.length()? == 0 {
            return Some(());
        }
        let name = cut.text()?;
        // A dot is the file itself.
        if name != "." {
            self.virtual_files.push(name);
        }
        Some(())
    }

    /// IV.A.2.l
    fn pipeline(&mut self, file: &File<'_>, body: &[u8]) -> Option<()> {
        let mut cut = file.cut(body);
        let (version, count) = (cut.byte()?, cut.byte()?);
        cut.skip(if version == 1 { 6 } else { 0 })?;
        for _ in 0..count {
            let number = cut.short()?;
            let named = version == 1 || number >= 256;
            let length = if named { cut.size(2)? } else { 0 };
            cut.skip(2)?;
            let values = cut.size(2)?;
            let padded = if version == 1 { length.div_ceil(8) * 8 } else { length };
            let name = cut.take(padded)?;
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            cut.skip(values * 4 + if version == 1 && values % 2 == 1 { 4 } else { 0 })?;
            self.filters.push((number, String::from_utf8_lossy(name).into_owned()));
        }
        Some(())
    }
}

/// A link message (IV.A.2.g).
fn link(file: &File<'_>, body: &[u8]) -> Option<(String, Link)> {
    let mut cut = file.cut(body);
    let (_, flags) = (cut.byte()?, cut.byte()?);
    let kind = if flags & 8 != 0 { cut.byte()? } else { 0 };
    cut.skip(if flags & 4 != 0 { 8 } else { 0 } + usize::from(flags & 0x10 != 0))?;
    let length = cut.size(1 << (flags & 3))?;
    let name = String::from_utf8_lossy(cut.take(length)?).into_owned();
    let link = match kind {
        0 => Link::Hard(cut.address()?),
        1 => {
            let length = cut.size(2)?;
            Link::Soft(String::from_utf8_lossy(cut.take(length)?).into_owned())
        }
        64 => {
            let length = cut.size(2)?;
            let mut cut = file.cut(cut.take(length)?);
            cut.skip(1)?;
            Link::External(cut.text()?, cut.text().unwrap_or_default())
        }
        _ => Link::Soft(String::new()),
    };
    Some((name, link))
}

/// An attribute message (IV.A.2.m): one attribute, or none if it holds numbers.
pub fn attribute(file: &File<'_>, body: &[u8]) -> Option<Vec<Attribute>> {
    let mut cut = file.cut(body);
    let (version, flags) = (cut.byte()?, cut.byte()?);
    let (name, kind, space) = (cut.size(2)?, cut.size(2)?, cut.size(2)?);
    cut.skip(usize::from(version >= 3))?;
    let piece = |cut: &mut Cut<'_>, length: usize| -> Option<Vec<u8>> {
        let from = cut.at();
        let piece = cut.take(length)?.to_vec();
        if version == 1 {
            cut.align(from)?;
        }
        Some(piece)
    };
    let (name, kind, space) =
        (piece(&mut cut, name)?, piece(&mut cut, kind)?, piece(&mut cut, space)?);
    let kind = Message { kind: 3, shared: version > 1 && flags & 1 != 0, body: kind };
    let value = text::value(file, &kind, Some(&space), cut.rest());
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let name = String::from_utf8_lossy(name).into_owned();
    Some(value.map(|value| Attribute { name, value }).into_iter().collect())
}

/// The datatype that a message holds, or that it says is kept elsewhere.
pub fn datatype(file: &File<'_>, message: &Message) -> Option<Vec<u8>> {
    if !message.shared {
        return Some(message.body.clone());
    }
    let mut cut = file.cut(&message.body);
    let (version, kind) = (cut.byte()?, cut.byte()?);
    // Kept in a heap of the file: no writer of models does that.
    if version == 3 && kind == 1 {
        return None;
    }
    cut.skip(if version == 1 { 6 } else { 0 })?;
    let kept = object::messages(file, cut.address()?, &mut 1_000)?;
    kept.into_iter().find(|message| message.kind == 3 && !message.shared).map(|kept| kept.body)
}
