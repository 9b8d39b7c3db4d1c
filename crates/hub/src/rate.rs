//! Rate limits: so many in a window, by key. Bounded in memory: when too many keys are known, the
//! ones whose window is over go first, and if none is, the oldest.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::limits;

/// A limit of so many in a window.
pub struct Limiter {
    most: u32,
    window_ms: i64,
    seen: Mutex<BTreeMap<String, (i64, u32)>>,
}

impl Limiter {
    /// At most `most` in `window_ms` milliseconds.
    pub const fn new(most: u32, window_ms: i64) -> Self {
        Self { most, window_ms, seen: Mutex::new(BTreeMap::new()) }
    }

    /// Counts one more. `false`: it is one too many.
    pub fn take(&self, key: &str, now_ms: i64) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= limits::RATE_KEYS_MAX && !seen.contains_key(key) {
            seen.retain(|_, (since_ms, _)| now_ms.saturating_sub(*since_ms) < self.window_ms);
            if seen.len() >= limits::RATE_KEYS_MAX {
                let oldest = seen.iter().min_by_key(|(_, (since_ms, _))| *since_ms);
                if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                    seen.remove(&oldest);
                }
            }
        }
        let key: String = key.chars().take(200).collect();
        let (since_ms, count) = seen.entry(key).or_insert((now_ms, 0));
        if now_ms.saturating_sub(*since_ms) >= self.window_ms {
            (*since_ms, *count) = (now_ms, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.most
    }

    /// Forgets a key: whoever signed in need not wait.
    pub fn forget(&self, key: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_window_and_again_in_the_next() {
        let limiter = Limiter::new(2, 100);
        assert!(limiter.take("a", 0) && limiter.take("a", 50));
        assert!(!limiter.take("a", 99) && limiter.take("b", 99));
        assert!(limiter.take("a", 100));
        limiter.take("a", 100);
        limiter.forget("a");
        assert!(limiter.take("a", 101));
    }

    #[test]
    fn a_flood_of_keys_does_not_grow_without_end() {
        let limiter = Limiter::new(1, 1_000_000);
        for n in 0..limits::RATE_KEYS_MAX + 50 {
            limiter.take(&n.to_string(), i64::try_from(n).unwrap());
        }
        assert!(limiter.seen.lock().unwrap().len() <= limits::RATE_KEYS_MAX);
    }
}
