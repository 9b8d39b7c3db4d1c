//! A copy of a root in namespaces of its own: an overlay file system takes every change, the root
//! below stays as it is. One mechanism gives the dry run, the list of changes and the trial of the
//! undo, with everything that maintainer scripts do.

pub mod calls;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use spine::rng::random_bytes;

use crate::child::{Child, Output};
use crate::engine::Shared;
use crate::error::{ActError, During as _};
use crate::limits::SHADOW_TMPFS_BYTES;

/// File systems that hold data of a root. Everything else that is mounted below one is the
/// kernel's, another machine's, or a container's.
const REAL_FILE_SYSTEMS: [&str; 8] =
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat", "zfs"];
/// statfs(2) type of an overlay, which cannot carry the upper layer of another one.
const OVERLAY_MAGIC: i64 = 0x794c_7630;

/// A copy of a root.
pub struct Shadow {
    dir: PathBuf,
    mounts: Vec<PathBuf>,
    /// Where the copy is seen whole.
    pub merged: PathBuf,
}

impl Shadow {
    /// Makes a copy. Nothing of the root is read or written yet.
    pub(crate) fn of(shared: &Shared, root: &Path) -> Result<Self, ActError> {
        let name = hex::encode(random_bytes::<8>(shared.config.rng.as_ref()));
        let dir = shared.dir("shadow").join(name);
        let merged = dir.join("merged");
        fs::create_dir_all(&merged).during(|| format!("making `{}`", dir.display()))?;
        let mut shadow = Self { dir: dir.clone(), mounts: Vec::new(), merged };
        let doing = || format!("mounting a copy of `{}`", root.display());
        let magic = rustix::fs::statfs(&dir).map_err(io::Error::from).during(doing)?.f_type;
        if magic == OVERLAY_MAGIC {
            let size = format!("size={SHADOW_TMPFS_BYTES},mode=700");
            shadow.mount("tmpfs", &dir, "tmpfs", &size)?;
            fs::create_dir_all(&shadow.merged).during(doing)?;
        }
        let mut lowers = vec![(root.to_path_buf(), PathBuf::new())];
        lowers.extend(real_mounts_below(root, &shared.config.dir).during(doing)?);
        for (index, (lower, place)) in lowers.iter().enumerate() {
            let (upper, work) =
                (dir.join(format!("upper-{index}")), dir.join(format!("work-{index}")));
            for path in [&upper, &work] {
                fs::create_dir_all(path).during(doing)?;
            }
            copy_attributes(lower, &upper).during(doing)?;
            let text = |path: &Path| path.display().to_string();
            let options = format!(
                "lowerdir={},upperdir={},workdir={}",
                text(lower),
                text(&upper),
                text(&work)
            );
            if [lower.as_path(), &dir].iter().any(|path| text(path).contains([':', ',', '\\'])) {
                return Err(ActError::refused(format!(
                    "`{}` has a character in its path that an overlay cannot take",
                    lower.display()
                )));
            }
            let at = shadow.merged.join(place);
            shadow.mount("overlay", &at, "overlay", &options)?;
        }
        // What runs in the copy sees none of ringfort's keys and records, and the copy does not
        // contain itself.
        if let Some(own) = own_place(shared, root) {
            let at = shadow.merged.join(own);
            shadow.mount("tmpfs", &at, "tmpfs", "size=64k,mode=700")?;
        }
        Ok(shadow)
    }

    fn mount(
        &mut self,
        source: &str,
        at: &Path,
        kind: &str,
        options: &str,
    ) -> Result<(), ActError> {
        let doing = || format!("mounting `{}`", at.display());
        let data = std::ffi::CString::new(options).map_err(io::Error::from).during(doing)?;
        mount(source, at, kind, MountFlags::empty(), data.as_c_str())
            .map_err(io::Error::from)
            .during(doing)?;
        self.mounts.push(at.to_path_buf());
        Ok(())
    }

    /// A folder beside the copy, for what is told out of it.
    pub fn beside(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.dir.join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        for at in self.mounts.iter().rev() {
            if let Err(error) = unmount(at, UnmountFlags::DETACH) {
                tracing::warn!(%error, at = %at.display(), "a copy stays mounted until the next start");
                return;
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::warn!(%error, dir = %self.dir.display(), "a copy stays until the next start");
        }
    }
}

/// Removes what copies of a killed process left behind.
pub fn sweep(dir: &Path) -> Result<(), ActError> {
    let doing = || format!("sweeping `{}`", dir.display());
    let mut mounts: Vec<PathBuf> = mount_points().during(doing)?.into_iter().map(|m| m.0).collect();
    mounts.retain(|at| at.starts_with(dir) && at != dir);
    mounts.sort();
    for at in mounts.iter().rev() {
        unmount(at, UnmountFlags::DETACH).map_err(io::Error::from).during(doing)?;
    }
    let still = mount_points().during(doing)?;
    if still.iter().any(|(at, _)| at.starts_with(dir) && at != dir) {
        return Err(ActError::refused(format!("`{}` is still in use", dir.display())));
    }
    for entry in fs::read_dir(dir).during(doing)? {
        fs::remove_dir_all(entry.during(doing)?.path()).during(doing)?;
    }
    Ok(())
}

/// Mount points of this machine with their file systems (proc(5), mountinfo).
fn mount_points() -> io::Result<Vec<(PathBuf, String)>> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    let point = |line: &str| {
        let (fields, rest) = line.split_once(" - ")?;
        let at = fields.split(' ').nth(4)?;
        let kind = rest.split(' ').next()?;
        Some((PathBuf::from(unescape(at)), kind.to_owned()))
    };
    Ok(text.lines().filter_map(point).collect())
}

/// mountinfo writes space, tab, line break and backslash as `\ooo`.
fn unescape(text: &str) -> String {
    let mut plain = text.to_owned();
    for (code, c) in [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")] {
        plain = plain.replace(code, c);
    }
    plain
}

/// The place of ringfort's own state inside a root, where it is inside: the whole data folder.
fn own_place(shared: &Shared, root: &Path) -> Option<PathBuf> {
    let state = shared.config.dir.canonicalize().ok()?;
    let own = shared.config.own_paths.iter().filter_map(|own| own.canonicalize().ok());
    let outermost = own.filter(|own| own.is_dir() && state.starts_with(own)).min();
    let place = outermost.unwrap_or(state).strip_prefix(root).ok()?.to_path_buf();
    (!place.as_os_str().is_empty()).then_some(place)
}

/// Places inside a root that no index goes into: ringfort's own state, and what is mounted there
/// without being the root's own data (another machine's disk, a container).
pub(crate) fn left_out(shared: &Shared, root: &Path) -> io::Result<Vec<PathBuf>> {
    let foreign = mount_points()?
        .into_iter()
        .filter(|(_, kind)| !REAL_FILE_SYSTEMS.contains(&kind.as_str()))
        .filter_map(|(at, _)| Some(at.strip_prefix(root).ok()?.to_path_buf()))
        .filter(|place| !place.as_os_str().is_empty());
    Ok(foreign.chain(own_place(shared, root)).collect())
}

/// Mounts of real file systems below a root, with their place inside it.
fn real_mounts_below(root: &Path, own: &Path) -> io::Result<Vec<(PathBuf, PathBuf)>> {
    let mut mounts: Vec<(PathBuf, PathBuf)> = mount_points()?
        .into_iter()
        .filter(|(at, kind)| {
            at != root && REAL_FILE_SYSTEMS.contains(&kind.as_str()) && at.is_dir()
        })
        .filter_map(|(at, _)| {
            let place = at.strip_prefix(root).ok()?.to_path_buf();
            (!crate::tree::is_excluded(&place)).then_some((at, place))
        })
        .filter(|(at, _)| !at.starts_with(own))
        .collect();
    mounts.sort();
    mounts.dedup();
    Ok(mounts)
}

/// The copy's own root folder looks like the root's.
fn copy_attributes(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(from)?;
    std::os::unix::fs::chown(to, Some(meta.uid()), Some(meta.gid()))?;
    fs::set_permissions(to, meta.permissions())?;
    let times = fs::FileTimes::new().set_modified(meta.modified()?);
    fs::File::open(to)?.set_times(times)
}

/// What a program inside a root gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inside<'a> {
    /// The root: a copy, or a real one that is not the running system.
    pub root: Option<&'a Path>,
    /// Whether it may reach the network.
    pub network: bool,
    /// The folder that stands in for apt's archives.
    pub debs: Option<&'a Path>,
    /// The folder that stands in for apt's lists.
    pub lists: Option<&'a Path>,
    /// The folder that stands in for apt's further sources.
    pub sources: Option<&'a Path>,
    /// The folder that takes down what is asked of services (see [`calls`]).
    pub calls: Option<&'a Path>,
    /// The file that stands in for standard input (see [`crate::apt::at_work`]).
    pub held: Option<&'a fs::File>,
}

/// Mounts what a program needs, in mount and process namespaces of its own, then runs it in the
/// root. The text is constant; everything that varies comes as a positional parameter.
const ENTER: &str = r#"
set -eu
root=$1 debs=$2 lists=$3 sources=$4 calls=$5
shift 5
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755,size=256m tmpfs "$root/run"
mount -t tmpfs -o mode=755,size=4m tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    : > "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/run/lock"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
if [ -n "$debs" ]; then mount --bind "$debs" "$root/var/cache/apt/archives"; fi
if [ -n "$sources" ]; then mount --bind "$sources" "$root/etc/apt/sources.list.d"; fi
if [ -n "$lists" ]; then mount --bind "$lists" "$root/var/lib/apt/lists"; fi
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
if [ -n "$calls" ]; then
    mkdir "$root/run/ringfort"
    mount --bind "$calls" "$root/run/ringfort"
    path=/run/ringfort/bin:$path
    if [ -e "$calls/systemd" ]; then mkdir -p "$root/run/systemd/system"; fi
fi
exec chroot "$root" /usr/bin/env -i \
    PATH="$path" \
    LC_ALL=C.UTF-8 HOME=/root TERM=dumb DEBIAN_FRONTEND=noninteractive \
    APT_LISTCHANGES_FRONTEND=none NEEDRESTART_SUSPEND=1 "$@"
"#;

/// Runs a program inside a root, in namespaces that die with it.
pub fn run_inside(
    inside: Inside<'_>,
    program: &[&str],
    time_max: Duration,
) -> Result<Output, ActError> {
    let root = inside.root.ok_or_else(|| ActError::refused("no root was given"))?;
    let text = |path: Option<&Path>| path.map_or(String::new(), |path| path.display().to_string());
    let (root, debs, lists, sources) =
        (text(Some(root)), text(inside.debs), text(inside.lists), text(inside.sources));
    let calls = text(inside.calls);
    let mut args = vec!["--mount", "--propagation", "private", "--pid", "--fork"];
    args.extend(["--kill-child=KILL", "--ipc", "--uts"]);
    if !inside.network {
        args.push("--net");
    }
    args.extend(["--", "/bin/sh", "-c", ENTER, "ringfort", &root, &debs, &lists, &sources]);
    args.push(&calls);
    args.extend(program);
    Child::new("unshare", time_max).held(inside.held).args(args).run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_with_odd_characters_read() {
        assert_eq!(unescape("/srv/a\\040b\\134c"), "/srv/a b\\c");
        assert!(mount_points().unwrap().iter().any(|(at, _)| at == Path::new("/")));
    }
}
