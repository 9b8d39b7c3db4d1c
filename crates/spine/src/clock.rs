//! Time is an argument: whoever needs it takes `&dyn Clock`.

/// A source of time. The system's clock lives at the rim, a settable one in the test kit.
pub trait Clock: Send + Sync {
    /// Wall-clock time, milliseconds since the Unix epoch (UTC, leap seconds not counted).
    fn now_ms(&self) -> i64;
    /// Time that never goes back while the process lives, milliseconds from an arbitrary start.
    fn monotonic_ms(&self) -> u64;
}
