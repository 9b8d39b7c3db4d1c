//! What the tests need beside Rust, where it comes from, and what is skipped without it.

use std::path::Path;
use std::process::{Command, Stdio};

/// One thing that the tests use.
pub struct Prerequisite {
    /// The Debian package that brings it.
    pub package: &'static str,
    /// How to see that it is there.
    probe: Probe,
    /// What is skipped without it.
    pub serves: &'static str,
}

enum Probe {
    Program(&'static str),
    Path(&'static str),
}

const PREREQUISITES: [Prerequisite; 17] = [
    Prerequisite::program("gcc", "cc", "everything: the bundled SQLite and zstd are C"),
    Prerequisite::path("libc6-dev", "/usr/include/stdio.h", "everything, as above"),
    Prerequisite::path(
        "ca-certificates",
        "/etc/ssl/certs/ca-certificates.crt",
        "fetching over TLS while test roots are made",
    ),
    Prerequisite::program("mmdebstrap", "mmdebstrap", "tests on real Debian roots"),
    Prerequisite::program("golang-go", "go", "the ledger read by a verifier that is not ours"),
    Prerequisite::path(
        "golang-golang-x-mod-dev",
        "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog",
        "the ledger read by a verifier that is not ours",
    ),
    Prerequisite::program("nftables", "nft", "blocking addresses in a network namespace"),
    Prerequisite::program("iproute2", "ip", "blocking addresses in a network namespace"),
    Prerequisite::program("xz-utils", "xz", "test roots and compressed feeds"),
    Prerequisite::program("gpgv", "gpgv", "refreshing signed package metadata"),
    Prerequisite::program("util-linux", "unshare", "dry runs in their own namespaces"),
    Prerequisite::program("systemd-container", "systemd-nspawn", "the package on booted machines"),
    Prerequisite::path(
        "python3-aiosmtpd",
        "/usr/lib/python3/dist-packages/aiosmtpd",
        "messages to a real mail server",
    ),
    Prerequisite::program("chromium", "chromium", "the page in a real browser"),
    Prerequisite::program("nodejs", "node", "the page in a real browser"),
    Prerequisite::program("npm", "npm", "the page in a real browser"),
    Prerequisite::program("openssh-client", "ssh-keygen", "approvals with keys of OpenSSH"),
];

impl Prerequisite {
    const fn program(package: &'static str, name: &'static str, serves: &'static str) -> Self {
        Self { package, probe: Probe::Program(name), serves }
    }

    const fn path(package: &'static str, path: &'static str, serves: &'static str) -> Self {
        Self { package, probe: Probe::Path(path), serves }
    }

    fn is_there(&self) -> bool {
        match self.probe {
            Probe::Path(path) => Path::new(path).exists(),
            Probe::Program(name) => find_program(name),
        }
    }
}

/// Whether a program is in `PATH` or where the administrator's programs lie.
pub fn find_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(name).is_file())
}

/// Installs what is missing, where that is possible. Returns what is still missing.
pub fn install_missing() -> Vec<&'static Prerequisite> {
    let missing = missing();
    if missing.is_empty() {
        eprintln!("everything that the tests need is here");
        return missing;
    }
    let packages: Vec<&str> = missing.iter().map(|item| item.package).collect();
    eprintln!("missing: {}", packages.join(" "));
    if !find_program("apt-get") {
        eprintln!("cannot install them: this machine has no apt-get");
    } else if !is_root() {
        eprintln!("cannot install them without root; an administrator can:");
        eprintln!("  apt-get install --no-install-recommends {}", packages.join(" "));
    } else {
        apt_get(&["update"]);
        let together = ["install", "--yes", "--no-install-recommends"];
        if !apt_get(&[&together[..], &packages[..]].concat()) {
            // One that does not exist here must not keep the others out.
            for package in &packages {
                apt_get(&[&together[..], &[package]].concat());
            }
        }
    }
    self::missing()
}

fn missing() -> Vec<&'static Prerequisite> {
    PREREQUISITES.iter().filter(|item| !item.is_there()).collect()
}

/// Installs the modules that drive a browser into a folder, as `tests/browser/package.json` names
/// them. Without them the browser's test says so.
pub fn install_browser_modules(root: &Path, folder: &Path) {
    let manifest = root.join("tests/browser/package.json");
    let wanted = std::fs::read(&manifest).ok();
    let is_there = folder.join("node_modules/axe-core").is_dir()
        && std::fs::read(folder.join("package.json")).ok() == wanted;
    if is_there || !find_program("npm") {
        return;
    }
    let copied = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::copy(manifest, folder.join("package.json")));
    if let Err(error) = copied {
        eprintln!("no browser modules: {error}");
        return;
    }
    eprintln!("$ npm install (in {})", folder.display());
    let status = Command::new("npm")
        .args(["install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    if !status.is_ok_and(|status| status.success()) {
        eprintln!("the browser modules could not be installed; that test will say SKIPPED");
    }
}

/// Whether this process may install packages and make roots.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    ids.split_whitespace().nth(1) == Some("0")
}

fn apt_get(arguments: &[&str]) -> bool {
    eprintln!("$ apt-get {}", arguments.join(" "));
    let status = Command::new("apt-get")
        .args(["-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() {
        assert!(find_program("sh"));
        assert!(!find_program("no-such-program-is-here"));
    }

    #[test]
    fn every_prerequisite_says_what_it_serves() {
        for item in &PREREQUISITES {
            assert!(!item.package.is_empty() && !item.serves.is_empty());
        }
    }
}
