//! Works out what is known of an expression: its dotted name, its text, where it comes from.

use std::rc::Rc;

use super::known::{ITEMS_MAX, Item, Value};
use super::{Flow, Function, SCOPES_MAX, Scope, taint};
use crate::python::effects;
use crate::python::parse::Expr;

/// The longest dotted name that is followed.
const PATH_MAX: usize = 200;

impl Flow {
    /// Works out what is known of an expression, and notes what it does on the way.
    pub(super) fn value(&mut self, expression: &Expr) -> Value {
        if self.budget == 0 {
            return Value::default();
        }
        self.budget -= 1;
        let bare = self.bare;
        if !matches!(expression, Expr::Call(..)) {
            self.bare = false;
        }
        let value = match expression {
            Expr::Name(name) => self.name(name),
            Expr::Text(text) => Value::of_text(text.as_str()),
            Expr::Number(number) => Value::of_number(*number),
            Expr::Nothing => Value::default(),
            Expr::Format(parts, text) => self.format(parts, text),
            Expr::Attr(of, name) => {
                let of = self.value(of);
                self.attribute(&of, name)
            }
            Expr::Index(of, index) => {
                let (of, index) = (self.value(of), self.value(index));
                self.index(&of, &index)
            }
            Expr::Slice(of, bounds) => {
                let of = self.value(of);
                self.slice(&of, *bounds)
            }
            Expr::Chain(first, rest) => {
                let mut out = self.value(first);
                for (sign, operand) in rest {
                    let operand = self.value(operand);
                    out = self.operate(&out, sign, &operand);
                }
                out
            }
            Expr::Choice(on, items) => {
                self.value(on);
                let mut out: Option<Value> = None;
                for item in items {
                    let value = self.value(item);
                    out = Some(out.map_or_else(|| value.clone(), |out| out.or(&value)));
                }
                out.unwrap_or_default()
            }
            Expr::List(items) => self.list(items),
            Expr::Dict(pairs) => self.dictionary(pairs),
            Expr::Lambda(names, body) => self.lambda(names, body),
            Expr::Each(item, loops, conditions) => self.each(item, loops, conditions),
            Expr::Let(name, value) => {
                let value = self.value(value);
                self.assign(name, value.clone());
                value
            }
            Expr::Star(of) => self.value(of),
            Expr::Many(items) => {
                let sum = items.iter().fold(0, |sum, item| sum | self.value(item).taint);
                Value::of_taint(sum)
            }
            Expr::Call(callee, arguments) => self.call(callee, arguments),
        };
        self.bare = bare;
        value
    }

    fn format(&mut self, parts: &[Expr], text: &str) -> Value {
        let values: Vec<Value> = parts.iter().map(|part| self.value(part)).collect();
        let mut made = String::new();
        let mut values_left = values.iter();
        for (at, piece) in text.split('\0').enumerate() {
            if at > 0 {
                let value = values_left.next();
                let number = value.and_then(|value| value.number).map(|number| number.to_string());
                let known = value.and_then(Value::whole_text).map(str::to_owned).or(number);
                made.push_str(known.as_deref().unwrap_or("\0"));
            }
            made.push_str(piece);
        }
        let sum = values.iter().fold(0, |sum, value| sum | value.taint);
        let text = self.made(made);
        Value { texts: text.into_iter().collect(), ..Value::of_taint(sum) }
    }

    fn list(&mut self, items: &[Expr]) -> Value {
        let mut out = Vec::new();
        for item in items {
            let value = self.value(item);
            match item {
                Expr::Star(_) if value.items.is_some() => {
                    out.extend(value.items().iter().cloned());
                }
                _ => out.push(Item { key: None, value }),
            }
            if out.len() > ITEMS_MAX {
                break;
            }
        }
        Value::of_items(out)
    }

    fn dictionary(&mut self, pairs: &[(Expr, Expr)]) -> Value {
        let mut out = Vec::new();
        for (key, value) in pairs {
            let is_other = *key == Expr::Nothing;
            let (key, value) = (self.value(key), self.value(value));
            if is_other {
                out.extend(value.items().iter().cloned());
            } else {
                out.push(Item { key: key.texts.first().map(Rc::clone), value });
            }
            if out.len() > ITEMS_MAX {
                break;
            }
        }
        self.target(&out);
        Value::of_items(out)
    }

    fn lambda(&mut self, names: &[String], body: &Expr) -> Value {
        self.lambdas += 1;
        let name = format!("<lambda {}.{}>", self.line, self.lambdas % 64);
        if self.scopes.len() >= SCOPES_MAX {
            return self.value(body);
        }
        let function = self.functions.entry(name.clone()).or_default();
        function.parameters = names.to_vec();
        let scope = Self::scope_of(&name, function);
        self.scopes.push(scope);
        let value = self.value(body);
        self.scopes.pop();
        if let Some(function) = self.functions.get_mut(&name) {
            function.returns = std::mem::take(&mut function.returns).or(&value);
        }
        Value::of_path(format!("@{name}"))
    }

    /// The names of a function at its beginning: its parameters.
    pub(super) fn scope_of(name: &str, function: &Function) -> Scope {
        let mut scope = Scope { name: name.into(), ..Scope::default() };
        for parameter in &function.parameters {
            let given = function.given.get(parameter).cloned().unwrap_or_default();
            scope.names.insert(parameter.clone(), given.tainted(taint::PARAMETER));
        }
        scope
    }

    fn each(&mut self, item: &Expr, loops: &[(Vec<String>, Expr)], conditions: &[Expr]) -> Value {
        const EACH_MAX: usize = 1_024;
        if let [(names, over)] = loops
            && let [name] = names.as_slice()
            && conditions.is_empty()
        {
            let over = self.value(over);
            let over = Self::spread(&over);
            if let Some(items) = over.items.as_ref().filter(|items| items.len() <= EACH_MAX) {
                let mut out = Vec::new();
                for each in items.iter() {
                    self.bind(name, each.value.clone().tainted(over.taint));
                    out.push(Item { key: None, value: self.value(item) });
                }
                return Value::of_items(out).tainted(over.taint);
            }
            self.bind(name, Value::of_taint(over.taint));
            let value = self.value(item);
            return Value::of_taint(value.taint | over.taint);
        }
        let mut sum = 0;
        for (names, over) in loops {
            let over = self.value(over);
            let each = Self::spread(&over).any_item();
            sum |= over.taint;
            match names.as_slice() {
                [name] => self.bind(name, each),
                names => {
                    for (at, name) in names.iter().enumerate() {
                        let part = each.items().get(at).map(|item| item.value.clone());
                        self.bind(name, part.unwrap_or_default().tainted(over.taint));
                    }
                }
            }
        }
        for condition in conditions {
            self.value(condition);
        }
        let value = self.value(item);
        Value::of_items(vec![Item { key: None, value }]).tainted(sum)
    }

    /// The same as a container, if it can be gone through: a text has its letters.
    pub(super) fn spread(value: &Value) -> Value {
        if value.items.is_some() {
            return value.clone();
        }
        let Some(text) = value.whole_text().filter(|text| text.len() <= ITEMS_MAX) else {
            return Value::of_taint(value.taint);
        };
        let letters: Vec<Item> = text.chars().map(letter).collect();
        Value::of_items(letters).tainted(value.taint)
    }

    pub(super) fn name(&mut self, name: &str) -> Value {
        if let Some(value) = self.lookup(name) {
            return if self.defined.contains(name) {
                value.or(&Value::of_path(format!("@{name}")))
            } else {
                value
            };
        }
        match name {
            "True" => return Value::of_number(1),
            "False" => return Value::of_number(0),
            "None" => return Value::default(),
            "__file__" => return Value::of_path("__file__"),
            "__builtins__" | "__loader__" | "__spec__" => {
                if name == "__builtins__" {
                    self.insides.push((name.to_owned(), self.line));
                }
                return Value::of_path("builtins");
            }
            _ => {}
        }
        if self.defined.contains(name) {
            return Value::of_path(format!("@{name}"));
        }
        let star = self.stars.iter().map(|module| format!("{module}.{name}"));
        if let Some(path) = star.into_iter().find(|path| effects::is_known(path)) {
            return Value::of_path(path);
        }
        if effects::is_builtin(name) {
            return Value::of_path(format!("builtins.{name}"));
        }
        Value::default()
    }

    pub(super) fn attribute(&mut self, of: &Value, name: &str) -> Value {
        if effects::is_inside(name) {
            self.insides.push((name.to_owned(), self.line));
        }
        let mut out = Value::of_taint(of.taint);
        for path in &of.paths {
            if let Some(class) = path.strip_prefix('@') {
                out = out.or(&self.own_attribute(class, name));
            } else if effects::is_namespace(name) {
                out = out.or(&Value::of_path("builtins.globals()"));
            } else if matches!(&**path, "builtins.globals()" | "builtins.vars()") {
                out = out.or(&Value::of_path(format!("builtins.{name}")));
            } else if path.len() + name.len() < PATH_MAX {
                let full = effects::canonical(&format!("{path}.{name}"));
                out.taint |= effects::taint_of_name(&full);
                out = out.or(&Value::of_path(full));
            }
        }
        if of.paths.is_empty() {
            if effects::is_namespace(name) {
                return Value::of_path("builtins.globals()");
            }
            // Something of another object that was set to a callable that acts.
            if let Some(own) = self.own.get(name)
                && own.paths.iter().any(|path| effects::is_action(path))
            {
                out = out.or(&Value { texts: Vec::new(), items: None, ..own.clone() });
            }
        }
        // What a file is called goes with its handle.
        if of.path().is_some_and(effects::is_file_object) {
            out.texts.clone_from(&of.texts);
        }
        out
    }

    /// What an attribute of one of the module's own classes or objects is.
    fn own_attribute(&mut self, class: &str, name: &str) -> Value {
        let class = class.strip_suffix("()").unwrap_or(class);
        if name == "__class__" {
            return Value::of_path(format!("@{class}"));
        }
        if effects::is_namespace(name) {
            return Value::of_path("builtins.globals()");
        }
        let mut out = self.own.get(name).cloned().unwrap_or_default();
        if let Some(method) = self.method_of(class, name) {
            out = out.or(&Value::of_path(format!("@{method}")));
        } else if let Some(base) = self.other_base(class) {
            out.paths.push(effects::canonical(&format!("{base}().{name}")).into());
        } else if out.is_unknown() && class.len() + name.len() < PATH_MAX {
            out.paths.push(format!("@{class}.{name}").into());
        }
        out
    }

    pub(super) fn index(&mut self, of: &Value, index: &Value) -> Value {
        if of.items.is_some() {
            return item(of, index);
        }
        if let (Some(text), Some(number)) = (of.whole_text(), index.number) {
            let place = place(number, text.chars().count());
            return place
                .and_then(|place| text.chars().nth(place))
                .map_or_else(Value::default, |c| letter(c).value)
                .tainted(of.taint);
        }
        let mut out = Value::of_taint(of.taint | index.taint);
        let keys: Vec<Option<Rc<str>>> = if index.texts.is_empty() {
            vec![None]
        } else {
            index.texts.iter().cloned().map(Some).collect()
        };
        for path in &of.paths {
            for key in &keys {
                out = out.or(&self.keyed(path, key.as_deref()));
            }
        }
        out
    }

    fn keyed(&mut self, path: &str, key: Option<&str>) -> Value {
        let known = key.filter(|key| !key.contains('\0'));
        match (path, known) {
            ("sys.modules", Some(key)) => Value::of_path(effects::canonical(key)),
            ("sys.modules" | "builtins.globals()" | "builtins.__dict__", None) => {
                Value::of_path("?")
            }
            (
                "builtins" | "builtins.__dict__" | "builtins.globals()" | "builtins.locals()"
                | "builtins.vars()",
                Some(key),
            ) => {
                let value = self.name(key);
                if !value.is_unknown() {
                    return value;
                }
                let module = effects::is_module(key);
                Value::of_path(if module { key.to_owned() } else { format!("builtins.{key}") })
            }
            ("os.environ", Some(key)) => {
                let text = effects::text_of_environment(key).map(Rc::from);
                let taint = effects::taint_of_key(path, key);
                Value { texts: text.into_iter().collect(), taint, ..Value::default() }
            }
            _ => match path.strip_suffix(".__dict__") {
                Some(own) if own.starts_with('@') => {
                    self.attribute(&Value::of_path(own), known.unwrap_or("?"))
                }
                Some(module) => Value::of_path(effects::canonical(&format!(
                    "{module}.{}",
                    known.unwrap_or("?")
                ))),
                None => Value::of_path(path),
            },
        }
    }
}

/// One letter of a text, or one byte of bytes.
fn letter(c: char) -> Item {
    let value = Value { number: Some(i64::from(u32::from(c))), ..Value::of_text(c.to_string()) };
    Item { key: None, value }
}

/// Where an index points, counted from the end if it is negative.
pub fn place(number: i64, len: usize) -> Option<usize> {
    let place = if number < 0 { number.checked_add(i64::try_from(len).ok()?)? } else { number };
    usize::try_from(place).ok().filter(|place| *place < len)
}

/// The item of a container that an index or key names, or any.
fn item(of: &Value, index: &Value) -> Value {
    let items = of.items();
    let keyed = items.iter().any(|item| item.key.is_some());
    let found = if keyed {
        index.whole_text().and_then(|key| of.under(key))
    } else {
        let place = index.number.and_then(|number| place(number, items.len()));
        place.and_then(|place| items.get(place)).map(|item| &item.value)
    };
    found.cloned().unwrap_or_else(|| of.any_item()).tainted(of.taint)
}
