//! Machines that are made of namespaces: each has a root file system of its own (an overlay over
//! one Debian root), processes, a name, and a network with one cable to the hub's bridge.
//!
//! All of it belongs to one process a machine, which ends when the test does, however it ends; with
//! it go the mounts, the processes and the network. Nothing is done to the network of this machine.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use testkit::roots::{self, Root};

use super::inside::{Inside, until};
use super::support::text;

/// Makes a root of its own over `$1` in `$2`, calls the machine `$3`, says so, and waits. Whatever
/// happens, it ends after two hours.
const HOLD: &str = r#"
set -eu
lower=$1 dir=$2 name=$3
mkdir "$dir/upper" "$dir/work" "$dir/root"
root=$dir/root
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/upper,workdir=$dir/work" "$root"
hostname "$name"
printf '%s' "$name" | md5sum | cut -d ' ' -f 1 > "$root/etc/machine-id"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    : > "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/old"
cd "$root"
pivot_root . run/old
umount -l /run/old
rmdir /run/old
[ -e /srv/this-is-a-test-root ]
echo ready
exec sleep 7200
"#;

/// What all machines of a test have in common: the lower root, with the program in it.
pub struct Ground {
    dir: tempfile::TempDir,
}

impl Ground {
    /// The ground, or why there is none.
    pub fn new() -> Option<Arc<Self>> {
        let skip = |reason: &str| {
            println!("SKIPPED: {reason}");
            None
        };
        if !rustix::process::geteuid().is_root() {
            return skip("namespaces for machines need root");
        }
        let archive = match roots::ready(Root::Booted) {
            Ok(archive) => archive,
            Err(reason) => return skip(&reason.to_string()),
        };
        let probe = "ip link add bridge0 type bridge && ip link add one type veth peer name other";
        let made = Command::new("unshare").args(["--net", "sh", "-c", probe]).output();
        if !made.as_ref().is_ok_and(|made| made.status.success()) {
            return skip("this machine makes no network namespace with a bridge and cables");
        }
        let dir = tempfile::Builder::new().prefix("fleet").tempdir_in("/var/tmp").unwrap();
        let ground = Self { dir };
        std::fs::create_dir(ground.root()).unwrap();
        roots::unpack(&archive, &ground.root()).unwrap();
        std::fs::write(ground.root().join("srv/this-is-a-test-root"), "").unwrap();
        let program = ground.root().join("usr/bin/ringfort");
        std::fs::copy(env!("CARGO_BIN_EXE_ringfort"), program).unwrap();
        Some(Arc::new(ground))
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn place(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// One machine.
pub struct Machine {
    pub at: Inside,
    place: PathBuf,
    holder: Child,
    up: Option<Child>,
    ground: Arc<Ground>,
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With the first process of its namespaces all others end.
        for child in [self.up.as_mut(), Some(&mut self.holder)].into_iter().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Machine {
    fn new(ground: &Arc<Ground>, name: &str) -> Self {
        let place = ground.place(name);
        std::fs::create_dir(&place).unwrap();
        let mut holder = Command::new("setpriv")
            .args(["--pdeathsig=KILL", "unshare", "--mount", "--propagation=private", "--net"])
            .args(["--uts", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--", "sh", "-c"])
            .args([HOLD, "hold"])
            .arg(ground.root())
            .arg(&place)
            .arg(name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "ready\n", "the machine `{name}` was not made");
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let children = std::fs::read_to_string(children).unwrap();
        let at = Inside { pid: children.trim().parse().unwrap() };
        at.net(&["ip", "link", "set", "lo", "up"]);
        Self { at, place, holder, up: None, ground: Arc::clone(ground) }
    }

    /// The hub's machine, with a bridge for the cables of the others.
    pub fn hub(ground: &Arc<Ground>) -> Self {
        let hub = Self::new(ground, "hub");
        for line in [
            "ip link add bridge type bridge",
            "ip addr add 10.99.0.1/24 dev bridge",
            "ip link set bridge up",
        ] {
            hub.at.net(&line.split(' ').collect::<Vec<_>>());
        }
        let config = "[machines]\nlisten = \"10.99.0.1:7118\"\nat = \"10.99.0.1:7118\"\n\
                      [site]\nfleet_size = 6\n";
        std::fs::create_dir(hub.file("etc/ringfort")).unwrap();
        std::fs::write(hub.file("etc/ringfort/ringfort.toml"), config).unwrap();
        hub
    }

    /// Another machine, whose cable is in the hub's bridge.
    pub fn beside(hub: &Self, number: u8) -> Self {
        let machine = Self::new(&hub.ground, &format!("ward-{number}"));
        let (port, pid) = (format!("port{number}"), machine.at.pid.to_string());
        hub.at.net(&[
            "ip", "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &pid,
        ]);
        hub.at.net(&["ip", "link", "set", &port, "master", "bridge", "up"]);
        let address = format!("10.99.0.{}/24", 10 + number);
        machine.at.net(&["ip", "addr", "add", &address, "dev", "eth0"]);
        machine.cable("up");
        machine
    }

    /// Puts the cable in, or pulls it: `up` or `down`.
    pub fn cable(&self, state: &str) {
        self.at.net(&["ip", "link", "set", "eth0", state]);
    }

    /// A file of the machine, by the way through its own mounts.
    pub fn file(&self, path: &str) -> PathBuf {
        Path::new("/proc").join(self.at.pid.to_string()).join("root").join(path)
    }

    /// Starts `ringfort up`. What it prints is kept in a file.
    pub fn up(&mut self, more: &[&str]) {
        let mut program = vec!["ringfort", "up"];
        program.extend(more);
        let out = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.at.command(&program);
        command.stdout(out.try_clone().unwrap()).stderr(out);
        self.up = Some(command.spawn().unwrap());
    }

    fn log(&self) -> PathBuf {
        self.place.join("up.log")
    }

    /// Waits until `ringfort up` printed something.
    pub fn prints(&mut self, what: &str) {
        let (log, up) = (self.log(), self.up.as_mut().unwrap());
        until(what, 120, || {
            let printed = std::fs::read_to_string(&log).unwrap_or_default();
            if let Some(status) = up.try_wait().unwrap() {
                panic!("it ended ({:?}, {:?}): {printed}", status.code(), status.signal());
            }
            printed.contains(what).then_some(())
        });
    }

    /// Joins a hub with a token that is pasted.
    pub fn joins(&self, token: &str) {
        let output = self.at.says(&["ringfort", "agent", "join"], &format!("{token}\n"));
        assert!(output.status.success(), "{}", text(&output));
    }
}
