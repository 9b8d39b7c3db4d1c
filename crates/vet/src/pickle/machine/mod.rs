//! The machine: one pickle from its first opcode to STOP.

mod literals;

use std::collections::HashMap;

use super::calls;
use super::value::{Node, Store, Value};
use crate::bytes::Feed;
use crate::fact::{Fact, Facts, How, Symbol};
use crate::limits::PICKLE_STACK_MAX;

/// How a pickle ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With STOP.
    Stop,
    /// With a byte that is no opcode.
    BadOpcode(u8),
    /// With the stream.
    CutShort,
    /// With a limit of this reader.
    TooMuch(&'static str),
}

/// How many values a pickle may stand for if nothing were shared, and how many a byte of it.
const EXPANSION_MAX: u64 = 100_000;
const EXPANSION_BYTES_MAX: u64 = 1_000;

/// The machine.
pub struct Machine<'f> {
    pub(super) store: Store,
    pub(super) facts: &'f mut Facts,
    /// Where the opcode that is being carried out stands.
    pub(super) offset: u64,
    stack: Vec<Value>,
    memo: Vec<Value>,
    memo_far: HashMap<u32, Value>,
    /// How many names were looked up.
    pub globals: u32,
    /// Bytes that follow an object outside the pickle's own opcodes (joblib's arrays).
    pub(super) raw: Option<Raw>,
    /// `getattr`, named: every pickled member of an enumeration does so. It counts where no call
    /// of it could be followed.
    getattr_named: Option<(u64, Symbol)>,
    pub(super) getattr_followed: bool,
    /// How many results of calls are being called, one made of the other.
    pub(super) chained: u8,
}

/// What stands between two opcodes, put there by joblib.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw {
    /// An array's bytes, behind as much padding as the byte before it says where `aligned`.
    Array {
        /// How many bytes.
        bytes: u64,
        /// Whether padding stands before it.
        aligned: bool,
    },
    /// A pickle of its own.
    Pickle,
}

impl<'f> Machine<'f> {
    /// An empty machine.
    pub fn new(facts: &'f mut Facts) -> Self {
        Self {
            store: Store::default(),
            facts,
            offset: 0,
            stack: Vec::new(),
            memo: Vec::new(),
            memo_far: HashMap::new(),
            globals: 0,
            raw: None,
            getattr_named: None,
            getattr_followed: false,
            chained: 0,
        }
    }

    /// Runs one pickle.
    pub fn run(&mut self, feed: &mut Feed<'_>) -> Ending {
        let start = feed.offset();
        let ending = self.execute(feed);
        let length = feed.offset().saturating_sub(start).max(64);
        if self.store.heaviest > EXPANSION_MAX && self.store.heaviest / length > EXPANSION_BYTES_MAX
        {
            let detail = format!("{length} bytes stand for {} values", self.store.heaviest);
            self.facts.odd(start, "pickle.expansion", detail);
        }
        if let Some((offset, symbol)) = self.getattr_named.take().filter(|_| !self.getattr_followed)
        {
            self.facts.at(offset, Fact::Named(symbol));
        }
        ending
    }

    fn execute(&mut self, feed: &mut Feed<'_>) -> Ending {
        loop {
            self.offset = feed.offset();
            let Some(opcode) = feed.byte() else { return Ending::CutShort };
            if opcode == b'.' {
                if self.store.full {
                    self.facts.at(
                        self.offset,
                        Fact::Odd {
                            id: "pickle.crowded",
                            detail: "it holds more values than are kept".to_owned(),
                        },
                    );
                }
                return Ending::Stop;
            }
            match self.step(opcode, feed) {
                Some(true) => {}
                Some(false) => return Ending::BadOpcode(opcode),
                None => return Ending::CutShort,
            }
            if let Some(raw) = self.raw.take()
                && self.pass(raw, feed).is_none()
            {
                return Ending::CutShort;
            }
            if self.stack.len() > PICKLE_STACK_MAX || self.memo.len() > 2 * PICKLE_STACK_MAX {
                return Ending::TooMuch("it piles up more values than are followed");
            }
        }
    }

    /// One opcode; `None` where the stream ends, false where it is no opcode.
    fn step(&mut self, opcode: u8, feed: &mut Feed<'_>) -> Option<bool> {
        match opcode {
            b'(' => self.stack.push(Value::MARK),
            b'0' => drop(self.stack.pop()),
            b'1' => drop(self.pop_mark()),
            b'2' => self.push(*self.stack.last().unwrap_or(&Value::OPAQUE)),
            b'N' => self.push(Value::NONE),
            0x88 => self.push(Value::TRUE),
            0x89 => self.push(Value::FALSE),
            0x80 => feed.skip(1)?,
            0x95 => feed.skip(8)?,
            0x97 => self.push(Value::OPAQUE),
            0x98 => {}
            b'I' | b'L' | b'F' | b'K' | b'M' | b'J' | b'G' | 0x8a | 0x8b => {
                self.number(opcode, feed)?;
            }
            b'S' | b'V' | b'U' | b'T' | b'X' | 0x8c | 0x8d => self.string(opcode, feed)?,
            b'C' | b'B' | 0x8e | 0x96 => self.blob(opcode, feed)?,
            b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => self.memory(opcode, feed)?,
            b'c' | b'i' | 0x93 | 0x82..=0x84 => self.name(opcode, feed)?,
            b'P' => {
                feed.line(4096)?;
                self.push(Value::OPAQUE);
            }
            b'Q' => {
                self.pop();
                self.push(Value::OPAQUE);
            }
            _ => return Some(self.structure(opcode)),
        }
        Some(true)
    }

    fn memory(&mut self, opcode: u8, feed: &mut Feed<'_>) -> Option<()> {
        let index = match opcode {
            b'p' | b'g' => {
                let line = feed.line(32)?;
                String::from_utf8_lossy(&line).trim().parse::<u32>().unwrap_or(u32::MAX)
            }
            b'q' | b'h' => u32::from(feed.byte()?),
            b'r' | b'j' => u32::from_le_bytes(feed.array()?),
            _ => u32::try_from(self.memo.len() + self.memo_far.len()).unwrap_or(u32::MAX),
        };
        if matches!(opcode, b'g' | b'h' | b'j') {
            let near = usize::try_from(index).ok().and_then(|index| self.memo.get(index));
            let value = near.or_else(|| self.memo_far.get(&index)).copied();
            self.push(value.unwrap_or(Value::OPAQUE));
            return Some(());
        }
        let value = *self.stack.last().unwrap_or(&Value::OPAQUE);
        let near = usize::try_from(index).unwrap_or(usize::MAX);
        if near == self.memo.len() {
            self.memo.push(value);
        } else if let Some(slot) = self.memo.get_mut(near) {
            *slot = value;
        } else if self.memo_far.len() < PICKLE_STACK_MAX / 8 {
            self.memo_far.insert(index, value);
        }
        Some(())
    }

    fn name(&mut self, opcode: u8, feed: &mut Feed<'_>) -> Option<()> {
        let value = match opcode {
            b'c' | b'i' => {
                let module = feed.line(512)?;
                let name = feed.line(512)?;
                let symbol = Symbol {
                    module: String::from_utf8_lossy(&module).trim_end_matches('\r').to_owned(),
                    name: String::from_utf8_lossy(&name).trim_end_matches('\r').to_owned(),
                };
                self.global(symbol)
            }
            0x93 => {
                let (name, module) = (self.pop(), self.pop());
                match (self.store.as_text(module), self.store.as_text(name)) {
                    (Some(module), Some(name)) => {
                        let symbol = Symbol::new(module, name);
                        self.global(symbol)
                    }
                    _ => {
                        let shown = format!(
                            "{} . {}",
                            self.store.show(module, 1),
                            self.store.show(name, 1)
                        );
                        self.facts.odd(self.offset, "pickle.hidden_name", shown);
                        Value::OPAQUE
                    }
                }
            }
            _ => {
                let code = match opcode {
                    0x82 => u32::from(feed.byte()?),
                    0x83 => u32::from(u16::from_le_bytes(feed.array()?)),
                    _ => u32::from_le_bytes(feed.array()?),
                };
                let text = format!("extension code {code}");
                self.facts.odd(self.offset, "pickle.extension", text);
                Value::OPAQUE
            }
        };
        if opcode == b'i' {
            let items = self.pop_mark();
            let args = self.store.tuple(&items);
            let made = self.call(value, args, How::Invoked);
            self.push(made);
        } else {
            self.push(value);
        }
        Some(())
    }

    pub(super) fn global(&mut self, symbol: Symbol) -> Value {
        self.globals += 1;
        if symbol.name == "getattr" && calls::canonical_module(&symbol.module) == "builtins" {
            self.getattr_named.get_or_insert((self.offset, symbol.clone()));
        } else {
            self.facts.at(self.offset, Fact::Named(symbol.clone()));
        }
        self.store.add(Node::Global(Box::new(symbol)))
    }

    /// Opcodes that only move values; false if it is none.
    fn structure(&mut self, opcode: u8) -> bool {
        match opcode {
            b')' => self.push_node(Node::Tuple(Vec::new())),
            b']' | 0x8f => self.push_node(Node::List(Vec::new())),
            b'}' => self.push_node(Node::Dict(Vec::new())),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84).min(self.stack.len());
                let items = self.stack.split_off(self.stack.len() - count);
                let tuple = self.store.tuple(&items);
                self.push(tuple);
            }
            b't' | 0x91 => {
                let items = self.pop_mark();
                let tuple = self.store.tuple(&items);
                self.push(tuple);
            }
            b'l' | b'd' => {
                let items = self.pop_mark();
                let empty = if opcode == b'l' { Node::List } else { Node::Dict };
                let made = self.store.add(empty(Vec::new()));
                self.store.extend(made, &items, opcode == b'd');
                self.push(made);
            }
            b'a' => {
                let item = self.pop();
                self.put(&[item], false);
            }
            b's' => {
                let (value, key) = (self.pop(), self.pop());
                self.put(&[key, value], true);
            }
            b'e' | 0x90 => {
                let items = self.pop_mark();
                self.put(&items, false);
            }
            b'u' => {
                let items = self.pop_mark();
                self.put(&items, true);
            }
            b'R' | 0x81 | 0x92 | b'o' | b'b' => self.invoke(opcode),
            _ => return false,
        }
        true
    }

    fn put(&mut self, items: &[Value], dict: bool) {
        if let Some(into) = self.stack.last().copied() {
            self.store.extend(into, items, dict);
        }
    }

    fn invoke(&mut self, opcode: u8) {
        match opcode {
            b'R' => {
                let (args, callee) = (self.pop(), self.pop());
                let made = self.call(callee, args, How::Invoked);
                self.push(made);
            }
            0x81 => {
                let (args, callee) = (self.pop(), self.pop());
                let made = self.call(callee, args, How::Made);
                self.push(made);
            }
            0x92 => {
                let (_, args, callee) = (self.pop(), self.pop(), self.pop());
                let made = self.call(callee, args, How::Made);
                self.push(made);
            }
            b'o' => {
                let items = self.pop_mark();
                let (callee, rest) = items.split_first().unwrap_or((&Value::OPAQUE, &[]));
                let args = self.store.tuple(rest);
                let made = self.call(*callee, args, How::Invoked);
                self.push(made);
            }
            _ => {
                let state = self.pop();
                self.build(state);
            }
        }
    }

    fn pass(&mut self, raw: Raw, feed: &mut Feed<'_>) -> Option<()> {
        match raw {
            Raw::Array { bytes, aligned } => {
                if aligned {
                    let padding = feed.byte()?;
                    feed.skip(u64::from(padding))?;
                }
                feed.skip(bytes)
            }
            Raw::Pickle => {
                let ending = Machine::new(self.facts).run(feed);
                (ending == Ending::Stop).then_some(())
            }
        }
    }

    fn push_node(&mut self, node: Node) {
        let value = self.store.add(node);
        self.push(value);
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().unwrap_or(Value::OPAQUE)
    }

    pub(super) fn top(&self) -> Value {
        *self.stack.last().unwrap_or(&Value::OPAQUE)
    }

    fn pop_mark(&mut self) -> Vec<Value> {
        match self.stack.iter().rposition(|value| *value == Value::MARK) {
            Some(mark) => {
                let items = self.stack.split_off(mark + 1);
                self.stack.pop();
                items
            }
            None => std::mem::take(&mut self.stack),
        }
    }

    pub(super) fn nested(&mut self, bytes: &[u8]) {
        let name = format!("bytes at {}", self.offset);
        self.facts.odd(self.offset, "pickle.nested", format!("{} bytes are a pickle", bytes.len()));
        self.facts.nested(&name, &bytes.to_vec());
    }
}
