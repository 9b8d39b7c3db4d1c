//! Receipts as a C2SP tlog-tiles log: append, prove, verify.
