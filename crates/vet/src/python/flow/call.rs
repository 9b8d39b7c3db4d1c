//! Follows calls: what they do, and what is known of their result.

use std::rc::Rc;

use super::known::{Item, Value};
use super::{Flow, taint};
use crate::python::effects::{self, Effect};
use crate::python::parse::{Argument, Expr};

/// An argument as it is given.
pub type Given<'a> = (Option<&'a str>, Value);

/// The most texts of one call that are kept.
const TEXTS_MAX: usize = 32;

impl Flow {
    pub(super) fn call(&mut self, callee: &Expr, arguments: &[Argument]) -> Value {
        let bare = std::mem::take(&mut self.bare);
        let (of, callee) = match callee {
            Expr::Attr(expression, name) => {
                let of = self.value(expression);
                let callee = self.attribute(&of, name);
                (Some((expression, of, name)), callee)
            }
            other => (None, self.value(other)),
        };
        let args = self.arguments(arguments);
        let args: Vec<Given<'_>> =
            args.iter().map(|(name, value)| (name.as_deref(), value.clone())).collect();
        if let Some((expression, of, name)) = of
            && let Some(value) = self.method(expression, &of, name, &args)
        {
            return value;
        }
        self.bare = bare;
        let value = self.call_value(&callee, &args);
        self.bare = false;
        value
    }

    fn arguments(&mut self, arguments: &[Argument]) -> Vec<(Option<Rc<str>>, Value)> {
        let mut out = Vec::new();
        for (name, argument) in arguments {
            let value = self.value(argument);
            if matches!(argument, Expr::Star(_)) && value.items.is_some() {
                let items = value.items().iter().take(64);
                out.extend(items.map(|item| (item.key.clone(), item.value.clone())));
            } else {
                out.push((name.as_deref().map(Rc::from), value));
            }
        }
        out
    }

    /// Calls whatever a value may be.
    pub(super) fn call_value(&mut self, callee: &Value, args: &[Given<'_>]) -> Value {
        let sum = args.iter().fold(callee.taint, |sum, (_, value)| sum | value.taint);
        let mut out: Option<Value> = None;
        for path in &callee.paths {
            let value = self.call_path(path, callee, args);
            out = Some(match out {
                Some(out) => out.or(&value),
                None => value,
            });
        }
        out.unwrap_or_else(|| {
            self.hand_on("", args);
            Value::of_taint(sum)
        })
    }

    fn call_path(&mut self, path: &str, callee: &Value, args: &[Given<'_>]) -> Value {
        if let Some(value) = self.known_call(path, callee, args) {
            return value;
        }
        if let Some(name) = path.strip_prefix('@') {
            return self.call_own(name, args);
        }
        let sum = args.iter().fold(callee.taint, |sum, (_, value)| sum | value.taint);
        let mut texts = texts(args);
        if effects::is_file_object(path) {
            texts.splice(0..0, callee.texts.iter().cloned());
        }
        self.remember_fetched(path, &texts, sum);
        let from = texts.iter().any(|text| self.fetched.contains(text));
        let far = if from { taint::NETWORK } else { 0 };
        if let Some(effect) = effects::of_call(path, &texts, args) {
            self.act(effect, path, texts.clone(), sum | far);
        }
        self.hand_on(path, args);
        if self.bare && self.function().is_none() {
            self.act(Effect::Foreign, path, texts, sum);
        }
        let first = args.first().map(|(_, value)| value.clone()).unwrap_or_default();
        let given = effects::taint_of_result(path, &first);
        let mut out = Value::of_taint(sum | given | far);
        let carries = args.len() > 1 || args.iter().any(|(name, _)| *name == Some("data"));
        if path == "urllib.request.Request" && carries {
            out.paths.push("urllib.request.Request(data)".into());
        } else if path.len() < 200 {
            out.paths.push(format!("{path}()").into());
        }
        if effects::is_open(path) {
            out.texts.clone_from(&first.texts);
        }
        out
    }

    /// A function, class or object of the module itself is called.
    fn call_own(&mut self, name: &str, args: &[Given<'_>]) -> Value {
        let object = name.strip_suffix("()");
        let (key, is_class) = match object {
            Some(class) => (self.method_of(class, "__call__"), false),
            None if self.classes.contains_key(name) => (self.method_of(name, "__init__"), true),
            None => (Some(name.to_owned()), false),
        };
        self.refer(&format!("@{name}"));
        let sum = args.iter().fold(0, |sum, (_, value)| sum | value.taint);
        let mut out = Value::of_taint(sum);
        if let Some(key) = key {
            self.refer(&format!("@{key}"));
            if let Some(function) = self.functions.get_mut(&key) {
                // An object is handed to its own methods.
                let own = usize::from(key.contains('.') && !key.starts_with('<'));
                for (at, (name, value)) in args.iter().enumerate() {
                    let parameter = match name {
                        Some(name) => Some((*name).to_owned()),
                        None => function.parameters.get(at + own).cloned(),
                    };
                    if let Some(parameter) = parameter.filter(|_| function.given.len() < 64) {
                        let given = function.given.entry(parameter).or_default();
                        *given = std::mem::take(given).or(value);
                    }
                }
                let returns = function.returns.clone();
                let through = returns.taint & taint::PARAMETER != 0;
                let kept = returns.taint & !taint::PARAMETER;
                out = Value { taint: kept | if through { sum } else { 0 }, ..returns };
            }
        }
        if is_class {
            if let Some(base) = self.other_base(name).map(str::to_owned)
                && let Some(effect) = effects::of_call(&base, &texts(args), args)
            {
                self.act(effect, base, texts(args), sum);
            }
            // What a class keeps of what it is given is found under its names.
            out = Value::of_path(format!("@{name}()")).tainted(sum);
            for (name, value) in args.iter().filter(|(_, value)| acts(value)) {
                if let Some(name) = name {
                    self.set_own(name, value);
                }
            }
        }
        out
    }

    /// Callables among the arguments: they are called by whoever is given them.
    fn hand_on(&mut self, path: &str, args: &[Given<'_>]) {
        let runs = effects::calls_its_arguments(path);
        for (at, (name, value)) in args.iter().enumerate() {
            let inner = value.items().iter().take(16).map(|item| &item.value);
            let all: Vec<Value> = std::iter::once(value).chain(inner).cloned().collect();
            for value in &all {
                for handed in &value.paths {
                    if handed.starts_with('@') && runs {
                        self.refer(handed);
                        let rest = rest_of(args, at);
                        self.call_own(handed.trim_start_matches('@'), &rest);
                    } else if effects::is_handed_on(handed, path, *name) {
                        let rest = rest_of(args, at);
                        let all = texts(&rest);
                        let sum = rest.iter().fold(0, |sum, (_, value)| sum | value.taint);
                        if let Some(effect) = effects::of_call(handed, &all, &rest) {
                            self.act(effect, &**handed, all, sum);
                        }
                    }
                }
            }
        }
    }

    /// Files that hold what came from the network.
    fn remember_fetched(&mut self, path: &str, texts: &[Rc<str>], sum: u16) {
        let to = if effects::is_download(path) {
            texts.get(1)
        } else if sum & taint::NETWORK != 0 && effects::is_file_object(path) {
            texts.first()
        } else {
            None
        };
        if let Some(to) = to.filter(|to| to.len() > 2 && self.fetched.len() < 256) {
            self.fetched.insert(Rc::clone(to));
        }
    }

    /// A configuration that names what is called.
    pub(super) fn target(&mut self, items: &[Item]) {
        for item in items.iter().filter(|item| item.key.as_deref() == Some("_target_")) {
            let Some(text) = item.value.whole_text().map(effects::canonical) else { continue };
            if effects::is_action(&text) {
                let all = items.iter().filter_map(|item| item.value.texts.first().cloned());
                let all: Vec<Rc<str>> = all.collect();
                if let Some(effect) = effects::of_call(&text, &all, &[]) {
                    self.act(effect, text, all, 0);
                }
            }
        }
    }
}

/// Whether a value is something that acts when it is called, or one of the module's own functions.
fn acts(value: &Value) -> bool {
    value.paths.iter().any(|path| path.starts_with('@') || effects::is_action(path))
}

/// All texts among arguments, and in the lists among them.
pub fn texts(args: &[Given<'_>]) -> Vec<Rc<str>> {
    let mut out: Vec<Rc<str>> = Vec::new();
    for (_, value) in args {
        out.extend(value.texts.iter().cloned());
        for item in value.items().iter().take(TEXTS_MAX) {
            out.extend(item.value.texts.iter().cloned());
            let inner = item.value.items().iter().take(8);
            out.extend(inner.flat_map(|item| item.value.texts.iter().cloned()));
        }
    }
    out.truncate(TEXTS_MAX);
    out
}

/// The arguments that a callable among them is given: `args=` if it stands there, else the others.
fn rest_of<'a>(args: &[Given<'a>], at: usize) -> Vec<Given<'a>> {
    if let Some((_, value)) = args.iter().find(|(name, _)| *name == Some("args")) {
        return value.items().iter().take(16).map(|item| (None, item.value.clone())).collect();
    }
    args.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, arg)| arg.clone()).collect()
}
