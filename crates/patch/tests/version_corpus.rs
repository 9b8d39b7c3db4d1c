//! The comparators against public lists of version pairs. Skipped, loudly, without the corpus.

use std::cmp::Ordering;
use std::path::PathBuf;

use patch::version::compare;

fn corpus(relative: &str) -> Option<PathBuf> {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(relative);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", path.display());
    None
}

/// `1.0 < 1.1`, one a line; `#` and `//` begin comments.
fn lines(text: &str) -> Vec<(&str, Ordering, &str)> {
    let pairs = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#') && !line.starts_with("//"));
    pairs
        .map(|line| {
            let parts: Vec<&str> = line.split_whitespace().collect();
            let [a, order, b] = parts[..] else { panic!("the line `{line}`") };
            let order = match order {
                "<" => Ordering::Less,
                "=" => Ordering::Equal,
                ">" => Ordering::Greater,
                other => panic!("the order `{other}`"),
            };
            (a, order, b)
        })
        .collect()
}

/// Checks the pairs of a file; `known` are pairs on which we differ, and the reason is in the test.
fn check(ecosystem: &str, files: &[&str], known: &[(&str, &str)]) {
    for file in files {
        let Some(path) = corpus(&format!("patch/osv-scalibr/semantic/testdata/{file}")) else {
            return;
        };
        let text = std::fs::read_to_string(path).unwrap();
        let pairs = lines(&text);
        let (mut failed, mut unexpected) = (Vec::new(), 0);
        for (a, order, b) in &pairs {
            let found = compare(ecosystem, a, b);
            if found.as_ref() != Ok(order) {
                failed.push(format!("{a} {order:?} {b}: {found:?}"));
                unexpected += usize::from(!known.iter().any(|(x, y)| x == a && y == b));
            }
        }
        println!("{ecosystem}, {file}: {} of {} pairs", pairs.len() - failed.len(), pairs.len());
        assert_eq!(unexpected, 0, "{failed:#?}");
    }
}

#[test]
fn debian() {
    check("Debian", &["debian-versions.txt", "debian-versions-generated.txt"], &[]);
}

#[test]
fn semver() {
    for ecosystem in ["npm", "crates.io", "Go"] {
        check(ecosystem, &["semver-versions.txt"], &[]);
    }
}

#[test]
fn pypi() {
    check("PyPI", &["pypi-versions.txt", "pypi-versions-generated.txt"], &[]);
}

#[test]
fn alpine() {
    check("Alpine", &["alpine-versions.txt", "alpine-versions-generated.txt"], &[]);
}

#[test]
fn maven() {
    check("Maven", &["maven-versions.txt", "maven-versions-generated.txt"], &[]);
}

#[test]
fn others() {
    check("NuGet", &["nuget-versions.txt"], &[]);
    check("Red Hat", &["redhat-versions.txt"], &[]);
    check("CRAN", &["cran-versions.txt", "cran-versions-generated.txt"], &[]);
    check("Hackage", &["hackage-versions.txt"], &[]);
    check("Pub", &["pub-versions.txt"], &[]);
}

/// The comparison and equality tests of the vers specification.
#[test]
fn vers() {
    for (scheme, ecosystem) in [("maven", "Maven"), ("nuget", "NuGet"), ("alpine", "Alpine")] {
        let Some(path) = corpus(&format!("patch/vers-spec/tests/{scheme}_version_cmp_test.json"))
        else {
            return;
        };
        let file: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let tests = file["tests"].as_array().unwrap();
        let mut failed = Vec::new();
        for test in tests {
            let mut versions: Vec<&str> = test["input"]["versions"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|v| v.as_str())
                .collect();
            let passed = if test["test_type"] == "equality" {
                let equal = compare(ecosystem, versions[0], versions[1]) == Ok(Ordering::Equal);
                Some(equal) == test["expected_output"].as_bool()
            } else {
                versions.sort_by(|a, b| compare(ecosystem, a, b).unwrap_or(Ordering::Equal));
                // Expected versions are in their normal form, so they are compared, not matched.
                let expected = test["expected_output"].as_array().unwrap();
                versions.iter().zip(expected).all(|(found, expected)| {
                    compare(ecosystem, found, expected.as_str().unwrap()) == Ok(Ordering::Equal)
                })
            };
            if !passed {
                failed.push(format!("{} {}", test["input"]["versions"], test["expected_output"]));
            }
        }
        println!("vers {scheme}: {} of {} tests", tests.len() - failed.len(), tests.len());
        assert!(failed.is_empty(), "{failed:#?}");
    }
}
