//! What the policies read. Every field is required and there is no default, so a fact that nobody
//! gathered does not compile. Only the crate `facts` constructs this type outside tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use spine::{
    ActionType, Author, AutonomyLevel, EffectClass, HostId, KeyId, MachineClass, PlanHash, Profile,
};

use crate::key::Ed25519Key;
use crate::passkey::Passkey;

/// A marking of the Traffic Light Protocol (FIRST TLP 2.0).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tlp {
    /// TLP:CLEAR, for everybody.
    Clear,
    /// TLP:GREEN, for the community.
    Green,
    /// TLP:AMBER, for the recipient's organisation and its clients.
    Amber,
    /// TLP:AMBER+STRICT, for the recipient's organisation alone.
    AmberStrict,
    /// TLP:RED, for named people alone; also what an unknown marking counts as.
    Red,
}

impl Tlp {
    /// The marking of a label such as `TLP:GREEN` or `amber+strict`; anything else is red.
    pub fn of_label(label: Option<&str>) -> Self {
        let lower = label.unwrap_or_default().trim().to_ascii_lowercase();
        match lower.strip_prefix("tlp:").unwrap_or(&lower) {
            "clear" | "white" => Self::Clear,
            "green" => Self::Green,
            "amber" => Self::Amber,
            "amber+strict" => Self::AmberStrict,
            _ => Self::Red,
        }
    }
}

/// A public key of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicKey {
    /// An Ed25519 key that signs approvals itself.
    Ed25519(Ed25519Key),
    /// A passkey that signs a challenge made of an approval.
    Passkey(Box<Passkey>),
}

impl PublicKey {
    /// The raw bytes, whose SHA-256 is the key's id.
    pub fn raw(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => key.raw(),
            Self::Passkey(passkey) => passkey.key.raw(),
        }
    }
}

impl From<Ed25519Key> for PublicKey {
    fn from(key: Ed25519Key) -> Self {
        Self::Ed25519(key)
    }
}

/// A person's key that this host enrolled with local consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApproverKey {
    /// The SHA-256 of the public key's raw bytes.
    pub id: KeyId,
    /// The public key.
    pub public: PublicKey,
    /// The person. Two keys of one person are one approver.
    pub person: String,
}

/// The budget of a ring plan, and what the record says was used of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RingFacts {
    /// The most machines, as the plan states and people signed.
    pub hosts_max: u32,
    /// The most failures, as the plan states and people signed.
    pub failures_max: u32,
    /// Machines touched by the ring, this one counted.
    pub hosts: u32,
    /// Machines on which it failed.
    pub failures: u32,
}

/// What the policies read of one plan on one host, gathered on that host.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent fact that a policy reads"
)]
pub struct Facts {
    /// The plan that these facts are about.
    pub plan: PlanHash,
    /// The host that would act.
    pub host: HostId,
    /// The root that it would act on.
    pub root: String,
    /// Who made the plan. A claim; it opens nothing without a signature.
    pub author: Author,
    /// When the facts were gathered, milliseconds since the Unix epoch.
    pub now_ms: i64,

    /// The site's profile.
    pub profile: Profile,
    /// What kind of machine this is.
    pub machine_class: MachineClass,
    /// How much ringfort may do by itself.
    pub autonomy_level: AutonomyLevel,
    /// Whether the owner marked the machine as life-safety (RL04).
    pub life_safety: bool,
    /// Whether the organisation owns the machine and proved it (RL01).
    pub owned: bool,
    /// Whether the machine and this root are enrolled (RL01).
    pub enrolled: bool,

    /// The distinct types of action (RL02).
    pub actions: Vec<ActionType>,
    /// Steps that no actuator of this build owns (RL02).
    pub unlisted_steps: u32,
    /// The furthest-reaching class; [`EffectClass::RollBack`] only where every step takes back.
    pub class: EffectClass,
    /// Whether every step can be taken back (RL06).
    pub reversible: bool,
    /// Whether any step may be noticed by somebody (RL10).
    pub disruptive: bool,
    /// Whether any step restrains something (RL09).
    pub containment: bool,
    /// The longest containment, seconds; 0 where one states no end (RL09).
    pub ttl_s: u32,
    /// Whether a target was contained within the last day (RL09).
    pub renews_containment: bool,
    /// Whether the plan takes back ringfort's own failed action and nothing else.
    pub takes_back_own_failure: bool,
    /// Distinct targets of the plan (RL08).
    pub targets: u32,
    /// Whether a target is a response team or a sharing partner (RL03).
    pub targets_partner: bool,
    /// Whether a target must stay reachable (RL05).
    pub targets_public_core: bool,
    /// Whether any step touches ringfort's own policy, keys, ledger, updates or models (RL14).
    pub touches_defender: bool,
    /// Whether any step destroys what may be evidence (RL15).
    pub destroys_evidence: bool,
    /// Whether every such step keeps a copy before (RL15).
    pub preserves_evidence: bool,
    /// Whether any parameter was not parsed into a closed type (RL11).
    pub tainted: bool,

    /// Whether a dry run of exactly this plan passed and still counts (RL07).
    pub dry_run_passed: bool,
    /// Whether that dry run was taken back whole (RL07).
    pub rollback_verified: bool,
    /// Enrolled machines (RL08).
    pub fleet_size: u32,
    /// Actions taken in the last hour without a person, this one not counted (RL08).
    pub actions_last_hour: u32,
    /// Machines changed in the last hour without a person, this one counted (RL08).
    pub hosts_touched: u32,
    /// The budget of a ring plan (RL08).
    pub ring: Option<RingFacts>,
    /// Distinct kinds of evidence that this host confirmed (RL10).
    pub evidence_kinds: u32,
    /// Whether one of them is local (RL10).
    pub has_local_evidence: bool,
    /// Whether a receipt can be written durably and the record could be read (RL12).
    pub ledger_healthy: bool,
    /// Whether the stop switch is on (RL13).
    pub kill_switch: bool,
    /// Whether contact with the hub is lost (RL13).
    pub contact_lost: bool,

    /// Whether anything but requests for feeds and packages leaves the site (RL18).
    pub leaves_site: bool,
    /// Whether what leaves is a share signed by the owner's key (RL18).
    pub signed_share: bool,
    /// Whether the owner opted in to raw telemetry leaving the site (RL18).
    pub telemetry_opt_in: bool,
    /// Whether what is shared holds personal data (RL16).
    pub personal_data: bool,
    /// Whether what is shared holds internal names (RL16).
    pub internal_names: bool,
    /// Its marking (RL16).
    pub tlp: Tlp,
    /// Whether a recipient stands outside the marking (RL16).
    pub recipients_outside_marking: bool,

    /// Whether what is loaded carries a signature that holds (RL19).
    pub artifact_signed: bool,
    /// Whether its hash was pinned by the owner (RL19).
    pub artifact_pinned: bool,
    /// Whether it was revoked (RL19).
    pub artifact_revoked: bool,
    /// Whether it is a live feed over TLS from an address that the owner configured, with the hash
    /// of its snapshot recorded (RL19).
    pub artifact_live_feed: bool,
    /// Whether it would authorise rather than inform and rank (RL19).
    pub artifact_authorises: bool,
    /// Whether a feature or a score is about a protected class (RL17).
    pub protected_feature: bool,
    /// Whether a baseline of a user carries a name (RL17).
    pub identified_baseline: bool,

    /// The keys of people that this host enrolled.
    #[serde(skip)]
    pub approver_keys: Arc<[ApproverKey]>,
    /// Nonces of approvals that were used, as far back as an approval can be good.
    #[serde(skip)]
    pub used_approvals: Arc<BTreeSet<[u8; 16]>>,
    /// Whether all contacts were told that somebody broke the glass for this plan.
    pub break_glass_notified: bool,
}

#[cfg(test)]
mod tests {
    use super::Tlp;

    #[test]
    fn an_unknown_marking_is_red() {
        assert_eq!(Tlp::of_label(Some("TLP:CLEAR")), Tlp::Clear);
        assert_eq!(Tlp::of_label(Some("amber+strict")), Tlp::AmberStrict);
        for unknown in [None, Some(""), Some("TLP:BLUE"), Some("tlp:tlp:clear")] {
            assert_eq!(Tlp::of_label(unknown), Tlp::Red);
        }
    }
}
