//! Where a constant expression may stand, and what calls what it names.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, StartKind};

/// What stands in every text that holds an expression, in any case.
const SIGNS: [&str; 28] = [
    "char]",
    "char[]",
    "-f",
    ".replace",
    "-replace",
    "creplace",
    "-join",
    "::join",
    "::concat",
    ".substring",
    ".split",
    "-split",
    ".tolower",
    ".toupper",
    ".trim",
    ".insert",
    ".remove",
    "&(",
    "& (",
    "&'",
    ".('",
    "+'",
    "'+",
    "+\"",
    "\"+",
    "' +",
    "\" +",
    "]::",
];

static SEARCH: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true).start_kind(StartKind::Unanchored);
    builder.kind(Some(AhoCorasickKind::DFA)).build(SIGNS).ok()
});

/// A cheap look at whether there is anything to evaluate.
pub(super) fn may_hold_any(text: &str) -> bool {
    // Without the search everything is worth a closer look.
    SEARCH.as_ref().is_none_or(|search| search.is_match(text))
        || (text.contains("='") && memchr::memchr_iter(b'$', text.as_bytes()).nth(1).is_some())
}

/// Takes the operator off that calls what an expression names.
pub(super) fn drop_call(out: &mut String) {
    let kept = out.trim_end_matches(' ').len();
    let before = out.get(..kept).unwrap_or_default();
    let Some(sign) = before.chars().next_back().filter(|sign| matches!(sign, '&' | '.')) else {
        return;
    };
    let rest = before.get(..kept - sign.len_utf8()).unwrap_or_default();
    let free = rest.chars().next_back().is_none_or(|c| " \"'(;|{=&".contains(c));
    if free && (sign == '.' || !rest.ends_with('&')) {
        out.truncate(rest.len());
    }
}
