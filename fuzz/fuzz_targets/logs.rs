//! Reads bytes as a file of logs: unpacked, out of archives, by whatever source they claim to be
//! of.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| ringfort_fuzz::read_logs(data));
