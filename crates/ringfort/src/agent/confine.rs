//! Confinement for processes that read hostile bytes: Landlock (only the named paths, no network)
//! and a seccomp allow-list (no sockets, no new programs, no tracing of others).
//!
//! A kernel without Landlock is said so in the result; the seccomp filter always has to hold.

use std::collections::BTreeMap;
use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, path_beneath_rules,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// What holds a confined process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Whether Landlock is in force (fully or for what this kernel knows).
    pub landlock: bool,
}

/// What a confined process may still do.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<'a> {
    /// Files and folders that it may read.
    pub read: &'a [&'a Path],
    /// Folders in which it may write.
    pub write: &'a [&'a Path],
    /// Whether it may look at other processes through /proc. Landlock also fences tracing, and
    /// with it the reading of other processes' maps, so it is left out then; opening any file
    /// for writing is forbidden by seccomp in its place.
    pub look_at_processes: bool,
}

/// Confines this process for good. Call it before the first hostile byte is read.
pub fn confine(allowed: &Allowed<'_>) -> Result<Confinement, String> {
    let landlock = if allowed.look_at_processes { false } else { landlock(allowed)? };
    let filter = filter(allowed)?;
    seccompiler::apply_filter_all_threads(&filter)
        .map_err(|error| format!("the seccomp filter was not taken: {error}"))?;
    Ok(Confinement { landlock })
}

fn landlock(allowed: &Allowed<'_>) -> Result<bool, String> {
    let abi = ABI::V5;
    let restrict = || -> Result<RulesetStatus, landlock::RulesetError> {
        let status = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(allowed.read, AccessFs::from_read(abi)))?
            .add_rules(path_beneath_rules(allowed.write, AccessFs::from_all(abi)))?
            .restrict_self()?;
        Ok(status.ruleset)
    };
    let status = restrict().map_err(|error| format!("Landlock was not taken: {error}"))?;
    Ok(status != RulesetStatus::NotEnforced)
}

/// System calls that reading, computing and writing results need. Anything else gives EPERM.
const CALLS: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clone3,
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_fstat,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_geteuid,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_getuid,
    libc::SYS_gettid,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_mkdirat,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    libc::SYS_poll,
    libc::SYS_pread64,
    libc::SYS_prlimit64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
];

/// Calls that open files by name: index of the flags argument.
const OPEN_CALLS: &[(libc::c_long, u8)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// What makes `clone` start a thread of this process.
const THREAD: u64 = libc::CLONE_THREAD as u64;
/// What makes it enter other namespaces.
const NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET) as u64;

fn filter(allowed: &Allowed<'_>) -> Result<BpfProgram, String> {
    let explain = |error| format!("the seccomp filter is wrong: {error}");
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        CALLS.iter().map(|call| (*call, Vec::new())).collect();
    for (call, flags) in OPEN_CALLS {
        let rule = if allowed.look_at_processes {
            // O_ACCMODE must be O_RDONLY (0): no file is opened for writing, /proc/PID/mem neither.
            let read_only = SeccompCondition::new(
                *flags,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::MaskedEq(libc::O_ACCMODE as u64),
                libc::O_RDONLY as u64,
            );
            let rule = read_only.and_then(|condition| SeccompRule::new(vec![condition]));
            vec![rule.map_err(|error| format!("the seccomp filter is wrong: {error}"))?]
        } else {
            Vec::new()
        };
        rules.insert(*call, rule);
    }
    // systemd takes `clone3` away where a unit may not enter namespaces (RestrictNamespaces=), and
    // the C library then starts threads with `clone`.
    let thread = SeccompCmpOp::MaskedEq(THREAD | NAMESPACES);
    let thread = SeccompCondition::new(0, SeccompCmpArgLen::Qword, thread, THREAD)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(explain)?;
    rules.insert(libc::SYS_clone, vec![thread]);
    if !allowed.look_at_processes {
        // Its flags lie in memory, out of the filter's reach; Landlock holds it there.
        rules.insert(libc::SYS_openat2, Vec::new());
    }
    let denied = SeccompAction::Errno(libc::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().map_err(explain)?;
    SeccompFilter::new(rules, denied, SeccompAction::Allow, arch)
        .and_then(BpfProgram::try_from)
        .map_err(explain)
}
