//! Where a constant expression may stand, and what calls what it names.

/// A cheap look at whether there is anything to evaluate.
pub(super) fn may_hold_any(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let signs = [
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
        "]-join",
        "]::",
    ];
    signs.iter().any(|sign| lower.contains(sign))
        || (lower.contains('$') && lower.contains("='") && lower.matches('$').count() > 1)
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
