//! Facts as a Cedar request. The names of types and actions are parsed once.

use std::collections::BTreeMap;
use std::str::FromStr;

use cedar_policy::{
    Context, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use spine::{Author, AutonomyLevel, EffectClass, MachineClass, Profile};

use crate::policy::NormsError;
use crate::{Facts, Tlp};

/// How many people stand behind a plan, found or supposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct People {
    pub(crate) distinct: u8,
    pub(crate) counts_as: u8,
    pub(crate) break_glass: bool,
}

impl People {
    /// That many people, each counted once.
    pub(crate) const fn supposed(people: u8) -> Self {
        Self { distinct: people, counts_as: people, break_glass: false }
    }
}

/// The parsed names that requests are made of.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    agent: EntityUid,
    human: EntityUid,
    unlisted: EntityUid,
    actions: BTreeMap<String, EntityUid>,
    host: EntityTypeName,
    profile: EntityTypeName,
    machine_class: EntityTypeName,
    class: EntityTypeName,
    tlp: EntityTypeName,
}

impl Vocabulary {
    pub(crate) fn new(schema: &Schema) -> Result<Self, NormsError> {
        fn parse<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, NormsError> {
            text.parse().map_err(|e| NormsError::BuiltIn(format!("{text}: {e}")))
        }
        Ok(Self {
            agent: parse(r#"Agent::"ringfort""#)?,
            human: parse(r#"Human::"person""#)?,
            unlisted: parse(r#"Action::"unlisted""#)?,
            actions: schema
                .actions()
                .map(|uid| (uid.id().unescaped().to_owned(), uid.clone()))
                .collect(),
            host: parse("Host")?,
            profile: parse("Profile")?,
            machine_class: parse("MachineClass")?,
            class: parse("Class")?,
            tlp: parse("Tlp")?,
        })
    }

    /// Both kinds of author.
    pub(crate) fn authors(&self) -> [EntityUid; 2] {
        [self.agent.clone(), self.human.clone()]
    }

    /// Every verb.
    pub(crate) fn all_verbs(&self) -> Vec<EntityUid> {
        self.actions.values().cloned().collect()
    }

    /// The author of a plan.
    pub(crate) fn author(&self, facts: &Facts) -> &EntityUid {
        match facts.author {
            Author::Agent => &self.agent,
            Author::Human => &self.human,
        }
    }

    /// The distinct verbs of a plan. What the schema does not know, and a plan without any step
    /// that is known, is unlisted.
    pub(crate) fn verbs(&self, facts: &Facts) -> Vec<EntityUid> {
        let mut names: Vec<_> = facts.actions.iter().map(|action| action.name()).collect();
        names.sort_unstable();
        names.dedup();
        let listed = names.len();
        let mut verbs: Vec<_> =
            names.into_iter().filter_map(|name| self.actions.get(name).cloned()).collect();
        if facts.unlisted_steps > 0 || verbs.len() < listed || verbs.is_empty() {
            verbs.push(self.unlisted.clone());
        }
        verbs
    }

    /// The request for one verb.
    pub(crate) fn request(
        &self,
        facts: &Facts,
        verb: EntityUid,
        context: Context,
    ) -> Result<Request, NormsError> {
        let principal = self.author(facts).clone();
        let host = EntityId::new(facts.host.to_string());
        let resource = EntityUid::from_type_name_and_id(self.host.clone(), host);
        // Not validated here, for speed: a test shows that every context fits the schema.
        Request::new(principal, verb, resource, context, None)
            .map_err(|e| NormsError::BuiltIn(e.to_string()))
    }

    /// The context: every attribute of the schema, none else.
    pub(crate) fn context(&self, facts: &Facts, people: People) -> Result<Context, NormsError> {
        let all = self
            .site_attributes(facts)
            .into_iter()
            .chain(people_attributes(people))
            .chain(self.plan_attributes(facts))
            .chain(record_attributes(facts))
            .chain(self.export_attributes(facts))
            .chain(artifact_attributes(facts));
        Context::from_pairs(all.map(|(name, value)| (name.to_owned(), value)))
            .map_err(|e| NormsError::BuiltIn(e.to_string()))
    }

    fn site_attributes(&self, facts: &Facts) -> [Attribute; 6] {
        [
            ("profile", name(&self.profile, profile_name(facts.profile))),
            ("machine_class", name(&self.machine_class, machine_class_name(facts.machine_class))),
            ("life_safety", flag(facts.life_safety)),
            ("level", long(level(facts.autonomy_level))),
            ("owned", flag(facts.owned)),
            ("enrolled", flag(facts.enrolled)),
        ]
    }

    fn plan_attributes(&self, facts: &Facts) -> [Attribute; 14] {
        [
            ("class", name(&self.class, class_name(facts.class))),
            ("reversible", flag(facts.reversible)),
            ("disruptive", flag(facts.disruptive)),
            ("containment", flag(facts.containment)),
            ("ttl_s", long(facts.ttl_s)),
            ("renews_containment", flag(facts.renews_containment)),
            ("takes_back_own_failure", flag(facts.takes_back_own_failure)),
            ("targets", long(facts.targets)),
            ("targets_partner", flag(facts.targets_partner)),
            ("targets_public_core", flag(facts.targets_public_core)),
            ("touches_defender", flag(facts.touches_defender)),
            ("destroys_evidence", flag(facts.destroys_evidence)),
            ("preserves_evidence", flag(facts.preserves_evidence)),
            ("tainted", flag(facts.tainted)),
        ]
    }

    fn export_attributes(&self, facts: &Facts) -> [Attribute; 7] {
        [
            ("leaves_site", flag(facts.leaves_site)),
            ("signed_share", flag(facts.signed_share)),
            ("telemetry_opt_in", flag(facts.telemetry_opt_in)),
            ("personal_data", flag(facts.personal_data)),
            ("internal_names", flag(facts.internal_names)),
            ("tlp", name(&self.tlp, tlp_name(facts.tlp))),
            ("recipients_outside_marking", flag(facts.recipients_outside_marking)),
        ]
    }
}

type Attribute = (&'static str, RestrictedExpression);

fn people_attributes(people: People) -> [Attribute; 3] {
    [
        ("people", long(people.distinct)),
        ("approvers", long(people.counts_as)),
        ("break_glass", flag(people.break_glass)),
    ]
}

fn record_attributes(facts: &Facts) -> [Attribute; 14] {
    let ring = |of: fn(&crate::RingFacts) -> u32| long(facts.ring.as_ref().map_or(0, of));
    [
        ("dry_run_passed", flag(facts.dry_run_passed)),
        ("rollback_verified", flag(facts.rollback_verified)),
        ("fleet_size", long(facts.fleet_size)),
        ("actions_last_hour", long(facts.actions_last_hour)),
        ("hosts_touched", long(facts.hosts_touched)),
        ("ring_hosts", ring(|r| r.hosts)),
        ("ring_hosts_max", ring(|r| r.hosts_max)),
        ("ring_failures", ring(|r| r.failures)),
        ("ring_failures_max", ring(|r| r.failures_max)),
        ("evidence_kinds", long(facts.evidence_kinds)),
        ("has_local_evidence", flag(facts.has_local_evidence)),
        ("ledger_healthy", flag(facts.ledger_healthy)),
        ("kill_switch", flag(facts.kill_switch)),
        ("contact_lost", flag(facts.contact_lost)),
    ]
}

fn artifact_attributes(facts: &Facts) -> [Attribute; 7] {
    [
        ("artifact_signed", flag(facts.artifact_signed)),
        ("artifact_pinned", flag(facts.artifact_pinned)),
        ("artifact_revoked", flag(facts.artifact_revoked)),
        ("artifact_live_feed", flag(facts.artifact_live_feed)),
        ("artifact_authorises", flag(facts.artifact_authorises)),
        ("protected_feature", flag(facts.protected_feature)),
        ("identified_baseline", flag(facts.identified_baseline)),
    ]
}

fn flag(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn long(value: impl Into<i64>) -> RestrictedExpression {
    RestrictedExpression::new_long(value.into())
}

fn name(kind: &EntityTypeName, id: &str) -> RestrictedExpression {
    let uid = EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id));
    RestrictedExpression::new_entity_uid(uid)
}

const fn level(level: AutonomyLevel) -> u8 {
    match level {
        AutonomyLevel::Observe => 0,
        AutonomyLevel::Recommend => 1,
        AutonomyLevel::ActReversible => 2,
        AutonomyLevel::ActInRings => 3,
    }
}

const fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Office => "office",
        Profile::Clinic => "clinic",
        Profile::School => "school",
        Profile::Utility => "utility",
        Profile::SoftwareFirm => "software_firm",
    }
}

const fn machine_class_name(class: MachineClass) -> &'static str {
    match class {
        MachineClass::Workstation => "workstation",
        MachineClass::Server => "server",
        MachineClass::Medical => "medical",
        MachineClass::ProcessControl => "process_control",
        MachineClass::Unknown => "unknown",
    }
}

const fn class_name(class: EffectClass) -> &'static str {
    match class {
        EffectClass::Observe => "observe",
        EffectClass::Change => "change",
        EffectClass::Contain => "contain",
        EffectClass::RollBack => "roll_back",
    }
}

const fn tlp_name(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "clear",
        Tlp::Green => "green",
        Tlp::Amber => "amber",
        Tlp::AmberStrict => "amber_strict",
        Tlp::Red => "red",
    }
}
