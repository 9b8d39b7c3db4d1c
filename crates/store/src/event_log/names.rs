//! File names of the event log. A name says everything that is needed to decide whether the file
//! must be opened, so that opening the log reads no sealed file.
//!
//! | name | is |
//! |---|---|
//! | `FIRST.frames` | a segment of frames, named by its first sequence number |
//! | `FIRST_LAST_EVENTS_TIMEMIN_TIMEMAX_RECORDED_CRC.parquet` | a sealed segment; the CRC-32C is over the whole file |
//! | `*.bad` | a damaged file that was set aside |
//! | `*.tmp` | what a crash left of an atomic write |

use std::fmt;

/// What the name of a sealed segment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedName {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) events: u64,
    /// Times of the earliest and the latest event, milliseconds since the Unix epoch.
    pub(crate) time_min: i64,
    pub(crate) time_max: i64,
    /// When the last event was recorded, milliseconds since the Unix epoch.
    pub(crate) recorded_max: i64,
    /// CRC-32C of the whole file.
    pub(crate) crc: u32,
}

impl fmt::Display for SealedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:020}_{:020}_{}_{}_{}_{}_{:08x}.parquet",
            self.first,
            self.last,
            self.events,
            self.time_min,
            self.time_max,
            self.recorded_max,
            self.crc
        )
    }
}

impl SealedName {
    fn parse(stem: &str) -> Option<Self> {
        let mut parts = stem.split('_');
        let name = Self {
            first: parts.next()?.parse().ok()?,
            last: parts.next()?.parse().ok()?,
            events: parts.next()?.parse().ok()?,
            time_min: parts.next()?.parse().ok()?,
            time_max: parts.next()?.parse().ok()?,
            recorded_max: parts.next()?.parse().ok()?,
            crc: u32::from_str_radix(parts.next()?, 16).ok()?,
        };
        let sound = parts.next().is_none() && name.first <= name.last && name.last < u64::MAX;
        sound.then_some(name)
    }
}

/// What a name in the folder is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Frames {
        first: u64,
    },
    Sealed(SealedName),
    /// Set aside; what it was is still in its name.
    BadFrames {
        first: u64,
    },
    BadSealed(SealedName),
    Temporary,
    Other,
}

impl Name {
    pub(crate) fn parse(name: &str) -> Self {
        let frames = |stem: &str| stem.strip_suffix(".frames").and_then(|n| n.parse().ok());
        let sealed = |stem: &str| stem.strip_suffix(".parquet").and_then(SealedName::parse);
        if name.strip_suffix(".tmp").is_some() {
            Self::Temporary
        } else if let Some(stem) = name.strip_suffix(".bad") {
            match (frames(stem), sealed(stem)) {
                (Some(first), _) => Self::BadFrames { first },
                (_, Some(sealed)) => Self::BadSealed(sealed),
                _ => Self::Other,
            }
        } else {
            match (frames(name), sealed(name)) {
                (Some(first), _) => Self::Frames { first },
                (_, Some(sealed)) => Self::Sealed(sealed),
                _ => Self::Other,
            }
        }
    }
}

pub(crate) fn frames_name(first: u64) -> String {
    format!("{first:020}.frames")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_sealed_name_reads_back(
            first in 0..=u64::MAX / 2, more in 0..1_000_u64, events in any::<u64>(),
            time_min in any::<i64>(), time_max in any::<i64>(), recorded_max in any::<i64>(),
            crc in any::<u32>(),
        ) {
            let last = first + more;
            let name = SealedName { first, last, events, time_min, time_max, recorded_max, crc };
            let text = name.to_string();
            prop_assert!(text.len() < 200);
            prop_assert_eq!(Name::parse(&text), Name::Sealed(name.clone()));
            prop_assert_eq!(Name::parse(&format!("{text}.bad")), Name::BadSealed(name));
        }

        #[test]
        fn any_name_parses_to_something(name in ".*") {
            let _ = Name::parse(&name);
        }
    }

    #[test]
    fn other_names_are_told_apart() {
        assert_eq!(Name::parse(&frames_name(7)), Name::Frames { first: 7 });
        assert_eq!(Name::parse("00000000000000000007.frames.bad"), Name::BadFrames { first: 7 });
        assert_eq!(Name::parse("00000000000000000007.frames.tmp"), Name::Temporary);
        for other in ["lock", "a.frames", "1_2.parquet", "9_1_1_1_1_1_00000000.parquet", ""] {
            assert_eq!(Name::parse(other), Name::Other, "{other}");
        }
    }
}
