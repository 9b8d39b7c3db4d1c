//! Follows calls: what they do, and what is known of their result.

use super::{Flow, Value, taint};
use crate::python::effects::{self, Effect};
use crate::python::parse::Expr;

impl Flow {
    pub(super) fn call(&mut self, callee: &Expr, arguments: &[(Option<String>, Expr)]) -> Value {
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
}
