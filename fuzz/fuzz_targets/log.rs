//! Reads bytes as the log source that this target is named after.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| ringfort_fuzz::read_log(env!("CARGO_BIN_NAME"), data));
