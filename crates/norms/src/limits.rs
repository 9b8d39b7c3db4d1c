//! The written limits of this crate, in one table.

/// Approvals that one decision looks at; with more, the plan is refused.
pub const APPROVALS_MAX: usize = 16;
/// Keys of people that a host may have enrolled.
pub const APPROVER_KEYS_MAX: usize = 256;
/// How long a permit is good, milliseconds (10 minutes), where no approval ends earlier.
pub const PERMIT_MS: i64 = 10 * 60 * 1_000;
/// Bytes of a site's own policy.
pub const SITE_POLICY_BYTES_MAX: usize = 64 * 1024;
/// Policies in a site's own policy.
pub const SITE_POLICIES_MAX: usize = 128;
/// The most people that any line asks for.
pub const PEOPLE_MAX: u8 = 2;
/// Bytes of a passkey's client data.
pub const CLIENT_DATA_BYTES_MAX: usize = 4_096;
/// Bytes of a passkey's authenticator data.
pub const AUTHENTICATOR_DATA_BYTES_MAX: usize = 1_024;
/// Bytes of a passkey's signature.
pub const PASSKEY_SIGNATURE_BYTES_MAX: usize = 256;
