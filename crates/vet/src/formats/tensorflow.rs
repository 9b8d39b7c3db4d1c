//! TensorFlow: SavedModel, MetaGraph and frozen graphs as protocol buffers.
//!
//! A graph is a program: some of its operations read and write files, start Python functions or use
//! the network. Those are reported.

use crate::bytes::read_up_to;
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::HELD_BYTES_MAX;
use crate::policy::{operator, text};
use crate::proto::{self, Placed, fields};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "tensorflow",
    title: "TensorFlow graph",
    family: "proto",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// What a message is, by what is in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Saved,
    Meta,
    Graph,
}

fn kind(head: &[u8], size: u64) -> Option<Kind> {
    let shape = proto::shape(head, size)?;
    let first_message = |number: u32| {
        let mut rest = fields(head);
        rest.find(|(found, value)| *found == number && value.bytes().is_some())
            .and_then(|(_, value)| value.bytes())
    };
    // A message that goes on behind the head is judged by its beginning.
    let inside = |number: u32| {
        first_message(number).map(<[u8]>::to_vec).or_else(|| cut_message(head, number))
    };
    let numbers = |allowed: &[u32]| shape.iter().all(|(number, _)| allowed.contains(number));
    if numbers(&[1, 2]) && shape.contains(&(2, 2)) {
        let inner = inside(2)?;
        if looks_like_meta(&inner) {
            return Some(Kind::Saved);
        }
    }
    if numbers(&[1, 2, 3, 4, 5, 6, 7]) && shape.contains(&(2, 2)) {
        let inner = inside(2)?;
        if looks_like_graph(&inner) {
            return Some(Kind::Meta);
        }
    }
    if numbers(&[1, 2, 3, 4]) && shape.first() == Some(&(1, 2)) && looks_like_graph(head) {
        return Some(Kind::Graph);
    }
    None
}

fn cut_message(head: &[u8], number: u32) -> Option<Vec<u8>> {
    let mut at = 0;
    while at < head.len() {
        let key = *head.get(at)?;
        at += 1;
        let mut length = 0_usize;
        let mut shift = 0;
        loop {
            let byte = *head.get(at)?;
            at += 1;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 || shift > 56 {
                break;
            }
        }
        if key.trailing_zeros() >= 3 {
            continue;
        }
        if key & 7 != 2 {
            return None;
        }
        if u32::from(key >> 3) == number {
            return Some(head.get(at..)?.to_vec());
        }
        at = at.checked_add(length)?;
    }
    None
}

/// A message inside of another, or its beginning where the head ends in it.
fn begun(message: &[u8], number: u32) -> Option<Vec<u8>> {
    let whole = proto::get(message, number).and_then(proto::Value::bytes).map(<[u8]>::to_vec);
    whole.or_else(|| cut_message(message, number))
}

fn looks_like_meta(message: &[u8]) -> bool {
    let graph = || begun(message, 2).is_some_and(|graph| looks_like_graph(&graph));
    // MetaInfoDef: the list of operations, or the version of TensorFlow.
    let list = || begun(&begun(message, 1)?, 2);
    let listed = |list: &[u8]| memchr::memmem::find(list, b"Op").is_some() || list.len() > 16;
    graph() || list().is_some_and(|list| listed(&list))
}

/// A graph begins with a node: a name and an operation.
fn looks_like_graph(message: &[u8]) -> bool {
    let node = proto::get(message, 1).and_then(proto::Value::bytes).map(<[u8]>::to_vec);
    let Some(node) = node.or_else(|| cut_message(message, 1)) else { return false };
    let text = |number| proto::get(&node, number).and_then(proto::Value::text).unwrap_or_default();
    let operation = text(2);
    let begins = operation.starts_with(|c: char| c.is_ascii_uppercase() || c == '_');
    begins
        && operation.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'>')
        && !text(1).is_empty()
}

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    kind(probe.head(), probe.size()).map(|_| Claim::Structure)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let size = item.bytes.size();
    let whole = match kind(item.head, size) {
        Some(Kind::Saved) => {
            let mut metas = Vec::new();
            let whole = proto::walk_file(item.bytes, 0, size, &mut |number, value| {
                if let (2, Placed::Range(at, size)) = (number, value) {
                    metas.push((at, size));
                }
            });
            metas.into_iter().all(|(at, size)| meta(item, at, size, facts)) && whole
        }
        Some(Kind::Meta) => meta(item, 0, size, facts),
        Some(Kind::Graph) => graph(item, 0, size, facts),
        None => false,
    };
    if !whole && !item.cut {
        facts.odd(0, "header.broken", "a field of the graph is cut short or broken");
    }
}

fn meta(item: &Item<'_>, at: u64, size: u64, facts: &mut Facts) -> bool {
    let mut graphs = Vec::new();
    let whole = proto::walk_file(item.bytes, at, size, &mut |number, value| {
        let Placed::Range(at, size) = value else { return };
        match number {
            2 => graphs.push((at, size)),
            // Assets: the name of a file beside the model.
            6 => {
                let bytes = held(item, at, size);
                if let Some(name) = proto::get(&bytes, 2).and_then(proto::Value::text) {
                    let path = name.to_owned();
                    facts.at(at, Fact::Path { role: PathRole::Asset, path });
                }
            }
            _ => {}
        }
    });
    graphs.into_iter().all(|(at, size)| graph(item, at, size, facts)) && whole
}

fn held(item: &Item<'_>, at: u64, size: u64) -> Vec<u8> {
    let max = usize::try_from(size).unwrap_or(usize::MAX).min(HELD_BYTES_MAX);
    read_up_to(item.bytes, at, max).unwrap_or_default()
}

fn graph(item: &Item<'_>, at: u64, size: u64, facts: &mut Facts) -> bool {
    proto::walk_file(item.bytes, at, size, &mut |number, value| {
        let Placed::Range(at, size) = value else { return };
        match number {
            1 => node(at, &held(item, at, size), facts),
            // The library: functions made of nodes.
            2 => {
                proto::walk_file(item.bytes, at, size, &mut |number, value| {
                    if let (1, Placed::Range(at, size)) = (number, value) {
                        let function = held(item, at, size);
                        for (number, value) in fields(&function) {
                            if let (3, Some(bytes)) = (number, value.bytes()) {
                                node(at, bytes, facts);
                            }
                        }
                    }
                });
            }
            _ => {}
        }
    })
}

fn node(at: u64, message: &[u8], facts: &mut Facts) {
    let part =
        |number| proto::get(message, number).and_then(proto::Value::text).unwrap_or_default();
    let (name, operation) = (part(1), part(2));
    if operator::judge("tensorflow", operation, name).is_some() {
        facts.at(
            at,
            Fact::Operator {
                family: "tensorflow",
                name: operation.to_owned(),
                detail: name.to_owned(),
            },
        );
    }
    // Constants of texts: paths and commands that the operations are given.
    if operation == "Const" && message.len() < 64 << 10 {
        proto::texts(message, &mut |_, value| {
            if value.len() > 6 && text::judge("constant", value).is_some() {
                let text = value.to_owned();
                facts.at(at, Fact::Text { key: format!("constant {name}"), text });
            }
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::proto::tests::field;
    use crate::vet;

    fn saved(operation: &str) -> Vec<u8> {
        let node = |name: &[u8], op: &[u8]| field(1, &[field(1, name), field(2, op)].concat());
        let graph = [node(b"c", b"Const"), node(b"x", operation.as_bytes())].concat();
        field(2, &field(2, &graph))
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![saved("PyFunc"), saved("MatMul")]
    }

    #[test]
    fn operations_that_act_are_found() {
        assert_eq!(vet("saved_model.pb", &saved("PyFunc")).verdict, Verdict::Malicious);
        assert_eq!(vet("saved_model.pb", &saved("WriteFile")).verdict, Verdict::Malicious);
        assert_eq!(vet("saved_model.pb", &saved("MatMul")).verdict, Verdict::NothingFound);
    }
}
