//! What readers find: facts about what a file holds and what loading it would do. No fact is a
//! judgement; that is what [`crate::policy`] is for.

use std::collections::{BTreeSet, HashMap};

use crate::limits::{CALLS_OF_ONE_MAX, EVIDENCE_CHARS_MAX, FACTS_MAX, UNPACKED_BYTES_MAX};

/// A callable or class by module and name, as Python finds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol {
    /// The module, such as `torch._utils`.
    pub module: String,
    /// The name within it, such as `_rebuild_tensor_v2` or `Outer.Inner`.
    pub name: String,
}

impl Symbol {
    /// From module and name.
    pub fn new(module: &str, name: &str) -> Self {
        Self { module: module.to_owned(), name: name.to_owned() }
    }
}

impl std::fmt::Display for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.name.is_empty() {
            write!(f, "{}", self.module)
        } else {
            write!(f, "{}.{}", self.module, self.name)
        }
    }
}

/// How something is called on loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// With arguments out of the file (REDUCE, INST, OBJ).
    Invoked,
    /// A class is asked for an empty object (NEWOBJ, `copyreg._reconstructor`).
    Made,
    /// An object is given its state (`__setstate__`, or its `__dict__`).
    Filled,
    /// What an earlier call gave back is called in turn.
    Chained,
}

/// Where a name in a file points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRole {
    /// The name of a member of an archive: where it is unpacked to.
    Member,
    /// The target of a link in an archive.
    Link,
    /// Data that the loader reads from beside the model.
    ExternalData,
    /// A file that the loader or graph opens.
    Asset,
}

/// What kind of code is embedded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// A Python module that a loader imports when the user trusts remote code.
    Module,
    /// A handler that a model server runs.
    Handler,
    /// A cell of a notebook.
    Cell,
    /// TorchScript: compiled by torch's own compiler, which knows no imports.
    TorchScript,
    /// An expression or body that the loader evaluates.
    Evaluated,
}

/// A fact.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fact {
    /// Loading imports the module and looks the name up.
    Named(Symbol),
    /// Loading calls it.
    Called {
        /// What.
        symbol: Symbol,
        /// How.
        how: How,
        /// Its arguments, shortened.
        arguments: String,
    },
    /// A text template that is rendered with the user's input.
    Template {
        /// Under which key it stands.
        key: String,
        /// The template.
        text: String,
    },
    /// Source code.
    Code {
        /// What kind.
        kind: CodeKind,
        /// The code.
        text: String,
    },
    /// Compiled code, and the names and texts in it.
    Bytecode {
        /// What holds it, such as `marshal`.
        kind: String,
        /// Names and texts in it.
        names: Vec<String>,
    },
    /// A path.
    Path {
        /// What it is for.
        role: PathRole,
        /// The path as it stands.
        path: String,
    },
    /// An operator, layer or node of a graph that does more than compute, or that only code
    /// outside the format knows.
    Operator {
        /// `onnx`, `tensorflow`, `keras`, ...
        family: &'static str,
        /// Its name, with its domain.
        name: String,
        /// What it is given.
        detail: String,
    },
    /// A setting that matters for what the loader does.
    Setting {
        /// Its key.
        key: String,
        /// Its value, shortened.
        value: String,
    },
    /// A free text that a format has no use for but to be read by people or tools.
    Text {
        /// Under which key it stands.
        key: String,
        /// The text, shortened to what is analysed.
        text: String,
    },
    /// A program for an operating system or shell.
    Program {
        /// What kind, such as `ELF`.
        kind: &'static str,
    },
    /// Something that no honest writer of the format makes.
    Odd {
        /// A stable id.
        id: &'static str,
        /// What exactly.
        detail: String,
    },
    /// Something that was not read, so that nothing can be said of it.
    Unread {
        /// Why, in plain words.
        why: String,
    },
}

/// A fact and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The way through the containers, empty for the file itself.
    pub member: String,
    /// The offset in that member, bytes.
    pub offset: Option<u64>,
    /// The format whose reader says so.
    pub format: &'static str,
    /// The fact.
    pub fact: Fact,
}

/// Collects facts while readers go down through containers.
#[derive(Debug, Default)]
pub struct Facts {
    found: Vec<Found>,
    named: BTreeSet<(String, Symbol)>,
    called: HashMap<(Symbol, How), u32>,
    path: Vec<String>,
    pub(crate) format: &'static str,
    /// What decompression may still put out, bytes.
    unpacked: u64,
    /// The formats that were read, by member.
    pub(crate) formats: Vec<(String, &'static str)>,
    overflow: bool,
}

impl Facts {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fact at an offset.
    pub fn at(&mut self, offset: u64, fact: Fact) {
        self.push(Some(offset), fact);
    }

    /// Notes a fact.
    pub fn note(&mut self, fact: Fact) {
        self.push(None, fact);
    }

    /// Notes something that no honest writer makes.
    pub fn odd(&mut self, offset: u64, id: &'static str, detail: impl Into<String>) {
        self.at(offset, Fact::Odd { id, detail: shorten(&detail.into()) });
    }

    /// Notes something that was not read.
    pub fn unread(&mut self, why: impl Into<String>) {
        self.note(Fact::Unread { why: why.into() });
    }

    fn push(&mut self, offset: Option<u64>, fact: Fact) {
        match &fact {
            Fact::Named(symbol) => {
                let key = (self.member(), symbol.clone());
                if self.named.len() >= FACTS_MAX || !self.named.insert(key) {
                    return;
                }
            }
            Fact::Called { symbol, how, .. } => {
                let count = self.called.entry((symbol.clone(), *how)).or_insert(0);
                *count += 1;
                if *count > CALLS_OF_ONE_MAX {
                    return;
                }
            }
            _ => {}
        }
        if self.found.len() < FACTS_MAX {
            let found = Found { member: self.member(), offset, format: self.format, fact };
            self.found.push(found);
        } else if !self.overflow {
            self.overflow = true;
            let why = format!("it holds more than {FACTS_MAX} things to look at");
            let fact = Fact::Unread { why };
            self.found.push(Found { member: self.member(), offset, format: self.format, fact });
        }
    }

    /// How many facts there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The facts.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Takes back what was noted after there were `len` facts: a trial that came to nothing.
    pub(crate) fn take_back(&mut self, len: usize) {
        self.found.truncate(len);
    }

    /// The way to the member that is being read.
    pub fn member(&self) -> String {
        self.path.join("!")
    }

    /// How deep the member lies.
    pub fn depth(&self) -> usize {
        self.path.len()
    }

    pub(crate) fn enter(&mut self, name: &str) {
        self.path.push(shorten(name));
    }

    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    /// Takes from what decompression may put out; false when it is used up.
    pub fn spend(&mut self, bytes: u64) -> bool {
        self.unpacked = self.unpacked.saturating_add(bytes);
        self.unpacked <= UNPACKED_BYTES_MAX
    }
}

/// A text for people: control characters replaced, at most [`EVIDENCE_CHARS_MAX`] characters.
pub fn shorten(text: &str) -> String {
    let mut out: String = text
        .chars()
        .take(EVIDENCE_CHARS_MAX)
        .map(|c| if c.is_control() || is_invisible(c) { '\u{b7}' } else { c })
        .collect();
    if text.chars().nth(EVIDENCE_CHARS_MAX).is_some() {
        out.push('\u{2026}');
    }
    out
}

/// Characters that turn the direction of text or are not seen at all.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
        | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_short_and_shows_what_would_hide() {
        assert_eq!(shorten("a\u{202e}b\nc"), "a\u{b7}b\u{b7}c");
        assert_eq!(shorten(&"x".repeat(1_000)).chars().count(), EVIDENCE_CHARS_MAX + 1);
    }

    #[test]
    fn the_same_call_a_thousand_times_is_kept_a_few_times() {
        let mut facts = Facts::new();
        for _ in 0..1_000 {
            facts.note(Fact::Called {
                symbol: Symbol::new("torch", "device"),
                how: How::Invoked,
                arguments: String::new(),
            });
        }
        assert_eq!(facts.len(), CALLS_OF_ONE_MAX as usize);
    }

    #[test]
    fn a_fact_knows_its_member() {
        let mut facts = Facts::new();
        facts.enter("a.zip");
        facts.enter("data.pkl");
        facts.at(7, Fact::Named(Symbol::new("os", "system")));
        facts.leave();
        assert_eq!(facts.found()[0].member, "a.zip!data.pkl");
        assert_eq!(facts.member(), "a.zip");
    }
}
