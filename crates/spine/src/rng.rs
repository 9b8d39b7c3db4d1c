//! Randomness is an argument: whoever needs it takes `&dyn Rng`.

/// A source of random bytes. The operating system's lives at the rim, a seeded one in the test kit.
pub trait Rng: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

/// `N` fresh random bytes.
pub fn random_bytes<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut bytes = [0_u8; N];
    rng.fill(&mut bytes);
    bytes
}
