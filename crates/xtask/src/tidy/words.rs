//! Words that do not belong here: paths of somebody's machine, host names of package registries
//! (a test or a document that names one will sooner or later call it), and notes for later.

use super::{Failure, Repository, repository::has_extension};

/// A word, in two pieces so that this file does not hold it, and why it must not stand anywhere.
struct Word(&'static str, &'static str, Reason);

#[derive(Clone, Copy)]
enum Reason {
    Machine,
    Registry,
    Later,
}

const WORDS: [Word; 22] = [
    Word("/wo", "rk/", Reason::Machine),
    Word("/ro", "ot/", Reason::Machine),
    Word("index.crates", ".io", Reason::Registry),
    Word("static.crates", ".io", Reason::Registry),
    Word("//crates", ".io", Reason::Registry),
    Word("registry.npmjs", ".org", Reason::Registry),
    Word("registry.yarnpkg", ".com", Reason::Registry),
    Word("pypi", ".org", Reason::Registry),
    Word("pythonhosted", ".org", Reason::Registry),
    Word("proxy.golang", ".org", Reason::Registry),
    Word("sum.golang", ".org", Reason::Registry),
    Word("rubygems", ".org", Reason::Registry),
    Word("repo1.maven", ".org", Reason::Registry),
    Word("repo.maven", ".apache.org", Reason::Registry),
    Word("api.nuget", ".org", Reason::Registry),
    Word("packagist", ".org", Reason::Registry),
    Word("deb.debian", ".org", Reason::Registry),
    Word("security.debian", ".org", Reason::Registry),
    Word("archive.ubuntu", ".com", Reason::Registry),
    Word("issue ", "#", Reason::Later),
    Word("TO", "DO", Reason::Later),
    Word("FIX", "ME", Reason::Later),
];

impl Reason {
    fn hint(self) -> &'static str {
        match self {
            Self::Machine => "take the path from the environment, or make it up under /srv or /tmp",
            Self::Registry => {
                "make up a name under .example, or read it from the machine's own \
                               configuration"
            }
            Self::Later => "do it now, or say in plain words what is not there and why",
        }
    }

    /// Whether the word is looked for in a file.
    fn applies(self, path: &str) -> bool {
        !matches!(self, Self::Later) || has_extension(path, "rs")
    }
}

/// Looks for every word in every text file.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let words: Vec<(String, Reason)> =
        WORDS.iter().map(|Word(a, b, reason)| (format!("{a}{b}"), *reason)).collect();
    let lock_registry =
        format!("registry+https://github.com/rust-lang/{}{}-index", "crates", ".io");
    let mut failures = Vec::new();
    for (path, text) in repository.texts("") {
        for (index, line) in text.lines().enumerate() {
            for (word, reason) in &words {
                let standard = path == "Cargo.lock" && line.contains(&lock_registry);
                if reason.applies(path) && !standard && stands_in(line, word) {
                    let message = format!("holds `{word}`");
                    failures.push(Failure::at(path, index + 1, message, reason.hint()));
                }
            }
        }
    }
    failures
}

/// Whether the word stands in the line and not inside a longer one: `/srv/work/` and
/// `METHODOLOGY` are none of ours.
fn stands_in(line: &str, word: &str) -> bool {
    let wordy = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')' | '*');
    // A host name has parents and children, and is meant all the same.
    let is_host = word.contains('.');
    let is_capitals = word.bytes().all(|b| b.is_ascii_uppercase());
    line.match_indices(word).any(|(at, _)| {
        let goes_on_before = line.get(..at).is_some_and(|before| before.ends_with(wordy));
        let after = line.get(at + word.len()..);
        let goes_on_after = after.is_some_and(|after| after.starts_with(char::is_alphanumeric));
        (is_host || !goes_on_before) && !(is_capitals && goes_on_after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Repository::of(&[(path, text)])).len()
    }

    #[test]
    fn every_word_is_found() {
        for Word(a, b, _) in &WORDS {
            assert_eq!(count("crates/x/src/a.rs", &format!("let x = \"{a}{b}x\"; // {a}{b}\n")), 1);
        }
    }

    #[test]
    fn other_words_pass() {
        let fine = concat!(
            "/srv/wo",
            "rk/ {dir}/ro",
            "ot/ todo METHO",
            "DOLOGY crates",
            ".io --ro",
            "ot / \n"
        );
        assert_eq!(count("crates/x/src/a.rs", fine), 0);
        assert_eq!(count("docs/a.md", concat!("TO", "DO\n")), 0);
    }

    #[test]
    fn the_lock_file_may_name_its_registry() {
        let line =
            concat!("source = \"registry+https://github.com/rust-lang/crates", ".io-index\"");
        assert_eq!(count("Cargo.lock", line), 0);
        assert_eq!(count("Cargo.lock", concat!("source = \"https://index.crates", ".io/\"")), 1);
    }
}
