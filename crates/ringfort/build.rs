//! Writes the registry of command line verbs: every file of `src/cli` is one verb.
//!
//! Each file has a `pub const VERB: Verb`; its leading `//!` lines become the long help and the
//! manual page. And says how the binary is linked.

use std::fmt::Write as _;
use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    pack_relocations();
    let dir = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("src/cli");
    println!("cargo:rerun-if-changed={}", dir.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(stem) = name.strip_suffix(".rs") {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    let mut modules = String::new();
    let mut list = String::from("pub static ALL: &[(&Verb, &str)] = &[\n");
    for name in &names {
        let path = dir.join(format!("{name}.rs"));
        let text = fs::read_to_string(&path)?;
        let mut doc = String::new();
        for line in text.lines().map_while(|line| line.strip_prefix("//!")) {
            doc.push_str(line.strip_prefix(' ').unwrap_or(line));
            doc.push('\n');
        }
        let _ = writeln!(modules, "#[path = {:?}]\npub mod {name};", path.display().to_string());
        let _ = writeln!(list, "    (&{name}::VERB, {doc:?}),");
    }
    list.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("verbs.rs");
    fs::write(out, modules + &list)
}

/// Asks the linker for packed relocations (`DT_RELR`): the table that every one of the processes
/// reads at its start is then some kilobytes instead of one megabyte. The C library reads them
/// since glibc 2.36; where this machine's does not, or builds for another, they are left out.
fn pack_relocations() {
    let target = |key: &str| env::var(format!("CARGO_CFG_TARGET_{key}")).unwrap_or_default();
    let native = env::var("HOST") == env::var("TARGET");
    if native && target("OS") == "linux" && target("ENV") == "gnu" && reads_packed(&target("ARCH"))
    {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library of this machine offers the version that marks packed relocations.
fn reads_packed(arch: &str) -> bool {
    let multiarch = format!("/lib/{arch}-linux-gnu");
    let found = [multiarch.as_str(), "/lib64", "/usr/lib64", "/usr/lib", "/lib"]
        .iter()
        .find_map(|folder| fs::read(Path::new(folder).join("libc.so.6")).ok());
    let marked = b"GLIBC_ABI_DT_RELR";
    found.is_some_and(|library| library.windows(marked.len()).any(|window| window == marked))
}
