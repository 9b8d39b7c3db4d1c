//! Python packages: `requirements.txt` and its kin.
//!
//! Only a package pinned to one version (`==`) is listed; any other is unknown, since the file
//! does not say what is installed. A file that is included with `-r` is read by itself if its
//! name says that it is one.

use crate::ecosystem::{Collector, Ecosystem, Flag, Input, ReadError, ReadOutcome};
use crate::tree::file_name;

/// The descriptor.
pub const ECOSYSTEM: Ecosystem = Ecosystem {
    name: "requirements_txt",
    title: "requirements.txt",
    osv: "PyPI",
    example: "srv/app/requirements.txt",
    places: &[],
    siblings: &[],
    wants,
    read,
};

fn wants(path: &str) -> bool {
    let name = file_name(path);
    let is_text = name.strip_suffix(".txt").is_some_and(|stem| stem.contains("requirements"));
    // What setuptools writes beside a package is a wish, not what is installed.
    let in_folder = path.strip_suffix(".txt").is_some()
        && path.rsplit('/').nth(1).is_some_and(|folder| folder == "requirements");
    (is_text || in_folder) && !path.contains(".egg-info/")
}

fn read(input: &Input<'_>) -> Result<ReadOutcome, ReadError> {
    let text = decode(input)?;
    let dev = {
        let name = file_name(input.path);
        (name.contains("dev") || name.contains("test")).then_some(Flag::Dev)
    };
    let mut collector = Collector::new(ECOSYSTEM.osv, input);
    for (number, line) in logical_lines(&text) {
        read_line(number, &line, dev, &mut collector)?;
    }
    Ok(collector.finish())
}

/// pip reads UTF-8, and UTF-16 and UTF-32 with a byte order mark; the last is not seen in
/// practice and is an error here.
fn decode(input: &Input<'_>) -> Result<String, ReadError> {
    let unit: Option<fn([u8; 2]) -> u16> = match input.bytes {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
        _ => None,
    };
    let Some(unit) = unit else { return input.text().map(str::to_owned) };
    let pairs = input.bytes.get(2..).unwrap_or_default().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(ReadError::format("the text is cut within a UTF-16 character"));
    }
    let units = pairs
        .map(|pair| unit([pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0)]));
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .map_err(|_| ReadError::format("the text is not UTF-16"))
}

/// Lines with their first number: joined where one ends in a backslash, comments off.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (number, mut so_far) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(part) if !is_comment => {
                so_far.push_str(part);
                open = Some((number, so_far));
                continue;
            }
            _ => so_far.push_str(line),
        }
        lines.push((number, so_far));
    }
    lines.extend(open);
    for (_, line) in &mut lines {
        *line = without_comment(line).trim().to_owned();
    }
    lines.retain(|(_, line)| !line.is_empty());
    lines
}

/// pip takes `#` for a comment at the start of a line and after a blank.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return line.get(..at).unwrap_or_default();
        }
        before = c;
    }
    line
}

fn read_line(
    number: usize,
    line: &str,
    dev: Option<Flag>,
    collector: &mut Collector<'_>,
) -> Result<(), ReadError> {
    if line.starts_with('-') {
        return read_option(line, collector);
    }
    // Options of one requirement stand behind it; its marker does not change its version.
    let requirement = line.split([' ', '\t']).take_while(|word| !is_option(word));
    let requirement = requirement.collect::<Vec<_>>().join(" ");
    let (requirement, _marker) = requirement.split_once(';').unwrap_or((&requirement, ""));
    let requirement = requirement.trim();
    let at = |reason: &str| format!("line {number}: {reason}");
    let name_len = requirement.find(|c: char| !is_name_char(c)).unwrap_or(requirement.len());
    let Some((name, rest)) = requirement.split_at_checked(name_len) else { return Ok(()) };
    let is_path = requirement.contains("://") || requirement.starts_with(['.', '/']);
    if is_path && !rest.trim_start().starts_with(['@', '[']) {
        let reason = at("it is a path or an address, without a version");
        return collector.unresolved(requirement, None, &reason);
    }
    let rest = without_extras(rest.trim_start());
    if name.is_empty() || !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return collector.unresolved(requirement, None, &at("it is not a requirement"));
    }
    if rest.starts_with('@') {
        let reason = at("it comes from an address, without a version");
        return collector.unresolved(name, Some(rest), &reason);
    }
    let specifier = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')).unwrap_or(rest);
    match pinned(specifier) {
        Some(version) => collector.package(name, version, dev),
        None if specifier.is_empty() => {
            collector.unresolved(name, None, &at("it is not pinned to a version"))
        }
        None => {
            let reason = at("it is not pinned to one version");
            collector.unresolved(name, Some(specifier), &reason)
        }
    }
}

fn read_option(line: &str, collector: &mut Collector<'_>) -> Result<(), ReadError> {
    let (option, value) = line.split_once([' ', '=', '\t']).unwrap_or((line, ""));
    let value = value.trim();
    match option {
        "-r" | "--requirement" if !value.is_empty() => {
            if wants(value) {
                collector.warn(format!("`{value}` is included; it is read by itself"));
                return Ok(());
            }
            let reason = "it is included, but its name does not say that it lists requirements";
            collector.unresolved(&format!("-r {value}"), None, reason)
        }
        "-c" | "--constraint" => {
            collector.warn(format!("constraints of `{value}` are not applied"));
            Ok(())
        }
        "-e" | "--editable" => {
            let reason = "it is installed from a folder or repository, without a version";
            collector.unresolved(&format!("-e {value}"), None, reason)
        }
        _ if is_known_option(option) => Ok(()),
        _ => collector.unresolved(line, None, "it is neither a requirement nor an option"),
    }
}

/// Options that say where packages come from, not which.
fn is_known_option(option: &str) -> bool {
    option.starts_with("--") || ["-i", "-f"].contains(&option)
}

fn is_option(word: &str) -> bool {
    word.starts_with("--") || word == "-C"
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn without_extras(rest: &str) -> &str {
    let after = rest.strip_prefix('[').and_then(|inner| inner.split_once(']'));
    after.map_or(rest, |(_, after)| after).trim()
}

/// The version of a specifier that allows just one: `==` (without a wildcard) or `===`
/// (PEP 440). Others beside it can only forbid it.
fn pinned(specifier: &str) -> Option<&str> {
    let mut versions = specifier.split(',').filter_map(|part| {
        let part = part.trim();
        part.strip_prefix("===").or_else(|| part.strip_prefix("==")).map(str::trim)
    });
    let version = versions.find(|version| !version.ends_with(".*"))?;
    let is_plain = |c: char| is_name_char(c) || matches!(c, '+' | '!');
    let starts_well = version.starts_with(|c: char| c.is_ascii_digit() || c == 'v');
    (starts_well && version.chars().all(is_plain)).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(text: &str) -> ReadOutcome {
        read(&Input::new(ECOSYSTEM.example, text.as_bytes())).unwrap()
    }

    #[test]
    fn only_what_is_pinned_to_one_version_is_listed() {
        for (line, version) in [
            ("a==1.0", Some("1.0")),
            ("a [x, y] == 1.0 ; python_version < '3'", Some("1.0")),
            ("a===1.0+local", Some("1.0+local")),
            ("a (==1.0)", Some("1.0")),
            ("a>=0.5,==1.0", Some("1.0")),
            ("a==1.0 --hash=sha256:12 --hash=sha256:34", Some("1.0")),
            ("a \\\n  ==1.0  # why", Some("1.0")),
            ("a==1.*", None),
            ("a~=1.0", None),
            ("a", None),
            ("a==${VERSION}", None),
            ("a @ https://files.example/a-1.0.zip", None),
            ("./a-1.0.whl", None),
            ("-e ./a", None),
            ("==1.0", None),
            ("a 1.0", None),
        ] {
            let read = outcome(line);
            let versions: Vec<_> =
                read.packages.iter().map(|found| found.package.version.as_str()).collect();
            assert_eq!(versions.first().copied(), version, "{line}");
            assert_eq!(read.unresolved.len(), usize::from(version.is_none()), "{line}");
        }
    }

    #[test]
    fn options_and_comments_are_no_packages() {
        let read =
            outcome("--index-url https://index.example\n-i x\n# a==1\n-r requirements-x.txt\n");
        assert!(read.packages.is_empty() && read.unresolved.is_empty());
        assert_eq!(outcome("-r base.txt").unresolved.len(), 1);
    }

    #[test]
    fn utf_16_is_read_and_files_are_told_by_name() {
        let bytes: Vec<u8> = "\u{feff}a==1.0\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let read = read(&Input::new("requirements.txt", &bytes)).unwrap();
        assert_eq!(read.packages[0].package.name, "a");
        assert!(wants("a/requirements/base.txt") && wants("dev-requirements.txt"));
        assert!(!wants("a/robots.txt") && !wants("a.egg-info/requirements.txt"));
    }
}
