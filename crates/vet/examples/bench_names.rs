//! How many names of a file (one a line, or a requirements file) are told, by rule and weight.
//!
//! `cargo run --release -p vet --example bench_names -- PyPI FILE...`

use std::collections::BTreeMap;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let ecosystem = arguments.next().unwrap_or_default();
    for path in arguments {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut names: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with(|c: char| c.is_alphanumeric() || c == '@'))
            .filter_map(|line| line.split(['=', '<', '>', '~', '!', '[', ';', ' ', '#']).next())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut counts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for name in &names {
            let told = match ecosystem.as_str() {
                "npm" => vet::deps::names::judge_npm(name, 0),
                _ => vet::deps::names::judge(name, 0),
            };
            if let Some(remark) = told {
                let key = format!("{} {:?}", remark.rule, remark.weight);
                counts.entry(key).or_default().push(name);
            }
        }
        println!("{path}: {} names", names.len());
        for (key, told) in counts {
            println!("  {key}: {}  {}", told.len(), told.join(" "));
        }
    }
}
