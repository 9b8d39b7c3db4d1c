//! The engine at work, on real roots, in network namespaces and on processes that these tests made
//! themselves. They need root; what cannot run says `SKIPPED` and why.
//!
//! `RINGFORT_TEST_ROOTS` names the folder of the roots (see `testkit::roots`),
//! `RINGFORT_KILL_ROUNDS` how often an upgrade is killed.

mod contain;
mod files;
mod kill;
mod params;
mod scene;
mod upgrade;
