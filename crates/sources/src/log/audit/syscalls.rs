//! The system calls that matter here, by their numbers (Linux `asm/unistd.h`).

/// What a system call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Execute,
    /// Opens, and makes what is not there.
    Open,
    Rename,
    Delete,
    Truncate,
    Link,
    MakeFolder,
    Attributes,
    Owner,
    Mount,
    Connect,
    Accept,
    Bind,
    Trace,
    LoadModule,
    UnloadModule,
    SetUser,
    Kill,
}

/// Name, number on x86-64, number on AArch64 (-1 where there is none), what it does.
const CALLS: &[(&str, i64, i64, Act)] = &[
    ("execve", 59, 221, Act::Execute),
    ("execveat", 322, 281, Act::Execute),
    ("open", 2, -1, Act::Open),
    ("openat", 257, 56, Act::Open),
    ("openat2", 437, 437, Act::Open),
    ("creat", 85, -1, Act::Open),
    ("mknod", 133, -1, Act::Open),
    ("mknodat", 259, 33, Act::Open),
    ("rename", 82, -1, Act::Rename),
    ("renameat", 264, 38, Act::Rename),
    ("renameat2", 316, 276, Act::Rename),
    ("unlink", 87, -1, Act::Delete),
    ("unlinkat", 263, 35, Act::Delete),
    ("rmdir", 84, -1, Act::Delete),
    ("truncate", 76, 45, Act::Truncate),
    ("ftruncate", 77, 46, Act::Truncate),
    ("link", 86, -1, Act::Link),
    ("linkat", 265, 37, Act::Link),
    ("symlink", 88, -1, Act::Link),
    ("symlinkat", 266, 36, Act::Link),
    ("mkdir", 83, -1, Act::MakeFolder),
    ("mkdirat", 258, 34, Act::MakeFolder),
    ("chmod", 90, -1, Act::Attributes),
    ("fchmod", 91, 52, Act::Attributes),
    ("fchmodat", 268, 53, Act::Attributes),
    ("setxattr", 188, 5, Act::Attributes),
    ("removexattr", 197, 14, Act::Attributes),
    ("chown", 92, -1, Act::Owner),
    ("fchown", 93, 55, Act::Owner),
    ("lchown", 94, -1, Act::Owner),
    ("fchownat", 260, 54, Act::Owner),
    ("mount", 165, 40, Act::Mount),
    ("connect", 42, 203, Act::Connect),
    ("accept", 43, 202, Act::Accept),
    ("accept4", 288, 242, Act::Accept),
    ("bind", 49, 200, Act::Bind),
    ("ptrace", 101, 117, Act::Trace),
    ("process_vm_writev", 311, 271, Act::Trace),
    ("init_module", 175, 105, Act::LoadModule),
    ("finit_module", 313, 273, Act::LoadModule),
    ("delete_module", 176, 106, Act::UnloadModule),
    ("setuid", 105, 146, Act::SetUser),
    ("setreuid", 113, 145, Act::SetUser),
    ("setresuid", 117, 147, Act::SetUser),
    ("kill", 62, 129, Act::Kill),
];

/// The call of a number on an architecture, as the audit system writes both.
pub(crate) fn call(arch: &str, number: &str) -> Option<(&'static str, Act)> {
    let on_arm = match arch {
        "c000003e" | "x86_64" => false,
        "c00000b7" | "aarch64" => true,
        _ => return by_name(number),
    };
    let Ok(number) = number.parse::<i64>() else { return by_name(number) };
    let found = CALLS
        .iter()
        .find(|(_, intel, arm, _)| number >= 0 && number == if on_arm { *arm } else { *intel });
    found.map(|(name, _, _, act)| (*name, *act))
}

/// The call of a name, as the enriched form writes it.
pub(crate) fn by_name(name: &str) -> Option<(&'static str, Act)> {
    CALLS.iter().find(|(known, ..)| *known == name).map(|(name, _, _, act)| (*name, *act))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_by_architecture() {
        assert_eq!(call("c000003e", "59"), Some(("execve", Act::Execute)));
        assert_eq!(call("c00000b7", "221"), Some(("execve", Act::Execute)));
        assert_eq!(call("c00000b7", "59"), None);
        assert_eq!(call("40000003", "11"), None);
        assert_eq!(call("c000003e", "-1"), None);
    }
}
