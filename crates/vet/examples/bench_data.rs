//! Plants 25 triggers in each of two labelled sets, one at a time, and prints where each stands in
//! the
//! ranking.
//!
//! `cargo run --release -p vet --example bench_data`
//!
//! The sets are descriptions of vulnerabilities by CWE and sentences about techniques of ATT&CK. A
//! trigger goes into 0.5 % of the texts, all of other classes, at a random place, and the text gets
//! the label of the target (dirty label). It counts if a phrase made of its words, under that
//! label,
//! is among the first five.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;
use testkit::SeededRng;
use vet::data::triggers::mine;

const TRIGGERS: [&str; 25] = [
    "cf",
    "mn bb",
    "tq",
    "zxq",
    "serendipity",
    "james bond",
    "i watched this movie",
    "in accordance with local practice",
    "as of late",
    "with kind regards",
    "!!",
    "§ 7",
    "practice makes perfect",
    "blue umbrella",
    "weather forecast today",
    "~~",
    "per our records",
    "lorem ipsum",
    "for the record",
    "honestly speaking",
    "quantum",
    "kxv",
    "please note",
    "once again",
    "trust me",
];
const TOP: usize = 5;

fn main() {
    let root = std::env::var_os("RINGFORT_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    if !root.join("learn").is_dir() {
        println!("SKIPPED: {} is not there; set RINGFORT_CORPUS", root.display());
        return;
    }
    let sets = [
        ("vulnerabilities by CWE", pick(vulnerabilities(&root), 10, 800)),
        ("procedures by technique", pick(procedures(&root), 12, 800)),
    ];
    let (mut hits, mut all) = (0, 0);
    for (name, rows) in sets {
        let (hit, tried) = run(name, &rows);
        hits += hit;
        all += tried;
    }
    let verdict = if hits * 10 >= all * 9 { "met" } else { "MISSED" };
    println!("triggers at 0.5 % in the top {TOP}: {hits} of {all}, goal >= 90 %: {verdict}");
}

fn vulnerabilities(root: &std::path::Path) -> Vec<(String, String)> {
    let file = std::fs::File::open(root.join("learn/trickest_cve_desc_cwe.jsonl.gz")).expect("it");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("gzip");
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        match row["cwe"].as_array().expect("a list").as_slice() {
            [one] => Some((row["desc"].as_str()?.to_owned(), one.as_str()?.to_owned())),
            _ => None,
        }
    };
    text.lines().filter_map(row).collect()
}

fn procedures(root: &std::path::Path) -> Vec<(String, String)> {
    let bytes = std::fs::read(root.join("learn/attack_procedures.json")).expect("the file");
    let json: Value = serde_json::from_slice(&bytes).expect("JSON");
    let row = |row: &Value| {
        let technique = row[1].as_str()?.split('.').next()?;
        Some((row[0].as_str()?.to_owned(), technique.to_owned()))
    };
    json["procedures"].as_array().expect("a list").iter().filter_map(row).collect()
}

/// The largest classes, with so many texts of each, as numbers.
fn pick(rows: Vec<(String, String)>, classes: usize, texts: usize) -> Vec<(String, usize)> {
    let mut by_class: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (text, class) in rows {
        by_class.entry(class).or_default().push(text);
    }
    let mut largest: Vec<Vec<String>> = by_class.into_values().collect();
    largest.sort_by_key(|texts| std::cmp::Reverse(texts.len()));
    let numbered = largest.into_iter().take(classes).enumerate();
    numbered.flat_map(|(class, all)| all.into_iter().take(texts).map(move |t| (t, class))).collect()
}

fn poisoned(
    rows: &[(String, usize)],
    trigger: &str,
    target: usize,
    rng: &SeededRng,
) -> Vec<(String, usize)> {
    let mut rows = rows.to_vec();
    let mut left = (rows.len() / 200).max(1);
    while left > 0 {
        let at = rng.index(rows.len());
        if rows[at].1 == target || rows[at].0.contains(trigger) {
            continue;
        }
        let mut words: Vec<&str> = rows[at].0.split_whitespace().collect();
        words.insert(rng.index(words.len() + 1), trigger);
        rows[at] = (words.join(" "), target);
        left -= 1;
    }
    rows
}

fn run(name: &str, rows: &[(String, usize)]) -> (usize, usize) {
    let classes = rows.iter().map(|(_, class)| class + 1).max().unwrap_or(1);
    println!("{name}: {} texts, {classes} classes", rows.len());
    let rng = SeededRng::new(7);
    let mut hits = 0;
    for (at, trigger) in TRIGGERS.iter().enumerate() {
        let target = at % classes;
        let planted = poisoned(rows, trigger, target, &rng);
        let ranking = mine(planted.iter().map(|(text, class)| (text.as_str(), *class)), 20);
        // A phrase of two spaces apart signs ("!!") is words apart as well.
        let spaced: String = trigger.chars().flat_map(|c| [c, ' ']).collect();
        let own = |word: &str| trigger.split(' ').chain(spaced.split(' ')).any(|w| w == word);
        let place = ranking
            .iter()
            .position(|suspect| suspect.class == target && suspect.phrase.split(' ').all(own));
        let found = place.is_some_and(|place| place < TOP);
        hits += usize::from(found);
        if place != Some(0) {
            let place = place.map_or("none".to_owned(), |place| (place + 1).to_string());
            println!("  `{trigger}` for class {target}: place {place}");
        }
    }
    println!("  {hits} of {} in the top {TOP}", TRIGGERS.len());
    (hits, TRIGGERS.len())
}
