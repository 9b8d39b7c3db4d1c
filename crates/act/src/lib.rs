//! Actuators, shadow sandbox, leases, undo journal.
