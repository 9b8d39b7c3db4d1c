//! Paths below a root, by their text alone: nothing here looks at a disk, so the roots must be
//! folders in which nobody else can make links.

use super::Wrong;

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 1024;

/// Whether a text is a plain absolute path at or below one of the roots.
pub fn path(text: &str, roots: &[String]) -> Result<(), Wrong> {
    let plain = |c: char| c.is_alphanumeric() || " ._-/+@,()=".contains(c);
    if text.len() > PATH_BYTES_MAX || !text.chars().all(plain) {
        return Err("it holds characters that a plain path has no need of");
    }
    let Some(inner) = text.strip_prefix('/') else { return Err("it is no absolute path") };
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    // Names that begin with a dot hold keys and settings more often than work.
    if inner.split('/').any(|part| part.is_empty() || part.starts_with('.')) {
        return Err("a part of it is empty, or begins with a dot");
    }
    let below = |root: &String| {
        let root = root.trim_end_matches('/');
        text.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if roots.iter().any(below) { Ok(()) } else { Err("it lies outside of what is allowed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_root() {
        let roots = ["/srv/agent/desk".to_owned()];
        for good in ["/srv/agent/desk", "/srv/agent/desk/a b/Ü.v2.txt", "/srv/agent/desk/a/"] {
            assert!(path(good, &roots).is_ok(), "{good}");
        }
        for bad in [
            "/srv/agent/desktop/x",
            "/srv/agent/desk/../x",
            "/srv/agent/desk/./x",
            "/srv/agent/desk//x",
            "/srv/agent/desk/.ssh/id",
            "/srv/agent/desk/%2e%2e/x",
            "/srv/agent/desk\0/x",
            "srv/agent/desk/x",
            "~/x",
            "/srv/agent/\u{2024}\u{2024}/x",
            "\\\\server\\x",
            "",
            "/",
        ] {
            assert!(path(bad, &roots).is_err(), "{bad}");
        }
    }
}
