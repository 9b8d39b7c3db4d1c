//! Which host this is: the same answer in every process of ringfort on one machine.

use std::path::Path;

use spine::HostId;

/// This machine's id: the hash of `/etc/machine-id` (machine-id(5): 32 hexadecimal digits,
/// confidential, so only its hash leaves the file), or of the host name where there is none.
pub fn host_id() -> HostId {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let known = |text: &String| text.trim().len() == 32;
    let identity = read("/etc/machine-id")
        .filter(known)
        .or_else(|| read("/var/lib/dbus/machine-id").filter(known))
        .or_else(|| read("/proc/sys/kernel/hostname"))
        .unwrap_or_default();
    hash(&("machine", identity.trim()))
}

/// The id under which a root file system is kept: the machine's own for `/`, else one made of the
/// machine and the path.
pub fn root_id(root: &Path) -> HostId {
    if root == Path::new("/") {
        return host_id();
    }
    hash(&("root", host_id(), root.display().to_string()))
}

fn hash(value: &impl serde::Serialize) -> HostId {
    #[expect(clippy::expect_used, reason = "a tuple of strings always has a canonical form")]
    HostId(spine::hash_canonical("host", value).expect("strings serialise"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_and_its_roots_have_different_stable_ids() {
        assert_eq!(host_id(), host_id());
        assert_eq!(root_id(Path::new("/")), host_id());
        assert_ne!(root_id(Path::new("/srv/a")), root_id(Path::new("/srv/b")));
    }
}
