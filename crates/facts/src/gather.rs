//! Facts of one plan, gathered on the host that would act. From the plan come its identity, its
//! root, the claim of an author and the budget that people sign; all else is computed here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use norms::{ApproverKey, Facts, RingFacts, Tlp, is_take_back};
use spine::{
    ActionId, ActionType, Clock, EffectClass, EvidenceOrigin, EvidenceRef, HostId, Plan, PlanError,
    PlanHash, SiteConfig, StepEffect, Target,
};

use crate::features::is_protected_feature;
use crate::history::History;
use crate::limits;
use crate::network::Networks;

/// A machine or a root that the owner enrolled on this host (red line RL01).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Its host id.
    pub host: HostId,
    /// The root file system.
    pub root: String,
    /// Whether the organisation's ownership was proved at enrolment.
    pub owned: bool,
}

/// When the hub was last heard (red line RL13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubContact {
    /// This site has no hub elsewhere, so no contact can be lost.
    NoHub,
    /// Never since the start.
    Never,
    /// At this time, milliseconds since the Unix epoch.
    LastHeard(i64),
}

/// What would leave the site, as the scrubber on this host found it (red lines RL16, RL18).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that a policy reads"
)]
pub struct ExportFacts {
    /// Whether it holds personal data.
    pub personal_data: bool,
    /// Whether it holds internal names.
    pub internal_names: bool,
    /// Its marking, such as `TLP:GREEN`; none or an unknown one is red.
    pub marking: Option<String>,
    /// Whether a recipient stands outside the marking.
    pub recipients_outside_marking: bool,
    /// Whether it is signed by the owner's key.
    pub signed: bool,
}

/// A model, a rule pack or a feed that would be loaded, as this host checked it (RL17, RL19).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that a policy reads"
)]
pub struct ArtifactFacts {
    /// Whether it carries a signature that holds.
    pub signed: bool,
    /// Whether the owner pinned its hash.
    pub pinned: bool,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether it is a live feed over TLS from an address that the owner configured, with the hash
    /// of its snapshot recorded.
    pub live_feed: bool,
    /// Whether it would authorise rather than inform and rank.
    pub authorises: bool,
    /// The names of its features and scores.
    pub features: Vec<String>,
    /// Whether a baseline of a user carries a name.
    pub identified_baseline: bool,
}

/// For which moment facts are gathered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moment {
    /// The plan would start at once.
    #[default]
    Now,
    /// The plan would wait and start by itself. Approvals are weighed as of then, and it is taken
    /// that whoever is to be told of a broken glass was told by then; all else is as it is now. A
    /// permit from such facts is good at no time before: the plan is decided again when it starts.
    Later {
        /// When it would start, milliseconds since the Unix epoch.
        start_ms: i64,
    },
}

impl Moment {
    /// When the plan would start. Never now where it waits: what is decided ahead permits nothing
    /// yet.
    fn start_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Now => now_ms,
            Self::Later { start_ms } => start_ms.max(now_ms.saturating_add(1)),
        }
    }
}

/// What the acting host knows beside the plan.
pub struct Context<'a> {
    /// This host, or the id of the root.
    pub host: HostId,
    /// The executor's own copy of the site's settings.
    pub site: &'a SiteConfig,
    /// What the record says.
    pub history: &'a History,
    /// What is enrolled here.
    pub assets: &'a [Asset],
    /// Whether the owner marked the machine as life-safety.
    pub life_safety: bool,
    /// Whether a receipt can be made durable now.
    pub ledger_healthy: bool,
    /// When the hub was last heard.
    pub hub: HubContact,
    /// The keys of people enrolled here.
    pub approver_keys: &'a [ApproverKey],
    /// Networks of response teams and sharing partners (RL03).
    pub partners: &'a Networks,
    /// [`crate::public_core`], or that list with more in it (RL05).
    pub public_core: &'a Networks,
    /// Addresses that stay reachable here beside those of the site's settings: gateway, hub, name
    /// servers, mirrors (RL05).
    pub never_block: &'a [IpAddr],
    /// Evidence that this host itself has seen, with the kind and origin under which it saw it.
    pub confirmed_evidence: &'a BTreeSet<EvidenceRef>,
    /// The actions that the steps take back, one a step, as their actuators read them; empty for
    /// any other plan.
    pub takes_back: &'a [ActionId],
    /// For which moment the facts are gathered.
    pub moment: Moment,
    /// What would leave the site.
    pub export: Option<ExportFacts>,
    /// What would be loaded.
    pub artifact: Option<ArtifactFacts>,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// Gathers the facts of a plan whose steps have these effects, in order, as the actuators of this
/// host computed them.
pub fn gather(
    plan: &Plan,
    effects: &[StepEffect],
    context: &Context<'_>,
) -> Result<Facts, PlanError> {
    let hash = plan.hash()?;
    let now_ms = context.clock.now_ms();
    let history = context.history;
    let class = furthest_class(effects);
    let targets: BTreeSet<&Target> = effects.iter().flat_map(|effect| &effect.targets).collect();
    let addresses = || targets.iter().filter_map(|target| address_of(target));
    let enrolled = context.assets.iter().find(|a| a.host == plan.host && a.root == plan.root);
    let enrolled = enrolled.filter(|_| plan.host == context.host);
    let dry_run = history.dry_run(hash, context.host, &plan.root, now_ms);
    let alone = history.alone_last_hour(now_ms);
    let evidence: Vec<&EvidenceRef> =
        plan.evidence.iter().filter(|e| context.confirmed_evidence.contains(*e)).collect();
    let kinds: BTreeSet<&str> = evidence.iter().map(|e| e.kind.as_str()).collect();
    let export = export_facts(effects, context);
    let artifact = artifact_facts(context);
    let destroying = || effects.iter().filter(|e| e.destroys_evidence);

    Ok(Facts {
        plan: hash,
        host: context.host,
        root: plan.root.clone(),
        author: plan.author,
        now_ms: context.moment.start_ms(now_ms),
        profile: context.site.profile,
        machine_class: context.site.machine_class,
        autonomy_level: context.site.autonomy_level,
        life_safety: context.life_safety,
        owned: enrolled.is_some_and(|asset| asset.owned),
        enrolled: enrolled.is_some(),
        actions: effects
            .iter()
            .map(|e| e.action_type)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        unlisted_steps: count(plan.steps.len().abs_diff(effects.len())),
        class,
        reversible: effects.iter().all(can_be_taken_back),
        disruptive: effects.iter().any(|e| e.disruptive),
        containment: effects.iter().any(restrains),
        ttl_s: longest_ttl_s(effects),
        renews_containment: effects.iter().filter(|e| restrains(e)).any(|effect| {
            effect.targets.iter().any(|t| history.was_contained(context.host, t, now_ms))
        }),
        takes_back_own_failure: class == EffectClass::RollBack
            && takes_back_own_failure(plan, effects, context),
        targets: count(targets.len()),
        targets_partner: addresses().any(|address| context.partners.contain(address)),
        targets_public_core: addresses().any(|address| must_stay_reachable(address, context)),
        touches_defender: effects.iter().any(touches_defender),
        destroys_evidence: destroying().next().is_some(),
        preserves_evidence: destroying().all(|e| e.preserves_evidence),
        tainted: effects.iter().any(|e| !e.tainted.is_empty()),
        dry_run_passed: dry_run.passed,
        rollback_verified: dry_run.rollback_verified,
        fleet_size: context.site.fleet_size.max(1),
        actions_last_hour: alone.actions,
        hosts_touched: with_this_host(alone.hosts, context.host),
        ring: ring_facts(plan, context, now_ms),
        evidence_kinds: count(kinds.len()),
        has_local_evidence: evidence.iter().any(|e| e.origin == EvidenceOrigin::Local),
        ledger_healthy: context.ledger_healthy && history.is_whole(),
        kill_switch: history.kill_switch(),
        contact_lost: contact_lost(context.hub, now_ms),
        leaves_site: effects.iter().any(leaves_site),
        signed_share: export.signed,
        telemetry_opt_in: context.site.telemetry_opt_in,
        personal_data: export.personal_data,
        internal_names: export.internal_names,
        tlp: Tlp::of_label(export.marking.as_deref()),
        recipients_outside_marking: export.recipients_outside_marking,
        artifact_signed: artifact.signed,
        artifact_pinned: artifact.pinned,
        artifact_revoked: artifact.revoked,
        artifact_live_feed: artifact.live_feed,
        artifact_authorises: artifact.authorises,
        protected_feature: artifact.features.iter().any(|name| is_protected_feature(name)),
        identified_baseline: artifact.identified_baseline,
        approver_keys: Arc::from(context.approver_keys),
        used_approvals: Arc::clone(history.used_approvals()),
        break_glass_notified: told_of_broken_glass(hash, context, now_ms),
    })
}

/// A plan that waits is decided ahead as if everybody had been told by its start.
fn told_of_broken_glass(plan: PlanHash, context: &Context<'_>, now_ms: i64) -> bool {
    context.moment != Moment::Now || context.history.was_told_of_broken_glass(plan, now_ms)
}

/// A plan is a roll-back only where every step takes back, by class and by type. A mixture of
/// roll-back and anything else is a change.
fn furthest_class(effects: &[StepEffect]) -> EffectClass {
    let takes_back =
        |e: &StepEffect| e.class == EffectClass::RollBack && is_take_back(e.action_type);
    if !effects.is_empty() && effects.iter().all(takes_back) {
        return EffectClass::RollBack;
    }
    let alone = |e: &StepEffect| match e.class {
        EffectClass::RollBack => EffectClass::Change,
        class => class,
    };
    let any = |class| effects.iter().any(|e| alone(e) == class);
    if effects.is_empty() || any(EffectClass::Change) {
        EffectClass::Change
    } else if any(EffectClass::Contain) {
        EffectClass::Contain
    } else {
        EffectClass::Observe
    }
}

/// What changes nothing, and what returns to a state that the record names, has nothing to undo.
fn can_be_taken_back(effect: &StepEffect) -> bool {
    effect.reversible
        || effect.class == EffectClass::Observe
        || (effect.class == EffectClass::RollBack && is_take_back(effect.action_type))
}

fn restrains(effect: &StepEffect) -> bool {
    effect.class == EffectClass::Contain
        || matches!(effect.action_type, ActionType::BlockAddress | ActionType::FreezeProcess)
}

/// The longest containment; 0 where one states no end.
fn longest_ttl_s(effects: &[StepEffect]) -> u32 {
    let stated = effects.iter().filter(|e| restrains(e)).map(|e| e.ttl_s.unwrap_or(0));
    let ttls: Vec<u32> = stated.collect();
    if ttls.contains(&0) { 0 } else { ttls.into_iter().max().unwrap_or(0) }
}

fn touches_defender(effect: &StepEffect) -> bool {
    effect.touches_defender || effect.action_type == ActionType::ChangeDefender
}

fn leaves_site(effect: &StepEffect) -> bool {
    matches!(effect.action_type, ActionType::ShareIntelligence | ActionType::ExportTelemetry)
}

fn takes_back_own_failure(plan: &Plan, effects: &[StepEffect], context: &Context<'_>) -> bool {
    context.takes_back.len() == effects.len()
        && plan.steps.len() == effects.len()
        && context
            .takes_back
            .iter()
            .all(|action| context.history.is_own_failure(*action, context.host, &plan.root))
}

fn address_of(target: &Target) -> Option<IpAddr> {
    match target {
        Target::Address { address } => Some(*address),
        _ => None,
    }
}

fn must_stay_reachable(address: IpAddr, context: &Context<'_>) -> bool {
    let same = |other: &IpAddr| other.to_canonical() == address.to_canonical();
    context.public_core.contain(address)
        || context.never_block.iter().any(same)
        || context.site.never_block.iter().any(same)
}

fn contact_lost(hub: HubContact, now_ms: i64) -> bool {
    match hub {
        HubContact::NoHub => false,
        HubContact::Never => true,
        HubContact::LastHeard(then_ms) => {
            let silence_ms = now_ms.saturating_sub(then_ms);
            !(-limits::CLOCK_AHEAD_MS..=limits::CONTACT_LOST_MS).contains(&silence_ms)
        }
    }
}

fn with_this_host(mut hosts: BTreeSet<HostId>, host: HostId) -> u32 {
    hosts.insert(host);
    count(hosts.len())
}

fn ring_facts(plan: &Plan, context: &Context<'_>, now_ms: i64) -> Option<RingFacts> {
    let ring = plan.ring?;
    Some(RingFacts {
        hosts_max: ring.hosts_max,
        failures_max: ring.failures_max,
        hosts: context.history.ring_hosts(ring.ring, context.host, now_ms),
        failures: context.history.ring_failures(ring.ring, now_ms),
    })
}

/// What nobody looked at is taken for the worst, if it would leave the site.
fn export_facts(effects: &[StepEffect], context: &Context<'_>) -> ExportFacts {
    let leaves = effects.iter().any(leaves_site);
    context.export.clone().unwrap_or(ExportFacts {
        personal_data: leaves,
        internal_names: leaves,
        marking: None,
        recipients_outside_marking: leaves,
        signed: false,
    })
}

fn artifact_facts(context: &Context<'_>) -> ArtifactFacts {
    context.artifact.clone().unwrap_or(ArtifactFacts {
        signed: false,
        pinned: false,
        revoked: false,
        live_feed: false,
        authorises: false,
        features: Vec::new(),
        identified_baseline: false,
    })
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
