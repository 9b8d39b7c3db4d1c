//! Times the readers on a root: `cargo run --release -p sources --example measure -- ROOT [index]`.
//!
//! With `index`, apt's lists are read and an index of them is written there first, unless it is
//! there already; without, only the packages are read. Prints milliseconds and the largest
//! resident memory of each step.

use std::path::Path;
use std::time::Instant;
use std::{env, fs, io};

use sources::apt::lists::{LISTS_FOLDER, ListsQuery};
use sources::apt::{IndexKey, IndexReader, SourcesList, encode, read_lists};
use sources::{RootTree, Scope, scan};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let root = arguments.next().ok_or_else(|| io::Error::other("usage: measure ROOT [INDEX]"))?;
    let tree = RootTree::open(Path::new(&root))?;
    let inventory = step("dpkg", || scan(&tree, &Scope::places_only()));
    println!("{} packages, complete: {}", inventory.packages.len(), inventory.is_complete());
    let Some(index) = arguments.next() else { return Ok(()) };
    if index == "walk" {
        let all = step("walk", || scan(&tree, &Scope::everything()));
        println!("{} packages, {} gaps", all.packages.len(), all.gaps.len());
        return Ok(());
    }
    let sources = step("sources", || SourcesList::of_tree(&tree));
    let key = step("key", || IndexKey::of(&tree, LISTS_FOLDER, Some(&sources)))
        .map_err(io::Error::other)?;
    if !Path::new(&index).exists() {
        let query = ListsQuery { sources: Some(&sources), names: None };
        let lists = step("lists", || read_lists(&tree, LISTS_FOLDER, query));
        for file in &lists.files {
            println!(
                "{} rows {} verified {:?} {:?}",
                file.name, file.rows, file.verified, file.problem
            );
        }
        let bytes = step("encode", || encode(&lists, key)).map_err(io::Error::other)?;
        println!("{} versions, {} bytes", lists.len(), bytes.len());
        fs::write(&index, bytes)?;
    }
    let reader = step("index", || IndexReader::parse(fs::read(&index)?).map_err(io::Error::other))?;
    println!("key agrees: {}", reader.key() == key);
    let offered = step("match", || {
        let names = inventory.packages.iter().map(|found| found.package.name.as_str());
        names.map(|name| reader.versions(name).len()).sum::<usize>()
    });
    println!("{offered} versions offered of installed packages");
    Ok(())
}

fn step<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let ms = start.elapsed().as_secs_f64() * 1_000.0;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("{name}: {ms:.2} ms, {peak}");
    result
}
