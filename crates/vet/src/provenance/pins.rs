//! Trust on first use: what a repository or a folder of a model was when it was first accepted, and
//! what is said when it is something else today.
//!
//! A pin is not proof of origin. It turns "somebody changed the model under the same name" from
//! something nobody sees into something that a person decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Pins that one book holds.
pub const PINS_MAX: usize = 100_000;

/// What is remembered of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The revision: a commit, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// SHA-256 over the digests of its files: the digest of the model in its manifest.
    pub digest: String,
    /// Who signed it, where it was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// When it was pinned, in milliseconds since 1970.
    pub pinned_ms: i64,
}

/// What the book says of a model that is seen now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was never seen: it is now pinned, and trusted because nothing is known of it.
    First,
    /// It is what was pinned.
    Same,
    /// It is something else; nothing was changed in the book.
    Changed(Vec<Change>),
    /// The book is full; the model stays unknown.
    Full,
}

/// One way in which a model differs from its pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another revision, and other files: an update, which a person accepts or not.
    Revision {
        /// The pinned one.
        from: Option<String>,
        /// The one that is there now.
        to: Option<String>,
    },
    /// Other files under the same revision. A revision cannot change; somebody rewrote it, or the
    /// copy on the disk was changed.
    Files,
    /// Somebody else signed it, or nobody does any more.
    Signer {
        /// Who signed what was pinned.
        from: Option<String>,
        /// Who signs now.
        to: Option<String>,
    },
}

/// The pins of a site, by the name of the repository or the path of the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinBook {
    pins: BTreeMap<String, Pin>,
}

impl PinBook {
    /// The pin of a model.
    pub fn get(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    /// Compares a model with its pin, and pins it if it has none.
    pub fn see(&mut self, name: &str, now: &Pin) -> Seen {
        let Some(pin) = self.pins.get(name) else {
            if self.pins.len() >= PINS_MAX {
                return Seen::Full;
            }
            self.pins.insert(name.to_owned(), now.clone());
            return Seen::First;
        };
        let mut changes = Vec::new();
        if pin.digest != now.digest {
            if pin.revision == now.revision {
                changes.push(Change::Files);
            } else {
                let (from, to) = (pin.revision.clone(), now.revision.clone());
                changes.push(Change::Revision { from, to });
            }
        }
        if pin.signer != now.signer {
            changes.push(Change::Signer { from: pin.signer.clone(), to: now.signer.clone() });
        }
        if changes.is_empty() { Seen::Same } else { Seen::Changed(changes) }
    }

    /// Pins what a person accepted.
    pub fn accept(&mut self, name: &str, pin: Pin) {
        self.pins.insert(name.to_owned(), pin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(revision: &str, digest: &str, signer: Option<&str>) -> Pin {
        Pin {
            revision: Some(revision.to_owned()),
            digest: digest.to_owned(),
            signer: signer.map(str::to_owned),
            pinned_ms: 1,
        }
    }

    #[test]
    fn the_first_use_is_pinned_and_a_change_is_said_until_it_is_accepted() {
        let mut book = PinBook::default();
        let old = pin("r1", "aa", Some("ann"));
        assert_eq!(book.see("org/model", &old), Seen::First);
        assert_eq!(book.see("org/model", &old), Seen::Same);
        let new = pin("r2", "bb", Some("ann"));
        let update = Change::Revision { from: old.revision.clone(), to: new.revision.clone() };
        assert_eq!(book.see("org/model", &new), Seen::Changed(vec![update.clone()]));
        assert_eq!(book.see("org/model", &new), Seen::Changed(vec![update]));
        book.accept("org/model", new.clone());
        assert_eq!(book.see("org/model", &new), Seen::Same);
    }

    #[test]
    fn other_files_under_one_revision_are_worse_than_an_update() {
        let mut book = PinBook::default();
        book.see("org/model", &pin("r1", "aa", Some("ann")));
        let seen = book.see("org/model", &pin("r1", "bb", None));
        let signer = Change::Signer { from: Some("ann".to_owned()), to: None };
        assert_eq!(seen, Seen::Changed(vec![Change::Files, signer]));
    }

    #[test]
    fn a_book_survives_being_written() {
        let mut book = PinBook::default();
        book.see("org/model", &pin("r1", "aa", None));
        let json = serde_json::to_string(&book).unwrap();
        assert_eq!(serde_json::from_str::<PinBook>(&json).unwrap(), book);
    }
}
