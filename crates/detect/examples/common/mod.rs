//! What the benchmarks share: where the recordings are, areas under curves, and the table that
//! `cargo xtask bench detect` reads.

#![allow(dead_code)]

use std::io::Read as _;
use std::path::PathBuf;

/// One figure and its goal.
pub struct Row {
    name: String,
    value: f64,
    goal: f64,
    at_least: bool,
    peer: Option<(&'static str, f64)>,
}

impl Row {
    pub fn min(name: &str, value: f64, goal: f64) -> Self {
        Self { name: name.to_owned(), value, goal, at_least: true, peer: None }
    }

    pub fn max(name: &str, value: f64, goal: f64) -> Self {
        Self { at_least: false, ..Self::min(name, value, goal) }
    }

    pub fn beside(self, peer: &'static str, value: f64) -> Self {
        Self { peer: Some((peer, value)), ..self }
    }
}

/// The closing table of a benchmark: tab-separated, for people and for `xtask`.
pub struct Table<'a>(pub &'a [Row]);

impl Table<'_> {
    pub fn print(&self) {
        println!();
        for row in self.0 {
            let sign = if row.at_least { ">=" } else { "<=" };
            let peer = row
                .peer
                .map_or_else(|| "-\t-".into(), |(name, value)| format!("{name}\t{value:.4}"));
            println!("figure\t{}\t{:.4}\t{sign}\t{}\t{peer}", row.name, row.value, row.goal);
        }
    }
}

/// Where the recordings are.
fn corpus() -> PathBuf {
    std::env::var_os("RINGFORT_CORPUS").map_or_else(|| "../shared/data".into(), PathBuf::from)
}

/// A recording; says so where it is missing.
pub fn read(path: &str) -> Option<Vec<u8>> {
    let path = corpus().join(path);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            println!("SKIPPED: `{}`: {error}", path.display());
            None
        }
    }
}

pub fn read_text(path: &str) -> Option<String> {
    read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The files of an archive as text, in the order of their names.
pub fn unzip(bytes: &[u8]) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = unzip_bytes(bytes)
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8_lossy(&bytes).into_owned()))
        .collect();
    files.sort();
    files
}

pub fn unzip_bytes(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let Ok(mut archive) = zip::ZipArchive::new(std::io::Cursor::new(bytes)) else { return files };
    for at in 0..archive.len() {
        let Ok(mut file) = archive.by_index(at) else { continue };
        let mut bytes = Vec::new();
        let name = file.name().map(std::borrow::Cow::into_owned);
        if file.is_file()
            && file.read_to_end(&mut bytes).is_ok()
            && let Ok(name) = name
        {
            files.push((name, bytes));
        }
    }
    files
}

/// The area under the ROC curve; attacks weigh 1, normal ones `weight` each (which cancels out).
pub fn auc(normal: &[f64], attack: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = normal.iter().map(|score| (*score, false)).collect();
    all.extend(attack.iter().map(|score| (*score, true)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area) = (0.0, 0.0);
    for run in all.chunk_by(|a, b| a.0 == b.0) {
        let normals = run.iter().filter(|(_, is_attack)| !is_attack).count() as f64;
        let attacks = run.len() as f64 - normals;
        area += attacks * (below + normals / 2.0);
        below += normals;
    }
    area / (normal.len() as f64 * attack.len() as f64).max(1.0)
}

/// The share of attacks above the score that `fpr` of the normal ones exceed.
pub fn tpr_at(normal: &[f64], attack: &[f64], fpr: f64) -> f64 {
    let mut sorted = normal.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = ((sorted.len() as f64) * (1.0 - fpr)).ceil() as usize;
    let limit = sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0);
    attack.iter().filter(|score| **score > limit).count() as f64 / attack.len().max(1) as f64
}

/// A seeded generator (SplitMix64).
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        learn::hash::mix(self.0)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            let other = self.below(at + 1);
            items.swap(at, other);
        }
    }
}
