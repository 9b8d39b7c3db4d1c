//! Jupyter notebooks: the code of their cells.
//!
//! Notebooks install packages and fetch data in the open, so only what no notebook needs is
//! reported: code out of decoded texts, secrets that are sent away, and the like.

use crate::bytes::Walk;
use crate::fact::{CodeKind, Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::json::{self, Scalar};
use crate::limits::TEXT_BYTES_MAX;
use crate::registry::config::bom;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "notebook",
    title: "Jupyter notebook",
    family: "json",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let is = probe.is_json() && probe.head_has("\"cells\"") && probe.head_has("\"cell_type\"");
    is.then_some(Claim::Special)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let mut code = String::new();
    let outcome = json::walk(Walk::new(item.bytes, bom(item)), &mut |path, scalar| {
        let Scalar::Text(text) = scalar else { return };
        let source =
            path.iter().any(|key| key == "source") && path.first().is_some_and(|k| k == "cells");
        if source && code.len() < TEXT_BYTES_MAX {
            // Lines that only the notebook understands are commands.
            let shell = text.trim_start().starts_with(['!', '%']);
            if shell {
                let text = text.trim().to_owned();
                if text.contains('|') && crate::policy::text::judge("cell", &text).is_some() {
                    facts.note(Fact::Text { key: "cell".to_owned(), text });
                }
            } else {
                code.push_str(text);
                if !text.ends_with('\n') {
                    code.push('\n');
                }
            }
        }
    });
    if outcome.is_err() && !item.cut {
        facts.odd(0, "json.broken", "the notebook is broken");
    }
    facts.note(Fact::Code { kind: CodeKind::Cell, text: code });
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    fn notebook(line: &str) -> Vec<u8> {
        let cell = serde_json::json!({"cell_type": "code", "source": [line]});
        serde_json::json!({"cells": [cell], "nbformat": 4}).to_string().into_bytes()
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            notebook("import base64\nexec(base64.b64decode('eA=='))\n"),
            notebook("!pip install torch\n"),
        ]
    }

    #[test]
    fn cells_are_judged() {
        let [bad, good] = &samples()[..] else { panic!() };
        assert_eq!(vet("n.ipynb", bad).verdict, Verdict::Malicious);
        assert_eq!(vet("n.ipynb", good).verdict, Verdict::NothingFound);
    }
}
