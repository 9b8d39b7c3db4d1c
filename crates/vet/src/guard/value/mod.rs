//! The types of arguments. Each check takes a text and says why it is not of its type, or nothing.
//! They are narrower than the standards: what no assistant needs (quoted mailboxes, user names in
//! addresses, numbers for hosts, shells) is of no type here.

pub mod addresses;
pub mod command;
pub mod path;
pub mod select;

/// Why a value is not of its type.
pub type Wrong = &'static str;

/// A date and time: RFC 3339, or without an offset.
pub fn time(text: &str) -> Result<(), Wrong> {
    let plain = |c: char| c.is_ascii_digit() || "-:T.Z+".contains(c);
    let reads =
        text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
    let whole = text.len() >= 16 && text.len() <= 32 && text.chars().all(plain);
    if whole && reads { Ok(()) } else { Err("it is no date and time") }
}

/// A plain word.
pub fn word(text: &str) -> Result<(), Wrong> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !text.is_empty() && text.len() <= 64 && text.chars().all(good) {
        Ok(())
    } else {
        Err("it is no plain word")
    }
}

/// Free text: no characters that steer anything, so many characters and lines.
pub fn text(text: &str, chars_max: usize, lines_max: usize) -> Result<(), Wrong> {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let ends = |c: &char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if text.chars().any(steers) {
        return Err("it holds control characters");
    }
    if text.chars().nth(chars_max).is_some() {
        return Err("it is too long");
    }
    let lines = 1 + text.chars().filter(ends).count();
    if lines > lines_max { Err("it has too many lines") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_words_and_texts() {
        for good in ["2026-03-04T10:00:00Z", "2026-03-05T14:30:00+01:00", "2026-03-06T10:00"] {
            assert!(time(good).is_ok(), "{good}");
        }
        for bad in ["tomorrow", "", "2026-03-04", "2026-13-04T10:00:00Z", "now; rm"] {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert!(word("next_visit").is_ok() && word("a b").is_err() && word("").is_err());
        assert!(text("a\nb", 10, 2).is_ok() && text("a\nb", 10, 1).is_err());
        assert!(text("a\u{2028}b", 10, 1).is_err() && text("a\0", 10, 1).is_err());
        assert!(text("äöü", 3, 1).is_ok() && text("äöüß", 3, 1).is_err());
    }
}
