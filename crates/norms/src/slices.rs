//! The policies that a request can meet at all, picked once for each author and verb.
//!
//! Cedar evaluates the scope of a policy (`principal`, `action`, `resource`) before its conditions,
//! and does not evaluate what stands behind a scope that does not hold: such a policy is false
//! whatever the facts say, and it cannot err. Leaving it out of a request for another author or
//! verb therefore changes neither the answer, nor which rules fired, nor whether one erred; a test
//! compares both on any facts. It saves more than a third of the evaluations.

use std::collections::BTreeMap;

use cedar_policy::{ActionConstraint, Entities, EntityUid, Policy, PolicySet, PrincipalConstraint};

use crate::policy::NormsError;

/// Policy sets by author and verb.
#[derive(Debug)]
pub(crate) struct Slices {
    whole: PolicySet,
    slices: BTreeMap<(EntityUid, EntityUid), PolicySet>,
}

impl Slices {
    /// Slices of a policy set for these authors and verbs. `actions` says which verb is in which
    /// group.
    pub(crate) fn new(
        whole: PolicySet,
        actions: &Entities,
        authors: &[EntityUid],
        verbs: &[EntityUid],
    ) -> Result<Self, NormsError> {
        let mut slices = BTreeMap::new();
        for author in authors {
            for verb in verbs {
                let meets = |policy: &&Policy| {
                    is_for_author(policy, author) && is_for_verb(policy, verb, actions)
                };
                let policies = whole.policies().filter(meets).cloned();
                let slice = PolicySet::from_policies(policies)
                    .map_err(|error| NormsError::BuiltIn(error.to_string()))?;
                slices.insert((author.clone(), verb.clone()), slice);
            }
        }
        Ok(Self { whole, slices })
    }

    /// The policies for an author and a verb; all of them for one that is not known.
    pub(crate) fn of(&self, author: &EntityUid, verb: &EntityUid) -> &PolicySet {
        self.slices.get(&(author.clone(), verb.clone())).unwrap_or(&self.whole)
    }

    /// All policies for every author and verb: what the slices must agree with.
    #[cfg(test)]
    pub(crate) fn unsliced(self) -> Self {
        Self { slices: BTreeMap::new(), ..self }
    }
}

/// Whether the scope may hold for an author. Only the form `principal is Kind` is told apart.
fn is_for_author(policy: &Policy, author: &EntityUid) -> bool {
    match policy.principal_constraint() {
        PrincipalConstraint::Is(kind) => kind == *author.type_name(),
        _ => true,
    }
}

fn is_for_verb(policy: &Policy, verb: &EntityUid, actions: &Entities) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *verb,
        ActionConstraint::In(groups) => {
            groups.iter().any(|group| actions.is_ancestor_of(group, verb))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policies;

    fn ids(set: &PolicySet) -> Vec<String> {
        let mut ids: Vec<_> = set.policies().map(|policy| policy.id().to_string()).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_slice_leaves_out_other_authors_and_other_verbs_and_nothing_else() {
        let uid = |text: &str| text.parse::<EntityUid>().unwrap();
        let (agent, human) = (uid(r#"Agent::"ringfort""#), uid(r#"Human::"person""#));
        let (dry_run, upgrade) =
            (uid(r#"Action::"dry_run""#), uid(r#"Action::"upgrade_packages""#));
        let policies = Policies::new(None).unwrap();
        let slices = Slices::new(
            policies.set.clone(),
            &policies.actions,
            &[agent.clone(), human.clone()],
            &[dry_run.clone(), upgrade.clone()],
        )
        .unwrap();
        let agent_tries = ids(slices.of(&agent, &dry_run));
        assert!(
            agent_tries.contains(&"permit_agent.2".to_owned()),
            "by its group: {agent_tries:?}"
        );
        let others = ["permit_agent.1", "permit_agent.4", "rl02.1", "rl04.2", "rl07.1", "rl19.1"];
        assert!(others.iter().all(|id| !agent_tries.contains(&(*id).to_owned())));
        let human_upgrades = ids(slices.of(&human, &upgrade));
        assert!(human_upgrades.contains(&"rl07.1".to_owned()));
        assert!(human_upgrades.contains(&"rl04.2".to_owned()));
        assert!(!human_upgrades.contains(&"rl10.1".to_owned()), "it is for the agent");
        let unknown = uid(r#"Action::"no_such_verb""#);
        assert_eq!(ids(slices.of(&human, &unknown)), ids(&policies.set));
    }
}
