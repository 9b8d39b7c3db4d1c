//! What was learned, for the page that shows it.

use serde::Serialize;

use crate::engine::Engine;

/// Habits that are told of one device.
const HABITS_MAX: usize = 64;

/// What a device usually does.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceView {
    /// Its name.
    pub host: String,
    /// Its role, if anybody said one.
    pub role: String,
    /// Hours that were learned of it.
    pub hours: u32,
    /// Hours that wait to be learned.
    pub hours_in_quarantine: usize,
    /// Distinct things it is known to do.
    pub known: usize,
    /// The most frequent of them.
    pub habits: Vec<Habit>,
}

/// One thing that a device does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Habit {
    /// What; a user is told as `a pseudonym`.
    pub text: String,
    /// In how many of the learned hours.
    pub hours: u16,
}

/// What the fleet has learned, and what it has not yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FleetView {
    /// Devices that were heard of.
    pub hosts: usize,
    /// Things that are normal for all.
    pub tokens_admitted: usize,
    /// Things that too few devices have shown.
    pub tokens_in_quarantine: usize,
    /// Steps of programs that are normal.
    pub transitions_admitted: usize,
    /// Steps of programs that too few devices have shown.
    pub transitions_in_quarantine: usize,
}

impl Engine {
    /// What a device usually does; `None` where it is not known.
    pub fn device(&self, host: &str) -> Option<DeviceView> {
        let host = self.hosts.get(*self.names.get(host)?)?;
        let mut entries: Vec<(u32, u16)> = host.sketch.entries().collect();
        entries.sort_unstable_by_key(|(token, hours)| (std::cmp::Reverse(*hours), *token));
        let habits = entries.iter().take(HABITS_MAX);
        let habits = habits.map(|(token, hours)| Habit {
            text: self.lexicon.text(*token).to_owned(),
            hours: *hours,
        });
        Some(DeviceView {
            host: host.name.clone(),
            role: host.role.clone(),
            hours: host.sketch.windows(),
            hours_in_quarantine: host.quarantine.len(),
            known: host.sketch.len(),
            habits: habits.collect(),
        })
    }

    /// Every device that was heard of, by name.
    pub fn host_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.hosts.iter().map(|host| host.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// What the fleet has learned.
    pub fn fleet(&self) -> FleetView {
        let (tokens_admitted, tokens_in_quarantine) = self.fleet.admitted_and_quarantined();
        let (transitions_admitted, transitions_in_quarantine) =
            self.sequences.admitted_and_quarantined();
        FleetView {
            hosts: self.hosts.len(),
            tokens_admitted,
            tokens_in_quarantine,
            transitions_admitted,
            transitions_in_quarantine,
        }
    }
}
