//! `cargo xtask test`: the whole test, from a bare machine with Rust to one closing line.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::counts::{Counts, Reader};
use crate::phase::Phases;
use crate::prerequisites;

/// How much of the test runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent<'a> {
    /// Everything.
    Whole,
    /// Nothing is installed, no roots are made, no lints run; `cargo test` gets these arguments.
    Quick(&'a [&'a str]),
}

/// Where the tests find what is too large for the repository.
struct Places {
    /// Cached test roots.
    roots: PathBuf,
    /// Real-world data, if it is there.
    corpus: PathBuf,
    /// Modules of Node.js that drive a browser.
    browser: PathBuf,
}

/// Runs the test and prints the counts as the last line.
pub fn run(root: &Path, extent: Extent<'_>) -> ExitCode {
    let mut phases = Phases::start();
    let places = Places::find(root);
    let mut broken = Vec::new();
    if extent == Extent::Whole {
        phases.next("prerequisites");
        for item in prerequisites::install_missing() {
            eprintln!("still missing: {}; skipped therefore: {}", item.package, item.serves);
        }
        prerequisites::install_browser_modules(root, &places.browser);
        phases.next("test roots");
        make_roots(root, &places);
        phases.next("clippy");
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        if !cargo(root, &clippy).status().is_ok_and(|status| status.success()) {
            broken.push("clippy".to_owned());
        }
    }
    phases.next("tests");
    let (mut counts, whole) = tests(root, &places, extent);
    phases.end();
    if !whole && counts.failed == 0 {
        broken.push("cargo test ended with an error before it could count".to_owned());
    }
    if counts.passed + counts.failed == 0 {
        broken.push("no test ran".to_owned());
    }
    for reason in &broken {
        eprintln!("failed: {reason}");
    }
    counts.failed += broken.len();
    eprintln!("{}", phases.summary());
    println!("{}", counts.closing_line());
    if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Places {
    fn find(root: &Path) -> Self {
        let from_env = |name: &str| std::env::var_os(name).map(|path| root.join(path));
        Self {
            roots: from_env("RINGFORT_TEST_ROOTS")
                .unwrap_or_else(|| target_dir(root).join("test-roots")),
            corpus: from_env("RINGFORT_CORPUS").unwrap_or_else(|| root.join("../shared/data")),
            browser: from_env("RINGFORT_TEST_BROWSER")
                .unwrap_or_else(|| target_dir(root).join("browser")),
        }
    }
}

/// Where cargo builds to.
pub fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// A cargo command in the repository.
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root);
    command
}

/// Makes the Debian roots that many tests change and undo. Without them those tests say so.
fn make_roots(root: &Path, places: &Places) {
    let make = cargo(root, &["run", "--quiet", "--package", "testkit", "--bin", "test-roots"])
        .env("RINGFORT_TEST_ROOTS", &places.roots)
        .status();
    if !make.is_ok_and(|status| status.success()) {
        eprintln!("no test roots; tests on real Debian roots will say SKIPPED");
    }
}

/// Streams `cargo test` through and counts. The second value is whether cargo was content.
fn tests(root: &Path, places: &Places, extent: Extent<'_>) -> (Counts, bool) {
    let mut reader = Reader::default();
    let chosen = match extent {
        Extent::Quick(chosen) if !chosen.is_empty() => chosen,
        _ => &["--workspace"],
    };
    let child = cargo(root, &["test", "--no-fail-fast"])
        .args(chosen)
        .args(["--", "--show-output"])
        .env("RINGFORT_TEST_ROOTS", &places.roots)
        .env("RINGFORT_CORPUS", &places.corpus)
        .env("RINGFORT_TEST_BROWSER", &places.browser)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cargo does not start: {error}");
            return (Counts::default(), false);
        }
    };
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line);
            if let Some(shown) = reader.line(text.trim_end_matches('\n')) {
                println!("{shown}");
            }
            line.clear();
        }
    }
    let content = child.wait().is_ok_and(|status| status.success());
    (reader.counts(), content)
}
