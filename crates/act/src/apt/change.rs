//! Changing packages: the same `apt-get` call on a copy, on another root, and on this machine.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Installed, PackageChange, PackageVersion, installed, offered, parse_simulation};
use crate::child::{Child, Output};
use crate::error::{ActError, During as _};
use crate::limits::{HELPER_TIME_MAX, UPGRADE_TIME_MAX};
use crate::shadow::calls::RECORDING_POLICY;
use crate::shadow::{Inside, run_inside};
use crate::tree::hash_file;

/// Options that make `apt-get` do exactly what is named, without asking and without the network.
const OPTIONS: [&str; 16] = [
    "-y",
    "-q",
    "--no-download",
    "--no-install-recommends",
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
    "-o",
    "Dpkg::Use-Pty=false",
    "-o",
    "APT::Get::List-Cleanup=false",
    "-o",
    "Dir::Cache::pkgcache=",
    "-o",
    "Dir::Cache::srcpkgcache=",
];

/// What stands at `usr/sbin/policy-rc.d` while packages change in a root that is not running:
/// nothing is started (Debian Policy 9.3.3.1: 101 means "not allowed").
const POLICY: &str = "#!/bin/sh\n# put here by ringfort while packages change\nexit 101\n";

/// The path of maintainer scripts on a copy, with the stand-ins of [`crate::shadow::calls`] first.
const STAND_INS_FIRST: &str =
    "DPkg::Path=/run/ringfort/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where packages are changed.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The root.
    pub root: &'a Path,
    /// Whether it is the running system.
    pub live: bool,
    /// The private folder with `lists` and `debs`.
    pub private: &'a Path,
    /// For a copy: the folder that takes down what is asked of services.
    pub calls: Option<&'a Path>,
    /// The lock that the programs inherit, for a place that stays.
    pub held: Option<&'a fs::File>,
}

impl Place<'_> {
    fn run(&self, program: &[&str], time_max: std::time::Duration) -> Result<Output, ActError> {
        let (lists, debs) = (self.private.join("lists"), self.private.join("debs"));
        let sources = self.private.join("sources");
        if !self.live {
            let inside = Inside {
                root: Some(self.root),
                network: false,
                debs: Some(&debs),
                lists: Some(&lists),
                sources: Some(&sources),
                calls: self.calls,
                held: self.held,
            };
            return run_inside(inside, program, time_max);
        }
        let Some((name, args)) = program.split_first() else {
            return Err(ActError::refused("no program was named"));
        };
        let dirs = [
            format!("Dir::State::lists={}", lists.display()),
            format!("Dir::Cache::archives={}", debs.display()),
            format!("Dir::Etc::sourceparts={}", sources.display()),
        ];
        let mut all: Vec<&str> = Vec::new();
        if *name == "apt-get" {
            all.extend(dirs.iter().flat_map(|dir| ["-o", dir.as_str()]));
        }
        all.extend(args);
        Child::new(name, time_max).held(self.held).args(all).run()
    }

    fn apt(&self, packages: &[PackageChange], simulate: bool) -> Result<Output, ActError> {
        let names: Vec<String> = packages.iter().map(|p| version_of(p).argument()).collect();
        let mut program = vec!["apt-get"];
        program.extend(OPTIONS);
        if simulate {
            program.push("--simulate");
        }
        if self.calls.is_some() {
            // apt gives dpkg, and so the maintainer scripts, a path of its own.
            program.extend(["-o", STAND_INS_FIRST]);
        }
        program.push("install");
        program.extend(names.iter().map(String::as_str));
        self.run(&program, UPGRADE_TIME_MAX)
    }

    /// What `apt-get` would change for these packages, and what it would remove.
    pub fn simulate(
        &self,
        packages: &[PackageChange],
    ) -> Result<(Vec<PackageChange>, Vec<String>), ActError> {
        let output = self.apt(packages, true)?;
        if !output.status.success() {
            return Err(ActError::refused(format!("apt finds no way: {}", output.last_words())));
        }
        Ok(parse_simulation(&output.stdout))
    }

    /// Changes the packages.
    pub fn apply(&self, packages: &[PackageChange]) -> Result<(), ActError> {
        let text = if self.calls.is_some() { RECORDING_POLICY } else { POLICY };
        let policy = if self.live { None } else { Some(Policy::put(self.root, text)?) };
        let output = self.apt(packages, false);
        drop(policy);
        let output = output?;
        if output.status.success() {
            Ok(())
        } else {
            let reason = format!("ended with {}: {}", output.status, output.last_words());
            Err(ActError::Child { program: "apt-get".to_owned(), reason })
        }
    }

    /// Problems of the package database after a change: packages at other versions than named,
    /// half-installed ones, unmet dependencies. Empty means none.
    pub fn problems(&self, packages: &[PackageChange]) -> Result<Vec<String>, ActError> {
        let now = installed(self.root)?;
        let mut problems: Vec<String> = packages
            .iter()
            .filter_map(|package| {
                let found = find(&now, package);
                (found != Some(package.to.as_str())).then(|| {
                    let found = found.unwrap_or("not installed");
                    format!("{} is {found} and should be {}", package.name, package.to)
                })
            })
            .collect();
        problems.extend(now.unfinished.iter().map(|name| format!("{name} is half installed")));
        let audit = self.run(&["dpkg", "--audit"], HELPER_TIME_MAX)?;
        if !audit.stdout.trim().is_empty() || !audit.status.success() {
            problems.push(format!("dpkg reports: {}", audit.last_words()));
        }
        let mut check = vec!["apt-get"];
        check.extend(OPTIONS);
        check.push("check");
        let check = self.run(&check, HELPER_TIME_MAX)?;
        if !check.status.success() {
            problems.push(format!("apt reports: {}", check.last_words()));
        }
        Ok(problems)
    }
}

/// The version that is installed of a package, whatever architecture `all` hides.
pub(crate) fn find<'a>(installed: &'a Installed, package: &PackageChange) -> Option<&'a str> {
    let exact = installed.versions.get(&(package.name.clone(), package.arch.clone()));
    exact.map(String::as_str)
}

fn version_of(package: &PackageChange) -> PackageVersion {
    PackageVersion {
        name: package.name.clone(),
        arch: package.arch.clone(),
        version: package.to.clone(),
    }
}

/// Checks that every package's file is there and is the one that the signed metadata names.
pub fn check_files(private: &Path, packages: &[PackageVersion]) -> Result<Vec<PathBuf>, ActError> {
    let wanted: BTreeSet<PackageVersion> = packages.iter().cloned().collect();
    let offered = offered(&private.join("lists"), &wanted)?;
    let mut files = Vec::new();
    for package in packages {
        let name = package.file_name();
        let Some(offer) = offered.get(package) else {
            return Err(ActError::refused(format!(
                "the package metadata does not offer {} {}",
                package.name, package.version
            )));
        };
        let path = private.join("debs").join(&name);
        let found = hash_file(&path).during(|| format!("reading the package `{name}`"))?;
        if found != offer.sha256 {
            // It is not left where apt would find it.
            let _ = fs::remove_file(&path);
            return Err(ActError::refused(format!("the package `{name}` is not the signed one")));
        }
        files.push(path);
    }
    Ok(files)
}

/// A policy-rc.d that is there only while packages change.
struct Policy {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl Policy {
    fn put(root: &Path, text: &str) -> Result<Self, ActError> {
        let path = root.join("usr/sbin/policy-rc.d");
        let doing = || format!("writing `{}`", path.display());
        let before = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // One of ours, left by a crash, is not anybody's own.
            other => Some(other.during(doing)?).filter(|text| text != POLICY.as_bytes()),
        };
        fs::write(&path, text).during(doing)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).during(doing)?;
        Ok(Self { path: path.clone(), before })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let done = match &self.before {
            Some(bytes) => fs::write(&self.path, bytes),
            None => fs::remove_file(&self.path),
        };
        if let Err(error) = done {
            tracing::error!(%error, "`usr/sbin/policy-rc.d` could not be put back");
        }
    }
}

/// Removes a policy-rc.d of ours that a crash left.
pub fn remove_left_policy(root: &Path) {
    let path = root.join("usr/sbin/policy-rc.d");
    if fs::read(&path).is_ok_and(|text| text == POLICY.as_bytes()) {
        let _ = fs::remove_file(path);
    }
}
