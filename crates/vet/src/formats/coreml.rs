//! Core ML: models as protocol buffers.
//!
//! Reported are custom layers, which run code of the app that uses the model, and texts that hold
//! commands or code.

use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::HELD_BYTES_MAX;
use crate::policy::text;
use crate::proto::{self};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "coreml",
    title: "Core ML",
    family: "proto",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let shape = proto::shape(probe.head(), probe.size())?;
    let version = matches!(probe.head(), [0x08, 1..=30, 0x12, ..]);
    let kind = shape.iter().any(|(number, wire)| matches!(number, 200..=3000) && *wire == 2);
    let known = shape.iter().all(|(number, _)| matches!(number, 1 | 2 | 10 | 200..=3000));
    (version && kind && known).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let bytes = item.all(HELD_BYTES_MAX);
    if item.longer_than(HELD_BYTES_MAX) {
        facts.unread(format!("only the first {} MiB of it were read", HELD_BYTES_MAX >> 20));
    }
    proto::texts(&bytes, &mut |path, value| {
        // A layer's custom parameters (500): the name of the class (10).
        if path.len() >= 4 && path.ends_with(&[500, 10]) {
            let name = value.to_owned();
            facts.note(Fact::Operator { family: "coreml.custom", name, detail: String::new() });
        } else if value.len() > 6 && text::judge("text", value).is_some() {
            facts.note(Fact::Text { key: "text".to_owned(), text: value.to_owned() });
        }
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::proto::tests::field;
    use crate::vet;

    /// A field whose number takes two bytes.
    fn wide(number: u32, bytes: &[u8]) -> Vec<u8> {
        let key = number << 3 | 2;
        let mut out =
            vec![u8::try_from(key & 0x7f).unwrap() | 0x80, u8::try_from(key >> 7).unwrap()];
        out.extend(&field(1, bytes)[1..]);
        out
    }

    fn model(layer: &[u8]) -> Vec<u8> {
        let layers = field(1, &[field(1, b"conv"), layer.to_vec()].concat());
        [vec![0x08, 8], field(2, &wide(100, &field(1, b"a model"))), wide(500, &layers)].concat()
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![model(b""), model(&wide(500, &field(10, b"EvilLayer")))]
    }

    #[test]
    fn custom_layers_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.mlmodel", good).verdict, Verdict::NothingFound);
        assert_eq!(vet("m.mlmodel", bad).verdict, Verdict::Suspicious);
    }
}
