//! Which update of a Debian package waits: the candidate that apt would choose (apt_preferences(5)),
//! from what is installed and what the suites offer.

use std::cmp::Ordering;

use crate::limits::{PATTERN_BYTES_MAX, PREFERENCES_STANZAS_MAX};
use crate::version::{self, VersionError};

/// The priority of a version that is installed and offered by nobody.
const INSTALLED_PRIORITY: i32 = 100;
/// From this priority on apt also goes back to an older version.
const DOWNGRADE_PRIORITY: i32 = 1_000;

/// A version that a suite offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The version.
    pub version: &'a str,
    /// Its architecture; `all` fits every machine.
    pub arch: &'a str,
    /// The suite's `Suite` field, such as `stable-security`.
    pub suite: &'a str,
    /// The suite's `Codename` field, such as `bookworm-security`.
    pub codename: &'a str,
    /// The suite's `Origin` field.
    pub origin: &'a str,
    /// The suite's `Label` field.
    pub label: &'a str,
    /// The host that it is fetched from; empty for a local source.
    pub site: &'a str,
    /// The priority that apt gives the suite without pins: 500, 100 or 1.
    pub priority: u16,
    /// The share of machines that are offered it already, of 100; `None` for all.
    pub phased_percent: Option<u16>,
}

/// A package as it is installed.
#[derive(Clone, Copy, Debug)]
pub struct Installed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its architecture.
    pub arch: &'a str,
    /// Its version.
    pub version: &'a str,
}

/// One stanza of apt's preferences.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stanza {
    /// Name patterns; `*` alone is a general pin.
    packages: Vec<String>,
    pin: Pin,
    priority: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pin {
    Version(String),
    Release(Vec<(char, String)>),
    /// The host of the source; empty for a local one.
    Site(String),
    /// A form that is not understood: which packages it moves is unknown.
    Other(String),
}

/// What the administrator says of priorities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    stanzas: Vec<Stanza>,
    /// What could not be understood, in plain words.
    pub problems: Vec<String>,
}

impl Preferences {
    /// Reads the texts of `/etc/apt/preferences` and `preferences.d/*`, in apt's order.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut preferences = Self::default();
        for text in texts {
            let plain: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
            for stanza in plain.split(|line| line.trim().is_empty()).filter(|s| !s.is_empty()) {
                if preferences.stanzas.len() >= PREFERENCES_STANZAS_MAX {
                    let text = format!("more than {PREFERENCES_STANZAS_MAX} pins");
                    preferences.problems.push(text);
                    return preferences;
                }
                match parse_stanza(stanza) {
                    Some(stanza) => {
                        if let Pin::Other(text) = &stanza.pin {
                            let text = format!("the pin `{text}` is not understood");
                            preferences.problems.push(text);
                        }
                        preferences.stanzas.push(stanza);
                    }
                    None => {
                        let first = stanza.first().copied().unwrap_or_default();
                        let first: String = first.chars().take(80).collect();
                        preferences.problems.push(format!("the pin after `{first}` does not read"));
                    }
                }
            }
        }
        preferences
    }

    /// The priority of an offer: the first specific pin that fits, else the highest general one,
    /// else the suite's own.
    fn priority(&self, name: &str, offer: &Offer<'_>) -> i32 {
        let fits = |stanza: &&Stanza| stanza.pin.fits(offer);
        let specific = |stanza: &&Stanza| stanza.packages.iter().any(|p| p != "*" && glob(p, name));
        let general = |stanza: &&Stanza| stanza.packages.iter().any(|p| p == "*");
        if let Some(stanza) = self.stanzas.iter().filter(specific).find(fits) {
            return stanza.priority;
        }
        let pins = self.stanzas.iter().filter(general).filter(fits);
        pins.map(|stanza| stanza.priority).next().unwrap_or_else(|| i32::from(offer.priority))
    }
}

impl Pin {
    fn fits(&self, offer: &Offer<'_>) -> bool {
        match self {
            Self::Version(pattern) => glob(pattern, offer.version),
            Self::Release(fields) => fields.iter().all(|(field, pattern)| match field {
                'a' => glob(pattern, offer.suite),
                'n' => glob(pattern, offer.codename),
                'o' => glob(pattern, offer.origin),
                'l' => glob(pattern, offer.label),
                // `release bookworm` without a field names suite or codename.
                ' ' => glob(pattern, offer.suite) || glob(pattern, offer.codename),
                _ => false,
            }),
            Self::Site(pattern) => glob(pattern, offer.site),
            Self::Other(_) => false,
        }
    }
}

fn parse_stanza(lines: &[&str]) -> Option<Stanza> {
    let field = |name: &str| {
        let value = |line: &&str| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        };
        lines.iter().find_map(value)
    };
    let packages = field("Package")?.split_whitespace().map(str::to_owned).collect();
    let pin = field("Pin")?;
    let priority = field("Pin-Priority")?.parse().ok()?;
    let pin = match pin.split_once(char::is_whitespace) {
        Some(("version", pattern)) => Pin::Version(pattern.trim().to_owned()),
        Some(("origin", host)) => Pin::Site(host.trim().trim_matches('"').to_owned()),
        Some(("release", rest)) => release_pin(rest).unwrap_or(Pin::Other(pin)),
        _ => Pin::Other(pin),
    };
    Some(Stanza { packages, pin, priority })
}

fn release_pin(text: &str) -> Option<Pin> {
    let field = |part: &str| {
        let part = part.trim();
        match part.split_once('=') {
            Some((key, value)) => {
                let mut key = key.trim().chars();
                let letter = key.next().filter(|c| "anol".contains(*c) && key.next().is_none())?;
                Some((letter, value.trim().trim_matches('"').to_owned()))
            }
            None => Some((' ', part.to_owned())),
        }
    };
    text.split(',').map(field).collect::<Option<Vec<_>>>().map(Pin::Release)
}

/// Shell patterns with `*` and `?`, as apt's preferences have them. Linear in text and pattern.
fn glob(pattern: &str, text: &str) -> bool {
    if pattern.len() > PATTERN_BYTES_MAX {
        return false;
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

/// The index of the offer that apt would install over what is installed, or `None` where what is
/// installed stays.
pub fn upgrade(
    installed: &Installed<'_>,
    offers: &[Offer<'_>],
    preferences: &Preferences,
) -> Result<Option<usize>, VersionError> {
    let fits = |offer: &Offer<'_>| {
        offer.arch == installed.arch || offer.arch == "all" || installed.arch == "all"
    };
    let mut best: Option<(usize, i32)> = None;
    let mut installed_priority = INSTALLED_PRIORITY;
    for (index, offer) in offers.iter().enumerate().filter(|(_, offer)| fits(offer)) {
        let priority = preferences.priority(installed.name, offer);
        if priority < 0 {
            continue;
        }
        match version::compare("Debian", offer.version, installed.version)? {
            Ordering::Equal => installed_priority = installed_priority.max(priority),
            Ordering::Less if priority < DOWNGRADE_PRIORITY => {}
            _ => {
                let better = match best {
                    None => true,
                    Some((other, other_priority)) => {
                        let other = offers.get(other).map_or("", |offer| offer.version);
                        priority > other_priority
                            || (priority == other_priority
                                && version::compare("Debian", offer.version, other)?.is_gt())
                    }
                };
                if better {
                    best = Some((index, priority));
                }
            }
        }
    }
    // What is installed wins against a newer version of lower priority.
    Ok(best.filter(|(_, priority)| *priority >= installed_priority).map(|(index, _)| index))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer<'a>(version: &'a str, codename: &'a str, priority: u16) -> Offer<'a> {
        Offer {
            version,
            arch: "amd64",
            suite: "stable",
            codename,
            origin: "Debian",
            label: "Debian",
            site: "mirror.example",
            priority,
            phased_percent: None,
        }
    }

    const INSTALLED: Installed<'_> = Installed { name: "rsync", arch: "amd64", version: "3.2.7-1" };

    fn chosen(offers: &[Offer<'_>], preferences: &str) -> Option<String> {
        let index = upgrade(&INSTALLED, offers, &Preferences::parse([preferences])).unwrap();
        index.map(|index| offers[index].version.to_owned())
    }

    #[test]
    fn the_newest_version_of_the_highest_priority_wins() {
        let offers = [
            offer("3.2.7-1", "bookworm", 500),
            offer("3.2.7-1+deb12u2", "bookworm-security", 500),
            offer("3.2.7-1+deb12u1", "bookworm-security", 500),
            offer("3.4.1-1~bpo12+1", "bookworm-backports", 100),
        ];
        assert_eq!(chosen(&offers, ""), Some("3.2.7-1+deb12u2".into()));
        assert_eq!(chosen(&offers[..1], ""), None);
    }

    #[test]
    fn backports_are_not_taken_by_themselves_but_kept_up_to_date() {
        let offers = [offer("3.4.1-1~bpo12+1", "bookworm-backports", 100)];
        let main = [offer("3.2.7-1", "bookworm", 500), offers[0]];
        assert_eq!(chosen(&main, ""), None, "the installed version has priority 500");
        assert_eq!(chosen(&offers, ""), Some("3.4.1-1~bpo12+1".into()), "100 over 100");
    }

    #[test]
    fn pins_move_priorities() {
        let offers = [
            offer("3.2.7-1", "bookworm", 500),
            offer("3.2.7-1+deb12u2", "bookworm-security", 500),
            offer("3.4.1-1~bpo12+1", "bookworm-backports", 100),
        ];
        let pin = "Package: rsync\nPin: release n=bookworm-backports\nPin-Priority: 900\n";
        assert_eq!(chosen(&offers, pin), Some("3.4.1-1~bpo12+1".into()));
        let never = "Package: rs*\nPin: release n=bookworm-security\nPin-Priority: -1\n";
        assert_eq!(chosen(&offers, never), None);
        let version = "Package: rsync\nPin: version 3.2.7-1+deb12u2\nPin-Priority: 1001\n";
        assert_eq!(chosen(&offers, version), Some("3.2.7-1+deb12u2".into()));
        let site = "Package: rsync\nPin: origin mirror.example\nPin-Priority: -1\n";
        assert_eq!(chosen(&offers, site), None);
        let other = "Package: nginx\nPin: release *\nPin-Priority: -1\n";
        assert_eq!(chosen(&offers, other), Some("3.2.7-1+deb12u2".into()));
    }

    #[test]
    fn a_pin_that_is_not_understood_is_a_problem_and_not_silence() {
        let preferences = Preferences::parse(["Package: *\nPin: weather fine\nPin-Priority: 1\n"]);
        assert_eq!(preferences.problems.len(), 1);
        assert_eq!(Preferences::parse(["Package: *\nPin-Priority: x\n"]).problems.len(), 1);
    }

    #[test]
    fn other_architectures_do_not_count() {
        let mut other = offer("9", "bookworm", 500);
        other.arch = "arm64";
        assert_eq!(chosen(&[other], ""), None);
        other.arch = "all";
        assert_eq!(chosen(&[other], ""), Some("9".into()));
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbY", false),
            ("lib?", "libc", true),
            ("lib?", "lib", false),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }
}
