//! Facts as a host gathers them from its own record, and the blast radius that follows.

mod budget;
mod fleet;
mod gathering;
mod record;
mod support;
