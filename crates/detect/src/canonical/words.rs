//! The last stage: one form of each word, and commands that are encoded in a word.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::paths::one_form;
use super::{Edges, Marks};

/// Parameters of `powershell.exe`, the shortest form that it takes for each, and other names.
const PARAMETERS: &[(&str, usize, &[&str])] = &[
    ("encodedcommand", 1, &["ec"]),
    ("executionpolicy", 2, &["ep", "exec"]),
    ("noprofile", 3, &[]),
    ("noninteractive", 4, &[]),
    ("noexit", 3, &[]),
    ("nologo", 3, &[]),
    ("windowstyle", 1, &[]),
    ("command", 1, &[]),
    ("version", 1, &[]),
    ("file", 1, &[]),
    ("inputformat", 2, &["if"]),
    ("outputformat", 1, &["of"]),
];

/// `cmd` takes commas and semicolons between words as spaces.
pub(super) const SEPARATORS: [char; 2] = [',', ';'];

/// One form of a word in lower case. Where an edge is open, more of the word may stand there.
pub(super) fn word(raw: &str, powershell: bool, edges: Edges, marks: &mut Marks) -> String {
    let raw = if edges.start.is_some() { raw.trim_start_matches(SEPARATORS) } else { raw };
    let raw = raw.trim_end_matches(SEPARATORS);
    let open = edges.end.is_none();
    if let Some(name) = switch(raw) {
        let name = if powershell { parameter(name, open) } else { name };
        if name.contains('\\') {
            return format!("-{}", one_form(name, marks));
        }
        return format!("-{name}");
    }
    let text = if raw.contains(['/', '\\']) { one_form(raw, marks) } else { raw.to_owned() };
    match text.strip_suffix(".exe") {
        Some(stem) => stem.to_owned(),
        None => text,
    }
}

/// Whether a word ends in the extension that the view leaves out.
pub(super) fn has_extension(word: &str) -> bool {
    word.ends_with(".exe")
}

/// The name of a switch, without its sign.
pub(super) fn switch(raw: &str) -> Option<&str> {
    let name = raw.strip_prefix(['-', '/'])?;
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '?');
    let is_unix_path = raw.starts_with('/') && name.contains('/') && !name.contains(':');
    (begins && !is_unix_path).then_some(name)
}

/// The whole name of a parameter of PowerShell.
fn parameter(name: &str, open: bool) -> &str {
    let whole = PARAMETERS.iter().find(|(whole, shortest, others)| {
        (name.len() >= *shortest && whole.starts_with(name) && !open) || others.contains(&name)
    });
    whole.map_or(name, |(whole, _, _)| *whole)
}

/// Whether a word in lower case is a parameter of PowerShell and hardly one of anything else: of
/// those that many programs have, such as `-file`, only more than two letters of the others tell.
pub(super) fn is_parameter(raw: &str) -> bool {
    const COMMON: [&str; 4] = ["command", "version", "file", "outputformat"];
    let Some(name) = raw.strip_prefix('-') else { return false };
    PARAMETERS.iter().filter(|(whole, ..)| !COMMON.contains(whole)).any(|(whole, _, others)| {
        (name.len() > 2 && whole.starts_with(name)) || others.contains(&name)
    })
}

/// Cmdlets with the other names that PowerShell ships for them.
const CMDLETS: &[(&str, &[&str])] = &[
    ("invoke-expression", &["iex"]),
    ("invoke-webrequest", &["iwr", "wget", "curl"]),
    ("invoke-restmethod", &["irm"]),
    ("invoke-command", &["icm"]),
    ("invoke-item", &["ii"]),
    ("invoke-wmimethod", &["iwmi"]),
    ("get-content", &["gc", "cat", "type"]),
    ("get-childitem", &["gci", "dir", "ls"]),
    ("get-wmiobject", &["gwmi"]),
    ("get-ciminstance", &["gcim"]),
    ("get-process", &["gps", "ps"]),
    ("get-service", &["gsv"]),
    ("get-itemproperty", &["gp"]),
    ("get-command", &["gcm"]),
    ("get-variable", &["gv"]),
    ("get-member", &["gm"]),
    ("get-location", &["gl", "pwd"]),
    ("stop-process", &["spps", "kill"]),
    ("start-process", &["saps", "start"]),
    ("start-service", &["sasv"]),
    ("stop-service", &["spsv"]),
    ("start-job", &["sajb"]),
    ("set-itemproperty", &["sp"]),
    ("set-item", &["si"]),
    ("set-variable", &["sv"]),
    ("set-content", &["sc"]),
    ("set-alias", &["sal"]),
    ("set-location", &["sl", "cd", "chdir"]),
    ("new-object", &[]),
    ("new-item", &["ni"]),
    ("new-itemproperty", &[]),
    ("new-alias", &["nal"]),
    ("new-pssession", &["nsn"]),
    ("enter-pssession", &["etsn"]),
    ("remove-item", &["ri", "rm", "del", "erase", "rd", "rmdir"]),
    ("remove-itemproperty", &["rp"]),
    ("copy-item", &["cpi", "cp", "copy"]),
    ("move-item", &["mi", "mv", "move"]),
    ("rename-item", &["rni", "ren"]),
    ("import-module", &["ipmo"]),
    ("foreach-object", &["%", "foreach"]),
    ("where-object", &["?", "where"]),
    ("select-object", &["select"]),
    ("select-string", &["sls"]),
    ("write-output", &["echo", "write"]),
    ("out-file", &[]),
    ("add-type", &[]),
];

/// The names of the cmdlets that a word in lower case holds: the whole ones, and of the short ones
/// those of three letters and more.
pub(super) fn names(raw: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for name in raw.split(['(', ')', '{', '}', ';', '&', '|', '$', ',', '=']) {
        let row = CMDLETS.iter().find(|(whole, others)| {
            *whole == name || others.contains(&name) || matches_wildcard(name, whole)
        });
        let Some((whole, others)) = row else { continue };
        let all = std::iter::once(whole).chain(others.iter().filter(|other| other.len() > 2));
        found.extend(all.filter(|other| **other != raw));
    }
    found
}

/// Whether a name with a `*` near its end stands for a cmdlet, as `gcm` finds it.
fn matches_wildcard(name: &str, whole: &str) -> bool {
    name.strip_suffix('*').is_some_and(|stem| stem.len() > 5 && whole.starts_with(stem))
}

/// `-name:value`, which is `-name value`.
pub(super) fn joined_value(raw: &str) -> Option<(&str, &str)> {
    let (parameter, value) = raw.split_once(':')?;
    let name = parameter.strip_prefix(['-', '/'])?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
    (is_name && !value.is_empty() && !value.starts_with(['\\', '/'])).then_some((parameter, value))
}

/// Whether a line in lower case is about PowerShell.
pub(super) fn starts_powershell(line: &str) -> bool {
    line.contains("powershell") || line.contains("pwsh")
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The command that a line gives to PowerShell in base64.
pub(super) fn encoded_command(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        let lower = word.to_ascii_lowercase();
        let joined = joined_value(&lower).map(|(parameter, _)| parameter);
        let name = switch(joined.unwrap_or(&lower)).map(|name| parameter(name, false));
        if name != Some("encodedcommand") {
            continue;
        }
        let data = match joined.and_then(|parameter| word.get(parameter.len() + 1..)) {
            Some(data) => data,
            None => words.next()?,
        };
        let bytes = LENIENT.decode(data).ok().filter(|bytes| bytes.len() >= 4)?;
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .filter_map(|pair| Some(u16::from_le_bytes([*pair.first()?, *pair.get(1)?])))
            .collect();
        let text = String::from_utf16(&units).ok()?;
        let readable = text.chars().filter(char::is_ascii).count() * 2 > text.chars().count();
        return readable.then_some(text);
    }
    None
}
