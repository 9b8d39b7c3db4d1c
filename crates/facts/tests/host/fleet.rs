//! Several machines, each with its own record, that hear of one another's (red line RL08).

use facts::{History, HubContact, gather, limits};
use norms::Norms;
use spine::{
    ActionState, ActionType as T, Author, EffectClass as C, Plan, Receipt, RingBudget, Verdict,
};

use super::support::*;

/// A fleet in which every machine hears of every receipt of every other one.
struct Fleet {
    norms: Norms,
    known: Known,
    histories: Vec<History>,
}

impl Fleet {
    fn new(size: u32) -> Self {
        Self {
            norms: Norms::new(None).unwrap(),
            known: Known::new(size, size),
            histories: (0..size).map(|_| History::default()).collect(),
        }
    }

    /// One machine asks for a containment by itself, and does it if it may.
    fn act(&mut self, number: u32, ring: Option<RingBudget>, hub: HubContact) -> Verdict {
        let now_ms = START_MS;
        let (index, here) = (number as usize, host(number));
        let mut subject = plan(here, number.into());
        let mut block = effect(T::BlockAddress, C::Contain);
        block.targets = vec![address(number)];
        subject.ring = ring;
        let mut papers = Vec::new();
        if ring.is_some() {
            subject.author = Author::Human;
            papers.push(Person::new().approves(&subject, now_ms, number.into()));
        }
        let clock = At(now_ms);
        let mut context = self.known.context(here, &self.histories[index], &clock);
        context.hub = hub;
        let facts = gather(&subject, std::slice::from_ref(&block), &context).unwrap();
        let (decision, permit) = self.norms.decide(&subject, &facts, &papers);
        if let Some(permit) = permit {
            let id = action(number.into());
            let receipts = [
                intent(&subject, id, now_ms, &block, permit.approvals()),
                outcome(&subject, id, now_ms, ActionState::Done),
            ];
            self.spread(index, &receipts);
        }
        decision.verdict
    }

    fn spread(&mut self, from: usize, receipts: &[Receipt]) {
        for (index, history) in self.histories.iter_mut().enumerate() {
            for receipt in receipts {
                if index == from {
                    history.observe(receipt);
                } else {
                    history.observe_peer(host(u32::try_from(index).unwrap()), receipt);
                }
            }
        }
    }
}

#[test]
fn the_share_of_machines_that_act_alone_is_counted_over_all_of_them() {
    let heard = HubContact::LastHeard(START_MS);
    let mut fleet = Fleet::new(100);
    let acted = (0..100).filter(|n| fleet.act(*n, None, heard) == Verdict::Allow).count();
    assert_eq!(acted, 5, "5 % of 100");
    let mut fleet = Fleet::new(100);
    let acted = (0..100).filter(|n| fleet.act(*n, None, HubContact::Never) == Verdict::Allow);
    assert_eq!(acted.count(), 0, "whoever hears nobody does not act alone");
}

#[test]
fn a_ring_is_counted_over_all_machines_and_apart_from_other_rings() {
    let mut fleet = Fleet::new(40);
    let ring = |ring| Some(RingBudget { ring, hosts_max: 3, failures_max: 0 });
    let heard = HubContact::LastHeard(START_MS);
    let acted = (0..10).filter(|n| fleet.act(*n, ring(1), heard) == Verdict::Allow).count();
    assert_eq!(acted, 3);
    let acted = (10..20).filter(|n| fleet.act(*n, ring(2), heard) == Verdict::Allow).count();
    assert_eq!(acted, 3, "another ring has its own budget");
}

#[test]
fn a_failure_elsewhere_counts_against_the_ring() {
    let mut history = History::default();
    let budget = RingBudget { ring: 4, hosts_max: 9, failures_max: 0 };
    let there = Plan { ring: Some(budget), ..plan(host(2), 2) };
    let change = effect(T::UpgradePackages, C::Change);
    history.observe_peer(host(1), &intent(&there, action(2), START_MS, &change, &[]));
    assert_eq!(history.ring_failures(4, START_MS), 0);
    // A third machine cannot say how the second one fared.
    let liar = Plan { host: host(3), ..there.clone() };
    history.observe_peer(host(1), &outcome(&liar, action(2), START_MS, ActionState::Failed));
    assert_eq!(history.ring_failures(4, START_MS), 0);
    history.observe_peer(host(1), &outcome(&there, action(2), START_MS, ActionState::RolledBack));
    assert_eq!(
        (history.ring_failures(4, START_MS), history.ring_hosts(4, host(1), START_MS)),
        (1, 2)
    );
}

#[test]
fn what_others_say_can_only_add_to_what_is_counted() {
    let own = host(1);
    let here = plan(own, 1);
    let change = effect(T::UpgradePackages, C::Change);
    let mut history = History::default();
    history.observe(&intent(&here, action(1), START_MS, &change, &[]));
    let before = history.alone_last_hour(START_MS);
    let there = plan(host(2), 2);
    // Nothing of this is another machine's to say: our own action, our stop switch, our dry run.
    history.observe_peer(own, &intent(&plan(own, 9), action(9), START_MS, &change, &[]));
    let stop = serde_json::json!({ "on": true });
    history.observe_peer(
        own,
        &receipt(spine::ReceiptKind::KillSwitch, START_MS, host(2), None, None, &stop),
    );
    for receipt in &dry_run(&here, action(3), START_MS) {
        history.observe_peer(own, receipt);
    }
    assert_eq!(history.alone_last_hour(START_MS), before);
    assert!(!history.kill_switch());
    let tried = history.dry_run(here.hash().unwrap(), own, "/", START_MS);
    assert!(!tried.passed);
    // What cannot be understood counts as the worst, and harms nothing else.
    let mut strange = intent(&there, action(4), START_MS, &change, &[]);
    strange.body.remove("class");
    history.observe_peer(own, &strange);
    assert_eq!(history.alone_last_hour(START_MS).hosts.len(), 2);
    assert!(history.is_whole());
    // A flood of old receipts does not push out what counts.
    for number in 0..2 * limits::RECENT_MAX as u64 {
        let long_ago = START_MS - 2 * HOUR_MS;
        history.observe_peer(own, &intent(&there, action(100 + number), long_ago, &change, &[]));
    }
    assert_eq!(history.alone_last_hour(START_MS).hosts.len(), 2);
}
