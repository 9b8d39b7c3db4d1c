//! HDFS and ADFA-LD, whole sessions: `cargo run --release -p detect --example bench_sessions`.
//!
//! Splits and measures are those of the protocols in `docs/detect.md`. Thresholds come from the
//! cross-fitted scores of the training sessions alone. The peer is STIDE (windows of 6), made here.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "figures for people, from recordings of bounded size"
)]

#[path = "common/mod.rs"]
mod common;

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use common::{Row, Seeded, Table, auc, tpr_at};
use learn::sequence::SequenceConfig;
use learn::session::{SessionConfig, SessionDetector, Sourced, View, least_surprised};
use learn::witness::{Admission, Source};
use sha2::{Digest as _, Sha256};

/// Hosts that the sessions are dealt to, and days.
const HOSTS: u32 = 50;
const DAYS: usize = 14;
/// Normal sessions of HDFS by abnormal ones, in the whole recording.
const HDFS_NORMAL: f64 = 558_223.0;
const HDFS_ABNORMAL: f64 = 16_838.0;

/// One recording: what is trained on, and what is judged.
struct Recording {
    name: &'static str,
    order: usize,
    alphabet: u32,
    train: Vec<Vec<u32>>,
    normal: Vec<Vec<u32>>,
    attack: Vec<Vec<u32>>,
    families: Vec<String>,
}

fn main() {
    let mut rows = Vec::new();
    let only: Option<String> = std::env::args().nth(1);
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if let Some(hdfs) = hdfs().filter(|_| wanted("hdfs")) {
        hdfs_rows(&hdfs, Admission::OPEN, "clean training", &mut rows);
        hdfs_rows(&hdfs, Admission::default(), "with admission", &mut rows);
        poison(&hdfs, 0.02, &mut rows);
        ablation(&hdfs);
    }
    if let Some(adfa) = adfa().filter(|_| wanted("adfa")) {
        adfa_rows(&adfa, Admission::OPEN, "clean training", &mut rows);
        adfa_rows(&adfa, Admission::default(), "with admission", &mut rows);
        poison(&adfa, 0.03, &mut rows);
        ablation(&adfa);
    }
    Table(&rows).print();
}

fn config(recording: &Recording, admission: Admission, role_hosts: u32) -> SessionConfig {
    let Recording { order, alphabet, .. } = *recording;
    let sequence = SequenceConfig { order, admission, role_hosts, alphabet };
    SessionConfig { sequence, ..SessionConfig::default() }
}

fn hdfs_rows(hdfs: &Recording, admission: Admission, how: &str, rows: &mut Vec<Row>) {
    let detector = SessionDetector::train(
        config(hdfs, admission, HOSTS),
        &deal(&hdfs.train, HOSTS, &mut Seeded(1)),
    );
    let known: HashSet<&Vec<u32>> = hdfs.train.iter().collect();
    for (name, skip_known) in [("raw", false), ("without duplicates of training", true)] {
        let keep = |session: &&Vec<u32>| !(skip_known && known.contains(*session));
        let scores = |sessions: &[Vec<u32>]| -> Vec<f64> {
            sessions.iter().filter(keep).map(|session| detector.score(session)).collect()
        };
        let (normal, attack) = (scores(&hdfs.normal), scores(&hdfs.attack));
        let stide = Stide::train(&hdfs.train);
        let peer = |sessions: &[Vec<u32>]| -> Vec<f64> {
            sessions.iter().filter(keep).map(|session| stide.score(session)).collect()
        };
        let their_auc = auc(&peer(&hdfs.normal), &peer(&hdfs.attack));
        println!("HDFS {name}, {how}: {} normal, {} abnormal", normal.len(), attack.len());
        for alpha in [1e-2, 3e-3, 1e-3, 3e-4, 1e-4] {
            let (f1, precision, recall) = f1(&detector, &normal, &attack, alpha);
            println!("  p <= {alpha:<6} F1 {f1:.4} precision {precision:.4} recall {recall:.4}");
        }
        let (at_goal, ..) = f1(&detector, &normal, &attack, HDFS_P);
        rows.push(
            Row::min(&format!("HDFS {name}, {how}, AUC"), auc(&normal, &attack), 0.999)
                .beside("STIDE", their_auc),
        );
        rows.push(Row::min(&format!("HDFS {name}, {how}, F1 at p <= {HDFS_P}"), at_goal, 0.985));
    }
}

/// The level at which HDFS is judged: what the recording's own share of abnormal sessions (3 %)
/// asks for, if one flagged session in thirty may be false.
const HDFS_P: f64 = 1e-3;

fn f1(detector: &SessionDetector, normal: &[f64], attack: &[f64], alpha: f64) -> (f64, f64, f64) {
    let flagged = |scores: &[f64]| {
        scores.iter().filter(|score| detector.p_value(**score) <= alpha).count() as f64
    };
    let weight = HDFS_NORMAL / HDFS_ABNORMAL * attack.len() as f64 / normal.len() as f64;
    let (hits, false_hits) = (flagged(attack), flagged(normal) * weight);
    let precision = hits / (hits + false_hits).max(1.0);
    let recall = hits / attack.len() as f64;
    (2.0 * precision * recall / (precision + recall).max(1e-9), precision, recall)
}

fn adfa_rows(adfa: &Recording, admission: Admission, how: &str, rows: &mut Vec<Row>) {
    let detector = SessionDetector::train(
        config(adfa, admission, HOSTS),
        &deal(&adfa.train, HOSTS, &mut Seeded(1)),
    );
    let scores = |sessions: &[Vec<u32>]| -> Vec<f64> {
        sessions.iter().map(|session| detector.score(session)).collect()
    };
    let (normal, attack) = (scores(&adfa.normal), scores(&adfa.attack));
    let stide = Stide::train(&adfa.train);
    let peer = |sessions: &[Vec<u32>]| -> Vec<f64> {
        sessions.iter().map(|session| stide.score(session)).collect()
    };
    let mut by_family: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (family, score) in adfa.families.iter().zip(&attack) {
        by_family.entry(family).or_default().push(*score);
    }
    println!("ADFA-LD, {how}: {} normal, {} attack traces", normal.len(), attack.len());
    for (family, scores) in by_family {
        let (auc, tpr) = (auc(&normal, &scores), tpr_at(&normal, &scores, 0.05));
        println!("  {family:<12} AUC {auc:.3}, TPR at 5 % {tpr:.3}");
    }
    println!("  TPR at 1 % {:.3}", tpr_at(&normal, &attack, 0.01));
    let (peer_normal, peer_attack) = (peer(&adfa.normal), peer(&adfa.attack));
    rows.push(
        Row::min(&format!("ADFA-LD {how}, AUC"), auc(&normal, &attack), 0.90)
            .beside("STIDE", auc(&peer_normal, &peer_attack)),
    );
    rows.push(
        Row::min(&format!("ADFA-LD {how}, TPR at 5 % FPR"), tpr_at(&normal, &attack, 0.05), 0.45)
            .beside("STIDE", tpr_at(&peer_normal, &peer_attack, 0.05)),
    );
}

/// How the training is poisoned.
#[derive(Clone, Copy)]
struct Poison {
    share: f64,
    /// Hosts that show the poison.
    on: u32,
    /// All of it in one day.
    at_once: bool,
    /// Hosts in the role.
    hosts: u32,
}

fn poison(recording: &Recording, lost_max: f64, rows: &mut Vec<Row>) {
    println!("{} with poisoned training (AUC, TPR at 5 %):", recording.name);
    let two = Poison { share: 0.0, on: 2, at_once: false, hosts: HOSTS };
    let mut base = (0.0, 0.0);
    for share in [0.0, 0.01, 0.05, 0.1, 0.2] {
        let poison = Poison { share, ..two };
        let (ours, tpr) = poisoned(recording, poison, Admission::default());
        let (plain, plain_tpr) = poisoned(recording, poison, Admission::OPEN);
        let peer = poisoned_stide(recording, poison);
        println!(
            "  {:>4.0} % on 2 of {HOSTS}: with admission {ours:.3} {tpr:.3}, without {plain:.3} \
             {plain_tpr:.3}, STIDE {peer:.3}",
            share * 100.0
        );
        if share == 0.0 {
            base = (ours, tpr);
        } else if share == 0.1 {
            let name = format!("{} AUC lost at 10 % poison", recording.name);
            let peer_lost = poisoned_stide(recording, two) - peer;
            rows.push(Row::max(&name, base.0 - ours, lost_max).beside("STIDE", peer_lost));
            println!("       TPR lost at 10 %: {:.3}", base.1 - tpr);
        }
    }
    let variants = [
        (
            "10 %, a worm: 25 of 50 hosts in one hour",
            Poison { share: 0.1, on: 25, at_once: true, hosts: HOSTS },
        ),
        (
            "10 %, a role of 3 hosts, poison on 2",
            Poison { share: 0.1, on: 2, at_once: false, hosts: 3 },
        ),
        (
            "10 %, a role of 3 hosts, poison on 1",
            Poison { share: 0.1, on: 1, at_once: false, hosts: 3 },
        ),
        ("0 %, a role of 3 hosts", Poison { share: 0.0, on: 1, at_once: false, hosts: 3 }),
    ];
    for (name, poison) in variants {
        let (auc, tpr) = poisoned(recording, poison, Admission::default());
        let (plain, _) = poisoned(recording, poison, Admission::OPEN);
        println!("  {name}: with admission {auc:.3} {tpr:.3}, without {plain:.3}");
    }
}

/// The poisoned training sessions, and the attacks that are left for the test.
fn poisoned_training(recording: &Recording, poison: Poison) -> (Vec<Sourced>, Vec<Vec<u32>>) {
    let mut random = Seeded(11);
    let mut attacks = recording.attack.clone();
    random.shuffle(&mut attacks);
    let count = (recording.train.len() as f64 * poison.share).round() as usize;
    let test = attacks.split_off(count.min(attacks.len() / 2));
    let mut sessions = deal(&recording.train, poison.hosts, &mut random);
    random.shuffle(&mut sessions);
    for ((symbols, source), attack) in sessions.iter_mut().zip(attacks.iter().cycle().take(count)) {
        symbols.clone_from(attack);
        source.host = random.below(poison.on as usize) as u32;
        if poison.at_once {
            source.day = 7;
        }
    }
    (sessions, test)
}

fn poisoned(recording: &Recording, poison: Poison, admission: Admission) -> (f64, f64) {
    let (sessions, test) = poisoned_training(recording, poison);
    let detector = SessionDetector::train(config(recording, admission, poison.hosts), &sessions);
    let normal: Vec<f64> = recording.normal.iter().map(|session| detector.score(session)).collect();
    let attack: Vec<f64> = test.iter().map(|session| detector.score(session)).collect();
    (auc(&normal, &attack), tpr_at(&normal, &attack, 0.05))
}

fn poisoned_stide(recording: &Recording, poison: Poison) -> f64 {
    let (sessions, test) = poisoned_training(recording, poison);
    let sessions: Vec<Vec<u32>> = sessions.into_iter().map(|(session, _)| session).collect();
    let stide = Stide::train(&sessions);
    let score = |sessions: &[Vec<u32>]| -> Vec<f64> {
        sessions.iter().map(|session| stide.score(session)).collect()
    };
    auc(&score(&recording.normal), &score(&test))
}

fn ablation(recording: &Recording) {
    println!("{}: views one by one, left out, and together (AUC, TPR at 5 %):", recording.name);
    let chosen = SessionConfig::default().views;
    let mut variants: Vec<(String, Vec<View>, bool)> = vec![
        ("the product's".into(), chosen.clone(), true),
        ("the product's, not by size".into(), chosen.clone(), false),
        ("all".into(), View::ALL.to_vec(), true),
        ("all, not by size".into(), View::ALL.to_vec(), false),
    ];
    variants.extend(View::ALL.map(|view| (format!("{view:?} alone"), vec![view], true)));
    for view in &chosen {
        let rest = chosen.iter().copied().filter(|other| other != view).collect();
        variants.push((format!("without {view:?}"), rest, true));
    }
    for view in View::ALL.iter().filter(|view| !chosen.contains(view)) {
        let more = chosen.iter().copied().chain([*view]).collect();
        variants.push((format!("with {view:?}"), more, true));
    }
    for (name, views, by_size) in variants {
        let admission =
            if recording.name == "HDFS" { Admission::default() } else { Admission::OPEN };
        let config = SessionConfig { views, by_size, ..config(recording, admission, HOSTS) };
        let detector =
            SessionDetector::train(config, &deal(&recording.train, HOSTS, &mut Seeded(1)));
        let score = |sessions: &[Vec<u32>]| -> Vec<f64> {
            sessions.iter().map(|session| detector.score(session)).collect()
        };
        let (normal, attack) = (score(&recording.normal), score(&recording.attack));
        let (auc, tpr) = (auc(&normal, &attack), tpr_at(&normal, &attack, 0.05));
        let (f1, ..) = f1(&detector, &normal, &attack, HDFS_P);
        println!("  {name:<28} {auc:.4} {tpr:.3}, F1 at p <= {HDFS_P}: {f1:.3}");
    }
    let started = Instant::now();
    let config = config(recording, Admission::default(), HOSTS);
    SessionDetector::train(config, &deal(&recording.train, HOSTS, &mut Seeded(1)));
    println!("  training with cross-fitting: {:.1} s", started.elapsed().as_secs_f64());
}

/// Deals sessions to hosts and days.
fn deal(sessions: &[Vec<u32>], hosts: u32, random: &mut Seeded) -> Vec<Sourced> {
    let mut dealt = |session: &Vec<u32>| {
        let source =
            Source { host: random.below(hosts as usize) as u32, day: random.below(DAYS) as u16 };
        (session.clone(), source)
    };
    sessions.iter().map(&mut dealt).collect()
}

fn symbols(text: &str) -> Vec<u32> {
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

fn hdfs() -> Option<Recording> {
    let (mut train, mut normal) = (Vec::new(), Vec::new());
    for line in common::read_text("detect/hdfs/hdfs_loghub/hdfs_train")?.lines() {
        let Some((block, session)) = line.split_once(',') else { continue };
        let is_even = Sha256::digest(block.as_bytes()).last().is_some_and(|byte| byte % 2 == 0);
        let half = if is_even { &mut train } else { &mut normal };
        half.push(symbols(session));
    }
    let text = common::read_text("detect/hdfs/hdfs_loghub/hdfs_test_abnormal")?;
    let attack: Vec<_> =
        text.lines().filter_map(|line| Some(symbols(line.split_once(',')?.1))).collect();
    let families = Vec::new();
    Some(Recording { name: "HDFS", order: 3, alphabet: 32, train, normal, attack, families })
}

fn adfa() -> Option<Recording> {
    let mut recording = Recording {
        name: "ADFA-LD",
        order: 3,
        alphabet: 342,
        train: Vec::new(),
        normal: Vec::new(),
        attack: Vec::new(),
        families: Vec::new(),
    };
    let bytes = common::read("detect/adfa-ld/adfa-ld-dev.zip")?;
    for (name, text) in common::unzip(&bytes) {
        let mut parts = name.rsplit('/').skip(1);
        let folder = parts.next().unwrap_or_default();
        if name.contains("Training_Data_Master") {
            recording.train.push(symbols(&text));
        } else if name.contains("Validation_Data_Master") {
            recording.normal.push(symbols(&text));
        } else if name.contains("Attack_Data_Master") {
            recording.attack.push(symbols(&text));
            let family = folder.rsplit_once('_').map_or(folder, |(family, _)| family);
            recording.families.push(family.to_owned());
        }
    }
    let train = deal(&recording.train, HOSTS, &mut Seeded(1));
    let config = config(&recording, Admission::OPEN, HOSTS);
    recording.order = least_surprised(&config, &[3, 5, 8], &train);
    println!("ADFA-LD: order {} surprises the training sessions least", recording.order);
    Some(recording)
}

/// STIDE (S. Forrest, S. Hofmeyr, A. Somayaji, T. Longstaff, "A sense of self for Unix processes",
/// 1996): the share of windows of six symbols that the training does not hold.
struct Stide(HashSet<Vec<u32>>);

impl Stide {
    const WIDTH: usize = 6;

    fn train(sessions: &[Vec<u32>]) -> Self {
        Self(
            sessions
                .iter()
                .flat_map(|session| session.windows(Self::WIDTH))
                .map(<[u32]>::to_vec)
                .collect(),
        )
    }

    fn score(&self, session: &[u32]) -> f64 {
        let windows = session.windows(Self::WIDTH);
        let count = windows.len();
        windows.filter(|window| !self.0.contains(*window)).count() as f64 / (count as f64).max(1.0)
    }
}
