use serde_json::{Map, json};

use learn::hash::SiteKey;

use super::*;
use crate::{SnapshotError, Withheld};

fn key() -> SiteKey {
    SiteKey::new([9; 16])
}

/// An alert with this title, as another tool would send it.
fn alert(engine: &mut Engine, host: &str, hour: i64, title: &str) {
    let ocsf = json!({"finding_info": {"title": title}});
    let raw = Map::new();
    engine.observe(&Observed {
        time_ms: hour * WINDOW_MS + 1,
        host,
        source: "test",
        class_uid: 2_004,
        ocsf: ocsf.as_object().unwrap(),
        raw: &raw,
    });
}

const HOSTS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A site of six hosts that did the same for so many hours.
fn settled(hours: i64) -> Engine {
    let mut engine = Engine::new(EngineConfig::new("site", key()));
    for hour in 0..hours {
        ordinary(&mut engine, hour);
    }
    engine
}

fn ordinary(engine: &mut Engine, hour: i64) {
    for host in HOSTS {
        alert(engine, host, hour, "daily");
        if hour % 9 == 3 {
            alert(
                engine,
                host,
                hour,
                &format!("weekly {}", ["x", "y", "z"][usize::try_from(hour / 9 % 3).unwrap()]),
            );
        }
    }
}

const ATTACK: [&str; 9] =
    ["scan", "shell", "sudo", "dump", "tunnel", "wipe", "spray", "relay", "drop"];

fn attack(engine: &mut Engine, host: &str, hour: i64) {
    for title in ATTACK {
        alert(engine, host, hour, title);
    }
}

#[test]
fn an_attack_is_one_case_with_counts_and_the_quiet_days_are_none() {
    let mut engine = settled(24 * 14);
    attack(&mut engine, "c", 24 * 14);
    engine.finish();
    let cases = engine.take_cases();
    assert_eq!(cases.len(), 1, "{cases:#?}");
    let case = &cases[0];
    assert_eq!(case.events.len(), ATTACK.len());
    assert_eq!(case.spans[0].host, "c");
    assert!(
        case.explanation[2].contains("has never done this in 330 hours; 0 of 5 others do"),
        "{:?}",
        case.explanation
    );
    assert!(case.p_value < 1e-3 && case.score > 40.0, "{} {}", case.p_value, case.score);
    assert!(engine.take_cases().is_empty(), "told once");
}

#[test]
fn a_case_opens_while_it_happens_and_grows() {
    let mut engine = settled(24 * 14);
    attack(&mut engine, "c", 24 * 14);
    engine.advance(24 * 14 * WINDOW_MS + 60_000);
    let first = engine.take_cases();
    assert_eq!(first.len(), 1, "the hour is not over");
    alert(&mut engine, "c", 24 * 14, "one more");
    engine.advance(24 * 14 * WINDOW_MS + 120_000);
    let grown = engine.take_cases();
    assert_eq!(grown[0].id, first[0].id);
    assert!(grown[0].score > first[0].score);
}

#[test]
fn volume_is_not_in_the_score() {
    let score = |repeat: usize| {
        let mut engine = settled(24 * 14);
        (0..repeat).for_each(|_| attack(&mut engine, "c", 24 * 14));
        engine.finish();
        engine.take_cases()[0].score
    };
    let (once, often) = (score(1), score(50));
    assert!(often < 1.5 * once, "a burst and an odd course are one token each: {once} {often}");
    assert!((score(500) - often).abs() < 1e-6, "and ten times as much is no more");
}

#[test]
fn hosts_that_are_attacked_at_the_same_time_are_one_case() {
    let mut engine = settled(24 * 14);
    attack(&mut engine, "c", 24 * 14);
    attack(&mut engine, "e", 24 * 14);
    engine.finish();
    let cases = engine.take_cases();
    assert_eq!(cases.len(), 1);
    assert_eq!(cases[0].spans.len(), 2);
}

#[test]
fn the_cap_holds_and_what_it_withholds_is_kept() {
    let mut engine = settled(24 * 14);
    attack(&mut engine, "c", 24 * 14);
    for hour in 1..6 {
        ordinary(&mut engine, 24 * 14 + hour);
    }
    for title in ATTACK {
        alert(&mut engine, "e", 24 * 14 + 6, &format!("another {title}"));
    }
    engine.finish();
    assert_eq!(engine.take_cases().len(), 1);
    let capped: Vec<_> = engine.withheld().filter(|c| c.withheld == Some(Withheld::Cap)).collect();
    assert_eq!(capped.len(), 1);
    assert_eq!(engine.budget().withheld[&Withheld::Cap], 1);
}

#[test]
fn what_is_in_an_open_case_is_not_learned_and_what_is_expected_is() {
    let run = |verdict: Option<Verdict>| {
        let mut engine = settled(24 * 14);
        attack(&mut engine, "c", 24 * 14);
        ordinary(&mut engine, 24 * 14 + 1);
        if let Some(verdict) = verdict {
            let id = engine.take_cases()[0].id.clone();
            engine.verdict(&id, verdict).unwrap();
        }
        for hour in (24 * 14 + 2)..=(24 * 15) {
            ordinary(&mut engine, hour);
        }
        let host = &engine.hosts[2];
        let token = Token::new(TokenKind::Alert, "wipe").number(key());
        host.has_shown(token)
    };
    assert!(!run(None));
    assert!(!run(Some(Verdict::True)));
    assert!(run(Some(Verdict::Expected)));
    assert!(run(Some(Verdict::False)));
}

#[test]
fn what_was_learned_can_be_looked_at() {
    let mut engine = settled(24 * 9);
    attack(&mut engine, "c", 24 * 9);
    engine.finish();
    let device = engine.device("c").unwrap();
    assert_eq!(device.habits[0].text, "kind of event: test 2004 0 ");
    assert!(device.habits.iter().any(|habit| habit.text == "alert: daily"));
    assert!(!device.habits.iter().any(|habit| habit.text.contains("wipe")), "not learned");
    assert!(engine.fleet().tokens_admitted > 0);
    assert_eq!(engine.device("nobody"), None);
}

#[test]
fn a_verdict_of_a_case_that_never_was_is_an_error() {
    let error = settled(1).verdict("0000", Verdict::True).unwrap_err();
    assert_eq!(error.to_string(), "there is no case `0000`");
}

#[test]
fn a_rule_match_brings_its_techniques_into_the_case() {
    let mut engine = settled(24 * 14);
    let (ocsf, raw) = (Map::new(), json!({"CommandLine": "x"}));
    let event = Observed {
        time_ms: 24 * 14 * WINDOW_MS + 5,
        host: "c",
        source: "evtx",
        class_uid: 1_007,
        ocsf: &ocsf,
        raw: raw.as_object().unwrap(),
    };
    let techniques = ["T1003.001".to_owned()];
    attack(&mut engine, "c", 24 * 14);
    let rule = RuleMatch {
        id: "r1",
        title: "Dump of LSASS",
        level: RuleLevel::High,
        techniques: &techniques,
    };
    engine.record_match(&event, &rule);
    engine.finish();
    let case = &engine.take_cases()[0];
    assert_eq!(case.techniques, techniques);
    assert!(case.events.iter().any(|event| event.text == "Dump of LSASS (r1)"));
}

/// A rule of this level matches on the host that nobody knows.
fn first_day(level: RuleLevel, noise: usize) -> Vec<DetectedCase> {
    let mut engine = Engine::new(EngineConfig::new("site", key()));
    for at in 0..noise {
        alert(&mut engine, "new", 7, &format!("never seen {}", "x".repeat(at)));
    }
    let (ocsf, raw) = (Map::new(), Map::new());
    let event = Observed {
        time_ms: 7 * WINDOW_MS + 5,
        host: "new",
        source: "evtx",
        class_uid: 1_007,
        ocsf: &ocsf,
        raw: &raw,
    };
    let rule = RuleMatch { id: "r1", title: "Dump of LSASS", level, techniques: &[] };
    engine.record_match(&event, &rule);
    engine.finish();
    engine.take_cases()
}

#[test]
fn a_grave_rule_is_told_on_the_first_day_and_a_mild_one_is_not() {
    assert_eq!(first_day(RuleLevel::Critical, 0).len(), 1);
    assert_eq!(first_day(RuleLevel::High, 5).len(), 1);
    for level in [RuleLevel::Medium, RuleLevel::Low, RuleLevel::Informational] {
        assert!(first_day(level, 5).is_empty(), "{level:?}");
    }
}

#[test]
fn what_is_merely_new_is_not_told_where_everything_is() {
    assert!(first_day(RuleLevel::Low, 60).is_empty());
}

#[test]
fn a_rule_that_ordinary_work_matches_here_is_soon_nothing_to_be_told() {
    let mut engine = Engine::new(EngineConfig::new("site", key()));
    let (ocsf, raw) = (Map::new(), Map::new());
    let rule = RuleMatch { id: "r1", title: "Backup", level: RuleLevel::High, techniques: &[] };
    for hour in 0..24 * 14 {
        ordinary(&mut engine, hour);
        if hour % 24 == 2 {
            let event = Observed {
                time_ms: hour * WINDOW_MS + 5,
                host: "a",
                source: "evtx",
                class_uid: 1_007,
                ocsf: &ocsf,
                raw: &raw,
            };
            engine.record_match(&event, &rule);
        }
        for case in engine.take_cases() {
            engine.verdict(&case.id, Verdict::Expected).unwrap();
            assert!(hour < 48, "told again in hour {hour}");
        }
    }
}

#[test]
fn baselines_survive_a_restart() {
    let mut engine = settled(24 * 14);
    let bytes = engine.snapshot();
    let config = EngineConfig::new("site", key());
    let mut again = Engine::restore(config.clone(), &Prior::default(), &bytes).unwrap();
    for engine in [&mut engine, &mut again] {
        ordinary(engine, 24 * 14);
        attack(engine, "c", 24 * 14);
        engine.finish();
        let cases = engine.take_cases();
        assert_eq!((cases.len(), cases[0].spans[0].host.as_str()), (1, "c"));
    }
    let other = EngineConfig::new("site", SiteKey::new([1; 16]));
    let restore = |config: &EngineConfig, bytes: &[u8]| {
        Engine::restore(config.clone(), &Prior::default(), bytes).map(|_| ()).unwrap_err()
    };
    assert_eq!(restore(&other, &bytes), SnapshotError::Key);
    assert_eq!(restore(&config, b"something else"), SnapshotError::Foreign);
    for cut in (18..bytes.len()).step_by(97) {
        assert_eq!(restore(&config, &bytes[..cut]), SnapshotError::Damaged);
    }
}

#[test]
fn a_clock_that_runs_ahead_moves_nobody_elses_time() {
    let mut engine = settled(24);
    alert(&mut engine, "a", 24 * 365, "daily");
    ordinary(&mut engine, 24);
    assert!(engine.now_ms.unwrap() < 24 * 4 * WINDOW_MS);
}

fn title() -> impl proptest::strategy::Strategy<Value = (u8, u8)> {
    (0_u8..6, 0_u8..40)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// Whatever else happens in the same hours, on the same host or others, the score of the
    /// attack's case is not less for it.
    #[test]
    fn more_events_never_lower_the_score_of_a_case(
        noise in proptest::collection::vec(title(), 0..60)
    ) {
        let score = |noise: &[(u8, u8)]| {
            let mut engine = settled(24 * 9);
            let (before, after) = noise.split_at(noise.len() / 2);
            let at = 24 * 9;
            let make = |engine: &mut Engine, noise: &[(u8, u8)]| for (host, title) in noise {
                let title = format!("noise {}", char::from(b'a' + title % 26));
                alert(engine, HOSTS[usize::from(*host)], at, &title);
            };
            make(&mut engine, before);
            attack(&mut engine, "c", at);
            make(&mut engine, after);
            engine.finish();
            let cases = engine.take_cases();
            let of_attack = |case: &&DetectedCase| case.spans.iter().any(|span| span.host == "c");
            cases.iter().find(of_attack).map(|case| case.score)
        };
        let (quiet, noisy) = (score(&[]), score(&noise));
        proptest::prop_assert!(quiet.is_some());
        proptest::prop_assert!(noisy >= quiet, "{noisy:?} {quiet:?}");
    }
}
