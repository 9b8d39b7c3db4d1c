//! Plans that were approved for later: a maintenance window, or thirty minutes after somebody broke
//! the glass.
//!
//! ```text
//! hold ─▶ decided as of its start ─▶ receipt `scheduled` ─▶ waits on disk
//!     window opens ─▶ as it was approved? ─▶ tried again on a copy ─▶ decided again ─▶ carried out
//!     otherwise ─▶ receipt `unscheduled`: missed, void, withdrawn or lost
//! ```
//!
//! What waits is in the record; the file beside it holds what the record is too small for. Nothing
//! is trusted because it waited: at its start a plan goes the whole way of every other plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use durable::{Files as _, StdFiles};
use facts::Moment;
use serde::{Deserialize, Serialize};
use serde_json::json;
use spine::{
    ActionState, ActionType, Approval, Author, Decision, EvidenceRef, OutcomeBody, Plan, PlanHash,
    ReceiptId, ReceiptKind, Step, StepEffect, Verdict, limits,
};

use super::outbox::Notice;
use super::protocol::{Reply, WaitingPlan};
use super::{Executor, Peer, evidence, lock};
use crate::failure::{Failure, OrHint as _};
use crate::rim::time_text;

/// The most plans that wait at once.
const WAITING_MAX: usize = 64;
/// The pause after a start that did not come about, milliseconds.
const AGAIN_MS: i64 = 60 * 1_000;
/// The executor itself, where it acts because a window opened.
const SELF: Peer = Peer { uid: 0 };

/// A plan that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    plan: Plan,
    approvals: Vec<Approval>,
    /// What its steps would have done when it was approved.
    effects: Vec<StepEffect>,
    /// What of its evidence this host saw then.
    evidence: BTreeSet<EvidenceRef>,
    opens_ms: i64,
    closes_ms: i64,
    /// When a start is tried again, and why the last one did not come about.
    #[serde(skip)]
    again: Option<(i64, String)>,
}

/// The plans that wait, each in a file.
pub(super) struct Waiting {
    dir: PathBuf,
    plans: BTreeMap<PlanHash, Held>,
}

impl Waiting {
    /// Reads what waits. A file that does not read is said and left; its plan does not start.
    pub(super) fn open(dir: &Path, warnings: &mut Vec<String>) -> Result<Self, Failure> {
        let dir = dir.join("waiting");
        let help = "check the disk and its permissions";
        StdFiles.create_dir_all(&dir).or_hint("cannot make the folder of plans that wait", help)?;
        let names = StdFiles.list(&dir).or_hint("the plans that wait cannot be listed", help)?;
        let mut plans = BTreeMap::new();
        for name in names {
            let read = StdFiles.read(&dir.join(&name)).map_err(|error| error.to_string());
            let held = read.and_then(|bytes| {
                serde_json::from_slice::<Held>(&bytes).map_err(|error| error.to_string())
            });
            match held.and_then(|held| Ok((held.plan.hash().map_err(|e| e.to_string())?, held))) {
                Ok((hash, held)) => drop(plans.insert(hash, held)),
                Err(error) => warnings.push(format!("a plan that waits does not read: {error}")),
            }
        }
        Ok(Self { dir, plans })
    }

    fn path(&self, hash: &PlanHash) -> PathBuf {
        self.dir.join(format!("{hash}.json"))
    }

    fn put(&mut self, hash: PlanHash, held: Held) -> Result<(), String> {
        let bytes = serde_json::to_vec(&held).map_err(|error| error.to_string())?;
        StdFiles.write_atomic(&self.path(&hash), &bytes).map_err(|error| error.to_string())?;
        self.plans.insert(hash, held);
        Ok(())
    }

    fn remove(&mut self, hash: &PlanHash) {
        if let Err(error) = StdFiles.remove(&self.path(hash)) {
            tracing::error!(%error, "a plan that waits no longer could not be removed");
        }
        self.plans.remove(hash);
    }

    /// What has something to happen to it at this time.
    fn due(&self, now_ms: i64) -> Vec<(PlanHash, Held)> {
        let due = |(_, held): &(&PlanHash, &Held)| {
            let again_ms = held.again.as_ref().map_or(i64::MIN, |(at_ms, _)| *at_ms);
            now_ms > held.closes_ms || (now_ms >= held.opens_ms && now_ms >= again_ms)
        };
        self.plans.iter().filter(due).map(|(hash, held)| (*hash, held.clone())).collect()
    }
}

impl Executor {
    /// Takes in a plan whose approvals are good at a later time, and starts it by itself then.
    pub(super) fn hold(&self, plan: &Plan, approvals: &[Approval], peer: Peer) -> Reply {
        let (hash, effects) = match self.look_at(plan, peer) {
            Ok(seen) => seen,
            Err(refusal) => return *refusal,
        };
        let waiting = lock(&self.waiting).plans.get(&hash).map(|held| held.approvals.clone());
        if waiting.is_none() && lock(&self.waiting).plans.len() >= WAITING_MAX {
            let reason = format!("{WAITING_MAX} plans wait already");
            return self.refuse(reason, Some(hash), peer);
        }
        let (decision, span) = match self.earliest(plan, &effects, approvals) {
            Ok(found) => found,
            Err(reason) => return self.refuse(reason, Some(hash), peer),
        };
        if let Err(failed) = self.record_decision(&decision) {
            return *failed;
        }
        let Some((opens_ms, closes_ms)) = span else { return Reply::Decided { decision } };
        if waiting.is_some_and(|known| known == approvals) {
            return Reply::Held { decision, opens_ms, closes_ms };
        }
        let held = Held {
            plan: plan.clone(),
            approvals: approvals.to_vec(),
            evidence: evidence::confirmed(plan, &effects),
            effects,
            opens_ms,
            closes_ms,
            again: None,
        };
        match self.keep(hash, held, &decision) {
            Ok(opens_ms) => Reply::Held { decision, opens_ms, closes_ms },
            Err(message) => Reply::Failed { message },
        }
    }

    /// What the norms say as of the first moment at which these approvals are enough, and from
    /// when to when they are; as of the last one where they never are.
    fn earliest(
        &self,
        plan: &Plan,
        effects: &[StepEffect],
        approvals: &[Approval],
    ) -> Result<(Decision, Option<(i64, i64)>), String> {
        let hash = plan.hash().map_err(|error| error.to_string())?;
        let now_ms = self.clock.now_ms();
        let mut first_ms = now_ms;
        if approvals.iter().any(|approval| approval.break_glass) {
            // Counted from when people are told, not from what the signer's clock said.
            let told_ms = self.told_of_broken_glass_ms(hash);
            first_ms = told_ms.unwrap_or(now_ms).saturating_add(limits::BREAK_GLASS_DELAY_MS);
        }
        let good = approvals.iter().filter_map(Approval::validity_ms);
        let mut starts: BTreeSet<i64> = good
            .take(norms::limits::APPROVALS_MAX)
            .map(|(start_ms, _)| start_ms.max(first_ms))
            .collect();
        starts.insert(first_ms);
        let mut last = None;
        for start_ms in starts {
            let moment = Moment::Later { start_ms };
            let facts = self.gather(plan, effects, moment).map_err(|error| error.to_string())?;
            // The permit is for then, and dropped: at its start the plan is decided again.
            let (mut decision, permit) = self.norms.decide(plan, &facts, approvals);
            decision.decided_ms = now_ms;
            let end_ms = norms::weigh(hash, &facts, approvals).end_ms();
            if permit.is_some() && decision.verdict == Verdict::Allow {
                let closes_ms =
                    end_ms.ok_or("a plan that needs nobody's approval does not wait")?;
                return Ok((decision, Some((facts.now_ms, closes_ms))));
            }
            last = Some(decision);
        }
        last.map(|decision| (decision, None)).ok_or_else(|| "no approval came along".to_owned())
    }

    /// When people were told that somebody broke the glass for a plan, as long as it waits. What
    /// they were told of one that waits no longer counts for nothing.
    fn told_of_broken_glass_ms(&self, hash: PlanHash) -> Option<i64> {
        let book = self.book.lock();
        let waits = book.scheduled().contains(&hash);
        book.history().told_of_broken_glass_ms(hash).filter(|_| waits)
    }

    /// Tells people where somebody broke the glass, records that the plan waits, and keeps it.
    /// Returns when it opens.
    fn keep(&self, hash: PlanHash, mut held: Held, decision: &Decision) -> Result<i64, String> {
        let opens_ms = held.opens_ms;
        let glass = held.approvals.iter().any(|approval| approval.break_glass);
        if glass && self.told_of_broken_glass_ms(hash).is_none() {
            let text = format!(
                "One person decided alone what two should decide: plan {} starts at {}. If that is \
                 wrong, run `ringfort stop` or `ringfort approve --withdraw {}` before then.",
                hash.short(),
                time_text(opens_ms),
                hash.short(),
            );
            let contacts = self.tell("break_glass", text, Some(hash))?;
            let body = json!({ "event": "break_glass", "contacts": contacts });
            let mut book = self.book.lock();
            book.write(ReceiptKind::Notice, Some(hash), None, body)?;
            // The thirty minutes begin when people were told.
            let told_ms = book.history().told_of_broken_glass_ms(hash).unwrap_or(i64::MAX);
            held.opens_ms = opens_ms.max(told_ms.saturating_add(limits::BREAK_GLASS_DELAY_MS));
        }
        let opens_ms = held.opens_ms;
        let body = json!({
            "opens_ms": opens_ms, "closes_ms": held.closes_ms, "break_glass": glass,
            "approvers": decision.approvers,
        });
        self.book.lock().write(ReceiptKind::Scheduled, Some(hash), None, body)?;
        let kept = lock(&self.waiting).put(hash, held);
        if let Err(error) = kept {
            self.end_waiting(hash, "lost", &format!("it could not be kept: {error}"));
            return Err(error);
        }
        Ok(opens_ms)
    }

    /// The plans that wait.
    pub(super) fn waiting_plans(&self) -> Reply {
        let plan = |(hash, held): (&PlanHash, &Held)| WaitingPlan {
            plan: *hash,
            purpose: held.plan.purpose.clone(),
            root: held.plan.root.clone(),
            opens_ms: held.opens_ms,
            closes_ms: held.closes_ms,
            break_glass: held.approvals.iter().any(|approval| approval.break_glass),
            last_try: held.again.as_ref().map(|(_, why)| why.clone()),
        };
        Reply::Waiting { plans: lock(&self.waiting).plans.iter().map(plan).collect() }
    }

    /// Lets a plan wait no longer. Like the kill switch, anybody who reaches the socket may.
    pub(super) fn withdraw(&self, hash: PlanHash, peer: Peer) -> Reply {
        if !lock(&self.waiting).plans.contains_key(&hash) {
            return self.refuse("this plan does not wait".into(), Some(hash), peer);
        }
        if self.book.lock().was_begun(&hash) {
            return self.refuse("this plan is being carried out".into(), Some(hash), peer);
        }
        self.end_waiting(hash, "withdrawn", &format!("by the user with the id {}", peer.uid));
        Reply::Done { text: format!("plan {} waits no longer", hash.short()) }
    }

    /// After a start: what waits only in the record or only on disk waits no longer.
    pub(super) fn settle_waiting(&self) {
        let scheduled = self.book.lock().scheduled().clone();
        let kept: Vec<PlanHash> = lock(&self.waiting).plans.keys().copied().collect();
        for hash in kept.iter().filter(|hash| !scheduled.contains(hash)) {
            lock(&self.waiting).remove(hash);
        }
        for hash in scheduled.iter().filter(|hash| !kept.contains(hash)) {
            self.end_waiting(*hash, "lost", "what was kept of it is not there");
        }
    }

    /// Starts what may start now and ends the waiting of what was missed. Call it every second.
    pub fn watch(&self) {
        let now_ms = self.clock.now_ms();
        let due = lock(&self.waiting).due(now_ms);
        for (hash, held) in due {
            if now_ms > held.closes_ms {
                let last = held.again.map_or(String::new(), |(_, why)| format!("; last: {why}"));
                let text = format!("its window passed at {}{last}", time_text(held.closes_ms));
                self.end_waiting(hash, "missed", &text);
            } else {
                self.begin(hash, &held);
            }
        }
    }

    fn begin(&self, hash: PlanHash, held: &Held) {
        if let Err(why) = self.as_approved(held) {
            return self.end_waiting(hash, "void", &why);
        }
        if let Err(why) = self.try_again_on_copy(hash, held) {
            return self.again(hash, why);
        }
        let mut say = |text: &str| tracing::info!(plan = %hash.short(), "{text}");
        match self.run(&held.plan, &held.approvals, SELF, &mut say) {
            Reply::Ran { outcome, .. } => self.ended(hash, &outcome),
            Reply::Decided { decision } => {
                self.end_waiting(hash, "void", &decision.reasons.join(" "));
            }
            Reply::Refused { reason, .. } => self.end_waiting(hash, "void", &reason),
            Reply::Failed { message } => self.again(hash, message),
            _ => self.again(hash, "the executor answered itself something else".to_owned()),
        }
    }

    /// Whether a plan would still do what it would have done when it was approved.
    fn as_approved(&self, held: &Held) -> Result<(), String> {
        let effects = self.engine.inspect_plan(&held.plan).map_err(|error| error.to_string())?;
        if effects != held.effects {
            return Err("it would now do something else than what was approved: the machine, or \
                        what is offered for it, has changed"
                .to_owned());
        }
        let seen = evidence::confirmed(&held.plan, &effects);
        if !seen.is_superset(&held.evidence) {
            return Err("evidence that it rested on is not there any more".to_owned());
        }
        Ok(())
    }

    /// A dry run counts for a day (red line RL07), and a window may be a week away: where the old
    /// one counts no longer the plan is tried again first.
    fn try_again_on_copy(&self, hash: PlanHash, held: &Held) -> Result<(), String> {
        let upgrades = |effect: &StepEffect| effect.action_type == ActionType::UpgradePackages;
        let now_ms = self.clock.now_ms();
        let known = self.book.lock().history().dry_run(hash, self.host, &held.plan.root, now_ms);
        if !held.effects.iter().any(upgrades) || (known.passed && known.rollback_verified) {
            return Ok(());
        }
        let params = json!({ "plan": held.plan });
        let step = Step {
            actuator: "shadow.dry_run".to_owned(),
            params: params.as_object().cloned().unwrap_or_default(),
        };
        let plan = Plan {
            author: Author::Agent,
            purpose: format!("try plan {} again on a copy, before its window", hash.short()),
            steps: vec![step],
            evidence: Vec::new(),
            ring: None,
            created_ms: now_ms,
            nonce: hex::encode(spine::rng::random_bytes::<16>(&*self.rng)),
            ..held.plan.clone()
        };
        match self.run(&plan, &[], SELF, &mut |_| ()) {
            Reply::Ran { outcome, .. } => match &outcome.dry_run {
                Some(tried) if tried.passed && tried.rollback_verified => Ok(()),
                _ => Err(outcome.message),
            },
            Reply::Decided { decision } => Err(decision.reasons.join(" ")),
            Reply::Refused { reason, .. } => Err(reason),
            Reply::Failed { message } => Err(message),
            _ => Err("it could not be tried on a copy".to_owned()),
        }
    }

    /// A start that did not come about is tried again while the window is open.
    fn again(&self, hash: PlanHash, why: String) {
        tracing::warn!(plan = %hash.short(), "a plan could not start in its window: {why}");
        let at_ms = self.clock.now_ms().saturating_add(AGAIN_MS);
        if let Some(held) = lock(&self.waiting).plans.get_mut(&hash) {
            held.again = Some((at_ms, why));
        }
    }

    fn ended(&self, hash: PlanHash, outcome: &OutcomeBody) {
        lock(&self.waiting).remove(&hash);
        let (kind, how) = match outcome.state {
            ActionState::Done => ("window_done", "was carried out in its window"),
            _ => ("window_failed", "did not end well in its window"),
        };
        let text = format!("Plan {} {how}: {}", hash.short(), outcome.message);
        if let Err(error) = self.tell(kind, text, Some(hash)) {
            tracing::error!(%error, "nobody can be told of it");
        }
    }

    fn end_waiting(&self, hash: PlanHash, why: &str, reason: &str) {
        let body = json!({ "why": why, "reason": reason });
        if let Err(error) = self.book.lock().write(ReceiptKind::Unscheduled, Some(hash), None, body)
        {
            // It stays, and is ended again at the next look.
            tracing::error!(%error, "the end of a plan's waiting could not be recorded");
            return;
        }
        lock(&self.waiting).remove(&hash);
        let kind = if why == "missed" { "window_missed" } else { "window_void" };
        let text = format!("Plan {} was not started: {reason}", hash.short());
        if let Err(error) = self.tell(kind, text, Some(hash)) {
            tracing::error!(%error, "nobody can be told of it");
        }
    }

    /// Puts a notice to all contacts and all enrolled people into the outbox, and says it on
    /// standard error; returns to how many.
    fn tell(&self, kind: &str, text: String, plan: Option<PlanHash>) -> Result<usize, String> {
        tracing::warn!(kind, "{text}");
        let people: BTreeSet<String> =
            lock(&self.keyring).keys().iter().map(|key| format!("person:{}", key.person)).collect();
        let to: Vec<String> = self.contacts.iter().cloned().chain(people).collect();
        let count = to.len();
        let notice = Notice {
            id: ReceiptId::new(&*self.clock, &*self.rng),
            time_ms: self.clock.now_ms(),
            host: self.host,
            kind: kind.to_owned(),
            to,
            text,
            plan,
        };
        self.outbox.write(&notice).map(|()| count).map_err(|error| error.to_string())
    }
}
