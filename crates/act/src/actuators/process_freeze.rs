//! Stops a process and everything it started, without killing anything: the cgroup v2 freezer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spine::limits::CONTAINMENT_TTL_S_MAX;
use spine::{ActionType, EffectClass, Plan, StepEffect, Target};

use crate::actuator::{self, Applied, Context, Descriptor, Trial, Undone};
use crate::error::{ActError, During as _};
use crate::limits::{FREEZE_ROUNDS_MAX, GROUP_REMOVAL_TRIES_MAX, TREE_PROCESSES_MAX};

/// Programs without which nobody can reach or steer the machine.
const NEVER: [&str; 8] = [
    "systemd",
    "init",
    "sshd",
    "systemd-journal",
    "systemd-udevd",
    "systemd-logind",
    "dbus-daemon",
    "agetty",
];

/// The actuator.
pub struct Actuator;

/// Its parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The process.
    pid: u32,
    /// When it started, in clock ticks after boot (proc(5), stat field 22): pids are used again.
    start_time: u64,
    /// How long, seconds.
    ttl_s: u32,
}

impl actuator::Actuator for Actuator {
    const DESCRIPTOR: Descriptor = Descriptor {
        name: "process.freeze",
        summary: "stop a process tree for a while without killing it",
        example: r#"{"pid": 4242, "start_time": 123456, "ttl_s": 3600}"#,
        undo: "the processes go on and return to the groups they came from",
    };
    type Params = Params;

    fn parse(params: &Map<String, Value>) -> Result<Params, String> {
        let params: Params = serde_json::from_value(Value::Object(params.clone()))
            .map_err(|error| error.to_string())?;
        if params.ttl_s == 0 || params.ttl_s > CONTAINMENT_TTL_S_MAX {
            return Err(format!("`ttl_s` is 1 to {CONTAINMENT_TTL_S_MAX}"));
        }
        Ok(params)
    }

    fn inspect(_: &Context<'_>, params: &Params) -> Result<StepEffect, ActError> {
        Ok(StepEffect {
            class: EffectClass::Contain,
            disruptive: true,
            ttl_s: Some(params.ttl_s),
            targets: vec![Target::Process { pid: params.pid }],
            ..super::observing(ActionType::FreezeProcess)
        })
    }

    fn precheck(_: &Context<'_>, params: &Params) -> Result<(), ActError> {
        let stat = stat(params.pid)
            .filter(|stat| stat.start_time == params.start_time)
            .ok_or_else(|| ActError::refused("that process is not there any more"))?;
        if params.pid <= 2 || stat.parent == 2 {
            return Err(ActError::refused("init and kernel threads are never frozen"));
        }
        if NEVER.contains(&stat.name.as_str()) {
            return Err(ActError::refused(format!("`{}` is never frozen", stat.name)));
        }
        let mut ancestor = std::process::id();
        while ancestor > 1 {
            if ancestor == params.pid {
                return Err(ActError::refused("ringfort does not freeze what it runs under"));
            }
            ancestor = self::stat(ancestor).map_or(0, |stat| stat.parent);
        }
        freezer().map(|_| ())
    }

    fn prepare(cx: &Context<'_>, params: &Params) -> Result<Value, ActError> {
        let tree = tree_of(params.pid);
        let groups: Vec<(u32, u64, String)> = tree
            .iter()
            .filter_map(|pid| Some((*pid, stat(*pid)?.start_time, group_of(*pid)?)))
            .collect();
        let group = freezer()?
            .join(format!("ringfort-{}", cx.action.map_or_else(String::new, |a| a.to_string())));
        Ok(json!({ "group": group, "processes": groups }))
    }

    fn apply(_: &Context<'_>, params: &Params, undo: &Value) -> Result<Applied, ActError> {
        let group = group_path(undo)?;
        let doing = || format!("freezing process {}", params.pid);
        fs::create_dir_all(&group).during(doing)?;
        let mut moved = BTreeSet::new();
        // A tree may grow while it is being moved; what is frozen no longer forks.
        for _ in 0..FREEZE_ROUNDS_MAX {
            let new: Vec<u32> =
                tree_of(params.pid).into_iter().filter(|pid| !moved.contains(pid)).collect();
            if new.is_empty() {
                break;
            }
            for pid in new {
                match fs::write(group.join("cgroup.procs"), pid.to_string()) {
                    Ok(()) => drop(moved.insert(pid)),
                    Err(_) if stat(pid).is_none() => {}
                    Err(error) => return Err(error).during(doing),
                }
            }
            fs::write(group.join("cgroup.freeze"), "1").during(doing)?;
        }
        Ok(Applied {
            message: format!(
                "process {} and {} below it are frozen",
                params.pid,
                moved.len().saturating_sub(1)
            ),
            result: json!({ "processes": moved }),
            ..Applied::default()
        })
    }

    fn verify(_: &Context<'_>, _: &Params, undo: &Value) -> Result<Value, ActError> {
        let events = group_path(undo)?.join("cgroup.events");
        for _ in 0..50 {
            let text = fs::read_to_string(&events).unwrap_or_default();
            if text.lines().any(|line| line == "frozen 1") {
                return Ok(Value::Null);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err(ActError::refused("the kernel did not freeze the processes"))
    }

    fn undo(_: &Context<'_>, _: &Params, undo: &Value, _: &Value) -> Result<Undone, ActError> {
        thaw(&group_path(undo)?, undo)
    }

    fn dry_run(cx: &Context<'_>, _: &Plan, params: &Params) -> Result<Trial, ActError> {
        Self::precheck(cx, params)?;
        Ok(Trial { rollback_verified: true, ..Trial::default() })
    }
}

/// Returns the processes of a group to where they came from, where they go on.
fn thaw(group: &Path, undo: &Value) -> Result<Undone, ActError> {
    if !group.is_dir() {
        return Ok(Undone::default());
    }
    let doing = || format!("thawing `{}`", group.display());
    let root = freezer()?;
    let homes: Vec<(u32, u64, String)> =
        serde_json::from_value(undo["processes"].clone()).unwrap_or_default();
    let mut failed = BTreeMap::new();
    // They are moved while they are frozen: what goes on too early may fork in here unseen.
    for _ in 0..FREEZE_ROUNDS_MAX {
        let inside = fs::read_to_string(group.join("cgroup.procs")).during(doing)?;
        let inside: Vec<u32> = inside.lines().filter_map(|line| line.parse().ok()).collect();
        let stuck = |pid: &u32| failed.contains_key(pid);
        if inside.iter().all(stuck) {
            break;
        }
        for pid in inside {
            if let Err(error) = send_home(&root, pid, &homes)
                && stat(pid).is_some()
            {
                let place = group.display();
                failed
                    .insert(pid, format!("process {pid} goes on but stays in `{place}`: {error}"));
            }
        }
    }
    fs::write(group.join("cgroup.freeze"), "0").during(doing)?;
    if failed.is_empty() {
        remove_group(group).during(doing)?;
    }
    Ok(Undone { failed: failed.into_values().collect(), kept: Vec::new() })
}

fn send_home(root: &Path, pid: u32, homes: &[(u32, u64, String)]) -> io::Result<()> {
    let home = homes.iter().find(|(known, start, _)| {
        *known == pid && stat(pid).is_some_and(|stat| stat.start_time == *start)
    });
    // A child that was born meanwhile goes where its tree came from.
    let home = home.or(homes.first()).map_or("/", |(_, _, group)| group.as_str());
    fs::write(root.join(home.trim_start_matches('/')).join("cgroup.procs"), pid.to_string())
}

/// A process that is just ending keeps its group busy for a moment.
fn remove_group(group: &Path) -> io::Result<()> {
    let mut removed = fs::remove_dir(group);
    for _ in 0..GROUP_REMOVAL_TRIES_MAX {
        if !matches!(&removed, Err(error) if error.kind() == io::ErrorKind::ResourceBusy) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
        removed = fs::remove_dir(group);
    }
    removed
}

fn group_path(undo: &Value) -> Result<PathBuf, ActError> {
    let path = undo["group"].as_str().map(PathBuf::from);
    path.ok_or_else(|| ActError::refused("the journal names no group"))
}

/// The mount of the cgroup v2 hierarchy, also beside a v1 one (proc(5), mountinfo).
fn freezer() -> Result<PathBuf, ActError> {
    let text = fs::read_to_string("/proc/self/mountinfo").during(|| "reading mounts".to_owned())?;
    let mount = |line: &str| {
        let (fields, rest) = line.split_once(" - ")?;
        let path = PathBuf::from(fields.split(' ').nth(4)?);
        (rest.starts_with("cgroup2 ")).then_some(path)
    };
    text.lines()
        .find_map(mount)
        .ok_or_else(|| ActError::refused("this machine has no cgroup v2 hierarchy"))
}

struct Stat {
    name: String,
    parent: u32,
    start_time: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and brackets; the last bracket ends it.
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat { name, parent: u32::try_from(number(1)?).ok()?, start_time: number(19)? })
}

/// A process and everything below it.
fn tree_of(pid: u32) -> BTreeSet<u32> {
    let all: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?.parent)))
        .collect();
    let mut tree = BTreeSet::from([pid]);
    loop {
        let before = tree.len();
        for (child, parent) in &all {
            if tree.contains(parent) && tree.len() < TREE_PROCESSES_MAX {
                tree.insert(*child);
            }
        }
        if tree.len() == before {
            return tree;
        }
    }
}

/// The cgroup v2 group that a process is in.
fn group_of(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::Actuator as _;

    #[test]
    fn a_process_is_a_number_with_a_start_and_an_end() {
        let parse = |value: Value| Actuator::parse(value.as_object().unwrap());
        assert!(parse(json!({ "pid": 1, "start_time": 2, "ttl_s": 3 })).is_ok());
        assert!(parse(json!({ "pid": -1, "start_time": 2, "ttl_s": 3 })).is_err());
        assert!(parse(json!({ "pid": 1, "ttl_s": 3 })).is_err());
        assert!(parse(json!({ "pid": 1, "start_time": 2, "ttl_s": 100_000 })).is_err());
    }

    #[test]
    fn this_process_is_in_its_own_tree_with_a_start_and_a_parent() {
        let own = std::process::id();
        assert!(tree_of(own).contains(&own));
        let stat = stat(own).unwrap();
        assert!(stat.parent > 0 && stat.start_time > 0 && !stat.name.is_empty());
    }
}
