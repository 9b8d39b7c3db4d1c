//! Keras 3's `.keras` files: a zip archive with a configuration and weights.
//!
//! The configuration names modules and classes that the loader imports. Reported are Lambda layers
//! and others that bring code, modules and functions that are no part of Keras, addresses, and
//! files in the archive that no model needs.

use crate::fact::{Fact, Facts};
use crate::format::{Claim, Format, Item, Probe};
use crate::keras;
use crate::registry::zip;

/// The descriptor.
pub const FORMAT: Format = Format {
    name: "keras_zip",
    title: "Keras archive",
    family: "zip",
    wants,
    read,
    stream: None,
    head_only: false,
    #[cfg(test)]
    samples: tests::samples,
};

fn wants(probe: &Probe<'_>) -> Option<Claim> {
    let names = probe.zip_names();
    let config = names.iter().any(|name| name == "config.json");
    let beside = names.iter().any(|name| name == "metadata.json" || name.ends_with(".weights.h5"));
    let called = probe.item.name.to_ascii_lowercase().ends_with(".keras");
    (config && (beside || called)).then_some(Claim::Special)
}

fn read(item: &Item<'_>, facts: &mut Facts) {
    zip::members(item, facts, &mut |entry, item, facts| {
        let lower = entry.name.to_ascii_lowercase();
        if lower == "config.json" {
            let Some(stream) = entry.open(item.bytes) else { return true };
            facts.enter(&entry.name);
            if let Err(error) = keras::config(stream, facts) {
                facts.odd(0, "json.broken", error);
            }
            facts.leave();
            return false;
        }
        let strange =
            [".py", ".pyc", ".sh", ".bat", ".ps1", ".exe", ".dll", ".so", ".pkl", ".js", ".cmd"]
                .iter()
                .any(|ending| lower.ends_with(ending));
        if strange {
            facts.note(Fact::Odd { id: "container.wrong_member", detail: entry.name.clone() });
        }
        true
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::finding::Verdict;
    use crate::vet;
    use crate::zip::tests::archive;

    fn keras(layer: &str) -> Vec<u8> {
        let config =
            format!(r#"{{"class_name": "Sequential", "config": {{"layers": [{layer}]}}}}"#);
        archive(&[
            ("config.json", config.as_bytes()),
            ("metadata.json", br#"{"keras_version": "3.0.0"}"#),
        ])
    }

    pub(crate) fn samples() -> Vec<Vec<u8>> {
        vec![
            keras(r#"{"class_name": "Dense", "module": "keras.layers", "config": {"units": 1}}"#),
            keras(
                r#"{"class_name": "Lambda", "config": {"function": ["ZXhlYygnMScp", null, null]}}"#,
            ),
        ]
    }

    fn verdict(layer: &str) -> Verdict {
        vet("m.keras", &keras(layer)).verdict
    }

    #[test]
    fn layers_that_bring_or_name_code_are_found() {
        assert_eq!(
            verdict(r#"{"class_name": "Dense", "config": {"units": 1}}"#),
            Verdict::NothingFound
        );
        assert!(verdict(r#"{"class_name": "Lambda", "config": {}}"#).is_flagged());
        assert!(verdict(r#"{"class_name": "D", "module": "builtins"}"#).is_flagged());
        assert!(
            verdict(r#"{"class_name": "D", "config": {"fn_module": "subprocess"}}"#).is_flagged()
        );
        assert!(verdict(r#"{"class_name": "D", "config": {"fn": "get_file"}}"#).is_flagged());
    }

    #[test]
    fn a_script_beside_the_weights_is_found() {
        let bytes = archive(&[("config.json", b"{}"), ("metadata.json", b"{}"), ("x.PY", b"1\n")]);
        assert!(vet("m.keras", &bytes).verdict.is_flagged());
    }
}
