//! Text that an attacker could put into a package's name, a host name, a log line or a feed.

/// Pieces that mean something to some reader.
const PIECES: [&str; 40] = [
    "<script>window.hostile=1</script>",
    "<img src=x onerror=\"window.hostile=1\">",
    "<svg onload=window.hostile=1>",
    "\"><script>alert(1)</script>",
    "'><iframe src=javascript:alert(1)>",
    "</title><script>alert(1)</script>",
    "</textarea><style>*{display:none}</style>",
    "<!--",
    "--><b onmouseover=alert(1)>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><input name=x>",
    "<a href=\"javascript:alert(1)\">x</a>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "<%= 7*7 %>",
    "#{7*7}",
    "{% raw %}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "\u{202e}gpj.exe",
    "\u{2066}\u{202e}isolated",
    "\u{200b}\u{200d}\u{feff}",
    "\u{0}\u{1}\u{7f}",
    "\u{1b}[2J\u{1b}[31m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;http://evil.example\u{7}link",
    "\r\nSet-Cookie: x=1",
    "\u{2028}\u{2029}",
    "Z\u{0301}\u{0302}\u{0303}\u{0304}\u{0305}\u{0306}\u{0307}\u{0308}\u{0309}\u{030a}\u{030b}",
    "\u{fdfd}\u{fdfd}\u{fdfd}\u{fdfd}",
    "../../../../etc/passwd",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\u{ff1c}script\u{ff1e}",
    "' OR 1=1; DROP TABLE cases; --",
    "$(reboot)`reboot`",
    "\u{e0041}\u{e0042}\u{e007f}",
    "\u{fffd}\u{fffe}",
];

/// At least 500 different ones.
pub fn all() -> Vec<String> {
    let mut texts = Vec::new();
    for piece in PIECES {
        texts.push(piece.to_owned());
        texts.push(format!("libc6{piece}"));
        texts.push(format!("{piece}-dev"));
        texts.push(format!("\"{piece}\""));
        texts.push(format!("'{piece}'"));
        texts.push(piece.repeat(40));
        texts.push(format!("{}{piece}", "W".repeat(300)));
        texts.push(format!("{piece}{}", "\u{202e}".repeat(30)));
        texts.push(format!("<b>{piece}</b>"));
        texts.push(format!("{piece}\u{0301}{}", "\u{0327}".repeat(60)));
        texts.push(piece.to_uppercase());
        texts.push(piece.chars().rev().collect());
        texts.push(format!("{piece}{piece}"));
    }
    texts.sort();
    texts.dedup();
    texts
}

#[test]
fn there_are_enough_of_them() {
    assert!(all().len() >= 500, "{}", all().len());
}
