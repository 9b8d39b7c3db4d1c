//! Small memories of what was seen, how often, and when.

mod beacon;
mod presence;
mod rate;

pub use beacon::{Beacon, Rhythm};
pub use presence::{FleetSketch, HostSketch, Sighting};
pub use rate::RateBook;
