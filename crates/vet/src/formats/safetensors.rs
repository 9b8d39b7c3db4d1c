//! safetensors: a JSON header and plain tensors; nothing runs when it is loaded.
//!
//! The header is checked against the format's own rules (a size within the file, offsets that do
//! not overlap or leave the data), and the texts in its metadata are searched for commands and
//! code, which some tools that read them would run or show.

use std::io::Read as _;

use crate::bytes::{Walk, le};
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::json::{self, Scalar};
use crate::limits::TENSOR_HEADER_BYTES_MAX;
use crate::policy::text;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "safetensors",
    title: "safetensors",
    family: "safetensors",
    wants,
    read,
    stream: None,
    head_only: true,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let length = le::<8>(probe.head(), 0)?;
    let begins = probe.head().get(8..)?.trim_ascii_start();
    let json = begins.starts_with(b"{\"") || begins.starts_with(b"{}") || begins.starts_with(b"{ ");
    (json && (2..1 << 40).contains(&length)).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let length = le::<8>(item.head, 0).unwrap_or(0);
    if length > TENSOR_HEADER_BYTES_MAX {
        facts.odd(0, "safetensors.header", format!("a header of {length} bytes is announced"));
    }
    let there = item.bytes.size().saturating_sub(8);
    if length > there && !item.cut {
        facts.odd(0, "safetensors.header", "the header is longer than the file");
    }
    let header = Walk::new(item.bytes, 8).take(length.min(there).min(TENSOR_HEADER_BYTES_MAX));
    let outcome = json::walk(header, &mut |path, scalar| {
        let Scalar::Text(value) = scalar else { return };
        let metadata = path.first().is_some_and(|key| key == "__metadata__");
        if metadata {
            let key = path.last().cloned().unwrap_or_default();
            if text::judge(&key, value).is_some() {
                facts.note(Fact::Text { key, text: value.to_owned() });
            }
        } else if path.last().is_some_and(|key| key == "dtype") && !is_dtype(value) {
            facts.odd(8, "safetensors.header", format!("the type `{value}` does not exist"));
        }
    });
    if let Err(error) = outcome {
        facts.odd(8, "header.broken", error);
    }
}

fn is_dtype(name: &str) -> bool {
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit() || "_EMNFUZ".contains(c));
    matches!(letters, "BOOL" | "U" | "I" | "F" | "BF" | "C" | "" | "BOO")
        || name.starts_with("F8")
        || name.starts_with("F4")
        || name.starts_with("F6")
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    fn file(header: &str) -> Vec<u8> {
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend(header.as_bytes());
        out.extend([0; 20]);
        out
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let tensor = r#""t":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}"#;
        vec![
            file(&format!("{{{tensor}}}")),
            file(&format!(r#"{{"__metadata__":{{"x":"import os; os.system('id')"}},{tensor}}}"#)),
        ]
    }

    #[test]
    fn code_in_the_metadata_is_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.safetensors", good).verdict, Verdict::NothingFound);
        assert!(vet("m.safetensors", bad).verdict.is_flagged());
    }

    #[test]
    fn a_header_that_lies_about_its_size_is_found() {
        let mut bytes = samples()[0].clone();
        bytes[..8].copy_from_slice(&9_999_u64.to_le_bytes());
        assert!(vet("m.safetensors", &bytes).verdict.is_flagged());
    }
}
