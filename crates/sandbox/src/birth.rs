//! What a worker does first: it binds its life to its parent's and lets go of what is not its own.

use std::io;
use std::os::fd::RawFd;

use nix::sys::signal::Signal;

/// The worker must not outlive the process that started it, whatever ends that one; `parent` is its number.
///
/// # Errors
/// When the parent has gone already, or the kernel refuses.
pub fn follow_parent(parent: u32) -> Result<(), String> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(|error| error.to_string())?;
    // Memory holds what people wrote: no core dump, and no reading by other processes of the same user.
    nix::sys::prctl::set_dumpable(false).map_err(|error| error.to_string())?;
    // It may have died before the signal was asked for.
    if nix::unistd::getppid().as_raw() != i32::try_from(parent).unwrap_or(-1) {
        return Err("the gateway has gone".to_owned());
    }
    Ok(())
}

/// Closes every descriptor but the standard streams and `kept`.
pub fn close_others(kept: &[RawFd]) -> io::Result<()> {
    // Listed before any is closed: the listing has a descriptor of its own.
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2 && !kept.contains(descriptor)) {
        // The listing's own is closed already, which is the only error there can be.
        let _closed = nix::unistd::close(descriptor);
    }
    Ok(())
}
