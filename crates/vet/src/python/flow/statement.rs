//! Follows statements: definitions of functions and classes, blocks, and what their heads work out.

use super::known::Value;
use super::tokens::{split_colon, split_commas, word};
use super::{Block, Flow, SCOPES_MAX, Scope};
use crate::python::effects;
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
            let decorator = self.value(&Parser::all(tokens.get(1..).unwrap_or_default()));
            if self.decorators.len() < 32 {
                self.decorators.push(decorator);
            }
            return;
        }
        let rest = tokens.get(1..).unwrap_or_default();
        match word(first).unwrap_or_default() {
            "import" => self.import(rest),
            "from" => self.import_from(rest),
            "def" => self.define(rest, indent),
            "async" if matches!(rest.first(), Some(Token::Name(w)) if w == "def") => {
                self.define(rest.get(1..).unwrap_or_default(), indent);
            }
            "class" => self.class_body(rest, indent),
            word @ ("if" | "elif" | "else" | "while" | "try" | "except" | "finally" | "with"
            | "for" | "async")
                if tokens.contains(&Token::Mark(":")) =>
            {
                self.block(word, rest, indent);
            }
            "match" | "case" if tokens.last() == Some(&Token::Mark(":")) => {
                self.block("match", rest, indent);
            }
            "return" | "yield" => {
                let value = self.value(&Parser::all(rest));
                self.give(&value);
            }
            "global" => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.globals.extend(rest.iter().filter_map(word).map(str::to_owned));
                }
            }
            "del" | "nonlocal" | "pass" | "break" | "continue" => {}
            "assert" | "raise" => drop(self.value(&Parser::all(rest))),
            _ => self.assignment(tokens),
        }
    }

    fn block(&mut self, word: &str, rest: &[Token], indent: usize) {
        let (head, body) = split_colon(rest);
        self.head(word, head);
        let branch = !matches!(word, "with" | "finally" | "try");
        let main = matches!(
            head,
            [Token::Name(name), Token::Mark("=="), Token::Text(text)]
                if name == "__name__" && text == "__main__"
        );
        self.blocks.push(Block { indent, scope: false, branch, main });
        if !body.is_empty() {
            self.statements(body, indent + 1);
        }
    }

    fn head(&mut self, word: &str, head: &[Token]) {
        let split =
            |by: &str| head.iter().position(|token| matches!(token, Token::Name(w) if w == by));
        match word {
            "for" | "async" if split("in").is_some() => {
                let (targets, values) = head.split_at(split("in").unwrap_or(0));
                let values = self.value(&Parser::all(values.get(1..).unwrap_or_default()));
                let each = Self::spread(&values).any_item();
                let targets = targets.strip_prefix(&[Token::Name("for".to_owned())]);
                let targets = targets.unwrap_or(head.split_at(split("in").unwrap_or(0)).0);
                self.set(&Parser::all(targets), each);
            }
            "with" | "async" => {
                for part in split_commas(head) {
                    let at = part.iter().position(|t| matches!(t, Token::Name(w) if w == "as"));
                    let value = self.value(&Parser::all(
                        part.get(..at.unwrap_or(part.len())).unwrap_or_default(),
                    ));
                    if let Some(at) = at {
                        let target = Parser::all(part.get(at + 1..).unwrap_or_default());
                        self.set(&target, value);
                    }
                }
            }
            "except" => {}
            _ => drop(self.value(&Parser::all(head))),
        }
    }

    /// A function gives something back.
    fn give(&mut self, value: &Value) {
        let Some(name) = self.function() else { return };
        if name.ends_with("__reduce__") || name.ends_with("__reduce_ex__") {
            // Whoever unpickles the object calls the first with the second.
            if let [callee, given, ..] = value.items() {
                let args: Vec<_> =
                    given.value.items().iter().map(|item| (None, item.value.clone())).collect();
                let callee = callee.value.clone();
                self.call_value(&callee, &args);
            }
        }
        if let Some(function) = self.functions.get_mut(&*name) {
            function.returns = std::mem::take(&mut function.returns).or(value);
        }
    }

    fn define(&mut self, tokens: &[Token], indent: usize) {
        let Some(Token::Name(name)) = tokens.first() else { return };
        let (head, body) = split_colon(tokens);
        let decorators = std::mem::take(&mut self.decorators);
        let class = self.scopes.last().filter(|scope| scope.is_class).map(|s| s.name.to_string());
        let key = class.as_ref().map_or_else(|| name.clone(), |class| format!("{class}.{name}"));
        if class.is_none() {
            self.defined.insert(name.clone());
        }
        let parameters = self.parameters(head);
        let function = self.functions.entry(key.clone()).or_default();
        function.parameters = parameters;
        let mut scope = Self::scope_of(&key, function);
        let own = function.parameters.first().cloned();
        let is = |decorator: &Value, what: &str| decorator.path() == Some(what);
        if let (Some(class), Some(own)) = (&class, own)
            && !decorators.iter().any(|decorator| is(decorator, "builtins.staticmethod"))
        {
            let of_class = decorators.iter().any(|decorator| is(decorator, "builtins.classmethod"));
            let what = if of_class { format!("@{class}") } else { format!("@{class}()") };
            scope.names.insert(own, Value::of_path(what));
        }
        self.decorate(&decorators, &key);
        let pushed = self.scopes.len() < SCOPES_MAX;
        if pushed {
            self.scopes.push(scope);
        }
        self.blocks.push(Block { indent, scope: pushed, branch: false, main: false });
        if !body.is_empty() {
            self.statements(body, indent + 1);
        }
    }

    /// The parameters of a function. Defaults and annotations are worked out on import.
    fn parameters(&mut self, head: &[Token]) -> Vec<String> {
        let close = head.iter().rposition(|token| *token == Token::Mark(")"));
        let arrow = head.iter().position(|token| *token == Token::Mark("->"));
        if let Some(arrow) = arrow {
            self.value(&Parser::all(head.get(arrow + 1..).unwrap_or_default()));
        }
        let close = head
            .get(..arrow.unwrap_or(head.len()))
            .and_then(|head| head.iter().rposition(|token| *token == Token::Mark(")")))
            .or(close);
        let inside = head.get(2..close.unwrap_or(head.len())).unwrap_or_default();
        let mut parameters = Vec::new();
        for part in split_commas(inside) {
            let Some(at) = part.iter().position(|token| word(token).is_some()) else { continue };
            parameters.extend(part.get(at).and_then(word).map(str::to_owned));
            let rest = part.get(at + 1..).unwrap_or_default();
            for piece in rest.split(|token| *token == Token::Mark("=")) {
                self.value(&Parser::all(piece.strip_prefix(&[Token::Mark(":")]).unwrap_or(piece)));
            }
            if parameters.len() > 255 {
                break;
            }
        }
        parameters
    }

    fn decorate(&mut self, decorators: &[Value], key: &str) {
        for decorator in decorators {
            self.call_value(decorator, &[(None, Value::of_path(format!("@{key}")))]);
        }
    }

    fn class_body(&mut self, tokens: &[Token], indent: usize) {
        let Some(Token::Name(name)) = tokens.first() else { return };
        let (head, body) = split_colon(tokens);
        let decorators = std::mem::take(&mut self.decorators);
        self.defined.insert(name.clone());
        let inside = head.get(1..).unwrap_or_default();
        let mut bases = Vec::new();
        for part in split_commas(inside) {
            let by_name = part.iter().position(|token| *token == Token::Mark("="));
            let value = part.get(by_name.map_or(0, |at| at + 1)..).unwrap_or_default();
            let value = self.value(&Parser::all(value));
            for base in value.paths.iter().filter_map(|path| path.strip_prefix('@')) {
                for method in ["__init_subclass__", "__new__", "__init__", "__prepare__"] {
                    let runs = by_name.is_some() || method == "__init_subclass__";
                    if let Some(method) = self.method_of(base, method).filter(|_| runs) {
                        self.refer(&format!("@{method}"));
                    }
                }
                bases.push(base.to_owned());
            }
            // A class of a module that acts hands its methods on.
            let others = value.paths.iter().filter(|path| effects::is_known(path));
            bases.extend(others.map(ToString::to_string));
        }
        self.classes.insert(name.clone(), bases);
        self.decorate(&decorators, name);
        let pushed = self.scopes.len() < SCOPES_MAX;
        if pushed {
            let scope = Scope { name: name.as_str().into(), is_class: true, ..Scope::default() };
            self.scopes.push(scope);
        }
        self.blocks.push(Block { indent, scope: pushed, branch: false, main: false });
        if !body.is_empty() {
            self.statements(body, indent + 1);
        }
    }

    /// Gives a name in a comprehension a value.
    pub(super) fn bind(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.names.insert(name.to_owned(), value);
        }
    }
}
