//! What constant expressions give, and what is done to it.

/// The longest value, in bytes.
const VALUE_BYTES_MAX: usize = 16 << 10;
/// The most pieces of a list.
pub(super) const LIST_MAX: usize = 4_096;

/// What an expression gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    List(Vec<Value>),
}

impl Value {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::List(items) => items.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }

    pub(super) fn items(self) -> Vec<Self> {
        match self {
            Self::List(items) => items,
            one => vec![one],
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::List(_) => None,
        }
    }
}

pub(super) fn bounded(value: Value) -> Option<Value> {
    let length: usize = match &value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Number(_) => 0,
    };
    (length <= VALUE_BYTES_MAX).then_some(value)
}

/// Numbers as letters.
pub(super) fn letters(value: Value) -> Option<Value> {
    let letter = |value: Value| {
        let number = u32::try_from(value.number()?).ok()?;
        let c = char::from_u32(number).filter(|c| !c.is_control())?;
        Some(Value::Text(c.into()))
    };
    value.items().into_iter().map(letter).collect::<Option<Vec<_>>>().map(Value::List)
}

/// `{1}{0}` with its pieces.
pub(super) fn formatted(pattern: &str, pieces: &[Value]) -> Option<String> {
    if !pattern.contains('{') {
        return None;
    }
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (place, after) = after.split_once('}')?;
        let place = place.split([',', ':']).next()?.trim();
        out.push_str(&pieces.get(place.parse::<usize>().ok()?)?.text());
        if out.len() > VALUE_BYTES_MAX {
            return None;
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Replaces in any case, as the operator does.
pub(super) fn replaced(text: &str, from: &str, to: &str) -> String {
    let (lower, from) = (text.to_ascii_lowercase(), from.to_ascii_lowercase());
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find(&from)) {
        out.push_str(text.get(at..at + found).unwrap_or_default());
        out.push_str(to);
        at += found + from.len();
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

pub(super) fn split(text: &str, by: &str) -> Option<Value> {
    let pieces: Vec<Value> = if by.is_empty() {
        text.chars().map(|c| Value::Text(c.into())).collect()
    } else {
        text.split(by).map(|piece| Value::Text(piece.to_owned())).collect()
    };
    (pieces.len() <= LIST_MAX).then_some(Value::List(pieces))
}

/// A method of a text.
pub(super) fn called(name: &str, text: &str, arguments: &[Value]) -> Option<Value> {
    let argument = |at: usize| arguments.get(at);
    let place = |at: usize| -> Option<usize> { usize::try_from(argument(at)?.number()?).ok() };
    let chars: Vec<char> = text.chars().collect();
    let of =
        |from: usize, to: usize| -> Option<String> { Some(chars.get(from..to)?.iter().collect()) };
    Some(Value::Text(match name {
        "replace" => {
            let from = argument(0)?.text();
            (!from.is_empty())
                .then(|| text.replace(&from, &argument(1).map_or_else(String::new, Value::text)))?
        }
        "substring" => {
            let from = place(0)?;
            let to = place(1).map_or(chars.len(), |length| from.saturating_add(length));
            of(from, to)?
        }
        "insert" => {
            format!("{}{}{}", of(0, place(0)?)?, argument(1)?.text(), of(place(0)?, chars.len())?)
        }
        "remove" => {
            let (from, length) = (place(0)?, place(1));
            let to = length.map_or(chars.len(), |length| from.saturating_add(length));
            format!("{}{}", of(0, from)?, of(to, chars.len())?)
        }
        "tolower" | "tolowerinvariant" => text.to_lowercase(),
        "toupper" | "toupperinvariant" => text.to_uppercase(),
        "tostring" => text.to_owned(),
        "trim" if arguments.is_empty() => text.trim().to_owned(),
        "trim" => {
            text.trim_matches(|c| arguments.iter().any(|one| one.text().contains(c))).to_owned()
        }
        "split" => return split(text, &argument(0)?.text()),
        "tochararray" => return split(text, ""),
        _ => return None,
    }))
}
