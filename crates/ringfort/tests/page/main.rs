//! The page as a whole, with the real executor behind it: driven by a real browser, and stolen.
//!
//! Needs root (the executor does). The browser's part needs Chromium, Node.js, and the modules of
//! `tests/browser/package.json` in a folder that `RINGFORT_TEST_BROWSER` names.
#![expect(clippy::disallowed_methods, reason = "the tests start real processes")]

mod browser;
mod hostile_text;
mod scene;
mod stolen;
