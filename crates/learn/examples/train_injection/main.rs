//! Trains the prompt-injection model and prints each figure beside its goal.
//!
//! `cargo run --release -p learn --example train_injection [-- --write]`
//!
//! The protocol: rows of the two training sets, without doubles and without any row of a test set,
//! are parted by a hash of their text: four fifths train, one fifth is held back. Sentences of the
//! two
//! grammars beside this file are added to the training part only. The threshold is the score that
//! one in a hundred of the held-back ordinary rows exceeds.
//!
//! The test sets are development sets: the first templates were written after looking at what a
//! plain model got wrong on them. Each is also reported by halves; the cost, the weights and all
//! later templates were chosen on the first half alone.

mod data;
mod grammar;

use data::{Goal, Row, TestSet};
use grammar::Grammar;
use learn::text::features::{BUCKETS, features};
use learn::text::injection::{Calibration, InjectionModel, hash};
use learn::text::linear::{Example, Linear};
use learn::text::normal::views;
use testkit::SeededRng;

const COST: f32 = 0.05;
const ROUNDS: usize = 200;
/// Requests for something harmful, played roles and jailbreaks are other things than orders hidden
/// in a text, though the training set files them together; they count little.
const WEIGHT_OF_OTHERS: f32 = 0.03;
const OTHERS: [&str; 3] = ["Harmful Request", "Role Impersonation", "Jailbreak Attempt"];

fn main() {
    let Some(folder) = data::folder() else {
        println!("SKIPPED: the prompt-injection sets are not there; set RINGFORT_CORPUS");
        return;
    };
    let tests = data::tests(&folder);
    let rows = data::without_doubles(data::training(&folder), &tests);
    let (held, train): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| data::bucket("held", &row.text, 5) == 0);
    let rng = SeededRng::new(20_261_125);
    let mut examples: Vec<Example> = train.iter().map(example).collect();
    let real = examples.len();
    examples.extend(synthetic(&tests, &rng));
    println!("trained on {real} rows and {} sentences of ours", examples.len() - real);
    let linear = Linear::train(&examples, BUCKETS, COST, ROUNDS, |below| rng.index(below));
    let linear = Linear::from_bytes(&linear.to_bytes(), BUCKETS).expect("its own bytes");

    let uncalibrated = Calibration { threshold: 0.0, platt: [1.0, 0.0], ordinary: Vec::new() };
    let model = InjectionModel::new(linear.clone(), uncalibrated);
    let scores = |attack: bool| -> Vec<f32> {
        held.iter().filter(|r| r.attack == attack).map(|r| model.score(&r.text)).collect()
    };
    let (ordinary, attacks) = (scores(false), scores(true));
    println!("held back: {} ordinary rows, {} attacks", ordinary.len(), attacks.len());
    let model = InjectionModel::new(linear, Calibration::from_scores(ordinary, &attacks));
    println!("threshold at 1 % false alarms: {:.4}", model.calibration().threshold);
    report_held(&model, &held);
    let good = report_tests(&model, &tests);
    let bytes = model.to_bytes();
    println!("model: {} bytes, sha256 {}", bytes.len(), hash(&bytes));
    if std::env::args().any(|arg| arg == "--write") {
        let models = concat!(env!("CARGO_MANIFEST_DIR"), "/models");
        std::fs::write(format!("{models}/injection.bin"), &bytes).expect("writable");
        std::fs::write(format!("{models}/injection.sha256"), hash(&bytes) + "\n")
            .expect("writable");
        println!("written");
    }
    println!("{}", if good { "every goal is met" } else { "a goal is MISSED" });
}

fn vector(text: &str) -> learn::text::features::Sparse {
    views(text).views.first().map(|(_, plain)| features(plain)).unwrap_or_default()
}

fn example(row: &Row) -> Example {
    let other = row.attack && OTHERS.contains(&row.kind.as_str());
    let weight = if other { WEIGHT_OF_OTHERS } else { 1.0 };
    Example { features: vector(&row.text), positive: row.attack, weight }
}

fn synthetic(tests: &[TestSet], rng: &SeededRng) -> Vec<Example> {
    let sentences = |grammar: &str, percent: usize, positive: bool| {
        let sentences = Grammar::parse(grammar).sentences(percent, rng);
        let fresh = |text: &String| {
            !tests.iter().any(|set| set.texts.iter().any(|t| data::key(t) == data::key(text)))
        };
        let fresh = sentences.into_iter().filter(fresh);
        fresh.map(move |text| Example { features: vector(&text), positive, weight: 1.0 })
    };
    let ordinary = sentences(include_str!("benign.grammar"), 300, false);
    ordinary.chain(sentences(include_str!("attack.grammar"), 150, true)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of texts are far below 2^52")]
fn percent(some: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * some as f64 / all as f64 }
}

fn report_held(model: &InjectionModel, held: &[Row]) {
    let kinds: std::collections::BTreeSet<&str> = held.iter().map(|r| r.kind.as_str()).collect();
    for kind in kinds {
        for attack in [false, true] {
            let rows: Vec<&Row> =
                held.iter().filter(|r| r.kind == kind && r.attack == attack).collect();
            let flagged = rows.iter().filter(|r| model.judge(&r.text).flagged).count();
            if rows.len() >= 5 {
                let what = if attack { "attacks" } else { "ordinary" };
                let share = percent(flagged, rows.len());
                println!("  held back, {kind}, {what}: {share:.1} % of {} flagged", rows.len());
            }
        }
    }
}

fn report_tests(model: &InjectionModel, tests: &[TestSet]) -> bool {
    let mut good = true;
    for set in tests {
        let flags: Vec<(bool, bool)> = set
            .texts
            .iter()
            .map(|text| (model.judge(text).flagged, data::bucket("half", text, 2) == 0))
            .collect();
        let share = |keep: &dyn Fn(bool) -> bool| {
            let kept: Vec<bool> = flags.iter().filter(|(_, h)| keep(*h)).map(|(f, _)| *f).collect();
            percent(kept.iter().filter(|flagged| **flagged).count(), kept.len())
        };
        let (all, first, second) = (share(&|_| true), share(&|h| h), share(&|h| !h));
        let (met, goal) = match set.goal {
            Goal::AtMost(goal) => (all <= goal, format!("<= {goal} %")),
            Goal::AtLeast(goal) => (all >= goal, format!(">= {goal} %")),
        };
        good &= met;
        println!(
            "{}: {all:.1} % of {} flagged (halves {first:.1} / {second:.1}), goal {goal}: {}",
            set.name,
            set.texts.len(),
            if met { "met" } else { "MISSED" }
        );
    }
    good
}
