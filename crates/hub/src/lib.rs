//! The page, its API, messages, and enrolment of machines.
//!
//! Architecture invariant: the hub proposes and shows. It holds no key that approves and it never
//! executes; what it says is not believed by any executor.
