//! Follows assignments: which names and attributes get which value.

use super::tokens::{top_level, word};
use super::{Flow, Value};
use crate::python::effects;
use crate::python::lex::Token;
use crate::python::parse::{Expr, Parser};

impl Flow {
    pub(super) fn assignment(&mut self, tokens: &[Token]) {
        let places: Vec<usize> =
            top_level(tokens, |token| matches!(token, Token::Mark("=" | "+=" | "|=" | ":=")));
        let Some(last) = places.last() else {
            self.bare = true;
            self.value(&Parser::all(tokens));
            self.bare = false;
            return;
        };
        let adds = matches!(tokens.get(*last), Some(Token::Mark("+=" | "|=")));
        let mut value = self.value(&Parser::all(tokens.get(last + 1..).unwrap_or_default()));
        let mut from = 0;
        for place in &places {
            let target = tokens.get(from..*place).unwrap_or_default();
            // `x: int = 1`
            let end = top_level(target, |token| *token == Token::Mark(":"));
            let target =
                target.get(..end.first().copied().unwrap_or(target.len())).unwrap_or_default();
            if adds {
                let before = self.value(&Parser::all(target));
                value.taint |= before.taint;
                value.text = match (before.text, value.text) {
                    (Some(a), Some(b)) if a.len() + b.len() < 1 << 20 => Some(a + &b),
                    _ => None,
                };
            }
            self.assign_all(target, &value);
            from = place + 1;
        }
    }

    pub(super) fn assign_all(&mut self, target: &[Token], value: &Value) {
        match target {
            [Token::Name(name)] => self.assign(name, value.clone()),
            [Token::Name(own), Token::Mark("."), Token::Name(name)]
                if own == "self" || own == "cls" =>
            {
                self.own.insert(name.clone(), value.clone());
            }
            _ => {
                let expression = Parser::all(target);
                if let Expr::Attr(of, name) = &expression {
                    let of = self.value(of);
                    self.effect_of_setting(&of, name);
                }
                // Parts of it get where it comes from.
                let part = Value { taint: value.taint, ..Value::default() };
                for name in target.iter().filter_map(word) {
                    if self.lookup(name).is_none_or(|known| known.path.is_none()) {
                        self.assign(name, part.clone());
                    }
                }
            }
        }
    }

    fn effect_of_setting(&mut self, of: &Value, name: &str) {
        if let Some(path) = &of.path {
            let full = format!("{path}.{name}");
            if let Some(effect) = effects::of_setting(&full) {
                self.act(effect, full, Vec::new(), 0);
            }
        }
    }

    pub(super) fn assign(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }

    pub(super) fn lookup(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }
}
