//! Machines, and who works at them.

use crate::rng::SeededRng;

use super::catalog::{NAMES, TRADES, Trade};

/// What a machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A Windows workstation.
    Workstation,
    /// The administrator's workstation.
    Admin,
    /// A Windows domain controller.
    Directory,
    /// A Windows server with files, printers and an application.
    Server,
    /// A Linux server on the web.
    Web,
    /// A Linux server that keeps backups.
    Backup,
}

impl Role {
    /// Whether it runs Windows.
    pub fn is_windows(self) -> bool {
        !matches!(self, Self::Web | Self::Backup)
    }
}

/// One machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its name, in the site's domain.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Who works at it; the service account of a server.
    pub user: String,
    /// Its address.
    pub ip: String,
    /// The day on which it, or its user, is new.
    pub since_day: u32,
    pub(crate) trade: &'static Trade,
    /// First and last hour of work.
    pub(crate) hours: (u32, u32),
    /// The clock: so many milliseconds off from this day to that.
    clock: Option<(u32, u32, i64)>,
}

impl Machine {
    /// How far its clock is off.
    pub(crate) fn clock_error_ms(&self, day: u32) -> i64 {
        match self.clock {
            Some((from, to, error_ms)) if (from..=to).contains(&day) => error_ms,
            _ => 0,
        }
    }

    /// Its short name in capitals, as Windows writes it.
    pub(crate) fn short(&self) -> String {
        self.name.split('.').next().unwrap_or_default().to_ascii_uppercase()
    }
}

pub(crate) fn machines(hosts: usize, rng: &SeededRng) -> Vec<Machine> {
    let mut roles = vec![Role::Directory, Role::Server, Role::Web, Role::Backup, Role::Admin];
    if hosts >= 40 {
        roles.extend([Role::Directory, Role::Server, Role::Server, Role::Web, Role::Admin]);
    }
    roles.resize(hosts, Role::Workstation);
    let mut counts = [0_u32; 6];
    roles.into_iter().enumerate().map(|(at, role)| machine(at, role, &mut counts, rng)).collect()
}

fn machine(at: usize, role: Role, counts: &mut [u32; 6], rng: &SeededRng) -> Machine {
    let stem = match role {
        Role::Workstation => "pc",
        Role::Admin => "adm",
        Role::Directory => "dc",
        Role::Server => "srv",
        Role::Web => "web",
        Role::Backup => "bak",
    };
    let count = &mut counts[role as usize];
    *count += 1;
    let trade = match role {
        Role::Workstation => &TRADES[rng.index(TRADES.len() - 1)],
        _ => &TRADES[TRADES.len() - 1],
    };
    let begin = 6 + u32::try_from(rng.below(4)).unwrap_or(0);
    let night = role == Role::Workstation && rng.chance(120);
    let hours = if night { (21, 29) } else { (begin, begin + 9) };
    let clock = rng.chance(60).then(|| {
        let from = u32::try_from(rng.below(10)).unwrap_or(0);
        let errors = [-3 * 3_600_000, 7_200_000, 95_000, -40_000, 40 * 3_600_000];
        (from, from + 2, errors[rng.index(errors.len())])
    });
    // One workstation in ten is new in the first two weeks.
    let is_new = role == Role::Workstation && rng.chance(100);
    Machine {
        name: format!("{stem}{count:02}.yard.example"),
        role,
        user: format!("{}{}", NAMES[at % NAMES.len()], if at >= NAMES.len() { "2" } else { "" }),
        ip: format!("10.20.{}.{}", u32::from(role != Role::Workstation), 10 + at),
        since_day: if is_new { 2 + u32::try_from(rng.below(10)).unwrap_or(0) } else { 0 },
        trade,
        hours,
        clock,
    }
}
