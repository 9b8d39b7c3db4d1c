//! What a command line says once its disguise is taken off.
//!
//! Nine in ten rule matches can be lost to one edit of the command line that changes nothing of
//! what it does: a caret, a pair of quotes, another dash, a longer form of the same path. So a rule
//! is not only asked of the line as it was logged but also of its canonical view: the words in
//! lower case, each in one agreed form and in a frame that shows where it begins and ends. The same
//! is done to the texts that a rule looks for ([`needle`]), so that both sides meet in the same
//! form.
//!
//! | stage | file | undoes |
//! |---|---|---|
//! | expressions | `expressions`, `signs`, `values` | constant expressions of PowerShell: joined, formatted, by number, replaced, cut |
//! | characters | `characters` | fullwidth and look-alike letters, characters of no width, dashes, quotes, carets, backticks, pieces joined by `+` |
//! | variables | `variables` | `%name%`, `%name:~1,2%`, `$env:name`, `${IFS}`, variables that the line itself sets, loops over one word |
//! | paths | `paths` | slashes, `\.\`, `\x\..\`, `\\?\`, this machine's own shares, short names, addresses as numbers, `%41` in a URL |
//! | words | `words` | white space, switch signs, `.exe`, forms of PowerShell parameters, other names of cmdlets, encoded commands |
//! | commands | `commands` | separators of `cmd`, commands inside and beside others |
//!
//! Each undoing that has no everyday use is counted in [`Marks`]: the sign "obfuscation present".
//! The view is weaker than the text, so what matched only there is marked so in the match.

mod characters;
mod commands;
mod expressions;
mod paths;
mod signs;
mod values;
mod variables;
mod words;

use characters::clean;
use words::word;

/// The longest text that a view is made of, in bytes; the rest is not looked at.
const TEXT_BYTES_MAX: usize = 64 << 10;
/// How deep commands inside encoded commands are followed.
const DEPTH_MAX: u8 = 2;

/// What frames words and lines in a view; none of them can stand in a cleaned text.
const WORD_START: char = '\u{2}';
const WORD_END: char = '\u{3}';
const LINE_START: char = '\r';
const LINE_END: char = '\n';

/// What kind of text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// A command line: its first word is a program.
    CommandLine,
    /// A script.
    Script,
}

/// How often each disguise was taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Carets, backticks and quotes inside a word.
    pub split_words: u16,
    /// Letters from elsewhere that look or work like ASCII, and characters of no width.
    pub foreign_letters: u16,
    /// Dashes other than `-` before a switch.
    pub odd_dashes: u16,
    /// Variables cut into pieces, and variables that the line itself sets.
    pub cut_variables: u16,
    /// Text in pieces, as numbers of characters, or encoded.
    pub hidden_text: u16,
    /// Detours in a path.
    pub detours: u16,
}

impl Marks {
    /// All of them together.
    pub fn count(&self) -> u32 {
        [
            self.split_words,
            self.foreign_letters,
            self.odd_dashes,
            self.cut_variables,
            self.hidden_text,
            self.detours,
        ]
        .into_iter()
        .map(u32::from)
        .sum()
    }
}

/// The canonical view of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The words, each in its frame, and after them how many there are.
    pub text: String,
    /// The characters after the first stage only: case, paths and variables as they were written.
    pub plain: String,
    /// What was taken off.
    pub marks: Marks,
}

/// The canonical view of `text`.
pub fn view(text: &str, kind: Text) -> View {
    let mut marks = Marks::default();
    let evaluated = expressions::evaluated(cut(text), &mut marks);
    let plain = clean(&evaluated, &mut marks);
    let text = say(&plain, kind, 0, &mut marks);
    View { text, plain, marks }
}

/// Whether a script is worth a view: most are not disguised, and they are long.
pub fn is_disguised(script: &str) -> bool {
    let bytes = script.as_bytes();
    let odd = |at: usize| {
        let (before, after) = (bytes.get(at.wrapping_sub(1)), bytes.get(at + 1));
        match bytes.get(at) {
            Some(b'`') => {
                before.is_some_and(u8::is_ascii_alphanumeric)
                    && after.is_some_and(u8::is_ascii_alphanumeric)
            }
            Some(b'+') => {
                matches!(before, Some(b'\'' | b'"' | b' ' | b')'))
                    && matches!(after, Some(b'\'' | b'"' | b' ' | b'[' | b'('))
            }
            Some(byte) => !byte.is_ascii(),
            None => false,
        }
    };
    let candidates = bytes.iter().enumerate().take(TEXT_BYTES_MAX);
    candidates
        .filter(|(_, byte)| matches!(byte, b'`' | b'+') || !byte.is_ascii())
        .any(|(at, _)| odd(at))
}

/// Where a text that a rule looks for may stand in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// It begins the value.
    pub start: bool,
    /// It ends the value.
    pub end: bool,
}

/// What must stand in a view for a rule's text to be there: each of these, in any order, as
/// arguments can be put in another order too; only a switch and its value, and short words with the
/// next one, stay together. `None` where the view has lost what the text is about, such as a rule
/// that looks for carets: only the text as logged can then answer.
///
/// `powershell` says that the rule is about PowerShell, whose parameters have many short forms; so
/// is a text with several of them. A switch that a rule writes with a slash is one of another
/// program.
pub fn needle(text: &str, anchors: Anchors, powershell: bool) -> Option<Vec<String>> {
    let mut marks = Marks::default();
    let plain = clean(text, &mut marks).to_lowercase();
    if marks.count() > 0 || text.contains(['^', '`']) {
        return None;
    }
    let raw: Vec<&str> = plain.split_whitespace().collect();
    let last = raw.len().checked_sub(1)?;
    let powershell = powershell || raw.iter().filter(|raw| words::is_parameter(raw)).count() > 1;
    let starts_open = !anchors.start && !plain.starts_with(' ') && !plain.starts_with(['-', '/']);
    let ends_open = !anchors.end
        && !plain.ends_with(' ')
        && !raw.last().is_some_and(|word| words::has_extension(word));
    let mut found: Vec<String> = Vec::new();
    let mut joins = false;
    for (place, raw) in raw.iter().enumerate() {
        let edges =
            Edges {
                start: (place > 0 || !starts_open)
                    .then_some(if place > 0 || !plain.starts_with(' ') { "" } else { " " }),
                end: (place < last || !ends_open)
                    .then_some(if place == last && plain.ends_with(' ') { " " } else { "" }),
            };
        let powershell = powershell && !raw.starts_with('/');
        // The view drops what separates words; what a text begins with may have been one.
        let raw = if place == 0 { raw.trim_start_matches(words::SEPARATORS) } else { raw };
        let text = word(raw, powershell, edges, &mut Marks::default());
        if text.is_empty() {
            return None;
        }
        let pattern = edges.frame(&text);
        let is_switch = text.starts_with('-');
        match found.last_mut().filter(|_| joins && !is_switch) {
            Some(before) => {
                before.push(' ');
                before.push_str(&pattern);
            }
            None => found.push(pattern),
        }
        joins = is_switch || letters(&text) < 4;
    }
    if anchors.start {
        found.first_mut()?.insert(0, LINE_START);
    }
    if anchors.end {
        found.last_mut()?.push(LINE_END);
    }
    if anchors.start && anchors.end {
        found.push(format!("{LINE_END}{} ", raw.len()));
    }
    Some(found)
}

/// How the ends of a word in a rule's text meet the word in a view: `None` where more of the word
/// may stand there, else what must stand outside of it.
#[derive(Clone, Copy, Debug)]
struct Edges {
    start: Option<&'static str>,
    end: Option<&'static str>,
}

/// A whole word.
const WHOLE: Edges = Edges { start: Some(""), end: Some("") };

impl Edges {
    fn frame(self, text: &str) -> String {
        let mut framed = String::with_capacity(text.len() + 4);
        if let Some(outside) = self.start {
            framed.push_str(outside);
            framed.push(WORD_START);
        }
        framed.push_str(text);
        if let Some(outside) = self.end {
            framed.push(WORD_END);
            framed.push_str(outside);
        }
        framed
    }
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Whether patterns say enough to be looked for in any order: two letters or digits, or one that
/// begins a word. Such a text says as little in the line as it was logged.
pub fn is_telling<'a>(patterns: impl IntoIterator<Item = &'a str>) -> bool {
    patterns.into_iter().any(|pattern| {
        let needed = if pattern.contains(WORD_START) { 1 } else { 2 };
        letters(pattern) >= needed
    })
}

/// A pattern without what frames its words at its ends: a text that stands in every view that the
/// pattern stands in.
pub fn core(pattern: &str) -> &str {
    pattern.trim_matches([' ', WORD_START, WORD_END, LINE_START, LINE_END])
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The view's text of one command, and of what it encodes.
fn say(plain: &str, kind: Text, depth: u8, marks: &mut Marks) -> String {
    let written = plain.to_lowercase();
    let lower = variables::replaced(&written, marks);
    let powershell = kind == Text::Script || words::starts_powershell(&lower);
    let mut said = String::with_capacity(lower.len() * 2 + 32);
    let count = lower.split_whitespace().count();
    for (place, raw) in lower.split_whitespace().enumerate() {
        let text = word(raw, powershell, WHOLE, marks);
        if place == 0 && kind == Text::CommandLine {
            if let Some(other) = other_program(&text) {
                push_program(&mut said, &other, count);
                // What follows the program also stands behind its other form.
                if let Some(second) = lower.split_whitespace().nth(1) {
                    said.push(' ');
                    let second = word(second, powershell, WHOLE, &mut Marks::default());
                    said.push_str(&WHOLE.frame(&second));
                }
            }
            push_program(&mut said, &text, count);
        } else {
            said.push(' ');
            said.push_str(&WHOLE.frame(&text));
        }
    }
    said.push(LINE_END);
    said.push_str(&count.to_string());
    said.push(' ');
    if powershell {
        push_short(&mut said, &lower);
        push_names(&mut said, &lower);
    }
    if kind == Text::CommandLine && depth < DEPTH_MAX {
        for inner in commands::inside(&lower) {
            said.push(' ');
            said.push_str(&say(&inner, kind, depth + 1, &mut Marks::default()));
        }
    }
    // White space at the end of a line is gone from its words, and a rule may look for it: to be
    // sure that a word ends. A command that was decoded ends where its text does.
    if lower.ends_with(' ') || (kind == Text::Script && depth > 0) {
        push_end(&mut said, &lower, powershell);
    }
    if lower != written {
        push_written(&mut said, &written, powershell);
    }
    push_shares(&mut said, &lower);
    if powershell
        && depth < DEPTH_MAX
        && let Some(inner) = words::encoded_command(plain)
    {
        marks.hidden_text = marks.hidden_text.saturating_add(1);
        let inner = expressions::evaluated(cut(&inner), marks).into_owned();
        let inner = clean(&inner, marks);
        said.push(' ');
        said.push_str(&WHOLE.frame("-command"));
        said.push_str(&say(&inner, Text::Script, depth + 1, marks));
    }
    said
}

/// The last words once more, with something behind them.
fn push_end(said: &mut String, lower: &str, powershell: bool) {
    let mut last: Vec<&str> = lower.split_whitespace().rev().take(2).collect();
    last.reverse();
    for raw in last {
        said.push(' ');
        said.push_str(&WHOLE.frame(&word(raw, powershell, WHOLE, &mut Marks::default())));
    }
    said.push(' ');
}

/// Parameters of PowerShell also stay in the form in which they were written: not every rule says
/// that it is about PowerShell.
fn push_short(said: &mut String, lower: &str) {
    let form = |raw, powershell| word(raw, powershell, WHOLE, &mut Marks::default());
    if lower.split_whitespace().all(|raw| form(raw, true) == form(raw, false)) {
        return;
    }
    for raw in lower.split_whitespace() {
        said.push(' ');
        said.push_str(&WHOLE.frame(&form(raw, false)));
    }
}

/// Cmdlets also stand under their other names, and values that a colon joins to their parameter by
/// themselves.
fn push_names(said: &mut String, lower: &str) {
    for raw in lower.split_whitespace() {
        for name in words::names(raw) {
            said.push(' ');
            said.push_str(&WHOLE.frame(name));
        }
        if let Some((parameter, value)) = words::joined_value(raw) {
            for part in [parameter, value] {
                said.push(' ');
                said.push_str(&WHOLE.frame(&word(part, true, WHOLE, &mut Marks::default())));
            }
        }
    }
}

/// Words with variables also stay as they were written: some rules look for the variable.
fn push_written(said: &mut String, written: &str, powershell: bool) {
    for raw in written.split_whitespace().filter(|raw| raw.contains(['%', '$', '!'])) {
        said.push(' ');
        said.push_str(&WHOLE.frame(&word(raw, powershell, WHOLE, &mut Marks::default())));
    }
}

/// Shares of this machine also stay as they were written: some rules look for the share.
fn push_shares(said: &mut String, lower: &str) {
    let is_share = |raw: &&str| raw.contains("$\\") || raw.contains("$/");
    for raw in lower.split_whitespace().filter(is_share) {
        said.push(' ');
        said.push_str(&WHOLE.frame(&raw.replace('/', "\\")));
    }
}

/// A cleaned line as expressions may look for it: without the extension of programs, and with all
/// switches behind a slash, then with all behind a dash.
pub fn switched(plain: &str) -> [String; 2] {
    ['/', '-'].map(|sign| {
        let mut line = String::with_capacity(plain.len());
        for raw in plain.split(' ') {
            if !line.is_empty() {
                line.push(' ');
            }
            let stem = raw.len().checked_sub(4).and_then(|at| raw.split_at_checked(at));
            let raw = match stem {
                Some((stem, end)) if end.eq_ignore_ascii_case(".exe") => stem,
                _ => raw,
            };
            match words::switch(raw) {
                Some(name) => {
                    line.push(sign);
                    line.push_str(name);
                }
                None => line.push_str(raw),
            }
        }
        line
    })
}

fn push_program(said: &mut String, program: &str, count: usize) {
    said.push(LINE_START);
    said.push_str(&WHOLE.frame(program));
    if count == 1 {
        said.push(LINE_END);
    }
}

/// The other form of the program that begins a line: with the folder where Windows keeps its own
/// if it has none, without its folder if it has one.
fn other_program(program: &str) -> Option<String> {
    match program.rsplit_once('\\') {
        Some((_, name)) => (!name.is_empty()).then(|| name.to_owned()),
        None => Some(format!("c:\\windows\\system32\\{program}")),
    }
}

#[cfg(test)]
mod tests;
