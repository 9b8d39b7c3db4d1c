//! One month in numbers, for whoever answers for the site.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Counts, Course, HostRecord, Overview as _, State as _};

use crate::hub::Hub;
use crate::limits;
use crate::web::Oops;

/// Under which name tries of a restore are kept.
pub const RESTORES: &str = "restores";
/// Tries of a restore that are kept.
const RESTORES_MAX: usize = 100;
/// Machines that are named.
const NAMED_MAX: u32 = 25;
const DAY_MS: i64 = 86_400_000;

/// A month, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Month(Date);

impl Month {
    /// The month of a moment, milliseconds since the Unix epoch.
    pub fn of(now_ms: i64) -> Self {
        let time = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default();
        Self(time.to_zoned(TimeZone::UTC).date().first_of_month())
    }

    /// A month as people write it: `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let fits = year.len() == 4 && month.len() == 2;
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
        (fits && date.year() >= 1971).then_some(Self(date))
    }

    /// The month so many months later, or before.
    #[must_use]
    pub fn plus(self, months: i32) -> Self {
        let moved = self.0.checked_add(jiff::Span::new().months(months));
        moved.map_or(self, |date| Self(date.first_of_month()))
    }

    /// From when to when (exclusive) it is, milliseconds since the Unix epoch.
    pub fn span_ms(self) -> (i64, i64) {
        let start_ms = |date: Date| {
            let zoned = date.to_zoned(TimeZone::UTC);
            zoned.map_or(0, |zoned| zoned.timestamp().as_millisecond())
        };
        (start_ms(self.0), start_ms(self.plus(1).0))
    }

    /// `2026-11`.
    pub fn code(self) -> String {
        self.0.strftime("%Y-%m").to_string()
    }

    /// `November 2026`.
    pub fn name(self) -> String {
        self.0.strftime("%B %Y").to_string()
    }
}

/// That somebody tried to put a backup back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Who says so.
    pub by: String,
    /// Whether everything was there again.
    pub worked: bool,
    /// What they say of it.
    pub note: String,
}

/// Keeps that a restore was tried.
pub fn keep_restore(hub: &Hub, restore: Restore) -> Result<(), Oops> {
    let mut all: Vec<Restore> = hub.db.setting(RESTORES)?;
    all.push(restore);
    let extra = all.len().saturating_sub(RESTORES_MAX);
    all.drain(..extra);
    Ok(hub.db.set(RESTORES, &all)?)
}

/// How learned behaviour spent its few cases, since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Sites, or machines, that learned.
    pub learners: u64,
    /// Days since the first began.
    pub days: u64,
    /// Cases that were shown.
    pub shown: u64,
    /// Cases that were withheld because the day was full.
    pub cap: u64,
    /// Cases that were withheld because too many before were false.
    pub false_discoveries: u64,
    /// Cases that were withheld as not rare enough.
    pub not_rare_enough: u64,
}

/// What was done on this hub's own machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acts {
    /// Fixes that were applied.
    pub fixes: u64,
    /// Things that were shut in.
    pub contained: u64,
    /// Actions that were taken back by a person.
    pub taken_back: u64,
    /// Actions that did not end well and were taken back by themselves.
    pub failed: u64,
}

/// One month in numbers.
#[derive(Clone, Debug)]
pub struct Monthly {
    /// Which.
    pub month: Month,
    /// Whether it is not over.
    pub running: bool,
    /// How cases came and went.
    pub course: Course,
    /// How everything stands now.
    pub counts: Counts,
    /// What was done; `None` where the executor does not answer.
    pub acts: Option<Acts>,
    /// What learned behaviour withheld since it began; `None` where nothing is learned.
    pub withheld: Option<Withheld>,
    /// Minutes that people spent on this page.
    pub minutes: u64,
    /// The newest try of a restore up to the end of the month.
    pub restore: Option<Restore>,
    /// Machines that do not report now, the first by name.
    pub silent: Vec<HostRecord>,
    /// Machines that are checked only in part now, the first by name.
    pub doubtful: Vec<HostRecord>,
}

/// Gathers a month.
pub fn gather(hub: &Hub, month: Month) -> Result<Monthly, Oops> {
    let now_ms = hub.clock.now_ms();
    let (from_ms, before_ms) = month.span_ms();
    let silent_before_ms = now_ms - limits::SILENT_MS;
    let (course, counts, learned, silent, doubtful) = hub.state(|state| {
        Ok((
            state.course(from_ms, before_ms)?,
            state.counts(silent_before_ms)?,
            state.docs("behaviour")?,
            state.hosts_page(Some(silent_before_ms), 0, NAMED_MAX)?,
            state.doubtful_hosts(NAMED_MAX)?,
        ))
    })?;
    let restores: Vec<Restore> = hub.db.setting(RESTORES)?;
    let acts = hub.executor.actions().ok().map(|actions| {
        let within = |time_ms: i64| (from_ms..before_ms).contains(&time_ms);
        acts(actions.iter().filter(|action| within(action.started_ms)))
    });
    Ok(Monthly {
        month,
        running: now_ms < before_ms,
        course,
        counts,
        acts,
        withheld: (!learned.is_empty()).then(|| withheld(learned.iter().map(|(_, doc)| doc))),
        minutes: hub.db.minutes_spent(from_ms.div_euclid(DAY_MS), before_ms.div_euclid(DAY_MS))?,
        restore: restores.into_iter().rev().find(|restore| restore.time_ms < before_ms),
        silent,
        doubtful,
    })
}

fn acts<'a>(actions: impl Iterator<Item = &'a crate::executor::Done>) -> Acts {
    let mut acts = Acts::default();
    for action in actions {
        let of = |kinds: &[&str]| action.types.iter().any(|kind| kinds.contains(&kind.as_str()));
        let changes = of(&["upgrade_packages"]);
        let contains = of(&["block_address", "freeze_process", "quarantine_file"]);
        let takes_back = of(&["roll_back", "unblock_address", "thaw_process", "restore_file"]);
        match (action.state.as_str(), changes, contains, takes_back) {
            ("done", true, _, _) => acts.fixes += 1,
            ("done", _, true, _) => acts.contained += 1,
            ("done", _, _, true) => acts.taken_back += 1,
            ("rolled_back" | "failed", true, _, _) | ("rolled_back" | "failed", _, true, _) => {
                acts.failed += 1;
            }
            _ => {}
        }
    }
    acts
}

fn withheld<'a>(learned: impl Iterator<Item = &'a Value>) -> Withheld {
    let mut all = Withheld::default();
    for site in learned {
        let budget = &site["budget"];
        let withheld = &budget["withheld"];
        let number = |value: &Value| value.as_u64().unwrap_or(0);
        all.learners += 1;
        all.days = all.days.max(number(&budget["days"]) + 1);
        all.shown += number(&budget["shown"]);
        all.cap += number(&withheld["cap"]);
        all.false_discoveries += number(&withheld["false_discoveries"]);
        all.not_rare_enough += number(&withheld["not_rare_enough"]);
    }
    all
}

impl Monthly {
    /// The same for programs.
    pub fn json(&self) -> Value {
        let [defer, scheduled, out_of_cycle, immediate] = self.course.found_by_rank;
        let host = |record: &HostRecord| {
            json!({ "host": record.host, "name": record.name, "last_seen_ms": record.last_seen_ms,
                "unknown": record.coverage.get("unknown") })
        };
        json!({
            "month": self.month.code(), "running": self.running,
            "found": { "immediate": immediate, "out_of_cycle": out_of_cycle,
                "scheduled": scheduled, "defer": defer },
            "fixed": { "cases": self.course.fixed_ms.len(), "median_ms": self.course.median_ms() },
            "set_aside": { "dismissed": self.course.dismissed,
                "accepted": self.course.accepted.len() as u64 + self.course.accepted_more },
            "open_now": self.counts.open(),
            "done": self.acts.map(|acts| json!({ "fixes": acts.fixes,
                "contained": acts.contained, "taken_back": acts.taken_back,
                "failed": acts.failed })),
            "withheld_since_beginning": self.withheld.map(|w| json!({ "days": w.days,
                "shown": w.shown, "cap": w.cap, "false_discoveries": w.false_discoveries,
                "not_rare_enough": w.not_rare_enough })),
            "minutes_on_this_page": self.minutes,
            "restore_test": self.restore,
            "coverage": { "machines": self.counts.machines,
                "not_reporting": self.counts.machines_silent,
                "checked_in_part": self.counts.machines_doubtful,
                "named_not_reporting": self.silent.iter().map(host).collect::<Vec<_>>(),
                "named_in_part": self.doubtful.iter().map(host).collect::<Vec<_>>() },
        })
    }
}

#[cfg(test)]
mod tests {
    use spine::{ActionId, Digest, PlanHash};

    use super::*;
    use crate::executor::Done;

    #[test]
    fn a_month_has_its_days_and_a_wrong_one_is_none() {
        let month = Month::parse("2026-02").unwrap();
        let (from_ms, before_ms) = month.span_ms();
        assert_eq!((before_ms - from_ms) / DAY_MS, 28);
        assert_eq!(Month::of(from_ms), month);
        assert_eq!(Month::of(before_ms - 1), month);
        assert_eq!(
            (month.plus(-2).code(), month.plus(11).code()),
            ("2025-12".into(), "2027-01".into())
        );
        assert_eq!(month.name(), "February 2026");
        for wrong in ["", "2026", "2026-13", "26-01", "2026-1", "0000-01", "2026-01-01", "x-y"] {
            assert!(Month::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_was_done_is_counted_by_what_it_was_and_how_it_ended() {
        let done = |kind: &str, state: &str| Done {
            id: "019d19f0-ba60-72a1-82b2-2c3d4e5f6071".parse::<ActionId>().unwrap(),
            plan: PlanHash(Digest([1; 32])),
            root: "/".into(),
            types: vec![kind.into()],
            state: state.into(),
            started_ms: 0,
            undoable: false,
            lapses_ms: None,
        };
        let all = [
            done("upgrade_packages", "done"),
            done("upgrade_packages", "rolled_back"),
            done("block_address", "done"),
            done("roll_back", "done"),
            done("dry_run", "done"),
            done("dry_run", "failed"),
            done("upgrade_packages", "applying"),
        ];
        let expected = Acts { fixes: 1, contained: 1, taken_back: 1, failed: 1 };
        assert_eq!(acts(all.iter()), expected);
    }

    #[test]
    fn what_was_withheld_is_added_up_over_all_who_learned() {
        let one = json!({ "budget": { "days": 3, "shown": 2, "withheld": { "cap": 5 } } });
        let two = json!({ "budget": { "days": 9, "withheld": { "not_rare_enough": 7 } } });
        let all = withheld([&one, &two].into_iter());
        assert_eq!(
            (all.learners, all.days, all.shown, all.cap, all.not_rare_enough),
            (2, 10, 2, 5, 7)
        );
    }
}
