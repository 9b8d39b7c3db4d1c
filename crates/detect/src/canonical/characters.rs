//! The first stage: one character after the other.

use unicode_normalization::char::decompose_compatible;

use super::Marks;

/// The text without what shells drop and without letters that only look like others. Keeps case.
pub(super) fn clean(text: &str, marks: &mut Marks) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '^' | '`' => {
                let splits = ends_in_word(&out) && rest.peek().is_some_and(|c| c.is_alphanumeric());
                add(&mut marks.split_words, splits);
            }
            '"' | '\'' | '\u{2018}'..='\u{201f}' => {
                let joins = skip_join(&mut rest);
                add(&mut marks.hidden_text, joins);
                let splits = ends_in_word(&out) && rest.peek().is_some_and(|c| c.is_alphanumeric());
                add(&mut marks.split_words, splits && !joins);
            }
            '$' if out_is_ifs(&mut rest) => {
                add(&mut marks.cut_variables, true);
                out.push(' ');
            }
            '&' | '|' => {
                out.push(' ');
                out.push(c);
                out.push(' ');
            }
            _ if c.is_ascii_graphic() => out.push(c),
            _ if c.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            _ if c.is_ascii() => {}
            _ => foreign(c, &mut out, marks),
        }
    }
    numbers_of_characters(out, marks)
}

fn add(count: &mut u16, one: bool) {
    *count = count.saturating_add(u16::from(one));
}

fn ends_in_word(out: &str) -> bool {
    out.chars().next_back().is_some_and(char::is_alphanumeric)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// After a quote: whether `+` and another quote follow, which joins two pieces; both are taken.
fn skip_join(rest: &mut Rest<'_>) -> bool {
    let mut ahead = rest.clone();
    let is_gap = |c: &char| c.is_whitespace();
    while ahead.next_if(is_gap).is_some() {}
    if ahead.next_if_eq(&'+').is_none() {
        return false;
    }
    while ahead.next_if(is_gap).is_some() {}
    if ahead.next_if(|c| matches!(c, '"' | '\'')).is_none() {
        return false;
    }
    *rest = ahead;
    true
}

/// After a `$`: whether `IFS` or `{IFS}` follows, the separator of a Unix shell; it is taken.
fn out_is_ifs(rest: &mut Rest<'_>) -> bool {
    let mut ahead = rest.clone();
    let braces = ahead.next_if_eq(&'{').is_some();
    if !"IFS".chars().all(|c| ahead.next_if_eq(&c).is_some()) {
        return false;
    }
    if braces && ahead.next_if_eq(&'}').is_none() {
        return false;
    }
    if !braces && ahead.peek().is_some_and(|c| c.is_alphanumeric()) {
        return false;
    }
    // `$IFS$9` is a common way to end the name.
    if ahead.peek() == Some(&'$') {
        let mut after = ahead.clone();
        after.next();
        if after.next_if(char::is_ascii_digit).is_some() {
            ahead = after;
        }
    }
    *rest = ahead;
    true
}

/// A character beyond ASCII: dropped if it has no width, else in the form that it stands for.
fn foreign(c: char, out: &mut String, marks: &mut Marks) {
    if has_no_width(c) {
        add(&mut marks.foreign_letters, true);
        return;
    }
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => {
            add(&mut marks.odd_dashes, out.ends_with(' '));
            out.push('-');
        }
        _ => match look_alike(c) {
            Some(ascii) => {
                add(&mut marks.foreign_letters, true);
                out.push(ascii);
            }
            None => decompose_compatible(c, |part| {
                if part.is_ascii() && !c.is_alphabetic() {
                    out.push(part);
                } else if part.is_ascii() {
                    // A letter with an accent is a letter of someone's language; one without is
                    // a disguise.
                    out.push(part);
                } else if !is_mark(part) {
                    out.push(part);
                }
            }),
        },
    }
}

fn has_no_width(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}')
}

/// The ASCII character that a fullwidth, styled or look-alike one stands for.
fn look_alike(c: char) -> Option<char> {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        'а' | 'α' => Some('a'),
        'с' | 'ϲ' => Some('c'),
        'е' => Some('e'),
        'һ' => Some('h'),
        'і' | 'ι' | 'ı' => Some('i'),
        'ј' => Some('j'),
        'ο' | 'о' => Some('o'),
        'р' | 'ρ' => Some('p'),
        'ѕ' => Some('s'),
        'ν' => Some('v'),
        'х' => Some('x'),
        'у' => Some('y'),
        'А' | 'Α' => Some('A'),
        'В' | 'Β' => Some('B'),
        'С' => Some('C'),
        'Е' | 'Ε' => Some('E'),
        'Н' | 'Η' => Some('H'),
        'І' | 'Ι' => Some('I'),
        'К' | 'Κ' => Some('K'),
        'М' | 'Μ' => Some('M'),
        'О' | 'Ο' => Some('O'),
        'Р' | 'Ρ' => Some('P'),
        'Ѕ' => Some('S'),
        'Т' | 'Τ' => Some('T'),
        'Х' | 'Χ' => Some('X'),
        '\u{2044}' | '\u{2215}' | '\u{29f8}' => Some('/'),
        '\u{2216}' | '\u{29f5}' | '\u{29f9}' => Some('\\'),
        _ => {
            let mut single = None;
            let mut parts = 0;
            decompose_compatible(c, |part| {
                parts += 1;
                single = Some(part);
            });
            single.filter(|part| parts == 1 && part.is_ascii_graphic())
        }
    }
}

/// `[char]0x41+[char]66` says `AB`.
fn numbers_of_characters(text: String, marks: &mut Marks) -> String {
    const SIGN: &str = "[char]";
    if !text.contains('[') {
        return text;
    }
    let lower = text.to_ascii_lowercase();
    if !lower.contains(SIGN) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find(SIGN)) {
        let start = at + found;
        let before = text.get(at..start).unwrap_or_default();
        let number_at = start + SIGN.len();
        match character(lower.get(number_at..).unwrap_or_default()) {
            Some((c, taken)) => {
                let joined = before.trim().trim_matches(['(', ')', '+']).trim().is_empty();
                if !(joined && ends_in_word(&out)) {
                    out.push_str(before);
                }
                out.push(c);
                marks.hidden_text = marks.hidden_text.saturating_add(1);
                at = number_at + taken;
            }
            None => {
                out.push_str(text.get(at..number_at).unwrap_or_default());
                at = number_at;
            }
        }
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The character whose number begins `text`, and how many bytes the number takes.
fn character(text: &str) -> Option<(char, usize)> {
    let open = text.len() - text.trim_start_matches([' ', '(']).len();
    let body = text.get(open..)?;
    let (digits, radix, prefix) = match body.strip_prefix("0x") {
        Some(hex) => (hex, 16, 2),
        None => (body, 10, 0),
    };
    let length = digits.chars().take(6).take_while(|c| c.is_digit(radix)).count();
    let number = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
    let c = char::from_u32(number).filter(|c| !c.is_control())?;
    Some((c, open + prefix + length))
}
