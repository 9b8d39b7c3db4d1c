//! ONNX: graphs as protocol buffers, with tensors inside or in files beside the model.
//!
//! Reported are names of outside data that lead out of the model's folder (readers have followed
//! them), operators that call Python, and commands in texts. Operators of domains that are not the
//! standard's are said, since they need a library from elsewhere.

use crate::bytes::read_up_to;
use crate::fact::{Fact, Facts, PathRole};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::{HELD_BYTES_MAX, NESTING_MAX};
use crate::policy::text;
use crate::proto::{self, Placed, fields};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "onnx",
    title: "ONNX",
    family: "proto",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

/// A tensor by itself, as ONNX keeps the inputs and outputs of tests. Numbers of 64 bits have the
/// field of a model's graph, and are left to be told as a model.
fn is_tensor(shape: &[(u32, u64)]) -> bool {
    let has = |number: u32, wire: u64| shape.contains(&(number, wire));
    let data = [4, 5, 6, 9, 10].iter().any(|number| has(*number, 2));
    let known = |(number, wire): &(u32, u64)| match number {
        1 => matches!(wire, 0 | 2),
        2 | 14 => *wire == 0,
        3..=6 | 8..=13 => *wire == 2,
        _ => false,
    };
    has(2, 0) && data && shape.iter().all(known)
}

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    // ir_version comes first and is a small number; a graph (7) or functions (25) come after.
    let shape = proto::shape(probe.head(), probe.size())?;
    let version = matches!(probe.head(), [0x08, 1..=40, ..]);
    let known = |number: u32, wire: u64| match number {
        1 | 5 => wire == 0,
        2..=4 | 6..=8 | 14 | 20 | 25 | 26 => wire == 2,
        _ => false,
    };
    let graph = shape.iter().any(|(number, wire)| matches!(number, 7 | 8) && *wire == 2);
    if version && graph && shape.iter().all(|(number, wire)| known(*number, *wire)) {
        return Some(Claim::Magic);
    }
    is_tensor(&shape).then_some(Claim::Structure)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    if proto::shape(item.head, item.bytes.size()).is_some_and(|shape| is_tensor(&shape)) {
        proto::walk_file(item.bytes, 0, item.bytes.size(), &mut |number, value| {
            if let (13, Placed::Range(at, size)) = (number, value) {
                external(at, &held(item, at, size), facts);
            }
        });
        return;
    }
    let mut graphs = Vec::new();
    let whole = proto::walk_file(item.bytes, 0, item.bytes.size(), &mut |number, value| match (
        number, value,
    ) {
        (7, Placed::Range(at, size)) => graphs.push((at, size)),
        (14 | 6 | 25, Placed::Range(at, size)) => {
            let bytes = held(item, at, size);
            texts(at, &bytes, facts);
            if number == 25 {
                for (field, value) in fields(&bytes) {
                    if let (7, Some(node_bytes)) = (field, value.bytes()) {
                        node(at, node_bytes, 0, facts);
                    }
                }
            }
        }
        _ => {}
    });
    for (at, size) in graphs {
        graph_in_file(item, at, size, facts);
    }
    if !whole && !item.cut {
        facts.odd(0, "header.broken", "a field of the model is cut short or broken");
    }
}

fn held(item: &Item<'_>, at: u64, size: u64) -> Vec<u8> {
    let max = usize::try_from(size).unwrap_or(usize::MAX).min(HELD_BYTES_MAX);
    read_up_to(item.bytes, at, max).unwrap_or_default()
}

fn graph_in_file(item: &Item<'_>, at: u64, size: u64, facts: &mut Facts) {
    proto::walk_file(item.bytes, at, size, &mut |number, value| {
        let Placed::Range(at, size) = value else { return };
        match number {
            1 => node(at, &held(item, at, size), 0, facts),
            5 if size > 64 << 10 => {
                proto::walk_file(item.bytes, at, size, &mut |number, value| {
                    if let (13, Placed::Range(at, size)) = (number, value) {
                        external(at, &held(item, at, size), facts);
                    }
                });
            }
            5 => tensor(at, &held(item, at, size), facts),
            10 => texts(at, &held(item, at, size), facts),
            _ => {}
        }
    });
}

fn graph(at: u64, message: &[u8], depth: usize, facts: &mut Facts) {
    for (number, value) in fields(message) {
        match (number, value.bytes()) {
            (1, Some(bytes)) => node(at, bytes, depth + 1, facts),
            (5, Some(bytes)) => tensor(at, bytes, facts),
            _ => {}
        }
    }
}

fn node(at: u64, message: &[u8], depth: usize, facts: &mut Facts) {
    if depth > NESTING_MAX {
        return;
    }
    let mut operator = "";
    let mut domain = "";
    for (number, value) in fields(message) {
        match number {
            4 => operator = value.text().unwrap_or_default(),
            7 => domain = value.text().unwrap_or_default(),
            5 => attribute(at, value.bytes().unwrap_or_default(), depth, facts),
            _ => {}
        }
    }
    let python = matches!(operator, "PyOp" | "PythonOp" | "PyFunc" | "PyCustomOp" | "PythonOpGrad");
    if python {
        facts.at(at, operator_fact("onnx", operator, domain));
    } else if !is_standard(domain) {
        let name = format!("{domain}::{operator}");
        facts.at(at, operator_fact("onnx.custom", &name, ""));
    }
}

fn operator_fact(family: &'static str, name: &str, detail: &str) -> Fact {
    Fact::Operator { family, name: name.to_owned(), detail: detail.to_owned() }
}

/// Domains that the standard or its usual runtimes bring.
fn is_standard(domain: &str) -> bool {
    [
        "ai.onnx",
        "com.microsoft",
        "org.pytorch",
        "pkg.",
        "ai.graphcore",
        "com.ms.",
        "local",
        "this",
        "custom_domain",
        "onnxscript.atenlib",
    ]
    .iter()
    .any(|known| domain.starts_with(known))
        || domain.is_empty()
}

fn attribute(at: u64, message: &[u8], depth: usize, facts: &mut Facts) {
    for (number, value) in fields(message) {
        let Some(bytes) = value.bytes() else { continue };
        match number {
            // A text: s, strings.
            4 | 9 => note_text(at, "attribute", &String::from_utf8_lossy(bytes), facts),
            5 | 10 => tensor(at, bytes, facts),
            6 | 11 => graph(at, bytes, depth + 1, facts),
            _ => {}
        }
    }
}

fn tensor(at: u64, message: &[u8], facts: &mut Facts) {
    for (number, value) in fields(message) {
        if let (13, Some(bytes)) = (number, value.bytes()) {
            external(at, bytes, facts);
        }
    }
}

/// A pair of texts: `location` names the file beside the model.
fn external(at: u64, pair: &[u8], facts: &mut Facts) {
    let text = |number| proto::get(pair, number).and_then(proto::Value::text).unwrap_or_default();
    if text(1) == "location" {
        let path = text(2).to_owned();
        facts.at(at, Fact::Path { role: PathRole::ExternalData, path });
    }
}

fn texts(at: u64, message: &[u8], facts: &mut Facts) {
    note_text(at, "text", &String::from_utf8_lossy(message), facts);
}

fn note_text(at: u64, key: &str, value: &str, facts: &mut Facts) {
    if text::judge(key, value).is_some() {
        facts.at(at, Fact::Text { key: key.to_owned(), text: value.to_owned() });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::proto::tests::field;
    use crate::vet;

    fn model(operator: &str, domain: &str, location: &str) -> Vec<u8> {
        let node = [field(4, operator.as_bytes()), field(7, domain.as_bytes())].concat();
        let pair = [field(1, b"location"), field(2, location.as_bytes())].concat();
        let graph = [field(1, &node), field(5, &field(13, &pair))].concat();
        [vec![0x08, 8], field(7, &graph)].concat()
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![model("Relu", "", "w.bin"), model("PyOp", "x", "../../w.bin")]
    }

    fn verdict(operator: &str, domain: &str, location: &str) -> Verdict {
        vet("m.onnx", &model(operator, domain, location)).verdict
    }

    #[test]
    fn outside_data_and_python_operators_are_found() {
        assert_eq!(verdict("Relu", "", "weights.bin"), Verdict::NothingFound);
        assert_eq!(verdict("Relu", "", "a/../weights.bin"), Verdict::NothingFound);
        assert_eq!(verdict("Relu", "", "a/../../../etc/passwd"), Verdict::Malicious);
        assert_eq!(verdict("PyOp", "", "w"), Verdict::Malicious);
        assert_eq!(verdict("Mine", "com.example", "w"), Verdict::Suspicious);
    }
}
