//! Fixtures, fake clock, fault-injecting file layer, roots for tests.
