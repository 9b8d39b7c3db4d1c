//! Live facts of this machine from /proc: who listens on the network, which libraries are in use
//! by which programs, also libraries that were replaced on disk since, and which kernel runs.
//!
//! What could not be looked at is counted: without root the processes of others stay closed. A
//! process with another root (a container) runs code of other packages than this machine's, so it
//! is counted and its code is not looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use procfs::net::{TcpNetEntry, TcpState, UdpNetEntry};
use procfs::process::{FDTarget, MMPermissions, MMapPath, Process};
use serde::{Deserialize, Serialize};

use kernel::Kernel;
use owners::Owners;

mod kernel;
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
    /// Processes with another root: containers, whose packages are not this machine's.
    #[serde(default)]
    pub elsewhere: usize,
    /// The kernel that runs, and the newest one that is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Kernel>,
    /// What could not be told, in plain words.
    pub unknown: Vec<String>,
}

impl LiveFacts {
    /// Whether every process could be looked into.
    pub fn is_complete(&self) -> bool {
        self.closed == 0 && self.unknown.is_empty()
    }

    /// Whether every socket that other machines reach has a known program. Then a process that
    /// could not be looked into holds none of them: what it runs listens nowhere.
    pub fn knows_listeners(&self) -> bool {
        self.unknown.is_empty()
            && self.listeners.iter().all(|socket| socket.loopback || socket.program.is_some())
    }

    /// What was looked at and what not, in plain words.
    pub fn coverage(&self) -> String {
        let mut text = format!("looked into {} processes", self.processes - self.closed);
        if self.closed > 0 {
            text = format!("could not look into {} of {} processes", self.closed, self.processes);
        }
        if self.elsewhere > 0 {
            let more = format!("; {} have their own root (containers)", self.elsewhere);
            text.push_str(&more);
        }
        text
    }
}

/// What one process runs.
struct Running {
    program: String,
    /// Files mapped as code, with whether they are gone from disk. Empty for one elsewhere.
    code: BTreeSet<(PathBuf, bool)>,
    /// Whether its root is not this machine's.
    elsewhere: bool,
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
    let owners = match Owners::find(Path::new("/var/lib/dpkg"), &wanted) {
        Ok(owners) => owners,
        Err(error) => {
            facts.unknown.push(format!("which package owns which file: {error}"));
            Owners::default()
        }
    };
    let mut exposed = BTreeSet::new();
    for socket in sockets(&mut facts.unknown) {
        // A server and its workers share the socket: all of them are exposed.
        let holds = |(_, process): &(usize, &Running)| process.sockets.contains(&socket.inode);
        let holders: Vec<(usize, &Running)> = running.iter().enumerate().filter(holds).collect();
        let loopback = is_loopback(socket.local.ip());
        if !loopback {
            exposed.extend(holders.iter().map(|(index, _)| *index));
        }
        let holder = holders.first().map(|(_, process)| *process);
        let program = holder.map(|process| process.program.clone());
        facts.listeners.push(Listener {
            protocol: socket.protocol.to_owned(),
            address: socket.local.ip(),
            port: socket.local.port(),
            uid: socket.uid,
            package: program
                .as_ref()
                .filter(|_| holder.is_some_and(|process| !process.elsewhere))
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
    match kernel::gather() {
        Ok(kernel) => facts.kernel = Some(kernel),
        Err(error) => facts.unknown.push(error),
    }
    facts
}

/// Whether only this machine reaches an address, also in its IPv6 spelling.
fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(v6.is_loopback(), |v4| v4.is_loopback()),
        IpAddr::V4(v4) => v4.is_loopback(),
    }
}

/// Device and inode of a root: the same for processes that see this machine's files.
fn root_of(path: &str) -> Option<(u64, u64)> {
    let root = std::fs::metadata(path).ok()?;
    Some((root.dev(), root.ino()))
}

fn running(facts: &mut LiveFacts) -> Vec<Running> {
    let processes = match procfs::process::all_processes() {
        Ok(processes) => processes,
        Err(error) => {
            facts.unknown.push(format!("which processes run: {error}"));
            return Vec::new();
        }
    };
    let own_root = root_of("/");
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
        match look_into(&process, &link, own_root) {
            Some(found) => {
                facts.elsewhere += usize::from(found.elsewhere);
                running.push(found);
            }
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

fn look_into(process: &Process, link: &Path, own_root: Option<(u64, u64)>) -> Option<Running> {
    let program = strip_deleted(link).0.display().to_string();
    let root = root_of(&format!("/proc/{}/root/", process.pid()));
    let elsewhere = root.is_some() && root != own_root;
    let mut code = BTreeSet::new();
    for map in process.maps().ok()? {
        if let MMapPath::Path(path) = map.pathname
            && !elsewhere
            && map.perms.contains(MMPermissions::EXECUTE)
        {
            let (path, gone) = strip_deleted(&path);
            code.insert((path.clone(), gone));
        }
    }
    let mut sockets = BTreeSet::new();
    for file in process.fd().ok()?.take(FILES_MAX).flatten() {
        if let FDTarget::Socket(inode) = file.target {
            sockets.insert(inode);
        }
    }
    Some(Running { program, code, elsewhere, sockets })
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
    fn code_that_this_process_runs_is_in_use_by_it_and_the_kernel_has_a_name() {
        let facts = gather();
        let own = std::env::current_exe().unwrap().display().to_string();
        let running = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(facts.kernel.as_ref().unwrap().running, running.trim());
        if Path::new("/var/lib/dpkg/info/libc6:amd64.list").exists() {
            assert!(facts.in_use["libc6"].programs.contains(&own));
        } else {
            eprintln!("SKIPPED: libc6 is not a package of dpkg here");
        }
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let facts = LiveFacts { processes: 9, closed: 2, elsewhere: 3, ..LiveFacts::default() };
        assert_eq!(
            facts.coverage(),
            "could not look into 2 of 9 processes; 3 have their own root (containers)"
        );
        assert!(!facts.is_complete());
    }

    #[test]
    fn a_closed_process_matters_for_listening_only_if_a_socket_has_no_program() {
        let socket = |program: Option<&str>, loopback| Listener {
            protocol: "tcp".into(),
            address: IpAddr::from([192, 0, 2, 1]),
            port: 22,
            uid: 0,
            program: program.map(str::to_owned),
            package: None,
            loopback,
        };
        let mut facts = LiveFacts { processes: 9, closed: 1, ..LiveFacts::default() };
        facts.listeners = vec![socket(Some("/usr/sbin/sshd"), false), socket(None, true)];
        assert!(facts.knows_listeners() && !facts.is_complete());
        facts.listeners.push(socket(None, false));
        assert!(!facts.knows_listeners());
    }

    #[test]
    fn loopback_is_known_in_both_families() {
        for (address, loopback) in [
            ("127.0.0.53", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("::", false),
            ("0.0.0.0", false),
            ("::ffff:192.0.2.1", false),
        ] {
            assert_eq!(is_loopback(address.parse().unwrap()), loopback, "{address}");
        }
    }

    #[test]
    fn the_mark_of_a_deleted_file_is_told_from_its_name() {
        let (path, gone) = strip_deleted(Path::new("/usr/lib/libz.so.1 (deleted)"));
        assert_eq!((path.as_path(), gone), (Path::new("/usr/lib/libz.so.1"), true));
        assert!(!strip_deleted(Path::new("/usr/lib/libz.so.1")).1);
    }
}
