//! Whether the kernel that runs is the newest one that is installed.

use std::cmp::Ordering;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sources::{RootTree, Scope};

/// The kernel of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The release that runs, as `uname -r` prints it.
    pub running: String,
    /// The version of the package that it came from, where it says so or its package is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_version: Option<String>,
    /// The newest kernel package that is installed: name and version. `None` where the kernel
    /// does not come from this system's packages, as in a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<(String, String)>,
}

impl Kernel {
    /// Whether a newer kernel is installed than the one that runs; `None` where that cannot be
    /// told.
    pub fn restart_needed(&self) -> Option<bool> {
        let (_, newest) = self.newest.as_ref()?;
        let running = self.running_version.as_ref()?;
        compare(running, newest).map(|order| order == Ordering::Less)
    }
}

/// Looks at this machine.
pub fn gather() -> Result<Kernel, String> {
    let read = |path: &str| {
        std::fs::read_to_string(path).map_err(|error| format!("which kernel runs: {error}"))
    };
    let running = read("/proc/sys/kernel/osrelease")?;
    // Ubuntu writes the package's version into a file of its own.
    let says = read("/proc/version_signature").or_else(|_| read("/proc/version"))?;
    let tree = RootTree::open(Path::new("/"))
        .map_err(|error| format!("which kernels are installed: {error}"))?;
    let packages = sources::scan(&tree, &Scope::places_only()).packages.into_iter();
    let images = packages.map(|found| (found.package.name, found.package.version));
    Ok(kernel(running.trim(), &says, images))
}

fn kernel(running: &str, says: &str, packages: impl Iterator<Item = (String, String)>) -> Kernel {
    let mut newest: Option<(String, String)> = None;
    let mut own_package = None;
    for (name, version) in packages {
        // `linux-image-amd64` only points at the newest one.
        let release =
            name.strip_prefix("linux-image-").map(|r| r.strip_prefix("unsigned-").unwrap_or(r));
        let Some(release) = release.filter(|r| r.starts_with(|c: char| c.is_ascii_digit())) else {
            continue;
        };
        if release == running {
            own_package = Some(version.clone());
        }
        let is_newer = newest
            .as_ref()
            .is_none_or(|(_, known)| compare(known, &version) == Some(Ordering::Less));
        if is_newer {
            newest = Some((name, version));
        }
    }
    let running_version = version_said(says).or(own_package);
    Kernel { running: running.to_owned(), running_version, newest }
}

/// `... #1 SMP PREEMPT_DYNAMIC Debian 6.1.140-1 (2025-05-22)`, and
/// `Ubuntu 5.15.0-91.101-generic 5.15.131`.
fn version_said(says: &str) -> Option<String> {
    let mut words = says.split_whitespace();
    if says.starts_with("Ubuntu ") {
        let word = words.nth(1)?;
        let end = word.rfind('-').filter(|end| word.get(..*end).is_some_and(|v| v.contains('-')));
        return word.get(..end.unwrap_or(word.len())).map(str::to_owned);
    }
    words.by_ref().find(|word| *word == "Debian")?;
    words.find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
}

fn compare(one: &str, other: &str) -> Option<Ordering> {
    patch::version::compare("Debian", one, other).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "Linux version 6.1.0-10-amd64 (x@debian.example) (gcc-12 (Debian \
        12.2.0-14) 12.2.0, GNU ld) #1 SMP PREEMPT_DYNAMIC Debian 6.1.37-1 (2023-07-03)";

    fn of(running: &str, says: &str, packages: &[(&str, &str)]) -> Kernel {
        let owned = |(name, version): &(&str, &str)| ((*name).to_owned(), (*version).to_owned());
        kernel(running, says, packages.iter().map(owned))
    }

    #[test]
    fn a_newer_kernel_that_is_installed_asks_for_a_restart() {
        let packages =
            [("linux-image-amd64", "6.1.140-1"), ("linux-image-6.1.0-10-amd64", "6.1.37-1")];
        let same = of("6.1.0-10-amd64", DEBIAN, &packages);
        assert_eq!(same.running_version.as_deref(), Some("6.1.37-1"));
        assert_eq!(same.restart_needed(), Some(false));
        let packages = [packages[1], ("linux-image-6.1.0-9-amd64", "6.1.27-1")];
        assert_eq!(of("6.1.0-10-amd64", DEBIAN, &packages).restart_needed(), Some(false));
        let packages = [packages[0], ("linux-image-6.1.0-37-amd64", "6.1.140-1")];
        assert_eq!(of("6.1.0-10-amd64", DEBIAN, &packages).restart_needed(), Some(true));
        // The same release, rebuilt.
        let packages = [("linux-image-6.1.0-10-amd64", "6.1.38-2")];
        assert_eq!(of("6.1.0-10-amd64", DEBIAN, &packages).restart_needed(), Some(true));
    }

    #[test]
    fn a_kernel_from_elsewhere_is_not_judged() {
        assert_eq!(of("6.8.0", "Linux version 6.8.0", &[]).restart_needed(), None);
        let packages = [("linux-image-6.1.0-10-amd64", "6.1.37-1")];
        assert_eq!(of("6.8.0-cloud", "Linux version 6.8.0", &packages).restart_needed(), None);
    }

    #[test]
    fn ubuntu_says_the_version_in_its_own_words() {
        let said = version_said("Ubuntu 5.15.0-91.101-generic 5.15.131");
        assert_eq!(said.as_deref(), Some("5.15.0-91.101"));
    }
}
