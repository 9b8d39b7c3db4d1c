//! TorchServe's MAR files: a zip archive with a manifest, a model, and a handler that the server
//! runs.
//!
//! The handler is read like any Python source, the model as what it is.

use crate::fact::Facts;
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::zip;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "torchserve",
    title: "TorchServe archive",
    family: "zip",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.zip_has("MAR-INF/MANIFEST.json").then_some(Claim::Special)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    zip::members(item, facts, &mut |_, _, _| true);
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;
    use crate::zip::tests::archive;

    fn mar(handler: &str) -> Vec<u8> {
        let manifest = br#"{"model": {"handler": "handler.py"}}"#;
        archive(&[("MAR-INF/MANIFEST.json", manifest), ("handler.py", handler.as_bytes())])
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            mar("def handle(data, context):\n    # os.system('no')\n    return data\n"),
            mar("import os\ndef handle(data, context):\n    os.system(data)\n"),
        ]
    }

    #[test]
    fn the_handler_is_judged_by_what_it_does() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.mar", good).verdict, Verdict::NothingFound);
        assert!(vet("m.mar", bad).verdict.is_flagged());
    }
}
