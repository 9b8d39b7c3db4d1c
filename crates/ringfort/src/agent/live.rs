//! Live facts of this machine from /proc: who listens on the network, and which libraries are in
//! use by which programs, also libraries that were replaced on disk since.
//!
//! What could not be looked at is counted: without root the processes of others stay closed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use procfs::net::{TcpNetEntry, TcpState, UdpNetEntry};
use procfs::process::{FDTarget, MMPermissions, MMapPath, Process};
use serde::{Deserialize, Serialize};

use owners::Owners;

mod owners;

/// The most processes that are looked at.
const PROCESSES_MAX: usize = 65_536;
/// The most open files of one process that are looked at.
const FILES_MAX: usize = 65_536;

/// A socket that takes connections or datagrams.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Listener {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The address it is bound to.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The user that owns it.
    pub uid: u32,
    /// The program, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The package that the program belongs to, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Whether only this machine can reach it.
    pub loopback: bool,
}

/// What is in use of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// Programs that run code of the package.
    pub programs: BTreeSet<String>,
    /// Programs that still run code that was replaced or removed on disk.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stale: BTreeSet<String>,
    /// Whether one of the programs takes connections from other machines.
    pub exposed: bool,
}

/// Live facts of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveFacts {
    /// Sockets that take connections or datagrams, sorted.
    pub listeners: Vec<Listener>,
    /// What is in use, by binary package.
    pub in_use: BTreeMap<String, InUse>,
    /// Processes that were looked at.
    pub processes: usize,
    /// Processes that could not be looked into.
    pub closed: usize,
    /// What could not be told, in plain words.
    pub unknown: Vec<String>,
}

impl LiveFacts {
    /// Whether every process could be looked into.
    pub fn is_complete(&self) -> bool {
        self.closed == 0 && self.unknown.is_empty()
    }
}

/// What one process runs.
struct Running {
    program: String,
    /// Files mapped as code, with whether they are gone from disk.
    code: BTreeSet<(PathBuf, bool)>,
    sockets: BTreeSet<u64>,
}

/// Looks at this machine. Runs in a worker.
pub fn gather() -> LiveFacts {
    let mut facts = LiveFacts::default();
    let running = running(&mut facts);
    let mut wanted = BTreeSet::new();
    for process in &running {
        wanted.extend(process.code.iter().map(|(path, _)| path.clone()));
    }
    let owners = match Owners::find(Path::new("/var/lib/dpkg/info"), &wanted) {
        Ok(owners) => owners,
        Err(error) => {
            facts.unknown.push(format!("which package owns which file: {error}"));
            Owners::default()
        }
    };
    let mut exposed = BTreeSet::new();
    for socket in sockets(&mut facts.unknown) {
        let process = running.iter().position(|process| process.sockets.contains(&socket.inode));
        let loopback = socket.local.ip().is_loopback();
        if let (Some(index), false) = (process, loopback) {
            exposed.insert(index);
        }
        let program = process.and_then(|index| running.get(index)).map(|p| p.program.clone());
        facts.listeners.push(Listener {
            protocol: socket.protocol.to_owned(),
            address: socket.local.ip(),
            port: socket.local.port(),
            uid: socket.uid,
            package: program
                .as_ref()
                .and_then(|path| owners.of(Path::new(path)))
                .map(str::to_owned),
            program,
            loopback,
        });
    }
    facts.listeners.sort();
    facts.listeners.dedup();
    for (index, process) in running.iter().enumerate() {
        for (path, gone) in &process.code {
            let Some(package) = owners.of(path) else { continue };
            let in_use = facts.in_use.entry(package.to_owned()).or_default();
            in_use.programs.insert(process.program.clone());
            in_use.exposed |= exposed.contains(&index);
            if *gone {
                in_use.stale.insert(process.program.clone());
            }
        }
    }
    facts
}

fn running(facts: &mut LiveFacts) -> Vec<Running> {
    let processes = match procfs::process::all_processes() {
        Ok(processes) => processes,
        Err(error) => {
            facts.unknown.push(format!("which processes run: {error}"));
            return Vec::new();
        }
    };
    let mut running = Vec::new();
    for process in processes.take(PROCESSES_MAX).flatten() {
        // Kernel threads have no program; a process that ended meanwhile is no gap.
        let Ok(link) = process.exe() else {
            if is_closed(&process) {
                facts.processes += 1;
                facts.closed += 1;
            }
            continue;
        };
        facts.processes += 1;
        match look_into(&process, &link) {
            Some(found) => running.push(found),
            None => facts.closed += usize::from(process.is_alive()),
        }
    }
    running
}

/// Whether a process without a readable program is a user's process that we may not look into.
fn is_closed(process: &Process) -> bool {
    let kernel_thread = |stat: procfs::process::Stat| stat.pid == 2 || stat.ppid == 2;
    process.is_alive() && process.stat().is_ok_and(|stat| !kernel_thread(stat))
}

fn look_into(process: &Process, link: &Path) -> Option<Running> {
    let program = strip_deleted(link).0.display().to_string();
    let mut code = BTreeSet::new();
    for map in process.maps().ok()? {
        if let MMapPath::Path(path) = map.pathname
            && map.perms.contains(MMPermissions::EXECUTE)
        {
            let (path, gone) = strip_deleted(&path);
            code.insert((path.to_path_buf(), gone));
        }
    }
    let mut sockets = BTreeSet::new();
    for file in process.fd().ok()?.take(FILES_MAX).flatten() {
        if let FDTarget::Socket(inode) = file.target {
            sockets.insert(inode);
        }
    }
    Some(Running { program, code, sockets })
}

/// A path as /proc shows it, without the mark of a file that is gone from disk.
fn strip_deleted(path: &Path) -> (PathBuf, bool) {
    let text = path.to_string_lossy();
    match text.strip_suffix(" (deleted)") {
        Some(rest) => (PathBuf::from(rest), true),
        None => (path.to_path_buf(), false),
    }
}

struct Socket {
    protocol: &'static str,
    local: SocketAddr,
    uid: u32,
    inode: u64,
}

fn sockets(unknown: &mut Vec<String>) -> Vec<Socket> {
    let mut sockets = Vec::new();
    let tcp = |entry: TcpNetEntry| Socket {
        protocol: "tcp",
        local: entry.local_address,
        uid: entry.uid,
        inode: entry.inode,
    };
    let udp = |entry: UdpNetEntry| Socket {
        protocol: "udp",
        local: entry.local_address,
        uid: entry.uid,
        inode: entry.inode,
    };
    let listens = |entry: &TcpNetEntry| entry.state == TcpState::Listen;
    // A datagram socket without a peer takes datagrams from anybody.
    let open = |entry: &UdpNetEntry| entry.remote_address.port() == 0;
    for (name, entries) in [("tcp", procfs::net::tcp()), ("tcp6", procfs::net::tcp6())] {
        match entries {
            Ok(entries) => sockets.extend(entries.into_iter().filter(listens).map(tcp)),
            Err(error) => note(unknown, name, &error),
        }
    }
    for (name, entries) in [("udp", procfs::net::udp()), ("udp6", procfs::net::udp6())] {
        match entries {
            Ok(entries) => sockets.extend(entries.into_iter().filter(open).map(udp)),
            Err(error) => note(unknown, name, &error),
        }
    }
    sockets
}

fn note(unknown: &mut Vec<String>, name: &str, error: &procfs::ProcError) {
    // A kernel without IPv6 has no such file, and nothing listens there.
    if !matches!(error, procfs::ProcError::NotFound(_)) {
        unknown.push(format!("which {name} sockets are open: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_own_listener_is_found_with_its_program() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let facts = gather();
        let found = facts.listeners.iter().find(|l| l.port == port && l.protocol == "tcp").unwrap();
        assert!(found.loopback);
        let own = std::env::current_exe().unwrap().display().to_string();
        assert_eq!(found.program, Some(own));
        assert!(facts.processes > 0);
    }

    #[test]
    fn the_mark_of_a_deleted_file_is_told_from_its_name() {
        let (path, gone) = strip_deleted(Path::new("/usr/lib/libz.so.1 (deleted)"));
        assert_eq!((path.as_path(), gone), (Path::new("/usr/lib/libz.so.1"), true));
        assert!(!strip_deleted(Path::new("/usr/lib/libz.so.1")).1);
    }
}
