use serde_json::{Map, Value, json};

use super::*;

const HEAD: &str = "title: t\nid: r\nlogsource: {product: windows, category: process_creation}\n";

fn rules(detection: &str) -> Rules {
    let rule = format!("{HEAD}detection:\n{detection}\nlevel: high\n");
    let loaded = Pack::from_yaml_files([("r.yml", rule)]);
    assert_eq!(loaded.refused, [], "{detection}");
    Rules::new(loaded.pack)
}

fn process(mut fields: Value) -> Map<String, Value> {
    fields["Channel"] = json!("Microsoft-Windows-Sysmon/Operational");
    fields["EventID"] = json!(1);
    fields.as_object().cloned().unwrap_or_default()
}

fn seen(rules: &Rules, raw: &Map<String, Value>) -> Vec<(String, Seen)> {
    let ocsf = Map::new();
    let event = Observed { time_ms: 0, host: "", source: "evtx", class_uid: 0, ocsf: &ocsf, raw };
    let mut found = Vec::new();
    rules.match_event(&event, &mut |one| found.push((one.id().to_owned(), one.seen)));
    found
}

/// Whether the detection matches an event as logged.
fn matches(detection: &str, fields: Value) -> bool {
    let found = seen(&rules(detection), &process(fields));
    found.iter().any(|(_, seen)| *seen == Seen::AsLogged)
}

/// Whether a single item matches an event.
fn item(item: &str, fields: Value) -> bool {
    matches(&format!("  s:\n    {item}\n  condition: s"), fields)
}

#[test]
fn texts_are_compared_without_case_and_with_wildcards() {
    let event = || json!({"Image": "C:\\Windows\\CMD.exe", "n": 7, "empty": "", "none": null});
    for passes in [
        "Image: 'c:\\windows\\cmd.exe'",
        "Image: '*\\cmd.exe'",
        "Image: 'c:*cmd.ex?'",
        "Image|contains: 'WINDOWS'",
        "Image|startswith: 'c:\\win'",
        "Image|endswith: '\\cmd.EXE'",
        "Image|contains|all: ['win', 'cmd']",
        "Image|contains: ['nothing', 'cmd']",
        "Image|cased|contains: 'CMD'",
        "Image|re: 'CMD\\.e.e$'",
        "Image|re|i: 'cmd\\.EXE$'",
        "Image|exists: true",
        "other|exists: false",
        "other: null",
        "none: null",
        "empty: ''",
        "n: 7",
        "n: '7'",
        "n|gt: 6",
        "n|gte: 7",
        "n|lt: 8",
        "n|lte: 7",
        "n|neq: 8",
        "Image|neq: 'x'",
    ] {
        assert!(item(passes, event()), "{passes}");
    }
    for fails in [
        "Image: 'cmd.exe'",
        "Image: 'c:*cmd.e?'",
        "Image|contains|all: ['win', 'nothing']",
        "Image|cased|contains: 'cmd'",
        "Image|re: 'cmd\\.exe$'",
        "Image|exists: false",
        "Image: null",
        "Image: ''",
        "n: 8",
        "n|gt: 7",
        "n|lt: 7",
        "n|neq: 7",
    ] {
        assert!(!item(fails, event()), "{fails}");
    }
}

#[test]
fn values_are_looked_for_in_their_encodings() {
    let line = |text: &str| json!({"CommandLine": text});
    let wide = "dwBoAG8AYQBtAGkA";
    assert!(item("CommandLine|wide|base64offset|contains: whoami", line(&format!("-e {wide}"))));
    assert!(item("CommandLine|utf16le|base64|contains: whoami", line(wide)));
    assert!(item("CommandLine|base64offset|contains: 'http://'", line("x aHR0cDovL2E= y")));
    assert!(item("CommandLine|windash|contains: ' -f '", line("a /f b")));
    assert!(item("CommandLine|windash|contains: ' -f '", line("a \u{2013}f b")));
    assert!(!item("CommandLine|windash|contains: ' -f '", line("a -g b")));
}

#[test]
fn networks_times_and_other_fields() {
    assert!(item("Ip|cidr: '10.0.0.0/8'", json!({"Ip": "10.1.1.1"})));
    assert!(!item("Ip|cidr: ['10.0.0.0/8', 'fe80::/10']", json!({"Ip": "11.1.1.1"})));
    assert!(item("a|fieldref: b", json!({"a": "X", "b": "x"})));
    assert!(!item("a|fieldref: b", json!({"a": "x", "b": "y"})));
    assert!(item("t|hour: 10", json!({"t": "2026-03-23T10:20:30Z"})));
}

#[test]
fn conditions_choose_among_detections() {
    let event = json!({"a": "1", "b": "2"});
    let named = "  s1:\n    a: 1\n  s2:\n    b: 2\n  s3:\n    b: 3\n  f:\n    a: 9\n";
    for (condition, expected) in [
        ("1 of s*", true),
        ("all of s*", false),
        ("2 of s*", true),
        ("3 of s*", false),
        ("1 of them and not f", true),
        ("all of them", false),
        ("s1 and (s3 or s2)", true),
        ("s1 and not s2", false),
        ("not 1 of s*", false),
    ] {
        assert_eq!(matches(&format!("{named}  condition: {condition}"), event.clone()), expected);
    }
}

#[test]
fn words_are_looked_for_in_every_field() {
    let words =
        |list: &str, fields: Value| matches(&format!("  k:\n{list}\n  condition: k"), fields);
    assert!(words("    - needle\n    - other", json!({"x": {"y": ["a Needle here"]}})));
    assert!(words("    '|all':\n      - one\n      - two", json!({"x": "one", "y": "two"})));
    assert!(!words("    '|all':\n      - one\n      - two", json!({"x": "one"})));
    assert!(!words("    - needle", json!({"x": "hay"})));
}

#[test]
fn lists_of_values_match_by_any_and_paths_by_dots() {
    assert!(item("a: x", json!({"a": ["y", "x"]})));
    assert!(item("a.b.c: x", json!({"a": {"b": {"c": "x"}}})));
    assert!(item("a.b: x", json!({"a.b": "x"})));
}

#[test]
fn a_disguised_line_matches_in_its_view_and_says_so() {
    let rules = rules(
        "  s:\n    Image|endswith: '\\certutil.exe'\n    CommandLine|contains: 'certutil -decode '\n  \
         condition: s",
    );
    let line = |text: &str| {
        process(json!({"Image": "C:\\Windows\\System32\\certutil.exe", "CommandLine": text}))
    };
    assert_eq!(seen(&rules, &line("certutil -decode a b")), [("r".to_owned(), Seen::AsLogged)]);
    for disguised in
        ["c^ertutil -decode a", "certutil.exe  /de\"co\"de a", "certutil a \u{2013}decode b"]
    {
        assert_eq!(
            seen(&rules, &line(disguised)),
            [("r".to_owned(), Seen::Canonical)],
            "{disguised}"
        );
    }
    assert_eq!(seen(&rules, &line("certutil -encode a b")), []);
}

#[test]
fn a_filter_looks_at_the_line_as_logged() {
    let rules = rules(
        "  s:\n    CommandLine|contains: certutil\n  f:\n    CommandLine|contains: ' -ping'\n  \
         condition: s and not f",
    );
    assert_eq!(seen(&rules, &process(json!({"CommandLine": "certutil -ping"}))).len(), 0);
    assert_eq!(seen(&rules, &process(json!({"CommandLine": "certutil /ping"}))).len(), 1);
}

#[test]
fn a_match_tells_what_the_rule_says_and_what_matched() {
    let rule = "title: T\nid: i\nauthor: A (B), C\nlevel: critical\n\
        logsource: {product: windows, category: process_creation}\n\
        tags: [attack.execution, attack.t1059.001, attack.t1027, cve.2024-1]\n\
        detection:\n  s:\n    Image: x\n    CommandLine|contains: y\n  condition: s\n";
    let rules = Rules::new(Pack::from_yaml_files([("r.yml", rule)]).pack);
    let raw = process(json!({"Image": "X", "CommandLine": "wyz"}));
    let ocsf = Map::new();
    let event =
        Observed { time_ms: 0, host: "", source: "evtx", class_uid: 0, ocsf: &ocsf, raw: &raw };
    let mut count = 0;
    rules.match_event(&event, &mut |found| {
        count += 1;
        assert_eq!((found.id(), found.title(), found.authors()), ("i", "T", "A (B), C"));
        assert_eq!(found.level(), Level::Critical);
        assert_eq!(found.techniques().collect::<Vec<_>>(), ["T1059.001", "T1027"]);
        let evidence: Vec<(&str, &str)> =
            found.evidence.iter().map(|one| (one.field.as_str(), one.value.as_str())).collect();
        assert_eq!(evidence, [("Image", "X"), ("CommandLine", "wyz")]);
    });
    assert_eq!(count, 1);
}

#[test]
fn security_events_go_by_the_names_of_sysmon() {
    let rules = rules(
        "  s:\n    Image|endswith: '\\a.exe'\n    IntegrityLevel: High\n    CommandLine: b\n  \
         condition: s",
    );
    let raw = json!({
        "Channel": "Security",
        "EventID": 4688,
        "NewProcessName": "C:\\a.exe",
        "CommandLine": "b",
        "MandatoryLabel": "S-1-16-12288",
    });
    assert_eq!(seen(&rules, raw.as_object().unwrap()).len(), 1);
}

#[test]
fn what_cannot_be_used_is_refused_with_the_reason() {
    let refused = |rule: &str| {
        let loaded = Pack::from_yaml_files([("r.yml", rule)]);
        assert!(loaded.pack.is_empty());
        assert_eq!(loaded.refused.len(), 1, "{rule}: {:?}", loaded.refused);
        loaded.refused[0].reason.clone()
    };
    let with = |item: &str| format!("{HEAD}detection:\n  s:\n    {item}\n  condition: s\n");
    assert!(refused(&with("a|re: '('")).contains("regex"));
    assert!(refused(&with("a|cidr: '10.0.0.0/99'")).contains("network"));
    assert!(refused(&with("a|gt: x")).contains("number"));
    assert!(
        refused(&format!("{HEAD}detection:\n  s:\n    a: b\n  condition: s and t\n")).contains('t')
    );
    refused("[");
    refused("title: only");
    assert!(refused(&"x".repeat(2 << 20)).contains("larger"));
}

#[test]
fn a_list_of_the_site_is_waited_for() {
    let rule = format!("{HEAD}detection:\n  s:\n    User|expand: '%admins%'\n  condition: s\n");
    let loaded = Pack::from_yaml_files([("r.yml", &rule)]);
    assert_eq!((loaded.waiting.len(), loaded.refused.len()), (1, 0));
    let lists = [("admins".to_owned(), vec!["ann".to_owned()])].into();
    let loaded = Pack::with_lists([("r.yml", &rule)], &lists);
    assert_eq!(seen(&Rules::new(loaded.pack), &process(json!({"User": "Ann"}))).len(), 1);
}

#[test]
fn a_filter_of_the_site_narrows_a_rule() {
    let rule = format!("{HEAD}detection:\n  s:\n    Image: x\n  condition: s\n");
    let filter = "title: f\nlogsource: {product: windows, category: process_creation}\nfilter:\n  \
        rules: [r]\n  s:\n    User: ann\n  condition: not s\n";
    let loaded = Pack::from_yaml_files([("r.yml", rule.as_str()), ("f.yml", filter)]);
    assert_eq!(loaded.refused, []);
    let rules = Rules::new(loaded.pack);
    assert_eq!(seen(&rules, &process(json!({"Image": "x", "User": "bob"}))).len(), 1);
    assert_eq!(seen(&rules, &process(json!({"Image": "x", "User": "ann"}))).len(), 0);
}

/// Runs events (time in seconds, fields) through rules and their correlation.
fn correlate(correlation: &str, events: &[(i64, Value)]) -> Vec<Correlated> {
    let base = |name: &str| {
        format!(
            "title: {name}\nname: {name}\nlogsource: {{product: windows, category: process_creation}}\n\
             detection:\n  s:\n    Image: {name}\n  condition: s\n"
        )
    };
    let correlation = format!("title: c\nid: c\ncorrelation:\n{correlation}");
    let files = [("a", base("a")), ("b", base("b")), ("c", correlation)];
    let loaded = Pack::from_yaml_files(files);
    assert_eq!(loaded.refused, []);
    let rules = Rules::new(loaded.pack);
    let mut correlator = Correlator::default();
    let mut all = Vec::new();
    for (seconds, fields) in events {
        let (raw, ocsf) = (process(fields.clone()), Map::new());
        let event = Observed {
            time_ms: seconds * 1_000,
            host: "",
            source: "evtx",
            class_uid: 0,
            ocsf: &ocsf,
            raw: &raw,
        };
        let mut found = Vec::new();
        rules.match_event(&event, &mut |one| found.push(one));
        for one in &found {
            assert!(one.is_silent());
            correlator.observe(&rules, &event, one, &mut |came| all.push(came));
        }
    }
    all
}

#[test]
fn events_are_counted_in_a_window_by_group() {
    let rule = "  type: event_count\n  rules: [a]\n  group-by: [User]\n  timespan: 60s\n  \
        condition: {gte: 3}\n";
    let event = |at: i64, user: &str| (at, json!({"Image": "a", "User": user}));
    let came = correlate(rule, &[event(0, "x"), event(1, "y"), event(30, "x"), event(59, "x")]);
    assert_eq!(came.len(), 1);
    assert_eq!(came[0].group, [("User".to_owned(), "x".to_owned())]);
    assert_eq!((came[0].count, came[0].span_ms), (3.0, (0, 59_000)));
    assert_eq!(correlate(rule, &[event(0, "x"), event(30, "x"), event(61, "x")]), []);
    let without = (1, json!({"Image": "a"}));
    assert_eq!(correlate(rule, &[without.clone(), without.clone(), without]), []);
}

#[test]
fn distinct_values_are_counted() {
    let rule = "  type: value_count\n  rules: [a]\n  group-by: [User]\n  timespan: 1m\n  \
        condition: {field: Target, gte: 2}\n";
    let event = |at: i64, target: &str| (at, json!({"Image": "a", "User": "x", "Target": target}));
    assert_eq!(correlate(rule, &[event(0, "h"), event(1, "h")]), []);
    assert_eq!(correlate(rule, &[event(0, "h"), event(1, "i")]).len(), 1);
}

#[test]
fn rules_are_seen_together_and_in_order() {
    let with = |kind: &str| {
        format!(
            "  type: {kind}\n  rules: [a, b]\n  group-by: [User]\n  timespan: 1m\n  aliases:\n    \
             User: {{a: User, b: Other}}\n"
        )
    };
    let a = |at: i64| (at, json!({"Image": "a", "User": "x"}));
    let b = |at: i64| (at, json!({"Image": "b", "Other": "x"}));
    assert_eq!(correlate(&with("temporal"), &[b(0), a(5)]).len(), 1);
    assert_eq!(correlate(&with("temporal"), &[b(0), a(61)]), []);
    assert_eq!(correlate(&with("temporal_ordered"), &[a(0), b(5)]).len(), 1);
    assert_eq!(correlate(&with("temporal_ordered"), &[b(0), a(5)]), []);
    assert_eq!(correlate(&with("temporal_ordered"), &[b(0), a(5), b(6)]).len(), 1);
}

#[test]
fn numbers_are_summed() {
    let rule = "  type: value_sum\n  rules: [a]\n  timespan: 1m\n  condition: {field: n, gt: 10}\n";
    let event = |at: i64, n: i64| (at, json!({"Image": "a", "n": n}));
    assert_eq!(correlate(rule, &[event(0, 6), event(1, 4)]), []);
    assert_eq!(correlate(rule, &[event(0, 6), event(1, 5)]).len(), 1);
}

#[test]
fn groups_are_bounded() {
    let rule = "  type: event_count\n  rules: [a]\n  group-by: [User]\n  timespan: 1h\n  \
        condition: {gte: 3}\n";
    let files = [
        ("a", format!("{HEAD}name: a\ndetection:\n  s:\n    Image: a\n  condition: s\n")),
        ("c", format!("title: c\nid: c\ncorrelation:\n{rule}")),
    ];
    let rules = Rules::new(Pack::from_yaml_files(files).pack);
    let mut correlator = Correlator::default();
    for number in 0..10_100 {
        let (raw, ocsf) = (process(json!({"Image": "a", "User": number.to_string()})), Map::new());
        let event = Observed {
            time_ms: number,
            host: "",
            source: "evtx",
            class_uid: 0,
            ocsf: &ocsf,
            raw: &raw,
        };
        rules.match_event(&event, &mut |one| {
            correlator.observe(&rules, &event, &one, &mut |_| panic!("nothing comes true"));
        });
    }
    assert_eq!(correlator.groups(), 10_000);
}

#[test]
fn a_rule_about_white_space_is_asked_of_the_text_as_logged_only() {
    let about_space = "  s:\n    CommandLine|contains: 'cmd /c'\n  f:\n    \
                       CommandLine|contains: 'cmd /c '\n  condition: s and not f";
    let event = |line: &str| process(json!({"CommandLine": line}));
    assert_eq!(seen(&rules(about_space), &event("cmd /cwhoami")).len(), 1);
    assert_eq!(seen(&rules(about_space), &event("c^md /c whoami")).len(), 0);
    let plain = "  s:\n    CommandLine|contains: 'cmd /c'\n  condition: s";
    assert_eq!(seen(&rules(plain), &event("c^md /c whoami")).len(), 1);
}
