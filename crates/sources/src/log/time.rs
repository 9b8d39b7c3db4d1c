//! Times as logs write them, to milliseconds since the Unix epoch.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// RFC 3339 and ISO 8601: `2026-03-01T08:00:00.5Z`, `2026-03-01 08:00:00+0100`. One that names no
/// zone is taken to be `utc_offset_s` east of UTC.
pub(crate) fn iso(text: &str, utc_offset_s: i32) -> Option<i64> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_millisecond());
    }
    let local: DateTime = text.parse().ok()?;
    civil(local, utc_offset_s)
}

/// A date and time `utc_offset_s` east of UTC.
fn civil(local: DateTime, utc_offset_s: i32) -> Option<i64> {
    let offset = jiff::tz::Offset::from_seconds(utc_offset_s).ok()?;
    Some(offset.to_timestamp(local).ok()?.as_millisecond())
}

/// Seconds since the epoch with a fraction, as text: `1600000000.123456`.
pub(crate) fn epoch_s(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let mut ms = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        ms = ms * 10 + i64::from(digit - b'0');
    }
    let ms = if whole.starts_with('-') { -ms } else { ms };
    seconds.checked_mul(1_000)?.checked_add(ms)
}

/// Seconds since the epoch as a number.
pub(crate) fn epoch_s_float(seconds: f64) -> Option<i64> {
    let ms = (seconds * 1_000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (ms.abs() < 9.0e15).then_some(ms as i64)
}

/// The time of web servers' logs: `10/Mar/2026:13:55:36 +0100`.
pub(crate) fn web(text: &str) -> Option<i64> {
    let (local, zone) = text.split_once(' ')?;
    let mut parts = local.splitn(3, '/');
    let day = parts.next()?.parse().ok()?;
    let month = month(parts.next()?)?;
    let (year, clock) = parts.next()?.split_once(':')?;
    let local = at(year.parse().ok()?, month, day, clock)?;
    civil(local, zone_s(zone)?)
}

/// `+0100` or `+01:00`, in seconds.
fn zone_s(zone: &str) -> Option<i32> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2)?;
    Some(sign * (hours.parse::<i32>().ok()? * 3_600 + minutes.parse::<i32>().ok()? * 60))
}

/// The time of RFC 3164, `Mar  1 08:00:00`: it has no year. The year is the one that puts it
/// nearest to, and not more than a day after, `modified_ms`.
pub(crate) fn without_year(
    month_name: &str,
    day: &str,
    clock: &str,
    modified_ms: i64,
    utc_offset_s: i32,
) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    let modified = Timestamp::from_millisecond(modified_ms).ok()?;
    let year = modified.to_zoned(jiff::tz::TimeZone::UTC).year();
    let (month, day) = (month(month_name)?, day.parse().ok()?);
    [year.checked_add(1)?, year, year.checked_sub(1)?]
        .into_iter()
        .filter_map(|year| civil(at(year, month, day, clock)?, utc_offset_s))
        .find(|time_ms| *time_ms <= modified_ms.saturating_add(DAY_MS))
}

fn at(year: i16, month: i8, day: i8, clock: &str) -> Option<DateTime> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let ms = epoch_s(&format!("0.{fraction}")).and_then(|ms| i32::try_from(ms).ok())?;
    Date::new(year, month, day).ok()?;
    DateTime::new(
        year,
        month,
        day,
        hour.parse().ok()?,
        minute.parse().ok()?,
        // A leap second has no place in POSIX time.
        second.parse::<i8>().ok()?.min(59),
        ms * 1_000_000,
    )
    .ok()
}

/// The number of a month by its English name's first three letters.
pub(crate) fn month(name: &str) -> Option<i8> {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let index = NAMES.iter().position(|known| *known == name)?;
    i8::try_from(index + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_772_352_000_000; // 2026-03-01T08:00:00Z

    #[test]
    fn the_same_moment_in_every_notation() {
        for text in [
            "2026-03-01T08:00:00Z",
            "2026-03-01 08:00:00Z",
            "2026-03-01T08:00:00.000000+0000",
            "2026-03-01T09:00:00.000+01:00",
            "2026-03-01T08:00:00.000000000Z",
            "2026-03-01 08:00:00.000",
            "2026-03-01T08:00:00",
        ] {
            assert_eq!(iso(text, 0), Some(T), "{text}");
        }
        assert_eq!(iso("2026-03-01 10:00:00", 7_200), Some(T));
        assert_eq!(web("01/Mar/2026:09:00:00 +0100"), Some(T));
        assert_eq!(epoch_s("1772352000.000000"), Some(T));
        assert_eq!(epoch_s("1772352000"), Some(T));
        assert_eq!(epoch_s("1772352000.5"), Some(T + 500));
        assert_eq!(epoch_s_float(1_772_352_000.25), Some(T + 250));
        assert_eq!(without_year("Mar", "1", "08:00:00", T, 0), Some(T));
    }

    #[test]
    fn a_time_without_year_is_never_far_in_the_future() {
        let new_year = iso("2026-01-01T00:10:00Z", 0).unwrap();
        let december = iso("2025-12-31T23:59:00Z", 0).unwrap();
        assert_eq!(without_year("Dec", "31", "23:59:00", new_year, 0), Some(december));
        assert_eq!(without_year("Jan", "1", "00:20:00", december, 0), Some(new_year + 600_000));
        // 2024 was the last year that has this day.
        let leap = iso("2024-02-29T00:00:00Z", 0);
        assert_eq!(without_year("Feb", "29", "00:00:00", T - 31_536_000_000, 0), leap);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "9".repeat(400).as_str()] {
            assert_eq!(iso(text, 0), None, "{text}");
            assert_eq!(web(text), None, "{text}");
        }
        assert_eq!(epoch_s("1e9"), None);
        assert_eq!(epoch_s("9223372036854775807"), None);
        assert_eq!(epoch_s_float(f64::NAN), None);
        assert_eq!(without_year("Foo", "1", "08:00:00", T, 0), None);
        assert_eq!(without_year("Mar", "99", "08:00:00", T, i32::MAX), None);
    }
}
