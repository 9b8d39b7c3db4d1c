//! What runs here of programs that a case names, and who is connected: what a containment would
//! stop, and for whom. It only reads `/proc`; nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use procfs::net::TcpState;
use procfs::process::FDTarget;

use super::protocol::{Process, Reply, Suspect};

/// The most programs and addresses of one question.
const ASKED_MAX: usize = 64;
/// The most processes that are looked at.
const PROCESSES_MAX: usize = 65_536;
/// The most processes of one answer.
const ANSWERED_MAX: usize = 64;
/// What the kernel puts behind the path of a program whose file is gone.
const GONE: &str = " (deleted)";

/// One process, as far as the question needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    pid: u32,
    parent: u32,
    start_time: u64,
    began_ms: i64,
    program: String,
    ports: BTreeSet<u16>,
}

/// Answers the question.
pub(super) fn look(suspects: &[Suspect], addresses: &[IpAddr]) -> Reply {
    if suspects.len() > ASKED_MAX || addresses.len() > ASKED_MAX {
        let message = format!("at most {ASKED_MAX} programs and addresses are looked for at once");
        return Reply::Failed { message };
    }
    let (ports, with) = sockets();
    let processes = if suspects.is_empty() { Vec::new() } else { chosen(&all(&ports), suspects) };
    let count = |address: &IpAddr| with.get(&address.to_canonical()).copied().unwrap_or(0);
    Reply::Looked { processes, connections: addresses.iter().map(count).collect() }
}

/// Ports that are listened on, by the socket's inode, and connections by the other side's address.
fn sockets() -> (BTreeMap<u64, u16>, BTreeMap<IpAddr, u32>) {
    let (mut ports, mut with) = (BTreeMap::new(), BTreeMap::new());
    let four = procfs::net::tcp().unwrap_or_default();
    for socket in four.into_iter().chain(procfs::net::tcp6().unwrap_or_default()) {
        if socket.state == TcpState::Listen {
            ports.insert(socket.inode, socket.local_address.port());
        } else if socket.state == TcpState::Established {
            *with.entry(socket.remote_address.ip().to_canonical()).or_insert(0) += 1;
        }
    }
    (ports, with)
}

fn all(ports: &BTreeMap<u64, u16>) -> Vec<Seen> {
    let boot_ms = procfs::boot_time_secs().ok().and_then(|secs| i64::try_from(secs).ok());
    let boot_ms = boot_ms.unwrap_or(0).saturating_mul(1_000);
    let ticks = procfs::ticks_per_second().max(1);
    let running = procfs::process::all_processes().into_iter().flatten().flatten();
    running
        .take(PROCESSES_MAX)
        .filter_map(|process| seen(&process, ports, (boot_ms, ticks)))
        .collect()
}

fn seen(
    process: &procfs::process::Process,
    ports: &BTreeMap<u64, u16>,
    (boot_ms, ticks): (i64, u64),
) -> Option<Seen> {
    let stat = process.stat().ok()?;
    if !is_of_this_root(process.pid()) {
        return None;
    }
    // A kernel thread has no program.
    let program = process.exe().ok()?.to_string_lossy().into_owned();
    let held = process.fd().into_iter().flatten().flatten().filter_map(|fd| match fd.target {
        FDTarget::Socket(inode) => ports.get(&inode).copied(),
        _ => None,
    });
    let after_ms = stat.starttime.saturating_mul(1_000) / ticks;
    Some(Seen {
        pid: u32::try_from(stat.pid).ok()?,
        parent: u32::try_from(stat.ppid).ok()?,
        start_time: stat.starttime,
        began_ms: boot_ms.saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX)),
        program: program.strip_suffix(GONE).unwrap_or(&program).to_owned(),
        ports: held.collect(),
    })
}

/// Whether a process has this machine's root: in a container the same path is another program.
fn is_of_this_root(pid: i32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let place = |path: &str| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    place(&format!("/proc/{pid}/root/")).is_some_and(|root| Some(root) == place("/"))
}

/// The topmost processes that fit one of the questions: freezing one freezes what is below it.
fn chosen(all: &[Seen], suspects: &[Suspect]) -> Vec<Process> {
    let by_pid: BTreeMap<u32, &Seen> = all.iter().map(|seen| (seen.pid, seen)).collect();
    let fits = |seen: &Seen| {
        suspects.iter().any(|suspect| {
            seen.program == suspect.program
                && suspect.pid.is_none_or(|pid| pid == seen.pid)
                && seen.began_ms <= suspect.before_ms
                && (!suspect.listens || !seen.ports.is_empty())
        })
    };
    let fitting: BTreeSet<u32> = all.iter().filter(|seen| fits(seen)).map(|s| s.pid).collect();
    let is_below = |pid: u32, wanted: &dyn Fn(u32) -> bool| {
        let mut at = by_pid.get(&pid).map(|seen| seen.parent);
        // A tree of processes is not deeper than this; a circle would be a lie.
        for _ in 0..1_024 {
            match at {
                Some(parent) if wanted(parent) => return true,
                Some(parent) => at = by_pid.get(&parent).map(|seen| seen.parent),
                None => return false,
            }
        }
        false
    };
    let top = fitting.iter().filter(|pid| !is_below(**pid, &|parent| fitting.contains(&parent)));
    let answer = |pid: &u32| {
        let seen = by_pid.get(pid)?;
        let below: Vec<&Seen> =
            all.iter().filter(|other| is_below(other.pid, &|parent| parent == *pid)).collect();
        let mut ports = seen.ports.clone();
        ports.extend(below.iter().flat_map(|other| other.ports.iter().copied()));
        Some(Process {
            pid: *pid,
            start_time: seen.start_time,
            program: seen.program.clone(),
            below: u32::try_from(below.len()).unwrap_or(u32::MAX),
            ports: ports.into_iter().collect(),
        })
    };
    top.filter_map(answer).take(ANSWERED_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, program: &str, ports: &[u16]) -> Seen {
        let ports = ports.iter().copied().collect();
        let (start_time, began_ms) = (u64::from(pid), i64::from(pid));
        Seen { pid, parent, start_time, began_ms, program: program.into(), ports }
    }

    fn suspect(program: &str) -> Suspect {
        Suspect { program: program.into(), pid: None, before_ms: 1_000, listens: false }
    }

    #[test]
    fn the_topmost_process_of_a_tree_stands_for_what_is_below_it() {
        let all = [
            process(1, 0, "/sbin/init", &[]),
            process(10, 1, "/srv/bad", &[]),
            process(11, 10, "/srv/bad", &[4444]),
            process(12, 11, "/bin/sh", &[]),
            process(20, 1, "/usr/bin/good", &[22]),
        ];
        let found = chosen(&all, &[suspect("/srv/bad")]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].pid, found[0].below, found[0].ports.as_slice()), (10, 2, &[4444][..]));
        assert!(chosen(&all, &[suspect("/srv/other")]).is_empty());
    }

    #[test]
    fn a_number_a_time_and_taking_connections_narrow_the_question() {
        let all = [process(10, 1, "/srv/bad", &[]), process(11, 1, "/srv/bad", &[80])];
        let pids = |suspect: Suspect| -> Vec<u32> {
            chosen(&all, &[suspect]).iter().map(|process| process.pid).collect()
        };
        assert_eq!(pids(Suspect { pid: Some(10), ..suspect("/srv/bad") }), [10]);
        assert_eq!(pids(Suspect { pid: Some(10), ..suspect("/srv/else") }), [0; 0]);
        assert_eq!(pids(Suspect { before_ms: 10, ..suspect("/srv/bad") }), [10]);
        assert_eq!(pids(Suspect { listens: true, ..suspect("/srv/bad") }), [11]);
    }

    #[test]
    fn this_very_process_is_found_by_its_program() {
        let program = std::env::current_exe().unwrap().display().to_string();
        let own =
            Suspect { pid: Some(std::process::id()), before_ms: i64::MAX, ..suspect(&program) };
        let Reply::Looked { processes, connections } =
            look(&[own], &["192.0.2.1".parse().unwrap()])
        else {
            panic!("it is not answered")
        };
        assert_eq!(processes.len(), 1);
        assert_eq!(processes[0].pid, std::process::id());
        assert_eq!(connections, [0]);
    }
}
