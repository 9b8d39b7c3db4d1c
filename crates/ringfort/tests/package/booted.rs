//! A Debian root that is booted: systemd runs as its first process, in systemd-nspawn, with a
//! network of its own.
//!
//! It lies in cgroups that were made for it, and ends with this process, however that ends.

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
    mkdir "$hierarchy/$name" && echo $$ > "$hierarchy/$name/cgroup.procs"
done
exec setpriv --pdeathsig=KILL systemd-nspawn --quiet --boot --directory="$root" \
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
    nspawn: Child,
}

impl Drop for Booted {
    fn drop(&mut self) {
        // Its first process ends with it, and all others with that.
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
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
        for timer in ["apt-daily", "apt-daily-upgrade", "dpkg-db-backup", "systemd-tmpfiles-clean"] {
            let mask = root.join(format!("etc/systemd/system/{timer}.timer"));
            std::os::unix::fs::symlink("/dev/null", mask).unwrap();
        }
        let console = std::fs::File::create(dir.join(format!("{name}.console"))).unwrap();
        let name = format!("ringfort-test-{name}-{}", std::process::id());
        let nspawn = Command::new("sh")
            .args(["-c", BOOT, "boot", &name])
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut booted = Self { at: Inside { pid: 0 }, root, name, nspawn };
        booted.wait().map_err(|reason| {
            let console = std::fs::read_to_string(dir.join(format!("{name}.console")));
            let console = console.unwrap_or_default();
            let last: Vec<&str> = console.lines().rev().take(5).collect();
            format!("systemd-nspawn does not boot here ({reason}): {last:?}")
        })?;
        Ok(booted)
    }

    fn wait(&mut self) -> Result<(), String> {
        let begun = Instant::now();
        let children = format!("/proc/{0}/task/{0}/children", self.nspawn.id());
        loop {
            if let Some(status) = self.nspawn.try_wait().map_err(|error| error.to_string())? {
                return Err(format!("it ended: {status}"));
            }
            let listed = std::fs::read_to_string(&children).unwrap_or_default();
            if let Some(pid) = listed.split_whitespace().next().and_then(|pid| pid.parse().ok()) {
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
