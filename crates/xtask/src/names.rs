//! `cargo xtask names`: makes the compact filter of known package names of the committed lists.

use std::path::Path;
use std::process::ExitCode;

#[path = "../../vet/src/deps/filter.rs"]
mod filter;

/// Reads the lists and writes the filter.
pub fn run(root: &Path) -> ExitCode {
    let lists = root.join("crates/vet/names");
    let read = |file: &str| std::fs::read_to_string(lists.join(file));
    let (pypi, npm) = match (read("pypi.txt"), read("npm.txt")) {
        (Ok(pypi), Ok(npm)) => (pypi, npm),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("the lists of names cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let pypi_names = pypi.lines().map(|name| ("PyPI", name));
    let names: Vec<(&str, &str)> =
        pypi_names.chain(npm.lines().map(|name| ("npm", name))).collect();
    let bytes = filter::build(names.iter().copied());
    if let Some((_, lost)) = names.iter().find(|(of, name)| !filter::holds(&bytes, of, name)) {
        eprintln!("the filter does not hold `{lost}`");
        return ExitCode::FAILURE;
    }
    let count = names.len();
    let path = root.join("crates/vet/src/deps/names.filter");
    match std::fs::write(&path, &bytes) {
        Ok(()) => {
            println!("{count} names in {} bytes", bytes.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("the filter cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}
