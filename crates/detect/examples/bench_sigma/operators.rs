//! What an edit of a command line is: the shared part of the lists of operators.
//!
//! An operator rewrites a command line so that it still does the same, and gives every result of
//! one application: an attacker picks the place that works, so a match counts as lost if any of
//! the results loses it.

/// The most results of one operator on one line.
const VARIANTS_MAX: usize = 16;

/// One kind of edit.
pub struct Operator {
    /// A short name for the table.
    pub name: &'static str,
    /// What it does and why the line still does the same.
    pub what: &'static str,
    /// All results of one application; none where the operator does not apply.
    pub edit: fn(&str) -> Vec<String>,
}

/// A word of a command line, as a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub start: usize,
    pub end: usize,
    /// Whether any part of it stands in double quotes.
    pub quoted: bool,
}

/// The words of a line: white space separates, except between double quotes.
pub fn words(line: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut start = None;
    let (mut inside, mut quoted) = (false, false);
    for (at, c) in line.char_indices() {
        if c == '"' {
            inside = !inside;
            quoted = true;
        }
        if c.is_whitespace() && !inside {
            if let Some(start) = start.take() {
                found.push(Word { start, end: at, quoted });
            }
            quoted = false;
        } else if start.is_none() {
            start = Some(at);
        }
    }
    if let Some(start) = start {
        found.push(Word { start, end: line.len(), quoted });
    }
    found
}

/// Applies `edit` to each of the words alone, and to all of them together. The first argument of
/// `edit` is the place of the word in the line.
pub fn each_word(line: &str, edit: impl Fn(usize, &str, Word) -> Option<String>) -> Vec<String> {
    let words = words(line);
    let edits: Vec<(Word, String)> = words
        .iter()
        .enumerate()
        .filter_map(|(place, word)| {
            edit(place, &line[word.start..word.end], *word).map(|text| (*word, text))
        })
        .collect();
    let mut results: Vec<String> = edits
        .iter()
        .take(VARIANTS_MAX - 1)
        .map(|(word, text)| format!("{}{text}{}", &line[..word.start], &line[word.end..]))
        .collect();
    if edits.len() > 1 {
        let mut all = line.to_owned();
        for (word, text) in edits.iter().rev() {
            all.replace_range(word.start..word.end, text);
        }
        results.push(all);
    }
    results
}

/// Replaces each gap between two words alone, and all of them together.
pub fn each_gap(line: &str, gap: &str) -> Vec<String> {
    let words = words(line);
    let gaps: Vec<(usize, usize)> =
        words.windows(2).map(|pair| (pair[0].end, pair[1].start)).collect();
    let mut results: Vec<String> = gaps
        .iter()
        .take(VARIANTS_MAX - 1)
        .map(|(start, end)| format!("{}{gap}{}", &line[..*start], &line[*end..]))
        .collect();
    if gaps.len() > 1 {
        let mut all = line.to_owned();
        for (start, end) in gaps.iter().rev() {
            all.replace_range(*start..*end, gap);
        }
        results.push(all);
    }
    results
}

/// Whether the line starts PowerShell somewhere.
pub fn is_powershell(line: &str) -> bool {
    let lower = line.to_lowercase();
    lower.contains("powershell") || lower.contains("pwsh")
}

/// Whether a word looks like encoded data, whose letters may not change.
pub fn is_data(word: &str) -> bool {
    word.len() >= 24 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
}
