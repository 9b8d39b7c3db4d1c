//! Follows names, texts and taint through a module, statement by statement: what is called, and
//! whether what is run, sent or written came from somewhere it should not.

use std::collections::HashMap;

use super::effects::{self, Effect};
use super::lex::{Line, Token};
use super::parse::{Expr, Parser};

/// Where a value comes from: bits.
pub mod taint {
    /// The network.
    pub const NETWORK: u8 = 1;
    /// Decoded or decompressed data.
    pub const DECODED: u8 = 2;
    /// Secrets: keys, tokens, the whole environment.
    pub const SECRET: u8 = 4;
    /// A file.
    pub const FILE: u8 = 8;
    /// What tells one machine or user from others.
    pub const HOST: u8 = 16;
    /// A parameter of the function that is looked at.
    pub const PARAMETER: u8 = 32;
}

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Value {
    /// The dotted name of what it is.
    pub path: Option<String>,
    /// Its text, if it is a known one.
    pub text: Option<String>,
    /// Where it comes from.
    pub taint: u8,
}

/// What a function does with its parameters, and what it gives back.
#[derive(Clone, Debug, Default)]
struct Summary {
    returns: u8,
    parameters_reach: Vec<Effect>,
}

/// Something that a module does.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What it is.
    pub effect: Effect,
    /// The callable, dotted.
    pub callee: String,
    /// The texts among its arguments.
    pub texts: Vec<String>,
    /// Where its arguments come from.
    pub taint: u8,
    /// The line, from 1.
    pub line: usize,
    /// Whether it happens when the module is imported.
    pub on_import: bool,
    /// Whether it is a statement of its own.
    pub bare: bool,
}

/// The analysis of one module.
#[derive(Debug, Default)]
pub struct Flow {
    scopes: Vec<HashMap<String, Value>>,
    /// Attributes of `self`, of all classes together.
    own: HashMap<String, Value>,
    functions: HashMap<String, Summary>,
    /// What was found.
    pub acts: Vec<Act>,
    /// Names that only an attack spells out, and their lines.
    pub insides: Vec<(String, usize)>,
    line: usize,
    in_function: Option<(String, usize)>,
    returns: u8,
    reach: Vec<Effect>,
    bare: bool,
    budget: usize,
    /// Names that the module itself defines.
    defined: std::collections::HashSet<String>,
}

const ACTS_MAX: usize = 2_000;
const WORK_MAX: usize = 3_000_000;

impl Flow {
    /// Analyses a module: once to learn what its functions do, once to see what happens.
    pub fn of(lines: &[Line]) -> Self {
        let mut first = Self::default();
        first.module(lines);
        let mut second = Self {
            functions: first.functions,
            own: first.own,
            defined: first.defined,
            ..Self::default()
        };
        second.module(lines);
        second
    }

    fn module(&mut self, lines: &[Line]) {
        self.scopes = vec![HashMap::new()];
        self.budget = WORK_MAX;
        for line in lines {
            self.defined.extend(definitions(line));
        }
        for line in lines {
            self.line = line.number;
            self.leave_functions(line.indent);
            self.statements(&line.tokens, line.indent);
        }
        self.leave_functions(0);
    }

    fn leave_functions(&mut self, indent: usize) {
        let Some((name, inside)) = self.in_function.clone() else { return };
        if indent > inside {
            return;
        }
        let reach = std::mem::take(&mut self.reach);
        let returns = std::mem::take(&mut self.returns);
        let summary = self.functions.entry(name).or_default();
        summary.returns |= returns;
        for effect in reach {
            if !summary.parameters_reach.contains(&effect) {
                summary.parameters_reach.push(effect);
            }
        }
        self.scopes.truncate(1);
        self.in_function = None;
    }

    fn statements(&mut self, tokens: &[Token], indent: usize) {
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

    fn import(&mut self, tokens: &[Token]) {
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
            self.assign(&local, Value { path: Some(path), ..Value::default() });
        }
    }

    fn import_from(&mut self, tokens: &[Token]) {
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
        for part in split_commas(names.get(1..).unwrap_or_default()) {
            let words: Vec<&str> = part.iter().filter_map(word).collect();
            let Some(name) = words.first() else { continue };
            let local =
                if words.get(1) == Some(&"as") { words.get(2).unwrap_or(name) } else { name };
            let path = format!("{base}.{name}");
            self.assign(local, Value { path: Some(path), ..Value::default() });
        }
    }

    fn effect_of_import(&mut self, module: &str) {
        if let Some(effect) = effects::of_import(module) {
            self.act(effect, format!("import {module}"), Vec::new(), 0);
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

    fn assignment(&mut self, tokens: &[Token]) {
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

    fn assign_all(&mut self, target: &[Token], value: &Value) {
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

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), value);
        }
    }

    fn lookup(&self, name: &str) -> Option<&Value> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))
    }

    /// Works out what is known of an expression, and notes what it does on the way.
    fn value(&mut self, expression: &Expr) -> Value {
        if self.budget == 0 {
            return Value::default();
        }
        self.budget -= 1;
        match expression {
            Expr::Name(name) => self.name(name),
            Expr::Text(text) => Value { text: Some(text.clone()), ..Value::default() },
            Expr::Number(_) | Expr::Nothing => Value::default(),
            Expr::Format(parts, text) => {
                let mut out = self.many(parts.iter());
                out.text = Some(text.clone());
                out
            }
            Expr::Attr(of, name) => {
                let of = self.value_of_own(of, name);
                self.attribute(&of, name)
            }
            Expr::Index(of, index) => {
                let (of, index) = (self.value(of), self.value(index));
                self.index(of, &index)
            }
            Expr::Reversed(of) => {
                let mut value = self.value(of);
                value.text = value.text.map(|text| text.chars().rev().collect());
                value
            }
            Expr::Sum(items) => {
                let values: Vec<Value> = items.iter().map(|item| self.value(item)).collect();
                let texts: Option<Vec<String>> = values.iter().map(|v| v.text.clone()).collect();
                Value {
                    path: None,
                    text: texts.map(|texts| texts.concat()).filter(|text| text.len() < 1 << 20),
                    taint: values.iter().fold(0, |sum, value| sum | value.taint),
                }
            }
            Expr::Many(items) => self.many(items.iter()),
            Expr::Call(callee, arguments) => self.call(callee, arguments),
        }
    }

    fn many<'e>(&mut self, items: impl Iterator<Item = &'e Expr>) -> Value {
        let bare = std::mem::take(&mut self.bare);
        let mut out = Value::default();
        let mut only = None;
        let mut count = 0;
        for item in items {
            let value = self.value(item);
            out.taint |= value.taint;
            count += 1;
            only = value.path;
        }
        // One of two: `x or os.system`.
        if count <= 2 {
            out.path = only;
        }
        self.bare = bare;
        out
    }

    fn name(&mut self, name: &str) -> Value {
        if let Some(value) = self.lookup(name) {
            return value.clone();
        }
        if matches!(name, "__builtins__" | "__loader__" | "__spec__") {
            if name == "__builtins__" {
                self.insides.push((name.to_owned(), self.line));
            }
            return Value { path: Some("builtins".to_owned()), ..Value::default() };
        }
        let path = if self.defined.contains(name) {
            Some(format!("@{name}"))
        } else if effects::is_builtin(name) {
            Some(format!("builtins.{name}"))
        } else {
            None
        };
        Value { path, ..Value::default() }
    }

    /// `self.x` is looked up among what was assigned to it.
    fn value_of_own(&mut self, of: &Expr, name: &str) -> Value {
        if matches!(of, Expr::Name(own) if own == "self" || own == "cls") {
            if let Some(value) = self.own.get(name) {
                // The attribute itself: the caller adds nothing.
                return Value {
                    path: value.path.clone().map(|p| format!("={p}")),
                    ..value.clone()
                };
            }
            return Value { path: Some("=@".to_owned() + name), ..Value::default() };
        }
        self.value(of)
    }

    fn attribute(&mut self, of: &Value, name: &str) -> Value {
        if let Some(own) = of.path.as_deref().and_then(|path| path.strip_prefix('=')) {
            return Value { path: Some(own.to_owned()), text: of.text.clone(), taint: of.taint };
        }
        if matches!(
            name,
            "__subclasses__"
                | "__globals__"
                | "__builtins__"
                | "__mro__"
                | "__bases__"
                | "__code__"
                | "f_globals"
                | "f_builtins"
                | "tb_frame"
                | "gi_frame"
        ) {
            self.insides.push((name.to_owned(), self.line));
        }
        let path = of.path.as_ref().map(|path| match path.as_str() {
            "builtins.globals()" | "builtins.vars()" => format!("builtins.{name}"),
            path => format!("{path}.{name}"),
        });
        Value { path, text: None, taint: of.taint }
    }

    fn index(&mut self, of: Value, index: &Value) -> Value {
        let Value { path: Some(path), taint, .. } = of else {
            return Value { taint: of.taint | index.taint, ..Value::default() };
        };
        let key = index.text.as_deref().unwrap_or_default();
        let resolved = match path.as_str() {
            "sys.modules" => Some(key.to_owned()),
            "builtins" | "builtins.__dict__" | "builtins.globals()" | "builtins.locals()" => {
                if self.lookup(key).is_some() || key == "__builtins__" {
                    return self.name(key);
                }
                Some(format!("builtins.{key}"))
            }
            _ => path.strip_suffix(".__dict__").or_else(|| path.strip_suffix("()")).map(|module| {
                if module.ends_with("vars") {
                    format!("builtins.{key}")
                } else {
                    format!("{module}.{key}")
                }
            }),
        };
        let taint = taint | index.taint | effects::taint_of_key(&path, key);
        Value { path: resolved.or(Some(path)), text: None, taint }
    }

    fn call(&mut self, callee: &Expr, arguments: &[(Option<String>, Expr)]) -> Value {
        let bare = std::mem::take(&mut self.bare);
        let callee = self.value(callee);
        let values: Vec<(Option<&str>, Value)> = arguments
            .iter()
            .map(|(name, argument)| (name.as_deref(), self.value(argument)))
            .collect();
        self.bare = bare;
        let taint = values.iter().fold(0, |sum, (_, value)| sum | value.taint);
        let texts: Vec<String> =
            values.iter().filter_map(|(_, value)| value.text.clone()).collect();
        let first = values.first().map(|(_, value)| value.clone()).unwrap_or_default();
        let path = callee.path.clone().unwrap_or_default();
        if let Some(value) = self.fold(&path, &callee, &values, &texts) {
            return value;
        }
        if let Some(name) = path.strip_prefix('@') {
            let name = name.rsplit('.').next().unwrap_or(name);
            if let Some(summary) = self.functions.get(name).cloned() {
                for effect in summary.parameters_reach {
                    if taint & !taint::PARAMETER != 0 {
                        self.act(effect, name.to_owned(), texts.clone(), taint);
                    }
                }
                return Value { taint: summary.returns | taint, ..Value::default() };
            }
        }
        if let Some(effect) = effects::of_call(&path, &values) {
            // A callable that is handed on is called in the end.
            self.act(effect, path.clone(), texts.clone(), taint | callee.taint);
        }
        for (_, value) in &values {
            let handed_on = value.path.as_deref().filter(|p| effects::is_action(p));
            if let Some(handed) = handed_on.filter(|_| effects::calls_its_arguments(&path)) {
                let handed = handed.to_owned();
                if let Some(effect) = effects::of_call(&handed, &[]) {
                    self.act(effect, handed, texts.clone(), taint);
                }
            }
        }
        if bare && !path.is_empty() && self.scopes.len() == 1 {
            self.act(Effect::Foreign, path.clone(), texts, taint);
        }
        let given = effects::taint_of_result(&path, &first);
        Value { path: Some(format!("{path}()")), text: None, taint: taint | callee.taint | given }
    }

    /// Calls whose result is known.
    fn fold(
        &mut self,
        path: &str,
        callee: &Value,
        values: &[(Option<&str>, Value)],
        texts: &[String],
    ) -> Option<Value> {
        let first = values.first().map(|(_, value)| value);
        let taint = values.iter().fold(callee.taint, |sum, (_, value)| sum | value.taint);
        let text_of = |text: String| {
            let taint = taint | taint::DECODED;
            Some(Value { text: Some(text), path: None, taint })
        };
        match path {
            "builtins.getattr" => {
                let of = first?.clone();
                let name = values.get(1)?.1.text.clone()?;
                Some(self.attribute(&of, &name))
            }
            "builtins.__import__" | "importlib.import_module" | "importlib.__import__" => {
                let module = first?.text.clone()?;
                self.effect_of_import(&module);
                Some(Value { path: Some(module), ..Value::default() })
            }
            "builtins.vars" | "builtins.globals" | "builtins.locals" => {
                let of = first.and_then(|value| value.path.clone());
                let path = of.map_or_else(|| format!("{path}()"), |of| format!("{of}.__dict__"));
                Some(Value { path: Some(path), ..Value::default() })
            }
            "base64.b64decode"
            | "base64.urlsafe_b64decode"
            | "base64.standard_b64decode"
            | "base64.decodebytes" => {
                let text = texts.first()?;
                text_of(effects::base64(text)?)
            }
            "builtins.bytes.fromhex"
            | "builtins.bytearray.fromhex"
            | "binascii.unhexlify"
            | "codecs.decode" => {
                let text = texts.first()?;
                if texts.get(1).is_some_and(|codec| codec.contains("rot")) {
                    return text_of(effects::rot13(text));
                }
                let bytes = hex::decode(text.trim()).ok()?;
                text_of(String::from_utf8_lossy(&bytes).into_owned())
            }
            "builtins.compile" | "builtins.str" | "builtins.bytes" => {
                if path == "builtins.compile" {
                    return None;
                }
                let value = first?.clone();
                Some(Value { path: None, ..value })
            }
            "functools.partial" => {
                let value = first?.clone();
                value.path.is_some().then_some(value)
            }
            _ => None,
        }
    }

    fn act(&mut self, effect: Effect, callee: String, texts: Vec<String>, taint: u8) {
        if taint & taint::PARAMETER != 0 && self.reach.len() < 16 {
            self.reach.push(effect);
        }
        if self.acts.len() < ACTS_MAX {
            let on_import = self.scopes.len() <= 1;
            let taint = taint & !taint::PARAMETER;
            self.acts.push(Act {
                effect,
                callee,
                texts,
                taint,
                line: self.line,
                on_import,
                bare: self.bare,
            });
        }
    }
}

fn word(token: &Token) -> Option<&str> {
    match token {
        Token::Name(name) => Some(name),
        _ => None,
    }
}

fn definitions(line: &Line) -> Option<String> {
    let words: Vec<&str> = line.tokens.iter().take(3).map_while(word).collect();
    match words.as_slice() {
        ["def" | "class", name, ..] | ["async", "def", name] => Some((*name).to_owned()),
        _ => None,
    }
}

fn top_level(tokens: &[Token], is: impl Fn(&Token) -> bool) -> Vec<usize> {
    let mut open = 0_i32;
    let mut out = Vec::new();
    let mut in_lambda = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark("(" | "[" | "{") => open += 1,
            Token::Mark(")" | "]" | "}") => open -= 1,
            Token::Name(name) if name == "lambda" => in_lambda = true,
            Token::Mark(":") if in_lambda => {
                in_lambda = false;
                continue;
            }
            _ => {}
        }
        if open == 0 && is(token) {
            out.push(at);
        }
    }
    out
}

/// Head and body of a compound statement.
fn split_colon(tokens: &[Token]) -> (&[Token], &[Token]) {
    match top_level(tokens, |token| *token == Token::Mark(":")).first() {
        Some(at) => {
            (tokens.get(..*at).unwrap_or_default(), tokens.get(at + 1..).unwrap_or_default())
        }
        None => (tokens, &[]),
    }
}

fn split_commas(tokens: &[Token]) -> Vec<&[Token]> {
    // Names that are imported may stand in brackets.
    let tokens = match tokens {
        [Token::Mark("("), inner @ .., Token::Mark(")")] => inner,
        _ => tokens,
    };
    let mut out = Vec::new();
    let mut from = 0;
    for at in top_level(tokens, |token| *token == Token::Mark(",")) {
        out.push(tokens.get(from..at).unwrap_or_default());
        from = at + 1;
    }
    out.push(tokens.get(from..).unwrap_or_default());
    out
}
