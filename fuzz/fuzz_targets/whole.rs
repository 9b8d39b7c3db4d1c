//! Reads bytes as whatever they claim to be, with everything inside of them.
#![cfg_attr(fuzzing, no_main)]

ringfort_fuzz::target!(|data| drop(vet::vet("fuzz", &data.to_vec())));
