//! Invariants with ids: written once, checked where they hold, fatal in debug builds and counted
//! in release builds, so that a broken promise is seen without taking a defended machine down.
//!
//! The idea of naming invariants and sharing them between tests and production is quickwit's
//! (`quickwit-dst`); the list is ours.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! invariants {
    ($($variant:ident => $id:literal, $text:literal;)*) => {
        /// Every invariant of the spine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Invariant { $(#[doc = $text] $variant,)* }

        impl Invariant {
            /// All of them, in order of id.
            pub const ALL: &'static [Invariant] = &[$(Invariant::$variant,)*];

            /// The stable id, such as `S01`.
            pub const fn id(self) -> &'static str { match self { $(Invariant::$variant => $id,)* } }

            /// The rule in one sentence.
            pub const fn text(self) -> &'static str {
                match self { $(Invariant::$variant => $text,)* }
            }

            fn counter(self) -> &'static AtomicU64 {
                match self { $(Invariant::$variant => {
                    static BROKEN: AtomicU64 = AtomicU64::new(0);
                    &BROKEN
                })* }
            }
        }
    };
}

invariants! {
    IntentBeforeAct => "S01", "a durable receipt of intent exists before an action starts";
    OutcomeAfterIntent => "S02", "every outcome receipt names an action with a receipt of intent";
    PermitMatchesPlan => "S03", "an action runs only the plan whose hash its permit carries";
    PermitOnThisHost => "S04", "an action runs only on the host its permit names";
    UndoBeforeApply => "S05", "what is needed to undo is on disk before the first change";
    FixedAfterRescan => "S06", "a case is closed as fixed only by a scan made after the action";
    UnknownNotClean => "S07", "an unknown result is never reported as nothing found";
    LeaseHasEnd => "S08", "every containment has an end within 24 hours";
}

impl Invariant {
    /// Checks the invariant: panics in debug builds, counts in release builds. Returns `holds`.
    pub fn check(self, holds: bool) -> bool {
        if !holds {
            self.counter().fetch_add(1, Ordering::Relaxed);
        }
        debug_assert!(holds, "invariant {} broken: {}", self.id(), self.text());
        holds
    }

    /// How often the invariant was broken in this process.
    pub fn broken(self) -> u64 {
        self.counter().load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Invariant;

    #[test]
    fn ids_are_unique_and_in_order() {
        let ids: Vec<_> = Invariant::ALL.iter().map(|i| i.id()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ids, sorted);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "S07"))]
    fn a_broken_invariant_panics_in_debug_and_is_counted_in_release() {
        assert!(Invariant::UnknownNotClean.check(true));
        assert!(!Invariant::UnknownNotClean.check(false));
        assert_eq!(Invariant::UnknownNotClean.broken(), 1);
    }
}
