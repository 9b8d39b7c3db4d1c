//! What a model consists of, for others to read: CycloneDX 1.6 (ML-BOM), SPDX 3.0.1 (AI profile)
//! and a SLSA provenance statement (v1).
//!
//! All three are written from one [`Inventory`]. What is not known is left out, or said to be
//! unknown where the standard wants it; nothing is made up. Time and the serial number are
//! arguments.

pub mod card;
mod cyclonedx;
mod slsa;
mod spdx;

pub use cyclonedx::cyclonedx;
pub use slsa::{Build, Material, slsa};
pub use spdx::spdx;

/// A model and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The name of the model.
    pub name: String,
    /// Its version or revision.
    pub version: Option<String>,
    /// Who supplies it.
    pub supplier: Option<String>,
    /// Where it came from, as a URL.
    pub origin: Option<String>,
    /// Its licence, as an SPDX id.
    pub licence: Option<String>,
    /// SHA-256 over its files, as in its manifest, hexadecimal.
    pub sha256: Option<String>,
    /// What it is for, such as `text-generation`.
    pub task: Option<String>,
    /// The family of its architecture, such as `transformer`.
    pub architecture: Option<String>,
    /// Its files.
    pub files: Vec<File>,
    /// The data that it was trained on, as far as its card says.
    pub data: Vec<Data>,
    /// Packages that are needed to use it.
    pub packages: Vec<Package>,
}

/// A file of a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct File {
    /// Its path relative to the model.
    pub path: String,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// Its format, as its content says.
    pub format: String,
    /// What the checks said of it: `malicious`, `suspicious`, `nothing_found`, `unknown`.
    pub verdict: String,
}

/// A set of data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// Its name.
    pub name: String,
    /// Its licence, as an SPDX id.
    pub licence: Option<String>,
}

/// A package of an ecosystem.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL.
    pub purl: String,
}

/// When a document was made, and its serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The time, as RFC 3339 writes it in UTC to the second: `2026-01-02T03:04:05Z`.
    pub time: String,
    /// A UUID that no other document has.
    pub uuid: String,
    /// The version of the program that writes.
    pub program: String,
}

#[cfg(test)]
pub(crate) fn example() -> (Inventory, Stamp) {
    let text = |text: &str| Some(text.to_owned());
    let inventory = Inventory {
        name: "tiny-clinic".into(),
        version: text("1.2"),
        supplier: text("Example Clinic"),
        origin: text("https://models.example/tiny-clinic"),
        licence: text("Apache-2.0"),
        sha256: text(&"ab".repeat(32)),
        task: text("text-classification"),
        architecture: text("transformer"),
        files: vec![File {
            path: "model.safetensors".into(),
            sha256: "cd".repeat(32),
            format: "safetensors".into(),
            verdict: "nothing_found".into(),
        }],
        data: vec![Data { name: "notes-2025".into(), licence: text("CC0-1.0") }],
        packages: vec![Package {
            name: "torch".into(),
            version: text("2.6.0"),
            purl: "pkg:pypi/torch@2.6.0".into(),
        }],
    };
    let stamp = Stamp {
        time: "2026-01-02T03:04:05Z".into(),
        uuid: "3e671687-395b-41f5-a30f-a58921a69b79".into(),
        program: "0.1.0".into(),
    };
    (inventory, stamp)
}
