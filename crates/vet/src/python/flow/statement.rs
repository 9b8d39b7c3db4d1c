//! Follows statements: definitions of functions, blocks, and what their heads work out.

use std::collections::HashMap;

use super::tokens::{split_colon, split_commas, word};
use super::{Flow, Value, taint};
use crate::python::lex::Token;
use crate::python::parse::Parser;

impl Flow {
    pub(super) fn statements(&mut self, tokens: &[Token], indent: usize) {
        for part in tokens.split(|token| *token == Token::Mark(";")) {
            self.statement(part, indent);
        }
    }

    fn statement(&mut self, tokens: &[Token], indent: usize) {
        let Some(first) = tokens.first() else { return };
        self.bare = false;
        if *first == Token::Mark("@") {
            self.value(&Parser::all(tokens.get(1..).unwrap_or_default()));
            return;
        }
        let word = match first {
            Token::Name(word) => word.as_str(),
            _ => "",
        };
        let rest = tokens.get(1..).unwrap_or_default();
        match word {
            "import" => self.import(rest),
            "from" => self.import_from(rest),
            "def" => self.define(rest, indent),
            "async" if matches!(rest.first(), Some(Token::Name(w)) if w == "def") => {
                self.define(rest.get(1..).unwrap_or_default(), indent);
            }
            "class" => {
                let (_, body) = split_colon(rest);
                self.statements(body, indent + 1);
            }
            "if" | "elif" | "else" | "while" | "try" | "except" | "finally" | "with" | "for"
            | "async" | "match" | "case" => {
                let (head, body) = split_colon(rest);
                self.head(word, head);
                if !body.is_empty() {
                    self.statements(body, indent + 1);
                }
            }
            "return" | "yield" => {
                let value = self.value(&Parser::all(rest));
                self.returns |= value.taint;
            }
            "del" | "global" | "nonlocal" | "pass" | "break" | "continue" => {}
            "assert" | "raise" => drop(self.value(&Parser::all(rest))),
            _ => self.assignment(tokens),
        }
    }

    fn head(&mut self, word: &str, head: &[Token]) {
        let split =
            |by: &str| head.iter().position(|token| matches!(token, Token::Name(w) if w == by));
        match word {
            "for" | "async" => {
                if let Some(at) = split("in") {
                    let (targets, values) = head.split_at(at);
                    let value = self.value(&Parser::all(values.get(1..).unwrap_or_default()));
                    let item = Value { taint: value.taint, ..Value::default() };
                    self.assign_all(targets, &item);
                }
            }
            "with" => {
                for part in split_commas(head) {
                    let at = part.iter().position(|t| matches!(t, Token::Name(w) if w == "as"));
                    let value = self.value(&Parser::all(
                        part.get(..at.unwrap_or(part.len())).unwrap_or_default(),
                    ));
                    if let Some(at) = at {
                        self.assign_all(part.get(at + 1..).unwrap_or_default(), &value);
                    }
                }
            }
            "except" => {}
            _ => drop(self.value(&Parser::all(head))),
        }
    }

    fn define(&mut self, tokens: &[Token], indent: usize) {
        let Some(Token::Name(name)) = tokens.first() else { return };
        let (head, body) = split_colon(tokens);
        if self.in_function.is_none() {
            self.in_function = Some((name.clone(), indent));
            self.reach.clear();
            self.returns = 0;
        }
        let mut scope = HashMap::new();
        let inside = head.get(2..head.len().saturating_sub(1)).unwrap_or_default();
        for part in split_commas(inside) {
            if let Some(name) = part.iter().find_map(word) {
                let value = Value { taint: taint::PARAMETER, ..Value::default() };
                scope.insert(name.to_owned(), value);
            }
            // Defaults are worked out when the module is imported.
            if let Some(at) = part.iter().position(|token| *token == Token::Mark("=")) {
                self.value(&Parser::all(part.get(at + 1..).unwrap_or_default()));
            }
        }
        if self.scopes.len() < 8 {
            self.scopes.push(scope);
        }
        if !body.is_empty() {
            self.statements(body, indent + 1);
        }
    }
}
