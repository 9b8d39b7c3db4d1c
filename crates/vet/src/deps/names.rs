//! Package names that are nearly those of others (typosquats), and names that sound right and are
//! not known (such as language models invent).
//!
//! Two lists stand behind it. A short one of the packages that are imitated (PyPI's by this
//! project, npm's by downloads) is what a name is compared with, as PyPI does (case, `-`, `_` and
//! `.` are one). A compact filter of some twenty-three thousand names says what is known to be
//! good: such a name is never told, however near it is to another. A name that is far from all of
//! them is simply not known here.

use super::filter;
use crate::remark::{Remark, Weight};

const KNOWN: &str = include_str!("known.txt");
const KNOWN_NPM: &str = include_str!("known_npm.txt");
const FILTER: &[u8] = include_bytes!("names.filter");
/// Characters of a name that are compared; no package has a longer one.
const NAME_CHARS_MAX: usize = 100;

const NEXT: &str = "check the name letter by letter on the package's own page before installing";
const NEXT_INVENTED: &str = "look whether the package exists, who publishes it and since when; a \
                             name that a model made up may be taken by anybody";

/// How a name differs from a known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    /// Letters that look alike.
    LookAlike,
    /// The same words, put together differently.
    Separator,
    /// A slip of the fingers: a neighbour on the keyboard, two letters turned, one lost or doubled.
    Typing,
    /// One letter, or two of a long name.
    Near,
    /// The name with a word before or after it.
    Dressed,
}

/// What is to be said of the name of a package of PyPI.
pub fn judge(name: &str, at: usize) -> Option<Remark> {
    judged(&normal(name), name, at, "PyPI", KNOWN)
}

/// What is to be said of the name of a package of npm.
pub fn judge_npm(name: &str, at: usize) -> Option<Remark> {
    judged(&name.trim().to_lowercase(), name, at, "npm", KNOWN_NPM)
}

fn judged(
    plain: &str,
    name: &str,
    at: usize,
    ecosystem: &str,
    imitated: &'static str,
) -> Option<Remark> {
    if plain.chars().count() > NAME_CHARS_MAX || is_known(plain, ecosystem, imitated) {
        return None;
    }
    let near = imitated
        .split_whitespace()
        .filter_map(|known| Some((slip(plain, known)?, known)))
        .min_by_key(|(slip, _)| *slip as u8);
    let Some((slip, known)) = near else { return invented(plain, name, at) };
    let (weight, how) = match slip {
        Slip::LookAlike => (Weight::Suspicious, "looks like"),
        Slip::Separator => (Weight::Suspicious, "is, but for its hyphens,"),
        Slip::Typing => (Weight::Suspicious, "is a slip of the fingers away from"),
        Slip::Near => (Weight::Note, "is nearly"),
        Slip::Dressed => (Weight::Note, "dresses up as"),
    };
    let why = format!("the name {how} `{known}`, which far more people use");
    Some(Remark::new("deps.typosquat", weight, at, why, name, NEXT))
}

/// Names that people trust.
const BRANDS: [&str; 24] = [
    "anthropic",
    "azure",
    "bedrock",
    "chatgpt",
    "claude",
    "cuda",
    "deepseek",
    "gemini",
    "gpt",
    "huggingface",
    "keras",
    "langchain",
    "llama",
    "mistral",
    "numpy",
    "onnx",
    "openai",
    "pandas",
    "pytorch",
    "sklearn",
    "tensorflow",
    "torch",
    "transformers",
    "vllm",
];
/// Words that mean nothing by themselves.
const WORDS: [&str; 34] = [
    "api",
    "async",
    "auto",
    "client",
    "cli",
    "connector",
    "core",
    "easy",
    "enhanced",
    "extra",
    "extras",
    "fast",
    "gpu",
    "helper",
    "helpers",
    "integration",
    "kit",
    "lib",
    "official",
    "plus",
    "pro",
    "py",
    "python",
    "quick",
    "sdk",
    "simple",
    "suite",
    "toolkit",
    "tool",
    "tools",
    "util",
    "utilities",
    "utils",
    "wrapper",
];

/// A name that is put together of a well-known brand and words that mean nothing by themselves.
fn invented(plain: &str, name: &str, at: usize) -> Option<Remark> {
    let parts: Vec<&str> = plain.split(['-', '/', '@']).filter(|part| !part.is_empty()).collect();
    let branded = parts.iter().any(|part| BRANDS.contains(part));
    let plain_words = parts.iter().all(|part| BRANDS.contains(part) || WORDS.contains(part));
    (parts.len() >= 2 && branded && plain_words).then(|| {
        let why = "it sounds like a package that should exist, and is not one that many people use";
        Remark::new("deps.invented_name", Weight::Weakness, at, why, name, NEXT_INVENTED)
    })
}

/// PEP 503.
fn normal(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().to_lowercase().chars() {
        let c = if matches!(c, '_' | '.') { '-' } else { c };
        if c != '-' || !out.ends_with('-') {
            out.push(c);
        }
    }
    out
}

fn is_known(name: &str, ecosystem: &str, imitated: &str) -> bool {
    filter::holds(FILTER, ecosystem, name) || imitated.split_whitespace().any(|k| k == name)
}

fn slip(name: &str, known: &str) -> Option<Slip> {
    if skeleton(name) == skeleton(known) {
        return Some(Slip::LookAlike);
    }
    let joined = |text: &str| text.replace('-', "");
    if known.len() >= 5 && joined(name) == joined(known) {
        return Some(Slip::Separator);
    }
    let (a, b): (Vec<char>, Vec<char>) = (name.chars().collect(), known.chars().collect());
    if b.len() < 5 || a.len().abs_diff(b.len()) > 2 {
        return dressed(name, known);
    }
    match distance(&a, &b) {
        1 if is_typing(&a, &b) => Some(Slip::Typing),
        1 => Some(Slip::Near),
        2 if b.len() >= 9 => Some(Slip::Near),
        _ => dressed(name, known),
    }
}

fn dressed(name: &str, known: &str) -> Option<Slip> {
    const WORDS: [&str; 10] =
        ["python", "py", "py3", "lib", "official", "nightly", "fixed", "pro", "free", "update"];
    let rest = name.strip_suffix(known).map(|rest| rest.trim_end_matches('-'));
    let rest = rest.or_else(|| name.strip_prefix(known).map(|rest| rest.trim_start_matches('-')));
    rest.filter(|rest| known.len() >= 5 && WORDS.contains(rest)).map(|_| Slip::Dressed)
}

/// The letters as they look: `1` and `l` and `i` are one, so are `0` and `o`, `rn` and `m`.
fn skeleton(name: &str) -> String {
    let one = |c: char| match c {
        '0' | 'о' | 'ο' => 'o',
        '1' | 'l' | 'і' | 'ι' => 'i',
        '5' => 's',
        'а' | 'α' => 'a',
        'е' | 'ε' => 'e',
        'с' => 'c',
        'р' | 'ρ' => 'p',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        'т' | 'τ' => 't',
        'к' | 'κ' => 'k',
        'н' => 'h',
        c => c,
    };
    name.chars().map(one).collect::<String>().replace("rn", "m").replace("vv", "w")
}

/// Damerau-Levenshtein (optimal string alignment): insertions, losses, other letters, turned pairs.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, j) + usize::from(x != y))
                .min(cell(&last, j + 1) + 1)
                .min(cell(&row, j) + 1);
            let turned = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if turned {
                best = best.min(cell(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

/// Whether the one difference is one that fingers make.
fn is_typing(a: &[char], b: &[char]) -> bool {
    let start = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    match a.len().cmp(&b.len()) {
        // One letter was lost.
        std::cmp::Ordering::Less => true,
        // One letter came in: fingers double the one before or after it.
        std::cmp::Ordering::Greater => {
            let more = a.get(start);
            more.is_some() && (more == a.get(start + 1) || start > 0 && more == a.get(start - 1))
        }
        std::cmp::Ordering::Equal => match (a.get(start), b.get(start)) {
            (Some(x), Some(y)) => {
                a.get(start + 1) == Some(y) || are_neighbours(*x, *y) || are_vowels(*x, *y)
            }
            _ => false,
        },
    }
}

/// Vowels are mistaken for each other by ear.
fn are_vowels(a: char, b: char) -> bool {
    let vowel = |c: char| "aeiouy".contains(c);
    vowel(a) && vowel(b)
}

fn are_neighbours(a: char, b: char) -> bool {
    const ROWS: [&str; 4] = ["1234567890-", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let place = |c: char| {
        let at = |(row, keys): (usize, &&str)| keys.find(c).map(|column| (row, column));
        ROWS.iter().enumerate().find_map(at)
    };
    match (place(a), place(b)) {
        (Some((r1, c1)), Some((r2, c2))) => r1.abs_diff(r2) <= 1 && c1.abs_diff(c2) <= 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(name: &str) -> Option<Weight> {
        judge(name, 1).map(|remark| remark.weight)
    }

    #[test]
    fn known_names_are_never_told() {
        let known: Vec<&str> = KNOWN.split_whitespace().collect();
        for name in &known {
            assert_eq!(weight(name), None, "{name}");
        }
        assert_eq!(weight("Scikit_Learn"), None);
        assert_eq!(weight("scikit.learn"), None);
        let mut sorted = known.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), known.len(), "a name is there twice");
    }

    #[test]
    fn slips_of_the_fingers_and_look_alikes_are_suspicious() {
        for name in [
            "tenserflow",
            "tensorfow",
            "tensroflow",
            "reqeusts",
            "panddas",
            "nunpy",
            "pytorchlightning",
            "trensformers",
            "transfomers",
            "huggingface-hun",
            "scikitlearn",
            "open-ai-whisper",
            "t0rch",
            "matplot1ib",
            "1angchain",
            "langchian",
            "xgbosot",
            "kerras",
        ] {
            assert_eq!(weight(name), Some(Weight::Suspicious), "{name}");
        }
    }

    #[test]
    fn the_filter_is_made_of_the_lists() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/names");
        let read = |file: &str| std::fs::read_to_string(format!("{folder}/{file}")).unwrap();
        let (pypi, npm) = (read("pypi.txt"), read("npm.txt"));
        let of = |ecosystem, list: &'static str| list.lines().map(move |name| (ecosystem, name));
        let (pypi, npm): (&'static str, &'static str) = (pypi.leak(), npm.leak());
        let names: Vec<_> = of("PyPI", pypi).chain(of("npm", npm)).collect();
        assert!(filter::build(names.into_iter()) == FILTER, "run `cargo xtask names`");
    }

    #[test]
    fn names_of_npm_and_names_that_sound_right() {
        assert_eq!(judge_npm("openai", 1), None);
        assert_eq!(judge_npm("opena1", 1).unwrap().weight, Weight::Suspicious);
        assert_eq!(judge_npm("loadsh", 1).unwrap().weight, Weight::Suspicious);
        assert_eq!(weight("openai-helper-utils"), Some(Weight::Weakness));
        assert_eq!(judge("openai-helper-utils", 1).unwrap().rule, "deps.invented_name");
        assert_eq!(weight("acme-torch-models"), None);
    }

    #[test]
    fn other_names_are_not_told() {
        for name in ["my-company-models", "qwertz", "flux", "zarrista", "abc"] {
            assert_eq!(weight(name), None, "{name}");
        }
        assert_eq!(weight("python-tensorflow"), Some(Weight::Note));
    }

    #[test]
    fn distances_are_right() {
        let far = |a: &str, b: &str| {
            distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>())
        };
        assert_eq!(far("", "abc"), 3);
        assert_eq!(far("abcd", "abdc"), 1);
        assert_eq!(far("kitten", "sitting"), 3);
        assert_eq!(far("same", "same"), 0);
    }
}
