//! Reads bytes as the format that this target is named after.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| ringfort_fuzz::read_as(env!("CARGO_BIN_NAME"), data));
