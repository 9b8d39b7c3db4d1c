//! Writes the registry of formats: one module for each file of `src/formats`, sorted by
//! name. A new format is a new file; nothing else is edited.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let crate_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let folder = crate_dir.join("src/formats");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/formats");

    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if let (true, Some(stem)) = (is_rust, path.file_stem().and_then(|stem| stem.to_str())) {
            names.push(stem.to_owned());
        }
    }
    names.sort_unstable();

    let mut out = String::new();
    for name in &names {
        let path = folder.join(format!("{name}.rs"));
        let path = path.to_str().ok_or_else(|| io::Error::other("the path is not UTF-8"))?;
        writeln!(out, "#[path = {path:?}]\npub mod {name};").map_err(io::Error::other)?;
    }
    out.push_str("\n/// Every format that is read, sorted by the name of its file.\n");
    out.push_str("pub static ALL: &[&Format] = &[\n");
    for name in &names {
        writeln!(out, "    &{name}::FORMAT,").map_err(io::Error::other)?;
    }
    out.push_str("];\n");
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("registry.rs"), out)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
