//! The CISA catalogue of known exploited vulnerabilities
//! (<https://www.cisa.gov/known-exploited-vulnerabilities-catalog>), JSON.

use serde::{Deserialize, Serialize};

use crate::{FormatError, limits};

const FORMAT: &str = "KEV";

/// The catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KevCatalog {
    /// The catalogue's version, such as `2025.08.25`.
    pub catalog_version: String,
    /// When it was released, RFC 3339.
    pub date_released: String,
    /// The entries.
    pub vulnerabilities: Vec<KevEntry>,
}

/// One vulnerability that is known to be exploited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KevEntry {
    /// The CVE id.
    #[serde(rename = "cveID")]
    pub cve: String,
    /// Who makes the product.
    #[serde(default)]
    pub vendor_project: String,
    /// The product.
    #[serde(default)]
    pub product: String,
    /// The vulnerability's name.
    #[serde(default)]
    pub vulnerability_name: String,
    /// When it entered the catalogue, `YYYY-MM-DD`.
    pub date_added: String,
    /// By when US agencies must act, `YYYY-MM-DD`.
    #[serde(default)]
    pub due_date: String,
    /// `Known` where ransomware crews use it, else `Unknown`.
    #[serde(default)]
    pub known_ransomware_campaign_use: String,
}

impl KevEntry {
    /// Whether ransomware crews are known to use it.
    pub fn used_by_ransomware(&self) -> bool {
        self.known_ransomware_campaign_use.eq_ignore_ascii_case("known")
    }
}

/// Reads the catalogue.
pub fn parse(bytes: &[u8]) -> Result<KevCatalog, FormatError> {
    FormatError::check_size(FORMAT, bytes, limits::KEV_BYTES_MAX)?;
    let catalog: KevCatalog =
        serde_json::from_slice(bytes).map_err(|error| FormatError::malformed(FORMAT, error))?;
    let count = catalog.vulnerabilities.len();
    FormatError::check_count(FORMAT, "entries", count, limits::KEV_ENTRIES_MAX)?;
    Ok(catalog)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"title": "x", "catalogVersion": "2026.01.02",
        "dateReleased": "2026-01-02T00:00:00Z", "count": 1, "vulnerabilities": [{
        "cveID": "CVE-2026-1", "vendorProject": "Example", "product": "Widget",
        "vulnerabilityName": "Widget Overflow", "dateAdded": "2026-01-01",
        "dueDate": "2026-01-22", "knownRansomwareCampaignUse": "Known", "cwes": []}]}"#;

    #[test]
    fn an_entry_is_read() {
        let catalog = parse(JSON.as_bytes()).unwrap();
        assert_eq!(catalog.vulnerabilities[0].cve, "CVE-2026-1");
        assert!(catalog.vulnerabilities[0].used_by_ransomware());
    }

    #[test]
    fn a_cut_catalogue_is_an_error() {
        for end in 0..JSON.len() {
            assert!(parse(&JSON.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(parse(b"[]").is_err());
    }
}
