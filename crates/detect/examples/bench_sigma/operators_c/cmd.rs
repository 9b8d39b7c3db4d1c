//! The operators of list C that rewrite what cmd reads.

use std::ops::Range;

use super::{put, runs};
use crate::operators::words;

/// Where a line of cmd says that a command follows.
fn cmd_switch(line: &str) -> Option<Range<usize>> {
    let is_switch = |text: &str| ["/c", "/k"].iter().any(|one| one.eq_ignore_ascii_case(text));
    if !runs(line, &["cmd"]) {
        return None;
    }
    words(line)
        .iter()
        .find(|word| is_switch(&line[word.start..word.end]))
        .map(|word| word.start..word.end)
}

/// The command that cmd runs, without the quotes around all of it.
///
/// None where it begins with a quote and has others too, or is one program's path: then cmd's
/// choice of the quotes that it drops may change with the edit.
fn cmd_body(line: &str) -> Option<Range<usize>> {
    let switch = cmd_switch(line)?;
    let end = line.trim_end().len();
    let start = end.checked_sub(line.get(switch.end..end)?.trim_start().len())?;
    let body = &line[start..end];
    if !body.starts_with('"') {
        return (!body.is_empty()).then_some(start..end);
    }
    let inner = body.strip_prefix('"')?.strip_suffix('"')?;
    let program = inner.to_ascii_lowercase().ends_with(".exe");
    (!inner.contains('"') && !program).then_some(start + 1..end - 1)
}

/// `cmd /?`: "/R is the same as /C for compatibility reasons".
pub fn other_switch(line: &str) -> Vec<String> {
    cmd_switch(line)
        .filter(|place| line[place.clone()].eq_ignore_ascii_case("/c"))
        .map(|place| put(line, &place, "/r"))
        .into_iter()
        .collect()
}

/// What stands after the letter of the switch is the command, with a space or without.
pub fn joined_switch(line: &str) -> Vec<String> {
    let Some(switch) = cmd_switch(line) else { return Vec::new() };
    let rest = line[switch.end..].trim_start();
    if rest.is_empty() { Vec::new() } else { vec![format!("{}{rest}", &line[..switch.end])] }
}

/// A group runs what is in it; nothing in it may close it early.
pub fn parentheses(line: &str) -> Vec<String> {
    let Some(place) = cmd_body(line) else { return Vec::new() };
    let body = &line[place.clone()];
    if body.contains(['(', ')']) || body.ends_with('^') {
        return Vec::new();
    }
    ["(", "(("]
        .iter()
        .map(|open| put(line, &place, &format!("{open}{body}{}", ")".repeat(open.len()))))
        .collect()
}

/// The command of a condition that holds is run.
pub fn true_condition(line: &str) -> Vec<String> {
    let Some(place) = cmd_body(line) else { return Vec::new() };
    ["if 1==1 ", "if not 1==2 ", "if defined comspec "]
        .iter()
        .map(|condition| put(line, &(place.start..place.start), condition))
        .collect()
}

/// cmd drops a caret outside quotes and takes the next character as it is.
///
/// Words of cmd's own grammar would be mere text then, and a variable would have another name.
pub fn carets(line: &str) -> Vec<String> {
    let Some(place) = cmd_body(line) else { return Vec::new() };
    let body = &line[place.clone()];
    let grammar = ["if", "for", "do", "in", "else", "not", "rem"];
    let lower = body.to_ascii_lowercase();
    let has_grammar = lower.split([' ', '&', '|', '(']).any(|word| grammar.contains(&word));
    if body.contains(['"', '%', '^']) || has_grammar {
        return Vec::new();
    }
    let letters = with_carets(body, |c| c.is_ascii_alphabetic());
    let signs = with_carets(body, |c| "-/.\\".contains(c));
    [letters, signs]
        .iter()
        .filter(|text| *text != body)
        .map(|text| put(line, &place, text))
        .collect()
}

/// The text with a caret before each character of a kind.
fn with_carets(text: &str, kind: fn(char) -> bool) -> String {
    text.chars()
        .flat_map(|c| kind(c).then_some('^').into_iter().chain(std::iter::once(c)))
        .collect()
}

/// With `/v:on`, cmd fills `!q!` in when it runs the command, after `set` has run.
pub fn delayed_variable(line: &str) -> Vec<String> {
    // What means something to cmd would be read once more.
    if line.contains(['"', '!', '%', '^', '|', '&', '<', '>', '(', ')']) {
        return Vec::new();
    }
    words(line)
        .into_iter()
        .filter(|word| word.end - word.start > 2)
        .take(15)
        .map(|word| {
            let (before, after) = (&line[..word.start], &line[word.end..]);
            let text = &line[word.start..word.end];
            format!("cmd /v:on /c \"set q={text}&&{before}!q!{after}\"")
        })
        .collect()
}

/// cmd takes redirections out of a command before it runs it, wherever they stand.
pub fn redirection_inside(line: &str) -> Vec<String> {
    let Some(place) = cmd_body(line) else { return Vec::new() };
    let body = &line[place.clone()];
    let words = words(body);
    let text = |at: usize| words.get(at).map_or("", |word| &body[word.start..word.end]);
    let own =
        ["if", "for", "set", "rem", "echo"].iter().any(|one| one.eq_ignore_ascii_case(text(0)));
    if own || body.contains("2>") {
        return Vec::new();
    }
    let inside = words.windows(2).filter_map(|pair| {
        let before = &body[..pair[0].end];
        (!before.ends_with(['<', '>', '^']))
            .then(|| format!("{before} 2>nul {}", &body[pair[1].start..]))
    });
    std::iter::once(format!("2>nul {body}"))
        .chain(inside)
        .take(15)
        .map(|text| put(line, &place, &text))
        .collect()
}
