//! Follows assignments: which names, attributes and items get which value.

use std::rc::Rc;

use super::Flow;
use super::known::{Item, Value};
use super::tokens::top_level;
use crate::python::effects;
use crate::python::lex::Token;
use crate::python::parse::{Expr, Parser};

/// The most names of one scope that are followed.
const NAMES_MAX: usize = 20_000;

impl Flow {
    pub(super) fn assignment(&mut self, tokens: &[Token]) {
        let places: Vec<usize> = top_level(tokens, |token| {
            matches!(token, Token::Mark("=" | "+=" | "|=" | "%=" | "/="))
        });
        let Some(last) = places.last() else {
            self.bare = true;
            self.value(&Parser::all(tokens));
            self.bare = false;
            return;
        };
        let mut value = self.value(&Parser::all(tokens.get(last + 1..).unwrap_or_default()));
        if let Some(Token::Mark(sign @ ("+=" | "|=" | "%=" | "/="))) = tokens.get(*last) {
            let target = tokens.get(..*last).unwrap_or_default();
            let before = self.value(&Parser::all(target));
            value = self.operate(&before, sign.trim_end_matches('='), &value);
        }
        let mut from = 0;
        for place in &places {
            let target = tokens.get(from..*place).unwrap_or_default();
            // `x: int = 1`
            let end = top_level(target, |token| *token == Token::Mark(":")).first().copied();
            if let Some(end) = end {
                self.value(&Parser::all(target.get(end + 1..).unwrap_or_default()));
            }
            let target = target.get(..end.unwrap_or(target.len())).unwrap_or_default();
            let target = Parser::all(target);
            self.set(&target, value.clone());
            from = place + 1;
        }
    }

    /// Gives a value to what stands on the left of an assignment.
    pub(super) fn set(&mut self, target: &Expr, value: Value) {
        match target {
            Expr::Name(name) => self.assign(name, value),
            Expr::Attr(of, name) => {
                let of = self.value(of);
                self.set_attribute(&of, name, &value);
            }
            Expr::Index(of, key) => {
                let (holder, key) = (self.value(of), self.value(key));
                self.set_item(of, &holder, &key, value);
            }
            Expr::Slice(of, _) => self.set(of, value),
            Expr::List(targets) => {
                let items = value.items();
                let even = items.len() == targets.len();
                let any = value.any_item();
                let values: Vec<Value> = targets
                    .iter()
                    .enumerate()
                    .map(|(at, _)| match items.get(at).filter(|_| even) {
                        Some(item) => item.value.clone(),
                        None => any.clone(),
                    })
                    .collect();
                for (target, each) in targets.iter().zip(values) {
                    match target {
                        Expr::Star(target) => self.set(target, value.clone()),
                        target => self.set(target, each.tainted(value.taint)),
                    }
                }
            }
            other => drop(self.value(other)),
        }
    }

    pub(super) fn set_attribute(&mut self, of: &Value, name: &str, value: &Value) {
        let own = of.paths.iter().any(|path| path.starts_with('@'));
        let calls = value.paths.iter().any(|path| effects::is_action(path));
        if own || of.paths.is_empty() && calls {
            self.set_own(name, value);
        }
        if own && name == "__code__" {
            self.act(effects::Effect::Hook, "__code__ =", value.texts.clone(), value.taint);
        }
        for path in of.paths.iter().filter(|path| !path.starts_with('@')) {
            let full = effects::canonical(&format!("{path}.{name}"));
            if let Some(effect) = effects::of_setting(&full, value) {
                let texts = value.texts.clone();
                self.act(effect, format!("{full} ="), texts, value.taint);
            }
        }
    }

    pub(super) fn set_own(&mut self, name: &str, value: &Value) {
        if self.own.len() < NAMES_MAX || self.own.contains_key(name) {
            let own = self.own.entry(name.to_owned()).or_default();
            *own = std::mem::take(own).or(value);
        }
    }

    fn set_item(&mut self, of: &Expr, holder: &Value, key: &Value, value: Value) {
        for path in &holder.paths {
            let full = format!("{path}[{}]", key.text().unwrap_or("?"));
            if let Some(effect) = effects::of_setting(&full, &value) {
                let mut texts = key.texts.clone();
                texts.extend(value.texts.iter().cloned());
                self.act(effect, format!("{full} ="), texts, value.taint);
            }
        }
        if holder.paths.is_empty() && !matches!(of, Expr::Call(..)) {
            // Large tables are filled in loops; a few items of them are enough.
            let mut items: Vec<Item> = holder.items().to_vec();
            let key = key.texts.first().map(Rc::clone);
            let kept = !value.is_unknown() || value.taint != 0;
            if kept && items.len() < 256 {
                items.retain(|item| key.is_none() || item.key != key);
                items.push(Item { key, value });
                self.set(of, Value::of_items(items).tainted(holder.taint));
            }
        }
    }

    pub(super) fn assign(&mut self, name: &str, value: Value) {
        let far = self.scopes.last().is_some_and(|scope| scope.globals.contains(name));
        let at = if far { 0 } else { self.scopes.len().saturating_sub(1) };
        let weak = far || self.in_branch();
        let Some(scope) = self.scopes.get_mut(at) else { return };
        if scope.names.len() >= NAMES_MAX && !scope.names.contains_key(name) {
            return;
        }
        let all = self.now.entry(Rc::clone(&scope.name)).or_default();
        let ever = all.entry(name.to_owned()).or_default();
        *ever = std::mem::take(ever).or(&value);
        let is_class = scope.is_class;
        let earlier = scope.names.get(name).filter(|_| weak);
        let kept = earlier.map_or_else(|| value.clone(), |earlier| earlier.clone().or(&value));
        scope.names.insert(name.to_owned(), kept);
        if is_class {
            self.set_own(name, &value);
        }
    }

    /// Whether what is looked at may be passed over.
    fn in_branch(&self) -> bool {
        self.blocks.iter().rev().take_while(|block| !block.scope).any(|block| block.branch)
    }

    /// What a name was set to. Names of other scopes may have been set to anything that they are
    /// set to anywhere.
    pub(super) fn lookup(&self, name: &str) -> Option<Value> {
        let inner = self.scopes.len().checked_sub(1)?;
        self.scopes.iter().enumerate().rev().find_map(|(at, scope)| {
            if scope.is_class && at != inner {
                return None;
            }
            let here = scope.names.get(name);
            let ever = self.before.get(&scope.name).and_then(|names| names.get(name));
            if at == inner { here.or(ever) } else { ever.or(here) }.cloned()
        })
    }
}
