//! What calls mean to the machine: the few callables whose result it must know to follow what
//! comes after, and the texts and bytes that hold more pickles.

use base64::Engine as _;

use super::machine::{Machine, Raw};
use super::value::{Node, Value};
use super::{looks_like_pickle, looks_like_program};
use crate::fact::{Fact, How, Symbol, shorten};

/// How many results of calls are followed that are made of each other.
const CHAINED_MAX: u8 = 32;

impl Machine<'_> {
    /// Carries out a call, as far as the result must be known.
    pub(super) fn call(&mut self, callee: Value, args: Value, how: How) -> Value {
        let items: Vec<Value> = self.store.items(args).to_vec();
        let first = items.first().copied().unwrap_or(Value::OPAQUE);
        let second = items.get(1).copied().unwrap_or(Value::OPAQUE);
        if let Some(symbol) = self.store.as_symbol(callee).cloned() {
            let module = canonical_module(&symbol.module);
            match (module, symbol.name.as_str()) {
                ("builtins", "getattr") | ("operator", "getitem") => {
                    if let Some(value) = self.attribute(first, second) {
                        self.getattr_followed = true;
                        return value;
                    }
                }
                ("builtins", "__import__") | ("importlib", "import_module" | "__import__") => {
                    self.report(&symbol, args, how);
                    if let Some(module) = self.store.as_text(first) {
                        let symbol = Symbol::new(module, "");
                        return self.global(symbol);
                    }
                }
                ("copyreg", "_reconstructor" | "__newobj__" | "__newobj_ex__") => {
                    let rest = self.store.tuple(items.get(1..).unwrap_or_default());
                    return self.call(first, rest, How::Made);
                }
                ("_codecs", "encode") => {
                    if let Some(text) = self.store.as_text(first) {
                        let latin: Vec<u8> = text
                            .chars()
                            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
                            .collect();
                        self.look_at_bytes(&latin);
                        self.report(&symbol, args, how);
                        return self.store.bytes(&latin);
                    }
                }
                ("functools", "partial") => {
                    return self.made(callee, args, how);
                }
                ("builtins", "map" | "filter" | "apply" | "reduce")
                | ("functools", "reduce")
                | ("itertools", "starmap" | "accumulate")
                | ("torch._tensor" | "torch._utils", "_rebuild_from_type_v2") => {
                    self.report(&symbol, args, how);
                    let rest = self.store.tuple(items.get(1..).unwrap_or_default());
                    return self.call(first, rest, How::Invoked);
                }
                _ => {}
            }
            self.report(&symbol, args, how);
            return self.made(callee, args, how);
        }
        self.call_of_made(callee, args)
    }

    /// A call of what is no plain name: the result of an earlier call. It may be made of another,
    /// and of itself.
    fn call_of_made(&mut self, callee: Value, args: Value) -> Value {
        if self.chained >= CHAINED_MAX {
            self.report(&Symbol::new("?", "?"), args, How::Chained);
            return Value::OPAQUE;
        }
        self.chained += 1;
        let value = self.call_of_result(callee, args);
        self.chained -= 1;
        value
    }

    fn call_of_result(&mut self, callee: Value, args: Value) -> Value {
        let Some(Node::Made { callee: maker, args: earlier, .. }) = self.store.node(callee) else {
            let symbol = Symbol::new("?", &self.store.show(callee, 1));
            self.report(&symbol, args, How::Chained);
            return Value::OPAQUE;
        };
        let (maker, earlier) = (*maker, *earlier);
        let first = self.store.items(earlier).first().copied().unwrap_or(Value::OPAQUE);
        let symbol = self.store.as_symbol(maker).cloned();
        let name = symbol.as_ref().map(|s| (canonical_module(&s.module), s.name.as_str()));
        match name {
            Some(("functools", "partial")) => self.call(first, args, How::Invoked),
            Some(("operator", "attrgetter")) => {
                let target = self.store.items(args).first().copied().unwrap_or(Value::OPAQUE);
                self.attribute(target, first).unwrap_or(Value::OPAQUE)
            }
            Some(("operator", "methodcaller")) => {
                let target = self.store.items(args).first().copied().unwrap_or(Value::OPAQUE);
                let rest: Vec<Value> = self.store.items(earlier).iter().skip(1).copied().collect();
                let rest = self.store.tuple(&rest);
                match self.attribute(target, first) {
                    Some(method) => self.call(method, rest, How::Invoked),
                    None => {
                        let symbol = Symbol::new("?", &self.store.show(first, 1));
                        self.report(&symbol, rest, How::Chained);
                        Value::OPAQUE
                    }
                }
            }
            _ => {
                let symbol = symbol.unwrap_or_else(|| Symbol::new("?", "?"));
                let shown = Symbol::new(&symbol.module, &format!("{}()", symbol.name));
                self.report(&shown, args, How::Chained);
                self.made(callee, args, How::Chained)
            }
        }
    }

    /// An attribute of a name: the dotted name.
    fn attribute(&mut self, of: Value, name: Value) -> Option<Value> {
        let name = self.store.as_text(name)?.to_owned();
        let symbol = self.store.as_symbol(of)?;
        let inner = if symbol.name.is_empty() { name } else { format!("{}.{name}", symbol.name) };
        let symbol = Symbol::new(&symbol.module, &inner);
        Some(self.global(symbol))
    }

    fn made(&mut self, callee: Value, args: Value, how: How) -> Value {
        self.store.add(Node::Made { callee, args, how, state: Value::NONE })
    }

    fn report(&mut self, symbol: &Symbol, args: Value, how: How) {
        let shown = self.store.show(args, 4);
        let arguments = if shown.starts_with('(') { shown } else { format!("({shown})") };
        let called = Fact::Called { symbol: symbol.clone(), how, arguments: shorten(&arguments) };
        self.facts.at(self.offset, called);
    }

    /// BUILD: the object on top is given its state.
    pub(super) fn build(&mut self, state: Value) {
        let object = self.top();
        let Some(Node::Made { callee, .. }) = self.store.node(object) else { return };
        let callee = *callee;
        let Some(symbol) = self.store.as_symbol(callee).cloned() else { return };
        let module = canonical_module(&symbol.module);
        if module == "functools" && symbol.name == "partial" {
            // The state of a partial holds the function that it calls.
            let function = self.store.items(state).first().copied().unwrap_or(Value::OPAQUE);
            let rest = self.store.items(state).get(1).copied().unwrap_or(Value::OPAQUE);
            let mut all = vec![function];
            all.extend(self.store.items(rest));
            let args = self.store.tuple(&all);
            if let Some(Node::Made { args: slot, .. }) = self.store.node_mut(object) {
                *slot = args;
            }
            return;
        }
        self.report(&symbol, state, How::Filled);
        if let Some(Node::Made { state: slot, .. }) = self.store.node_mut(object) {
            *slot = state;
        }
        if symbol.name == "NumpyArrayWrapper" && module.starts_with("joblib") {
            self.raw = self.array_behind(state);
        }
    }

    /// joblib writes an array's bytes behind the object that describes it.
    fn array_behind(&self, state: Value) -> Option<Raw> {
        let dtype = self.store.get(state, "dtype")?;
        let Some(Node::Made { args, state: dtype_state, .. }) = self.store.node(dtype) else {
            return None;
        };
        let code = self.store.items(*args).first()?;
        let code = self.store.as_text(*code)?;
        if code.starts_with('O') || code.starts_with("|O") {
            return Some(Raw::Pickle);
        }
        let digits: String = code.chars().filter(char::is_ascii_digit).collect();
        let wide = if code.contains('U') { 4 } else { 1 };
        let item = match self.store.items(*dtype_state).get(5) {
            // A structured type keeps its size in its state.
            Some(size) if code.contains('V') => u64::try_from(self.store.as_int(*size)?).ok()?,
            _ => match digits.parse::<u64>() {
                Ok(count) => count.checked_mul(wide)?,
                Err(_) => item_size(code)?,
            },
        };
        let shape = self.store.get(state, "shape")?;
        let mut bytes = item;
        for dimension in self.store.items(shape) {
            let count = u64::try_from(self.store.as_int(*dimension)?).ok()?;
            bytes = bytes.checked_mul(count)?;
        }
        let aligned = self
            .store
            .get(state, "numpy_array_alignment_bytes")
            .is_some_and(|value| self.store.as_int(value).is_some());
        Some(Raw::Array { bytes, aligned })
    }

    /// Bytes that begin like something that can be run.
    pub(super) fn look_at_bytes(&mut self, bytes: &[u8]) {
        if bytes.len() < 5 {
            return;
        }
        if looks_like_pickle(bytes) && worth_it(bytes) {
            self.nested(bytes);
        } else if looks_like_program(bytes).is_some() {
            let name = format!("bytes at {}", self.offset);
            self.facts.nested(&name, &bytes.to_vec());
        } else if bytes.starts_with(b"PK\x03\x04") || may_be_encoded(bytes) {
            match std::str::from_utf8(bytes) {
                Ok(text) if may_be_encoded(bytes) => self.look_at_text(text),
                _ => {
                    let name = format!("bytes at {}", self.offset);
                    self.facts.nested(&name, &bytes.to_vec());
                }
            }
        }
    }

    /// A text that is base64 or hexadecimal for something that can be run.
    pub(super) fn look_at_text(&mut self, text: &str) {
        if !may_be_encoded(text.as_bytes()) {
            return;
        }
        if let Some(bytes) = decode(text) {
            let pickled = looks_like_pickle(&bytes) && worth_it(&bytes);
            if pickled || looks_like_program(&bytes).is_some() {
                let name = format!("encoded text at {}", self.offset);
                let detail = format!("a text holds {} encoded bytes that can be run", bytes.len());
                self.facts.odd(self.offset, "pickle.encoded", detail);
                self.facts.nested(&name, &bytes);
            }
        }
    }
}

/// Whether bytes without a PROTO opcode are a pickle for sure: a short text may look like one.
fn worth_it(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x80) || (bytes.len() >= 12 && memchr::memchr(b'\n', bytes).is_some())
}

/// Whether bytes begin like base64 or hexadecimal of a pickle or a program. Cheap, because it is
/// asked of every text.
pub fn may_be_encoded(bytes: &[u8]) -> bool {
    bytes.len() >= 20
        && matches!(
            bytes,
            // base64 of 0x80 (PROTO), of "c" (GLOBAL), "(" (MARK), ELF and "#!"; then hexadecimal
            [b'g', b'A', b'A'..=b'Z', ..]
                | [b'Y', b'1' | b'2' | b'3', ..]
                | [b'K', b'G' | b'H' | b'F', ..]
                | [b'f', b'0', b'V', ..]
                | [b'I', b'y', b'E', ..]
                | [b'8', b'0', b'0', b'0'..=b'5', ..]
                | [b'6', b'3', b'5'..=b'7', _, ..]
                | [b'7', b'f', b'4', b'5', ..]
        )
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let compact: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if compact.len().is_multiple_of(2) && compact.bytes().all(|b| b.is_ascii_hexdigit()) {
        return hex::decode(&compact).ok();
    }
    let body = compact.trim_end_matches('=');
    let url = body.contains(['-', '_']);
    let engine = if url {
        &base64::engine::general_purpose::URL_SAFE_NO_PAD
    } else {
        &base64::engine::general_purpose::STANDARD_NO_PAD
    };
    engine.decode(body).ok()
}

/// Names that Python gives to the same module, or gave in version 2.
pub fn canonical_module(module: &str) -> &str {
    match module {
        "__builtin__" | "__builtins__" => "builtins",
        "posix" | "nt" | "riscos" => "os",
        "copy_reg" => "copyreg",
        "cPickle" | "_pickle" => "pickle",
        "_operator" => "operator",
        "_functools" => "functools",
        "_io" => "io",
        "_socket" => "socket",
        "_thread" | "thread" => "_thread",
        "commands" => "subprocess",
        "__main__" => "__main__",
        other => other,
    }
}

/// The size of numpy's one-letter types, bytes.
fn item_size(code: &str) -> Option<u64> {
    Some(match code.trim_start_matches(['<', '>', '=', '|']) {
        "?" | "b" | "B" => 1,
        "h" | "H" | "e" => 2,
        "i" | "I" | "f" => 4,
        "l" | "L" | "q" | "Q" | "d" | "F" => 8,
        "g" | "D" => 16,
        "G" => 32,
        _ => return None,
    })
}

/// Takes Python's escapes out of a text.
pub fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let digits = match rest.next() {
            Some('n') => {
                out.push('\n');
                continue;
            }
            Some('t') => {
                out.push('\t');
                continue;
            }
            Some('r') => {
                out.push('\r');
                continue;
            }
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(other) => {
                out.push(other);
                continue;
            }
            None => break,
        };
        let code: String = rest.by_ref().take(digits).collect();
        let c = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
        out.push(c.unwrap_or('\u{fffd}'));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_protocol_0_are_taken_out() {
        assert_eq!(unescape(r"a\u006fs\x2e\n\\"), "aos.\n\\");
    }

    #[test]
    fn a_partial_of_itself_is_called_and_ends() {
        // partial(print), whose state makes it call itself; then it is called.
        let own = b"\x80\x04cfunctools\npartial\ncbuiltins\nprint\n\x85R\x94(h\0)}NtbN\x85R.";
        let found = crate::pickle::tests::facts(own);
        assert!(found.iter().any(|fact| matches!(fact, Fact::Called { how: How::Chained, .. })));
    }

    #[test]
    fn base64_and_hexadecimal_are_decoded() {
        assert_eq!(decode("gASVAAA=").unwrap()[0], 0x80);
        assert_eq!(decode("80045d942e").unwrap(), b"\x80\x04]\x94.");
        assert!(may_be_encoded(b"gASVPwAAAAAAAACMCGJ1") && !may_be_encoded(b"gas is a state of"));
    }
}
