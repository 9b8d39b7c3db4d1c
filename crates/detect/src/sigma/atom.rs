//! One comparison of one field with one value.

use std::net::IpAddr;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use crate::canonical;

use super::facts::{Fact, Facts, Scalar};
use super::limits::REGEX_BYTES_MAX;
use super::text::{TextId, Texts};

/// The number of a field in a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Field(pub u16);

/// Where the text stands in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// How numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A part of a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// What is asked of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Test {
    /// A text; in lower case unless `cased`.
    Text {
        place: Place,
        text: TextId,
        cased: bool,
    },
    /// A text with wildcards, by its place in [`Tables::globs`].
    Glob {
        glob: u32,
        cased: bool,
    },
    /// A regular expression, by its place in [`Tables::regexes`].
    Regex(u32),
    /// A network, by its place in [`Tables::networks`].
    Network(u32),
    /// A number, by its bits.
    Number {
        order: Order,
        bits: u64,
    },
    /// A part of a time.
    Time {
        part: TimePart,
        bits: u64,
    },
    Bool(bool),
    /// The field is absent or null.
    Null,
    /// The field is there, or is not.
    Exists(bool),
    /// The value of another field.
    FieldRef {
        other: Field,
        place: Place,
        cased: bool,
    },
}

/// One comparison. `loose` are the patterns that must all stand in a canonical view instead, as
/// places in [`Tables::loose`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Atom {
    pub field: Field,
    pub test: Test,
    pub loose: Option<(u32, u32)>,
}

/// A piece of a text with wildcards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Piece {
    Text(TextId),
    /// Any one character.
    One,
    /// Any number of characters.
    Many,
}

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u8,
}

/// A regular expression that is compiled when it is first asked. That it compiles was tried when
/// the pack was made.
#[derive(Debug)]
pub(super) struct LazyRegex {
    pattern: String,
    strict: Compiled,
    loose: Compiled,
}

/// One way to compile an expression, in two forms: the one for texts of nothing but ASCII is a
/// tenth of the size, and compiled in a tenth of the time, since letters and white space of other
/// scripts are no part of it. On such texts both say the same.
#[derive(Debug, Default)]
struct Compiled {
    ascii: OnceLock<Option<regex::bytes::Regex>>,
    any: OnceLock<Option<Regex>>,
}

/// What atoms point into.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub texts: Texts,
    pub globs: Vec<Box<[Piece]>>,
    pub regexes: Vec<LazyRegex>,
    pub networks: Vec<Network>,
    pub loose: Vec<TextId>,
}

/// How hard is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The values as they were logged.
    Strict,
    /// Also the canonical views.
    Loose,
}

impl LazyRegex {
    /// The largest is refused, and what is no regular expression.
    pub(super) fn new(pattern: String) -> Result<Self, String> {
        build(&pattern, false).map_err(|error| error.to_string())?;
        Ok(Self { pattern, strict: Compiled::default(), loose: Compiled::default() })
    }

    fn is_match(&self, text: &str) -> bool {
        self.strict.is_match(&self.pattern, false, text)
    }

    /// Whether a cleaned text matches, in any case where the expression is about a word: where it
    /// is about one letter, such as in `-[FTd]`, case may be all that it says.
    fn is_match_loosely(&self, text: &str) -> bool {
        let words = self.pattern.split(|c: char| !c.is_ascii_alphabetic());
        let any_case = words.map(str::len).max().is_some_and(|longest| longest >= 4);
        self.loose.is_match(&self.pattern, any_case, text)
    }
}

impl Compiled {
    fn is_match(&self, pattern: &str, any_case: bool, text: &str) -> bool {
        if text.is_ascii()
            && let Some(regex) = self.ascii.get_or_init(|| build_ascii(pattern, any_case).ok())
        {
            return regex.is_match(text.as_bytes());
        }
        let regex = self.any.get_or_init(|| build(pattern, any_case).ok());
        regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

fn build(pattern: &str, any_case: bool) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .case_insensitive(any_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
}

/// Fails where the expression names letters beyond ASCII in a way that bytes cannot say.
fn build_ascii(pattern: &str, any_case: bool) -> Result<regex::bytes::Regex, regex::Error> {
    regex::bytes::RegexBuilder::new(pattern)
        .unicode(false)
        .case_insensitive(any_case)
        .size_limit(REGEX_BYTES_MAX)
        .dfa_size_limit(REGEX_BYTES_MAX)
        .build()
}

impl Network {
    /// Reads `10.0.0.0/8` or `fe80::/10`; an address alone is a network of one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { address, bits })
    }

    fn holds(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                shift == 32 || (net.to_bits() >> shift) == (address.to_bits() >> shift)
            }
            (IpAddr::V6(net), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                shift == 128 || (net.to_bits() >> shift) == (address.to_bits() >> shift)
            }
            _ => false,
        }
    }
}

impl Tables {
    /// The sizes of the tables, for engineers.
    pub(super) fn shape(&self) -> String {
        format!(
            "{} with wildcards, {} regular expressions, {} loose patterns",
            self.globs.len(),
            self.regexes.len(),
            self.loose.len()
        )
    }
}

impl Atom {
    /// Whether any value of the field passes.
    pub(super) fn holds(&self, facts: &Facts<'_>, tables: &Tables, look: Look) -> bool {
        match &self.test {
            Test::Null => facts.of(self.field).all(|fact| matches!(fact.scalar, Scalar::Null)),
            Test::Exists(wanted) => facts.has(self.field) == *wanted,
            test => facts.of(self.field).any(|fact| {
                passes(test, fact, facts, tables)
                    || (look == Look::Loose && self.passes_loosely(fact, tables))
            }),
        }
    }

    /// The value that passed, for evidence.
    pub(super) fn passing<'f, 'e>(
        &self,
        facts: &'f Facts<'e>,
        tables: &Tables,
    ) -> Option<&'f Fact<'e>> {
        facts.of(self.field).find(|fact| {
            passes(&self.test, fact, facts, tables) || self.passes_loosely(fact, tables)
        })
    }

    fn passes_loosely(&self, fact: &Fact<'_>, tables: &Tables) -> bool {
        let Some(view) = &fact.view else { return false };
        match (&self.test, self.loose) {
            (Test::Regex(regex), _) => tables.regexes.get(*regex as usize).is_some_and(|regex| {
                regex.is_match_loosely(&view.plain)
                    || canonical::switched(&view.plain)
                        .iter()
                        .any(|one| regex.is_match_loosely(one))
            }),
            (_, Some((from, to))) => {
                tables.loose.get(from as usize..to as usize).is_some_and(|patterns| {
                    patterns
                        .iter()
                        .all(|pattern| holds_text(&view.text, tables.texts.get(*pattern)))
                })
            }
            (_, None) => false,
        }
    }
}

/// The longest value that is searched by one of its bytes; longer ones are worth preparing a search
/// that is linear whatever they hold.
const SHORT_BYTES_MAX: usize = 512;

/// Whether the text stands in the value. Bytes are compared: texts are UTF-8 on both sides, so a
/// find is a find of the text. Values are short as a rule, and to prepare a search takes longer
/// than to look for the rarest byte of the text and compare there.
fn holds_text(value: &str, text: &str) -> bool {
    let (value, text) = (value.as_bytes(), text.as_bytes());
    if value.len() > SHORT_BYTES_MAX {
        return memchr::memmem::find(value, text).is_some();
    }
    let Some(last) = value.len().checked_sub(text.len()) else { return false };
    let Some((mut rarest, mut place)) = text.first().map(|first| (*first, 0)) else { return true };
    for (at, byte) in text.iter().enumerate() {
        if common(*byte) < common(rarest) {
            (rarest, place) = (*byte, at);
        }
    }
    let within = value.get(place..=last + place).unwrap_or_default();
    memchr::memchr_iter(rarest, within).any(|at| value.get(at..at + text.len()) == Some(text))
}

/// How common a byte is in folded paths and command lines, roughly: the higher the more.
fn common(byte: u8) -> u8 {
    match byte {
        b'e' | b's' | b'i' | b'\\' | b' ' => 5,
        b't' | b'o' | b'n' | b'r' | b'a' | b'c' | b'm' | b'd' | b'l' => 4,
        b'w' | b'p' | b'u' | b'.' | b'x' | b'h' => 3,
        b'f' | b'g' | b'y' | b'b' | b'0'..=b'3' | b'-' | b'v' => 2,
        b'4'..=b'9' | b'k' | b'"' | b'/' | b':' => 1,
        _ => 0,
    }
}

fn compare(place: Place, value: &str, text: &str) -> bool {
    match place {
        Place::Whole => value == text,
        Place::Start => value.starts_with(text),
        Place::End => value.ends_with(text),
        Place::Anywhere => holds_text(value, text),
    }
}

fn passes(test: &Test, fact: &Fact<'_>, facts: &Facts<'_>, tables: &Tables) -> bool {
    if matches!(fact.scalar, Scalar::Null) {
        return false;
    }
    match test {
        Test::Text { place, text, cased } => {
            compare(*place, fact.as_text(*cased), tables.texts.get(*text))
        }
        Test::Glob { glob, cased } => tables
            .globs
            .get(*glob as usize)
            .is_some_and(|pieces| glob_matches(pieces, fact.as_text(*cased), &tables.texts)),
        Test::Regex(regex) => tables
            .regexes
            .get(*regex as usize)
            .is_some_and(|regex| regex.is_match(fact.as_text(true))),
        Test::Network(network) => {
            let address = fact.as_text(true).trim().parse().ok();
            let network = tables.networks.get(*network as usize);
            network.zip(address).is_some_and(|(network, address)| network.holds(address))
        }
        Test::Number { order, bits } => {
            let wanted = f64::from_bits(*bits);
            fact.as_number().is_some_and(|number| match order {
                Order::Equal => (number - wanted).abs() < f64::EPSILON,
                Order::Less => number < wanted,
                Order::LessOrEqual => number <= wanted,
                Order::Greater => number > wanted,
                Order::GreaterOrEqual => number >= wanted,
            })
        }
        Test::Time { part, bits } => super::time::part(*part, fact.as_text(true))
            .is_some_and(|number| (f64::from(number) - f64::from_bits(*bits)).abs() < 0.5),
        Test::Bool(wanted) => match fact.scalar {
            Scalar::Bool(value) => value == *wanted,
            _ => fact.as_text(false) == if *wanted { "true" } else { "false" },
        },
        Test::FieldRef { other, place, cased } => facts
            .of(*other)
            .any(|other| compare(*place, fact.as_text(*cased), other.as_text(*cased))),
        Test::Null | Test::Exists(_) => false,
    }
}

/// Matches by the greedy way back to the last `*`, in time value times pieces.
fn glob_matches(pieces: &[Piece], value: &str, texts: &Texts) -> bool {
    let (mut piece, mut at) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        let rest = value.get(at..).unwrap_or_default();
        let step = match pieces.get(piece) {
            Some(Piece::Many) => {
                back = Some((piece + 1, at));
                Some(0)
            }
            Some(Piece::One) => rest.chars().next().map(char::len_utf8),
            Some(Piece::Text(text)) => {
                let text = texts.get(*text);
                rest.starts_with(text).then_some(text.len())
            }
            None if rest.is_empty() => return true,
            None => None,
        };
        if let Some(step) = step {
            piece += 1;
            at += step;
            continue;
        }
        let Some((after, from)) = back else { return false };
        let Some(c) = value.get(from..).and_then(|rest| rest.chars().next()) else {
            return false;
        };
        // If a text follows the `*`, go on where it next stands.
        let from = from + c.len_utf8();
        let next = match pieces.get(after) {
            Some(Piece::Text(text)) => {
                match value.get(from..).and_then(|rest| rest.find(texts.get(*text))) {
                    Some(found) => from + found,
                    None => return false,
                }
            }
            _ => from,
        };
        back = Some((after, next));
        (piece, at) = (after, next);
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::Interner;
    use super::*;

    fn glob(pattern: &str, value: &str) -> bool {
        let mut texts = Interner::default();
        let mut pieces = Vec::new();
        for part in pattern.split_inclusive(['*', '?']) {
            let text = part.trim_end_matches(['*', '?']);
            if !text.is_empty() {
                pieces.push(Piece::Text(texts.add(text)));
            }
            match part.chars().last() {
                Some('*') => pieces.push(Piece::Many),
                Some('?') => pieces.push(Piece::One),
                _ => {}
            }
        }
        glob_matches(&pieces, value, &texts.finish())
    }

    #[test]
    fn wildcards_match_the_whole_value() {
        assert!(glob("*a*b", "xxaxxabb"));
        assert!(glob("a?c", "aéc"));
        assert!(glob("*", ""));
        assert!(glob("a*", "a"));
        assert!(glob("*ab*ab*", "abxab"));
        assert!(!glob("*a*b", "xxaxxc"));
        assert!(!glob("a?c", "ac"));
        assert!(!glob("a*b", "ab "));
    }

    #[test]
    fn a_text_is_found_wherever_it_stands() {
        for value in ["", "a", "abcabcabd", "xx-exec bypass yy", "\u{e4}bc"] {
            for text in ["", "a", "abd", "abcabd", "-exec", "y", "xx-exec bypass yy!", "\u{e4}"] {
                let long = format!("{}{value}", " ".repeat(2 * SHORT_BYTES_MAX));
                assert_eq!(holds_text(value, text), value.contains(text), "{text:?} in {value:?}");
                assert_eq!(holds_text(&long, text), long.contains(text));
            }
        }
    }

    #[test]
    fn an_expression_says_the_same_of_ascii_in_both_forms() {
        let lines = ["cmd /c x=1", "A_b-9\t\u{b}\n", "", "Invoke-Expression $env:X", "ssK \u{7f}"];
        for pattern in [
            r"\w+\s",
            r"^.{3}$",
            r"(?i)invoke-\w+",
            r"\bk\b",
            r"[^a-z]+\d",
            r"\x7f",
            r"(?i)ssk",
            r"\p{Cyrillic}|x",
            r"[\u{e4}b]-",
            "(?s)b.*9.",
            r"\D{2}",
            r"\W$",
        ] {
            let regex = LazyRegex::new(pattern.to_owned()).unwrap();
            let any = build(pattern, false).unwrap();
            let loose = build(pattern, true).unwrap();
            for line in lines {
                assert_eq!(regex.is_match(line), any.is_match(line), "{pattern} {line:?}");
                let by_case = regex.loose.is_match(pattern, true, line);
                assert_eq!(by_case, loose.is_match(line), "{pattern} {line:?}");
            }
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        let holds = |net: &str, address: &str| {
            Network::parse(net).is_some_and(|net| net.holds(address.parse().unwrap()))
        };
        assert!(holds("10.0.0.0/8", "10.1.2.3"));
        assert!(!holds("10.0.0.0/8", "11.1.2.3"));
        assert!(holds("0.0.0.0/0", "1.2.3.4"));
        assert!(holds("fe80::/10", "fe80::1"));
        assert!(holds("127.0.0.0/8", "::ffff:127.0.0.1"));
        assert!(Network::parse("10.0.0.0/33").is_none());
        assert!(Network::parse("10.0.0/8").is_none());
    }
}
