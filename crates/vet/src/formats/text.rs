//! Texts: Jinja templates, YAML and other configuration files, model cards.
//!
//! A text with template expressions is judged as a template. In YAML, tags that make a loader build
//! Python objects are reported, and the callables that `_target_` names.

use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::limits::TEXT_BYTES_MAX;
use crate::policy::template;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "text",
    title: "text",
    family: "text",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.is_text().then_some(Claim::Likely)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let text = item.text(TEXT_BYTES_MAX);
    if item.bytes.size() > TEXT_BYTES_MAX as u64 {
        return crate::registry::raw::search(item, facts);
    }
    let prose = ["#!", "<!DOCTYPE", "<html"].iter().any(|mark| text.trim_start().starts_with(mark));
    let is_card = item.name.to_ascii_lowercase().ends_with(".md");
    if template::is_template(&text) && !prose && !is_card {
        facts.note(Fact::Template { key: item.name.to_owned(), text: text.clone() });
    }
    for (number, line) in text.lines().enumerate() {
        setting(number, line, facts);
    }
}

fn setting(number: usize, line: &str, facts: &mut Facts) {
    let line = line.trim().trim_start_matches("- ");
    if let Some(at) = line.find("!!python/") {
        let tag: String = line.chars().skip(at).take(100).collect();
        let plain = [
            "!!python/tuple",
            "!!python/str",
            "!!python/unicode",
            "!!python/dict",
            "!!python/list",
            "!!python/int",
            "!!python/float",
            "!!python/bool",
            "!!python/none",
        ];
        if !plain.iter().any(|good| tag.starts_with(good)) {
            facts.odd(number as u64, "yaml.python", tag);
        }
        return;
    }
    let Some((key, value)) = line.split_once(':') else { return };
    let key = key.trim().trim_matches(['"', '\'']);
    if matches!(key, "_target_" | "trust_remote_code" | "_class_") {
        let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        let value =
            if key == "trust_remote_code" { value.to_ascii_lowercase() } else { value.to_owned() };
        facts.note(Fact::Setting { key: key.to_owned(), value });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            b"model:\n  _target_: subprocess.Popen\n".to_vec(),
            b"{% for m in messages %}{{ m.content }}{% endfor %}\n".to_vec(),
        ]
    }

    fn verdict(text: &str) -> Verdict {
        vet("x", &text.as_bytes().to_vec()).verdict
    }

    #[test]
    fn targets_tags_and_templates_are_judged() {
        assert_eq!(verdict("a:\n  - _target_: subprocess.Popen\n"), Verdict::Malicious);
        assert_eq!(verdict("model:\n  _target_: nemo.Model\n"), Verdict::NothingFound);
        assert_eq!(verdict("a: !!python/object/apply:os.system ['id']\n"), Verdict::Malicious);
        assert_eq!(verdict("a: !!python/tuple [1, 2]\n"), Verdict::NothingFound);
        assert_eq!(verdict("{{ cycler.__init__.__globals__ }}\n"), Verdict::Malicious);
        assert_eq!(verdict("Just some words for people.\n"), Verdict::NothingFound);
    }
}
