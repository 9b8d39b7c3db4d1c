//! A SLSA provenance statement (v1): how a model came about, as far as whoever built it says.

use serde_json::{Value, json};

/// Something that went into a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// Where it is, as a URI.
    pub uri: String,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// A build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Build {
    /// What kind of build it was, as a URI that says what the parameters mean.
    pub kind: String,
    /// Who or what built, as a URI.
    pub builder: String,
    /// The parameters that came from outside.
    pub parameters: serde_json::Map<String, Value>,
    /// What went in.
    pub materials: Vec<Material>,
    /// The run, as its builder names it.
    pub run: String,
    /// When it began and ended, as RFC 3339 writes it.
    pub times: (String, String),
}

/// The in-toto statement; `subjects` are the files that came out, with their SHA-256. It is signed
/// as any statement is: inside a DSSE envelope.
pub fn slsa(subjects: &[(String, String)], build: &Build) -> Value {
    let subjects: Vec<Value> = subjects
        .iter()
        .map(|(name, sha256)| json!({"name": name, "digest": {"sha256": sha256}}))
        .collect();
    let materials: Vec<Value> = build
        .materials
        .iter()
        .map(|material| json!({"uri": material.uri, "digest": {"sha256": material.sha256}}))
        .collect();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": build.kind,
                "externalParameters": build.parameters,
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": {"id": build.builder},
                "metadata": {
                    "invocationId": build.run,
                    "startedOn": build.times.0,
                    "finishedOn": build.times.1,
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_out_and_what_went_in() {
        let build = Build {
            kind: "https://ringfort.example/training/v1".into(),
            builder: "https://builder.example/1".into(),
            materials: vec![Material { uri: "data.csv".into(), sha256: "aa".repeat(32) }],
            ..Build::default()
        };
        let statement = slsa(&[("model.bin".into(), "bb".repeat(32))], &build);
        assert_eq!(statement["subject"][0]["digest"]["sha256"], "bb".repeat(32));
        let definition = &statement["predicate"]["buildDefinition"];
        assert_eq!(definition["resolvedDependencies"][0]["uri"], "data.csv");
        assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    }
}
