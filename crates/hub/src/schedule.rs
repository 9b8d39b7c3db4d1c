//! When the next maintenance window is. A plan that is signed for it is handed to the executor at
//! once, which keeps it and starts it by itself; nobody has to knock.

use spine::{ApprovalWindow, limits::APPROVAL_WINDOW_MS_MAX};

use crate::hub::Hub;
use crate::web::Oops;
use crate::web::registry::welcome::{WINDOW, Window};

const DAY_MS: i64 = 86_400_000;
/// The shortest stretch that is worth signing for, milliseconds (15 minutes).
const SHORTEST_MS: i64 = 15 * 60 * 1_000;

/// The next window that begins after now and that an approval signed now can cover; `None` where no
/// window was chosen, or the next one is too far away.
pub fn next(window: &Window, now_ms: i64) -> Option<ApprovalWindow> {
    if !(1..=7).contains(&window.weekday) || window.hours == 0 {
        return None;
    }
    let day = now_ms.div_euclid(DAY_MS);
    // 1970-01-01 was a Thursday; Monday is 0.
    let weekday = (day + 3).rem_euclid(7);
    let days_ahead = (i64::from(window.weekday) - 1 - weekday).rem_euclid(7);
    let mut start_ms = (day + days_ahead) * DAY_MS + i64::from(window.hour) * 3_600_000;
    if start_ms <= now_ms {
        start_ms += 7 * DAY_MS;
    }
    let end_ms = start_ms + i64::from(window.hours) * 3_600_000;
    let not_after_ms = end_ms.min(now_ms + APPROVAL_WINDOW_MS_MAX);
    (not_after_ms - start_ms >= SHORTEST_MS)
        .then_some(ApprovalWindow::Scheduled { not_before_ms: start_ms, not_after_ms })
}

/// The next window as the page keeps it.
pub fn of(hub: &Hub, now_ms: i64) -> Result<Option<ApprovalWindow>, Oops> {
    Ok(next(&hub.db.setting::<Window>(WINDOW)?, now_ms))
}

#[cfg(test)]
mod tests {
    use spine::Approval;

    use super::*;

    /// Monday, 2026-11-23, at this hour (UTC).
    fn monday(hour: i64) -> i64 {
        1_795_392_000_000 + hour * 3_600_000
    }

    fn starts(weekday: u8, hour: u8, now_ms: i64) -> Option<i64> {
        match next(&Window { weekday, hour, hours: 2 }, now_ms)? {
            ApprovalWindow::Scheduled { not_before_ms, not_after_ms } => {
                let whole = Approval {
                    plan: spine::PlanHash(spine::Digest([0; 32])),
                    host: spine::HostId(spine::Digest([0; 32])),
                    approver: spine::KeyId(spine::Digest([0; 32])),
                    window: ApprovalWindow::Scheduled { not_before_ms, not_after_ms },
                    break_glass: false,
                    signed_ms: now_ms,
                    nonce: String::new(),
                    proof: spine::ApprovalProof::Ed25519 { signature: String::new() },
                };
                assert!(whole.validity_ms().is_some(), "an approval can cover it");
                Some((not_before_ms - monday(0)) / 3_600_000)
            }
            ApprovalWindow::Now => None,
        }
    }

    #[test]
    fn the_next_window_lies_ahead_and_within_what_can_be_signed() {
        assert_eq!(starts(0, 2, monday(0)), None, "none was chosen");
        assert_eq!(starts(1, 2, monday(0)), Some(2), "today");
        assert_eq!(starts(3, 2, monday(12)), Some(50), "the day after tomorrow");
        assert_eq!(starts(7, 23, monday(0)), Some(6 * 24 + 23));
        assert_eq!(starts(1, 11, monday(12)), Some(7 * 24 + 11), "next week, just within");
        assert_eq!(starts(1, 12, monday(12)), None, "next week, and too late for a signature");
    }
}
