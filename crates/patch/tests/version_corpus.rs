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

/// Checks the pairs of some files. `refused_max` pairs may hold a text that we call no version (and
/// then answer "unknown"); `known` are pairs that we order in another way.
fn check(ecosystem: &str, files: &[&str], refused_max: usize, known: &[(&str, &str)]) {
    for file in files {
        let Some(path) = corpus(&format!("patch/osv-scalibr/semantic/testdata/{file}")) else {
            return;
        };
        let text = std::fs::read_to_string(path).unwrap();
        let pairs = lines(&text);
        let (mut refused, mut wrong) = (0, Vec::new());
        for (a, order, b) in &pairs {
            match compare(ecosystem, a, b) {
                Err(_) => refused += 1,
                Ok(found) if found == *order => {}
                Ok(found) if !known.contains(&(*a, *b)) => {
                    wrong.push(format!("{a} {order:?} {b}: {found:?}"));
                }
                Ok(_) => println!("known difference: {a} {order:?} {b}"),
            }
        }
        println!("{ecosystem}, {file}: {} pairs, {refused} refused", pairs.len());
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(refused <= refused_max, "{refused} refused");
    }
}

#[test]
fn debian() {
    check("Debian", &["debian-versions.txt", "debian-versions-generated.txt"], 0, &[]);
}

#[test]
fn semver() {
    for ecosystem in ["npm", "crates.io", "Go"] {
        check(ecosystem, &["semver-versions.txt"], 0, &[]);
    }
}

#[test]
fn pypi() {
    check("PyPI", &["pypi-versions.txt", "pypi-versions-generated.txt"], 0, &[]);
}

#[test]
fn alpine() {
    // The lists hold 37 and 58 pairs with texts that `apk version --check` calls invalid.
    check("Alpine", &["alpine-versions.txt", "alpine-versions-generated.txt"], 58, &[]);
}

#[test]
fn maven() {
    // Maven before 3.9 put `.word` before `-word`, which is no order at all; 14 pairs of the list
    // were made with it. And `GA` right after a digit is dropped, so `2.0GA` is `2.0`.
    let known = [
        ("3.6.2.FL.20090615", "3.6.2-FL-2009-05-11"),
        ("6.1.12.rc5", "6.1.12rc1"),
        ("1.1.31.sec10", "1.1.31_noneautotype"),
        ("1.1.34.sec10", "1.1.34_noneautotype"),
        ("1.1.46.sec10", "1.1.46_noneautotype"),
        ("1.2.8.sec10_noneautotype", "1.2.8_noneautotype"),
        ("1.2.31.sec10", "1.2.31_noneautotype"),
        ("1.2.48.sec10", "1.2.48_noneautotype"),
        ("1.2.50.sec10", "1.2.50_noneautotype"),
        ("1.2.54.sec10", "1.2.54_noneautotype"),
        ("1.2.57.sec10", "1.2.57_noneautotype"),
        ("1.2.60.sec10", "1.2.60_noneautotype"),
        ("1.2.67.sec10", "1.2.67_noneautotype"),
        ("1.5.9.RC1", "1.5.9-RC0"),
        ("2.0GA", "2.0_rc9"),
    ];
    let files = ["maven-versions.txt", "maven-versions-generated.txt"];
    check("Maven", &files, 0, &known);
}

#[test]
fn others() {
    check("NuGet", &["nuget-versions.txt"], 0, &[]);
    check("Red Hat", &["redhat-versions.txt"], 0, &[]);
    check("CRAN", &["cran-versions.txt", "cran-versions-generated.txt"], 0, &[]);
    check("Hackage", &["hackage-versions.txt"], 0, &[]);
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
