//! Roots of real Debian 12 systems, made once with mmdebstrap from the main suite only (so that
//! the security suite has something to mend) and kept as archives.
//!
//! They lie in the folder that `RINGFORT_TEST_ROOTS` names, else in `test-roots` below the build
//! folder. `cargo xtask test` makes what is missing; a test takes [`ready`] and says `SKIPPED`
//! with the reason where a root is not there.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mirror::{Mirrors, SUITE};
use crate::process;

/// How long making one root may take.
const MAKE_TIME_MAX: Duration = Duration::from_mins(30);
/// How long unpacking one root may take.
const UNPACK_TIME_MAX: Duration = Duration::from_mins(5);
/// Lines of a failed program's output that are shown.
const LINES_SHOWN: usize = 12;

/// The roots there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// dpkg, apt and rsync.
    Mini,
    /// A machine that boots: systemd, nftables, rsync.
    Booted,
    /// A server: nginx, openssh-server, rsync, redis, bind9, postgresql.
    Server,
    /// More than 300 packages, for measurements.
    Large,
}

impl Root {
    /// Those that the tests use. [`Root::Large`] is for measurements.
    pub const FOR_TESTS: [Self; 3] = [Self::Mini, Self::Booted, Self::Server];

    /// The root of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Mini, Self::Booted, Self::Server, Self::Large]
            .into_iter()
            .find(|root| root.name() == name)
    }

    /// The name, which is the archive's without `.tar`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mini => "mini",
            Self::Booted => "booted",
            Self::Server => "server",
            Self::Large => "large",
        }
    }

    /// Packages that are in it beside apt and what is essential.
    const fn packages(self) -> &'static str {
        match self {
            Self::Mini => "rsync",
            Self::Booted => "systemd-sysv,nftables,rsync",
            Self::Server => {
                "nginx,openssh-server,rsync,redis-server,bind9,postgresql,ca-certificates"
            }
            Self::Large => {
                "nginx,openssh-server,rsync,redis-server,bind9,postgresql,ca-certificates,\
                 build-essential,git,vim,curl,wget,python3-pip,php-fpm,mariadb-server,samba,\
                 default-jre-headless,ruby,nodejs,snmpd,chrony"
            }
        }
    }
}

/// Why a root is not there.
#[derive(Debug)]
pub struct Unavailable {
    root: Root,
    reason: String,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no test root `{}`: {}", self.root.name(), self.reason)
    }
}

impl std::error::Error for Unavailable {}

/// The folder that holds the archives.
pub fn folder() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let from_env = |name: &str| std::env::var_os(name).map(|path| checkout.join(path));
    from_env("RINGFORT_TEST_ROOTS").unwrap_or_else(|| {
        from_env("CARGO_TARGET_DIR").unwrap_or_else(|| checkout.join("target")).join("test-roots")
    })
}

/// The archive of a root that was made before.
pub fn ready(root: Root) -> Result<PathBuf, Unavailable> {
    let archive = archive_in(&folder(), root);
    if archive.is_file() {
        return Ok(archive);
    }
    let reason = format!(
        "`{}` is not there; make it as root with `cargo run -p testkit --bin test-roots`",
        archive.display()
    );
    Err(Unavailable { root, reason })
}

/// The archive of a root in a folder; made now if it is not there. Whoever else makes one at the
/// same time waits; what an interrupted run left is thrown away.
pub fn ensure(root: Root, folder: &Path) -> Result<PathBuf, Unavailable> {
    let unavailable = |reason: String| Unavailable { root, reason };
    let archive = archive_in(folder, root);
    if archive.is_file() {
        return Ok(archive);
    }
    let disk = |error: io::Error| unavailable(format!("`{}`: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(disk)?;
    let lock = File::create(folder.join(format!("{}.lock", root.name()))).map_err(disk)?;
    lock.lock().map_err(disk)?;
    if archive.is_file() {
        return Ok(archive);
    }
    let partial = folder.join(format!("{}.partial.tar", root.name()));
    let made = make(root, &partial).map_err(unavailable);
    if made.is_err() {
        let _ = fs::remove_file(&partial); // The next run makes it anew in any case.
    }
    made?;
    fs::rename(&partial, &archive).map_err(disk)?;
    Ok(archive)
}

/// Unpacks an archive with owners, modes and extended attributes. Needs root.
pub fn unpack(archive: &Path, into: &Path) -> io::Result<()> {
    let mut tar = process::command("tar");
    tar.args(["--extract", "--preserve-permissions", "--numeric-owner", "--same-owner"])
        .args(["--xattrs", "--xattrs-include=*", "--file"])
        .arg(archive)
        .arg("--directory")
        .arg(into);
    let output = process::run(&mut tar, UNPACK_TIME_MAX)?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("`{}`: {}", archive.display(), last_lines(&output.stderr))))
}

fn archive_in(folder: &Path, root: Root) -> PathBuf {
    folder.join(format!("{}.tar", root.name()))
}

fn make(root: Root, partial: &Path) -> Result<(), String> {
    if !is_root() {
        return Err("making it needs root".into());
    }
    if !process::is_there("mmdebstrap") {
        return Err("mmdebstrap is not installed (apt-get install mmdebstrap)".into());
    }
    let Some(mirror) = Mirrors::of_machine(Path::new("/")).main else {
        return Err("this machine's apt sources name no Debian archive".into());
    };
    let signed_by = mirror.signed_by.map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
    let mut mmdebstrap = process::command("mmdebstrap");
    mmdebstrap
        .args(["--variant=apt", "--format=tar"])
        .arg(format!("--include={}", root.packages()))
        .arg(SUITE)
        .arg(partial)
        .arg(format!("deb {signed_by}{} {SUITE} main", mirror.uri))
        .env("DEBIAN_FRONTEND", "noninteractive");
    match process::run(&mut mmdebstrap, MAKE_TIME_MAX) {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("mmdebstrap failed:\n{}", last_lines(&output.stderr))),
        Err(error) => Err(format!("mmdebstrap: {error}")),
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines.get(lines.len().saturating_sub(LINES_SHOWN)..).unwrap_or_default().join("\n")
}

/// Whether this process may make and unpack roots.
pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    ids.split_whitespace().nth(1) == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mini.tar"), b"kept").unwrap();
        let archive = ensure(Root::Mini, folder.path()).unwrap();
        assert_eq!(fs::read(archive).unwrap(), b"kept");
    }

    #[test]
    fn a_root_has_one_name() {
        for root in [Root::Mini, Root::Booted, Root::Server, Root::Large] {
            assert_eq!(Root::named(root.name()), Some(root));
        }
        assert_eq!(Root::named("other"), None);
    }

    #[test]
    fn a_real_root_unpacks_with_its_package_database() {
        let archive = match ready(Root::Mini) {
            Ok(archive) if is_root() => archive,
            Ok(_) => return println!("SKIPPED: unpacking needs root"),
            Err(reason) => return println!("SKIPPED: {reason}"),
        };
        let into = tempfile::tempdir().unwrap();
        unpack(&archive, into.path()).unwrap();
        let status = fs::read_to_string(into.path().join("var/lib/dpkg/status")).unwrap();
        assert!(status.contains("Package: rsync\n"));
        assert!(unpack(&into.path().join("none.tar"), into.path()).is_err());
    }
}
