//! Machines that join a real hub on loopback: those that may, and those that must not.

mod good;
mod hostile;
mod hostile_join;
mod hostile_machine;
mod site;
mod support;
