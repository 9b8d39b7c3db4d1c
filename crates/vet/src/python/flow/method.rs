//! Methods of texts and containers, whose results can be told.

use std::rc::Rc;

use super::call::Given;
use super::fold::brace;
use super::known::{ITEMS_MAX, Item, Value};
use super::{Flow, taint};
use crate::python::effects;
use crate::python::parse::Expr;

impl Flow {
    /// What a method of a known value gives, if that can be told.
    pub(super) fn method(
        &mut self,
        expression: &Expr,
        of: &Value,
        name: &str,
        args: &[Given<'_>],
    ) -> Option<Value> {
        if of.path().is_some_and(|path| path.starts_with("pathlib.")) {
            return self.method_of_path(of, name, args);
        }
        if let [text] = of.texts.as_slice() {
            let text = Rc::clone(text);
            return self.method_of_text(of, &text, name, args);
        }
        if of.items.is_some() && of.paths.is_empty() {
            return self.method_of_container(expression, of, name, args);
        }
        // A container that is filled later.
        let filled = matches!(name, "append" | "add" | "appendleft" | "setdefault");
        if filled && of.is_unknown() && matches!(expression, Expr::Name(_) | Expr::Attr(..)) {
            let kept = args.iter().any(|(_, value)| !value.paths.is_empty());
            return kept.then(|| self.method_of_container(expression, of, name, args))?;
        }
        None
    }

    fn method_of_text(
        &mut self,
        of: &Value,
        text: &str,
        name: &str,
        args: &[Given<'_>],
    ) -> Option<Value> {
        let first = args.first().map(|(_, value)| value);
        let second = args.get(1).map(|(_, value)| value);
        let whole = |value: Option<&Value>| value.and_then(Value::whole_text).map(str::to_owned);
        Some(match name {
            "join" => self.join(text, first?),
            "format" => {
                let values: Vec<Value> = args.iter().map(|(_, value)| value.clone()).collect();
                self.fill(of, &values, brace)
            }
            "encode" | "decode" => match whole(first) {
                Some(codec) if effects::is_transform(&codec) => {
                    self.decoded("codecs.decode", of, Some(&codec))
                }
                _ => of.clone(),
            },
            "strip" | "lstrip" | "rstrip" => {
                let marks = whole(first).unwrap_or_else(|| " \t\r\n".to_owned());
                let is = |c: char| marks.contains(c);
                let cut = match name {
                    "strip" => text.trim_matches(is),
                    "lstrip" => text.trim_start_matches(is),
                    _ => text.trim_end_matches(is),
                };
                self.text(cut.to_owned(), of.taint)
            }
            "lower" | "casefold" => self.text(text.to_lowercase(), of.taint),
            "upper" => self.text(text.to_uppercase(), of.taint),
            "swapcase" => self.text(swapped(text), of.taint),
            "replace" => {
                let (from, to) = (whole(first)?, whole(second)?);
                if from.is_empty() {
                    return None;
                }
                let made = text.replace(&from, &to);
                self.text(made, of.taint)
            }
            "removeprefix" => {
                let cut = text.strip_prefix(whole(first)?.as_str()).unwrap_or(text);
                self.text(cut.to_owned(), of.taint)
            }
            "removesuffix" => {
                let cut = text.strip_suffix(whole(first)?.as_str()).unwrap_or(text);
                self.text(cut.to_owned(), of.taint)
            }
            "split" | "rsplit" => Self::split(of, whole(first).as_deref()),
            "splitlines" => Self::split(of, Some("\n")),
            _ => return None,
        })
    }

    fn method_of_container(
        &mut self,
        expression: &Expr,
        of: &Value,
        name: &str,
        args: &[Given<'_>],
    ) -> Option<Value> {
        let first = args.first().map(|(_, value)| value);
        let mut items = of.items().to_vec();
        let plain = |value: &Value| Item { key: None, value: value.clone() };
        match name {
            "get" | "__getitem__" | "pop" => {
                let found = first.and_then(Value::whole_text).and_then(|key| of.under(key));
                let other = args.get(1).map(|(_, value)| value.clone()).unwrap_or_default();
                return Some(match found {
                    Some(found) => found.clone(),
                    None if name == "pop" && first.is_none() => {
                        items.last().map(|item| item.value.clone()).unwrap_or_default()
                    }
                    None => of.any_item().or(&other),
                });
            }
            "values" | "copy" => {
                if name == "values" {
                    for item in &mut items {
                        item.key = None;
                    }
                }
                return Some(Value::of_items(items).tainted(of.taint));
            }
            "keys" => {
                let keys = items.iter().filter_map(|item| item.key.as_ref());
                let keys =
                    keys.map(|key| Item { key: None, value: Value::of_text(Rc::clone(key)) });
                return Some(Value::of_items(keys.collect()));
            }
            "items" => {
                let pairs = items.iter().map(|item| {
                    let key = item.key.as_ref().map(|key| Value::of_text(Rc::clone(key)));
                    let pair = vec![plain(&key.unwrap_or_default()), plain(&item.value)];
                    Item { key: None, value: Value::of_items(pair) }
                });
                return Some(Value::of_items(pairs.collect()).tainted(of.taint));
            }
            "append" | "add" | "appendleft" => items.push(plain(first?)),
            "insert" => items.push(plain(&args.get(1)?.1)),
            "extend" => items.extend(Self::spread(first?).items().iter().cloned()),
            "setdefault" | "__setitem__" => {
                let key = first?.texts.first().map(Rc::clone);
                items.push(Item { key, value: args.get(1)?.1.clone() });
            }
            "update" => {
                items.extend(first.map(Value::items).unwrap_or_default().iter().cloned());
                items.extend(args.iter().filter_map(|(name, value)| {
                    Some(Item { key: Some((*name)?.into()), value: value.clone() })
                }));
            }
            _ => return None,
        }
        items.truncate(ITEMS_MAX);
        let given = args.iter().fold(0, |sum, (_, value)| sum | value.taint);
        let filled = Value::of_items(items).tainted(of.taint | given);
        self.set(expression, filled);
        Some(match name {
            "setdefault" => args.get(1)?.1.clone(),
            _ => Value::default(),
        })
    }

    /// Paths as objects: what they name, and what is read from or written to there.
    fn method_of_path(&mut self, of: &Value, name: &str, args: &[Given<'_>]) -> Option<Value> {
        let values = || args.iter().map(|(_, value)| value.clone());
        match name {
            "joinpath" | "with_name" => {
                let parts: Vec<Value> = std::iter::once(of.clone()).chain(values()).collect();
                Some(self.join_paths(&parts))
            }
            "with_suffix" => {
                let suffix = values().next()?;
                let text = format!("{}{}", of.texts.first()?, suffix.text()?);
                let made = self.text(text, of.taint);
                Some(Value { paths: of.paths.clone(), ..made })
            }
            "expanduser" | "resolve" | "absolute" | "as_posix" | "__str__" => Some(of.clone()),
            "iterdir" | "glob" | "rglob" => {
                if name == "rglob" || of.text().is_some_and(effects::is_home) {
                    let mut texts = of.texts.clone();
                    texts.extend(values().filter_map(|value| value.texts.first().map(Rc::clone)));
                    if texts.iter().any(|text| effects::is_home(text)) {
                        self.act(effects::Effect::Search, format!("pathlib.{name}"), texts, 0);
                    }
                }
                let each = Value { texts: Vec::new(), ..of.clone() };
                Some(Value::of_items(vec![Item { key: None, value: each.tainted(taint::FILE) }]))
            }
            _ => None,
        }
    }
}

fn swapped(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
        .collect()
}
