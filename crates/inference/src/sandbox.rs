//! What the worker gives up before it reads a byte of the weights.
//!
//! Three walls, each enough to keep a hostile model file from reaching a file or a network: Landlock (the one file,
//! read only), seccomp (about eighty calls, with arguments checked where that matters) and resource limits. There is
//! no switch to run without them: where one cannot be had, [`confine`] says why and the engine does not start.
//!
//! Two steps, because llama.cpp opens the weights by path (`/proc/self/fd/N` of the inherited descriptor) while it
//! loads: [`confine`] still lets a file be opened for reading, and Landlock lets that be the weights and nothing else;
//! [`seal`] takes away opening, and further filters, once the weights are in memory.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::BorrowedFd;

/// Why the worker could not be confined.
#[derive(Debug)]
pub(crate) enum SandboxError {
    Limit { name: &'static str, error: nix::Error },
    Process { name: &'static str, error: nix::Error },
    Landlock(String),
    Seccomp(String),
}

impl fmt::Display for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { name, error } => write!(f, "the resource limit {name} cannot be set: {error}"),
            Self::Process { name, error } => write!(f, "the process attribute {name} cannot be set: {error}"),
            Self::Landlock(why) => write!(f, "Landlock is not to be had: {why}"),
            Self::Seccomp(why) => write!(f, "seccomp is not to be had: {why}"),
        }
    }
}

/// Takes off every right but reading `weights` and serving sockets that are already open.
///
/// Call it while the process has one thread: later threads inherit the restrictions, earlier ones would not.
pub(crate) fn confine(weights: BorrowedFd<'_>, memory_max_bytes: u64) -> Result<(), SandboxError> {
    set_limits(memory_max_bytes)?;
    nix::sys::prctl::set_no_new_privs()
        .map_err(|error| SandboxError::Process { name: "PR_SET_NO_NEW_PRIVS", error })?;
    restrict_files_and_network(weights)?;
    install(&loading_filter()?)?;
    install(&without_clone3()?)
}

/// Takes away opening files and every further change of the sandbox, in all threads.
pub(crate) fn seal() -> Result<(), SandboxError> {
    let filter = compile(serving_calls()?, SeccompAction::Errno(EPERM), SeccompAction::Allow)?;
    seccompiler::apply_filter_all_threads(&filter).map_err(seccomp_error)
}

fn set_limits(memory_max_bytes: u64) -> Result<(), SandboxError> {
    let limits = [
        ("RLIMIT_CORE", Resource::RLIMIT_CORE, 0),
        ("RLIMIT_FSIZE", Resource::RLIMIT_FSIZE, 0),
        ("RLIMIT_NOFILE", Resource::RLIMIT_NOFILE, DESCRIPTORS_MAX),
        ("RLIMIT_AS", Resource::RLIMIT_AS, memory_max_bytes),
    ];
    for (name, resource, value) in limits {
        setrlimit(resource, value, value).map_err(|error| SandboxError::Limit { name, error })?;
    }
    Ok(())
}

/// Connections plus what the runtime needs.
const DESCRIPTORS_MAX: u64 = 1024;

fn restrict_files_and_network(weights: BorrowedFd<'_>) -> Result<(), SandboxError> {
    // Files are a hard requirement (Linux 5.13). Ports (6.7) and scopes (6.12) are taken where the kernel has them;
    // where it has not, seccomp's refusal of `socket` and `connect` stands in for both.
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .map_err(landlock_error)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V7))
        .map_err(landlock_error)?
        .handle_access(AccessNet::from_all(ABI::V7))
        .map_err(landlock_error)?
        .scope(Scope::from_all(ABI::V7))
        .map_err(landlock_error)?
        .create()
        .map_err(landlock_error)?
        .add_rule(PathBeneath::new(weights, AccessFs::ReadFile))
        .map_err(landlock_error)?
        .restrict_self()
        .map_err(landlock_error)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => {
            Err(SandboxError::Landlock("the kernel does not enforce it".to_owned()))
        }
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
    }
}

/// The library names its own types; an operator needs to know what the machine lacks.
fn landlock_error(error: impl std::error::Error) -> SandboxError {
    let root = std::iter::successors(error.source(), |error| error.source()).last();
    let system = root.and_then(|root| root.downcast_ref::<std::io::Error>());
    let detail = system.map(|error| format!(" ({error})")).unwrap_or_default();
    SandboxError::Landlock(format!(
        "this kernel does not offer it; it takes Linux 5.13 or newer with `landlock` in /sys/kernel/security/lsm{detail}"
    ))
}

fn seccomp_error(error: impl fmt::Display) -> SandboxError {
    SandboxError::Seccomp(error.to_string())
}

fn install(filter: &BpfProgram) -> Result<(), SandboxError> {
    seccompiler::apply_filter(filter).map_err(seccomp_error)
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    mismatch: SeccompAction,
    matching: SeccompAction,
) -> Result<BpfProgram, SandboxError> {
    let architecture = std::env::consts::ARCH.try_into().map_err(seccomp_error)?;
    let filter = SeccompFilter::new(rules, mismatch, matching, architecture).map_err(seccomp_error)?;
    filter.try_into().map_err(seccomp_error)
}

const EPERM: u32 = libc::EPERM as u32;
const ENOSYS: u32 = libc::ENOSYS as u32;

/// What loading needs beside serving: opening for reading, and installing the second filter.
fn loading_filter() -> Result<BpfProgram, SandboxError> {
    let writing = (libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC | libc::O_TMPFILE) as u64
        & !(libc::O_DIRECTORY as u64);
    let mut calls = serving_calls()?;
    calls.insert(libc::SYS_openat, vec![when(2, SeccompCmpOp::MaskedEq(writing), 0)?]);
    calls.insert(libc::SYS_seccomp, Vec::new());
    calls.insert(
        libc::SYS_prctl,
        vec![
            when(0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64)?,
            when(0, SeccompCmpOp::Eq, libc::PR_SET_NO_NEW_PRIVS as u64)?,
        ],
    );
    compile(calls, SeccompAction::Errno(EPERM), SeccompAction::Allow)
}

/// `clone3` takes its flags by pointer, where a filter cannot see them. Saying "no such call" makes the C library use
/// `clone`, whose flags are checked: threads yes, processes no.
fn without_clone3() -> Result<BpfProgram, SandboxError> {
    let calls = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    compile(calls, SeccompAction::Allow, SeccompAction::Errno(ENOSYS))
}

/// The calls of a worker that has its weights and its listening socket.
fn serving_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, SandboxError> {
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> =
        FREE_CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let thread = (libc::CLONE_VM | libc::CLONE_THREAD) as u64;
    let executable = libc::PROT_EXEC as u64;
    let own_process = u64::from(std::process::id());
    calls.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // Left to `without_clone3`: of two filters that refuse, the younger one's error counts, and it must be that one's.
    calls.insert(libc::SYS_clone3, Vec::new());
    calls.insert(libc::SYS_mmap, vec![when(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
    calls.insert(libc::SYS_mprotect, vec![when(2, SeccompCmpOp::MaskedEq(executable), 0)?]);
    // Non-blocking mode of an accepted socket; every other device request is refused.
    calls.insert(libc::SYS_ioctl, vec![when(1, SeccompCmpOp::Eq, libc::FIONBIO)?]);
    // A destination address would reach other sockets; a connected one needs none.
    calls.insert(libc::SYS_sendto, vec![when(4, SeccompCmpOp::Eq, 0)?]);
    calls.insert(libc::SYS_prlimit64, vec![when(2, SeccompCmpOp::Eq, 0)?]);
    calls.insert(libc::SYS_prctl, vec![when(0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64)?]);
    // `abort` signals its own thread; no other process can be signalled.
    calls.insert(libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, own_process)?]);
    Ok(calls)
}

fn when(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, SandboxError> {
    let length = SeccompCmpArgLen::Qword;
    let condition = SeccompCondition::new(argument, length, operator, value).map_err(seccomp_error)?;
    SeccompRule::new(vec![condition]).map_err(seccomp_error)
}

const FREE_CALLS: &[i64] = &[
    // Descriptors that are already open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_accept4,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_fadvise64,
    // Metadata: `stat` tells no content, and the C library asks on every stream it opens.
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    // Memory.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // Threads.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_membarrier,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    // Time, waiting, chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_getrandom,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_time,
];
