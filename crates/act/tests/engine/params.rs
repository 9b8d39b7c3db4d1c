//! What reaches an actuator is a stranger's until its parser took it.

use serde_json::{Map, Value, json};
use spine::Step;
use testkit::SeededRng;

use crate::scene::{Scene, is_root};
use act::Engine;
use std::collections::BTreeSet;
use std::path::Path;

const JUNK_PER_ACTUATOR: u32 = 1_000;

/// Strings that have hurt somebody before.
const NASTY: [&str; 14] = [
    "",
    "/",
    "..",
    "/../../etc/passwd",
    "/etc/passwd\0.txt",
    "$(id)",
    "; rm -rf /",
    "-o",
    "--help",
    "\u{202e}gpj.exe",
    "127.0.0.1",
    "::ffff:127.0.0.1",
    "0.0.0.0/0",
    "99999999999999999999",
];

fn junk(rng: &SeededRng, depth: u32) -> Value {
    let kinds = if depth == 0 { 6 } else { 8 };
    match rng.below(kinds) {
        0 => Value::Null,
        1 => json!(rng.chance(500)),
        2 => json!(rng.next_u64()),
        3 => json!(-1_i64 - i64::try_from(rng.below(1 << 40)).unwrap()),
        4 => json!(NASTY[rng.index(NASTY.len())]),
        5 => json!("x".repeat(rng.index(3_000))),
        6 => (0..rng.below(4)).map(|_| junk(rng, depth - 1)).collect(),
        _ => {
            let pairs = (0..rng.below(4)).map(|n| (format!("field{n}"), junk(rng, depth - 1)));
            Value::Object(pairs.collect())
        }
    }
}

/// Spoils one place somewhere below a value.
fn spoil(value: &mut Value, rng: &SeededRng) {
    match value {
        Value::Object(fields) if !fields.is_empty() && rng.chance(800) => {
            let name = fields.keys().nth(rng.index(fields.len())).unwrap().clone();
            match rng.below(3) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(format!("{name}x"), junk(rng, 1))),
                _ => spoil(&mut fields[&name], rng),
            }
        }
        Value::Array(items) if !items.is_empty() && rng.chance(800) => {
            let at = rng.index(items.len());
            spoil(&mut items[at], rng);
        }
        other => *other = junk(rng, 2),
    }
}

/// What the parser says: `None` where it took the parameters.
fn refusal(scene: &Scene, actuator: &str, params: &Map<String, Value>) -> Option<String> {
    let step = Step { actuator: actuator.to_owned(), params: params.clone() };
    let error = scene.engine.inspect(&step, Path::new("/nonexistent")).err()?.to_string();
    error.contains("refuses its parameters").then_some(error)
}

#[test]
fn names_are_unique_examples_parse_and_words_are_plain() {
    if !is_root() {
        return println!("SKIPPED: the engine needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::open(&dir.path().join("engine"), dir.path(), 1);
    let all = Engine::descriptors();
    let names: BTreeSet<&str> = all.iter().map(|d| d.name).collect();
    assert_eq!(names.len(), all.len());
    for descriptor in all {
        let example: Value = serde_json::from_str(descriptor.example).unwrap();
        let refused = refusal(&scene, descriptor.name, example.as_object().unwrap());
        assert_eq!(refused, None, "{}", descriptor.name);
        assert!(!descriptor.summary.is_empty() && !descriptor.undo.is_empty());
        let taken = descriptor.name.chars().all(|c| c.is_ascii_lowercase() || "._".contains(c));
        assert!(taken, "{}", descriptor.name);
    }
}

#[test]
fn junk_is_refused_by_every_parser_without_a_panic() {
    if !is_root() {
        return println!("SKIPPED: the engine needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::open(&dir.path().join("engine"), dir.path(), 1);
    let rng = SeededRng::new(42);
    for descriptor in Engine::descriptors() {
        let example: Value = serde_json::from_str(descriptor.example).unwrap();
        let (mut refused, mut taken) = (0_u32, 0_u32);
        while refused < JUNK_PER_ACTUATOR {
            let mut params = example.clone();
            if rng.chance(300) {
                params = junk(&rng, 3);
            } else {
                spoil(&mut params, &rng);
            }
            let Value::Object(params) = params else { continue };
            match refusal(&scene, descriptor.name, &params) {
                Some(_) => refused += 1,
                // A field that was spoiled into another good value: that is not junk.
                None => taken += 1,
            }
            assert!(taken <= JUNK_PER_ACTUATOR, "{} takes junk: {params:?}", descriptor.name);
        }
        println!("{}: {refused} refused, {taken} still good", descriptor.name);
    }
}

#[test]
fn an_unknown_actuator_is_refused_whatever_its_name() {
    if !is_root() {
        return println!("SKIPPED: the engine needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::open(&dir.path().join("engine"), dir.path(), 1);
    for name in ["", "shell.run", "apt.upgrade ", "APT.UPGRADE", "file.quarantine\0"] {
        let step = Step { actuator: name.to_owned(), params: Map::new() };
        assert!(scene.engine.inspect(&step, dir.path()).is_err(), "{name:?}");
    }
}
