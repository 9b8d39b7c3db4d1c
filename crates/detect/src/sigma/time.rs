//! Parts of a point in time.

use jiff::civil::DateTime;
use jiff::{Timestamp, tz::TimeZone};

use super::atom::TimePart;

/// The part of a time as sources write it: RFC 3339, with or without offset (then UTC), or a
/// number of seconds or milliseconds since 1970.
pub(super) fn part(part: TimePart, text: &str) -> Option<i32> {
    let time = read(text.trim())?;
    Some(match part {
        TimePart::Minute => i32::from(time.minute()),
        TimePart::Hour => i32::from(time.hour()),
        TimePart::Day => i32::from(time.day()),
        TimePart::Week => i32::from(time.date().iso_week_date().week()),
        TimePart::Month => i32::from(time.month()),
        TimePart::Year => i32::from(time.year()),
    })
}

fn read(text: &str) -> Option<DateTime> {
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.to_zoned(TimeZone::UTC).datetime());
    }
    if let Ok(number) = text.parse::<i64>() {
        let ms = if number.abs() < 100_000_000_000 { number.checked_mul(1_000)? } else { number };
        let stamp = Timestamp::from_millisecond(ms).ok()?;
        return Some(stamp.to_zoned(TimeZone::UTC).datetime());
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_times_in_several_forms() {
        assert_eq!(part(TimePart::Hour, "2026-03-23T10:20:30Z"), Some(10));
        assert_eq!(part(TimePart::Month, "2026-03-23 10:20:30.132"), Some(3));
        assert_eq!(part(TimePart::Year, "1774256400000"), Some(2026));
        assert_eq!(part(TimePart::Week, "2026-01-01T00:00:00Z"), Some(1));
        assert_eq!(part(TimePart::Day, "yesterday"), None);
    }
}
