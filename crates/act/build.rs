//! Lists `src/actuators/*.rs`, sorted, and writes the registry: one file is one actuator, and no
//! other file names it.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src/actuators");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let rust = path.extension().is_some_and(|ending| ending == "rs");
        if let (true, Some(stem)) = (rust, path.file_stem().and_then(|stem| stem.to_str())) {
            names.push(stem.to_owned());
        }
    }
    names.sort_unstable();
    let mut code = String::new();
    for name in &names {
        let path = folder.join(format!("{name}.rs"));
        writeln!(code, "#[path = {:?}]\npub mod {name};", path.display().to_string())?;
    }
    writeln!(code, "/// Every actuator, sorted by file name.")?;
    writeln!(code, "pub static REGISTRY: &[&dyn crate::actuator::Registered] = &[")?;
    for name in &names {
        writeln!(code, "    &crate::actuator::Entry::<{name}::Actuator>::NEW,")?;
    }
    writeln!(code, "];")?;
    fs::write(Path::new(&env::var("OUT_DIR")?).join("actuators.rs"), code)?;
    Ok(())
}
