//! A messy small site: `cargo run --release -p detect --example bench_site`.
//!
//! Recordings of attacks (EVTX, OTRF) are put into the background of **simulated** offices of 20
//! and 50 machines (`testkit::site`), one recording a site-day, over a site's first fourteen days,
//! which nobody tunes. Whole tactics are held out: by default the others are run, on the seeds for
//! tuning.
//!
//! | flag | |
//! |---|---|
//! | `--measure` | runs what is held out, on seeds that are only run to measure |
//! | `--alone` | each recording by itself, without any background |
//! | `--part N` | every so-manyth recording only |
//! | `--small` | only the smaller site |
//! | `--renamed` | also with another appearance |
//! | `--verbose` | case by case |
//! | `--off` | without rules only, and none are loaded |
//! | `--seed N` | the sites of the so-manyth pair of seeds |
//! | `--prior FILE` | trains the prior that ships, and measures nothing |
//! | `--with FILE` | another prior |
//!
//! A case is true if its evidence is of a host and hour that hold a record of the recording.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "figures for people, from recordings of bounded size"
)]

mod background;
#[path = "../common/mod.rs"]
mod common;
#[expect(dead_code, reason = "the other benchmark reads more of the data than this one")]
#[path = "../bench_sigma/corpus.rs"]
mod corpus;
mod recordings;
mod replay;

use std::collections::BTreeMap;
use std::time::Instant;

use background::Background;
use common::{Row, Seeded, Table};
use detect::sigma::{Pack, Rules};
use detect::{Prior, Withheld};
use recordings::Recording;
use replay::{Attack, How, Outcome};
use testkit::site::{MEASURING_SEEDS, TUNING_SEEDS};

/// Days of a site's run.
pub const DAYS: u32 = 14;

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag")]
struct Arguments {
    measure: bool,
    part: usize,
    verbose: bool,
    renamed: bool,
    small: bool,
    alone: bool,
    off: bool,
    seed: usize,
    prior: Option<String>,
    with: Option<String>,
}

fn arguments() -> Arguments {
    let mut found = Arguments { part: 1, ..Arguments::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--measure" => found.measure = true,
            "--verbose" => found.verbose = true,
            "--renamed" => found.renamed = true,
            "--alone" => found.alone = true,
            "--small" => found.small = true,
            "--off" => found.off = true,
            "--seed" => found.seed = words.next().and_then(|n| n.parse().ok()).unwrap_or(0),
            "--with" => found.with = words.next(),
            "--part" => found.part = words.next().and_then(|n| n.parse().ok()).unwrap_or(1).max(1),
            "--prior" => found.prior = words.next(),
            other => println!("`{other}` is not known"),
        }
    }
    found
}

fn main() {
    let arguments = arguments();
    let Some(root) = corpus::folder() else { return };
    let rules = if arguments.off {
        Rules::new(Pack::from_yaml_files(Vec::<(String, Vec<u8>)>::new()).pack)
    } else {
        Rules::new(Pack::from_yaml_files(corpus::rule_files(&root)).pack)
    };
    if let Some(path) = &arguments.prior {
        return replay::write_prior(&rules, path);
    }
    let all = recordings::list(&root);
    let wanted: Vec<&Recording> = all
        .iter()
        .filter(|one| arguments.alone || one.held_out == arguments.measure)
        .step_by(arguments.part)
        .collect();
    let prior = match &arguments.with {
        Some(path) => {
            Prior::from_json(&std::fs::read(path).unwrap_or_default()).unwrap_or_default()
        }
        None => Prior::shipped(),
    };
    if arguments.alone {
        return alone(&wanted, &rules, &prior, arguments.verbose);
    }
    in_sites(&arguments, &wanted, &rules, &prior);
}

/// The simulated sites of the part that is run.
fn sites(arguments: &Arguments, rules: &Rules) -> Vec<Background> {
    let seeds = if arguments.measure { MEASURING_SEEDS } else { TUNING_SEEDS };
    let sizes = [(20, seeds[2 * arguments.seed % 8]), (50, seeds[(2 * arguments.seed + 1) % 8])]
        .into_iter()
        .take(if arguments.small { 1 } else { 2 })
        .map(|(hosts, seed)| move || Background::new(hosts, seed, DAYS, rules));
    let sites: Vec<Background> = replay::in_threads(sizes);
    sites.iter().for_each(replay::describe);
    sites
}

/// One recording a site-day.
fn in_sites(arguments: &Arguments, wanted: &[&Recording], rules: &Rules, prior: &Prior) {
    let started = Instant::now();
    let sites = sites(arguments, rules);
    println!("{} recordings; sites in {:.0} s", wanted.len(), started.elapsed().as_secs_f64());
    let mut hows = How::all().to_vec();
    hows.retain(|how| !(arguments.off && how.rules));
    let mut outcomes: Vec<Outcome> = hows.iter().map(|_| Outcome::default()).collect();
    let mut renamed: Vec<Outcome> = hows.iter().map(|_| Outcome::default()).collect();
    let mut alone = replay::Alone::default();
    let mut random = Seeded(if arguments.measure { 77 } else { 7 });
    for (at, chunk) in wanted.chunks(DAYS as usize).enumerate() {
        let site = &sites[at % sites.len()];
        let mut attacks: [Vec<Attack>; 2] = [Vec::new(), Vec::new()];
        for (day, recording) in chunk.iter().enumerate() {
            let records = recordings::read(recording);
            if records.is_empty() {
                println!("nothing to read in {}", recording.name);
                continue;
            }
            let found = replay::all_matches(&records, rules);
            alone.run(recording, &records, &found, prior);
            let seed = random.next();
            let ways = [false, true].into_iter().zip(&mut attacks);
            for (rename, attacks) in ways.filter(|(rename, _)| !rename || arguments.renamed) {
                let (records, mut random) = (records.clone(), Seeded(seed));
                let grafted =
                    recordings::graft(records, &site.site, day as u32, &mut random, rename);
                let known = (!rename).then_some(found.as_slice());
                let names = &site.names;
                attacks.push(Attack::new(recording, day as u32, &grafted, names, rules, known));
            }
        }
        let [plain, other] = &attacks;
        let plain = hows.iter().zip(&mut outcomes).map(|(how, outcome)| (how, outcome, plain));
        let other = hows.iter().zip(&mut renamed).map(|(how, outcome)| (how, outcome, other));
        let other = other.filter(|(how, ..)| !how.uncapped && arguments.renamed);
        replay::in_threads(plain.chain(other).map(|(how, outcome, attacks)| {
            move || replay::run(site, attacks, *how, prior, outcome)
        }));
    }
    let mut rows = Vec::new();
    alone.report(arguments.verbose);
    for ((how, outcome), renamed) in hows.iter().zip(&outcomes).zip(&renamed) {
        outcome.report(*how, arguments.verbose);
        report(*how, outcome, renamed, &mut rows);
    }
    println!("{:.0} s in all", started.elapsed().as_secs_f64());
    Table(&rows).print();
}

/// Each recording by itself, on the first day of an engine that knows nothing of its hosts.
fn alone(wanted: &[&Recording], rules: &Rules, prior: &Prior, verbose: bool) {
    let mut alone = replay::Alone::default();
    for recording in wanted {
        let records = recordings::read(recording);
        let found = replay::all_matches(&records, rules);
        alone.run(recording, &records, &found, prior);
    }
    alone.report(verbose);
}

fn report(how: How, outcome: &Outcome, renamed: &Outcome, rows: &mut Vec<Row>) {
    let name = how.name();
    if how.uncapped {
        let rate = outcome.false_cases as f64 / outcome.host_days * 1_000.0;
        rows.push(Row::max(&format!("{name}: false cases per 1,000 host-days"), rate, 1.0));
        return;
    }
    let goal = if how.rules { 0.8 } else { 0.5 };
    let share = |found: &BTreeMap<String, bool>| {
        found.values().filter(|shown| **shown).count() as f64 / (found.len() as f64).max(1.0)
    };
    rows.push(Row::min(&format!("{name}: techniques shown"), share(&outcome.techniques), goal));
    rows.push(Row::min(&format!("{name}: recordings shown"), share(&outcome.recordings), goal));
    let withheld: usize = outcome.withheld_true.values().sum();
    println!("{name}: true cases withheld {withheld}: {:?}", by_name(&outcome.withheld_true));
    // What was not run is not lost.
    if renamed.techniques.is_empty() {
        return;
    }
    let lost = outcome
        .techniques
        .iter()
        .filter(|(technique, shown)| **shown && renamed.techniques.get(*technique) == Some(&false));
    let lost: Vec<&String> = lost.map(|(technique, _)| technique).collect();
    println!("{name}: lost with another appearance: {lost:?}");
    rows.push(Row::max(&format!("{name}: techniques lost when renamed"), lost.len() as f64, 0.0));
}

fn by_name(counts: &BTreeMap<Withheld, usize>) -> BTreeMap<String, usize> {
    counts.iter().map(|(reason, count)| (format!("{reason:?}"), *count)).collect()
}
