//! Landlock, seccomp and resource limits.
//!
//! Two steps, because some work needs a right only at its beginning: llama.cpp opens the weights by path
//! (`/proc/self/fd/N` of the inherited descriptor) while it loads, and a worker with a deep stack begins a thread for it.
//! [`confine`] still lets a file be opened for reading, and Landlock lets that be the named ones or none; [`seal`] takes
//! away opening, and further filters.

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::BorrowedFd;

/// Why a worker could not be confined.
#[derive(Debug)]
pub enum SandboxError {
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

impl std::error::Error for SandboxError {}

/// What is left to a worker.
#[derive(Debug, Clone, Copy)]
pub struct Confinement<'a> {
    /// The only files that may still be opened for reading until [`seal`].
    pub readable: &'a [BorrowedFd<'a>],
    /// Address space in bytes.
    pub memory_max_bytes: u64,
    /// Processor time in seconds, after which the kernel ends the worker.
    pub processor_s_max: Option<u64>,
    pub descriptors_max: u64,
}

/// What a sealed worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It serves sockets that are already open, with threads.
    Serving,
    /// It reads and writes what is already open, with the threads that there are.
    Piping,
}

/// Takes off every right but reading the named files and using what is already open.
///
/// Call it while the process has one thread: later threads inherit the restrictions, earlier ones would not.
///
/// # Errors
/// When a wall cannot be had; then nothing may go on.
pub fn confine(confinement: &Confinement<'_>) -> Result<(), SandboxError> {
    set_limits(confinement)?;
    nix::sys::prctl::set_no_new_privs()
        .map_err(|error| SandboxError::Process { name: "PR_SET_NO_NEW_PRIVS", error })?;
    restrict_files_and_network(confinement.readable)?;
    install(&loading_filter()?)?;
    install(&without_clone3()?)
}

/// Takes away opening files and every further change of the sandbox, in all threads.
///
/// # Errors
/// When the kernel refuses; then nothing may go on.
pub fn seal(work: Work) -> Result<(), SandboxError> {
    let calls = match work {
        Work::Serving => serving_calls()?,
        Work::Piping => PIPING_CALLS.iter().map(|call| (*call, Vec::new())).chain(memory_calls()?).collect(),
    };
    let filter = compile(calls, SeccompAction::Errno(EPERM), SeccompAction::Allow)?;
    seccompiler::apply_filter_all_threads(&filter).map_err(seccomp_error)
}

fn set_limits(confinement: &Confinement<'_>) -> Result<(), SandboxError> {
    let limits = [
        ("RLIMIT_CORE", Resource::RLIMIT_CORE, Some(0)),
        ("RLIMIT_FSIZE", Resource::RLIMIT_FSIZE, Some(0)),
        ("RLIMIT_NOFILE", Resource::RLIMIT_NOFILE, Some(confinement.descriptors_max)),
        ("RLIMIT_AS", Resource::RLIMIT_AS, Some(confinement.memory_max_bytes)),
        ("RLIMIT_CPU", Resource::RLIMIT_CPU, confinement.processor_s_max),
    ];
    for (name, resource, value) in limits {
        let Some(value) = value else { continue };
        setrlimit(resource, value, value).map_err(|error| SandboxError::Limit { name, error })?;
    }
    Ok(())
}

fn restrict_files_and_network(readable: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
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
        .add_rules(readable.iter().map(|file| Ok(PathBeneath::new(file, AccessFs::ReadFile))))
        .map_err(|error: RulesetError| landlock_error(error))?
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

/// The calls of a worker that serves sockets.
fn serving_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, SandboxError> {
    let mut calls: BTreeMap<i64, Vec<SeccompRule>> =
        FREE_CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let thread = (libc::CLONE_VM | libc::CLONE_THREAD) as u64;
    calls.insert(libc::SYS_clone, vec![when(0, SeccompCmpOp::MaskedEq(thread), thread)?]);
    // Left to `without_clone3`: of two filters that refuse, the younger one's error counts, and it must be that one's.
    calls.insert(libc::SYS_clone3, Vec::new());
    // Non-blocking mode of an accepted socket; every other device request is refused.
    calls.insert(libc::SYS_ioctl, vec![when(1, SeccompCmpOp::Eq, libc::FIONBIO)?]);
    // A destination address would reach other sockets; a connected one needs none.
    calls.insert(libc::SYS_sendto, vec![when(4, SeccompCmpOp::Eq, 0)?]);
    calls.insert(libc::SYS_prlimit64, vec![when(2, SeccompCmpOp::Eq, 0)?]);
    calls.insert(libc::SYS_prctl, vec![when(0, SeccompCmpOp::Eq, libc::PR_SET_NAME as u64)?]);
    calls.extend(memory_calls()?);
    Ok(calls)
}

/// What every worker may: memory that is not executable, and ending itself.
fn memory_calls() -> Result<BTreeMap<i64, Vec<SeccompRule>>, SandboxError> {
    let executable = libc::PROT_EXEC as u64;
    let own_process = u64::from(std::process::id());
    Ok(BTreeMap::from([
        (libc::SYS_mmap, vec![when(2, SeccompCmpOp::MaskedEq(executable), 0)?]),
        (libc::SYS_mprotect, vec![when(2, SeccompCmpOp::MaskedEq(executable), 0)?]),
        // `abort` signals its own thread; no other process can be signalled.
        (libc::SYS_tgkill, vec![when(0, SeccompCmpOp::Eq, own_process)?]),
    ]))
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

/// Reading and writing what is open, memory, and the end.
const PIPING_CALLS: &[i64] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_getcpu,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
];
