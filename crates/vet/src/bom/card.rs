//! What a model's own card and configuration say of it: `README.md` with its YAML head, as model
//! hubs write it, and `config.json`. What they say is their word, not a finding.

use serde::{Deserialize, Serialize};

use super::Data;

/// Bytes of a card or a configuration that are read.
pub const CARD_BYTES_MAX: usize = 1 << 20;
/// Data sets of a card.
const DATA_MAX: usize = 200;

/// What the card says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its licence, as an SPDX id, or `LicenseRef-` and what the card calls it.
    pub licence: Option<String>,
    /// What it is for.
    pub task: Option<String>,
    /// The family of its architecture.
    pub architecture: Option<String>,
    /// The models that it was made from.
    pub base: Vec<String>,
    /// The data that it was trained on.
    pub data: Vec<String>,
}

impl Card {
    /// Takes in a `README.md`.
    pub fn readme(&mut self, text: &str) {
        let Some(head) = text.trim_start_matches('\u{feff}').strip_prefix("---") else { return };
        let mut key = String::new();
        for line in head.lines().skip(1).take_while(|line| line.trim_end() != "---") {
            let item = line.trim_start().strip_prefix("- ").map(plain);
            match (item, line.split_once(':')) {
                (Some(item), _) => self.say(&key, item),
                (None, Some((name, value))) if !line.starts_with(char::is_whitespace) => {
                    name.trim().clone_into(&mut key);
                    let value = value.trim();
                    let list = value.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
                    match list {
                        Some(list) => {
                            list.split(',').map(plain).for_each(|item| self.say(&key, item));
                        }
                        None if !value.is_empty() => self.say(&key, plain(value)),
                        None => {}
                    }
                }
                _ => {}
            }
        }
    }

    fn say(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        match key {
            "license" => self.licence = Some(spdx_id(&value)),
            "pipeline_tag" => self.task = Some(value),
            "base_model" => self.base.push(value),
            "datasets" if self.data.len() < DATA_MAX => self.data.push(value),
            _ => {}
        }
    }

    /// Takes in a `config.json`.
    pub fn config(&mut self, bytes: &[u8]) {
        let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
        let text = |key: &str| json.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        if let Some(kind) = text("model_type") {
            self.architecture = Some(kind);
        }
    }

    /// The data sets.
    pub fn data(&self) -> Vec<Data> {
        self.data.iter().map(|name| Data { name: name.clone(), licence: None }).collect()
    }
}

fn plain(text: &str) -> String {
    text.trim().trim_matches(['"', '\'']).chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The SPDX id of a licence as model hubs write it.
fn spdx_id(text: &str) -> String {
    const IDS: [&str; 24] = [
        "Apache-2.0",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "ISC",
        "MPL-2.0",
        "Unlicense",
        "CC0-1.0",
        "CC-BY-2.0",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
        "CC-BY-NC-4.0",
        "CC-BY-NC-SA-4.0",
        "CC-BY-NC-ND-4.0",
        "CC-BY-ND-4.0",
        "ODbL-1.0",
        "PDDL-1.0",
        "EUPL-1.2",
        "AFL-3.0",
        "Artistic-2.0",
        "ECL-2.0",
    ];
    let gnu = |id: &str| ["GPL", "LGPL", "AGPL"].iter().any(|family| id.starts_with(family));
    if let Some(id) = IDS.iter().find(|id| id.eq_ignore_ascii_case(text)) {
        return (*id).to_owned();
    }
    let upper = text.to_ascii_uppercase();
    if gnu(&upper) && upper.split('-').count() == 2 {
        return format!("{upper}-only");
    }
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '-' };
    format!("LicenseRef-{}", text.chars().map(safe).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_and_a_configuration_are_read() {
        let mut card = Card::default();
        card.readme(
            "---\nlicense: apache-2.0\npipeline_tag: text-generation\ndatasets:\n- org/notes\n- \
             'b'\nbase_model: [org/base, \"x\"]\n---\n# Words\nlicense: mit\n",
        );
        card.config(br#"{"model_type": "llama"}"#);
        assert_eq!(card.licence.as_deref(), Some("Apache-2.0"));
        assert_eq!(card.task.as_deref(), Some("text-generation"));
        assert_eq!((card.data.len(), card.base.len()), (2, 2));
        assert_eq!(card.architecture.as_deref(), Some("llama"));
    }

    #[test]
    fn a_licence_of_no_list_is_named_as_such() {
        assert_eq!(spdx_id("gpl-3.0"), "GPL-3.0-only");
        assert_eq!(spdx_id("llama3.1 community"), "LicenseRef-llama3.1-community");
        let mut card = Card::default();
        card.readme("no head");
        card.config(b"{");
        assert_eq!(card, Card::default());
    }
}
