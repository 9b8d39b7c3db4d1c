//! What the norms say of exactly this plan.
//!
//! Deny by default. A policy that errs denies, whatever the others say. Facts that are not about
//! this plan on this host deny.

use std::collections::BTreeMap;

use cedar_policy::{Authorizer, Entities};
use spine::{ActionType, Approval, Decision, EffectClass, Plan, PlanHash, RuleId, Verdict};

use crate::approvals::{Weighed, weigh};
use crate::permit::Permit;
use crate::policy::{Lifts, NormsError, Policies, Rule, schema};
use crate::request::{People, Vocabulary};
use crate::slices::Slices;
use crate::{Facts, limits};

/// The red lines and the site's own rules, ready to decide.
#[derive(Debug)]
pub struct Norms {
    authorizer: Authorizer,
    policies: Slices,
    actions: Entities,
    rules: BTreeMap<cedar_policy::PolicyId, Rule>,
    vocabulary: Vocabulary,
}

/// What one evaluation of the policies gave.
#[derive(Debug)]
enum Outcome {
    Permitted,
    Forbidden { fired: BTreeMap<RuleId, Fired>, lifts: Lifts },
}

/// The reasons of a rule that fired.
type Fired = std::collections::BTreeSet<String>;

impl Norms {
    /// The built-in red lines, and a site's own `forbid` rules in Cedar, which can only tighten
    /// them.
    pub fn new(site_policy: Option<&str>) -> Result<Self, NormsError> {
        Self::of(Policies::new(site_policy)?)
    }

    pub(crate) fn of(policies: Policies) -> Result<Self, NormsError> {
        let Policies { set, rules, actions } = policies;
        let vocabulary = Vocabulary::new(&schema()?)?;
        let (authors, verbs) = (vocabulary.authors(), vocabulary.all_verbs());
        let policies = Slices::new(set, &actions, &authors, &verbs)?;
        Ok(Self { authorizer: Authorizer::new(), policies, actions, rules, vocabulary })
    }

    /// The same norms, evaluating every policy for every request.
    #[cfg(test)]
    pub(crate) fn unsliced(self) -> Self {
        Self { policies: self.policies.unsliced(), ..self }
    }

    /// Decides one plan on this host. The approvals are checked here; a permit comes only with
    /// [`Verdict::Allow`].
    pub fn decide(
        &self,
        plan: &Plan,
        facts: &Facts,
        approvals: &[Approval],
    ) -> (Decision, Option<Permit>) {
        let hash = match plan.checked_hash() {
            Ok(hash) => hash,
            Err(error) => return (refusal(facts.plan, facts, "PLAN", &error.to_string()), None),
        };
        if let Some(reason) = mismatch(plan, hash, facts) {
            return (refusal(hash, facts, "FACTS", reason), None);
        }
        if approvals.len() > limits::APPROVALS_MAX {
            return (refusal(hash, facts, "PLAN", "The plan comes with too many approvals."), None);
        }
        let weighed = weigh(hash, facts, approvals);
        let (verdict, fired) = self.verdict(facts, &weighed);
        let decision = Decision {
            plan: hash,
            verdict,
            reasons: fired.values().map(joined).collect(),
            rules: fired.into_keys().collect(),
            approvers: weighed.counted.iter().map(|c| c.approver).collect(),
            decided_ms: facts.now_ms,
        };
        let permit = (verdict == Verdict::Allow).then(|| Permit::mint(hash, facts, &weighed));
        (decision, permit)
    }

    pub(crate) fn verdict(
        &self,
        facts: &Facts,
        weighed: &Weighed,
    ) -> (Verdict, BTreeMap<RuleId, Fired>) {
        let found = People {
            distinct: weighed.people(),
            counts_as: weighed.counts_as(),
            break_glass: weighed.break_glass(),
        };
        let (fired, lifts) = match self.evaluate(facts, found) {
            Outcome::Permitted => return (Verdict::Allow, BTreeMap::new()),
            Outcome::Forbidden { fired, lifts } => (fired, lifts),
        };
        if lifts == Lifts::Nothing {
            return (Verdict::Deny, fired);
        }
        let enough = (1..=limits::PEOPLE_MAX).find(|&humans| {
            humans > found.counts_as
                && matches!(self.evaluate(facts, People::supposed(humans)), Outcome::Permitted)
        });
        (enough.map_or(Verdict::Deny, |humans| Verdict::NeedsApproval { humans }), fired)
    }

    /// Evaluates every verb of the plan. The plan is permitted if each of them is.
    fn evaluate(&self, facts: &Facts, people: People) -> Outcome {
        let mut fired: BTreeMap<RuleId, Fired> = BTreeMap::new();
        let mut lifts = Lifts::People;
        let mut permitted = true;
        let context = match self.vocabulary.context(facts, people) {
            Ok(context) => context,
            Err(error) => return broken(&error.to_string()),
        };
        for verb in self.vocabulary.verbs(facts) {
            let policies = self.policies.of(self.vocabulary.author(facts), &verb);
            let request = match self.vocabulary.request(facts, verb, context.clone()) {
                Ok(request) => request,
                Err(error) => return broken(&error.to_string()),
            };
            let response = self.authorizer.is_authorized(&request, policies, &self.actions);
            if let Some(error) = response.diagnostics().errors().next() {
                return broken(&error.to_string());
            }
            if response.decision() == cedar_policy::Decision::Allow {
                continue;
            }
            permitted = false;
            for rule in response.diagnostics().reason().filter_map(|id| self.rules.get(id)) {
                lifts = lifts.min(rule.lifts);
                fired.entry(rule.id.clone()).or_default().insert(rule.reason.clone());
            }
        }
        if permitted {
            return Outcome::Permitted;
        }
        if fired.is_empty() {
            let reason = "At this level of autonomy a person approves this first.".to_owned();
            fired.insert(RuleId("AUTONOMY".into()), [reason].into());
        }
        Outcome::Forbidden { fired, lifts }
    }
}

fn joined(reasons: &Fired) -> String {
    reasons.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn broken(error: &str) -> Outcome {
    let reason = format!("A rule could not be read, so nothing is allowed: {error}");
    let fired = BTreeMap::from([(RuleId("ERROR".into()), Fired::from([reason]))]);
    Outcome::Forbidden { fired, lifts: Lifts::Nothing }
}

fn refusal(plan: PlanHash, facts: &Facts, rule: &str, reason: &str) -> Decision {
    Decision {
        plan,
        verdict: Verdict::Deny,
        rules: vec![RuleId(rule.into())],
        reasons: vec![reason.into()],
        approvers: Vec::new(),
        decided_ms: facts.now_ms,
    }
}

/// What makes the facts unfit for this plan.
fn mismatch(plan: &Plan, hash: PlanHash, facts: &Facts) -> Option<&'static str> {
    if facts.plan != hash || facts.root != plan.root || facts.author != plan.author {
        return Some("The facts were gathered for another plan.");
    }
    if facts.host != plan.host {
        return Some("The plan is for another machine.");
    }
    let takes_back = facts.actions.iter().copied().all(is_take_back) && facts.unlisted_steps == 0;
    if facts.class == EffectClass::RollBack && !takes_back {
        return Some("A step that takes nothing back poses as a roll-back.");
    }
    if facts.takes_back_own_failure && facts.class != EffectClass::RollBack {
        return Some("Only a roll-back takes back a failure.");
    }
    None
}

/// Whether an action of this type takes an earlier one back.
pub const fn is_take_back(action: ActionType) -> bool {
    matches!(
        action,
        ActionType::RollBack
            | ActionType::RestoreFile
            | ActionType::UnblockAddress
            | ActionType::ThawProcess
    )
}
