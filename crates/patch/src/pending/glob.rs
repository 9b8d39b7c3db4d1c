//! Shell patterns, as `fnmatch(3)` reads them without flags but for case: `*`, `?`, `[a-z]`,
//! `[!a]` and `\` before a character.

use crate::limits;

/// Whether a whole text matches a pattern, where case has no weight (ASCII).
pub(super) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    matches(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase())
}

/// Whether a whole text matches a pattern. A pattern over the limit matches nothing.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    if pattern.len() > limits::PATTERN_BYTES_MAX {
        return false;
    }
    // The place after the last star, and the text it was tried at: going back there is enough.
    let mut retry: Option<(&str, &str)> = None;
    let (mut pattern, mut text) = (pattern, text);
    loop {
        if let Some(rest) = pattern.strip_prefix('*') {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        if let Some((rest_pattern, rest_text)) = match_one(pattern, text) {
            (pattern, text) = (rest_pattern, rest_text);
        } else if pattern.is_empty() && text.is_empty() {
            return true;
        } else {
            let Some((after_star, tried)) = retry else { return false };
            let mut chars = tried.chars();
            if chars.next().is_none() {
                return false;
            }
            retry = Some((after_star, chars.as_str()));
            (pattern, text) = (after_star, chars.as_str());
        }
    }
}

/// Matches one character: the rests of the pattern and of the text.
fn match_one<'p, 't>(pattern: &'p str, text: &'t str) -> Option<(&'p str, &'t str)> {
    let mut wanted = pattern.chars();
    let mut there = text.chars();
    let (first, found) = (wanted.next()?, there.next()?);
    let rest = match first {
        '?' => wanted.as_str(),
        '\\' => {
            let literal = wanted.next()?;
            if literal != found {
                return None;
            }
            wanted.as_str()
        }
        '[' => match class(wanted.as_str(), found) {
            Some((true, rest)) => rest,
            // A bracket that is never closed stands for itself.
            None if found == '[' => wanted.as_str(),
            Some((false, _)) | None => return None,
        },
        literal if literal == found => wanted.as_str(),
        _ => return None,
    };
    Some((rest, there.as_str()))
}

/// Whether a character is in the class that begins here, and what follows the class.
fn class(text: &str, found: char) -> Option<(bool, &str)> {
    let negated = text.starts_with(['!', '^']);
    let mut chars = text.chars();
    if negated {
        chars.next();
    }
    let mut inside = false;
    let mut first = true;
    loop {
        let low = chars.next()?;
        if low == ']' && !first {
            return Some((inside != negated, chars.as_str()));
        }
        first = false;
        let mut ahead = chars.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                chars = ahead;
                high
            }
            _ => low,
        };
        inside |= (low..=high).contains(&found);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("lib*ssl*", "libopenssl3", true),
            ("lib*ssl", "libssl3", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]x]", "]", true),
            ("[ab", "[ab", true),
            ("\\*", "*", true),
            ("\\*", "x", false),
            ("a*b*c", "aXbXbXc", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
        assert!(matches_ignoring_case("DEBIAN*", "debian-security"));
    }

    proptest! {
        #[test]
        fn a_text_matches_itself_and_no_pattern_panics(text in "[a-z0-9+.-]{0,20}", any in "\\PC*") {
            prop_assert!(matches(&text, &text));
            let around = format!("*{text}*");
            prop_assert!(matches(&around, &text));
            let _ = matches(&any, &text);
        }
    }
}
