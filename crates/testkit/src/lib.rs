//! What the tests of the other crates share; never shipped.
//!
//! | module | holds |
//! |---|---|
//! | [`clock`] | [`ManualClock`], a clock that a test sets |
//! | [`rng`] | [`SeededRng`], the same randomness for the same seed |
//! | [`faults`] | [`FaultFiles`], a disk in memory that tears writes, loses what was not synced, fills up and fails |
//! | [`killer`] | [`Killer`], which runs the current test binary as a child and ends it with SIGKILL |
//! | [`mirror`] | where this machine gets Debian packages from |
//! | [`roots`] | [`roots::Root`], roots of real Debian systems, made once |
//! | [`site`] | a simulated office of 20 or 50 machines, as its logs tell of it |
//! | [`process`] | starting other programs from tests, with a time limit |

pub mod clock;
mod disk;
pub mod faults;
pub mod killer;
pub mod mirror;
pub mod process;
pub mod rng;
pub mod roots;
pub mod site;

pub use clock::ManualClock;
pub use faults::{FaultFiles, Faults};
pub use killer::Killer;
pub use rng::SeededRng;
