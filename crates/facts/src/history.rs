//! What this host's own record says: a fold over its receipts. Rates, dry runs, used approvals and
//! failures are counted here and never taken from a plan.
//!
//! Memory is bounded ([`limits`]); where something must be forgotten, the answer that remains is
//! the one that permits less.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use norms::approvals::parse_nonce;
use serde_json::{Map, Value};
use spine::{
    ActionId, ActionState, ActionType, EffectClass, HostId, IntentBody, OutcomeBody, PlanHash,
    Receipt, ReceiptKind, Target,
};

use crate::limits;

/// An action as its receipt of intent tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intended {
    /// The host that acts.
    pub host: HostId,
    /// The root that it acts on.
    pub root: String,
    /// The plan.
    pub plan: PlanHash,
    /// The types of action, one a step.
    pub action_types: Vec<ActionType>,
    /// The furthest-reaching class.
    pub class: EffectClass,
    /// For a ring plan: the number of its ring.
    pub ring: Option<u32>,
    /// When it was intended, milliseconds since the Unix epoch.
    pub time_ms: i64,
}

impl Intended {
    fn is_roll_back(&self) -> bool {
        self.class == EffectClass::RollBack
            && self.action_types.iter().copied().all(norms::is_take_back)
    }

    /// Whether it changes or restrains something, other than by taking an action back.
    fn is_change(&self) -> bool {
        self.class != EffectClass::Observe && !self.is_roll_back()
    }

    /// Whether the files of the root may differ afterwards.
    fn alters_root(&self) -> bool {
        let leaves_files = |action: &ActionType| {
            matches!(
                action,
                ActionType::BlockAddress
                    | ActionType::UnblockAddress
                    | ActionType::FreezeProcess
                    | ActionType::ThawProcess
            )
        };
        self.class != EffectClass::Observe && !self.action_types.iter().all(leaves_files)
    }
}

/// An action of the last hour that nobody approved.
#[derive(Clone, Copy, Debug)]
struct Alone {
    time_ms: i64,
    host: HostId,
    changes: bool,
}

#[derive(Clone, Copy, Debug)]
struct DryRun {
    time_ms: i64,
    position: u64,
    host: HostId,
    passed: bool,
    rollback_verified: bool,
}

/// What a dry run of a plan showed, if one still counts (red line RL07).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DryRunFacts {
    /// Whether it applied cleanly on the copy.
    pub passed: bool,
    /// Whether it was taken back whole on the copy.
    pub rollback_verified: bool,
}

/// What was done in the last hour without a person (red line RL08).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AloneFacts {
    /// Actions, roll-backs not counted.
    pub actions: u32,
    /// Machines that were changed or restrained.
    pub hosts: BTreeSet<HostId>,
}

/// When a machine of a ring was last touched, or last failed.
type RingHosts = BTreeMap<(u32, HostId), i64>;

/// The fold over this host's receipts.
#[derive(Clone, Debug, Default)]
pub struct History {
    receipts: u64,
    unreadable: u64,
    kill_switch: bool,
    alone: VecDeque<Alone>,
    ring_hosts: RingHosts,
    ring_failures: RingHosts,
    rings_full: bool,
    peers: BTreeMap<ActionId, (u32, HostId)>,
    told: BTreeMap<PlanHash, i64>,
    unfinished: BTreeMap<ActionId, Intended>,
    failed: BTreeMap<ActionId, Intended>,
    dry_runs: BTreeMap<PlanHash, DryRun>,
    altered: BTreeMap<(HostId, String), u64>,
    altered_floor: u64,
    contained: BTreeMap<(HostId, Target), i64>,
    contained_floor_ms: i64,
    used: Arc<BTreeSet<[u8; 16]>>,
    used_times: BTreeSet<(i64, [u8; 16])>,
    overflowed: bool,
}

impl History {
    /// Takes in the next receipt of this host's record. Call it in the order of the record: first
    /// for every receipt that is there at the start, then for each new one.
    pub fn observe(&mut self, receipt: &Receipt) {
        self.receipts += 1;
        let understood = match receipt.kind {
            ReceiptKind::Intent => self.observe_intent(receipt),
            ReceiptKind::Outcome => self.observe_outcome(receipt),
            ReceiptKind::KillSwitch => {
                // What cannot be understood stops.
                self.kill_switch = receipt.body.get("on").and_then(Value::as_bool).unwrap_or(true);
                Some(())
            }
            ReceiptKind::Notice => {
                self.observe_notice(receipt);
                Some(())
            }
            ReceiptKind::Unscheduled => {
                // Whoever breaks the glass for it once more tells people once more.
                receipt.plan.map(|plan| self.told.remove(&plan));
                Some(())
            }
            _ => Some(()),
        };
        if understood.is_none() || receipt.schema != 1 {
            self.unreadable += 1;
        }
    }

    fn observe_intent(&mut self, receipt: &Receipt) -> Option<()> {
        let body: IntentBody = read(&receipt.body)?;
        let intended = Intended {
            host: receipt.host,
            root: body.root.clone(),
            plan: receipt.plan?,
            action_types: body.action_types.clone(),
            class: body.class,
            ring: body.ring,
            time_ms: receipt.time_ms,
        };
        let action = receipt.action?;
        for nonce in &body.approvals {
            self.use_up(parse_nonce(nonce)?, receipt.time_ms);
        }
        if body.approvers.is_empty() && !intended.is_roll_back() {
            let changes = intended.is_change();
            self.count_alone(Alone { time_ms: receipt.time_ms, host: receipt.host, changes });
        }
        if let Some(ring) = intended.ring.filter(|_| intended.is_change()) {
            let key = (ring, receipt.host);
            mark(&mut self.ring_hosts, &mut self.rings_full, key, receipt.time_ms);
        }
        if body.class == EffectClass::Contain {
            self.contain(receipt, &body);
        }
        self.mark_altered(&intended);
        self.unfinished.insert(action, intended);
        if self.unfinished.len() > limits::OPEN_MAX {
            self.unfinished.pop_first();
        }
        Some(())
    }

    fn observe_outcome(&mut self, receipt: &Receipt) -> Option<()> {
        let body: OutcomeBody = read(&receipt.body)?;
        let action = receipt.action?;
        if body.state.is_unfinished() {
            return Some(());
        }
        if let (ActionState::Done, Some(taken_back)) = (body.state, body.took_back) {
            self.failed.remove(&taken_back);
            self.unfinished.remove(&taken_back);
        }
        // An outcome without an intent proves nothing, and harms nothing.
        let Some(intended) = self.unfinished.remove(&action) else { return Some(()) };
        self.mark_altered(&intended);
        if let Some(dry_run) = &body.dry_run
            && intended.action_types.contains(&ActionType::DryRun)
        {
            let done = body.state == ActionState::Done;
            let entry = DryRun {
                time_ms: receipt.time_ms,
                position: self.receipts,
                host: receipt.host,
                passed: done && dry_run.passed,
                rollback_verified: done && dry_run.rollback_verified,
            };
            self.dry_runs.insert(dry_run.of, entry);
            self.forget_oldest_dry_run();
        }
        if body.state != ActionState::Done && intended.is_change() {
            if let Some(ring) = intended.ring {
                let key = (ring, receipt.host);
                mark(&mut self.ring_failures, &mut self.rings_full, key, receipt.time_ms);
            }
            if body.state == ActionState::Failed {
                self.failed.insert(action, intended);
                if self.failed.len() > limits::OPEN_MAX {
                    self.failed.pop_first();
                }
            }
        }
        Some(())
    }

    /// Takes in a receipt of another machine's record, whose log was verified before. It can only
    /// add to what is counted over the fleet (red line RL08); all else it says is that machine's
    /// own affair. What cannot be understood counts as an action that nobody approved.
    pub fn observe_peer(&mut self, own: HostId, receipt: &Receipt) {
        let (host, time_ms) = (receipt.host, receipt.time_ms);
        if host == own {
            return;
        }
        match receipt.kind {
            ReceiptKind::Intent => {
                let Some(body) = read::<IntentBody>(&receipt.body) else {
                    self.count_alone(Alone { time_ms, host, changes: true });
                    return;
                };
                let takes_back = body.class == EffectClass::RollBack
                    && body.action_types.iter().copied().all(norms::is_take_back);
                let changes = body.class != EffectClass::Observe && !takes_back;
                if body.approvers.is_empty() && !takes_back {
                    self.count_alone(Alone { time_ms, host, changes });
                }
                if let Some(ring) = body.ring.filter(|_| changes) {
                    mark(&mut self.ring_hosts, &mut self.rings_full, (ring, host), time_ms);
                    if let Some(action) = receipt.action {
                        self.peers.insert(action, (ring, host));
                    }
                    if self.peers.len() > limits::OPEN_MAX {
                        self.peers.pop_first();
                    }
                }
            }
            ReceiptKind::Outcome => {
                let begun = receipt.action.and_then(|action| self.peers.get(&action));
                // Only the machine that began an action can say how it ended.
                let Some(key) = begun.copied().filter(|(_, peer)| *peer == host) else { return };
                let well = read::<OutcomeBody>(&receipt.body)
                    .is_some_and(|body| body.state == ActionState::Done);
                if !well {
                    mark(&mut self.ring_failures, &mut self.rings_full, key, time_ms);
                }
            }
            _ => {}
        }
    }

    fn count_alone(&mut self, alone: Alone) {
        self.alone.push_back(alone);
        if self.alone.len() > limits::RECENT_MAX {
            // The oldest by its own time: nobody's old receipts push out what counts.
            let oldest = self.alone.iter().enumerate().min_by_key(|(_, alone)| alone.time_ms);
            if let Some(index) = oldest.map(|(index, _)| index) {
                self.alone.remove(index);
            }
        }
    }

    fn observe_notice(&mut self, receipt: &Receipt) {
        let glass = receipt.body.get("event").and_then(Value::as_str) == Some("break_glass");
        let Some(plan) = receipt.plan.filter(|_| glass) else { return };
        self.told.insert(plan, receipt.time_ms);
        if self.told.len() > limits::OPEN_MAX {
            let oldest = self.told.iter().min_by_key(|(_, told_ms)| **told_ms);
            if let Some(plan) = oldest.map(|(plan, _)| *plan) {
                self.told.remove(&plan);
            }
        }
    }

    fn use_up(&mut self, nonce: [u8; 16], time_ms: i64) {
        let used = Arc::make_mut(&mut self.used);
        if used.insert(nonce) {
            self.used_times.insert((time_ms, nonce));
        }
        // Only a full memory forgets, and only what can no longer be good.
        while used.len() > limits::USED_APPROVALS_MAX {
            match self.used_times.first().copied() {
                Some((then_ms, old))
                    if then_ms < time_ms.saturating_sub(limits::USED_APPROVAL_MS) =>
                {
                    self.used_times.pop_first();
                    used.remove(&old);
                }
                _ => {
                    self.overflowed = true;
                    self.used_times.remove(&(time_ms, nonce));
                    used.remove(&nonce);
                }
            }
        }
    }

    fn contain(&mut self, receipt: &Receipt, body: &IntentBody) {
        let longest_ms = i64::from(spine::limits::CONTAINMENT_TTL_S_MAX) * 1_000;
        let end_ms = body.lapses_ms.unwrap_or(receipt.time_ms.saturating_add(longest_ms));
        let until_ms = end_ms.saturating_add(limits::RENEWAL_MS);
        if body.targets.len() >= limits::INTENT_TARGETS_MAX {
            // The receipt does not name them all: until then any target may be one of them.
            self.contained_floor_ms = self.contained_floor_ms.max(until_ms);
        }
        for target in &body.targets {
            let entry = self.contained.entry((receipt.host, target.clone())).or_insert(until_ms);
            *entry = until_ms.max(*entry);
        }
        if self.contained.len() > limits::CONTAINED_MAX {
            self.contained.retain(|_, until_ms| *until_ms > receipt.time_ms);
        }
        while self.contained.len() > limits::CONTAINED_MAX
            && let Some((_, until_ms)) = self.contained.pop_first()
        {
            self.contained_floor_ms = self.contained_floor_ms.max(until_ms);
        }
    }

    fn mark_altered(&mut self, intended: &Intended) {
        if !intended.alters_root() {
            return;
        }
        self.altered.insert((intended.host, intended.root.clone()), self.receipts);
        if self.altered.len() > limits::ROOTS_MAX
            && let Some((_, position)) = self.altered.pop_first()
        {
            // Dry runs made before a change that is forgotten count no longer, of any root.
            self.altered_floor = self.altered_floor.max(position);
        }
    }

    fn forget_oldest_dry_run(&mut self) {
        if self.dry_runs.len() > limits::DRY_RUNS_MAX {
            let oldest = self.dry_runs.iter().min_by_key(|(_, d)| d.position).map(|(p, _)| *p);
            if let Some(plan) = oldest {
                self.dry_runs.remove(&plan);
            }
        }
    }

    /// Whether every receipt was understood and nothing that must be remembered was forgotten.
    pub fn is_whole(&self) -> bool {
        self.unreadable == 0 && !self.overflowed
    }

    /// Receipts that were not understood.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Whether the stop switch is on.
    pub fn kill_switch(&self) -> bool {
        self.kill_switch
    }

    /// Nonces of approvals that were used.
    pub fn used_approvals(&self) -> &Arc<BTreeSet<[u8; 16]>> {
        &self.used
    }

    /// Actions that have an intent and no outcome, by id.
    pub fn unfinished(&self) -> impl Iterator<Item = (ActionId, &Intended)> {
        self.unfinished.iter().map(|(id, intended)| (*id, intended))
    }

    /// What was done without a person in the hour that ends at `now_ms`. A receipt that claims a
    /// later time counts.
    pub fn alone_last_hour(&self, now_ms: i64) -> AloneFacts {
        let since_ms = now_ms.saturating_sub(limits::HOUR_MS);
        let mut facts = AloneFacts::default();
        for alone in self.alone.iter().filter(|alone| alone.time_ms > since_ms) {
            facts.actions = facts.actions.saturating_add(1);
            if alone.changes {
                facts.hosts.insert(alone.host);
            }
        }
        facts
    }

    /// Machines that a ring changed in the last day, one of them `own` whether it was or not. Where
    /// not all can be remembered, there are as many as can be.
    pub fn ring_hosts(&self, ring: u32, own: HostId, now_ms: i64) -> u32 {
        let mut hosts = within(&self.ring_hosts, ring, now_ms);
        hosts.insert(own);
        if self.rings_full { u32::MAX } else { count(hosts.len()) }
    }

    /// Machines on which a change of a ring failed or was taken back in the last day.
    pub fn ring_failures(&self, ring: u32, now_ms: i64) -> u32 {
        let hosts = within(&self.ring_failures, ring, now_ms);
        if self.rings_full { u32::MAX } else { count(hosts.len()) }
    }

    /// When people were last told that somebody broke the glass for a plan, milliseconds since the
    /// Unix epoch.
    pub fn told_of_broken_glass_ms(&self, plan: PlanHash) -> Option<i64> {
        self.told.get(&plan).copied()
    }

    /// Whether people were told that somebody broke the glass for a plan, at least 30 minutes ago
    /// and not longer than an approval can be good.
    pub fn was_told_of_broken_glass(&self, plan: PlanHash, now_ms: i64) -> bool {
        let age_ms = self.told.get(&plan).map(|told_ms| now_ms.saturating_sub(*told_ms));
        let good = spine::limits::BREAK_GLASS_DELAY_MS..=limits::USED_APPROVAL_MS;
        age_ms.is_some_and(|age_ms| good.contains(&age_ms))
    }

    /// What the last dry run of a plan showed, if it is at most 24 hours old and the root was not
    /// altered since.
    pub fn dry_run(&self, plan: PlanHash, host: HostId, root: &str, now_ms: i64) -> DryRunFacts {
        let Some(dry_run) = self.dry_runs.get(&plan) else { return DryRunFacts::default() };
        let altered = self.altered.get(&(host, root.to_owned())).copied().unwrap_or(0);
        let age_ms = now_ms.saturating_sub(dry_run.time_ms);
        let counts = dry_run.host == host
            && (-limits::CLOCK_AHEAD_MS..=limits::DRY_RUN_MS).contains(&age_ms)
            && dry_run.position > altered.max(self.altered_floor);
        DryRunFacts {
            passed: counts && dry_run.passed,
            rollback_verified: counts && dry_run.rollback_verified,
        }
    }

    /// Whether a target on a host was contained within the last day.
    pub fn was_contained(&self, host: HostId, target: &Target, now_ms: i64) -> bool {
        let until_ms = self.contained.get(&(host, target.clone())).copied().unwrap_or(i64::MIN);
        until_ms.max(self.contained_floor_ms) > now_ms
    }

    /// Whether an action of ringfort on this host and root changed something and did not end well.
    pub fn is_own_failure(&self, action: ActionId, host: HostId, root: &str) -> bool {
        let intended = self.failed.get(&action).or_else(|| self.unfinished.get(&action));
        intended.is_some_and(|i| i.host == host && i.root == root && i.is_change())
    }
}

fn within(hosts: &RingHosts, ring: u32, now_ms: i64) -> BTreeSet<HostId> {
    let since_ms = now_ms.saturating_sub(limits::RING_MS);
    let of_ring = hosts.iter().filter(|((of, _), time_ms)| *of == ring && **time_ms > since_ms);
    of_ring.map(|((_, host), _)| *host).collect()
}

/// Remembers a machine of a ring. Once there are too many, every ring counts as used up.
fn mark(hosts: &mut RingHosts, full: &mut bool, key: (u32, HostId), time_ms: i64) {
    if hosts.len() >= limits::HOSTS_MAX && !hosts.contains_key(&key) {
        *full = true;
        return;
    }
    let entry = hosts.entry(key).or_insert(time_ms);
    *entry = time_ms.max(*entry);
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn read<T: serde::de::DeserializeOwned>(body: &Map<String, Value>) -> Option<T> {
    serde_json::from_value(Value::Object(body.clone())).ok()
}
