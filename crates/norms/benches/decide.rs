//! Times one decision, beside the same rules by hand in plain Rust in the same run.
//!
//! `cargo bench -p norms` prints p50 and p99 in microseconds for decisions with no, one and two
//! approvals, and the ratio to the peer, which checks no signature.

#[expect(dead_code, reason = "only the tests read the answer")]
#[path = "../tests/red_lines/oracle.rs"]
mod oracle;
#[path = "../tests/red_lines/support.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use norms::{Facts, Norms};
use spine::{ActionType, Approval, Author, Plan};
use support::{Chance, any_facts, bound, harmless, people};

const ROUNDS: usize = 20_000;

struct Request {
    plan: Plan,
    facts: Facts,
    approvals: Vec<Approval>,
}

fn request(facts: Facts, approvals: usize) -> Request {
    let (plan, facts) = bound(facts);
    let approvals = people().iter().take(approvals).map(|p| p.approves(&plan)).collect();
    Request { plan, facts, approvals }
}

/// p50 and p99 of one call, microseconds.
fn time(requests: &[Request], call: impl Fn(&Request)) -> (f64, f64) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .zip(requests.iter().cycle())
        .map(|(_, request)| {
            let start = Instant::now();
            call(request);
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[ROUNDS / 2], times[ROUNDS * 99 / 100])
}

fn main() {
    let norms = Norms::new(None).expect("the built-in policies hold together");
    let mut chance = Chance(1);
    let one = |facts, approvals| vec![request(facts, approvals)];
    let upgrade = || harmless(Author::Human, ActionType::UpgradePackages);
    let cases = [
        ("allowed alone", one(harmless(Author::Agent, ActionType::DryRun), 0)),
        ("needs a person", one(upgrade(), 0)),
        ("one approval", one(upgrade(), 1)),
        ("two approvals", one(upgrade(), 2)),
        ("any facts", (0..1_000).map(|_| request(any_facts(&mut chance), 0)).collect()),
    ];
    println!("case             p50 us   p99 us   peer p50   peer p99   ratio of p50");
    for (name, requests) in cases {
        let cedar = time(&requests, |r| {
            black_box(norms.decide(black_box(&r.plan), black_box(&r.facts), &r.approvals));
        });
        let peer = time(&requests, |r| {
            let people = u8::try_from(r.approvals.len()).unwrap_or(u8::MAX);
            black_box(oracle::decide(black_box(&r.facts), people));
        });
        println!(
            "{name:<16} {:>6.1} {:>8.1} {:>10.2} {:>10.2} {:>14.0}",
            cedar.0,
            cedar.1,
            peer.0,
            peer.1,
            cedar.0 / peer.0
        );
    }
}
