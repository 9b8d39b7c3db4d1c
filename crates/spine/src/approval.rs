//! A person's signature over the hash of a plan. The signed bytes are the line
//! `ringfort/approval/v1` followed by the canonical JSON of every field but the proof.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    CanonicalError, HostId, KeyId, PlanHash, canonical::signing_prefix, canonical_json, limits,
};

/// When an approval is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "snake_case", deny_unknown_fields)]
pub enum ApprovalWindow {
    /// For 15 minutes from the signature.
    Now,
    /// In a stated maintenance window that ends at most 7 days after the signature.
    Scheduled {
        /// Start of the window, milliseconds since the Unix epoch.
        not_before_ms: i64,
        /// End of the window, milliseconds since the Unix epoch.
        not_after_ms: i64,
    },
}

/// What an authenticator answered to a challenge (W3C WebAuthn Level 2, section 6.3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The authenticator data; lower-case hexadecimal digits.
    pub authenticator_data: String,
    /// The bytes of the client data as the browser made them; lower-case hexadecimal digits.
    pub client_data: String,
    /// The signature over both; lower-case hexadecimal digits.
    pub signature: String,
}

/// What proves that the approver signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum ApprovalProof {
    /// Ed25519 (RFC 8032) over [`Approval::signed_bytes`]; 128 hexadecimal digits.
    Ed25519 {
        /// The signature.
        signature: String,
    },
    /// A passkey's assertion whose challenge is [`Approval::challenge`].
    Webauthn {
        /// The assertion.
        assertion: Assertion,
    },
}

/// A person's signature over the hash of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The plan, by its hash.
    pub plan: PlanHash,
    /// The host that may act on it.
    pub host: HostId,
    /// The approver's key.
    pub approver: KeyId,
    /// When it is good.
    pub window: ApprovalWindow,
    /// Whether one person takes the decision of two, after a delay and loudly.
    pub break_glass: bool,
    /// When it was signed, milliseconds since the Unix epoch.
    pub signed_ms: i64,
    /// 32 hexadecimal digits that make the approval unique.
    pub nonce: String,
    /// The signature.
    pub proof: ApprovalProof,
}

#[derive(Serialize)]
struct Signed<'a> {
    plan: &'a PlanHash,
    host: &'a HostId,
    approver: &'a KeyId,
    window: &'a ApprovalWindow,
    break_glass: bool,
    signed_ms: i64,
    nonce: &'a str,
}

impl Approval {
    /// The bytes that the approver signs.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        let mut bytes = signing_prefix("approval");
        bytes.extend(canonical_json(&Signed {
            plan: &self.plan,
            host: &self.host,
            approver: &self.approver,
            window: &self.window,
            break_glass: self.break_glass,
            signed_ms: self.signed_ms,
            nonce: &self.nonce,
        })?);
        Ok(bytes)
    }

    /// What a passkey is asked to sign: the SHA-256 of [`Approval::signed_bytes`].
    pub fn challenge(&self) -> Result<[u8; 32], CanonicalError> {
        Ok(Sha256::digest(self.signed_bytes()?).into())
    }

    /// First and last moment at which the approval is good, milliseconds since the Unix epoch, or
    /// `None` where the stated window breaks the limits.
    pub fn validity_ms(&self) -> Option<(i64, i64)> {
        let delay = if self.break_glass { limits::BREAK_GLASS_DELAY_MS } else { 0 };
        let start = self.signed_ms.checked_add(delay)?;
        match self.window {
            ApprovalWindow::Now => Some((start, start.checked_add(limits::APPROVAL_NOW_MS)?)),
            ApprovalWindow::Scheduled { not_before_ms, not_after_ms } => {
                let latest = self.signed_ms.checked_add(limits::APPROVAL_WINDOW_MS_MAX)?;
                let ordered = self.signed_ms <= not_before_ms && not_before_ms < not_after_ms;
                (ordered && not_after_ms <= latest)
                    .then_some((not_before_ms.max(start), not_after_ms))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Digest;

    fn approval(window: ApprovalWindow, break_glass: bool) -> Approval {
        Approval {
            plan: PlanHash(Digest([1; 32])),
            host: HostId(Digest([2; 32])),
            approver: KeyId(Digest([3; 32])),
            window,
            break_glass,
            signed_ms: 1_000_000,
            nonce: "0".repeat(32),
            proof: ApprovalProof::Ed25519 { signature: String::new() },
        }
    }

    #[test]
    fn now_means_fifteen_minutes_and_break_glass_waits_thirty() {
        assert_eq!(
            approval(ApprovalWindow::Now, false).validity_ms(),
            Some((1_000_000, 1_900_000))
        );
        assert_eq!(approval(ApprovalWindow::Now, true).validity_ms(), Some((2_800_000, 3_700_000)));
    }

    #[test]
    fn a_window_ends_within_seven_days_and_after_it_starts() {
        let window = |a, b| ApprovalWindow::Scheduled { not_before_ms: a, not_after_ms: b };
        let week = limits::APPROVAL_WINDOW_MS_MAX;
        assert!(approval(window(1_000_000, 1_000_000 + week), false).validity_ms().is_some());
        assert!(approval(window(1_000_000, 1_000_001 + week), false).validity_ms().is_none());
        assert!(approval(window(5, 6), false).validity_ms().is_none());
        assert!(approval(window(2_000_000, 2_000_000), false).validity_ms().is_none());
        assert!(approval(window(i64::MAX - 1, i64::MAX), true).validity_ms().is_none());
    }

    #[test]
    fn the_proof_is_not_part_of_what_is_signed() {
        let mut other = approval(ApprovalWindow::Now, false);
        other.proof = ApprovalProof::Ed25519 { signature: "ff".into() };
        assert_eq!(
            other.signed_bytes().unwrap(),
            approval(ApprovalWindow::Now, false).signed_bytes().unwrap()
        );
    }
}
