//! Follows imports: which names they bind, and what importing does.

use super::tokens::{split_commas, word};
use super::{Flow, Value};
use crate::python::effects;
use crate::python::lex::Token;

impl Flow {
    pub(super) fn import(&mut self, tokens: &[Token]) {
        for part in split_commas(tokens) {
            let names: Vec<&str> = part.iter().filter_map(word).collect();
            let at = names.iter().position(|name| *name == "as");
            let dotted = names.get(..at.unwrap_or(names.len())).unwrap_or_default().join(".");
            let (local, path) = match at.and_then(|at| names.get(at + 1)) {
                Some(alias) => ((*alias).to_owned(), dotted.clone()),
                None => {
                    let top = dotted.split('.').next().unwrap_or_default().to_owned();
                    (top.clone(), top)
                }
            };
            self.effect_of_import(&dotted);
            self.assign(&local, Value::of_path(path));
        }
    }

    pub(super) fn import_from(&mut self, tokens: &[Token]) {
        let Some(at) = tokens.iter().position(|t| matches!(t, Token::Name(w) if w == "import"))
        else {
            return;
        };
        let (module, names) = tokens.split_at(at);
        let mut base = String::new();
        for token in module {
            match token {
                Token::Mark("...") => base.push_str("..."),
                Token::Mark(mark) => base.push_str(mark),
                Token::Name(name) => base.push_str(name),
                _ => {}
            }
        }
        self.effect_of_import(&base);
        if names.contains(&Token::Mark("*")) && self.stars.len() < 64 {
            self.stars.push(base);
            return;
        }
        for part in split_commas(names.get(1..).unwrap_or_default()) {
            let words: Vec<&str> = part.iter().filter_map(word).collect();
            let Some(name) = words.first() else { continue };
            let local =
                if words.get(1) == Some(&"as") { words.get(2).unwrap_or(name) } else { name };
            let path = effects::canonical(&format!("{base}.{name}"));
            self.assign(local, Value::of_path(path));
        }
    }

    pub(super) fn effect_of_import(&mut self, module: &str) {
        if let Some(effect) = effects::of_import(module) {
            self.act(effect, format!("import {module}"), Vec::new(), 0);
        }
    }
}
