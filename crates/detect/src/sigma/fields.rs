//! The fields that rules name, and the names that each log source has for them.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::atom::Field;
use super::mapping::{Convert, MAPPINGS};

/// What is done to the values of a field before they are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Plain,
    CommandLine,
    Script,
}

impl FieldKind {
    /// By the name that Sigma gives the field.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "CommandLine" | "ParentCommandLine" | "ProcessCommandLine" | "ServiceFileName" => {
                Self::CommandLine
            }
            "ScriptBlockText" => Self::Script,
            _ => Self::Plain,
        }
    }
}

/// The pretended field of rules that look for words in any field.
pub(super) const ANY: &str = "";

/// A table that is made of a pack and asked by events. An event adds nothing to it, so what it asks
/// for cannot make it slow, and the hash may be a quick one.
pub(super) type Known<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// Eight bytes at a time: turned, mixed in, multiplied.
#[derive(Default)]
pub(super) struct QuickHasher(u64);

impl QuickHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for QuickHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            self.mix(u64::from_le_bytes(last));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u16(&mut self, number: u16) {
        self.mix(u64::from(number));
    }

    fn write_i64(&mut self, number: i64) {
        self.mix(number.cast_unsigned());
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits, which a product mixes least.
        self.0 ^ (self.0 >> 32)
    }
}

/// A field, and how a source's values are turned into it.
type Called = (Field, Option<Convert>);

/// Collects the fields of a pack.
#[derive(Debug, Default)]
pub(super) struct FieldInterner {
    names: Vec<String>,
    known: Known<String, Field>,
}

/// The fields of a pack.
#[derive(Debug)]
pub(super) struct Names {
    names: Vec<String>,
    kinds: Vec<FieldKind>,
    same: Known<String, Field>,
    /// For each mapping: the source's name to the fields that rules name.
    mapped: Vec<Known<&'static str, Vec<Called>>>,
}

impl FieldInterner {
    /// The number of a field; `None` when there are more than fit.
    pub(super) fn add(&mut self, name: &str) -> Option<Field> {
        if let Some(field) = self.known.get(name) {
            return Some(*field);
        }
        let field = Field(u16::try_from(self.names.len()).ok()?);
        self.names.push(name.to_owned());
        self.known.insert(name.to_owned(), field);
        Some(field)
    }

    pub(super) fn name(&self, field: Field) -> &str {
        self.names.get(usize::from(field.0)).map_or("", String::as_str)
    }

    pub(super) fn finish(self) -> Names {
        let kinds = self.names.iter().map(|name| FieldKind::of(name)).collect();
        let mapped = MAPPINGS
            .iter()
            .map(|mapping| {
                let mut names: Known<_, Vec<_>> = Known::default();
                for (theirs, sigma, convert) in mapping.fields {
                    if let Some(field) = self.known.get(*sigma) {
                        names.entry(*theirs).or_default().push((*field, *convert));
                    }
                }
                names
            })
            .collect();
        Names { names: self.names, kinds, same: self.known, mapped }
    }
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn name(&self, field: Field) -> &str {
        self.names.get(usize::from(field.0)).map_or("", String::as_str)
    }

    pub(super) fn kind(&self, field: Field) -> FieldKind {
        self.kinds.get(usize::from(field.0)).copied().unwrap_or(FieldKind::Plain)
    }

    /// The field that rules name so.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        self.same.get(name).copied()
    }

    /// The fields that a name of the source stands for.
    pub(super) fn of(
        &self,
        name: &str,
        mapping: usize,
    ) -> impl Iterator<Item = (Field, Option<Convert>)> {
        let same = self.same.get(name).map(|field| (*field, None));
        let mapped = self.mapped.get(mapping).and_then(|names| names.get(name));
        same.into_iter().chain(mapped.into_iter().flatten().copied())
    }
}
