//! Compiles bytes as a file of Sigma rules, and asks them of an event.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| ringfort_fuzz::ask_rules(data));
