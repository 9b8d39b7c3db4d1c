//! Something that happened, or an item of inventory (OCSF event classes).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{EventId, HostId};

/// The OCSF classes that ringfort emits, by their `class_uid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EventClass {
    /// OCSF 5020, Software Inventory Info.
    SoftwareInventory,
    /// OCSF 5001, Device Inventory Info.
    DeviceInventory,
    /// OCSF 4001, Network Activity (here: a listening socket).
    NetworkActivity,
    /// OCSF 1007, Process Activity.
    ProcessActivity,
    /// OCSF 1001, File System Activity.
    FileActivity,
    /// OCSF 3002, Authentication.
    Authentication,
    /// OCSF 6002, Application Lifecycle (starts, stops and gaps of ringfort itself).
    ApplicationLifecycle,
    /// Any other class.
    Other(u32),
}

impl EventClass {
    /// The OCSF `class_uid`.
    pub const fn uid(self) -> u32 {
        match self {
            Self::FileActivity => 1_001,
            Self::ProcessActivity => 1_007,
            Self::Authentication => 3_002,
            Self::NetworkActivity => 4_001,
            Self::DeviceInventory => 5_001,
            Self::SoftwareInventory => 5_020,
            Self::ApplicationLifecycle => 6_002,
            Self::Other(uid) => uid,
        }
    }
}

impl From<u32> for EventClass {
    fn from(uid: u32) -> Self {
        match uid {
            1_001 => Self::FileActivity,
            1_007 => Self::ProcessActivity,
            3_002 => Self::Authentication,
            4_001 => Self::NetworkActivity,
            5_001 => Self::DeviceInventory,
            5_020 => Self::SoftwareInventory,
            6_002 => Self::ApplicationLifecycle,
            other => Self::Other(other),
        }
    }
}

impl Serialize for EventClass {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.uid())
    }
}

impl<'de> Deserialize<'de> for EventClass {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::from)
    }
}

/// Something that happened. The source's own fields are kept beside the normal form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// When it happened, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// The host it happened on.
    pub host: HostId,
    /// The registered name of the source that produced it, such as `dpkg` or `listeners`.
    pub source: String,
    /// The OCSF class.
    pub class_uid: EventClass,
    /// The OCSF view.
    pub ocsf: Map<String, Value>,
    /// The source's own fields, as they were.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub raw: Map<String, Value>,
}
