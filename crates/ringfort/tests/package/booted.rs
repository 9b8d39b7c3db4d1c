//! A Debian root that is booted: systemd runs as its first process, in systemd-nspawn, with a
//! network of its own.
//!
//! It lies in cgroups that were made for it, and in a namespace of processes whose first one ends
//! when this process does, however it ends: systemd-nspawn alone would leave its machine running.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::roots;

use super::inside::Inside;

/// Joins cgroups of its own, named `$1`, in each hierarchy that takes some, and boots the root `$2`
/// as `$1`.
const BOOT: &str = r#"
set -eu
name=$1 root=$2
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -f "$hierarchy/cgroup.procs" ] || continue
    mkdir "$hierarchy/$name" && echo 0 > "$hierarchy/$name/cgroup.procs"
done
exec systemd-nspawn --quiet --boot --directory="$root" \
    --machine="$name" --register=no --keep-unit --private-network --link-journal=no \
    --resolv-conf=off --timezone=off --settings=no --console=read-only
"#;

/// Takes the cgroups `$1` away again.
const END: &str = r#"
for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    [ -d "$hierarchy/$1" ] && find "$hierarchy/$1" -depth -type d -exec rmdir {} +
done
"#;

/// How long a boot may take.
const BOOT_TIME_MAX: Duration = Duration::from_secs(120);

/// A machine that was booted.
pub struct Booted {
    pub at: Inside,
    pub root: PathBuf,
    name: String,
    holder: Child,
}

impl Drop for Booted {
    fn drop(&mut self) {
        // Its first process ends with it, and all others with that.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        for _ in 0..20 {
            let ended = Command::new("sh").args(["-c", END, "end", &self.name]).output();
            if ended.is_ok_and(|ended| ended.stderr.is_empty()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Booted {
    /// Unpacks a root and boots it. The error says why this machine cannot.
    pub fn new(dir: &Path, archive: &Path, name: &str) -> Result<Self, String> {
        let root = dir.join(name);
        std::fs::create_dir(&root).unwrap();
        roots::unpack(archive, &root).unwrap();
        std::fs::write(root.join("etc/hostname"), format!("{name}\n")).unwrap();
        // What starts by the clock changes files that the test compares.
        for timer in ["apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "systemd-tmpfiles-clean"]
        {
            let mask = root.join(format!("etc/systemd/system/{timer}.timer"));
            std::os::unix::fs::symlink("/dev/null", mask).unwrap();
        }
        let log = dir.join(format!("{name}.console"));
        let name = format!("ringfort-test-{name}-{}", std::process::id());
        let console = std::fs::File::create(&log).unwrap();
        let holder = Command::new("setpriv")
            .args(["--pdeathsig=KILL", "unshare", "--pid", "--mount-proc", "--fork"])
            .args(["--kill-child=KILL", "--", "sh", "-c", BOOT, "boot", &name])
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut booted = Self { at: Inside { pid: 0 }, root, name, holder };
        booted.wait().map_err(|reason| {
            let console = std::fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = console.lines().rev().take(5).collect();
            format!("systemd-nspawn does not boot here ({reason}): {last:?}")
        })?;
        Ok(booted)
    }

    fn wait(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        // The holder's child is systemd-nspawn, whose child is systemd.
        let child = |of: u32| -> Option<u32> {
            let listed = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?;
            listed.split_whitespace().next()?.parse().ok()
        };
        loop {
            if let Some(status) = self.holder.try_wait().map_err(|error| error.to_string())? {
                return Err(format!("it ended: {status}"));
            }
            if let Some(pid) = child(self.holder.id()).and_then(child) {
                self.at.pid = pid;
                let state = self.at.says(&["systemctl", "is-system-running"], "");
                let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
                if matches!(state.as_str(), "running" | "degraded") {
                    return Ok(());
                }
            }
            if begun.elapsed() > BOOT_TIME_MAX {
                return Err("it took too long".into());
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// A cable between two machines, and an address at each end.
    pub fn wire(&self, own: &str, other: &Self, address: &str) {
        let pid = other.at.pid.to_string();
        let end = ["type", "veth", "peer", "name", "wire", "netns", &pid];
        self.at.net(&[&["ip", "link", "add", "wire"][..], &end].concat());
        for (machine, address) in [(self, own), (other, address)] {
            machine.at.net(&["ip", "addr", "add", &format!("{address}/24"), "dev", "wire"]);
            machine.at.net(&["ip", "link", "set", "wire", "up"]);
        }
    }
}
