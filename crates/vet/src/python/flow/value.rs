//! Works out what is known of an expression: its dotted name, its text, where it comes from.

use super::{Flow, Value};
use crate::python::effects;
use crate::python::parse::Expr;

impl Flow {
    /// Works out what is known of an expression, and notes what it does on the way.
    pub(super) fn value(&mut self, expression: &Expr) -> Value {
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

    pub(super) fn attribute(&mut self, of: &Value, name: &str) -> Value {
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
}
