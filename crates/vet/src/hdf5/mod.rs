//! HDF5 (HDF5 File Format Specification, version 3.0): what a file's own tables say, without a
//! library.
//!
//! | module | holds |
//! |---|---|
//! | [`file`] | addresses and sizes as the superblock gives them |
//! | `object` | object headers of both versions, and their messages |
//! | `message` | links, attributes, layouts, filters, external files |
//! | `group` | groups by symbol table: B-trees of version 1 and local heaps |
//! | `dense` | groups and attributes in fractal heaps, with B-trees of version 2 |
//! | `text` | strings of fixed and of variable length, global heaps |
//!
//! Architecture invariant: an address or size of the file is only ever asked of
//! [`file::File::read`], which answers nothing outside of the file; every walk counts what it
//! visits, and no object is visited twice.

mod dense;
pub mod file;
mod group;
mod message;
mod object;
mod text;

use std::collections::HashSet;

pub use file::File;
pub use message::{Attribute, Link};

/// The most objects of one file that are visited.
const OBJECTS_MAX: usize = 200_000;
/// The most links, attributes and messages of one file that are read.
pub(crate) const ENTRIES_MAX: usize = 1_000_000;

/// Something that a file says.
#[derive(Debug)]
pub enum Seen {
    /// An attribute that holds text or bytes, of the object with this path.
    Attribute(String, Attribute),
    /// An external link: the object's path, the file, and the object in it.
    External(String, String),
    /// A data set's bytes lie in another file.
    ExternalData(String, String),
    /// A data set is put together from other files.
    Virtual(String, String),
    /// A filter that its data passes on reading: its number and name.
    Filter(u16, String),
    /// A small data set of text.
    Text(String, String),
}

/// Walks over all objects of a file. Gives why it could not read all of it, if it could not.
pub fn walk(file: &File<'_>, visit: &mut dyn FnMut(Seen)) -> Result<(), &'static str> {
    let mut next = vec![(String::new(), file.root)];
    let mut visited = HashSet::new();
    let mut left = ENTRIES_MAX;
    let mut broken = None;
    while let Some((path, address)) = next.pop() {
        if !visited.insert(address) {
            continue;
        }
        if visited.len() > OBJECTS_MAX {
            return Err("it holds more objects than are looked at");
        }
        let Some(messages) = object::messages(file, address, &mut left) else {
            broken = Some("an object's header is broken");
            continue;
        };
        let object = message::Object::of(file, &messages, &mut left);
        if object.broken {
            broken = Some("a group's or attribute's table is broken");
        }
        for attribute in object.attributes {
            visit(Seen::Attribute(path.clone(), attribute));
        }
        for (name, link) in object.links {
            let inner = if path.is_empty() { name } else { format!("{path}/{name}") };
            match link {
                Link::Hard(address) => next.push((inner, address)),
                Link::External(to, _) => visit(Seen::External(inner, to)),
                Link::Soft(_) => {}
            }
        }
        for name in object.external_data {
            visit(Seen::ExternalData(path.clone(), name));
        }
        for name in object.virtual_files {
            visit(Seen::Virtual(path.clone(), name));
        }
        for (number, name) in object.filters {
            visit(Seen::Filter(number, name));
        }
        if let Some(text) = object.text {
            visit(Seen::Text(path.clone(), text));
        }
    }
    broken.map_or(Ok(()), Err)
}
