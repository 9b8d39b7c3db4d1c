//! Before the first stage: expressions of PowerShell whose value is known without running anything.
//!
//! A word can be written as an expression that gives it: pieces put together, letters by number, a
//! filler taken out, a text turned round. What is evaluated here needs nothing but constants, and
//! variables that the text itself sets to constants:
//!
//! | form | example |
//! |---|---|
//! | joined | `'a'+'b'`, `-join('a','b')`, `('a','b') -join ''`, `[string]::Join('','a','b')` |
//! | formatted | `"{1}{0}" -f 'b','a'` |
//! | by number | `[char]97`, `[char[]](97,98)` |
//! | replaced | `'a~b'.Replace('~','')`, `'a~b' -replace '~',''` |
//! | cut | `'xabx'.Substring(1,2)`, `'ba'[1,0]`, `'ba'[-1..-2]`, `'a~b'.Split('~')`, `.Trim()` |
//! | turned | `'AB'.ToLower()` |
//! | called | `&('a'+'b')`, `.('ab')` |
//!
//! Each replaced expression is counted as hidden text. Everything is bounded: depth, steps, and the
//! length of what comes out.

use std::borrow::Cow;

use super::Marks;
use super::signs::{drop_call, may_hold_any};
use super::values::{LIST_MAX, Value, bounded, called, formatted, letters, replaced, split};

/// How deep expressions nest.
const DEPTH_MAX: usize = 16;
/// The most steps over one text.
const STEPS_MAX: usize = 20_000;
/// The longest text in quotes, in bytes.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// The most variables.
const VARIABLES_MAX: usize = 64;

/// The text with its constant expressions evaluated.
pub(super) fn evaluated<'t>(text: &'t str, marks: &mut Marks) -> Cow<'t, str> {
    if !may_hold_any(text) {
        return Cow::Borrowed(text);
    }
    let mut reader = Reader { text, at: 0, depth: 0, steps: 0, done: 0, variables: Vec::new() };
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    while let Some(c) = reader.peek() {
        let start = reader.at;
        reader.done = 0;
        let begins = matches!(c, '\'' | '"' | '\\' | '[' | '(' | '$' | '-' | '@');
        let found = if begins { reader.assignment_or_expression() } else { None };
        match found.filter(|_| reader.done > 0) {
            Some(value) => {
                drop_call(&mut out);
                let ends_in_word = out.ends_with(|c: char| c.is_alphanumeric());
                if ends_in_word {
                    out.push(' ');
                }
                out.push_str(&value.text());
                changed = true;
                marks.hidden_text = marks.hidden_text.saturating_add(1);
            }
            None => {
                reader.at = start + c.len_utf8();
                out.push(c);
            }
        }
        if reader.steps > STEPS_MAX || out.len() > 2 * text.len() + VALUE_BYTES_MAX {
            out.push_str(text.get(reader.at..).unwrap_or_default());
            break;
        }
    }
    if changed { Cow::Owned(out) } else { Cow::Borrowed(text) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    steps: usize,
    /// Operations that were carried out in the expression at hand.
    done: usize,
    variables: Vec<(String, Value)>,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn gap(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
    }

    /// Takes `word` in any case, after a gap.
    fn take(&mut self, word: &str) -> bool {
        let kept = self.at;
        self.gap();
        let found =
            self.rest().get(..word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word));
        if found {
            self.at += word.len();
        } else {
            self.at = kept;
        }
        found
    }

    /// Takes an operator such as `-join`, which no letter may follow.
    fn operator(&mut self, word: &str) -> bool {
        let kept = self.at;
        let found = self.take(word) && !self.peek().is_some_and(char::is_alphanumeric);
        if !found {
            self.at = kept;
        }
        found
    }

    /// `$x = 'a'` is remembered and left as it stands; anything else is an expression.
    fn assignment_or_expression(&mut self) -> Option<Value> {
        let start = self.at;
        if let Some(name) = self.variable_name()
            && self.take("=")
            && !self.take("=")
        {
            self.gap();
            let value = self.expression();
            if let Some(value) = value
                && self.variables.len() < VARIABLES_MAX
            {
                self.variables.retain(|(known, _)| *known != name);
                self.variables.push((name, value));
            }
            self.done = 0;
            return None;
        }
        self.at = start;
        self.expression()
    }

    fn variable_name(&mut self) -> Option<String> {
        let rest = self.rest().strip_prefix('$')?;
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let name = rest.get(..length).filter(|name| !name.is_empty())?.to_ascii_lowercase();
        self.at += 1 + length;
        Some(name)
    }

    fn expression(&mut self) -> Option<Value> {
        self.steps += 1;
        if self.depth >= 2 * DEPTH_MAX || self.steps > STEPS_MAX {
            return None;
        }
        self.depth += 1;
        let value = self.chain();
        self.depth -= 1;
        value
    }

    /// A list with commas, or one value.
    fn list(&mut self) -> Option<Value> {
        let first = self.expression()?;
        let mut items = vec![first];
        loop {
            let kept = self.at;
            if !self.take(",") {
                break;
            }
            match self.expression() {
                Some(item) if items.len() < LIST_MAX => items.push(item),
                _ => {
                    self.at = kept;
                    break;
                }
            }
        }
        match items.len() {
            1 => items.pop(),
            _ => Some(Value::List(items)),
        }
    }

    fn chain(&mut self) -> Option<Value> {
        self.gap();
        let mut value = self.primary()?;
        loop {
            self.steps += 1;
            let kept = self.at;
            let next = self.binary(value.clone());
            match next {
                Some(after) => {
                    self.done += 1;
                    value = bounded(after)?;
                }
                None => {
                    self.at = kept;
                    return Some(value);
                }
            }
            if self.steps > STEPS_MAX {
                return Some(value);
            }
        }
    }

    /// One operator and what it is applied to.
    fn binary(&mut self, left: Value) -> Option<Value> {
        if self.take("+") {
            self.gap();
            let right = self.primary_with_methods()?;
            return Some(match left {
                Value::Number(a) => Value::Number(a.checked_add(right.number()?)?),
                Value::List(mut items) => {
                    items.extend(right.items());
                    Value::List(items)
                }
                Value::Text(text) => Value::Text(text + &right.text()),
            });
        }
        if self.operator("-f") {
            let items = self.list()?.items();
            return formatted(&left.text(), &items).map(Value::Text);
        }
        if self.operator("-join") {
            let by = self.primary_with_methods()?.text();
            let pieces: Vec<String> = left.items().iter().map(Value::text).collect();
            return Some(Value::Text(pieces.join(&by)));
        }
        if ["-replace", "-creplace", "-ireplace"].iter().any(|name| self.operator(name)) {
            let items = self.list()?.items();
            let from = items.first()?.text();
            let to = items.get(1).map_or_else(String::new, Value::text);
            // Only texts that mean themselves: expressions are not evaluated.
            let plain: String = from.replace('\\', "");
            let is_plain =
                !plain.contains(['*', '+', '?', '[', '(', '^', '$', '.']) && !plain.is_empty();
            return is_plain.then(|| Value::Text(replaced(&left.text(), &plain, &to)));
        }
        if ["-split", "-csplit", "-isplit"].iter().any(|name| self.operator(name)) {
            let by = self.primary_with_methods()?.text();
            return split(&left.text(), &by);
        }
        if self.rest().starts_with('.') {
            return self.method(&left);
        }
        if self.rest().starts_with('[') {
            return self.index(&left);
        }
        None
    }

    fn primary_with_methods(&mut self) -> Option<Value> {
        let mut value = self.primary()?;
        loop {
            let kept = self.at;
            let next = match self.peek() {
                Some('.') => self.method(&value),
                Some('[') => self.index(&value),
                _ => None,
            };
            match next {
                Some(after) => {
                    self.done += 1;
                    value = after;
                }
                None => {
                    self.at = kept;
                    return Some(value);
                }
            }
        }
    }

    /// One operand. Casts and prefixes nest without brackets, so depth is counted here as well.
    fn primary(&mut self) -> Option<Value> {
        self.steps += 1;
        if self.depth >= 2 * DEPTH_MAX || self.steps > STEPS_MAX {
            return None;
        }
        self.depth += 1;
        let value = self.operand();
        self.depth -= 1;
        value
    }

    fn operand(&mut self) -> Option<Value> {
        self.gap();
        match self.peek()? {
            '\'' => self.quoted("'"),
            '"' => self.quoted("\""),
            '\\' if self.rest().starts_with("\\\"") => self.quoted("\\\""),
            '(' | '@' => self.bracket(),
            '[' => self.cast(),
            '$' => {
                let name = self.variable_name()?;
                let (_, value) = self.variables.iter().find(|(known, _)| *known == name)?;
                self.done += 1;
                Some(value.clone())
            }
            '-' if self.operator("-join") => {
                let items = self.primary_with_methods()?.items();
                self.done += 1;
                Some(Value::Text(items.iter().map(Value::text).collect()))
            }
            c if c.is_ascii_digit() || c == '-' => self.number(),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let (sign, digits) = rest.strip_prefix('-').map_or((1, rest), |rest| (-1, rest));
        let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
        let (body, radix) = hex.map_or((digits, 10), |hex| (hex, 16));
        let length = body.find(|c: char| !c.is_digit(radix)).unwrap_or(body.len());
        let number = i64::from_str_radix(body.get(..length)?, radix).ok()?;
        let after = body.get(length..)?;
        if after.starts_with(char::is_alphanumeric) {
            return None;
        }
        self.at += rest.len() - after.len();
        Some(Value::Number(sign * number))
    }

    fn quoted(&mut self, quote: &str) -> Option<Value> {
        let rest = self.rest().strip_prefix(quote)?;
        let end = rest.find(quote)?;
        let inner = rest.get(..end)?;
        if inner.len() > VALUE_BYTES_MAX || (quote != "'" && inner.contains('$')) {
            return None;
        }
        let text = if quote == "'" { inner.to_owned() } else { inner.replace('`', "") };
        self.at += end + 2 * quote.len();
        Some(Value::Text(text))
    }

    /// `( .. )`, `@( .. )`.
    fn bracket(&mut self) -> Option<Value> {
        self.take("@");
        if !self.take("(") {
            return None;
        }
        let value = self.list()?;
        let range = if self.rest().starts_with("..") { self.range(&value) } else { None };
        let value = range.unwrap_or(value);
        // `(97,98|%{[char]$_})`
        let value = self.letters_by_pipe(value);
        if !self.take(")") {
            return None;
        }
        // A word in brackets is the word.
        self.done += usize::from(matches!(value, Value::Text(_)));
        Some(value)
    }

    fn range(&mut self, from: &Value) -> Option<Value> {
        self.take("..");
        let to = self.number()?.number()?;
        let from = from.number()?;
        let count = usize::try_from(from.abs_diff(to)).ok()?.checked_add(1)?;
        let step = if to >= from { 1 } else { -1 };
        (count <= LIST_MAX).then(|| {
            let numbers = (0..).map(|n| Value::Number(from + step * n));
            Value::List(numbers.take(count).collect())
        })
    }

    fn letters_by_pipe(&mut self, value: Value) -> Value {
        let kept = self.at;
        let piped = self.take("|")
            && (self.take("%") || self.take("foreach-object") || self.take("foreach"))
            && self.take("{")
            && self.take("[char]")
            && (self.take("$_") || (self.take("[int]") && self.take("$_")))
            && self.take("}");
        if piped && let Some(letters) = letters(value.clone()) {
            self.done += 1;
            return letters;
        }
        self.at = kept;
        value
    }

    /// `[char]97`, `[char[]](97,98)`, `[string]'a'`, `[string]::Join(..)`.
    fn cast(&mut self) -> Option<Value> {
        if self.take("[char[]]") {
            let value = self.primary()?;
            self.done += 1;
            return match value {
                Value::Text(text) => {
                    Some(Value::List(text.chars().map(|c| Value::Text(c.into())).collect()))
                }
                numbers => letters(numbers),
            };
        }
        if self.take("[char]") {
            let number = self.primary()?;
            self.done += 1;
            return match letters(number)? {
                Value::List(mut items) if items.len() == 1 => items.pop(),
                other => Some(other),
            };
        }
        if self.take("[string]::") || self.take("[system.string]::") {
            let joins = self.take("join");
            if !joins && !self.take("concat") {
                return None;
            }
            if !self.take("(") {
                return None;
            }
            let mut items = self.list()?.items();
            if !self.take(")") {
                return None;
            }
            self.done += 1;
            let by =
                if joins && !items.is_empty() { items.remove(0).text() } else { String::new() };
            let flat: Vec<String> =
                items.into_iter().flat_map(Value::items).map(|item| item.text()).collect();
            return Some(Value::Text(flat.join(&by)));
        }
        if self.take("[string]") {
            return self.primary().map(|value| Value::Text(value.text()));
        }
        None
    }

    fn method(&mut self, on: &Value) -> Option<Value> {
        if !self.take(".") {
            return None;
        }
        // The name of a method may be quoted too.
        let quote = ['\'', '"'].into_iter().find(|quote| self.rest().starts_with(*quote));
        self.at += usize::from(quote.is_some());
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '`').unwrap_or(0);
        let name = rest.get(..length)?.replace('`', "").to_ascii_lowercase();
        self.at += length + usize::from(quote.is_some());
        if !self.take("(") {
            return None;
        }
        let arguments = if self.take(")") {
            Vec::new()
        } else {
            let items = self.list()?.items();
            if !self.take(")") {
                return None;
            }
            items
        };
        called(&name, &on.text(), &arguments)
    }

    fn index(&mut self, on: &Value) -> Option<Value> {
        if !self.take("[") {
            return None;
        }
        let first = self.list()?;
        let places = if self.rest().starts_with("..") { self.range(&first)? } else { first };
        if !self.take("]") {
            return None;
        }
        let pieces: Vec<Value> = match on {
            Value::Text(text) => text.chars().map(|c| Value::Text(c.into())).collect(),
            Value::List(items) => items.clone(),
            Value::Number(_) => return None,
        };
        let mut found = Vec::new();
        for place in places.items() {
            let place = place.number()?;
            let length = i64::try_from(pieces.len()).ok()?;
            let place = if place < 0 { length + place } else { place };
            found.push(pieces.get(usize::try_from(place).ok()?)?.clone());
        }
        match found.len() {
            1 => found.pop(),
            _ => Some(Value::List(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        evaluated(text, &mut Marks::default()).into_owned()
    }

    #[test]
    fn constants_are_put_together() {
        for expression in [
            "&('who'+'ami')",
            "& (\"{1}{0}\" -f 'ami','who')",
            "&([char]119+[char]104+[char]0x6f+[char]97+[char]109+[char]105)",
            "&(-join [char[]](119,104,111,97,109,105))",
            "&(-join(119,104,111,97,109,105|%{[char]$_}))",
            "&('wh~~oami'.Replace('~~',''))",
            "&('whXoami' -replace 'x','')",
            "&('imaohw'[-1..-6] -join '')",
            "&('imaohw'[5,4,3,2,1,0] -join '')",
            "&('xwhoamix'.Substring(1,6))",
            "&([string]::Join('','who','ami'))",
            "&(('who','ami') -join '')",
            "&('WHOAMI'.ToLower())",
            ".('whoami')",
            "&('w-h-o-a-m-i'.Split('-') -join '')",
        ] {
            assert_eq!(value(expression), "whoami", "{expression}");
        }
        assert_eq!(value("$a='who';$b=\"ami\";&($a+$b)"), "$a='who';$b=\"ami\";whoami");
        assert_eq!(value("powershell \"iex ('Down'+'load')\""), "powershell \"iex Download\"");
    }

    #[test]
    fn what_is_no_constant_stays() {
        for text in [
            "dir C:\\a+b",
            "copy 'a' + $b",
            "\"C:\\Program Files\\x.exe\" -f \"b\"",
            "find \"a\" & echo b",
            "'{9}' -f 'a'",
            "[char]'ab'",
            "('a'",
            "&(",
            "'abc'[7]",
        ] {
            assert_eq!(value(text), text, "{text}");
        }
    }

    #[test]
    fn nothing_grows_without_end() {
        let nested = format!("{}'a'{}", "(".repeat(10_000), ")".repeat(10_000));
        value(&nested);
        value(&"'a'+".repeat(20_000));
        value(&"$a='x'+$a;".repeat(5_000));
        value(&"[char]".repeat(50_000));
        value(&"-join ".repeat(50_000));
    }
}
