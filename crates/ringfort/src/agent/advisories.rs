//! What the feeds say of packages.

use std::path::Path;

use patch::ssvc::CveIntel;
use sources::Found;

use super::scan::ScanLine;
use crate::failure::Failure;

/// What the feeds say of one package.
#[derive(Clone, Debug, Default)]
pub struct Advice {
    /// The package, by its place in the inventory.
    pub package: usize,
}

impl Advice {
    /// Adds it to the package's line.
    pub fn add_to(&self, _line: &mut ScanLine) {}
}

/// Looks packages up.
pub fn look_up(_path: &Path, _packages: &[Found]) -> Result<Vec<Advice>, Failure> {
    Ok(Vec::new())
}

/// What the feeds say of vulnerabilities.
pub fn cve_intel(_path: &Path, ids: &[String]) -> Vec<CveIntel> {
    ids.iter().map(|id| CveIntel { cve: id.clone(), ..CveIntel::default() }).collect()
}
