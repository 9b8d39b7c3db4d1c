//! Every record of the public feeds in the corpus is read. Skipped, loudly, without the corpus.

use std::io::Read;
use std::path::PathBuf;

use formats::{debian_tracker, kev, osv, purl::Purl, rustsec, vulnrichment};

/// The corpus, or `None` after saying that a test was skipped.
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

fn unpacked(relative: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(corpus(relative)?).unwrap();
    liblzma::read::XzDecoder::new(file).read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

/// Calls `each` with the path and the bytes of every file of an archive.
fn each_file(relative: &str, mut each: impl FnMut(&str, &[u8])) -> bool {
    let Some(bytes) = unpacked(relative) else { return false };
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            each(&path, &bytes);
        }
    }
    true
}

#[test]
fn every_rustsec_advisory_is_read() {
    let mut count = 0;
    let there = each_file("patch/feeds/rustsec-advisory-db.tar.xz", |path, bytes| {
        if rustsec::collection_of(path).is_some() {
            rustsec::parse(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
            count += 1;
        }
    });
    println!("rustsec advisories read: {count}");
    assert!(!there || count > 700);
}

#[test]
fn every_pypa_record_is_read() {
    let mut count = 0;
    let there = each_file("patch/feeds/pypa-advisory-database.tar.xz", |path, bytes| {
        if path.contains("PYSEC-") {
            let record = osv::parse_yaml(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(path.contains(&record.id), "{path}");
            count += 1;
        }
    });
    println!("PyPA records read: {count}");
    assert!(!there || count > 2_500);
}

#[test]
fn every_go_record_is_read() {
    let mut count = 0;
    let there = each_file("patch/feeds/go-vulndb-osv.tar.xz", |path, bytes| {
        if path.contains("/osv/GO-") {
            osv::parse(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
            count += 1;
        }
    });
    println!("Go records read: {count}");
    assert!(!there || count > 4_000);
}

#[test]
fn the_kev_catalogue_is_read() {
    let Some(bytes) = unpacked("patch/feeds/kev-2025-08-25.json.xz") else { return };
    assert_eq!(kev::parse(&bytes).unwrap().vulnerabilities.len(), 1_404);
}

#[test]
fn vulnrichment_is_read_with_all_its_decision_points() {
    let name = "patch/feeds/vulnrichment-2024-10-24-compact.json.xz";
    let Some(bytes) = unpacked(name) else { return };
    let (mut with_ssvc, mut scored, mut vectors) = (0, 0, 0);
    let count = vulnrichment::read_compact(bytes.as_slice(), |record| {
        with_ssvc += usize::from(record.exploitation.is_some() && record.automatable.is_some());
        if let Some(vector) = &record.cvss {
            vectors += 1;
            scored += usize::from(formats::cvss::score_tenths(vector).is_ok());
        }
        Ok(())
    });
    println!("{count:?} records, {with_ssvc} with SSVC, {scored} of {vectors} vectors scored");
    assert_eq!(count, Ok(43_755));
    assert_eq!(with_ssvc, 43_651);
    assert!(scored * 1_000 >= vectors * 999);
}

#[test]
fn the_dsa_and_dla_lists_are_read() {
    let mut counts = Vec::new();
    let there = each_file("patch/feeds/debian-tracker-2023-04-dsa-dla.tar.xz", |path, bytes| {
        if path.ends_with("/list") {
            let list = debian_tracker::parse_list(bytes).unwrap();
            let text = String::from_utf8_lossy(bytes);
            let headings = text.lines().filter(|line| line.starts_with('[')).count();
            let fixes = text.lines().filter(|line| line.starts_with("\t[")).count();
            assert_eq!(list.len(), headings, "{path}");
            let read: usize = list.iter().map(|advisory| advisory.fixes.len()).sum();
            counts.push((path.to_owned(), list.len(), read, fixes));
        }
    });
    println!("{counts:?}");
    assert!(!there || counts.len() == 2);
    for (path, _, read, lines) in counts {
        assert!(read * 100 >= lines * 99, "{path}: {read} of {lines} lines");
    }
}

/// Package URLs by the tests of the specification. Types without an entry in our table get the
/// general rules, so their own rules are counted, not demanded.
#[test]
fn package_urls_pass_the_tests_of_the_specification() {
    let Some(dir) = corpus("patch/purl-spec/tests") else { return };
    let mut files = Vec::new();
    for folder in ["spec", "types"] {
        let entries = std::fs::read_dir(dir.join(folder)).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    let (mut passed, mut failed) = (0, Vec::new());
    for file in files {
        let tests: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for test in tests["tests"].as_array().unwrap() {
            if purl_test_passes(test) {
                passed += 1;
            } else {
                failed.push(format!("{}: {test}", file.file_stem().unwrap().to_string_lossy()));
            }
        }
    }
    println!("purl: {passed} passed, {} failed", failed.len());
    for failure in &failed {
        println!("{failure}");
    }
    assert!(passed * 100 >= (passed + failed.len()) * 90);
}

fn purl_test_passes(test: &serde_json::Value) -> bool {
    let outcome = match test["test_type"].as_str().unwrap() {
        "build" => build(&test["input"]),
        _ => test["input"].as_str().unwrap().parse::<Purl>().ok(),
    };
    let expected = &test["expected_output"];
    match outcome {
        None => test["expected_failure"].as_bool().unwrap(),
        Some(_) if test["expected_failure"].as_bool().unwrap() => false,
        Some(purl) => match expected.as_str() {
            Some(canonical) => purl.to_string() == canonical,
            None => build(expected).as_ref() == Some(&purl),
        },
    }
}

fn build(parts: &serde_json::Value) -> Option<Purl> {
    let text = |key: &str| parts[key].as_str();
    let qualifiers: Vec<(&str, &str)> = parts["qualifiers"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
        .collect();
    Purl::build(
        text("type")?,
        text("namespace"),
        text("name")?,
        text("version"),
        &qualifiers,
        text("subpath"),
    )
    .ok()
}
