//! The page without a browser and without root: requests straight into the router, an executor
//! made up for the test.

mod api;
mod evidence;
mod guard;
mod letters;
mod night;
mod reports;
mod servers;
mod sign_in;
mod support;
