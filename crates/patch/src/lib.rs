//! Match, prioritise, plan.
