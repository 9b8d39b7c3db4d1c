//! Names that are known, in 16 bits a name: a Bloom filter (Bloom, 1970). It may take an unknown
//! name for a known one (one in some two thousand), and never a known one for unknown.
//!
//! Nothing but the standard library is used here, so that the program that makes the filter can
//! hold this very file.

/// Bits a name.
const BITS_A_NAME: u64 = 16;
/// Places that each name sets: the best number for 16 bits is 11.
const PLACES: u64 = 11;
const MAGIC: &[u8; 8] = b"RFNAME1\n";

/// The filter as bytes: magic number, how many bits, the bits.
#[cfg_attr(not(test), allow(dead_code, reason = "the program that makes the filter uses it"))]
pub fn build<'a>(names: impl ExactSizeIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let bits = (names.len() as u64 * BITS_A_NAME).next_multiple_of(8).max(8);
    let mut out = [MAGIC.as_slice(), &bits.to_le_bytes()].concat();
    let head = out.len();
    out.resize(head + usize::try_from(bits / 8).unwrap_or(0), 0);
    for (ecosystem, name) in names {
        for place in places(ecosystem, name, bits) {
            if let Some(byte) = out.get_mut(head + usize::try_from(place / 8).unwrap_or(0)) {
                *byte |= 1 << (place % 8);
            }
        }
    }
    out
}

/// Whether a filter holds a name; a filter that does not read holds none.
pub fn holds(filter: &[u8], ecosystem: &str, name: &str) -> bool {
    let Some((bits, body)) = filter
        .strip_prefix(MAGIC.as_slice())
        .and_then(|rest| rest.split_first_chunk::<8>())
        .map(|(bits, body)| (u64::from_le_bytes(*bits), body))
    else {
        return false;
    };
    bits > 0
        && places(ecosystem, name, bits).all(|place| {
            let byte = usize::try_from(place / 8).ok().and_then(|at| body.get(at));
            byte.is_some_and(|byte| byte >> (place % 8) & 1 == 1)
        })
}

/// Two hashes of 64 bits make all places (Kirsch and Mitzenmacher, 2006).
fn places(ecosystem: &str, name: &str, bits: u64) -> impl Iterator<Item = u64> {
    let hash = |seed: u64| {
        let bytes = ecosystem.bytes().chain([0]).chain(name.bytes());
        let raw = bytes
            .fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let mixed = (raw ^ (raw >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ (mixed >> 29)
    };
    let (first, step) = (hash(0xcbf2_9ce4_8422_2325), hash(0x8422_2325_cbf2_9ce4) | 1);
    (0..PLACES).map(move |turn| first.wrapping_add(turn.wrapping_mul(step)) % bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_there_and_little_else() {
        let names: Vec<String> = (0..2_000).map(|n| format!("name-{n}")).collect();
        let filter = build(names.iter().map(|name| ("PyPI", name.as_str())));
        assert!(names.iter().all(|name| holds(&filter, "PyPI", name)));
        let wrong = (0..20_000).filter(|n| holds(&filter, "PyPI", &format!("other-{n}"))).count();
        assert!(wrong < 40, "{wrong} of 20000");
        let elsewhere = names.iter().filter(|name| holds(&filter, "npm", name)).count();
        assert!(elsewhere < 10, "{elsewhere}");
    }

    #[test]
    fn a_broken_filter_holds_nothing() {
        assert!(!holds(b"", "PyPI", "numpy") && !holds(b"RFNAME1\n", "PyPI", "numpy"));
        assert!(!holds(b"RFNAME1\n\0\0\0\0\0\0\0\0", "PyPI", "numpy"));
        assert!(!holds(b"RFNAME1\n\xff\xff\xff\xff\xff\xff\xff\xff", "PyPI", "numpy"));
    }
}
