//! Pins: the files `/etc/apt/preferences` and `/etc/apt/preferences.d/*`, apt_preferences(5).

use spine::Package;

use super::{AvailableDeb, ReleaseFacts, glob};
use crate::limits;

/// Preferences over a written limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreferencesError {
    /// A file is too large.
    #[error("the apt preferences have more than {max} bytes", max = limits::PREFERENCES_BYTES_MAX)]
    TooLarge,
    /// There are too many stanzas.
    #[error("the apt preferences have more than {max} stanzas", max = limits::PREFERENCES_STANZAS_MAX)]
    TooMany,
}

/// All pins, in the order in which apt reads them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Pins of `Package: *`; the first that matches an index rules.
    general: Vec<Pin>,
    /// Pins of named packages; the first that matches a version rules.
    specific: Vec<(PackagePattern, Pin)>,
    not_understood: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pin {
    target: Target,
    priority: i32,
    /// `Pin-Priority: never`, below every other.
    never: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Version(String),
    Release(ReleasePattern),
    /// The host; empty for local files.
    Origin(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ReleasePattern {
    everything: bool,
    /// Archive or codename, where the pin has no `=`.
    either: Option<String>,
    archive: Option<String>,
    codename: Option<String>,
    version: Option<String>,
    origin: Option<String>,
    label: Option<String>,
    component: Option<String>,
    architecture: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PackagePattern {
    /// The name of the source package is meant (`src:`).
    source: bool,
    name: String,
    /// The architecture after a colon; without one the native one is meant.
    arch: Option<String>,
}

/// The archive of dpkg's own status.
const NOW: &str = "now";
const INSTALLED_PRIORITY: i32 = 100;

impl Preferences {
    /// No pins at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the text of one file after the ones before it (apt reads `preferences` first, then
    /// the files of `preferences.d` by name).
    pub fn read(&mut self, text: &str) -> Result<(), PreferencesError> {
        if text.len() > limits::PREFERENCES_BYTES_MAX {
            return Err(PreferencesError::TooLarge);
        }
        for stanza in stanzas(text) {
            self.read_stanza(&stanza);
            if self.general.len() + self.specific.len() > limits::PREFERENCES_STANZAS_MAX {
                return Err(PreferencesError::TooMany);
            }
        }
        Ok(())
    }

    /// `APT::Default-Release`: a pin of priority 990 before all others.
    pub fn set_default_release(&mut self, release: &str) {
        let pattern = ReleasePattern::read(release);
        let pin = Pin { target: Target::Release(pattern), priority: 990, never: false };
        self.general.insert(0, pin);
    }

    /// Stanzas that were passed over, one line each. Where there are any, what apt would choose
    /// may differ from the answer here.
    pub fn not_understood(&self) -> &[String] {
        &self.not_understood
    }

    fn read_stanza(&mut self, stanza: &[(String, String)]) {
        let field = |name: &str| {
            stanza.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
        };
        let (packages, pin) = (field("Package"), field("Pin"));
        let described =
            format!("Package: {}, Pin: {}", packages.unwrap_or("-"), pin.unwrap_or("-"));
        let parsed = packages.zip(pin).and_then(|(packages, pin)| {
            Some((packages, read_target(pin)?, read_priority(field("Pin-Priority")?)?))
        });
        let Some((packages, target, (priority, never))) = parsed else {
            self.not_understood.push(described);
            return;
        };
        let pin = Pin { target, priority, never };
        if packages.trim() == "*" {
            match pin.target {
                Target::Version(_) => self.not_understood.push(described),
                Target::Release(_) | Target::Origin(_) => self.general.push(pin),
            }
            return;
        }
        for name in packages.split_whitespace() {
            if name.starts_with('/') {
                // A regular expression.
                self.not_understood.push(described.clone());
            } else {
                self.specific.push((PackagePattern::read(name), pin.clone()));
            }
        }
    }

    /// The priority of an index. `never` is below every number that a pin may have.
    pub(super) fn of_release(&self, release: &ReleaseFacts) -> i32 {
        let meant = || self.general.iter().filter(|pin| pin.target.is_release(release));
        // `never` rules wherever it stands.
        let pinned = meant().find(|pin| pin.never).or_else(|| meant().next());
        pinned.map_or_else(|| release.default_priority(), Pin::value)
    }

    fn of_installed(&self) -> i32 {
        let now = ReleaseFacts { archive: NOW.to_owned(), ..ReleaseFacts::default() };
        let pinned = self.general.iter().find(|pin| pin.target.is_status(&now));
        pinned.map_or(INSTALLED_PRIORITY, Pin::value)
    }

    pub(super) fn for_package<'a>(
        &'a self,
        package: &Package,
        arch: &str,
        native_arch: &str,
    ) -> PackagePins<'a> {
        let meant = |pattern: &PackagePattern| pattern.is_package(package, arch, native_arch);
        let pins = self.specific.iter().filter(|(pattern, _)| meant(pattern));
        PackagePins { preferences: self, pins: pins.map(|(_, pin)| pin).collect() }
    }
}

/// The pins that speak of one package.
pub(super) struct PackagePins<'a> {
    preferences: &'a Preferences,
    pins: Vec<&'a Pin>,
}

impl PackagePins<'_> {
    /// The priority of a version that some indexes offer and that may be the installed one.
    pub(super) fn of_version(&self, version: &str, debs: &[AvailableDeb], installed: bool) -> i32 {
        let by_index = debs.iter().map(|deb| self.preferences.of_release(&deb.release));
        let by_status = installed.then(|| self.preferences.of_installed());
        let highest = by_index.chain(by_status).max().unwrap_or(0);
        let pin = self.pins.iter().find(|pin| pin.target.is_version(version, debs, installed));
        match pin {
            Some(pin) if pin.never => NEVER,
            // Where every index is pinned to never, a pin of the package does not lift that.
            Some(pin) if highest != NEVER => pin.value(),
            _ => highest,
        }
    }
}

/// The value of `Pin-Priority: never`.
const NEVER: i32 = i16::MIN as i32;

impl Pin {
    fn value(&self) -> i32 {
        if self.never { NEVER } else { self.priority }
    }
}

impl Target {
    fn is_release(&self, release: &ReleaseFacts) -> bool {
        match self {
            Self::Version(_) => false,
            Self::Release(pattern) => pattern.is_release(release),
            Self::Origin(site) => glob::matches_ignoring_case(site, &release.site),
        }
    }

    /// dpkg's own status has an archive and nothing else, and is no file of any site.
    fn is_status(&self, now: &ReleaseFacts) -> bool {
        !matches!(self, Self::Origin(_)) && self.is_release(now)
    }

    fn is_version(&self, version: &str, debs: &[AvailableDeb], installed: bool) -> bool {
        if let Self::Version(pattern) = self {
            return version_matches(pattern, version);
        }
        let now = ReleaseFacts { archive: NOW.to_owned(), ..ReleaseFacts::default() };
        debs.iter().any(|deb| self.is_release(&deb.release)) || (installed && self.is_status(&now))
    }
}

impl ReleasePattern {
    /// `a=stable,n=bookworm`, `stable`, `12*` or `*`.
    fn read(text: &str) -> Self {
        let text = text.trim();
        let mut pattern = Self::default();
        if text == "*" {
            pattern.everything = true;
        } else if !text.contains('=') {
            let digits = text.starts_with(|c: char| c.is_ascii_digit());
            *(if digits { &mut pattern.version } else { &mut pattern.either }) =
                Some(text.to_owned());
        }
        for part in text.split(',') {
            let Some((key, value)) = part.trim().split_once('=') else { continue };
            let place = match key.trim().to_ascii_lowercase().as_str() {
                "a" => &mut pattern.archive,
                "n" => &mut pattern.codename,
                "v" => &mut pattern.version,
                "o" => &mut pattern.origin,
                "l" => &mut pattern.label,
                "c" => &mut pattern.component,
                "b" => &mut pattern.architecture,
                _ => continue,
            };
            *place = Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
        pattern
    }

    fn is_release(&self, release: &ReleaseFacts) -> bool {
        if self.everything {
            return true;
        }
        let fields = [
            (&self.archive, release.archive.as_str()),
            (&self.codename, &release.codename),
            (&self.origin, &release.origin),
            (&self.label, &release.label),
            (&self.component, &release.component),
            (&self.architecture, &release.arch),
        ];
        let asks = |pattern: &&str, value: &str| {
            !value.is_empty() && glob::matches_ignoring_case(pattern, value)
        };
        let either = self.either.as_deref();
        let version = self.version.as_deref();
        let patterns = fields.iter().map(|(pattern, _)| pattern.as_deref());
        if patterns.chain([either, version]).all(|pattern| pattern.is_none()) {
            return false;
        }
        version.is_none_or(|p| !release.version.is_empty() && version_matches(p, &release.version))
            && fields
                .iter()
                .all(|(pattern, value)| pattern.as_deref().is_none_or(|p| asks(&p, value)))
            && either.is_none_or(|p| asks(&p, &release.archive) || asks(&p, &release.codename))
    }
}

impl PackagePattern {
    fn read(text: &str) -> Self {
        let (source, text) = match text.strip_prefix("src:") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (name, arch) = match text.rsplit_once(':') {
            Some((name, arch)) => (name, Some(arch.to_owned())),
            None => (text, None),
        };
        Self { source, name: name.to_owned(), arch }
    }

    fn is_package(&self, package: &Package, arch: &str, native_arch: &str) -> bool {
        let name = match &package.source {
            Some(source) if self.source => &source.name,
            _ => &package.name,
        };
        let meant = match self.arch.as_deref() {
            Some("any") => true,
            Some(wanted) => glob::matches(wanted, arch),
            None => arch == native_arch,
        };
        meant && glob::matches(&self.name, name)
    }
}

/// A star at the end of a version makes the rest a plain start; what is before it is also read as
/// a pattern for the whole, as apt does.
fn version_matches(pattern: &str, version: &str) -> bool {
    match pattern.strip_suffix('*') {
        None => glob::matches_ignoring_case(pattern, version),
        Some(start) => {
            let (start, version) = (start.to_ascii_lowercase(), version.to_ascii_lowercase());
            version.starts_with(&start) || glob::matches(&start, &version)
        }
    }
}

fn read_target(pin: &str) -> Option<Target> {
    let (kind, rest) = pin.split_once(char::is_whitespace).unwrap_or((pin, ""));
    let rest = rest.trim();
    // A regular expression between slashes is not read.
    if rest.starts_with('/') {
        return None;
    }
    match kind.to_ascii_lowercase().as_str() {
        "version" => Some(Target::Version(rest.to_owned())),
        "release" if !rest.is_empty() => Some(Target::Release(ReleasePattern::read(rest))),
        "origin" => Some(Target::Origin(rest.trim_matches('"').to_owned())),
        _ => None,
    }
}

/// The number, or 0 and `true` for `never`. Zero and numbers beyond 16 bits are errors to apt.
fn read_priority(text: &str) -> Option<(i32, bool)> {
    if text.trim() == "never" {
        return Some((0, true));
    }
    let priority = i32::from(text.trim().parse::<i16>().ok()?);
    (priority != 0).then_some((priority, false))
}

/// The stanzas of a file: fields with a line each, comments dropped, continued lines joined.
fn stanzas(text: &str) -> Vec<Vec<(String, String)>> {
    let mut all: Vec<Vec<(String, String)>> = Vec::new();
    let mut current: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain(std::iter::once("")) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            if !current.is_empty() {
                all.push(std::mem::take(&mut current));
            }
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = current.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((key, value)) = line.split_once(':') {
            current.push((key.trim().to_owned(), value.trim().to_owned()));
        }
    }
    all
}
