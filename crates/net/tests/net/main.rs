//! The client against servers on the loopback address.

mod loopback;
mod support;
mod tls;
