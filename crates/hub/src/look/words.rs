//! The words of the page: plain ones. SSVC, states and types of action keep their names in the
//! engineers' view only.

use spine::{CaseState, EvidenceOrigin, Priority, Status, Verdict};

/// When to act.
pub const fn when(priority: Priority) -> &'static str {
    match priority {
        Priority::Immediate => "Now",
        Priority::OutOfCycle => "Soon",
        Priority::Scheduled => "Planned",
        Priority::Defer => "Later",
    }
}

/// When to act, in a sentence.
pub const fn when_long(priority: Priority) -> &'static str {
    match priority {
        Priority::Immediate => "Act now, also outside working hours.",
        Priority::OutOfCycle => "Act before the next maintenance window.",
        Priority::Scheduled => "The next maintenance window is soon enough.",
        Priority::Defer => "Nothing needs to be done now.",
    }
}

/// The class of its tag.
pub const fn when_class(priority: Priority) -> &'static str {
    match priority {
        Priority::Immediate => "now",
        Priority::OutOfCycle => "soon",
        Priority::Scheduled => "planned",
        Priority::Defer => "later",
    }
}

/// The priority of a rank, as the store counts.
pub const fn priority_of(rank: usize) -> Priority {
    match rank {
        0 => Priority::Defer,
        1 => Priority::Scheduled,
        2 => Priority::OutOfCycle,
        _ => Priority::Immediate,
    }
}

/// Where a case stands.
pub const fn state(state: CaseState) -> &'static str {
    match state {
        CaseState::Open => "to look at",
        CaseState::Planned => "a fix is proposed",
        CaseState::Approved => "approved",
        CaseState::Acting => "being fixed",
        CaseState::Verifying => "being checked",
        CaseState::Fixed => "fixed",
        CaseState::Dismissed => "set aside: no problem",
        CaseState::Accepted => "set aside: risk accepted",
    }
}

/// What a check said.
pub const fn status(status: Status) -> &'static str {
    match status {
        Status::Affected => "found",
        Status::NotAffected => "not found by this check",
        Status::Fixed => "fixed",
        Status::Unknown => "unknown",
    }
}

/// Where a piece of evidence comes from.
pub const fn origin(origin: EvidenceOrigin) -> &'static str {
    match origin {
        EvidenceOrigin::Local => "seen on this machine",
        EvidenceOrigin::Distribution => "signed by the distribution",
        EvidenceOrigin::Feed => "public feed",
        EvidenceOrigin::Shared => "shared by a partner",
    }
}

/// What a decision means.
pub fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Deny => "Not allowed".into(),
        Verdict::NeedsApproval { humans: 1 } => "Needs the approval of one person".into(),
        Verdict::NeedsApproval { humans } => {
            format!("Needs the approval of {humans} different people")
        }
        Verdict::Allow => "Allowed".into(),
    }
}

/// A type of action.
pub fn action(kind: &str) -> String {
    match kind {
        "upgrade_packages" => "packages were upgraded".into(),
        "roll_back" => "an action was taken back".into(),
        "refresh_index" => "package metadata was refreshed".into(),
        "fetch_packages" => "packages were fetched".into(),
        "dry_run" => "a plan was tried on a copy".into(),
        "block_address" => "an address was blocked".into(),
        "unblock_address" => "an address was unblocked".into(),
        "freeze_process" => "a program was frozen".into(),
        "thaw_process" => "a program was let go on".into(),
        "quarantine_file" => "a file was moved into quarantine".into(),
        "restore_file" => "a file was put back".into(),
        other => other.replace('_', " "),
    }
}

/// What a receipt records.
pub fn receipt(kind: &str) -> &'static str {
    match kind {
        "genesis" => "the record was begun",
        "refusal" => "a request was refused",
        "decision" => "a decision",
        "intent" => "an action is about to start",
        "outcome" => "how an action ended",
        "lease_lapsed" => "a containment ended by itself",
        "recovery" => "something unfinished was taken up after a restart",
        "key" => "a key, a hub or a list of machines was taken in",
        "kill_switch" => "the stop switch",
        "settings" => "settings changed",
        "feed" => "a feed was taken in",
        "scheduled" => "a plan was approved for later, and waits",
        "unscheduled" => "a plan that waited was not begun",
        "notice" => "people were told",
        _ => "something this version does not know",
    }
}

/// A line that begins with a capital letter.
pub fn sentence(line: &str) -> String {
    let mut rest = line.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

/// A number of things: `1 machine`, `2 machines`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// A time: UTC, to the minute.
pub fn time(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms).map_or_else(
        |_| format!("{time_ms} ms"),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

/// A time for machines: RFC 3339.
pub fn time_exact(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms)
        .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// How long ago, in one unit.
pub fn ago(then_ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1_000;
    let unit = |n: i64, one: &str, many: &str| {
        format!("{} ago", count(u64::try_from(n).unwrap_or(0), one, many))
    };
    match seconds {
        i64::MIN..-60 => format!("at {}", time(then_ms)),
        -60..60 => "just now".into(),
        60..3_600 => unit(seconds / 60, "minute", "minutes"),
        3_600..172_800 => unit(seconds / 3_600, "hour", "hours"),
        _ => unit(seconds / 86_400, "day", "days"),
    }
}

/// How long something took, in one or two units.
pub fn took(ms: i64) -> String {
    let minutes = ms.max(0).unsigned_abs() / 60_000;
    let (hours, days) = (minutes / 60, minutes / 1_440);
    match (days, hours) {
        (0, 0) => count(minutes, "minute", "minutes"),
        (0..=1, _) => {
            format!(
                "{} {}",
                count(hours, "hour", "hours"),
                count(minutes % 60, "minute", "minutes")
            )
        }
        _ => format!("{} {}", count(days, "day", "days"), count(hours % 24, "hour", "hours")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit() {
        let at = |seconds: i64| ago(0, seconds * 1_000);
        assert_eq!(at(5), "just now");
        assert_eq!(at(61), "1 minute ago");
        assert_eq!(at(7_300), "2 hours ago");
        assert_eq!(at(200_000), "2 days ago");
        assert!(at(-3_600).starts_with("at 1970"));
        assert_eq!(time(0), "1970-01-01 00:00 UTC");
        assert_eq!(time_exact(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(i64::MAX), format!("{} ms", i64::MAX));
    }

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        let told = |minutes: i64| took(minutes * 60_000);
        assert_eq!(told(1), "1 minute");
        assert_eq!(told(61), "1 hour 1 minute");
        assert_eq!(told(3 * 1_440 + 60), "3 days 1 hour");
        assert_eq!(told(-5), "0 minutes");
    }

    #[test]
    fn unknown_is_never_said_as_nothing_found() {
        assert_eq!(status(Status::Unknown), "unknown");
        assert_ne!(status(Status::NotAffected), status(Status::Unknown));
    }
}
