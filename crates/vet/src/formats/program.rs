//! Programs where a model should be: ELF, PE, Mach-O, Java classes, shell scripts.
//!
//! A model is data. A program that is called like a model, or that lies in a model's archive, is
//! reported as what it is. A llamafile is both: a program with a model behind it; that is said too.

use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::pickle::looks_like_program;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "program",
    title: "program",
    family: "program",
    wants,
    read,
    stream: None,
    head_only: true,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    // Cosmopolitan's files are programs for several systems at once.
    let cosmopolitan = probe.starts(b"MZqFpD") || probe.starts(b"jartsr=");
    (cosmopolitan || looks_like_program(probe.head()).is_some()).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let kind = looks_like_program(item.head).unwrap_or("Cosmopolitan");
    facts.at(0, Fact::Program { kind });
    if kind == "script" {
        let text = item.text(64 << 10);
        facts.note(Fact::Text { key: "script".to_owned(), text });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(64, 0);
        vec![elf, b"#!/bin/sh\necho hello\n".to_vec()]
    }

    #[test]
    fn a_program_is_no_model() {
        assert_eq!(vet("model.bin", &samples()[0]).verdict, Verdict::Malicious);
        assert_eq!(vet("model.bin", &samples()[1]).verdict, Verdict::Suspicious);
    }
}
