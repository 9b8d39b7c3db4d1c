//! What CISA adds to CVE records (<https://github.com/cisagov/vulnrichment>): the SSVC decision
//! points Exploitation, Automatable and Technical Impact, and CVSS vectors.
//!
//! Two forms are read: a CVE 5 record with the CISA ADP container ([`parse_cve`]), and a compact
//! list of many records ([`read_compact`], one object a CVE with the fields `cve`,
//! `ssvc_Exploitation`, `ssvc_Automatable`, `ssvc_Technical Impact`, `kev` and `cvss`).

use std::io::Read;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    FormatError, limits,
    streaming::{self, Bounds},
};

const FORMAT: &str = "vulnrichment";

/// SSVC Exploitation 1.1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exploitation {
    /// No evidence of exploitation, and no public proof of concept.
    None,
    /// A public proof of concept exists.
    PublicPoc,
    /// It is being exploited.
    Active,
}

/// SSVC Technical Impact 1.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TechnicalImpact {
    /// Some control, or some information.
    Partial,
    /// Total control, or all information.
    Total,
}

/// What CISA says of one CVE. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vulnrichment {
    /// The CVE id.
    pub cve: String,
    /// SSVC Exploitation.
    pub exploitation: Option<Exploitation>,
    /// SSVC Automatable.
    pub automatable: Option<bool>,
    /// SSVC Technical Impact.
    pub technical_impact: Option<TechnicalImpact>,
    /// When it entered the catalogue of known exploited vulnerabilities, `YYYY-MM-DD`.
    pub kev_date: Option<String>,
    /// The CVSS vector of the newest version there is.
    pub cvss: Option<String>,
}

/// Reads a whole compact list into memory.
pub fn parse(bytes: &[u8]) -> Result<Vec<Vulnrichment>, FormatError> {
    let mut all = Vec::new();
    read_compact(bytes, |record| {
        all.push(record);
        Ok(())
    })?;
    Ok(all)
}

/// Reads a compact list and calls `each` with every record. Returns the number of records.
pub fn read_compact(
    reader: impl Read,
    mut each: impl FnMut(Vulnrichment) -> Result<(), FormatError>,
) -> Result<usize, FormatError> {
    let bounds = Bounds {
        format: FORMAT,
        bytes: limits::VULNRICHMENT_BYTES_MAX,
        items: limits::VULNRICHMENT_ENTRIES_MAX,
    };
    streaming::json_array(reader, bounds, |record: Compact| each(record.into()))
}

#[derive(Deserialize)]
struct Compact {
    cve: String,
    #[serde(default, rename = "ssvc_Exploitation")]
    exploitation: Option<String>,
    #[serde(default, rename = "ssvc_Automatable")]
    automatable: Option<String>,
    #[serde(default, rename = "ssvc_Technical Impact")]
    technical_impact: Option<String>,
    #[serde(default)]
    kev: Option<String>,
    #[serde(default)]
    cvss: Vec<(String, Value, String)>,
}

impl From<Compact> for Vulnrichment {
    fn from(record: Compact) -> Self {
        let newest = record.cvss.into_iter().max_by(|a, b| a.0.cmp(&b.0));
        Self {
            cve: record.cve,
            exploitation: record.exploitation.as_deref().and_then(exploitation),
            automatable: record.automatable.as_deref().and_then(automatable),
            technical_impact: record.technical_impact.as_deref().and_then(technical_impact),
            kev_date: record.kev,
            cvss: newest.map(|(_, _, vector)| vector),
        }
    }
}

/// Reads one CVE 5 record.
pub fn parse_cve(bytes: &[u8]) -> Result<Vulnrichment, FormatError> {
    FormatError::check_size(FORMAT, bytes, limits::CVE_BYTES_MAX)?;
    let record: CveRecord =
        serde_json::from_slice(bytes).map_err(|error| FormatError::malformed(FORMAT, error))?;
    let mut out = Vulnrichment { cve: record.metadata.id, ..Vulnrichment::default() };
    let containers = record.containers.cna.into_iter().chain(record.containers.adp);
    let mut newest = "";
    let metrics: Vec<Metric> = containers.flat_map(|container| container.metrics).collect();
    for metric in &metrics {
        if let Some(other) = &metric.other {
            match other.kind.as_str() {
                "ssvc" => take_ssvc(&other.content, &mut out),
                "kev" => out.kev_date = text(&other.content, "dateAdded").map(str::to_owned),
                _ => {}
            }
        }
        for (version, cvss) in metric.cvss() {
            if let Some(vector) = cvss.and_then(|cvss| text(cvss, "vectorString"))
                && version > newest
            {
                newest = version;
                out.cvss = Some(vector.to_owned());
            }
        }
    }
    Ok(out)
}

#[derive(Deserialize)]
struct CveRecord {
    #[serde(rename = "cveMetadata")]
    metadata: CveMetadata,
    #[serde(default)]
    containers: Containers,
}

#[derive(Deserialize)]
struct CveMetadata {
    #[serde(rename = "cveId")]
    id: String,
}

#[derive(Default, Deserialize)]
struct Containers {
    #[serde(default)]
    cna: Option<Container>,
    #[serde(default)]
    adp: Vec<Container>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    #[serde(default)]
    other: Option<OtherMetric>,
    #[serde(default, rename = "cvssV2_0")]
    v2: Option<Value>,
    #[serde(default, rename = "cvssV3_0")]
    v3_0: Option<Value>,
    #[serde(default, rename = "cvssV3_1")]
    v3_1: Option<Value>,
    #[serde(default, rename = "cvssV4_0")]
    v4: Option<Value>,
}

impl Metric {
    fn cvss(&self) -> [(&'static str, Option<&Value>); 4] {
        [
            ("2.0", self.v2.as_ref()),
            ("3.0", self.v3_0.as_ref()),
            ("3.1", self.v3_1.as_ref()),
            ("4.0", self.v4.as_ref()),
        ]
    }
}

#[derive(Deserialize)]
struct OtherMetric {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: Value,
}

fn take_ssvc(content: &Value, out: &mut Vulnrichment) {
    for option in content.get("options").and_then(Value::as_array).into_iter().flatten() {
        if let Some(value) = text(option, "Exploitation") {
            out.exploitation = exploitation(value);
        }
        if let Some(value) = text(option, "Automatable") {
            out.automatable = automatable(value);
        }
        if let Some(value) = text(option, "Technical Impact") {
            out.technical_impact = technical_impact(value);
        }
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn exploitation(word: &str) -> Option<Exploitation> {
    match word.to_ascii_lowercase().as_str() {
        "none" => Some(Exploitation::None),
        "poc" | "public poc" => Some(Exploitation::PublicPoc),
        "active" => Some(Exploitation::Active),
        _ => None,
    }
}

fn automatable(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn technical_impact(word: &str) -> Option<TechnicalImpact> {
    match word.to_ascii_lowercase().as_str() {
        "partial" => Some(TechnicalImpact::Partial),
        "total" => Some(TechnicalImpact::Total),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compact_list_is_read_whatever_the_case_of_its_words() {
        let list = br#"[{"cve":"CVE-2026-1","ssvc_Exploitation":"PoC","ssvc_Automatable":"Yes",
            "ssvc_Technical Impact":"total","kev":"2026-01-02",
            "cvss":[["cvssV3_1",9.8,"CVSS:3.1/x"],["cvssV4_0",9.3,"CVSS:4.0/x"]],"refs":3},
            {"cve":"CVE-2026-2","cvss":[]}]"#;
        let records = parse(list).unwrap();
        assert_eq!(
            records[0],
            Vulnrichment {
                cve: "CVE-2026-1".into(),
                exploitation: Some(Exploitation::PublicPoc),
                automatable: Some(true),
                technical_impact: Some(TechnicalImpact::Total),
                kev_date: Some("2026-01-02".into()),
                cvss: Some("CVSS:4.0/x".into()),
            }
        );
        assert_eq!(records[1].exploitation, None);
    }

    const RECORD: &str = r#"{"dataType": "CVE_RECORD", "dataVersion": "5.1",
        "cveMetadata": {"cveId": "CVE-2026-1", "state": "PUBLISHED"},
        "containers": {
          "cna": {"metrics": [{"cvssV3_1": {"vectorString": "CVSS:3.1/a", "baseScore": 5.0}}]},
          "adp": [{"title": "CISA ADP Vulnrichment", "metrics": [
            {"other": {"type": "ssvc", "content": {"id": "CVE-2026-1", "options": [
              {"Exploitation": "active"}, {"Automatable": "no"}, {"Technical Impact": "partial"}],
              "role": "CISA Coordinator", "version": "2.0.3"}}},
            {"other": {"type": "kev", "content": {"dateAdded": "2026-02-03"}}},
            {"cvssV3_0": {"vectorString": "CVSS:3.0/b"}}]},
           {"title": "CVE Program Container"}]}}"#;

    #[test]
    fn a_cve_record_is_read_with_its_adp_container() {
        let record = parse_cve(RECORD.as_bytes()).unwrap();
        assert_eq!(record.exploitation, Some(Exploitation::Active));
        assert_eq!(record.automatable, Some(false));
        assert_eq!(record.technical_impact, Some(TechnicalImpact::Partial));
        assert_eq!(record.kev_date.as_deref(), Some("2026-02-03"));
        assert_eq!(record.cvss.as_deref(), Some("CVSS:3.1/a"));
    }

    #[test]
    fn cut_inputs_are_errors() {
        for end in 0..RECORD.len() {
            assert!(parse_cve(&RECORD.as_bytes()[..end]).is_err(), "{end}");
        }
        assert!(parse(b"[{\"cve\":\"CVE-1\"}").is_err());
    }
}
