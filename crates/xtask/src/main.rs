//! The chores of this repository: `cargo xtask tidy`, `cargo xtask test`, `cargo xtask bench`.
//!
//! | command | does |
//! |---|---|
//! | `tidy` | checks the house rules that the compiler and clippy cannot see |
//! | `test` | installs what the tests need, makes test roots, lints, tests, and counts |
//! | `names` | makes the filter of known package names |
//! | `bench` | measures against the stated goals, beside a peer where there is one |
#![expect(
    clippy::disallowed_methods,
    reason = "chores start cargo, rustfmt, apt and the programs they measure, and time them"
)]

mod bench;
mod counts;
mod names;
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
  test                 install what is missing, make test roots, lint, test
  test --quick [ARGUMENTS]
                       test only, all crates or as the arguments tell `cargo test`
                       (such as `--package net`)
  bench [NAME...]      run the named measurements, or all of them
  bench --list         name them
  names                make the filter of known package names of its lists
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["tidy"] => tidy::run(&repository_root()),
        ["test"] => test::run(&repository_root(), test::Extent::Whole),
        ["test", "--quick", chosen @ ..] => {
            test::run(&repository_root(), test::Extent::Quick(chosen))
        }
        ["names"] => names::run(&repository_root()),
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

/// The root of the repository: two folders above this crate's manifest. Cargo says at run time
/// where that is; a build folder that several checkouts share may hold another one's program.
fn repository_root() -> PathBuf {
    let built_for = || env!("CARGO_MANIFEST_DIR").into();
    let crate_dir = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(built_for, PathBuf::from);
    crate_dir.ancestors().nth(2).map(Path::to_path_buf).unwrap_or(crate_dir)
}
