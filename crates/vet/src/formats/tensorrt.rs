//! TensorRT's engines: programs for the graphics processor, made for one kind of it.
//!
//! Plug-ins that an engine names are native libraries; their names and texts with commands are
//! looked at. What the engine computes is not.

use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::registry::raw::search;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "tensorrt",
    title: "TensorRT engine",
    family: "tensorrt",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    (probe.starts(b"ftrt") || probe.starts(b"ptrt")).then_some(Claim::Magic)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    search(item, facts);
    let head = item.all(8 << 20);
    for run in head.split(|byte| !(0x21..0x7f).contains(byte)) {
        let library = run.ends_with(b".so") || run.ends_with(b".dll");
        if library && run.len() > 4 {
            let name = String::from_utf8_lossy(run).into_owned();
            facts.note(Fact::Operator { family: "plugin", name, detail: String::new() });
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![b"ftrt\0\0\0\0".to_vec(), b"ftrt\0/tmp/evil.so\0".to_vec()]
    }

    #[test]
    fn commands_in_it_are_found() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.engine", good).verdict, Verdict::NothingFound);
        assert!(vet("m.engine", bad).verdict.is_flagged());
    }
}
