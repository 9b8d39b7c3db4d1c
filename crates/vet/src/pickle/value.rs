//! The values of the pickle machine: small handles into a bounded store.

use crate::fact::{How, Symbol};
use crate::limits::{PICKLE_ITEMS_MAX, PICKLE_NODES_MAX, PICKLE_STRING_MAX, PICKLE_TEXT_MAX};

/// A value. Small ones are the handle itself; four bytes each, because a pickle may hold millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(u32);

const INT: u32 = 0x8000_0000;
const INT_OFFSET: i64 = 1 << 29;
const ATOM: u32 = 0xc000_0000;

impl Value {
    /// `None`.
    pub const NONE: Self = Self(ATOM);
    /// `True`.
    pub const TRUE: Self = Self(ATOM + 1);
    /// `False`.
    pub const FALSE: Self = Self(ATOM + 2);
    /// A number whose value does not matter.
    pub const NUMBER: Self = Self(ATOM + 3);
    /// A text that was not kept.
    pub const TEXT: Self = Self(ATOM + 4);
    /// Bytes that were not kept.
    pub const BYTES: Self = Self(ATOM + 5);
    /// Anything else.
    pub const OPAQUE: Self = Self(ATOM + 6);
    /// A mark on the stack.
    pub const MARK: Self = Self(ATOM + 7);

    /// An integer.
    pub fn int(value: i64) -> Self {
        match value.checked_add(INT_OFFSET).and_then(|v| u32::try_from(v).ok()) {
            Some(small) if small < (1 << 30) => Self(INT | small),
            _ => Self::NUMBER,
        }
    }
}

/// A value that does not fit into a handle.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A text.
    Text(Box<str>),
    /// Bytes.
    Bytes(Box<[u8]>),
    /// A tuple, or the first items of one.
    Tuple(Vec<Value>),
    /// A list or set, or the first items of one.
    List(Vec<Value>),
    /// A dictionary: keys and values in turn, or the first of them.
    Dict(Vec<Value>),
    /// A callable, class or module.
    Global(Box<Symbol>),
    /// What a call gave back.
    Made {
        /// What was called.
        callee: Value,
        /// With what.
        args: Value,
        /// How.
        how: How,
        /// The state that it was given, or `None`.
        state: Value,
    },
}

/// Holds the nodes.
#[derive(Debug, Default)]
pub struct Store {
    nodes: Vec<Node>,
    /// How many values each node would be if nothing were shared.
    weights: Vec<u64>,
    /// The largest of them.
    pub heaviest: u64,
    text: usize,
    /// Whether something was not kept for want of room.
    pub full: bool,
}

impl Store {
    /// Keeps a node; an opaque value if there is no room.
    pub fn add(&mut self, node: Node) -> Value {
        // Names of callables are what everything is about: for them there is always some room.
        let max = if matches!(node, Node::Global(_)) {
            PICKLE_NODES_MAX + PICKLE_NODES_MAX / 4
        } else {
            PICKLE_NODES_MAX
        };
        if self.nodes.len() >= max {
            self.full = true;
            return match node {
                Node::Text(_) => Value::TEXT,
                Node::Bytes(_) => Value::BYTES,
                _ => Value::OPAQUE,
            };
        }
        let handle = u32::try_from(self.nodes.len()).map_or(Value::OPAQUE, Value);
        self.nodes.push(node);
        self.weights.push(1);
        handle
    }

    fn weight(&self, value: Value) -> u64 {
        let known = usize::try_from(value.0).ok().and_then(|at| self.weights.get(at));
        known.copied().unwrap_or(1)
    }

    fn weigh(&mut self, into: Value, items: &[Value]) {
        let more = items.iter().fold(0_u64, |sum, item| sum.saturating_add(self.weight(*item)));
        let slot = usize::try_from(into.0).ok().and_then(|at| self.weights.get_mut(at));
        if let Some(slot) = slot {
            *slot = slot.saturating_add(more);
            self.heaviest = self.heaviest.max(*slot);
        }
    }

    /// Keeps a text. When room gets short, only what may be the name of something is kept.
    pub fn text(&mut self, text: &str) -> Value {
        let crowded = self.nodes.len() > PICKLE_NODES_MAX / 2 || self.text > PICKLE_TEXT_MAX / 2;
        if crowded && !may_be_name(text) {
            return Value::TEXT;
        }
        if text.len() > PICKLE_STRING_MAX || self.text > PICKLE_TEXT_MAX {
            self.full |= may_be_name(text);
            return Value::TEXT;
        }
        self.text += text.len();
        self.add(Node::Text(text.into()))
    }

    /// Keeps bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> Value {
        if bytes.len() > PICKLE_STRING_MAX || self.text + bytes.len() > PICKLE_TEXT_MAX / 2 {
            return Value::BYTES;
        }
        self.text += bytes.len();
        self.add(Node::Bytes(bytes.into()))
    }

    /// The node of a value.
    pub fn node(&self, value: Value) -> Option<&Node> {
        self.nodes.get(usize::try_from(value.0).ok()?)
    }

    /// The node of a value, to be changed.
    pub fn node_mut(&mut self, value: Value) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(value.0).ok()?)
    }

    /// The text, if it is one.
    pub fn as_text(&self, value: Value) -> Option<&str> {
        match self.node(value)? {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name, if it is a callable, class or module.
    pub fn as_symbol(&self, value: Value) -> Option<&Symbol> {
        match self.node(value)? {
            Node::Global(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// The integer, if it is a small one.
    #[expect(clippy::unused_self, reason = "it reads like its siblings")]
    pub fn as_int(&self, value: Value) -> Option<i64> {
        (value.0 & 0xc000_0000 == INT).then(|| i64::from(value.0 & !INT) - INT_OFFSET)
    }

    /// The items of a tuple or list.
    pub fn items(&self, value: Value) -> &[Value] {
        match self.node(value) {
            Some(Node::Tuple(items) | Node::List(items)) => items,
            _ => &[],
        }
    }

    /// The value of a text key in a dictionary.
    pub fn get(&self, dict: Value, key: &str) -> Option<Value> {
        let Some(Node::Dict(pairs)) = self.node(dict) else { return None };
        pairs.chunks_exact(2).find_map(|pair| match pair {
            [k, v] if self.as_text(*k) == Some(key) => Some(*v),
            _ => None,
        })
    }

    /// Puts items into a list or dictionary, as far as they are kept.
    pub fn extend(&mut self, into: Value, items: &[Value], dict: bool) {
        self.weigh(into, items);
        let max = if dict { PICKLE_ITEMS_MAX * 2 } else { PICKLE_ITEMS_MAX };
        if let Some(Node::List(kept) | Node::Dict(kept)) = self.node_mut(into) {
            let room = max.saturating_sub(kept.len()).min(items.len());
            kept.extend(items.iter().take(room));
        }
    }

    /// A tuple of the first items.
    pub fn tuple(&mut self, items: &[Value]) -> Value {
        let kept = items.get(..PICKLE_ITEMS_MAX).unwrap_or(items).to_vec();
        let tuple = self.add(Node::Tuple(kept));
        self.weigh(tuple, items);
        tuple
    }

    /// Shows a value to people, in Python's words.
    pub fn show(&self, value: Value, depth: usize) -> String {
        if let Some(int) = self.as_int(value) {
            return int.to_string();
        }
        let many = |items: &[Value]| {
            let shown: Vec<String> = if depth == 0 {
                vec!["\u{2026}".to_owned()]
            } else {
                items.iter().take(8).map(|item| self.show(*item, depth - 1)).collect()
            };
            shown.join(", ")
        };
        match self.node(value) {
            Some(Node::Text(text)) => {
                format!("{:?}", text.chars().take(200).collect::<String>())
            }
            Some(Node::Bytes(bytes)) => format!("<{} bytes>", bytes.len()),
            Some(Node::Tuple(items)) => format!("({})", many(items)),
            Some(Node::List(items)) => format!("[{}]", many(items)),
            Some(Node::Dict(items)) => format!("{{{}}}", many(items)),
            Some(Node::Global(symbol)) => symbol.to_string(),
            Some(Node::Made { callee, .. }) => {
                if depth == 0 {
                    "\u{2026}".into()
                } else {
                    self.show(*callee, depth - 1) + "(\u{2026})"
                }
            }
            None => match value {
                Value::NONE => "None".into(),
                Value::TRUE => "True".into(),
                Value::FALSE => "False".into(),
                Value::NUMBER => "<number>".into(),
                Value::TEXT => "<text>".into(),
                Value::BYTES => "<bytes>".into(),
                _ => "?".into(),
            },
        }
    }
}

/// Whether a text may be a module or a dotted name.
pub fn may_be_name(text: &str) -> bool {
    text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.<>".contains(c) || !c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_live_in_the_handle() {
        let store = Store::default();
        for int in [0, 1, -1, 123_456, -(1 << 29), (1 << 29) - 1] {
            assert_eq!(store.as_int(Value::int(int)), Some(int));
        }
        assert_eq!(Value::int(1 << 40), Value::NUMBER);
        assert_eq!(store.as_int(Value::NONE), None);
    }

    #[test]
    fn when_room_is_short_names_stay() {
        let mut store = Store::default();
        for n in 0..=PICKLE_NODES_MAX / 2 {
            store.text(&format!("text {n}"));
        }
        assert_eq!(store.text("no name"), Value::TEXT);
        let kept = store.text("os.system");
        assert_eq!(store.as_text(kept), Some("os.system"));
    }

    #[test]
    fn a_value_is_shown_in_pythons_words_and_not_for_ever() {
        let mut store = Store::default();
        let text = store.text("id");
        let list = store.add(Node::List(vec![text, Value::int(5), Value::NONE]));
        store.extend(list, &[list], false);
        assert!(store.show(list, 2).starts_with("[\"id\", 5, None, [\"id\""));
    }
}
