//! Python source beside a model: `modeling_*.py` and the like, which `trust_remote_code` runs, and
//! the handlers of model servers.
//!
//! The code is not run. What it does when it is imported or used is told by following names, texts
//! and where values come from: processes, code out of the network or out of decoded texts, secrets
//! that are sent away, files from which code runs later. Text in comments and literals is not code.

use crate::fact::{CodeKind, Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::TEXT_BYTES_MAX;
use crate::python::looks_like_python;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "python_source",
    title: "Python source",
    family: "text",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    if !probe.is_text() || probe.is_json() {
        return None;
    }
    // Whether a text is code also hangs on whether a loader takes it for code.
    let called = probe.item.name.to_ascii_lowercase().ends_with(".py");
    let text = String::from_utf8_lossy(probe.head());
    (called || looks_like_python(&text)).then_some(Claim::Structure)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    if item.longer_than(TEXT_BYTES_MAX) {
        facts.unread("the code is longer than what is analysed");
    }
    let text = item.text(TEXT_BYTES_MAX);
    facts.note(Fact::Code { kind: CodeKind::Module, text });
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"import os\nfrom torch import nn\nclass M(nn.Module):\n    pass\nos.system('id')\n"
                .to_vec(),
            b"import torch\ndef f(x):\n    return x + 1\n".to_vec(),
        ]
    }

    #[test]
    fn code_is_judged_by_what_it_does() {
        let [bad, good] = &samples()[..] else { panic!() };
        assert!(vet("modeling_x.py", bad).verdict.is_flagged());
        assert_eq!(vet("modeling_x.py", good).verdict, Verdict::NothingFound);
    }
}
