//! PyTorch's files since 1.6: a zip archive with a pickle `data.pkl` and the tensors beside it,
//! also as TorchScript, whose code torch's own compiler runs.
//!
//! The pickle is read like any other. TorchScript code is read for operators that leave the model:
//! loading a library, reading files, `torch.ops` of packages that are not torch's own.

use crate::fact::{CodeKind, Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::TEXT_BYTES_MAX;
use crate::registry::zip;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "torch_zip",
    title: "PyTorch archive",
    family: "zip",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let is = probe.zip_has("data.pkl") && (probe.zip_has("version") || probe.zip_has("byteorder"));
    (is || probe.zip_has("constants.pkl")).then_some(Claim::Special)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    zip::members(item, facts, &mut |entry, item, facts| {
        let script = entry.name.contains("/code/") && entry.name.ends_with(".py");
        if script {
            let text = zip::content(item, entry, TEXT_BYTES_MAX);
            let text = String::from_utf8_lossy(&text).into_owned();
            facts.enter(&entry.name);
            facts.note(Fact::Code { kind: CodeKind::TorchScript, text });
            facts.leave();
        }
        // Line numbers of the code are a pickle too, of plain data.
        !script
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::pickle::tests::reduce;
    use crate::vet;
    use crate::zip::tests::archive;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        let good = b"\x80\x02ccollections\nOrderedDict\n)R.";
        vec![
            archive(&[("m/data.pkl", good), ("m/data/0", &[0; 64]), ("m/version", b"3\n")]),
            archive(&[("m/data.pkl", &reduce("os", "system", "id")), ("m/version", b"3\n")]),
        ]
    }

    #[test]
    fn the_pickle_inside_decides() {
        let [good, bad] = &samples()[..] else { panic!() };
        assert_eq!(vet("m.pt", good).verdict, Verdict::NothingFound);
        let report = vet("m.pt", bad);
        assert_eq!((report.verdict, report.format.as_str()), (Verdict::Malicious, "torch_zip"));
    }
}
