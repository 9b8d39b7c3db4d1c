//! The alert budget: how many cases a tenant gets in a day, and what the others were.
//!
//! Three things must hold for a case to be shown. It is rarer than what was promised (so many false
//! cases a day at most, and so many a host and day, by its p-value and the number of host-hours in
//! a day). The gate of false
//! discoveries is open. The day's hard cap is not reached. What fails one is **withheld**, counted
//! by its reason, kept, and found by a search.

use std::collections::BTreeMap;

use learn::fdr::FdrGate;
use serde::Serialize;

use crate::case::{Verdict, Withheld};

/// What is promised to a tenant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetConfig {
    /// Cases a day at most, whatever happens; growth of a shown case is not counted.
    pub cases_a_day_max: u32,
    /// False cases a day that are promised at most, on average.
    pub false_a_day_max: f64,
    /// False cases a host and day that are promised at most, on average: a small site has fewer
    /// hours that could be one, and should not get as many.
    pub false_a_host_day_max: f64,
    /// The share of shown cases that may be false; `None` leaves the gate open.
    pub false_share_max: Option<f64>,
}

impl Default for BudgetConfig {
    fn default() -> Self {
        Self {
            cases_a_day_max: 1,
            false_a_day_max: 0.05,
            false_a_host_day_max: 0.001,
            false_share_max: None,
        }
    }
}

/// How the budget was spent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BudgetReport {
    /// Days that were seen.
    pub days: u64,
    /// Cases that were shown.
    pub shown: u64,
    /// Cases that were withheld, by reason.
    pub withheld: BTreeMap<Withheld, u64>,
    /// Verdicts of shown cases.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// True verdicts by all verdicts; nothing while there are none.
    pub precision: Option<f64>,
}

/// The budget of one tenant.
#[derive(Clone, Debug)]
pub struct Budget {
    config: BudgetConfig,
    gate: FdrGate,
    day: Option<i64>,
    shown_today: u32,
    report: BudgetReport,
}

impl Budget {
    /// A fresh budget.
    pub fn new(config: BudgetConfig) -> Self {
        let gate = FdrGate::new(config.false_share_max.unwrap_or(1.0));
        Self { config, gate, day: None, shown_today: 0, report: BudgetReport::default() }
    }

    /// Decides over one candidate of the day `day`: `p_value` is of one host-hour, of which there
    /// are `tests_a_day`.
    pub fn decide(&mut self, day: i64, p_value: f64, tests_a_day: f64) -> Option<Withheld> {
        self.begin(day);
        let p_of_day = (p_value * tests_a_day.max(1.0)).min(1.0);
        let hosts = tests_a_day / 24.0;
        let promised = self.config.false_a_day_max.min(hosts * self.config.false_a_host_day_max);
        let gated = self.config.false_share_max.is_some();
        let reason = if p_of_day > promised {
            Some(Withheld::NotRareEnough)
        } else if gated && p_of_day > self.gate.level() {
            Some(Withheld::FalseDiscoveries)
        } else if self.shown_today >= self.config.cases_a_day_max {
            Some(Withheld::Cap)
        } else {
            None
        };
        match reason {
            Some(reason) => *self.report.withheld.entry(reason).or_default() += 1,
            None => {
                self.shown_today += 1;
                self.report.shown += 1;
            }
        }
        reason
    }

    /// Takes a withheld case back from the count, because it is part of a shown one by now.
    pub fn recount(&mut self, reason: Withheld) {
        if let Some(count) = self.report.withheld.get_mut(&reason) {
            *count = count.saturating_sub(1);
        }
    }

    /// Begins a day, if it is a new one. Late events do not bring an old day back.
    fn begin(&mut self, day: i64) {
        let known = *self.day.get_or_insert(day);
        if day > known {
            for past in known..day.min(known + 366) {
                self.gate.step(past == known && self.shown_today > 0);
            }
            self.report.days += 1;
            self.day = Some(day);
            self.shown_today = 0;
        }
    }

    /// Counts a verdict; `before` is what was said earlier.
    pub fn count_verdict(&mut self, verdict: Verdict, before: Option<Verdict>) {
        if let Some(count) = before.and_then(|before| self.report.verdicts.get_mut(&before)) {
            *count = count.saturating_sub(1);
        }
        *self.report.verdicts.entry(verdict).or_default() += 1;
    }

    /// How it was spent so far.
    #[expect(clippy::cast_precision_loss, reason = "verdicts are made by people")]
    pub fn report(&self) -> BudgetReport {
        let mut report = self.report.clone();
        let all: u64 = report.verdicts.values().sum();
        let hits = report.verdicts.get(&Verdict::True).copied().unwrap_or(0);
        report.precision = (all > 0).then(|| hits as f64 / all as f64);
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(cap: u32) -> Budget {
        Budget::new(BudgetConfig { cases_a_day_max: cap, ..BudgetConfig::default() })
    }

    #[test]
    fn the_cap_is_hard_and_begins_again_with_the_day() {
        let mut budget = budget(2);
        let day = |budget: &mut Budget, day| budget.decide(day, 1e-8, 480.0);
        assert_eq!((day(&mut budget, 1), day(&mut budget, 1)), (None, None));
        assert_eq!(day(&mut budget, 1), Some(Withheld::Cap));
        assert_eq!(day(&mut budget, 2), None);
        assert_eq!(day(&mut budget, 1), None, "a late event counts for the day that is on");
        assert_eq!(day(&mut budget, 1), Some(Withheld::Cap));
        assert_eq!(budget.report().withheld[&Withheld::Cap], 2);
    }

    #[test]
    fn more_host_hours_need_smaller_p_values() {
        let mut budget = budget(9);
        assert_eq!(budget.decide(1, 4e-5, 480.0), None);
        assert_eq!(budget.decide(1, 4e-5, 48_000.0), Some(Withheld::NotRareEnough));
        assert_eq!(budget.decide(1, 1e-4, 24.0), Some(Withheld::NotRareEnough), "a small site");
    }

    #[test]
    fn precision_is_what_people_said_and_a_second_verdict_replaces_the_first() {
        let mut budget = budget(9);
        assert_eq!(budget.report().precision, None);
        budget.count_verdict(Verdict::True, None);
        budget.count_verdict(Verdict::False, None);
        budget.count_verdict(Verdict::True, Some(Verdict::False));
        assert_eq!(budget.report().precision, Some(1.0));
    }
}
