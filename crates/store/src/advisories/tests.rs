use super::*;

fn store() -> (tempfile::TempDir, AdvisoryStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = AdvisoryStore::open(&dir.path().join("feeds.db")).unwrap();
    (dir, store)
}

fn meta(feed: &str, fetched_ms: i64) -> SnapshotMeta {
    SnapshotMeta {
        feed: feed.into(),
        sha256: "ab".repeat(32),
        fetched_ms,
        published_ms: Some(1),
        origin: "https://feeds.example/all.zip".into(),
        records: 2,
        etag: Some("\"x\"".into()),
        last_modified: None,
        skipped: 0,
        details: serde_json::Map::new(),
    }
}

fn advisory(id: &str, text_bytes: usize) -> Vec<u8> {
    format!("{{\"id\":\"{id}\",\"details\":\"{}\"}}", "pond ".repeat(text_bytes / 5)).into_bytes()
}

/// Fills a snapshot with one advisory for one package.
fn fill(store: &mut AdvisoryStore, feed: &str, ecosystem: &str, id: &str) {
    let mut writer = store.begin_snapshot(feed).unwrap();
    writer.put_advisory(ecosystem, "pond", id, "2031-01-01", &advisory(id, 10)).unwrap();
    writer.commit(&meta(feed, 5)).unwrap();
}

fn rows(store: &AdvisoryStore) -> i64 {
    store
        .connection
        .query_row(
            "SELECT (SELECT count(*) FROM bodies) + (SELECT count(*) FROM affected)
                + (SELECT count(*) FROM cve_facts)",
            [],
            |row| row.get(0),
        )
        .unwrap()
}

#[test]
fn advisories_come_back_as_they_were_put_packed_or_not() {
    let (_dir, mut store) = store();
    let (small, big) = (advisory("X-1", 10), advisory("X-2", 100_000));
    let mut writer = store.begin_snapshot("osv").unwrap();
    writer.put_advisory("npm", "pond", "X-2", "2031", &big).unwrap();
    writer.put_advisory("npm", "lake", "X-2", "2031", &big).unwrap();
    writer.put_advisory("PyPI", "pond", "X-1", "2031", &small).unwrap();
    writer.put_advisory("npm", "pond", "X-1", "2031", &small).unwrap();
    writer.put_advisory("npm", "pond", "X-1", "2031", &small).unwrap();
    writer.commit(&meta("osv", 5)).unwrap();
    assert_eq!(store.lookup("npm", "pond").unwrap(), [small.clone(), big.clone()]);
    assert_eq!(store.lookup("npm", "lake").unwrap(), [big]);
    assert_eq!(store.lookup("PyPI", "pond").unwrap(), [small]);
    assert!(store.lookup("npm", "Pond").unwrap().is_empty());
    assert!(store.lookup("Go", "pond").unwrap().is_empty());
    assert_eq!(store.ecosystems().unwrap(), ["PyPI", "npm"]);
    assert_eq!(store.snapshots().unwrap(), [meta("osv", 5)]);
    // One advisory is kept once however many packages it names, and packed.
    let (bodies, bytes): (i64, i64) = store
        .connection
        .query_row("SELECT count(*), sum(length(json)) FROM bodies", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(bodies == 2 && bytes < 1_000, "{bodies} {bytes}");
}

#[test]
fn a_snapshot_replaces_only_its_own_feed_and_only_when_it_is_committed() {
    let (dir, mut store) = store();
    fill(&mut store, "a", "npm", "A-1");
    fill(&mut store, "b", "Go", "B-1");
    let reader = AdvisoryStore::open_read_only(&dir.path().join("feeds.db")).unwrap();
    let before = rows(&store);

    let mut writer = store.begin_snapshot("a").unwrap();
    for n in 0..10_000 {
        let id = format!("A-{n}");
        writer.put_advisory("PyPI", "pond", &id, "2031", &advisory(&id, 10)).unwrap();
    }
    assert_eq!(reader.ecosystems().unwrap(), ["Go", "npm"]);
    assert_eq!(reader.lookup("npm", "pond").unwrap().len(), 1);
    assert!(reader.lookup("PyPI", "pond").unwrap().is_empty());
    drop(writer);
    assert_eq!(rows(&store), before);
    assert_eq!(reader.lookup("npm", "pond").unwrap().len(), 1);

    fill(&mut store, "a", "PyPI", "A-2");
    assert_eq!(reader.ecosystems().unwrap(), ["Go", "PyPI"]);
    assert!(reader.lookup("npm", "pond").unwrap().is_empty());
    assert_eq!(reader.lookup("PyPI", "pond").unwrap(), [advisory("A-2", 10)]);
    assert_eq!(reader.lookup("Go", "pond").unwrap().len(), 1);
    assert_eq!(rows(&store), before);
}

#[test]
fn an_import_that_died_is_swept_by_the_next_one() {
    let (dir, mut store) = store();
    fill(&mut store, "a", "npm", "A-1");
    let mut writer = store.begin_snapshot("a").unwrap();
    for n in 0..5_000 {
        writer.put_advisory("Go", "pond", &n.to_string(), "2031", b"{}").unwrap();
        writer.put_cve_fact(&format!("CVE-2031-{n}"), CveFactKind::Epss, b"{}").unwrap();
    }
    std::mem::forget(writer); // the process was killed
    drop(store);
    let mut store = AdvisoryStore::open(&dir.path().join("feeds.db")).unwrap();
    assert!(rows(&store) > 5_000);
    assert_eq!(store.ecosystems().unwrap(), ["npm"]);
    fill(&mut store, "a", "npm", "A-2");
    assert_eq!(rows(&store), 2);
}

#[test]
fn of_two_imports_of_one_feed_the_later_wins() {
    let (dir, mut first) = store();
    let mut second = AdvisoryStore::open(&dir.path().join("feeds.db")).unwrap();
    let mut slow = first.begin_snapshot("a").unwrap();
    slow.put_advisory("npm", "pond", "SLOW", "2031", b"{}").unwrap();
    fill(&mut second, "a", "npm", "FAST");
    let error = slow.commit(&meta("a", 9)).unwrap_err();
    assert!(matches!(error, AdvisoryError::Overtaken(_)), "{error}");
    assert_eq!(second.lookup("npm", "pond").unwrap(), [advisory("FAST", 10)]);
    assert_eq!((rows(&second), second.snapshots().unwrap().len()), (2, 1));
}

#[test]
fn facts_about_cves_are_found_by_kind_and_feed() {
    let (_dir, mut store) = store();
    let mut writer = store.begin_snapshot("kev").unwrap();
    writer.put_cve_fact("CVE-2031-1", CveFactKind::Kev, b"{\"due\":1}").unwrap();
    writer.commit(&meta("kev", 5)).unwrap();
    let mut writer = store.begin_snapshot("epss").unwrap();
    writer.put_cve_fact("CVE-2031-1", CveFactKind::Epss, b"0.1").unwrap();
    writer.put_cve_fact("CVE-2031-1", CveFactKind::Epss, b"0.2").unwrap();
    writer.put_cve_fact("CVE-2031-2", CveFactKind::Epss, b"0.3").unwrap();
    writer.commit(&meta("epss", 5)).unwrap();
    let facts = store.cve_facts(&["CVE-2031-1", "CVE-2031-1", "CVE-2031-3"]).unwrap();
    let fact =
        |kind, feed: &str, json: &[u8]| CveFact { kind, feed: feed.into(), json: json.into() };
    assert_eq!(facts.len(), 1);
    assert_eq!(
        facts["CVE-2031-1"],
        [fact(CveFactKind::Kev, "kev", b"{\"due\":1}"), fact(CveFactKind::Epss, "epss", b"0.2")]
    );
    assert!(store.ecosystems().unwrap().is_empty());
}

#[test]
fn an_unchanged_feed_is_marked_as_checked() {
    let (_dir, mut store) = store();
    assert!(!store.mark_checked("a", 9).unwrap());
    fill(&mut store, "a", "npm", "A-1");
    assert!(store.mark_checked("a", 9).unwrap());
    assert_eq!(store.snapshots().unwrap(), [meta("a", 9)]);
    assert_eq!(store.snapshot("a").unwrap(), Some(meta("a", 9)));
    assert_eq!(store.snapshot("b").unwrap(), None);
}

#[test]
fn what_is_too_large_is_refused_and_the_rest_goes_on() {
    let (_dir, mut store) = store();
    let mut writer = store.begin_snapshot("a").unwrap();
    let large = vec![b' '; crate::limits::ADVISORY_BYTES_MAX + 1];
    let long = "p".repeat(crate::limits::ADVISORY_NAME_BYTES_MAX + 1);
    let results = [
        writer.put_advisory("npm", "pond", "X", "2031", &large),
        writer.put_advisory("npm", &long, "X", "2031", b"{}"),
        writer.put_cve_fact(&long, CveFactKind::Kev, b"{}"),
    ];
    for result in results {
        assert!(matches!(result, Err(AdvisoryError::TooLarge { .. })));
    }
    writer.put_advisory("npm", "pond", "X", "2031", b"{}").unwrap();
    let other = writer.commit(&meta("b", 5)).unwrap_err();
    assert!(matches!(other, AdvisoryError::OtherFeed { .. }));
    assert!(store.snapshots().unwrap().is_empty());
}

#[test]
fn a_damaged_record_is_named() {
    let (_dir, mut store) = store();
    let mut writer = store.begin_snapshot("a").unwrap();
    writer.put_advisory("npm", "pond", "X-9", "2031", &advisory("X-9", 4_000)).unwrap();
    writer.commit(&meta("a", 5)).unwrap();
    for damage in ["json = substr(json, 1, 20)", "unpacked_bytes = 1 << 40", "unpacked_bytes = 3"] {
        store.connection.execute(&format!("UPDATE bodies SET {damage}"), []).unwrap();
        let error = store.lookup("npm", "pond").unwrap_err();
        assert!(error.to_string().starts_with("the stored record `X-9` is damaged"), "{error}");
    }
}

/// 300,000 advisories: how long they take to come in, how much memory, and how long 1,000 look-ups
/// take. Run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement of half a minute"]
fn three_hundred_thousand_advisories_stream_in() {
    const COUNT: usize = 300_000;
    let (dir, mut store) = store();
    for round in 1..=2 {
        let started = std::time::Instant::now();
        let mut writer = store.begin_snapshot("osv").unwrap();
        for n in 0..COUNT {
            let id = format!("X-2031-{n}");
            let package = format!("pond-{}", n * 7_919 % 60_000);
            let json = advisory(&id, 1_500 + n % 1_000);
            writer.put_advisory("npm", &package, &id, "2031", &json).unwrap();
        }
        writer.commit(&meta("osv", 5)).unwrap();
        println!("round {round}: {COUNT} advisories in {:?}", started.elapsed());
    }
    let store = AdvisoryStore::open_read_only(&dir.path().join("feeds.db")).unwrap();
    for _ in 0..2 {
        let started = std::time::Instant::now();
        let found: usize = (0..1_000)
            .map(|n| store.lookup("npm", &format!("pond-{}", n * 61)).unwrap().len())
            .sum();
        println!("1,000 look-ups with {found} advisories in {:?}", started.elapsed());
        assert!(found > 4_000);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
    let size = std::fs::metadata(dir.path().join("feeds.db")).unwrap().len();
    println!("{} MB on disk", size >> 20);
}
