//! Sentences from a grammar: names that stand for alternatives, and templates that use them.

use std::collections::{BTreeMap, BTreeSet};

use testkit::SeededRng;

const DEPTH_MAX: usize = 8;

/// A grammar file; its form is described at the head of `benign.grammar`.
pub struct Grammar {
    names: BTreeMap<String, Vec<String>>,
    templates: Vec<(usize, String)>,
}

impl Grammar {
    /// Reads a grammar.
    pub fn parse(text: &str) -> Self {
        let (mut names, mut templates) = (BTreeMap::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let template = line.split_once(' ').and_then(|(count, rest)| {
                count.parse().ok().map(|count: usize| (count, rest.to_owned()))
            });
            if let Some(template) = template {
                templates.push(template);
            } else {
                let (name, values) = line.split_once(" = ").expect("a name or a template");
                let values = values.split(" | ").map(|value| value.trim().to_owned()).collect();
                assert!(names.insert(name.to_owned(), values).is_none(), "`{name}` is there twice");
            }
        }
        Self { names, templates }
    }

    /// Different sentences, `percent` of what the templates ask for.
    pub fn sentences(&self, percent: usize, rng: &SeededRng) -> BTreeSet<String> {
        let mut sentences = BTreeSet::new();
        for (count, template) in &self.templates {
            for _ in 0..(count * percent / 100).max(1) {
                let text = self.expand(template, rng, 0).replace("\\n", "\n");
                sentences.insert(text.trim().to_owned());
            }
        }
        sentences
    }

    fn expand(&self, template: &str, rng: &SeededRng, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let name = after
                .split_once('}')
                .and_then(|(name, tail)| self.names.get(name).map(|values| (values, tail)));
            match name {
                Some((values, tail)) if depth < DEPTH_MAX => {
                    out.push_str(&self.expand(&values[rng.index(values.len())], rng, depth + 1));
                    rest = tail;
                }
                _ => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}
