//! AIT-ADS, one tenant left out at a time: `cargo run --release -p detect --example bench_alerts`.
//!
//! Other tools' alerts are events like any other (OCSF 2004) and go through the whole engine. The
//! left-out tenant is replayed in the order of time; the prior and the scores it borrows come from
//! the other tenants' streams, unlabelled and with their attacks in them. Those scores are
//! cross-fitted: each of the other tenants is replayed under a prior of the rest.
//!
//! With `--prior FILE` it measures nothing, and writes the prior of all tenants together, with
//! cross-fitted scores and their origin.
//!
//! A case is true if one of its hosts has, in its hours, an alert whose event label names an attack
//! step (neither `false_positive` nor `-`).

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "figures for people, from recordings of bounded size"
)]

#[path = "common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use common::{Row, Table};
use detect::engine::Layers;
use detect::prior::PriorBuilder;
use detect::tokens::Reading;
use detect::window::{WINDOW_MS, hour_of};
use detect::{BudgetConfig, Engine, EngineConfig, Observed, Prior, Withheld};
use learn::hash::SiteKey;
use serde_json::{Map, Value, json};

/// One alert, read once.
struct Alert {
    time_ms: i64,
    host: usize,
    kind: usize,
}

/// One tenant's stream.
struct Tenant {
    name: String,
    hosts: Vec<String>,
    alerts: Vec<Alert>,
    /// Host and hour with a labelled attack alert.
    attacked: HashSet<(usize, i64)>,
    /// Attack phases by host and hour.
    phases: HashMap<(usize, i64), BTreeSet<String>>,
    days: f64,
}

/// The sorts of alerts of all tenants: what the engine sees of each.
#[derive(Default)]
struct Sorts {
    numbers: HashMap<String, usize>,
    events: Vec<(Map<String, Value>, Reading)>,
}

const KEY: SiteKey = SiteKey::new(*b"benchmark of ads");

fn main() {
    let Some(bytes) = common::read("detect/ait-ads/alerts-dev.zip") else { return };
    let mut sorts = Sorts::default();
    let tenants: Vec<Tenant> = common::unzip(&bytes)
        .into_iter()
        .map(|(name, text)| tenant(name.trim_end_matches("_alerts.txt"), &text, &mut sorts))
        .collect();
    for tenant in &tenants {
        println!(
            "{}: {} alerts, {} hosts, {:.1} days",
            tenant.name,
            tenant.alerts.len(),
            tenant.hosts.len(),
            tenant.days
        );
    }
    let layers = Layers::default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, path] = arguments.as_slice()
        && flag == "--prior"
    {
        write_prior(&tenants, &sorts, path);
        return;
    }
    let full = leave_one_out(&tenants, &sorts, layers);
    println!("\nalpha curve (false cases a day that are promised at most; cap 1 a day):");
    for alpha in [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0] {
        let budget = BudgetConfig { false_a_day_max: alpha, ..BudgetConfig::default() };
        let result = replay_all(&tenants, &sorts, &full, layers, budget);
        println!("  alpha {alpha:<6} {}", result.line());
    }
    println!("\ncap, at the alpha of the product ({}):", BudgetConfig::default().false_a_day_max);
    for cap in [1, 2, 3, 1_000] {
        let budget = BudgetConfig { cases_a_day_max: cap, ..BudgetConfig::default() };
        println!("  cap {cap:<4} {}", replay_all(&tenants, &sorts, &full, layers, budget).line());
    }
    println!("\ngate of false discoveries under it:");
    for share in [0.05, 0.1, 0.2, 0.5] {
        let budget = BudgetConfig { false_share_max: Some(share), ..BudgetConfig::default() };
        println!(
            "  share {share:<4} {}",
            replay_all(&tenants, &sorts, &full, layers, budget).line()
        );
    }
    ablation(&tenants, &sorts);
    let result = replay_all(&tenants, &sorts, &full, layers, BudgetConfig::default());
    println!("\nthe product's settings, case by case:");
    result.cases.iter().for_each(|case| println!("  {case}"));
    let table = [
        Row::min("AIT-ADS campaigns found of 5", result.campaigns.len() as f64, 5.0),
        Row::max("AIT-ADS false cases a tenant-day", result.false_a_day(), 0.05),
        Row::min("AIT-ADS precision of shown cases", result.precision(), 0.8),
    ];
    Table(&table).print();
}

fn ablation(tenants: &[Tenant], sorts: &Sorts) {
    println!("\nablation, each with its own prior and scores:");
    let on = Layers::default();
    let variants = [
        ("all", on),
        ("no sequences", Layers { sequences: false, ..on }),
        ("no rates", Layers { rates: false, ..on }),
        ("no episodes", Layers { episodes: false, ..on }),
        ("no joins", Layers { joins: false, ..on }),
    ];
    for (name, layers) in variants {
        let priors = leave_one_out(tenants, sorts, layers);
        let result = replay_all(tenants, sorts, &priors, layers, BudgetConfig::default());
        println!("  {name:<16} {}", result.line());
    }
    let bare: Vec<Prior> = tenants.iter().map(|_| Prior::default()).collect();
    let result = replay_all(tenants, sorts, &bare, on, BudgetConfig::default());
    println!("  {:<16} {}", "no prior", result.line());
}

fn tenant(name: &str, text: &str, sorts: &mut Sorts) -> Tenant {
    let (mut hosts, mut numbers) = (Vec::new(), HashMap::new());
    let (mut alerts, mut attacked, mut phases) = (Vec::new(), HashSet::new(), HashMap::new());
    for line in text.lines().skip(1) {
        let mut fields = line.rsplitn(6, ',');
        let (Some(event_label), Some(time_label), Some(_), Some(host), Some(_), Some(head)) = (
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
            fields.next(),
        ) else {
            continue;
        };
        let Some((time, title)) = head.split_once(',') else { continue };
        let Ok(time_s) = time.parse::<f64>() else { continue };
        let host = *numbers.entry(host.to_owned()).or_insert_with(|| {
            hosts.push(host.to_owned());
            hosts.len() - 1
        });
        let time_ms = (time_s * 1_000.0) as i64;
        if event_label != "false_positive" && event_label != "-" {
            attacked.insert((host, hour_of(time_ms)));
            let phases: &mut BTreeSet<String> = phases.entry((host, hour_of(time_ms))).or_default();
            phases.insert(time_label.to_owned());
        }
        alerts.push(Alert { time_ms, host, kind: sorts.number(title) });
    }
    alerts.sort_by_key(|alert| alert.time_ms);
    let ends = (alerts.first(), alerts.last());
    let days = match ends {
        (Some(first), Some(last)) => (last.time_ms - first.time_ms) as f64 / 86_400_000.0,
        _ => 0.0,
    };
    Tenant { name: name.to_owned(), hosts, alerts, attacked, phases, days }
}

impl Sorts {
    fn number(&mut self, title: &str) -> usize {
        if let Some(number) = self.numbers.get(title) {
            return *number;
        }
        let (product, finding) = title.split_once(": ").unwrap_or(("", title));
        let ocsf = json!({
            "class_uid": 2_004,
            "activity_id": 1,
            "finding_info": {"title": finding},
            "metadata": {"product": {"name": product}},
        });
        let ocsf = ocsf.as_object().cloned().unwrap_or_default();
        let raw = Map::new();
        let event = Observed {
            time_ms: 0,
            host: "",
            source: "alerts",
            class_uid: 2_004,
            ocsf: &ocsf,
            raw: &raw,
        };
        let reading = Reading::of(&event);
        self.events.push((ocsf, reading));
        self.numbers.insert(title.to_owned(), self.events.len() - 1);
        self.events.len() - 1
    }
}

/// Calls `act` with every alert of a tenant as the engine sees it.
fn each(tenant: &Tenant, sorts: &Sorts, mut act: impl FnMut(&Observed<'_>, &Reading)) {
    let raw = Map::new();
    for alert in &tenant.alerts {
        let (ocsf, reading) = &sorts.events[alert.kind];
        let event = Observed {
            time_ms: alert.time_ms,
            host: &tenant.hosts[alert.host],
            source: "alerts",
            class_uid: 2_004,
            ocsf,
            raw: &raw,
        };
        act(&event, reading);
    }
}

fn prior_of<'a>(tenants: impl Iterator<Item = &'a Tenant>, sorts: &Sorts) -> Prior {
    let mut builder = PriorBuilder::default();
    let mut origin = Vec::new();
    for tenant in tenants {
        origin.push(format!("AIT-ADS {}", tenant.name));
        // One alert of a sort, host and hour is enough: windows are counted, not alerts.
        let mut seen = HashSet::new();
        let raw = Map::new();
        for alert in &tenant.alerts {
            if !seen.insert((alert.host, alert.kind, hour_of(alert.time_ms))) {
                continue;
            }
            let (ocsf, _) = &sorts.events[alert.kind];
            let host = &tenant.hosts[alert.host];
            let (time_ms, source) = (alert.time_ms, "alerts");
            let event = Observed { time_ms, host, source, class_uid: 2_004, ocsf, raw: &raw };
            builder.add(&tenant.name, &event);
        }
    }
    builder.finish(origin)
}

/// Scores of a tenant's episodes under a prior; nothing of it is shown or kept back.
fn scores(tenant: &Tenant, sorts: &Sorts, prior: &Prior, layers: Layers) -> Vec<f32> {
    let budget = BudgetConfig { false_a_day_max: -1.0, ..BudgetConfig::default() };
    let config = EngineConfig { layers, budget, ..EngineConfig::new(&tenant.name, KEY) };
    let mut engine = Engine::with_prior(config, prior);
    each(tenant, sorts, |event, reading| engine.observe_reading(event, reading));
    engine.finish();
    engine.scores()
}

/// For each tenant the prior of the others, with their cross-fitted scores.
fn leave_one_out(tenants: &[Tenant], sorts: &Sorts, layers: Layers) -> Vec<Prior> {
    let mut all = Vec::new();
    for left_out in 0..tenants.len() {
        let others: Vec<usize> = (0..tenants.len()).filter(|at| *at != left_out).collect();
        let mut calibration = Vec::new();
        for at in &others {
            let rest = others.iter().filter(|other| *other != at).map(|other| &tenants[*other]);
            calibration.extend(scores(&tenants[*at], sorts, &prior_of(rest, sorts), layers));
        }
        let prior = prior_of(others.iter().map(|at| &tenants[*at]), sorts);
        all.push(prior.with_scores(calibration));
    }
    all
}

/// Writes the prior of all tenants.
fn write_prior(tenants: &[Tenant], sorts: &Sorts, path: &str) {
    let mut calibration = Vec::new();
    for (at, tenant) in tenants.iter().enumerate() {
        let rest = tenants.iter().enumerate().filter(|(other, _)| *other != at);
        let prior = prior_of(rest.map(|(_, tenant)| tenant), sorts);
        calibration.extend(scores(tenant, sorts, &prior, Layers::default()));
    }
    let prior = prior_of(tenants.iter(), sorts).with_scores(calibration);
    let written = prior.to_json().map_err(|error| error.to_string());
    match written.and_then(|json| std::fs::write(path, json).map_err(|error| error.to_string())) {
        Ok(()) => println!("wrote `{path}`"),
        Err(error) => println!("`{path}` was not written: {error}"),
    }
}

#[derive(Default)]
struct Outcome {
    shown: usize,
    hits: usize,
    campaigns: BTreeSet<String>,
    phases: usize,
    days: f64,
    withheld_true: BTreeMap<Withheld, usize>,
    cases: Vec<String>,
}

impl Outcome {
    fn precision(&self) -> f64 {
        self.hits as f64 / (self.shown as f64).max(1.0)
    }

    fn false_a_day(&self) -> f64 {
        (self.shown - self.hits) as f64 / self.days
    }

    fn line(&self) -> String {
        format!(
            "campaigns {}/5, phases {}, shown {} ({:.2} a day), false {} ({:.3} a day), precision {:.2}, \
             true withheld: {:?}",
            self.campaigns.len(),
            self.phases,
            self.shown,
            self.shown as f64 / self.days,
            self.shown - self.hits,
            self.false_a_day(),
            self.precision(),
            self.withheld_true
        )
    }
}

fn replay_all(
    tenants: &[Tenant],
    sorts: &Sorts,
    priors: &[Prior],
    layers: Layers,
    budget: BudgetConfig,
) -> Outcome {
    let mut outcome = Outcome::default();
    for (tenant, prior) in tenants.iter().zip(priors) {
        let config = EngineConfig { layers, budget, ..EngineConfig::new(&tenant.name, KEY) };
        let mut engine = Engine::with_prior(config, prior);
        let mut shown = BTreeMap::new();
        let mut hour = 0;
        each(tenant, sorts, |event, reading| {
            if hour_of(event.time_ms) != hour {
                hour = hour_of(event.time_ms);
                engine.advance(event.time_ms);
            }
            engine.observe_reading(event, reading);
        });
        engine.finish();
        engine.take_cases().into_iter().for_each(|case| drop(shown.insert(case.id.clone(), case)));
        let mut phases = BTreeSet::new();
        for case in shown.values() {
            let found = touched(tenant, &case.spans);
            outcome.shown += 1;
            outcome.hits += usize::from(!found.is_empty());
            if !found.is_empty() {
                outcome.campaigns.insert(tenant.name.clone());
            }
            outcome.cases.push(format!(
                "{:<16} {} score {:5.0} p {:.1e} hosts {:?} phases {:?}",
                tenant.name,
                if found.is_empty() { "FALSE" } else { "true " },
                case.score,
                case.p_value,
                case.spans.iter().map(|span| span.host.as_str()).collect::<BTreeSet<_>>(),
                found
            ));
            phases.extend(found);
        }
        outcome.phases += phases.len();
        outcome.days += tenant.days;
        for case in engine.withheld() {
            if let (false, Some(reason)) = (touched(tenant, &case.spans).is_empty(), case.withheld)
            {
                *outcome.withheld_true.entry(reason).or_default() += 1;
            }
        }
    }
    outcome
}

/// The attack phases that some hours hold.
fn touched(tenant: &Tenant, spans: &[detect::case::Span]) -> BTreeSet<String> {
    let mut phases = BTreeSet::new();
    for span in spans {
        let Some(host) = tenant.hosts.iter().position(|host| *host == span.host) else { continue };
        for hour in span.from_ms / WINDOW_MS..span.to_ms / WINDOW_MS {
            if tenant.attacked.contains(&(host, hour)) {
                phases.extend(tenant.phases.get(&(host, hour)).into_iter().flatten().cloned());
            }
        }
    }
    phases
}
