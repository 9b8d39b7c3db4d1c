//! Findings as OCSF Detection Findings (class 2004), one object a finding.

use serde_json::{Value, json};

use crate::finding::{Finding, Report, Severity};

/// The OCSF schema that the objects are written for.
const SCHEMA: &str = "1.9.0-dev";

/// One object for each finding of a report; notes are informational. `time_ms` is now.
pub fn lines(report: &Report, time_ms: i64) -> Vec<Value> {
    report.findings.iter().map(|finding| line(report, finding, time_ms)).collect()
}

fn line(report: &Report, finding: &Finding, time_ms: i64) -> Value {
    let name = report.path.rsplit('/').next().unwrap_or(&report.path);
    let mut file = json!({ "name": name, "path": report.path, "type_id": 1, "size": report.size });
    if !report.sha256.is_empty()
        && let Some(fields) = file.as_object_mut()
    {
        let hash = json!([{ "algorithm": "SHA-256", "algorithm_id": 3, "value": report.sha256 }]);
        fields.insert("hashes".to_owned(), hash);
    }
    let (severity_id, severity) = match finding.severity {
        Severity::High => (4, "High"),
        Severity::Medium => (3, "Medium"),
        Severity::Note => (1, "Informational"),
        Severity::Unknown => (0, "Unknown"),
    };
    let uid = format!("{}:{}", report.sha256, finding.id);
    json!({
        "activity_id": 1,
        "category_uid": 2,
        "class_uid": 2004,
        "type_uid": 200_401,
        "time": time_ms,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "is_alert": finding.severity >= Severity::Medium,
        "message": finding.reason,
        "metadata": {
            "version": SCHEMA,
            "product": {
                "name": "ringfort vet",
                "vendor_name": "ringfort",
                "version": env!("CARGO_PKG_VERSION"),
            },
        },
        "finding_info": {
            "uid": uid,
            "title": finding.rule,
            "desc": finding.reason,
            "types": [report.verdict.word()],
            "analytic": { "uid": finding.rule, "name": finding.rule, "type_id": 1, "type": "Rule" },
        },
        "evidences": [{
            "file": file,
            "data": {
                "seen": finding.evidence,
                "member": finding.member,
                "offset": finding.offset,
                "format": report.format,
            },
        }],
        "remediation": { "desc": finding.next },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::tests::reduce;
    use crate::vet;

    fn first() -> Value {
        let report = vet("models/a.pkl", &reduce("os", "system", "id"));
        lines(&report, 1_774_256_400_000).remove(0)
    }

    #[test]
    fn the_class_its_type_and_the_file_are_there() {
        let line = first();
        assert_eq!((&line["class_uid"], &line["type_uid"]), (&json!(2004), &json!(200_401)));
        let file = &line["evidences"][0]["file"];
        assert_eq!(
            (&file["name"], &file["hashes"][0]["algorithm_id"]),
            (&json!("a.pkl"), &json!(3))
        );
        assert_eq!((&line["severity_id"], &line["is_alert"]), (&json!(4), &json!(true)));
    }

    /// The attributes that a class or object of the schema has, with those it extends.
    fn attributes(root: &std::path::Path, files: &[&str]) -> Vec<String> {
        let mut names = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(root.join(file)).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            names.extend(value["attributes"].as_object().unwrap().keys().cloned());
            let included = &value["attributes"]["$include"];
            for include in included.as_array().into_iter().flatten().filter_map(Value::as_str) {
                names.extend(attributes(root, &[include]));
            }
        }
        names
    }

    #[test]
    fn every_attribute_is_one_of_the_schema() {
        let corpus = std::env::var_os("RINGFORT_CORPUS").map_or_else(
            || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into(),
            std::path::PathBuf::from,
        );
        let root = corpus.join("ocsf-schema");
        if !root.is_dir() {
            return println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", root.display());
        }
        let line = first();
        let event = [
            "events/findings/detection_finding.json",
            "events/findings/finding.json",
            "events/base_event.json",
        ];
        let file = ["objects/file.json", "objects/_entity.json"];
        let finding_info = ["objects/finding_info.json"];
        let evidence = ["objects/evidences.json"];
        let product = ["objects/product.json", "objects/_entity.json"];
        let analytic = ["objects/analytic.json", "objects/_entity.json"];
        for (value, files) in [
            (&line, &event[..]),
            (&line["finding_info"], &finding_info[..]),
            (&line["finding_info"]["analytic"], &analytic[..]),
            (&line["evidences"][0], &evidence[..]),
            (&line["evidences"][0]["file"], &file[..]),
            (&line["metadata"]["product"], &product[..]),
        ] {
            let known = attributes(&root, files);
            for key in value.as_object().unwrap().keys() {
                assert!(known.contains(key), "`{key}` is no attribute of {files:?}");
            }
        }
    }
}
