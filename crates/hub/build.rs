//! Writes the registry of pages: every file of `src/web` but `mod.rs` is one page.

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    let dir = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("src/web");
    println!("cargo:rerun-if-changed={}", dir.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "mod") {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    let mut modules = String::new();
    let mut list =
        String::from("/// Every page, by the name of its file.\npub static ALL: &[&Page] = &[\n");
    for name in &names {
        let path = dir.join(format!("{name}.rs"));
        let _ = writeln!(modules, "#[path = {:?}]\npub mod {name};", path.display().to_string());
        let _ = writeln!(list, "    &{name}::PAGE,");
    }
    list.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("pages.rs");
    fs::write(out, modules + &list)
}
