//! What the feeds say of packages.

use std::path::Path;

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

/// What the feeds say of some vulnerabilities, taken together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CveFacts {
    /// Ids that CISA lists as exploited.
    pub known_exploited: Vec<String>,
    /// The highest EPSS probability, parts per million.
    pub epss_ppm_max: Option<u32>,
    /// Whether a public proof of concept is known.
    pub public_poc: Option<bool>,
    /// Whether exploitation can be automated.
    pub automatable: Option<bool>,
}

/// Looks vulnerabilities up.
pub fn cve_facts(_path: &Path, _ids: &[String]) -> CveFacts {
    CveFacts::default()
}
