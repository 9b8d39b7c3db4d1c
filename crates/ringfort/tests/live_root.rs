//! A real Debian machine that patches itself: ringfort runs with the test root as its own `/`, and
//! `patch` and `undo` act on that `/`.
//!
//! The root gets mount, process, network, IPC and host name namespaces of its own; it has no
//! network, so a copy of the signed metadata and of the waiting packages stands inside it as a
//! mirror. systemd does not run there, but the folder that says so is there, and a stand-in for
//! `systemctl` writes down what it is asked: so it is seen which services would really restart.
//! Needs root, the test root, and the package mirror once.
#![expect(clippy::disallowed_methods, reason = "the test runs the real program and the real apt")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use testkit::mirror::Mirrors;
use testkit::roots::{self, Root};

use support::{assert_same, fingerprint, text};

mod support;

/// What the test itself puts into the root.
const OWN: &str = "opt/ringfort-test";

/// A file that stands for the data of a service.
const DATA: &str = "var/lib/service";

/// Makes `$1` the root of everything that follows, and refuses if what it then sees is not marked
/// as a test root.
const ENTER: &str = r#"
set -eu
root=$1
shift
mount --rbind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    : > "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock" "$root/run/systemd/system" "$root/run/old"
cd "$root"
pivot_root . run/old
umount -l /run/old
rmdir /run/old
[ -e /opt/ringfort-test/this-is-a-test-root ]
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/opt/ringfort-test/home RINGFORT_CONFIG=/opt/ringfort-test/config.toml \
    RINGFORT_PASSPHRASE_FILE=/opt/ringfort-test/passphrase "$@"
"#;

/// Puts a mirror into the root that holds what waits: the signed metadata as it is, and the
/// packages. Also `mount`, which every Debian machine has and this small root has not.
const PREPARE: &str = r#"
set -eu
main=$1 security=$2 key=$3
export DEBIAN_FRONTEND=noninteractive
printf 'deb %s%s bookworm main\n' "$key" "$main" > /etc/apt/sources.list
apt-get -qq update
apt-get -qq -y --no-install-recommends install mount
printf 'deb %s%s bookworm-security main\n' "$key" "$security" >> /etc/apt/sources.list
apt-get -qq update
get() {
    mkdir -p "$(dirname "$2")"
    /usr/lib/apt/apt-helper -q download-file "$1" "$2" > /dev/null
}
archive() {
    for file in InRelease main/binary-amd64/Packages.xz; do
        get "$1/dists/$3/$file" "/srv/mirror/$2/dists/$3/$file"
    done
}
archive "$main" debian bookworm
archive "$security" debian-security bookworm-security
apt-get -qq --print-uris dist-upgrade | while read -r uri name rest; do
    uri=${uri#\'}
    uri=${uri%\'}
    case "$uri" in
        "$security"/*) to=debian-security/${uri#"$security"/} ;;
        *) to=debian/${uri#"$main"/} ;;
    esac
    name=$(printf '%s' "$name" | sed 's/_[0-9]*%3a/_/')
    get "$uri" "/srv/mirror/$(dirname "$to")/$name"
done
printf 'deb %scopy:/srv/mirror/debian bookworm main\n' "$key" > /etc/apt/sources.list
apt-get clean
rm -rf /var/lib/apt/lists/* /etc/resolv.conf
"#;

/// Writes down what it is asked and says that everything is enabled and runs.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$*" >> /opt/ringfort-test/systemctl.log
case "$*" in *is-enabled*) echo enabled ;; esac
"#;

struct Machine {
    dir: tempfile::TempDir,
}

impl Machine {
    /// A machine of its own, or why there is none.
    fn new() -> Option<Self> {
        let skip = |reason: String| {
            println!("SKIPPED: {reason}");
            None
        };
        if !rustix::process::geteuid().is_root() {
            return skip("root is needed".into());
        }
        let archive = match roots::ready(Root::Mini) {
            Ok(archive) => archive,
            Err(reason) => return skip(reason.to_string()),
        };
        let mirrors = Mirrors::of_machine(Path::new("/"));
        let (Some(main), Some(security)) = (mirrors.main, mirrors.security) else {
            return skip("this machine's apt sources name no Debian archive".into());
        };
        let dir = tempfile::Builder::new().prefix("live").tempdir_in("/var/tmp").unwrap();
        let machine = Self { dir };
        std::fs::create_dir(machine.root()).unwrap();
        roots::unpack(&archive, &machine.root()).unwrap();
        let _ = std::fs::copy("/etc/resolv.conf", machine.root().join("etc/resolv.conf"));
        let key = main.signed_by.map(|key| format!("[signed-by={key}] ")).unwrap_or_default();
        let root = machine.root().display().to_string();
        let prepared = Command::new("chroot")
            .args([&root, "sh", "-c", PREPARE, "prepare", &main.uri, &security.uri, &key])
            .output()
            .unwrap();
        if !prepared.status.success() {
            return skip(format!("the package mirror does not answer: {}", text(&prepared)));
        }
        machine.furnish();
        let made = machine.ringfort(&["keys", "init"]);
        assert!(made.status.success(), "{}", text(&made));
        Some(machine)
    }

    /// The program, a key's passphrase, and the stand-in for systemd.
    fn furnish(&self) {
        let own = self.root().join(OWN);
        std::fs::create_dir_all(own.join("home")).unwrap();
        let executable = |path: PathBuf| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        std::fs::copy(env!("CARGO_BIN_EXE_ringfort"), own.join("ringfort")).unwrap();
        executable(own.join("ringfort"));
        std::fs::write(own.join("config.toml"), "").unwrap();
        std::fs::write(own.join("passphrase"), "correct horse battery\n").unwrap();
        std::fs::write(own.join("this-is-a-test-root"), "").unwrap();
        std::fs::write(self.root().join("etc/machine-id"), "0123456789abcdef".repeat(2)).unwrap();
        let systemctl = self.root().join("usr/bin/systemctl");
        std::fs::write(&systemctl, SYSTEMCTL).unwrap();
        executable(systemctl);
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// Runs a program on the machine itself.
    fn inside(&self, program: &[&str]) -> Output {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--pid", "--fork"]);
        command.args(["--kill-child=KILL", "--ipc", "--uts", "--net", "--"]);
        command.args(["sh", "-c", ENTER, "enter"]).arg(self.root());
        command.args(program).output().unwrap()
    }

    fn ringfort(&self, args: &[&str]) -> Output {
        let mut program = vec!["/opt/ringfort-test/ringfort"];
        program.extend(args);
        self.inside(&program)
    }

    /// The same, and it must end well.
    fn does(&self, args: &[&str]) -> String {
        let output = self.ringfort(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    }

    /// The whole machine but the file that stands for the data of a service.
    fn look(&self) -> BTreeMap<PathBuf, String> {
        let mut all = fingerprint(&self.root());
        assert!(all.remove(Path::new(DATA)).is_some());
        all
    }

    fn versions(&self) -> BTreeMap<String, String> {
        let output = self.inside(&["dpkg-query", "-W", "-f=${Package} ${Version}\n"]);
        let listed = String::from_utf8(output.stdout).unwrap();
        let pair = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
        listed.lines().filter_map(pair).collect()
    }

    /// What the stand-in for systemd was asked since this was last called.
    fn asked_of_systemd(&self) -> String {
        let path = self.root().join(OWN).join("systemctl.log");
        let asked = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, "").unwrap();
        asked
    }
}

#[test]
fn the_running_system_patches_itself_and_takes_it_back_byte_for_byte() {
    let Some(machine) = Machine::new() else { return };
    let data = machine.root().join(DATA);
    std::fs::write(&data, "before").unwrap();
    let (before, old) = (machine.look(), machine.versions());

    let tried = machine.does(&["patch", "rsync", "--dry-run", "--json"]);
    assert!(tried.contains(r#""passed":true"#), "{tried}");
    let restarts = r#"{"name":"rsync","why":"script","verb":"restart"}"#;
    assert!(tried.contains(restarts), "{tried}");
    assert_same(&before, &machine.look());
    assert_eq!(machine.asked_of_systemd(), "", "a dry run reaches no service");

    machine.does(&["up", "--once"]);
    let patched = machine.does(&["patch", "rsync", "--yes"]);
    assert!(patched.contains("a new scan no longer finds it: fixed"), "{patched}");
    assert_ne!(machine.versions()["rsync"], old["rsync"]);
    let asked = machine.asked_of_systemd();
    assert!(asked.contains("restart rsync.service"), "{asked}");
    machine.does(&["up", "--once"]);
    let happened = machine.does(&["events"]);
    let (was, is) = (&old["rsync"], &machine.versions()["rsync"]);
    for expected in [
        "ringfort started for the first time".to_owned(),
        format!("rsync:amd64 {was} is installed"),
        "ringfort started again after it had ended".to_owned(),
        format!("rsync:amd64 was updated from {was} to {is}"),
    ] {
        assert!(happened.contains(&expected), "{expected}: {happened}");
    }
    std::fs::write(&data, "written since").unwrap();
    machine.does(&["undo", "--last", "--yes"]);
    assert_eq!(std::fs::read(&data).unwrap(), b"written since", "the data of others stays");
    let asked = machine.asked_of_systemd();
    assert!(asked.contains("try-restart rsync.service"), "{asked}");
    assert_eq!(machine.versions(), old);
    assert_same(&before, &machine.look());

    let patched = machine.does(&["patch", "--all", "--yes"]);
    assert!(patched.contains("a new scan no longer finds it: fixed"), "{patched}");
    let new = machine.versions();
    let changed: Vec<&String> =
        new.keys().filter(|name| new.get(*name) != old.get(*name)).collect();
    println!("upgraded on `/` itself: {changed:?}");
    assert!(changed.len() > 1, "{changed:?}");
    machine.does(&["undo", "--last", "--yes"]);
    assert_eq!(machine.versions(), old);
    assert_same(&before, &machine.look());
    let verified = machine.does(&["verify", "--json"]);
    assert!(verified.contains("\"outcome\""), "{verified}");
}
