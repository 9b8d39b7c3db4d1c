//! Gathers on the acting host what the policies read.
