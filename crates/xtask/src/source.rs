//! A light reading of Rust source: enough to tell code from comments and literals, product code
//! from its tests, and where a function ends. Not a parser; what it cannot tell it leaves alone.

use std::ops::RangeInclusive;

/// One function: its name and the lines it spans, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The function's name.
    pub name: String,
    /// First and last line, from 1.
    pub lines: RangeInclusive<usize>,
}

/// The source with the contents of comments, strings and characters blanked out. Bytes and lines
/// keep their places.
pub fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_or_comment_end(bytes, at);
        if end == at {
            let byte = bytes[at];
            out.push(if byte.is_ascii() { byte } else { b' ' });
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Where the comment or literal that starts at `at` ends; `at` itself if none starts there.
fn literal_or_comment_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let in_word = at > 0 && is_word(bytes[at - 1]);
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return block_comment_end(bytes, at);
    }
    if rest.starts_with(b"\"") {
        return string_end(bytes, at + 1);
    }
    if !in_word && let Some(end) = raw_string_end(bytes, at) {
        return end;
    }
    if rest.starts_with(b"'") {
        return character_end(bytes, at);
    }
    at
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (at, depth) = (at + 2, depth + 1);
        } else if bytes[at..].starts_with(b"*/") {
            (at, depth) = (at + 2, depth - 1);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn string_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    if matches!(bytes.get(at), Some(b'b' | b'c')) {
        at += 1;
    }
    if bytes.get(at) != Some(&b'r') {
        return None;
    }
    at += 1;
    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
    at += hashes;
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    at += 1;
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    while at < bytes.len() {
        if bytes[at..].starts_with(&close) {
            return Some(at + close.len());
        }
        at += 1;
    }
    Some(at)
}

/// The end of a character literal; a lifetime or a label is left alone.
fn character_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start + 1..];
    if rest.first() == Some(&b'\\') {
        let close = rest.iter().skip(2).position(|b| *b == b'\'');
        return close.map_or(start, |offset| start + 1 + 2 + offset + 1);
    }
    let width = match rest.first() {
        Some(b) if b.is_ascii() => 1,
        Some(b) if *b >= 0xf0 => 4,
        Some(b) if *b >= 0xe0 => 3,
        Some(_) => 2,
        None => return start,
    };
    if rest.get(width) == Some(&b'\'') { start + 1 + width + 1 } else { start }
}

/// Whether a byte may stand in an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The line of a byte, from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1
}

/// Places in masked source where `word` stands as a whole word.
pub fn words(masked: &str, word: &str) -> Vec<usize> {
    let bytes = masked.as_bytes();
    masked
        .match_indices(word)
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || !is_word(bytes[at - 1]))
        .filter(|at| bytes.get(at + word.len()).is_none_or(|b| !is_word(*b)))
        .collect()
}

/// The byte just after the brace that closes the one at `open`.
fn closing(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, byte) in masked.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(offset + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Lines of the blocks that are compiled for tests only: `#[cfg(test)] mod NAME { ... }`.
pub fn test_blocks(masked: &str) -> Vec<RangeInclusive<usize>> {
    let attribute = "#[cfg(test)]";
    let mut blocks = Vec::new();
    for (at, _) in masked.match_indices(attribute) {
        let after = skip_attributes(masked, at + attribute.len());
        let rest = masked.get(after..).unwrap_or_default();
        let is_module = rest.starts_with("mod ") || rest.starts_with("pub mod ");
        let (Some(open), semicolon) = (rest.find('{'), rest.find(';')) else { continue };
        if is_module
            && semicolon.is_none_or(|s| open < s)
            && let Some(end) = closing(masked, after + open)
        {
            blocks.push(line_of(masked, at)..=line_of(masked, end));
        }
    }
    blocks
}

fn skip_attributes(masked: &str, mut at: usize) -> usize {
    loop {
        let rest = masked.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start().len();
        let rest = rest.trim_start();
        match (rest.starts_with("#["), rest.find(']')) {
            (true, Some(close)) => at += close + 1,
            _ => return at,
        }
    }
}

/// The functions of masked source that have a body.
pub fn functions(masked: &str) -> Vec<Function> {
    let bytes = masked.as_bytes();
    let mut found = Vec::new();
    for at in words(masked, "fn") {
        let rest = masked.get(at + 2..).unwrap_or_default();
        let name: String = rest
            .trim_start()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if name.is_empty() {
            continue; // A function pointer type.
        }
        let Some(open) = body_start(bytes, at) else { continue };
        if let Some(end) = closing(masked, open) {
            let lines = line_of(masked, at)..=line_of(masked, end);
            found.push(Function { name, lines });
        }
    }
    found
}

fn body_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_places_kept() {
        let text = "a /* { /* x */ } */ b // {\n\"{\\\"{\" r#\"{\"}\"# '{' '\\'' 'é' b\"{\" c";
        let masked = mask(text);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked.split_whitespace().collect::<Vec<_>>(), ["a", "b", "b", "c"]);
        assert_eq!(line_of(&masked, text.len()), 2);
    }

    #[test]
    fn lifetimes_and_labels_are_code() {
        let text = "fn f<'a>(x: &'a str) -> &'a str { 'x: loop { break 'x } x }";
        assert_eq!(mask(text), text);
    }

    #[test]
    fn a_test_module_is_told_from_code() {
        let text =
            "fn a() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n";
        assert_eq!(test_blocks(&mask(text)), [2..=6]);
        assert!(test_blocks("#[cfg(test)]\nmod tests;\nfn a() {}\n").is_empty());
        assert!(test_blocks("#[cfg(test)]\nuse x;\nmod a {}\n").is_empty());
    }

    #[test]
    fn functions_have_names_and_lines() {
        let text = "trait T { fn no_body(&self) -> [u8; 2]; }\n\
                    fn one(f: fn(u8) -> u8) -> [u8; 2] {\n    let s = \"}\";\n}\n\
                    const fn two() {}\n";
        let found = functions(&mask(text));
        let names: Vec<_> = found.iter().map(|f| (f.name.as_str(), f.lines.clone())).collect();
        assert_eq!(names, [("one", 2..=4), ("two", 5..=5)]);
    }

    #[test]
    fn half_a_file_is_read_without_panic() {
        let text = "fn f() { \"a\\\"\"; 'x'; '\\n'; r##\"x\"##; /* */ }\n#[cfg(test)]\nmod t { é }";
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let masked = mask(&text[..end]);
            assert_eq!(masked.len(), end);
            let _ = (functions(&masked), test_blocks(&masked));
        }
    }
}
