//! Follows calls of Python's own library whose result can be told, and the ways by which a callable
//! is found that is not named.

use std::rc::Rc;

use super::call::{Given, texts};
use super::known::{Item, Value};
use super::{Flow, taint};
use crate::python::effects::{self, Effect};
use crate::python::lex;
use crate::python::parse::Parser;

impl Flow {
    /// Calls whose result is known.
    pub(super) fn known_call(
        &mut self,
        path: &str,
        callee: &Value,
        args: &[Given<'_>],
    ) -> Option<Value> {
        let first = args.first().map(|(_, value)| value);
        match path {
            "builtins.getattr"
            | "inspect.getattr_static"
            | "builtins.object.__getattribute__"
            | "builtins.type.__getattribute__" => self.get_attribute(args),
            "builtins.setattr" => {
                let (of, name) = (first?, args.get(1)?.1.text()?.to_owned());
                self.set_attribute(of, &name, &args.get(2)?.1);
                Some(Value::default())
            }
            "builtins.__import__" | "importlib.import_module" | "importlib.__import__" => {
                Some(self.dynamic_import(path, args))
            }
            "sys.modules.get" | "sys.modules.pop" | "sys.modules.__getitem__" => {
                Some(self.index(&Value::of_path("sys.modules"), first?))
            }
            "pydoc.locate"
            | "pkgutil.resolve_name"
            | "hydra.utils.get_method"
            | "hydra.utils.get_class"
            | "hydra.utils.get_object" => {
                let text = first?.whole_text()?.replace(':', ".");
                Some(Value::of_path(effects::canonical(&text)))
            }
            "builtins.vars" | "builtins.globals" | "builtins.locals" => {
                let of = first.and_then(Value::path);
                let path = of.map_or_else(|| format!("{path}()"), |of| format!("{of}.__dict__"));
                Some(Value::of_path(path))
            }
            "builtins.super" => Some(Value::of_path(format!("@{}()", self.class()?))),
            "builtins.type" if args.len() == 1 => {
                Some(Value::of_path(first?.path()?.strip_suffix("()")?))
            }
            "builtins.eval" => self.evaluated(args),
            "builtins.map" | "builtins.filter" => self.mapped(args),
            _ if path.starts_with("functools.") || path.starts_with("operator.") => {
                self.bound_call(path, callee, args)
            }
            _ => self.plain_call(path, callee, args),
        }
    }

    /// Callables that keep some of their arguments for later.
    fn bound_call(&mut self, path: &str, callee: &Value, args: &[Given<'_>]) -> Option<Value> {
        let first = args.first().map(|(_, value)| value);
        match path {
            "functools.partial"
            | "functools.partialmethod"
            | "operator.methodcaller"
            | "operator.attrgetter"
            | "operator.itemgetter" => {
                let items = args
                    .iter()
                    .map(|(name, value)| Item { key: name.map(Rc::from), value: value.clone() });
                let mut out = Value::of_items(items.collect());
                out.paths.push(format!("{path}()").into());
                Some(out)
            }
            "functools.partial()" | "functools.partialmethod()" => {
                let bound = callee.items();
                let rest =
                    bound.iter().skip(1).map(|item| (item.key.as_deref(), item.value.clone()));
                let all: Vec<Given<'_>> = rest.chain(args.iter().cloned()).collect();
                let inner = bound.first()?.value.clone();
                Some(self.call_value(&inner, &all))
            }
            "operator.methodcaller()" => {
                let bound = callee.items();
                let method = self.attribute(first?, bound.first()?.value.text()?);
                let rest =
                    bound.iter().skip(1).map(|item| (item.key.as_deref(), item.value.clone()));
                let rest: Vec<Given<'_>> = rest.collect();
                Some(self.call_value(&method, &rest))
            }
            "operator.attrgetter()" => {
                let names = callee.items().first()?.value.text()?.to_owned();
                let of = first?.clone();
                Some(names.split('.').fold(of, |of, name| self.attribute(&of, name)))
            }
            "operator.itemgetter()" => {
                let key = callee.items().first()?.value.clone();
                Some(self.index(first?, &key))
            }
            "operator.getitem" => Some(self.index(first?, &args.get(1)?.1)),
            "functools.reduce" if first?.path() == Some("builtins.getattr") => {
                let of = args.get(2)?.1.clone();
                let names = Self::spread(&args.get(1)?.1);
                let names: Vec<Value> =
                    names.items().iter().take(16).map(|item| item.value.clone()).collect();
                Some(names.iter().fold(of, |of, name| {
                    name.text().map_or_else(Value::default, |name| self.attribute(&of, name))
                }))
            }
            _ => None,
        }
    }

    /// Calls that only turn texts and containers into others.
    fn plain_call(&mut self, path: &str, callee: &Value, args: &[Given<'_>]) -> Option<Value> {
        let sum = args.iter().fold(callee.taint, |sum, (_, value)| sum | value.taint);
        let first = args.first().map(|(_, value)| value);
        let second = args.get(1).and_then(|(_, value)| value.text());
        if effects::is_decoding(path) {
            return Some(self.decoded(path, first?, second));
        }
        if let Some(text) = effects::known_place(path) {
            let mut out = self.text(text.to_owned(), sum | effects::taint_of_name(path));
            if path.starts_with("pathlib.") {
                out.paths.push("pathlib.Path()".into());
            }
            return Some(out);
        }
        match path {
            "builtins.str" | "builtins.bytes" | "builtins.bytearray" | "builtins.memoryview" => {
                let first = first?;
                if first.items.is_some() {
                    return Some(self.of_codes(first));
                }
                // The whole environment as a text is still the whole environment.
                let secret = effects::taint_of_result(path, first);
                let texts = first.texts.clone();
                Some(Value { texts, ..Value::of_taint(first.taint | secret) })
            }
            "builtins.chr" => {
                let code = first?.number.and_then(|code| u32::try_from(code).ok());
                let text = code.and_then(char::from_u32).map(String::from);
                let sum = sum | taint::DECODED;
                Some(text.map_or_else(|| Value::of_taint(sum), |text| self.text(text, sum)))
            }
            "builtins.ord" => {
                let number = first?.text().and_then(|text| text.chars().next());
                let number = number.map(|c| i64::from(u32::from(c)));
                Some(Value { number, ..Value::of_taint(sum) })
            }
            "builtins.int" => {
                let radix = args.get(1).and_then(|(_, value)| value.number).unwrap_or(10);
                let radix = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix))?;
                let text = first?.text().map(|text| text.trim_start_matches("0x"));
                let number = text.and_then(|text| i64::from_str_radix(text, radix).ok());
                Some(Value { number: number.or(first?.number), ..Value::of_taint(sum) })
            }
            _ if path.starts_with("builtins.") => self.container_call(path, args, sum),
            _ => self.path_call(path, args, sum),
        }
    }

    /// Calls that make containers of others.
    fn container_call(&mut self, path: &str, args: &[Given<'_>], sum: u16) -> Option<Value> {
        let first = args.first().map(|(_, value)| value);
        match path {
            "builtins.list" | "builtins.tuple" | "builtins.iter" | "builtins.sorted"
            | "builtins.set" | "builtins.reversed" => {
                let all = Self::spread(first?);
                all.items.as_ref()?;
                let mut items = all.items().to_vec();
                if path == "builtins.reversed" {
                    items.reverse();
                }
                Some(Value::of_items(items).tainted(sum))
            }
            "builtins.next" => first?.items().first().map(|item| item.value.clone()),
            "builtins.dict" if first.is_none_or(|first| first.items.is_some()) => {
                let mut items = first.map(Value::items).unwrap_or_default().to_vec();
                items.extend(args.iter().filter_map(|(name, value)| {
                    Some(Item { key: Some((*name)?.into()), value: value.clone() })
                }));
                self.target(&items);
                Some(Value::of_items(items))
            }
            "builtins.range" => {
                let end = first?.number.filter(|end| args.len() == 1 && (0..=256).contains(end))?;
                let items = (0..end).map(|n| Item { key: None, value: Value::of_number(n) });
                Some(Value::of_items(items.collect()))
            }
            _ => None,
        }
    }

    /// Calls that turn paths and texts into others.
    fn path_call(&mut self, path: &str, args: &[Given<'_>], sum: u16) -> Option<Value> {
        let first = args.first().map(|(_, value)| value);
        match path {
            "os.path.join" | "pathlib.Path" | "pathlib.PosixPath" | "pathlib.PurePath" => {
                let values: Vec<Value> = args.iter().map(|(_, value)| value.clone()).collect();
                let mut out = self.join_paths(&values);
                if path.starts_with("pathlib") && out.paths.is_empty() {
                    out.paths.push("pathlib.Path()".into());
                }
                Some(out.tainted(sum))
            }
            "os.path.expanduser" | "os.path.expandvars" | "os.path.abspath"
            | "os.path.realpath" | "os.path.normpath" | "os.fspath" | "shlex.quote"
            | "textwrap.dedent" | "ast.literal_eval" => Some(first?.clone()),
            "os.getenv" | "os.environ.get" => {
                let text = first?.text().and_then(effects::text_of_environment);
                let taint = effects::taint_of_result(path, first?);
                text.map(|text| Value::of_text(text).tainted(taint))
            }
            "shlex.split" => Some(Self::split(first?, None)),
            "os.path.dirname" => {
                let text = first?.texts.first().and_then(|text| Some(text.rsplit_once('/')?.0));
                let text = text.map(str::to_owned);
                let out = Value::of_taint(sum);
                Some(text.map_or(out, |text| self.text(text, sum)))
            }
            _ => None,
        }
    }

    fn get_attribute(&mut self, args: &[Given<'_>]) -> Option<Value> {
        let (of, name) = (&args.first()?.1, &args.get(1)?.1);
        let names: Vec<Rc<str>> =
            name.texts.iter().filter(|text| !text.contains('\0')).cloned().collect();
        if names.is_empty() {
            // Which of a module's callables it is cannot be told.
            let hidden = of.paths.iter().map(|path| format!("{path}.?"));
            let paths = hidden.filter(|path| effects::is_hidden(path)).map(Rc::from).collect();
            let own = of.paths.iter().any(|path| path.starts_with('@'));
            let other = Value { paths, ..Value::of_taint(of.taint | name.taint) };
            return Some(if own { Value::of_taint(other.taint) } else { other });
        }
        let mut out = Value::default();
        for name in names {
            let value = self.attribute(of, &name);
            out = out.or(&value);
        }
        if let Some((_, other)) = args.get(2) {
            out = out.or(other);
        }
        Some(out.tainted(name.taint))
    }

    fn dynamic_import(&mut self, path: &str, args: &[Given<'_>]) -> Value {
        let first = args.first().map(|(_, value)| value.clone()).unwrap_or_default();
        let mut out = Value::default();
        for text in &first.texts {
            if text.contains('\0') {
                continue;
            }
            self.effect_of_import(text);
            // `__import__` gives the package, unless names are asked for.
            let whole = path != "builtins.__import__" || args.len() > 1;
            let name = if whole { text } else { text.split('.').next().unwrap_or(text) };
            out = out.or(&Value::of_path(effects::canonical(name)));
        }
        if out.paths.is_empty() {
            self.act(Effect::Code, path, first.texts.clone(), first.taint);
            return Value::of_path("?").tainted(first.taint);
        }
        out
    }

    /// What an expression in a text is.
    fn evaluated(&mut self, args: &[Given<'_>]) -> Option<Value> {
        let first = args.first().map(|(_, value)| value.clone())?;
        let text = first.whole_text().filter(|text| text.len() < 4_096).map(str::to_owned)?;
        self.act(Effect::Code, "builtins.eval", texts(args), first.taint);
        // Its own budget falls with each: a text that evaluates a text ends.
        self.budget = self.budget.saturating_sub(1_000);
        if self.evaluating >= 3 {
            return Some(Value::default());
        }
        self.evaluating += 1;
        let (lines, _) = lex::lines(text.trim());
        let value = lines.first().map(|line| self.value(&Parser::all(&line.tokens)));
        self.evaluating -= 1;
        value
    }

    /// `map` and `filter` of a container that is known.
    fn mapped(&mut self, args: &[Given<'_>]) -> Option<Value> {
        let callee = args.first()?.1.clone();
        let over = args.get(1)?.1.clone();
        let over = Self::spread(&over);
        let mut items = Vec::new();
        if over.items().is_empty() {
            let value = self.call_value(&callee, &[(None, Value::of_taint(over.taint))]);
            return Some(Value::of_taint(value.taint));
        }
        for item in over.items().iter().take(1_024) {
            let value = self.call_value(&callee, &[(None, item.value.clone())]);
            items.push(Item { key: None, value });
        }
        Some(Value::of_items(items).tainted(over.taint))
    }
}
