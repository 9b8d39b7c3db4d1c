//! Relative links in Markdown lead to files and headings that are there.

use super::{Failure, Repository, repository::has_extension};

/// Follows every relative link of every Markdown file.
pub fn check(repository: &Repository) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (path, text) in repository.texts(".md") {
        for (line, target) in links(text) {
            if let Some(message) = broken(repository, path, text, &target) {
                let hint = "mend the link or add what it points at";
                failures.push(Failure::at(path, line, message, hint));
            }
        }
    }
    failures
}

fn broken(repository: &Repository, path: &str, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let place = if file.is_empty() { path.to_owned() } else { resolve(path, file)? };
    if !repository.exists(&place) {
        return Some(format!("the link `{target}` leads nowhere: `{place}` is not there"));
    }
    let page = if file.is_empty() { Some(text) } else { repository.text(&place) };
    match page {
        Some(page) if !anchor.is_empty() && has_extension(&place, "md") => {
            let known = anchors(page).iter().any(|known| known == anchor);
            (!known).then(|| format!("the link `{target}`: `{place}` has no heading `{anchor}`"))
        }
        _ => None,
    }
}

/// The path from the root that a relative path in the file `from` means.
fn resolve(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = match relative.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.rsplit_once('/').map_or(Vec::new(), |(dir, _)| dir.split('/').collect()),
    };
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Line (from 1) and target of every inline link outside code.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code_spans(line);
        let mut rest = line.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, beyond)) = after.split_once(')') else { break };
            let target = target.split_whitespace().next().unwrap_or_default();
            found.push((number, target.trim_matches(['<', '>']).to_owned()));
            rest = beyond;
        }
    }
    found
}

/// Lines outside fenced code, numbered from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// The anchors of the headings, the way GitHub and most renderers write them.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        let level = line.len() - title.len();
        if !(1..=6).contains(&level) || !title.starts_with(' ') {
            continue;
        }
        let slug: String = title
            .trim()
            .to_lowercase()
            .chars()
            .filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
                _ => None,
            })
            .collect();
        let same = anchors.iter().filter(|known| **known == slug).count();
        anchors.push(if same == 0 { slug } else { format!("{slug}-{same}") });
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        let repository = Repository::of(&[
            ("docs/page.md", text),
            ("docs/other.md", "# Other page\n\n## What, and why?\n"),
            ("README.md", "# Read me\n"),
            ("crates/x/src/lib.rs", ""),
        ]);
        check(&repository).into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Here it is\n[a](other.md) [b](../README.md#read-me) [c](#here-it-is)\n\
                    [d](other.md#what-and-why) [e](https://x.example/y) [f](../crates/x)\n\
                    `[g](nowhere.md)`\n```\n[h](nowhere.md)\n```\n";
        assert_eq!(messages(text), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_fail() {
        for text in ["[a](none.md)", "[a](other.md#none)", "[a](#none)", "[a](../../x.md)"] {
            let expected = usize::from(text != "[a](../../x.md)");
            assert_eq!(messages(text).len(), expected, "{text}");
        }
    }
}
