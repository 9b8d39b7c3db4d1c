//! Texts kept once, end to end.

use std::collections::HashMap;

/// The place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TextId(u32);

/// All texts of a pack.
#[derive(Debug, Default)]
pub(super) struct Texts {
    all: String,
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn get(&self, id: TextId) -> &str {
        let place = id.0 as usize;
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(place).copied().unwrap_or_default();
        self.all.get(start.unwrap_or_default() as usize..end as usize).unwrap_or_default()
    }
}

/// Takes texts in, each once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: Texts,
    known: HashMap<Box<str>, TextId>,
}

impl Interner {
    pub(super) fn add(&mut self, text: &str) -> TextId {
        if let Some(id) = self.known.get(text) {
            return *id;
        }
        let id = TextId(u32::try_from(self.texts.ends.len()).unwrap_or(u32::MAX));
        self.texts.all.push_str(text);
        self.texts.ends.push(u32::try_from(self.texts.all.len()).unwrap_or(u32::MAX));
        self.known.insert(text.into(), id);
        id
    }

    pub(super) fn get(&self, id: TextId) -> &str {
        self.texts.get(id)
    }

    pub(super) fn finish(mut self) -> Texts {
        self.texts.all.shrink_to_fit();
        self.texts.ends.shrink_to_fit();
        self.texts
    }
}

/// A text as values are compared without regard to case.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}
