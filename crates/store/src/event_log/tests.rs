//! The log on a real disk: what comes out is what went in, across sealing, rotation and restarts.

use std::ops::ControlFlow;
use std::sync::Arc;

use durable::StdFiles;
use testkit::ManualClock;

use super::*;
use crate::event_log::samples::{event, events};

const NOW_MS: i64 = 1_900_000_000_000;
const DAY_MS: u64 = 24 * 3_600 * 1_000;

fn small() -> EventLogConfig {
    EventLogConfig { segment_bytes_max: 4_000, ..EventLogConfig::default() }
}

fn open_with(dir: &Path, clock: &Arc<ManualClock>, config: EventLogConfig) -> EventLog {
    EventLog::open(Arc::new(StdFiles), Arc::<ManualClock>::clone(clock), dir, config).unwrap()
}

fn open(dir: &Path) -> EventLog {
    open_with(dir, &Arc::new(ManualClock::at(NOW_MS)), small())
}

fn scan(log: &mut EventLog, filter: &EventFilter) -> (Vec<StoredEvent>, ScanReport) {
    let mut found = Vec::new();
    let report = log
        .scan(filter, &mut |event| {
            found.push(event);
            ControlFlow::Continue(())
        })
        .unwrap();
    (found, report)
}

fn read(dir: &Path, filter: &EventFilter) -> (Vec<StoredEvent>, ScanReport) {
    let mut found = Vec::new();
    let report = EventReader::new(Arc::new(StdFiles), dir)
        .scan(filter, &mut |event| {
            found.push(event);
            ControlFlow::Continue(())
        })
        .unwrap();
    (found, report)
}

fn numbers(events: &[StoredEvent]) -> Vec<u64> {
    events.iter().map(|e| e.seq).collect()
}

fn files(dir: &Path, suffix: &str) -> Vec<String> {
    let mut names = StdFiles.list(dir).unwrap();
    names.retain(|name| name.ends_with(suffix));
    names
}

#[test]
fn what_was_appended_comes_out_in_order_across_sealed_and_open_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    assert_eq!(log.append(&events(0..3)).unwrap(), Ack { first_seq: 1, last_seq: 3 });
    assert_eq!(log.append(&[]).unwrap(), Ack { first_seq: 4, last_seq: 3 });
    for n in 3..100 {
        log.append(&[event(n)]).unwrap();
    }
    let stats = log.stats();
    assert!(stats.sealed_segments > 2 && stats.open_bytes > 0, "{stats:?}");
    assert_eq!((stats.next_seq, stats.events_appended, stats.batches_appended), (101, 100, 98));
    assert_eq!((stats.syncs, stats.closed_segments), (98, 0));
    let (found, report) = scan(&mut log, &EventFilter::default());
    assert!(report.is_complete());
    assert_eq!(numbers(&found), (1..=100).collect::<Vec<_>>());
    assert_eq!(found.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), events(0..100));
    assert_eq!(read(dir.path(), &EventFilter::default()), (found, report));
}

#[test]
fn a_restart_goes_on_where_the_log_ended() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..10 {
        let mut log = open(dir.path());
        assert!(log.take_notices().is_empty());
        let ack = log.append(&events(round * 5..round * 5 + 5)).unwrap();
        assert_eq!(ack.first_seq, round * 5 + 1);
    }
    let (found, _) = scan(&mut open(dir.path()), &EventFilter::default());
    assert_eq!(found.iter().map(|e| e.event.clone()).collect::<Vec<_>>(), events(0..50));
    // Restarts do not break the log into many small files.
    assert!(files(dir.path(), ".parquet").len() < 6);
    assert_eq!(files(dir.path(), ".frames").len(), 1);
}

#[test]
fn a_second_writer_is_refused_and_a_reader_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.append(&events(0..3)).unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let second = EventLog::open(Arc::new(StdFiles), clock, dir.path(), small());
    assert!(matches!(second.err(), Some(EventLogError::Locked(_))));
    assert_eq!(read(dir.path(), &EventFilter::default()).0.len(), 3);
    drop(log);
    drop(open(dir.path()));
}

#[test]
fn filters_leave_out_rows_and_whole_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let clock_ms = |n: u64| event(n).time_ms;
    for n in 0..100 {
        log.append(&[event(n)]).unwrap();
    }
    let all = events(0..100);
    let filters = [
        EventFilter { from_ms: Some(clock_ms(20)), ..EventFilter::default() },
        EventFilter { before_ms: Some(clock_ms(80)), ..EventFilter::default() },
        EventFilter { host: Some(event(1).host), ..EventFilter::default() },
        EventFilter { source: Some("dpkg".into()), ..EventFilter::default() },
        EventFilter { after_seq: Some(90), ..EventFilter::default() },
        EventFilter {
            from_ms: Some(clock_ms(60)),
            before_ms: Some(clock_ms(40)),
            host: Some(event(0).host),
            source: Some("listeners".into()),
            after_seq: Some(45),
        },
    ];
    for filter in filters {
        let expected: Vec<u64> = (1..)
            .zip(&all)
            .filter(|(seq, e)| filter.wants(&samples::row(*seq, 0, e)))
            .map(|(seq, _)| seq)
            .collect();
        assert!(!expected.is_empty() && expected.len() < 100);
        let (found, report) = scan(&mut log, &filter);
        assert_eq!(numbers(&found), expected, "{filter:?}");
        assert!(report.is_complete());
        assert_eq!(read(dir.path(), &filter).0, found);
        if filter.after_seq == Some(90) {
            assert!(report.files_skipped > 2 && report.files_read <= 2, "{report:?}");
        }
    }
    let mut count = 0;
    let report = log
        .scan(&EventFilter::default(), &mut |_| {
            count += 1;
            if count == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((count, report.events, report.is_complete()), (7, 7, false));
}

#[test]
fn an_old_segment_is_closed_and_sealed_without_an_append() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let mut log = open_with(dir.path(), &clock, EventLogConfig::default());
    log.append(&events(0..3)).unwrap();
    log.maintain();
    assert_eq!(log.stats().sealed_segments, 0);
    clock.advance(DAY_MS / 4);
    log.maintain();
    assert_eq!((log.stats().sealed_events, log.stats().open_bytes), (3, 0));
    assert!(files(dir.path(), ".frames").is_empty());
    drop(log);
    // The next number is known from the sealed file alone.
    let mut log = open_with(dir.path(), &clock, EventLogConfig::default());
    assert_eq!(log.append(&events(3..4)).unwrap().first_seq, 4);
}

#[test]
fn retention_by_bytes_removes_the_oldest_sealed_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = EventLogConfig { retention_bytes_max: 6_000, ..small() };
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let mut log = open_with(dir.path(), &clock, config);
    for n in 0..200 {
        log.append(&[event(n)]).unwrap();
    }
    let stats = log.stats();
    assert!(stats.sealed_bytes <= 6_000 && stats.sealed_segments >= 1, "{stats:?}");
    assert!(stats.retired_segments > 0 && stats.retired_bytes > 0);
    let (found, _) = scan(&mut log, &EventFilter::default());
    assert_eq!(found.len() as u64 + stats.retired_events, 200);
    assert_eq!(numbers(&found), (stats.retired_events + 1..=200).collect::<Vec<_>>());
    let said: u64 = log
        .take_notices()
        .iter()
        .map(|notice| if let Notice::Retired { events, .. } = notice { *events } else { 0 })
        .sum();
    assert_eq!(said, stats.retired_events);
}

#[test]
fn retention_by_days_keeps_the_newest_file_for_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let config = EventLogConfig { retention_days_max: 3, ..EventLogConfig::default() };
    let mut log = open_with(dir.path(), &clock, config);
    for day in 0..5 {
        log.append(&events(day * 2..day * 2 + 2)).unwrap();
        log.seal();
        clock.advance(DAY_MS);
    }
    let (found, _) = scan(&mut log, &EventFilter::default());
    assert_eq!(numbers(&found), [3, 4, 5, 6, 7, 8, 9, 10]);
    clock.advance(100 * DAY_MS);
    drop(log);
    let mut log = open_with(dir.path(), &clock, config);
    assert_eq!(log.stats().sealed_segments, 1);
    assert_eq!(log.append(&events(0..1)).unwrap().first_seq, 11);
}

#[test]
fn a_damaged_sealed_file_is_set_aside_reported_and_not_fatal() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for n in 0..60 {
        log.append(&[event(n)]).unwrap();
    }
    let sealed = files(dir.path(), ".parquet");
    assert!(sealed.len() >= 3);
    let path = dir.path().join(&sealed[1]);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (beside, report) = read(dir.path(), &EventFilter::default());
    assert!(!report.is_complete() && report.damaged[0].0 == sealed[1]);
    assert_eq!(files(dir.path(), ".bad").len(), 0);

    let (found, report) = scan(&mut log, &EventFilter::default());
    assert_eq!(found, beside);
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(files(dir.path(), ".bad"), [format!("{}.bad", sealed[1])]);
    let stats = log.stats();
    assert_eq!((stats.files_set_aside, stats.bad_files), (1, 1));
    assert!(log.take_notices().iter().any(|notice| matches!(notice,
        Notice::SetAside { events: Some(events), .. } if found.len() as u64 + events == 60)));
    drop(log);
    let mut log = open(dir.path());
    assert_eq!(log.stats().bad_files, 1);
    assert_eq!(scan(&mut log, &EventFilter::default()).0, found);
    assert!(!read(dir.path(), &EventFilter::default()).1.is_complete());
}

#[test]
fn a_torn_tail_is_cut_counted_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.append(&events(0..3)).unwrap();
    drop(log);
    let frames = dir.path().join(&files(dir.path(), ".frames")[0]);
    let whole = std::fs::read(&frames).unwrap();
    for torn in [1, 7, 8, 20, whole.len() - 1] {
        std::fs::write(&frames, [&whole[..], &whole[..torn]].concat()).unwrap();
        let mut log = open(dir.path());
        let file = frames.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(log.take_notices(), [Notice::TailCut { file, bytes: torn as u64 }]);
        assert_eq!(log.stats().tail_bytes_cut, torn as u64);
        assert_eq!(scan(&mut log, &EventFilter::default()).0.len(), 3);
    }
    let mut log = open(dir.path());
    assert_eq!(log.append(&events(3..4)).unwrap().first_seq, 4);
    assert_eq!(scan(&mut log, &EventFilter::default()).0.len(), 4);
}

#[test]
fn frames_beside_their_sealed_file_are_not_counted_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.append(&events(0..10)).unwrap();
    let frames = dir.path().join(&files(dir.path(), ".frames")[0]);
    let kept = std::fs::read(&frames).unwrap();
    log.seal();
    drop(log);
    let sealed = dir.path().join(&files(dir.path(), ".parquet")[0]);

    std::fs::write(&frames, &kept).unwrap();
    assert_eq!(read(dir.path(), &EventFilter::default()).0.len(), 10);
    let mut log = open(dir.path());
    assert!(!frames.exists());
    assert_eq!(scan(&mut log, &EventFilter::default()).0.len(), 10);
    drop(log);

    // The sealed file is damaged and the frames are still there: they are sealed again.
    std::fs::write(&frames, &kept).unwrap();
    std::fs::write(&sealed, b"torn").unwrap();
    assert_eq!(read(dir.path(), &EventFilter::default()).0.len(), 10);
    let mut log = open(dir.path());
    let (found, report) = scan(&mut log, &EventFilter::default());
    assert_eq!((found.len(), report.is_complete()), (10, true));
    assert_eq!((log.stats().sealed_events, log.stats().next_seq), (10, 11));
}

#[test]
fn a_segment_that_was_not_sealed_in_its_turn_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.append(&events(0..3)).unwrap();
    let frames = dir.path().join(&files(dir.path(), ".frames")[0]);
    let kept = std::fs::read(&frames).unwrap();
    log.seal();
    log.append(&events(3..6)).unwrap();
    log.seal();
    drop(log);
    std::fs::remove_file(dir.path().join(&files(dir.path(), ".parquet")[0])).unwrap();
    std::fs::write(&frames, kept).unwrap();
    let mut log = open(dir.path());
    assert_eq!(log.append(&events(6..8)).unwrap().first_seq, 7);
    log.seal();
    let (found, report) = scan(&mut log, &EventFilter::default());
    assert_eq!((numbers(&found), report.is_complete()), ((1..=8).collect(), true));
    assert_eq!(files(dir.path(), ".parquet").len(), 3);
}

#[test]
fn acknowledged_frames_that_rot_are_reported_and_kept_as_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    for n in 0..4 {
        log.append(&[event(n)]).unwrap();
    }
    let frames = dir.path().join(&files(dir.path(), ".frames")[0]);
    let mut bytes = std::fs::read(&frames).unwrap();
    let middle = bytes.len() / 2 + 20;
    bytes[middle] ^= 1;
    std::fs::write(&frames, bytes).unwrap();
    let (found, report) = scan(&mut log, &EventFilter::default());
    assert_eq!((found.len(), report.damaged.len()), (2, 1));
    log.seal();
    assert_eq!(files(dir.path(), ".frames.bad").len(), 1);
    assert_eq!(log.stats().sealed_events, 2);
    assert!(matches!(&log.take_notices()[..], [Notice::SetAside { events: None, .. }]));
    assert_eq!(log.append(&events(4..5)).unwrap().first_seq, 5);
}

#[test]
fn what_a_newer_version_wrote_is_left_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    log.append(&[event(0)]).unwrap();
    let path = dir.path().join(frames_name(2));
    let (mut frames, _) = FrameLog::open(&StdFiles, &path).unwrap();
    let mut payload = Prepared::new(&[event(1)]).unwrap().payload(2, NOW_MS);
    payload[0] = 9;
    frames.append(&payload).unwrap();
    frames.sync().unwrap();
    drop(log);
    let mut log = open(dir.path());
    log.seal();
    assert!(path.exists());
    assert!(matches!(log.take_notices().last(), Some(Notice::NotSealed { .. })));
    let (found, report) = scan(&mut log, &EventFilter::default());
    assert_eq!((found.len(), report.undecodable, report.is_complete()), (1, 1, false));
}

#[test]
fn other_files_in_the_folder_are_left_alone_and_leftovers_removed() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("README"), b"mine").unwrap();
    std::fs::write(dir.path().join("x.parquet.tmp"), b"half").unwrap();
    let mut log = open(dir.path());
    log.append(&events(0..1)).unwrap();
    assert!(dir.path().join("README").exists());
    assert!(!dir.path().join("x.parquet.tmp").exists());
}

#[test]
fn a_group_commit_numbers_every_append_once_and_shares_syncs() {
    const THREADS: u64 = 8;
    const EACH: u64 = 40;
    let dir = tempfile::tempdir().unwrap();
    let group = GroupCommit::new(open(dir.path()));
    let mut acks: Vec<(u64, Ack)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let group = group.clone();
                scope.spawn(move || {
                    let one = |n: u64| {
                        let n = (thread * EACH + n) * 2;
                        (n, group.append(&events(n..n + 2)).unwrap())
                    };
                    (0..EACH).map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    acks.sort_by_key(|(_, ack)| ack.first_seq);
    let (found, report) = group.with_log(|log| scan(log, &EventFilter::default()));
    assert!(report.is_complete());
    assert_eq!(numbers(&found), (1..=THREADS * EACH * 2).collect::<Vec<_>>());
    for ((n, ack), pair) in acks.iter().zip(found.chunks(2)) {
        assert_eq!((ack.first_seq, ack.last_seq), (pair[0].seq, pair[1].seq));
        assert_eq!((&pair[0].event, &pair[1].event), (&event(*n), &event(*n + 1)));
    }
    let stats = group.with_log(|log| log.stats());
    assert_eq!(stats.batches_appended, THREADS * EACH);
    assert!(stats.syncs <= THREADS * EACH);
}

#[test]
fn a_reader_beside_a_sealing_writer_misses_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut most = 0;
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                let (found, report) = read(dir.path(), &EventFilter::default());
                assert!(report.is_complete(), "{report:?}");
                assert_eq!(numbers(&found), (1..=found.len() as u64).collect::<Vec<_>>());
                assert!(found.len() >= most);
                most = found.len();
            }
            most
        });
        for n in 0..400 {
            log.append(&[event(n)]).unwrap();
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(reader.join().unwrap() > 0);
    });
}

/// An event as sources give them: a random id, a log line with numbers that differ.
fn lifelike(rng: &testkit::SeededRng, n: u64) -> Event {
    let host = spine::HostId(spine::Digest([u8::try_from(n % 5).unwrap(); 32]));
    let mut id = [0; 16];
    spine::Rng::fill(rng, &mut id);
    let (pid, port, user) = (rng.below(30_000), rng.below(65_000), rng.below(40));
    let from = format!("192.0.2.{}", rng.below(255));
    let line =
        format!("sshd[{pid}]: Accepted publickey for user{user} from {from} port {port} ssh2");
    let fields = |value: serde_json::Value| value.as_object().unwrap().clone();
    Event {
        id: spine::EventId(uuid::Uuid::from_bytes(id)),
        time_ms: NOW_MS + i64::try_from(n * 40 + rng.below(40)).unwrap(),
        host,
        source: "auth".into(),
        class_uid: spine::EventClass::Authentication,
        ocsf: fields(serde_json::json!({
            "class_uid": 3002, "category_uid": 3, "activity_id": 1, "severity_id": 1,
            "type_uid": 300_201, "status_id": 1, "user": {"name": format!("user{user}")},
            "src_endpoint": {"ip": from, "port": port}, "service": {"name": "sshd"},
            "auth_protocol": "publickey", "process": {"pid": pid},
        })),
        raw: fields(serde_json::json!({"line": line})),
    }
}

/// Appends a second, sealed bytes an event, memory. Run with `--ignored --nocapture`;
/// `RINGFORT_MEASURE_DIR` names a folder in which the log then stays.
#[test]
#[ignore = "a measurement of some seconds"]
fn how_fast_and_how_small() {
    const THREADS: u64 = 16;
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("RINGFORT_MEASURE_DIR").map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| temporary.path().to_path_buf());
    let clock = Arc::new(ManualClock::at(NOW_MS));
    let rng = testkit::SeededRng::new(1);
    let some = |from: u64, to: u64| (from..to).map(|n| lifelike(&rng, n)).collect::<Vec<_>>();
    let mut log = open_with(&dir, &clock, EventLogConfig::default());
    let rate = |what: &str, count: u64, since: std::time::Instant| {
        let seconds = since.elapsed().as_secs_f64();
        let count = f64::from(u32::try_from(count).unwrap());
        println!("{what}: {:.0} events/s", count / seconds);
    };
    let since = std::time::Instant::now();
    for n in 0..500 {
        log.append(&some(n, n + 1)).unwrap();
    }
    rate("one writer, one event an append", 500, since);
    let batches: Vec<_> = (0..60).map(|n| some(n * 500, n * 500 + 500)).collect();
    let since = std::time::Instant::now();
    for batch in &batches {
        log.append(batch).unwrap();
    }
    rate("one writer, 500 events an append", 30_000, since);
    let group = GroupCommit::new(log);
    let syncs = group.with_log(|log| log.stats().syncs);
    let since = std::time::Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let group = group.clone();
            scope.spawn(move || {
                for n in 0..200 {
                    group.append(&[event(thread * 1_000 + n)]).unwrap();
                }
            });
        }
    });
    rate("16 writers in a group, one event an append", THREADS * 200, since);
    let syncs = group.with_log(|log| log.stats().syncs) - syncs;
    println!("  {:.1} appends a sync", f64::from(u32::try_from(THREADS * 200 / syncs).unwrap()));
    let since = std::time::Instant::now();
    group.with_log(|log| {
        let open_bytes = log.stats().open_bytes;
        log.seal();
        println!("sealing {open_bytes} bytes: {:?}", since.elapsed());
        let stats = log.stats();
        println!(
            "{} events in {} sealed files, {} bytes an event",
            stats.sealed_events,
            stats.sealed_segments,
            stats.sealed_bytes / stats.sealed_events
        );
        let since = std::time::Instant::now();
        let found = scan(log, &EventFilter::default()).0.len();
        println!("scan of {found} events: {:?}", since.elapsed());
    });
}
