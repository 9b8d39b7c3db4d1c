//! Approvals are counted by signature, here and on the acting host. Nothing that came with a plan
//! says how many people stand behind it.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use spine::{Approval, ApprovalProof, KeyId, PlanHash};

use crate::key::Ed25519Key;
use crate::limits;
use crate::{ApproverKey, Facts, PasskeyFault, PublicKey};

/// Why an approval was not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ApprovalFault {
    /// It signs another plan, or an earlier form of this one.
    #[error("it is for another plan")]
    OtherPlan,
    /// It names another host.
    #[error("it is for another machine")]
    OtherHost,
    /// Its key is not enrolled here.
    #[error("its key is not enrolled on this machine")]
    UnknownKey,
    /// Its nonce is not 32 lower-case hexadecimal digits.
    #[error("its nonce is malformed")]
    Nonce,
    /// It was used before, or given twice.
    #[error("it was used before")]
    Replayed,
    /// Its window breaks the limits.
    #[error("its window is longer than seven days, or ends before it starts")]
    Window,
    /// It is not good yet.
    #[error("it is not good yet")]
    NotYet,
    /// It is no longer good.
    #[error("it has run out")]
    Expired,
    /// Break-glass, and not all contacts were told.
    #[error("it breaks the glass and not all contacts have been told")]
    NotNotified,
    /// The signature does not hold, or its scheme is not that of the key.
    #[error("its signature does not hold")]
    Signature,
    /// What the passkey signed is not this approval, or not as it must be signed.
    #[error("what the passkey signed does not hold: {0}")]
    Passkey(PasskeyFault),
}

/// An approval that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The key that signed.
    pub approver: KeyId,
    /// Its nonce, which is used up by the action.
    pub nonce: String,
    /// When it runs out, milliseconds since the Unix epoch.
    pub end_ms: i64,
    /// Whether it breaks the glass.
    pub break_glass: bool,
}

/// What the approvals of a plan amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weighed {
    /// At most one approval a person, in order of person.
    pub counted: Vec<Counted>,
    /// The approvals that were not counted, by position, and why.
    pub refused: Vec<(usize, ApprovalFault)>,
}

impl Weighed {
    /// Distinct people whose approval holds.
    pub fn people(&self) -> u8 {
        u8::try_from(self.counted.len()).unwrap_or(u8::MAX)
    }

    /// Whether one of them broke the glass.
    pub fn break_glass(&self) -> bool {
        self.counted.iter().any(|approval| approval.break_glass)
    }

    /// As how many people they count: whoever breaks the glass counts as two.
    pub fn counts_as(&self) -> u8 {
        if self.break_glass() { self.people().max(limits::PEOPLE_MAX) } else { self.people() }
    }

    /// When the first of them runs out, milliseconds since the Unix epoch.
    pub fn end_ms(&self) -> Option<i64> {
        self.counted.iter().map(|approval| approval.end_ms).min()
    }
}

/// Checks every approval and counts distinct people. More than [`limits::APPROVALS_MAX`] approvals
/// are not looked at.
pub fn weigh(plan: PlanHash, facts: &Facts, approvals: &[Approval]) -> Weighed {
    let mut people: BTreeMap<&str, Counted> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut refused = Vec::new();
    for (position, approval) in approvals.iter().take(limits::APPROVALS_MAX).enumerate() {
        match check(plan, facts, approval, &mut seen) {
            Ok((person, counted)) => {
                let best = people.entry(person).or_insert_with(|| counted.clone());
                // A person who also broke the glass counts by that approval.
                if counted.break_glass && !best.break_glass {
                    *best = counted;
                }
            }
            Err(fault) => refused.push((position, fault)),
        }
    }
    Weighed { counted: people.into_values().collect(), refused }
}

fn check<'facts>(
    plan: PlanHash,
    facts: &'facts Facts,
    approval: &Approval,
    seen: &mut BTreeSet<[u8; 16]>,
) -> Result<(&'facts str, Counted), ApprovalFault> {
    if approval.plan != plan {
        return Err(ApprovalFault::OtherPlan);
    }
    if approval.host != facts.host {
        return Err(ApprovalFault::OtherHost);
    }
    let key = enrolled_key(facts, approval.approver).ok_or(ApprovalFault::UnknownKey)?;
    let nonce = parse_nonce(&approval.nonce).ok_or(ApprovalFault::Nonce)?;
    if facts.used_approvals.contains(&nonce) {
        return Err(ApprovalFault::Replayed);
    }
    let (start_ms, end_ms) = approval.validity_ms().ok_or(ApprovalFault::Window)?;
    if facts.now_ms < start_ms {
        return Err(ApprovalFault::NotYet);
    }
    if facts.now_ms > end_ms {
        return Err(ApprovalFault::Expired);
    }
    if approval.break_glass && !facts.break_glass_notified {
        return Err(ApprovalFault::NotNotified);
    }
    check_signature(key, approval)?;
    // After the signature, so that a forged copy cannot spoil the real one.
    if !seen.insert(nonce) {
        return Err(ApprovalFault::Replayed);
    }
    let counted = Counted {
        approver: approval.approver,
        nonce: approval.nonce.clone(),
        end_ms,
        break_glass: approval.break_glass,
    };
    Ok((&key.person, counted))
}

fn enrolled_key(facts: &Facts, id: KeyId) -> Option<&ApproverKey> {
    let key = facts.approver_keys.iter().take(limits::APPROVER_KEYS_MAX).find(|k| k.id == id)?;
    let hash: [u8; 32] = Sha256::digest(key.public.raw()).into();
    (hash == id.0.0).then_some(key)
}

/// The nonce of an approval: 32 lower-case hexadecimal digits as 16 bytes.
pub fn parse_nonce(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0_u8; 16];
    let lower_case = !text.bytes().any(|b| b.is_ascii_uppercase());
    (lower_case && hex::decode_to_slice(text, &mut bytes).is_ok()).then_some(bytes)
}

/// The scheme of the proof must be that of the enrolled key: a passkey's raw signature over the
/// approval is no approval, and neither is an assertion by a key that is no passkey.
fn check_signature(key: &ApproverKey, approval: &Approval) -> Result<(), ApprovalFault> {
    match (&key.public, &approval.proof) {
        (PublicKey::Ed25519(public), ApprovalProof::Ed25519 { signature }) => {
            if ed25519_holds(public, approval, signature) {
                Ok(())
            } else {
                Err(ApprovalFault::Signature)
            }
        }
        (PublicKey::Passkey(passkey), ApprovalProof::Webauthn { assertion }) => {
            let challenge = approval.challenge().map_err(|_| ApprovalFault::Signature)?;
            passkey.check(&challenge, assertion).map_err(ApprovalFault::Passkey)
        }
        _ => Err(ApprovalFault::Signature),
    }
}

fn ed25519_holds(key: &Ed25519Key, approval: &Approval, signature: &str) -> bool {
    let mut bytes = [0_u8; 64];
    hex::decode_to_slice(signature, &mut bytes).is_ok()
        && approval.signed_bytes().is_ok_and(|message| key.holds(&message, &bytes))
}
