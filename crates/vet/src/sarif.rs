//! Reports as a SARIF 2.1.0 document (OASIS), which code hosts and editors show.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::finding::{Finding, Report, Severity};

/// One run with all reports.
pub fn document(reports: &[Report]) -> Value {
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in reports.iter().flat_map(|report| &report.findings) {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let rules: Vec<Value> = rules
        .iter()
        .map(|(id, finding)| {
            json!({
                "id": id,
                "defaultConfiguration": { "level": level(finding.severity) },
                "help": { "text": finding.next },
            })
        })
        .collect();
    let results: Vec<Value> = reports
        .iter()
        .flat_map(|report| report.findings.iter().map(|finding| result(report, finding)))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "ringfort vet",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "results": results,
        }],
    })
}

fn result(report: &Report, finding: &Finding) -> Value {
    let member = if finding.member.is_empty() {
        String::new()
    } else {
        format!(" (in `{}`)", finding.member)
    };
    let mut region = json!({});
    if let Some(offset) = finding.offset.filter(|_| finding.member.is_empty()) {
        region = json!({ "byteOffset": offset });
    }
    json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": format!("{} Seen: {}{member}", finding.reason, finding.evidence) },
        "partialFingerprints": { "ringfortFindingId/v1": finding.id },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(&report.path) },
            "region": region,
        } }],
        "properties": { "sha256": report.sha256, "format": report.format },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::High => "error",
        Severity::Medium | Severity::Unknown => "warning",
        Severity::Note => "note",
    }
}

/// A path as a URI reference (RFC 3986).
fn uri(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            use std::fmt::Write as _;
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::tests::reduce;
    use crate::vet;

    #[test]
    fn every_finding_is_a_result_with_a_rule() {
        let report = vet("a b.pkl", &reduce("os", "system", "id"));
        let count = report.findings.len();
        let document = document(&[report]);
        let run = &document["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), count);
        assert_eq!(run["results"][0]["level"], "error");
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b.pkl");
        assert!(
            run["tool"]["driver"]["rules"]
                .as_array()
                .unwrap()
                .iter()
                .any(|r| r["id"] == "call.process")
        );
    }
}
