//! Text from outside: names of packages and machines, lines of logs, words of feeds. On a page it
//! is text and nothing else, and it looks like what it is.
//!
//! Markup is escaped as everywhere. Beyond that, characters that are not seen or that turn the
//! direction of their neighbours are shown by their number, heaps of combining marks are cut, and
//! what is longer than a limit ends with how much is missing.

use maud::{Markup, PreEscaped, Render, html};

use crate::limits;

/// The most combining marks on one character; real writing needs fewer.
const MARKS_MAX: usize = 3;

/// Text from outside.
#[derive(Clone, Copy, Debug)]
pub struct Foreign<'a>(pub &'a str);

impl Render for Foreign<'_> {
    fn render(&self) -> Markup {
        shown(self.0, limits::FOREIGN_CHARS_MAX)
    }
}

/// Text from outside where there is little room, such as one line of a list.
#[derive(Clone, Copy, Debug)]
pub struct Short<'a>(pub &'a str);

impl Render for Short<'_> {
    fn render(&self) -> Markup {
        shown(self.0, limits::FOREIGN_LINE_CHARS_MAX)
    }
}

fn shown(text: &str, chars_max: usize) -> Markup {
    let mut parts: Vec<Markup> = Vec::new();
    let mut plain = String::new();
    let mut marks = 0;
    let mut count = 0;
    let mut characters = text.chars().take(chars_max).peekable();
    while let Some(character) = characters.next() {
        count += 1;
        marks = if is_mark(character) { marks + 1 } else { 0 };
        if is_unseen(character) || marks > MARKS_MAX {
            let mut times = 1;
            while characters.next_if_eq(&character).is_some() {
                times += 1;
            }
            count += times - 1;
            parts.push(html! { (std::mem::take(&mut plain)) });
            parts.push(by_number(character, times));
        } else {
            plain.push(character);
        }
    }
    let missing = text.chars().count().saturating_sub(count);
    html! {
        // Isolated, so that its writing direction ends where it ends.
        bdi {
            @for part in parts { (part) }
            (plain)
            @if missing > 0 { span.ctl { "… " (missing) " more characters" } }
        }
    }
}

fn by_number(character: char, times: usize) -> Markup {
    let number = format!("U+{:04X}", u32::from(character));
    html! { span.ctl { (number) @if times > 1 { " ×" (times) } } }
}

/// Whether a character is not seen, breaks lines, or steers its neighbours: control and format
/// characters, bidirectional marks, tags, variation selectors, fillers.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}'
            | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a character is drawn onto the one before it.
fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036f}' | '\u{0483}'..='\u{0489}' | '\u{0591}'..='\u{05bd}'
        | '\u{0610}'..='\u{061a}' | '\u{064b}'..='\u{065f}' | '\u{0e31}' | '\u{0e34}'..='\u{0e3a}'
        | '\u{0e47}'..='\u{0e4e}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{a66f}'..='\u{a672}' | '\u{fe20}'..='\u{fe2f}')
}

/// The same for places that hold plain text only, such as titles and messages.
pub fn plain(text: &str) -> String {
    let shown = |c: char| if is_unseen(c) { '\u{fffd}' } else { c };
    text.chars().take(limits::FOREIGN_CHARS_MAX).map(shown).collect()
}

/// A reference: a link only where it is one to a page on the web, else text.
pub fn reference(text: &str) -> Markup {
    let shown = Foreign(text);
    let safe = |c: char| !is_unseen(c) && !c.is_whitespace() && c != '"' && c != '\'';
    let web = text.starts_with("https://") && text.len() < 2_048 && text.chars().all(safe);
    if web {
        html! { a href=(text) rel="noreferrer noopener nofollow" { (shown) } }
    } else {
        html! { (shown) }
    }
}

/// Markup that is known to be good: it is in the program.
pub fn own(markup: &'static str) -> Markup {
    PreEscaped(markup.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Foreign(text).render().into_string()
    }

    #[test]
    fn a_line_of_a_list_is_cut_earlier() {
        let line = Short(&"x".repeat(1_000)).render().into_string();
        assert!(line.len() < 300 && line.contains("840 more characters"), "{line}");
    }

    #[test]
    fn markup_is_text() {
        let text = shown("<script>alert(1)</script>\" onload='x'");
        assert!(!text.contains("<script") && text.contains("&lt;script&gt;"), "{text}");
        assert!(!text.contains('"') || text.contains("&quot;"), "{text}");
    }

    #[test]
    fn what_is_not_seen_is_shown_by_its_number() {
        assert_eq!(
            shown("a\u{202e}b\u{1b}[31m"),
            "<bdi>a<span class=\"ctl\">U+202E</span>b<span class=\"ctl\">U+001B</span>[31m</bdi>"
        );
        assert_eq!(shown("käse 🧀"), "<bdi>käse 🧀</bdi>");
    }

    #[test]
    fn heaps_of_marks_and_endless_text_are_cut() {
        let heap = format!("z{}", "\u{0301}".repeat(50));
        assert!(shown(&heap).contains("U+0301 ×47"), "{}", shown(&heap));
        let long = shown(&"x".repeat(100_000));
        assert!(long.len() < 1_000 && long.contains("99400 more characters"), "{}", long.len());
    }

    #[test]
    fn only_web_addresses_become_links() {
        let is_link = |text: &str| reference(text).into_string().contains("href");
        assert!(is_link("https://security-tracker.example/CVE-2026-1"));
        for text in [
            "javascript:alert(1)",
            "data:text/html,x",
            "http://x.example",
            "https://a b",
            "https://x.example/\u{202e}",
            " https://x.example",
        ] {
            assert!(!is_link(text), "{text}");
        }
    }
}
