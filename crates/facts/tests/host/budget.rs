//! Red line RL08: whatever sequence of plans is asked for, what is allowed stays within the blast
//! radius. What was done is counted here a second time, without the code under test.

use facts::{History, gather};
use norms::Norms;
use spine::{ActionState, ActionType as T, Author, EffectClass as C, HostId, Receipt, RingBudget};

use super::support::*;

/// A small generator of chance (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

/// Something that was done.
struct Done {
    time_ms: i64,
    host: HostId,
    class: C,
    targets: usize,
    approved: bool,
    ring: bool,
}

/// Counts again, and holds the numbers against the red line.
fn check(done: &[Done], fleet: u32, ring: Option<RingBudget>) -> (usize, usize) {
    let last = done.last().unwrap();
    let changes = |d: &&Done| matches!(d.class, C::Change | C::Contain);
    let hosts = |all: Vec<&Done>| {
        let mut hosts: Vec<_> = all.into_iter().filter(changes).map(|d| d.host).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts.len()
    };
    let since = |ms: i64| done.iter().filter(move |d| d.time_ms > last.time_ms - ms);
    if let Some(ring) = ring.filter(|_| changes(&last)) {
        let of_ring = since(24 * HOUR_MS).filter(|d| d.ring).collect();
        assert!(hosts(of_ring) <= ring.hosts_max as usize);
    }
    if last.approved || last.class == C::RollBack {
        return (0, 0);
    }
    let alone = || since(HOUR_MS).filter(|d| !d.approved && d.class != C::RollBack);
    let actions = alone().count();
    assert!(actions <= 50, "{actions} actions in an hour");
    if !changes(&last) {
        return (actions, 0);
    }
    assert!(last.targets <= 25, "{} targets", last.targets);
    let touched = hosts(alone().collect());
    assert!(touched <= (fleet as usize / 20).max(1), "{touched} of {fleet} machines");
    (actions, touched)
}

/// One sequence. Gives how often each bound was reached: 50 actions, the share of machines.
fn sequence(norms: &Norms, chance: &mut Chance) -> (u64, u64) {
    let fleet = chance.pick(&[1_u32, 10, 19, 20, 40, 100, 200]);
    let known = Known::new(fleet, fleet);
    let pace_ms = chance.pick(&[1_000, 20_000, 60_000, 240_000]);
    let kinds = chance.pick(&[[0, 0, 0, 0, 1], [0, 0, 1, 1, 2], [1, 1, 1, 1, 2]]);
    let (mut history, mut record) = (History::default(), Vec::<Receipt>::new());
    let (mut done, mut now_ms, mut reached) = (Vec::new(), START_MS, (0, 0));
    for number in 0..120_u64 {
        now_ms += chance.below(pace_ms).cast_signed();
        if chance.below(40) == 0 {
            // A restart: the fold is made anew from the record.
            history = History::default();
            for receipt in &record {
                history.observe(receipt);
            }
        }
        let here = host(u32::try_from(chance.below(fleet.into())).unwrap());
        let mut subject = plan(here, number);
        let mut step = match chance.pick(&kinds) {
            0 => effect(T::DryRun, C::Observe),
            2 => effect(T::RollBack, C::RollBack),
            _ => effect(T::BlockAddress, C::Contain),
        };
        let targets = chance.pick(&[1, 1, 1, 25, 26]);
        let first = u32::try_from(number).unwrap() * 32;
        step.targets = (0..targets).map(|n| address(first + n)).collect();
        let ring = chance.below(8) == 0;
        if ring {
            let hosts_max = u32::try_from(chance.below(6)).unwrap();
            subject.ring = Some(RingBudget { ring: 0, hosts_max, failures_max: 5 });
        }
        let mut papers = Vec::new();
        if ring || chance.below(6) == 0 {
            subject.author = Author::Human;
            papers.push(Person::new().approves(&subject, now_ms, number));
        }
        let clock = At(now_ms);
        let context = known.context(here, &history, &clock);
        let facts = gather(&subject, std::slice::from_ref(&step), &context).unwrap();
        let (_decision, Some(permit)) = norms.decide(&subject, &facts, &papers) else { continue };
        let receipts = [
            intent(&subject, action(number), now_ms, &step, permit.approvals()),
            outcome(&subject, action(number), now_ms, ActionState::Done),
        ];
        for receipt in receipts {
            history.observe(&receipt);
            record.push(receipt);
        }
        let (class, approved) = (step.class, !papers.is_empty());
        done.push(Done {
            time_ms: now_ms,
            host: here,
            class,
            targets: step.targets.len(),
            approved,
            ring,
        });
        let (actions, touched) = check(&done, fleet, subject.ring);
        reached.0 += u64::from(actions == 50);
        reached.1 += u64::from(touched == (fleet as usize / 20).max(1));
    }
    reached
}

/// 200 sequences; the environment variable `RINGFORT_TEST_ROUNDS` asks for more.
#[test]
fn no_sequence_of_allowed_plans_passes_the_budget() {
    let text = std::env::var("RINGFORT_TEST_ROUNDS");
    let rounds = text.map_or(200, |text| text.parse::<u64>().unwrap());
    let norms = Norms::new(None).unwrap();
    let (mut fifty, mut share) = (0, 0);
    for seed in 0..rounds {
        let reached = sequence(&norms, &mut Chance(seed));
        fifty += reached.0;
        share += reached.1;
    }
    println!("{rounds} sequences: 50 actions reached {fifty} times, the share {share} times");
    assert!(fifty > rounds / 10 && share > rounds, "the bounds were hardly reached");
}
