//! Works out texts and numbers as Python would: what is put together, cut, turned and decoded.

use std::rc::Rc;

use super::known::{Item, Value};
use super::value::place;
use super::{Flow, taint};
use crate::python::effects;

/// Where a place for a value begins and ends in a text, and for which value it is.
type Place = (usize, usize, Option<usize>);

/// The longest text that is put together.
const MADE_MAX: usize = 1 << 20;

impl Flow {
    /// What an operator makes of two values.
    pub(super) fn operate(&mut self, left: &Value, sign: &str, right: &Value) -> Value {
        let sum = left.taint | right.taint;
        if let (Some(a), Some(b)) = (left.number, right.number)
            && (sign != "+" || left.texts.is_empty())
        {
            let number = number(a, sign, b);
            return Value { number, ..Value::of_taint(sum) };
        }
        match sign {
            "+" => self.sum(left, right),
            "%" if !left.texts.is_empty() => {
                let values = match &right.items {
                    Some(items) => items.iter().map(|item| item.value.clone()).collect(),
                    None => vec![right.clone()],
                };
                self.fill(left, &values, percent)
            }
            "/" if !left.texts.is_empty() || !right.texts.is_empty() => {
                self.join_paths(&[left.clone(), right.clone()]).tainted(sum)
            }
            "*" => match (left.whole_text(), right.number) {
                (Some(text), Some(n @ 1..=4_096)) if text.len() <= 4_096 => {
                    let made = text.repeat(usize::try_from(n).unwrap_or(1));
                    self.text(made, sum)
                }
                _ => Value::of_taint(sum),
            },
            "|" => left.clone().or(right),
            _ => Value::of_taint(sum),
        }
    }

    fn sum(&mut self, left: &Value, right: &Value) -> Value {
        let sum = left.taint | right.taint;
        if left.items.is_some() && right.items.is_some() {
            let items = left.items().iter().chain(right.items()).cloned().collect();
            return Value::of_items(items);
        }
        let ways = left.texts.len().max(right.texts.len());
        let mut out = Value::of_taint(sum);
        for way in 0..ways {
            let part = |value: &Value| {
                let text = value.texts.get(way).or_else(|| value.texts.first());
                text.map_or_else(|| Rc::from("\0"), Rc::clone)
            };
            let (a, b) = (part(left), part(right));
            if a.len() + b.len() <= MADE_MAX {
                out.texts.extend(self.made(format!("{a}{b}")));
            }
        }
        out
    }

    /// A text that was put together.
    pub(super) fn text(&mut self, text: String, taint: u16) -> Value {
        let text = if text.len() <= MADE_MAX { self.made(text) } else { None };
        Value { texts: text.into_iter().collect(), ..Value::of_taint(taint) }
    }

    /// A text with values put in the places that `next` finds.
    pub(super) fn fill(
        &mut self,
        template: &Value,
        values: &[Value],
        next: fn(&str) -> Option<Place>,
    ) -> Value {
        let sum = values.iter().fold(template.taint, |sum, value| sum | value.taint);
        let Some(text) = template.text() else { return Value::of_taint(sum) };
        let (mut made, mut rest, mut count) = (String::new(), text, 0);
        while let Some((at, end, which)) = next(rest) {
            made.push_str(rest.get(..at).unwrap_or_default());
            let value = values.get(which.unwrap_or(count));
            let number = value
                .and_then(|value| value.number)
                .filter(|_| value.is_some_and(|value| value.texts.is_empty()));
            match (value.and_then(Value::text), number) {
                (Some(text), _) if made.len() + text.len() <= MADE_MAX => made.push_str(text),
                (_, Some(number)) => made.push_str(&number.to_string()),
                _ => made.push('\0'),
            }
            count += 1;
            rest = rest.get(end..).unwrap_or_default();
        }
        made.push_str(rest);
        self.text(made, sum)
    }

    pub(super) fn slice(&mut self, of: &Value, bounds: [Option<i64>; 3]) -> Value {
        if let Some(items) = &of.items {
            let places = places(items.len(), bounds);
            let picked = places.into_iter().filter_map(|at| items.get(at)).cloned().collect();
            return Value::of_items(picked).tainted(of.taint);
        }
        match of.whole_text() {
            Some(text) => {
                let letters: Vec<char> = text.chars().collect();
                let places = places(letters.len(), bounds);
                let made = places.into_iter().filter_map(|at| letters.get(at)).collect();
                self.text(made, of.taint)
            }
            None => Value { paths: of.paths.clone(), ..Value::of_taint(of.taint) },
        }
    }

    /// Texts with something between them; what is not known stays open.
    pub(super) fn join(&mut self, by: &str, of: &Value) -> Value {
        let of = Self::spread(of);
        if of.items.is_none() || of.items().iter().all(|item| item.value.texts.is_empty()) {
            return Value::of_taint(of.taint);
        }
        let mut made = String::new();
        for (at, item) in of.items().iter().enumerate() {
            if at > 0 {
                made.push_str(by);
            }
            made.push_str(item.value.text().unwrap_or("\0"));
            if made.len() > MADE_MAX {
                return Value::of_taint(of.taint);
            }
        }
        self.text(made, of.taint)
    }

    /// Parts of a path put together.
    pub(super) fn join_paths(&mut self, parts: &[Value]) -> Value {
        let sum = parts.iter().fold(0, |sum, part| sum | part.taint);
        let object =
            parts.iter().any(|part| part.path().is_some_and(|path| path.starts_with("pathlib.")));
        let mut made = String::new();
        for part in parts {
            let text = part.texts.first().map_or("\0", |text| &**text);
            if text.starts_with('/') {
                made.clear();
            } else if !made.is_empty() && !made.ends_with('/') {
                made.push('/');
            }
            made.push_str(text);
        }
        let mut out = self.text(made, sum);
        if object {
            out.paths.push("pathlib.Path()".into());
        }
        out
    }

    /// What decoding gives, where it can be told.
    pub(super) fn decoded(&mut self, path: &str, first: &Value, codec: Option<&str>) -> Value {
        let sum = first.taint | taint::DECODED;
        let text = first.whole_text().and_then(|text| effects::decode(path, text, codec));
        match text {
            Some(text) => self.text(text, sum),
            None => Value::of_taint(sum),
        }
    }

    /// The text that numbers or letters make.
    pub(super) fn of_codes(&mut self, of: &Value) -> Value {
        let codes: Option<String> = of
            .items()
            .iter()
            .map(|item| {
                let code = u32::try_from(item.value.number?).ok()?;
                char::from_u32(code)
            })
            .collect();
        match codes.filter(|_| of.items.is_some()) {
            Some(text) => self.text(text, of.taint | taint::DECODED),
            None => Value { items: of.items.clone(), ..Value::of_taint(of.taint) },
        }
    }

    /// The parts of a text.
    pub(super) fn split(of: &Value, by: Option<&str>) -> Value {
        let Some(text) = of.whole_text() else { return Value::of_taint(of.taint) };
        let parts: Vec<&str> = match by.filter(|by| !by.is_empty()) {
            Some(by) => text.split(by).take(1_000).collect(),
            None => text.split_whitespace().take(1_000).collect(),
        };
        let items =
            parts.into_iter().map(|part| Item { key: None, value: Value::of_text(part) }).collect();
        Value::of_items(items).tainted(of.taint)
    }
}

fn number(a: i64, sign: &str, b: i64) -> Option<i64> {
    match sign {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "//" | "/" => a.checked_div_euclid(b),
        "%" => a.checked_rem_euclid(b),
        "^" => Some(a ^ b),
        "&" => Some(a & b),
        "|" => Some(a | b),
        "<<" => u32::try_from(b).ok().filter(|b| *b < 32).and_then(|b| a.checked_shl(b)),
        ">>" => u32::try_from(b).ok().filter(|b| *b < 63).map(|b| a >> b),
        _ => None,
    }
}

/// The next `%s` or the like.
fn percent(text: &str) -> Option<Place> {
    let at = text.find('%')?;
    let end = text
        .get(at + 1..)?
        .find(|c: char| c.is_ascii_alphabetic() || c == '%')
        .map_or(text.len(), |end| at + end + 2);
    Some((at, end, None))
}

/// The next `{}` of `str.format`.
pub fn brace(text: &str) -> Option<Place> {
    let at = text.find('{')?;
    let end = at + text.get(at..)?.find('}')? + 1;
    let which = text.get(at + 1..end - 1).and_then(|inside| inside.parse().ok());
    Some((at, end, which))
}

/// Which places a slice takes.
fn places(len: usize, [start, stop, step]: [Option<i64>; 3]) -> Vec<usize> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Vec::new();
    }
    let bound = |at: Option<i64>, default: usize| match at {
        None => default,
        Some(at) if at < 0 => place(at, len).unwrap_or(0),
        Some(at) => usize::try_from(at).unwrap_or(len).min(len),
    };
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    if step > 0 {
        (bound(start, 0)..bound(stop, len)).step_by(stride).collect()
    } else {
        let high = bound(start, len.saturating_sub(1)).min(len.saturating_sub(1));
        let low = stop.map_or(0, |stop| bound(Some(stop), 0) + 1);
        if len == 0 || high < low {
            Vec::new()
        } else {
            (low..=high).rev().step_by(stride).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_take_what_python_takes() {
        let picked = |bounds| {
            let letters: Vec<char> = "abcdef".chars().collect();
            places(6, bounds).into_iter().map(|at| letters[at]).collect::<String>()
        };
        assert_eq!(picked([None, None, Some(-1)]), "fedcba");
        assert_eq!(picked([Some(1), Some(4), None]), "bcd");
        assert_eq!(picked([None, None, Some(2)]), "ace");
        assert_eq!(picked([Some(-2), None, None]), "ef");
        assert_eq!(picked([None, Some(-2), None]), "abcd");
        assert_eq!(picked([Some(4), Some(1), Some(-1)]), "edc");
        assert!(places(0, [None, None, Some(-1)]).is_empty());
    }

    #[test]
    fn places_in_templates_are_found() {
        assert_eq!(percent("a%sb"), Some((1, 3, None)));
        assert_eq!(percent("%-3d"), Some((0, 4, None)));
        assert_eq!(brace("x{1}y"), Some((1, 4, Some(1))));
        assert_eq!(brace("{x"), None);
    }
}
