//! The chores of this repository: `cargo xtask tidy`, `cargo xtask test`, `cargo xtask bench`.
//!
//! | command | does |
//! |---|---|
//! | `tidy` | checks the house rules that the compiler and clippy cannot see |
//! | `test` | installs what the tests need, makes test roots, lints, tests, and counts |
//! | `bench` | measures against the stated goals, beside a peer where there is one |
#![expect(
    clippy::disallowed_methods,
    reason = "chores start cargo, rustfmt, apt and the programs they measure, and time them"
)]

mod bench;
mod counts;
mod phase;
mod prerequisites;
mod source;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask <command>

  tidy                 check the house rules; exit 1 and one hint a failure
  test [--quick]       install what is missing, make test roots, lint, test
                       (--quick: no installing, no roots, no lints)
  bench [NAME...]      run the named measurements, or all of them
  bench --list         name them
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tidy"] => tidy::run(&repository_root()),
        ["test"] => test::run(&repository_root(), test::Extent::Whole),
        ["test", "--quick"] => test::run(&repository_root(), test::Extent::Quick),
        ["bench", names @ ..] => bench::run(&repository_root(), names),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

/// The root of the repository: two folders above this crate's manifest.
fn repository_root() -> PathBuf {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_dir.ancestors().nth(2).unwrap_or(crate_dir).to_path_buf()
}
