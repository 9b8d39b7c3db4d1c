//! OSV records (<https://ossf.github.io/osv-schema/>, schema 1.7), as JSON and as the YAML that
//! the PyPA advisory database keeps.
//!
//! Every field that the matching needs has a type; `database_specific` and `ecosystem_specific`
//! are kept as they are. Unknown fields are ignored, as the schema asks of readers.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{FormatError, limits};

const FORMAT: &str = "OSV";

/// One OSV record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Osv {
    /// The schema version the record was written for.
    #[serde(default)]
    pub schema_version: String,
    /// The record's id, such as `GO-2022-0969`.
    pub id: String,
    /// When the record last changed, RFC 3339.
    #[serde(default)]
    pub modified: String,
    /// When the record was published, RFC 3339.
    #[serde(default)]
    pub published: String,
    /// When the record was withdrawn, RFC 3339. A withdrawn record matches nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<String>,
    /// Ids of the same vulnerability in other databases.
    #[serde(default, deserialize_with = "or_default")]
    pub aliases: Vec<String>,
    /// Ids of the upstream vulnerabilities that this record repeats (schema 1.7).
    #[serde(default, deserialize_with = "or_default")]
    pub upstream: Vec<String>,
    /// Ids of vulnerabilities that are closely related but not the same.
    #[serde(default, deserialize_with = "or_default")]
    pub related: Vec<String>,
    /// One line.
    #[serde(default)]
    pub summary: String,
    /// The whole text.
    #[serde(default)]
    pub details: String,
    /// Severities that hold for every affected package.
    #[serde(default, deserialize_with = "or_default")]
    pub severity: Vec<Severity>,
    /// What is affected.
    #[serde(default, deserialize_with = "or_default")]
    pub affected: Vec<Affected>,
    /// Where to read on.
    #[serde(default, deserialize_with = "or_default")]
    pub references: Vec<Reference>,
    /// The database's own fields.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub database_specific: Map<String, Value>,
}

/// A severity and the scheme it is written in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severity {
    /// The scheme: `CVSS_V2`, `CVSS_V3`, `CVSS_V4`, or the name of a vendor's own.
    #[serde(rename = "type")]
    pub scheme: String,
    /// The vector, or the vendor's word.
    pub score: String,
}

/// A package and the versions of it that are affected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// The package; absent where only a source repository is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<OsvPackage>,
    /// Severities that hold for this package.
    #[serde(default, deserialize_with = "or_default")]
    pub severity: Vec<Severity>,
    /// Ranges of versions.
    #[serde(default, deserialize_with = "or_default")]
    pub ranges: Vec<Range>,
    /// Enumerated versions.
    #[serde(default, deserialize_with = "or_default")]
    pub versions: Vec<String>,
    /// The ecosystem's own fields.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub ecosystem_specific: Map<String, Value>,
    /// The database's own fields.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Map::is_empty")]
    pub database_specific: Map<String, Value>,
}

/// The package of an affected entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsvPackage {
    /// The ecosystem, with a release after a colon where it has one, such as `Debian:12`.
    pub ecosystem: String,
    /// The package's name as its ecosystem writes it.
    pub name: String,
    /// The package URL without a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purl: Option<String>,
}

/// What the events of a range are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RangeType {
    /// Semantic versions 2.0.0.
    #[serde(rename = "SEMVER")]
    Semver,
    /// The ecosystem's own versions.
    #[default]
    #[serde(rename = "ECOSYSTEM")]
    Ecosystem,
    /// Commits of a repository.
    #[serde(rename = "GIT")]
    Git,
}

/// A range of versions, as events on the line of all versions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// What the events are written in.
    #[serde(rename = "type")]
    pub kind: RangeType,
    /// The repository of a [`RangeType::Git`] range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The events, in the order in which they were written.
    #[serde(default, deserialize_with = "or_default")]
    pub events: Vec<Event>,
}

/// One event of a range. In the record it is an object with exactly one of these keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// From here on the package is affected; `0` stands before every version.
    Introduced(String),
    /// From here on it is not.
    Fixed(String),
    /// After this it is not.
    LastAffected(String),
    /// The range says nothing of versions from here on.
    Limit(String),
}

/// A reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The kind, such as `ADVISORY` or `FIX`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The address.
    pub url: String,
}

/// Reads one record of JSON.
pub fn parse(bytes: &[u8]) -> Result<Osv, FormatError> {
    FormatError::check_size(FORMAT, bytes, limits::OSV_BYTES_MAX)?;
    let record =
        serde_json::from_slice(bytes).map_err(|error| FormatError::malformed(FORMAT, error))?;
    checked(record)
}

/// Reads one record of YAML, as the PyPA advisory database has it.
pub fn parse_yaml(bytes: &[u8]) -> Result<Osv, FormatError> {
    FormatError::check_size(FORMAT, bytes, limits::OSV_BYTES_MAX)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::YAML_DEPTH_MAX,
            max_nodes: limits::YAML_NODES_MAX,
            max_documents: 1,
        },
        with_snippet: false,
        no_schema: false,
    };
    let text = crate::error::text(FORMAT, bytes)?;
    let record = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| FormatError::malformed(FORMAT, error))?;
    checked(record)
}

impl Osv {
    /// The record's own id and its aliases, sorted and without repeats.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            std::iter::once(&self.id).chain(&self.aliases).chain(&self.upstream).cloned().collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

fn checked(record: Osv) -> Result<Osv, FormatError> {
    if record.id.is_empty() {
        return Err(FormatError::malformed(FORMAT, "the record has no id"));
    }
    let versions = record.affected.iter().map(|a| a.versions.len()).sum();
    let events =
        record.affected.iter().flat_map(|a| &a.ranges).map(|range| range.events.len()).sum();
    let count = |what, count, limit| FormatError::check_count(FORMAT, what, count, limit);
    count("affected entries", record.affected.len(), limits::OSV_AFFECTED_MAX)?;
    count("versions", versions, limits::OSV_VERSIONS_MAX)?;
    count("events", events, limits::OSV_EVENTS_MAX)?;
    Ok(record)
}

/// Databases write `null` where they mean an empty list.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
        "schema_version": "1.7.0", "id": "EX-1", "modified": "2026-01-01T00:00:00Z",
        "aliases": ["CVE-2026-1"], "severity": null, "new_field": [1],
        "affected": [{
            "package": {"ecosystem": "Debian:12", "name": "widget"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2-3"}]}],
            "versions": ["1.0-1"],
            "ecosystem_specific": {"urgency": "not yet assigned"}
        }],
        "database_specific": {"kept": {"as": ["it", 1, "is"]}}
    }"#;

    #[test]
    fn a_record_is_read_and_the_rest_is_kept() {
        let record = parse(JSON.as_bytes()).unwrap();
        let range = &record.affected[0].ranges[0];
        assert_eq!(range.kind, RangeType::Ecosystem);
        assert_eq!(range.events, [Event::Introduced("0".into()), Event::Fixed("1.2-3".into())]);
        assert_eq!(record.ids(), ["CVE-2026-1", "EX-1"]);
        assert_eq!(record.database_specific["kept"]["as"][1], 1);
        assert!(record.severity.is_empty() && record.withdrawn.is_none());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let record = parse(JSON.as_bytes()).unwrap();
        let again = parse(&serde_json::to_vec(&record).unwrap()).unwrap();
        assert_eq!(again, record);
    }

    #[test]
    fn yaml_versions_stay_text_even_where_they_look_like_numbers() {
        let yaml = "id: EX-2\naffected:\n- package: {name: widget, ecosystem: PyPI}\n  ranges:\n  \
                    - type: ECOSYSTEM\n    events:\n    - introduced: \"0\"\n    - fixed: 1.10\n  \
                    versions:\n  - 1.0\n  - 1e3\n  - 010\n";
        let record = parse_yaml(yaml.as_bytes()).unwrap();
        assert_eq!(record.affected[0].versions, ["1.0", "1e3", "010"]);
        assert_eq!(record.affected[0].ranges[0].events[1], Event::Fixed("1.10".into()));
    }

    #[test]
    fn every_cut_of_a_record_is_an_error_and_none_a_panic() {
        for end in 0..JSON.len() {
            assert!(parse(&JSON.as_bytes()[..end]).is_err(), "{end}");
        }
        let bomb = format!("id: {}", "[".repeat(5_000));
        assert!(parse_yaml(bomb.as_bytes()).is_err());
        assert!(
            parse(br#"{"id":"X","affected":[{"ranges":[{"type":"GIT","events":[{}]}]}]}"#).is_err()
        );
        assert!(parse(br#"{"id":""}"#).is_err());
    }
}
