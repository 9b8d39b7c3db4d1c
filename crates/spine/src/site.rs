//! What the owner says of the site. The executor keeps its own copy and reads no other.

use serde::{Deserialize, Serialize};

/// What kind of organisation the site belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// An office of any kind.
    #[default]
    Office,
    /// A clinic: medical devices are near.
    Clinic,
    /// A school.
    School,
    /// A utility: process control is near.
    Utility,
    /// A firm that makes software.
    SoftwareFirm,
}

/// What kind of machine this is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineClass {
    /// A person's computer.
    Workstation,
    /// A server.
    Server,
    /// A medical device, or a machine that drives one.
    Medical,
    /// Process control.
    ProcessControl,
    /// Not known; counts as life-safety in clinics and utilities (red line RL04).
    #[default]
    Unknown,
}

/// How much ringfort may do by itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AutonomyLevel {
    /// Level 0: look and say.
    Observe,
    /// Level 1, the default: look, try on a copy, and recommend.
    #[default]
    Recommend,
    /// Level 2: act alone where the act is reversible and time-boxed.
    ActReversible,
    /// Level 3: act alone in rings.
    ActInRings,
}

/// What the owner says of the site and of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteConfig {
    /// What kind of organisation.
    pub profile: Profile,
    /// What kind of machine.
    pub machine_class: MachineClass,
    /// How much ringfort may do by itself.
    pub autonomy_level: AutonomyLevel,
    /// Number of enrolled hosts, this one counted.
    pub fleet_size: u32,
    /// Addresses that are never blocked beside the built-in ones: own gateway, own hub, partners.
    pub never_block: Vec<std::net::IpAddr>,
    /// Whether the owner opted in to raw telemetry leaving the site (red line RL18).
    pub telemetry_opt_in: bool,
}
