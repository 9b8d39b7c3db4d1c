//! A tolerant tokenizer: logical lines of Python, also of code that does not compile.

use crate::limits::PYTHON_TOKENS_MAX;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword.
    Name(String),
    /// A number, as it stands.
    Number(String),
    /// A text or bytes literal, with its escapes taken out.
    Text(String),
    /// What an f-string has between its braces, in its order, and the text around it.
    Format(Vec<String>, String),
    /// An operator or bracket.
    Mark(&'static str),
}

/// A logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How far it is indented, columns.
    pub indent: usize,
    /// The number of its first line, from 1.
    pub number: usize,
    /// Its tokens.
    pub tokens: Vec<Token>,
}

const MARKS: &[&str] = &[
    "**=", "//=", ">>=", "<<=", "...", ":=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
    "@=", "==", "!=", "<=", ">=", "**", "//", "<<", ">>", "(", ")", "[", "]", "{", "}", ",", ":",
    ".", ";", "@", "=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "<", ">", "!", "?", "$",
];

struct Lexer<'a> {
    rest: &'a str,
    number: usize,
    left: usize,
}

/// The logical lines of a source, and whether all of it was read.
pub fn lines(source: &str) -> (Vec<Line>, bool) {
    let mut lexer = Lexer { rest: source, number: 1, left: PYTHON_TOKENS_MAX };
    let mut out = Vec::new();
    while !lexer.rest.is_empty() && lexer.left > 0 {
        if let Some(line) = lexer.line() {
            out.push(line);
        }
    }
    (out, lexer.rest.is_empty())
}

impl Lexer<'_> {
    fn bump(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    fn line(&mut self) -> Option<Line> {
        let mut indent = 0;
        while let Some(c) = self.rest.chars().next().filter(|c| matches!(c, ' ' | '\t' | '\x0c')) {
            indent += if c == '\t' { 8 - indent % 8 } else { 1 };
            self.bump(1);
        }
        let number = self.number;
        let mut tokens = Vec::new();
        let mut open = 0_i32;
        while let Some(c) = self.rest.chars().next() {
            if self.left == 0 {
                break;
            }
            match c {
                '\n' => {
                    self.bump(1);
                    self.number += 1;
                    if open <= 0 {
                        break;
                    }
                }
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.bump(end);
                }
                '\\' => {
                    self.bump(1);
                    if self.rest.starts_with("\r\n") {
                        self.bump(1);
                    }
                    if self.rest.starts_with('\n') {
                        self.bump(1);
                        self.number += 1;
                    }
                }
                _ if c.is_whitespace() => self.bump(c.len_utf8()),
                _ => {
                    let token = self.token(c);
                    match &token {
                        Some(Token::Mark("(" | "[" | "{")) => open += 1,
                        Some(Token::Mark(")" | "]" | "}")) => open -= 1,
                        _ => {}
                    }
                    self.left -= 1;
                    tokens.extend(token);
                }
            }
        }
        (!tokens.is_empty()).then_some(Line { indent, number, tokens })
    }

    fn token(&mut self, c: char) -> Option<Token> {
        if c == '\'' || c == '"' {
            return Some(self.text(""));
        }
        if c.is_ascii_digit() {
            let end = self
                .rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
                .unwrap_or(self.rest.len());
            let number = self.rest.get(..end)?.to_owned();
            self.bump(end);
            return Some(Token::Number(number));
        }
        if c.is_alphabetic() || c == '_' {
            let end = self
                .rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(self.rest.len());
            let name = self.rest.get(..end)?.to_owned();
            self.bump(end);
            let prefix = name.to_ascii_lowercase();
            let quoted = self.rest.starts_with(['\'', '"']);
            if quoted
                && matches!(
                    prefix.as_str(),
                    "r" | "b" | "u" | "f" | "br" | "rb" | "fr" | "rf" | "t"
                )
            {
                return Some(self.text(&prefix));
            }
            return Some(Token::Name(fold(&name)));
        }
        if let Some(mark) = MARKS.iter().find(|mark| self.rest.starts_with(**mark)) {
            self.bump(mark.len());
            return Some(Token::Mark(mark));
        }
        self.bump(c.len_utf8());
        None
    }

    fn text(&mut self, prefix: &str) -> Token {
        let quote = self.rest.get(..1).unwrap_or("'").to_owned();
        let triple = quote.repeat(3);
        let end = if self.rest.starts_with(&triple) { triple } else { quote };
        self.bump(end.len());
        let mut stop = None;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            if escaped {
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if self.rest.get(at..).is_some_and(|rest| rest.starts_with(&end))
                || c == '\n' && end.len() == 1
            {
                stop = Some(at);
                break;
            }
        }
        let stop = stop.unwrap_or(self.rest.len());
        let raw = self.rest.get(..stop).unwrap_or_default().to_owned();
        self.number += raw.matches('\n').count();
        let closed = self.rest.get(stop..).is_some_and(|rest| rest.starts_with(&end));
        self.bump(stop + if closed { end.len() } else { 0 });
        if prefix.contains('f') || prefix == "t" {
            return format_parts(&raw);
        }
        Token::Text(if prefix.contains('r') { raw } else { super::unescape(&raw) })
    }
}

/// Python takes letters that only look special for the plain ones (NFKC). The mathematical
/// alphabets and full-width forms are what attacks use.
fn fold(name: &str) -> String {
    if name.is_ascii() {
        return name.to_owned();
    }
    name.chars()
        .map(|c| match u32::from(c) {
            code @ 0xff21..=0xff3a => char::from_u32(code - 0xff21 + 0x41).unwrap_or(c),
            code @ 0xff41..=0xff5a => char::from_u32(code - 0xff41 + 0x61).unwrap_or(c),
            code @ 0x1d400..=0x1d6a3 => {
                let place = (code - 0x1d400) % 52;
                let base = if place < 26 { 0x41 + place } else { 0x61 + place - 26 };
                char::from_u32(base).unwrap_or(c)
            }
            _ => c,
        })
        .collect()
}

/// The whole number that a token is; 0 if it is none.
pub fn integer(number: &str) -> i64 {
    let plain = number.replace('_', "").to_lowercase();
    let parsed = if let Some(hex) = plain.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if let Some(octal) = plain.strip_prefix("0o") {
        i64::from_str_radix(octal, 8)
    } else if let Some(binary) = plain.strip_prefix("0b") {
        i64::from_str_radix(binary, 2)
    } else {
        plain.parse()
    };
    parsed.unwrap_or(0)
}

fn format_parts(raw: &str) -> Token {
    let (mut parts, mut text) = (Vec::new(), String::new());
    let mut depth = 0_u32;
    let mut part = String::new();
    let mut rest = raw.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' if depth == 0 && rest.peek() == Some(&'{') => {
                rest.next();
                text.push('{');
            }
            '{' => {
                depth += 1;
                if depth > 1 {
                    part.push(c);
                }
            }
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    parts.push(std::mem::take(&mut part));
                    text.push('\u{0}');
                } else {
                    part.push(c);
                }
            }
            _ if depth > 0 => part.push(c),
            _ => text.push(c),
        }
    }
    Token::Format(parts, super::unescape(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        let (lines, _) = lines(source);
        lines
            .into_iter()
            .flat_map(|line| line.tokens)
            .filter_map(|token| match token {
                Token::Name(name) => Some(name),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn lines_go_on_in_brackets_and_behind_backslashes() {
        let (lines, whole) = lines("a = (1,\n  2)\nb = 1 + \\\n 2\n\n# c\nd\n");
        assert!(whole);
        let numbers: Vec<_> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 7]);
    }

    #[test]
    fn texts_and_remarks_hold_no_names() {
        assert_eq!(names("x = 'os.system' # os\n'''import os\n'''\n"), ["x"]);
    }

    #[test]
    fn escapes_prefixes_and_special_letters_are_read() {
        let (lines, _) = lines(r#"a(b"\x6fs", r"\x", f"{x}y")"#);
        assert!(lines[0].tokens.contains(&Token::Text("os".into())));
        assert!(lines[0].tokens.contains(&Token::Text("\\x".into())));
        assert_eq!(names("\u{1d452}\u{1d463}\u{1d44e}\u{1d459}('1')"), ["eval"]);
    }
}
