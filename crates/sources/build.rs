//! Writes the registries of this crate: one module for each file of `src/ecosystems` and of
//! `src/logs`, sorted by name. A new ecosystem or log source is a new file; nothing else is edited.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A folder of which every file is one entry of a registry.
struct Registry {
    /// The folder, below the crate.
    folder: &'static str,
    /// The file that is written.
    out: &'static str,
    /// The type and the name of the descriptor that every file holds.
    descriptor: (&'static str, &'static str),
    /// What the list is, for its documentation.
    doc: &'static str,
}

const REGISTRIES: [Registry; 2] = [
    Registry {
        folder: "src/ecosystems",
        out: "registry.rs",
        descriptor: ("Ecosystem", "ECOSYSTEM"),
        doc: "Every ecosystem that ringfort reads",
    },
    Registry {
        folder: "src/logs",
        out: "log_registry.rs",
        descriptor: ("LogSource", "SOURCE"),
        doc: "Every log source that ringfort reads",
    },
];

fn main() -> io::Result<()> {
    let crate_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    println!("cargo::rerun-if-changed=build.rs");
    for registry in &REGISTRIES {
        println!("cargo::rerun-if-changed={}", registry.folder);
        let text = registry.text(&crate_dir.join(registry.folder)).map_err(io::Error::other)?;
        fs::write(out_dir.join(registry.out), text)?;
    }
    Ok(())
}

impl Registry {
    fn text(&self, folder: &Path) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let names = names(folder)?;
        let mut out = String::new();
        for name in &names {
            let path = folder.join(format!("{name}.rs"));
            let path = path.to_str().ok_or("the path is not UTF-8")?;
            writeln!(out, "#[path = {path:?}]\npub mod {name};")?;
        }
        let (kind, descriptor) = self.descriptor;
        writeln!(out, "\n/// {}, sorted by the name of its file.", self.doc)?;
        writeln!(out, "pub static ALL: &[&{kind}] = &[")?;
        for name in &names {
            writeln!(out, "    &{name}::{descriptor},")?;
        }
        out.push_str("];\n");
        Ok(out)
    }
}

/// The names of a folder's Rust files without `.rs`, sorted.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        if let (true, Some(stem)) = (is_rust, path.file_stem().and_then(|stem| stem.to_str())) {
            names.push(stem.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}
