//! Commands inside and beside others, each of which is a line by itself.
//!
//! `cmd /c x`, `a & b | c`, `x > nul`: a rule may look for what begins or ends a command line, or
//! for how many words there are, and the shell around it must not hide that.

/// The most commands that are taken out of one line.
const COMMANDS_MAX: usize = 8;

/// The commands of a cleaned line in lower case, beside the line itself; none if it is only one.
pub(super) fn inside(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let inner = behind_shell(line);
    let whole = inner.unwrap_or(line);
    let spaced = separated(whole, inner.is_some() || starts_shell(line));
    let parts: Vec<String> = spaced
        .split(" & ")
        .flat_map(|part| part.split(" | "))
        .map(|part| without_redirections(part.trim_matches([' ', '&', '|', '(', ')', '@'])))
        .filter(|part| !part.is_empty())
        .collect();
    let is_whole = |part: &str| part.split_whitespace().eq(line.split_whitespace());
    for part in parts.into_iter().filter(|part| !is_whole(part)).take(COMMANDS_MAX) {
        found.push(part);
    }
    // The whole line with its separators as spaces, for what spans several commands.
    let line = separated(line, starts_shell(line));
    if found.is_empty() && !is_whole_line(&line, whole) {
        found.push(line);
    }
    found
}

fn is_whole_line(spaced: &str, line: &str) -> bool {
    spaced.split_whitespace().eq(line.split_whitespace())
}

/// Whether a line is one of `cmd`.
fn starts_shell(line: &str) -> bool {
    let first = line.split([' ', ',', ';', '=']).next().unwrap_or_default();
    let name = first.rsplit(['\\', '/']).next().unwrap_or_default();
    matches!(name, "cmd" | "cmd.exe")
}

/// What a shell is told to run: behind `cmd .. /c`, also `/k` and `/r`.
fn behind_shell(line: &str) -> Option<&str> {
    if !starts_shell(line) {
        return None;
    }
    ["/c", "/k", "/r", "-c"].iter().find_map(|switch| {
        let at = line.find(switch)?;
        let before = line.get(..at)?.chars().next_back()?;
        let rest = line.get(at + switch.len()..)?.trim_start_matches([' ', ',', ';', '=']);
        (matches!(before, ' ' | ',' | ';' | '=') && !rest.is_empty()).then_some(rest)
    })
}

/// `cmd` takes commas, semicolons and equals signs between words as spaces.
fn separated(line: &str, in_cmd: bool) -> String {
    if in_cmd && line.contains([',', ';', '=']) {
        line.replace([',', ';', '='], " ")
    } else {
        line.to_owned()
    }
}

/// Where output goes is no word of the command.
fn without_redirections(command: &str) -> String {
    if !command.contains(['>', '<']) {
        return command.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut words = command.split_whitespace();
    while let Some(word) = words.next() {
        let sign = word.trim_start_matches(|c: char| c.is_ascii_digit());
        match sign.strip_prefix(">>").or_else(|| sign.strip_prefix(['>', '<'])) {
            // `> file`: the next word is the file.
            Some("") => drop(words.next()),
            Some(_) => {}
            None => kept.push(word),
        }
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_taken_out_of_their_shell() {
        assert_eq!(inside("cmd /c whoami /all"), ["whoami /all"]);
        assert_eq!(inside("cmd.exe /d /s /c net user & net group"), ["net user", "net group"]);
        assert_eq!(inside("cmd,/c;whoami,/all"), ["whoami /all"]);
        assert_eq!(inside("net user 2>nul"), ["net user"]);
        assert_eq!(inside("net user > c:\\x.txt"), ["net user"]);
        assert!(inside("net user").is_empty());
        assert!(inside("").is_empty());
    }

    #[test]
    fn commas_mean_something_elsewhere() {
        assert!(inside("rundll32 a.dll,run").is_empty());
    }
}
