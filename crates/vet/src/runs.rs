//! Runs of text within bytes, as `strings` of binutils finds them.

/// The runs of at least `min` bytes (at least one) of printable ASCII, line feeds and tabs.
///
/// A run covers each place that is `min - 1` behind its start, so looking there first, and then
/// backwards, passes over most bytes of weights and images unread (Boyer and Moore, 1977).
pub(crate) fn text_runs(bytes: &[u8], min: usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        loop {
            let (head, _) = rest.split_at_checked(min)?;
            if let Some(other) = head.iter().rposition(|byte| !is_text(*byte)) {
                rest = rest.get(other + 1..)?;
                continue;
            }
            let end = rest.iter().position(|byte| !is_text(*byte)).unwrap_or(rest.len());
            let (run, behind) = rest.split_at_checked(end)?;
            rest = behind;
            return Some(run);
        }
    })
}

const fn is_text(byte: u8) -> bool {
    matches!(byte, 0x20..0x7f | b'\n' | b'\t')
}

#[cfg(test)]
mod tests {
    use testkit::SeededRng;

    use super::*;

    #[test]
    fn they_are_those_that_reading_every_byte_gives() {
        let rng = SeededRng::new(1);
        let mut found = 0;
        for _ in 0..3_000 {
            let byte = || {
                let often = b" ~a\n\t0"[rng.index(6)];
                if rng.chance(850) { often } else { u8::try_from(rng.below(256)).unwrap() }
            };
            let bytes: Vec<u8> = (0..rng.index(400)).map(|_| byte()).collect();
            let min = rng.index(13) + 1;
            let all = bytes.split(|byte| !is_text(*byte)).filter(|run| run.len() >= min);
            let all: Vec<&[u8]> = all.collect();
            found += all.len();
            assert_eq!(text_runs(&bytes, min).collect::<Vec<_>>(), all);
        }
        assert!(found > 1_000);
    }
}
