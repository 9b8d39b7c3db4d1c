//! Runs a program and measures wall time and memory, from `/proc`, without help of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Waiting between two looks at `/proc`.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Processes that are followed below one.
const PROCESSES_MAX: usize = 10_000;

/// One run.
pub struct Run {
    /// Wall time, seconds.
    pub wall_s: f64,
    /// The most memory that the program and all that it started held together (see [`Peak`]), MB
    /// of 10^6 bytes.
    pub rss_mb_max: f64,
    /// The most processes that were seen at once.
    pub processes_max: usize,
    /// Whether the exit code was one of the expected.
    pub content: bool,
    /// What it wrote to stderr.
    pub stderr: String,
}

/// Runs a program to its end. `rss` looks at memory every 2 ms, which costs a little time, so wall
/// time and memory are measured in different runs.
pub fn run(command: &mut Command, expected: &[i32], rss: bool) -> Result<Run, String> {
    let errors = tempfile_for_stderr()?;
    let file = std::fs::File::create(&errors).map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("`{}` does not start: {error}", command_name(command)))?;
    let mut peak = Peak::default();
    let status = if rss {
        loop {
            peak.look(child.id());
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    } else {
        child.wait().map_err(|error| error.to_string())?
    };
    let wall_s = started.elapsed().as_secs_f64();
    let stderr = std::fs::read(&errors).unwrap_or_default();
    let _ = std::fs::remove_file(&errors); // A leftover in the temporary folder harms nobody.
    Ok(Run {
        wall_s,
        rss_mb_max: megabytes(peak.kb_max),
        processes_max: peak.processes_max,
        content: status.code().is_some_and(|code| expected.contains(&code)),
        stderr: String::from_utf8_lossy(&stderr).into_owned(),
    })
}

fn command_name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn tempfile_for_stderr() -> Result<PathBuf, String> {
    let folder = std::env::temp_dir().join(format!("ringfort-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    Ok(folder.join("stderr"))
}

/// Kilobytes (1,024 bytes) of a memory line of `/proc/PID/status`; 0 if the process is gone.
fn status_kb(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    parse_kb(&status, field)
}

fn parse_kb(status: &str, field: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "memory of a process is far below 2^52 kilobytes")]
fn megabytes(kb: u64) -> f64 {
    kb as f64 * 1_024.0 / 1_000_000.0
}

/// The most memory of a process and all below it: at each look the peaks so far (VmHWM, as the
/// kernel keeps it) of those that live at that moment, added up. That is at least what they ever
/// held together at a look: their peaks need not have been at the same time, and pages that they
/// share are counted once a process.
#[derive(Default)]
struct Peak {
    kb_max: u64,
    processes_max: usize,
    /// Each process that was seen, with its parent, so that a look reads only what is new.
    parents: BTreeMap<u32, u32>,
}

impl Peak {
    fn look(&mut self, head: u32) {
        let now = processes(Path::new("/proc"));
        self.parents.retain(|pid, _| now.contains(pid));
        for pid in now {
            if !self.parents.contains_key(&pid)
                && let Some(parent) = parent_of(Path::new("/proc"), pid)
            {
                self.parents.insert(pid, parent);
            }
        }
        let parents: Vec<(u32, u32)> = self.parents.iter().map(|(pid, of)| (*pid, *of)).collect();
        let peaks = family(head, &parents).into_iter().map(|pid| status_kb(pid, "VmHWM:"));
        let peaks: Vec<u64> = peaks.filter(|kb| *kb > 0).collect();
        self.kb_max = self.kb_max.max(peaks.iter().sum());
        self.processes_max = self.processes_max.max(peaks.len());
    }
}

/// A process that is ended when it goes out of scope, with everything it started.
pub struct Service(pub Child);

impl Service {
    /// Memory (VmRSS) of the process and of all that it started, MB of 10^6 bytes. Pages that
    /// they share are counted once a process.
    pub fn rss_mb(&self) -> f64 {
        let family = family(self.0.id(), &parents(Path::new("/proc")));
        megabytes(family.iter().map(|pid| status_kb(*pid, "VmRSS:")).sum())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let family = family(self.0.id(), &parents(Path::new("/proc")));
        // Ask first, so that it can say goodbye to its children; then insist.
        let ids: Vec<String> = family.iter().map(u32::to_string).collect();
        let _ = Command::new("kill").arg("-TERM").args(&ids).stderr(Stdio::null()).status();
        std::thread::sleep(Duration::from_millis(500));
        let _ = self.0.kill();
        let _ = Command::new("kill").arg("-KILL").args(&ids).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// (process, its parent) of every process.
fn parents(proc: &Path) -> Vec<(u32, u32)> {
    let pids = processes(proc).into_iter();
    pids.filter_map(|pid| Some((pid, parent_of(proc, pid)?))).collect()
}

fn processes(proc: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(proc) else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .take(PROCESSES_MAX)
        .collect()
}

fn parent_of(proc: &Path, pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(proc.join(format!("{pid}/status"))).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// A process and everything below it.
fn family(head: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![head];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = parents.iter().filter(|(pid, of)| *of == parent && *pid != parent);
        for (pid, _) in children {
            if !found.contains(pid) {
                found.push(*pid);
            }
        }
        next += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_timed_and_its_memory_seen() {
        let quick = run(Command::new("sh").args(["-c", "echo oh >&2; exit 3"]), &[3], false);
        let quick = quick.unwrap();
        assert!(quick.content && quick.wall_s > 0.0 && quick.stderr == "oh\n");
        let slow = run(Command::new("sh").args(["-c", "sleep 0.05"]), &[3], true).unwrap();
        assert!(!slow.content && slow.wall_s >= 0.05 && slow.rss_mb_max > 0.1);
        let pair = run(Command::new("sh").args(["-c", "sleep 0.2; exit 0"]), &[0], true).unwrap();
        assert_eq!(pair.processes_max, 2, "the shell and what it started");
        assert!(run(&mut Command::new("no-such-program-is-here"), &[0], false).is_err());
    }

    #[test]
    fn a_family_is_found_and_a_loop_ends() {
        assert_eq!(family(1, &[(2, 1), (3, 2), (4, 9), (1, 3)]), [1, 2, 3]);
        assert_eq!(parse_kb("VmRSS:\t  12 kB\n", "VmRSS:"), 12);
        assert_eq!(parse_kb("VmRSS:\t  x kB\n", "VmRSS:"), 0);
    }
}
