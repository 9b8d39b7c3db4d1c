//! How many matches are lost to one edit of the command line.
//!
//! A base is an event and a rule that matches it as logged. For each operator every result of one
//! application is tried; the base is lost to the operator if any of them no longer matches that
//! rule. New hits are rules that match a benign line only in the canonical view.

use std::collections::BTreeSet;
use std::path::Path;

use detect::sigma::{Pack, Rules, Seen};
use serde_json::{Map, Value};

use crate::operators::Operator;
use crate::{corpus, lucene, match_raw, operators_a, operators_b, operators_c, row};

/// Prints the table for the data set's own rules, and then for all public rules.
pub fn table(root: &Path, public: &Rules) {
    let own = own_rules(root);
    println!("\nEvasion: base events and their own rules ({} rules)", own.pack().len());
    one_table(root, &own, true);
    println!("\nEvasion: base events and all public rules that match them");
    one_table(root, public, false);
}

/// The rules of the data set.
fn own_rules(root: &Path) -> Rules {
    let folder = root.join("duel/amides/sigma/rules/windows/process_creation");
    let mut unread = 0;
    let rules: Vec<(String, String)> = corpus::files(&folder, ".yml")
        .iter()
        .filter_map(|path| {
            let name = path.file_stem()?.to_string_lossy().into_owned();
            let text = std::fs::read_to_string(path).ok()?;
            let filters: Vec<String> = match serde_saphyr::from_multiple::<Value>(&text) {
                Ok(documents) => documents
                    .iter()
                    .flat_map(|document| match document {
                        Value::Array(all) => all.clone(),
                        one => vec![one.clone()],
                    })
                    .filter_map(|one| Some(one.get("filter")?.as_str()?.to_owned()))
                    .collect(),
                Err(_) => Vec::new(),
            };
            let whole = format!("({})", filters.join(") OR ("));
            let rule = lucene::to_sigma(&name, &whole);
            if rule.is_none() {
                unread += 1;
                println!("filter not understood: {name}");
            }
            Some((name, rule?))
        })
        .collect();
    let loaded = Pack::from_yaml_files(rules.iter().map(|(name, rule)| (name, rule)));
    for refused in &loaded.refused {
        println!("refused: {}: {}", refused.file, refused.reason);
    }
    println!("{unread} filters of the data set are not understood");
    Rules::new(loaded.pack)
}

fn ids(rules: &Rules, event: &Map<String, Value>, views: bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    match_raw(rules, "ecs", event, &mut |one| {
        if views || one.seen == Seen::AsLogged {
            found.insert(one.id().to_owned());
        }
    });
    found
}

fn one_table(root: &Path, rules: &Rules, own: bool) {
    let bases = corpus::bases(root);
    let mut pairs: Vec<(&corpus::Base, &str, BTreeSet<String>)> = Vec::new();
    for base in &bases {
        let Some(line) = corpus::command_line(&base.event) else { continue };
        let mut matched = ids(rules, &base.event, false);
        if own {
            matched.retain(|id| *id == base.rule);
        }
        if !matched.is_empty() {
            pairs.push((base, line, matched));
        }
    }
    let total: usize = pairs.iter().map(|(_, _, matched)| matched.len()).sum();
    println!("{} of {} base events, {total} matches as logged", pairs.len(), bases.len());
    for (name, list, goal) in [
        ("A", operators_a::OPERATORS, 0.05),
        ("B", operators_b::OPERATORS, 0.25),
        ("C", operators_c::OPERATORS, 0.25),
    ] {
        if list.is_empty() {
            println!("list {name}: not there yet");
            continue;
        }
        println!(
            "list {name:<22} {:>9} {:>18} {:>18}",
            "applied", "lost, as logged", "lost, with views"
        );
        let mut lost_any = [BTreeSet::new(), BTreeSet::new()];
        for operator in list {
            measure(rules, &pairs, operator, &mut lost_any);
        }
        let share = |lost: usize| {
            #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
            let share = lost as f64 / total.max(1) as f64;
            share
        };
        let (before, after) = (share(lost_any[0].len()), share(lost_any[1].len()));
        row(
            &format!("lost to any edit of list {name} (as logged {:.1} %)", before * 100.0),
            &format!("{:.1} %", after * 100.0),
            &format!("<= {:.0} %", goal * 100.0),
            after <= goal,
        );
    }
    let lines = corpus::benign(root);
    let mut before = 0;
    let mut new = BTreeSet::new();
    for (place, event) in lines.iter().enumerate() {
        let strict = ids(rules, event, false);
        before += strict.len();
        for id in ids(rules, event, true).difference(&strict) {
            let line = corpus::command_line(event).unwrap_or_default().to_owned();
            new.insert((place, id.clone(), line));
        }
    }
    for (_, id, line) in new.iter().take(20) {
        println!("new hit: {id}: {line}");
    }
    row(
        &format!("new hits on {} benign lines (as logged {before})", lines.len()),
        &new.len().to_string(),
        "0",
        new.is_empty(),
    );
}

fn measure(
    rules: &Rules,
    pairs: &[(&corpus::Base, &str, BTreeSet<String>)],
    operator: &Operator,
    lost_any: &mut [BTreeSet<(usize, String)>; 2],
) {
    let (mut applied, mut lost) = (0, [0, 0]);
    let show = std::env::var("SHOW_LOST").is_ok_and(|name| name == operator.name || name == "all");
    for (place, (base, line, matched)) in pairs.iter().enumerate() {
        let edited = (operator.edit)(line);
        if edited.is_empty() {
            continue;
        }
        applied += matched.len();
        let mut gone = [BTreeSet::new(), BTreeSet::new()];
        for line in &edited {
            let event = corpus::with_command_line(&base.event, line);
            for (views, gone) in [false, true].into_iter().zip(&mut gone) {
                let still = ids(rules, &event, views);
                for id in matched.difference(&still) {
                    if views && show && !gone.contains(id) {
                        println!("lost [{}] {id}: {line}", operator.name);
                    }
                    gone.insert(id.clone());
                }
            }
        }
        for ((gone, lost), any) in gone.into_iter().zip(&mut lost).zip(lost_any.iter_mut()) {
            *lost += gone.len();
            any.extend(gone.into_iter().map(|id| (place, id)));
        }
    }
    let what = operator.what;
    println!("  {:<25} {applied:>9} {:>18} {:>18}   {what}", operator.name, lost[0], lost[1]);
}
