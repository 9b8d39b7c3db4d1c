//! Configuration and tokenizer files as JSON: `config.json`, `tokenizer_config.json`,
//! `chat_template.json`, model indexes, XGBoost's JSON models, and any other JSON.
//!
//! Chat templates are judged as templates. Reported are also settings that make a loader run code
//! from beside the model or from elsewhere, callables that a configuration names, and commands or
//! code in texts.

use crate::bytes::{Feed, Walk};
use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::json::{self, Scalar};
use crate::policy::{template, text};

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "config",
    title: "JSON document",
    family: "json",
    wants,
    read,
    stream: Some(stream),
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    probe.is_json().then_some(Claim::Structure)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    let outcome = json::walk(Walk::new(item.bytes, bom(item)), &mut |path, scalar| {
        scalar_fact(path, scalar, facts);
    });
    if let Err(error) = outcome {
        // A cut document breaks where it was cut; that is said where it was cut.
        if !item.cut {
            facts.odd(0, "json.broken", error);
        }
    }
}

fn stream(feed: &mut Feed<'_>, facts: &mut Facts) {
    if let Err(error) = json::walk(&mut *feed, &mut |path, scalar| scalar_fact(path, scalar, facts))
    {
        facts.odd(feed.offset(), "json.broken", error);
    }
}

/// The length of a byte order mark.
pub(crate) fn bom(item: &Item<'_>) -> u64 {
    if item.head.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 }
}

/// Lists of words are not settings.
fn is_vocabulary(path: &[String]) -> bool {
    path.iter().any(|key| {
        matches!(
            key.as_str(),
            "vocab" | "merges" | "added_tokens" | "added_tokens_decoder" | "tokens"
        )
    })
}

/// Notes what a scalar of a configuration says.
pub(crate) fn scalar_fact(path: &[String], scalar: Scalar<'_>, facts: &mut Facts) {
    let key = path.iter().rev().find(|key| *key != "#").map_or("", String::as_str);
    let full = || path.join(".");
    match scalar {
        Scalar::Text(value) => {
            let templated = key.contains("template") || value.len() > 24;
            if templated && template::is_template(value) {
                return facts.note(Fact::Template { key: full(), text: value.to_owned() });
            }
            let target = matches!(
                key,
                "_target_"
                    | "_partial_"
                    | "_class_"
                    | "auto_map"
                    | "custom_pipelines"
                    | "entrypoint"
            ) || path.iter().any(|part| part == "auto_map");
            if target {
                let key = if path.iter().any(|part| part == "auto_map") { "auto_map" } else { key };
                facts.note(Fact::Setting { key: key.to_owned(), value: value.to_owned() });
            } else if value.len() > 6 && !is_vocabulary(path) && text::judge(key, value).is_some() {
                facts.note(Fact::Text { key: full(), text: value.to_owned() });
            }
        }
        Scalar::Bool(true) if key == "trust_remote_code" => {
            facts.note(Fact::Setting { key: full(), value: "true".to_owned() });
        }
        _ => {}
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            br#"{"chat_template": "{{ ''.__class__ }}", "auto_map": {"AutoModel": "x.Y"}}"#
                .to_vec(),
            br#"[{"name": "a", "value": 1.5}]"#.to_vec(),
        ]
    }

    fn verdict(text: &str) -> Verdict {
        vet("config.json", &text.as_bytes().to_vec()).verdict
    }

    #[test]
    fn templates_targets_and_commands_are_judged() {
        assert_eq!(verdict(r#"{"chat_template": "{{ ''.__class__ }}"}"#), Verdict::Malicious);
        assert_eq!(
            verdict(r#"{"chat_template": "{{ messages[0].content }}"}"#),
            Verdict::NothingFound
        );
        assert_eq!(verdict(r#"{"a": {"_target_": "subprocess.Popen"}}"#), Verdict::Malicious);
        assert_eq!(verdict(r#"{"run": "rm -rf /"}"#), Verdict::Suspicious);
        assert_eq!(verdict(r#"{"model_type": "bert", "layers": 12}"#), Verdict::NothingFound);
    }

    #[test]
    fn code_from_another_repository_is_suspicious_and_from_beside_is_said() {
        assert_eq!(
            verdict(r#"{"auto_map": {"AutoModel": "who/ever--modeling.X"}}"#),
            Verdict::Suspicious
        );
        let report = vet("c", &br#"{"auto_map": {"AutoModel": "modeling.X"}}"#.to_vec());
        assert_eq!((report.verdict, report.findings.len()), (Verdict::NothingFound, 1));
    }
}
