//! PaddlePaddle's programs (`.pdmodel`, `__model__`): the operators of a model, as a protocol
//! buffer.
//!
//! Operators compute, but for those that call Python or read and write files; these are reported
//! with the paths that they are given. What Paddle notes of where each operator was made (its call
//! stack, which is code as text) is passed over: nothing runs it.

use crate::bytes::read_up_to;
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::HELD_BYTES_MAX;
use crate::proto::{self, Placed, Value, fields};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "paddle_program",
    title: "PaddlePaddle program",
    family: "proto",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    // The first block is number 0 and has no parent: -1 as a number of ten bytes.
    const FIRST: &[u8] = b"\x08\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let head = probe.head().strip_prefix(b"\x0a")?;
    let length = head.iter().position(|byte| byte & 0x80 == 0)? + 1;
    (length <= 5 && head.get(length..)?.starts_with(FIRST)).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let mut blocks = Vec::new();
    let size = item.bytes.size();
    let mut whole = proto::walk_file(item.bytes, 0, size, &mut |number, value| {
        if let (1, Placed::Range(at, size)) = (number, value) {
            blocks.push((at, size));
        }
    });
    for (at, size) in blocks {
        whole &= proto::walk_file(item.bytes, at, size, &mut |number, value| {
            if let (4, Placed::Range(at, size)) = (number, value) {
                let max = usize::try_from(size).unwrap_or(usize::MAX).min(HELD_BYTES_MAX);
                operator(at, &read_up_to(item.bytes, at, max).unwrap_or_default(), facts);
            }
        });
    }
    if !whole && !item.cut {
        facts.odd(0, "header.broken", "a field of the program is cut short or broken");
    }
}

/// An operator: its type, and its attributes.
fn operator(at: u64, message: &[u8], facts: &mut Facts) {
    let name = proto::get(message, 3).and_then(Value::text).unwrap_or_default().to_owned();
    let mut detail = String::new();
    for (number, value) in fields(message) {
        let (4, Some(attribute)) = (number, value.bytes()) else { continue };
        let key = proto::get(attribute, 1).and_then(Value::text).unwrap_or_default();
        let text = proto::get(attribute, 5).and_then(Value::text).unwrap_or_default();
        if key == "file_path" {
            text.clone_into(&mut detail);
        } else if key != "op_callstack" && key != "op_namescope" && text.len() > 8 {
            facts.at(at, Fact::Text { key: key.to_owned(), text: text.to_owned() });
        }
    }
    facts.at(at, Fact::Operator { family: "paddle", name, detail });
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::proto::tests::field;
    use crate::vet;

    /// A program of one operator.
    fn program(operator: &str) -> Vec<u8> {
        let stack = [field(1, b"op_callstack"), field(8, b"exec(compile(x, f, 'exec'))")].concat();
        let operator = [field(3, operator.as_bytes()), field(4, &stack)].concat();
        let mut block = b"\x08\0\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec();
        block.extend(field(4, &operator));
        field(1, &block)
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![program("conv2d"), program("py_func")]
    }

    #[test]
    fn operators_that_act_are_found_and_notes_of_their_making_are_not() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.pdmodel", good).verdict, Verdict::NothingFound);
        assert_eq!(vet("m.pdmodel", bad).verdict, Verdict::Malicious);
    }
}
