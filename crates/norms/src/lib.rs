//! The red lines as Cedar policies, and the one place that mints a Permit.
